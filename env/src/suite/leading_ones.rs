//! Randomised local search whose step size is chosen at every step.

mod config;
pub mod run_time;

pub use config::{Cutoff, LeadingOnesConfig, LeadingOnesInstance, LeadingOnesReward, Start};

use super::Encoding;
use super::episode::Episode;
use crate::{
    Action, Environment, EnvironmentSpec, Feature, Head, InstanceSet, InstanceSource, Observation,
    Order, Outcome, Part, Result, Step, Termination, stream,
};
use config::{check_instance, check_portfolio};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use run_time::{expected_steps_from, improvement_probability, optimal_choice};
use std::collections::{BTreeMap, BTreeSet};

/// The LeadingOnes benchmark of dynamic algorithm configuration (Biedenkapp et al. 2022, "Theory-inspired parameter
/// control benchmarks for dynamic algorithm configuration").
///
/// The fitness `f(x)` of `n` bits is the number of ones before the first zero. At each step the agent picks `r` from a
/// portfolio, `r` distinct uniform positions are flipped, and the result is kept if its fitness is no lower. The
/// episode ends as reached with the string of ones, and is truncated when the evaluations (one for the start and one a
/// step) are used up. What is known: the best choice for every fitness, [`LeadingOnes::optimal_action`], and the
/// expected run time of any policy that sees the fitness, [`run_time`].
///
/// The observation of the raw [`Encoding`] is `n` and `f(x)`; the normalised one is `n` as a share of the largest size,
/// `f(x)/n`, and `ln(1 + f(x)) / ln(1 + n)`, in which the best choice, about `n / (f(x) + 1)`, is almost linear.
///
/// The outcome has `optimal_steps`, the expected number of steps of the best policy from the episode's start, and
/// `regret`: the steps so far and those that the best policy expects from here on, less `optimal_steps`. Its mean over
/// episodes is what the policy loses; a single one may be negative by luck. Both are absent where the portfolio cannot
/// reach the end, which is certain only with 1 in it. A start that happens to be all ones, which has the probability
/// 2⁻ⁿ, takes one step.
///
/// ```
/// use trimtab_env::{Environment, Status, Termination, suite::LeadingOnes};
/// let mut environment = LeadingOnes::of_size(50)?;
/// environment.reset(1)?;
/// let status = loop {
///     let status = environment.step(&environment.optimal_action())?.status;
///     if status.is_over() {
///         break status;
///     }
/// };
/// assert_eq!(status, Status::Terminated(Termination::Reached));
/// # Ok::<(), trimtab_env::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LeadingOnes {
    spec: EnvironmentSpec,
    source: InstanceSource<LeadingOnesInstance>,
    config: LeadingOnesConfig,
    /// The best policy for each size.
    optima: BTreeMap<usize, Optimum>,
    largest: usize,
    episode: Episode,
    rng: ChaCha8Rng,
    /// The string, 64 bits a word from the lowest on; behind its end all bits are 0.
    bits: Vec<u64>,
    /// The positions to be flipped, written as `bits` is.
    flips: Vec<u64>,
    fitness: usize,
    start_fitness: usize,
}

/// The best policy of one size: its choice, and the steps it expects, at each fitness.
#[derive(Clone, Debug)]
struct Optimum {
    choices: Vec<usize>,
    steps_from: Vec<f64>,
}

impl Optimum {
    fn new(n: usize, portfolio: &[usize]) -> Self {
        let choices: Vec<usize> = (0..=n).map(|i| optimal_choice(n, i, portfolio)).collect();
        let p: Vec<f64> = (0..n)
            .map(|i| improvement_probability(n, i, portfolio[choices[i]]))
            .collect();
        Self {
            choices,
            steps_from: (0..=n)
                .map(|i| expected_steps_from(n, i, |j| p[j]))
                .collect(),
        }
    }
}

impl LeadingOnes {
    /// An environment of one size with random starts and the benchmark's own configuration.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if `n` is not 16 to 1000.
    pub fn of_size(n: usize) -> Result<Self> {
        let instance = vec![LeadingOnesInstance {
            n,
            start: Start::Random,
        }];
        let set = InstanceSet::new(instance.clone(), instance);
        let source = InstanceSource::new(set, Part::Train, Order::Random)?;
        Self::new(source, LeadingOnesConfig::default())
    }

    /// An environment on any instances.
    ///
    /// # Errors
    /// [`crate::Error::Config`] on an `n` that is not 2 to 1000, a start with `n` ones or more, or a portfolio that is
    /// empty, repeats itself, or has a number of flips that is not 1 to the smallest `n`.
    pub fn new(
        source: InstanceSource<LeadingOnesInstance>,
        config: LeadingOnesConfig,
    ) -> Result<Self> {
        let mut sizes = BTreeSet::new();
        for (row, instance) in source.set().iter().enumerate() {
            check_instance(instance).map_err(|error| error.within(&format!("instances[{row}]")))?;
            sizes.insert(instance.n);
        }
        let sizes: Vec<usize> = sizes.into_iter().collect();
        // A source has at least one instance.
        let (smallest, largest) = (sizes[0], sizes[sizes.len() - 1]);
        check_portfolio(&config.portfolio, smallest)?;
        let optima = sizes
            .iter()
            .map(|&n| (n, Optimum::new(n, &config.portfolio)))
            .collect();
        let words = largest.div_ceil(64);
        let high = largest as f32;
        let feature = |name, low, high| Feature::new(config.encoding.feature_name(name), low, high);
        let features = match config.encoding {
            // From 0, so that there is a range where all instances are of one size.
            Encoding::Raw => vec![feature("size", 0.0, high), feature("fitness", 0.0, high)],
            Encoding::Normalised | Encoding::Engineered => vec![
                feature("size", 0.0, 1.0),
                feature("fitness", 0.0, 1.0),
                feature("log_fitness", 0.0, 1.0),
            ],
        };
        Ok(Self {
            spec: EnvironmentSpec {
                name: "leading-ones".to_owned(),
                features,
                heads: vec![Head::new("flips", &config.portfolio)],
                horizon: config.cutoff.evaluations(largest) - 1,
            },
            source,
            config,
            optima,
            largest,
            episode: Episode::default(),
            rng: stream(0, "leading-ones-flips", 0),
            bits: vec![0; words],
            flips: vec![0; words],
            fitness: 0,
            start_fitness: 0,
        })
    }

    /// Gives it a name of its own, by which records tell it from others.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.spec.name = name.into();
        self
    }

    /// The instance of the episode.
    pub fn instance(&self) -> &LeadingOnesInstance {
        self.source.current()
    }

    /// The numbers of flips that the choices stand for.
    pub fn portfolio(&self) -> &[usize] {
        &self.config.portfolio
    }

    /// Number of ones before the first zero.
    pub fn fitness(&self) -> usize {
        self.fitness
    }

    /// Makes the following episodes take instances of `part`. The cutoff stays.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if there are none.
    pub fn set_part(&mut self, part: Part) -> Result<()> {
        self.source.set_part(part)
    }

    /// The choice that is proven best among policies that see size and fitness: the most probable improvement.
    pub fn optimal_action(&self) -> Action {
        Action::from(self.optimum().choices[self.fitness])
    }

    /// Expected number of steps of the best policy from here to the end.
    pub fn optimal_steps_left(&self) -> f64 {
        self.optimum().steps_from[self.fitness]
    }

    fn optimum(&self) -> &Optimum {
        &self.optima[&self.instance().n]
    }

    /// Draws `r` distinct positions into `flips` (Floyd's algorithm: Bentley and Floyd 1987, "A sample of brilliance"),
    /// and says whether they leave the leading ones alone. It stops at the first that does not: the result will not be
    /// kept, whatever the others are.
    fn draw_flips(&mut self, r: usize) -> bool {
        let n = self.instance().n;
        self.flips.fill(0);
        for last in n - r..n {
            // 32 bits on every platform, so that the draw is the same on all.
            let drawn = self.rng.random_range(0..=last as u32) as usize;
            let taken = self.flips[drawn / 64] >> (drawn % 64) & 1 == 1;
            let position = if taken { last } else { drawn };
            if position < self.fitness {
                return false;
            }
            self.flips[position / 64] |= 1 << (position % 64);
        }
        true
    }

    /// Flips the positions in `flips`, none of which is a leading one: the fitness cannot fall.
    fn keep_flips(&mut self) {
        for (word, flips) in self.bits.iter_mut().zip(&self.flips) {
            *word ^= flips;
        }
        self.fitness = leading_ones(&self.bits, self.fitness);
    }

    /// Begins an episode with a first string from `seed`.
    fn draw_start(&mut self, seed: u64, LeadingOnesInstance { n, start }: LeadingOnesInstance) {
        let mut rng = stream(seed, "leading-ones-start", 0);
        for (index, word) in self.bits.iter_mut().enumerate() {
            let beyond = (64 * (index + 1)).saturating_sub(n);
            // `>>` by a whole word or more would overflow.
            *word = rng.random::<u64>() & u64::MAX.checked_shr(beyond as u32).unwrap_or(0);
        }
        if let Start::Ones(ones) = start {
            for position in 0..ones {
                self.bits[position / 64] |= 1 << (position % 64);
            }
            self.bits[ones / 64] &= !(1 << (ones % 64));
        }
        self.begin();
    }

    /// Begins an episode with the string in `bits`.
    fn begin(&mut self) {
        self.fitness = leading_ones(&self.bits, 0);
        self.start_fitness = self.fitness;
        self.episode.begin();
    }

    /// Ends a step in which the fitness was `before`.
    fn finish_step(&mut self, before: usize) -> Step {
        let n = self.instance().n;
        let evaluations = self.config.cutoff.evaluations(n);
        let gain = (self.fitness - before) as f64;
        let reward = match self.config.reward {
            LeadingOnesReward::ImprovementMinusEvaluations => gain - 1.0,
            LeadingOnesReward::MinusEvaluations => -1.0,
            LeadingOnesReward::Improvement => gain - 0.5,
            LeadingOnesReward::MinusEvaluationsNormalised => -1.0 / evaluations as f64,
            LeadingOnesReward::ImprovementMinusEvaluationsNormalised => {
                (gain - 1.0) / evaluations as f64
            }
        };
        let reached = (self.fitness == n).then_some(Termination::Reached);
        // The start was an evaluation too.
        let status = self.episode.conclude(reached, evaluations - 1);
        Step {
            observation: self.observation(),
            reward: reward as f32,
            status,
        }
    }

    fn observation(&self) -> Observation {
        let (n, f) = (self.instance().n as f32, self.fitness as f32);
        Observation::new(match self.config.encoding {
            Encoding::Raw => vec![n, f],
            Encoding::Normalised | Encoding::Engineered => {
                vec![n / self.largest as f32, f / n, f.ln_1p() / n.ln_1p()]
            }
        })
    }
}

/// Ones before the first zero, of which there are at least `known`.
fn leading_ones(bits: &[u64], known: usize) -> usize {
    let mut ones = known / 64 * 64;
    for word in &bits[known / 64..] {
        ones += word.trailing_ones() as usize;
        if *word != u64::MAX {
            break;
        }
    }
    ones
}

impl Environment for LeadingOnes {
    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        let instance = *self.source.draw(seed);
        self.rng = stream(seed, "leading-ones-flips", 0);
        self.draw_start(seed, instance);
        Ok(self.observation())
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        self.episode.advance(&self.spec, action)?;
        let before = self.fitness;
        if self.draw_flips(self.config.portfolio[action.choices[0]]) {
            self.keep_flips();
        }
        Ok(self.finish_step(before))
    }

    fn outcome(&mut self) -> Result<Outcome> {
        let optimal = self.optimum().steps_from[self.start_fitness];
        if optimal.is_infinite() {
            return Ok(Outcome::new());
        }
        let regret = self.episode.steps() as f64 + self.optimal_steps_left() - optimal;
        Ok(Outcome::from([
            ("optimal_steps".to_owned(), optimal),
            ("regret".to_owned(), regret),
        ]))
    }
}

#[cfg(test)]
mod tests;

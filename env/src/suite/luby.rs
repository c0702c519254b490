//! Guessing the Luby sequence.

use super::Encoding;
use super::episode::Episode;
use crate::{
    Action, Environment, EnvironmentSpec, Error, Feature, Head, InstanceSet, InstanceSource,
    Observation, Order, Outcome, Part, Result, Step, Termination, stream,
};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The Luby benchmark of dynamic algorithm configuration (Biedenkapp et al. 2020, "Dynamic algorithm configuration:
/// foundation of a new meta-algorithmic framework"; Eimer et al. 2021, "DACBench").
///
/// The agent must name at each step the next element of the sequence 1, 1, 2, 1, 1, 2, 4, ... (Luby, Sinclair and
/// Zuckerman 1993, "Optimal speedup of Las Vegas algorithms"), by its base-2 logarithm [`log2_luby`]. The reward of a wrong name is
/// −1 and that of the right one 0, so the best return is 0. At step `k` = 1, 2, ... of an instance the element is number
///
/// ```text
/// i = max(1, round(k + start + eₖ)),  e₁ = sticky,  eₖ₊₁ = eₖ + sticky
/// ```
///
/// with halves rounded to even. The observation of the raw [`Encoding`] is the last five actions, oldest first and from
/// the left, −1 where there is none yet, and then the number of the last step from 0, −1 at first; the normalised one
/// has them on a scale from 0 to 1. Neither shows the instance, so that on instances that differ no agent reaches 0. The
/// engineered one does: it adds the number `i` of the element to be named in binary digits, lowest first, from which the
/// element is easily learned. The steps are shown and belong to the task, so the episode ends as finished.
///
/// The outcome has `optimal_return`, of the whole episode, and `regret`, up to now. An element beyond the last action
/// can be named by no one and counts as no regret.
///
/// ```
/// use trimtab_env::{Environment, suite::Luby};
/// let mut environment = Luby::plain(16)?;
/// environment.reset(1)?;
/// while !environment.step(&environment.optimal_action())?.status.is_over() {}
/// assert_eq!(environment.outcome()?["regret"], 0.0);
/// # Ok::<(), trimtab_env::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Luby {
    spec: EnvironmentSpec,
    source: InstanceSource<LubyInstance>,
    encoding: Encoding,
    episode: Episode,
    /// The last actions, oldest first.
    history: VecDeque<usize>,
    /// The error `eₖ` of the next step, added up as the benchmark does it.
    error: f64,
    /// Elements so far that no action names.
    beyond: usize,
    regret: f64,
}

/// Where in the sequence an episode begins, and how fast it drifts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LubyInstance {
    /// Elements that are left out at the beginning.
    pub start: f64,
    /// Elements that are left out at every step.
    pub sticky: f64,
}

impl LubyInstance {
    /// Two hundred train and two hundred test instances, shifted, of one distribution: `start` is a
    /// whole number from 0 to 39 and `sticky` a whole number of hundredths from −0.20 to 0.20, both uniform. The values are
    /// of the kind of DACBench's own shifted training instances; within 64 steps no element beyond number 116 occurs, so
    /// every one has its action.
    pub fn shifted(seed: u64) -> InstanceSet<Self> {
        let part = |index| {
            let mut rng = stream(seed, "luby-instances", index);
            let instance = |_| Self {
                start: f64::from(rng.random_range(0..=39_i32)),
                sticky: f64::from(rng.random_range(-20..=20_i32)) / 100.0,
            };
            (0..200).map(instance).collect()
        };
        InstanceSet::new(part(0), part(1))
    }
}

/// Actions, the logarithms 0 to 6: enough for the first 127 elements.
const ACTIONS: usize = 7;
const HISTORY: usize = 5;
/// Binary digits of an element's number: enough for all that have an action.
const DIGITS: usize = 7;
/// Horizons of the benchmark.
const HORIZONS: std::ops::RangeInclusive<usize> = 8..=64;
/// Shifts are within ± this, far from where 64-bit floats stop counting.
const LIMIT: f64 = 1e6;

/// Base-2 logarithm of element `i` of the Luby sequence: `k − 1` if `i = 2ᵏ − 1`, else that of element
/// `i − 2ᵏ⁻¹ + 1` where `2ᵏ⁻¹ ≤ i < 2ᵏ − 1`. The first element has the number 1; 0 counts as 1.
///
/// ```
/// use trimtab_env::suite::log2_luby;
/// let first: Vec<u32> = (1..=15).map(log2_luby).collect();
/// assert_eq!(first, [0, 0, 1, 0, 0, 1, 2, 0, 0, 1, 0, 0, 1, 2, 3]);
/// ```
pub fn log2_luby(i: u64) -> u32 {
    let mut i = i.max(1);
    loop {
        // 2^(k-1) <= i < 2^k.
        let k = i.ilog2() + 1;
        if i.count_ones() == k {
            return k - 1;
        }
        i -= (1 << (k - 1)) - 1;
    }
}

impl Luby {
    /// The sequence from its beginning.
    ///
    /// # Errors
    /// [`Error::Config`] if the horizon is not 8 to 64.
    pub fn plain(horizon: usize) -> Result<Self> {
        let instance = vec![LubyInstance::default()];
        let set = InstanceSet::new(instance.clone(), instance);
        let source = InstanceSource::new(set, Part::Train, Order::Random)?;
        Self::new(source, horizon, Encoding::Raw)
    }

    /// An environment on any instances.
    ///
    /// # Errors
    /// [`Error::Config`] if the horizon is not 8 to 64 or a shift not within ±1e6.
    pub fn new(
        source: InstanceSource<LubyInstance>,
        horizon: usize,
        encoding: Encoding,
    ) -> Result<Self> {
        if !HORIZONS.contains(&horizon) {
            return Err(Error::config("horizon", horizon, "give 8 to 64 steps"));
        }
        for (row, instance) in source.set().iter().enumerate() {
            for (field, value) in [("start", instance.start), ("sticky", instance.sticky)] {
                if !(-LIMIT..=LIMIT).contains(&value) {
                    return Err(Error::config(
                        format!("instances[{row}].{field}"),
                        value,
                        format!("give a number from -{LIMIT} to {LIMIT}"),
                    ));
                }
            }
        }
        let (low, action, step) = match encoding {
            Encoding::Raw => (-1.0, (ACTIONS - 1) as f32, (horizon - 1) as f32),
            Encoding::Normalised | Encoding::Engineered => (0.0, 1.0, 1.0),
        };
        let feature = |name: &str, low, high| Feature::new(encoding.feature_name(name), low, high);
        let mut features: Vec<Feature> = (0..HISTORY)
            .map(|i| feature(&format!("action_{i}"), low, action))
            .collect();
        features.push(feature("step", low, step));
        if encoding == Encoding::Engineered {
            features.extend((0..DIGITS).map(|i| feature(&format!("digit_{i}"), 0.0, 1.0)));
        }
        Ok(Self {
            spec: EnvironmentSpec {
                name: "luby".to_owned(),
                features,
                heads: vec![Head::new("log2", 0..ACTIONS)],
                horizon,
            },
            error: source.current().sticky,
            source,
            encoding,
            episode: Episode::default(),
            history: VecDeque::with_capacity(HISTORY),
            beyond: 0,
            regret: 0.0,
        })
    }

    /// Gives it a name of its own, by which records tell it from others.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.spec.name = name.into();
        self
    }

    /// The instance of the episode.
    pub fn instance(&self) -> &LubyInstance {
        self.source.current()
    }

    /// Makes the following episodes take instances of `part`.
    ///
    /// # Errors
    /// [`Error::Config`] if there are none.
    pub fn set_part(&mut self, part: Part) -> Result<()> {
        self.source.set_part(part)
    }

    /// The element to be named at the next step, by its logarithm; it may be beyond the last action.
    pub fn target(&self) -> u32 {
        target(self.instance(), self.episode.steps() + 1, self.error)
    }

    /// The right action of the next step, or the last one if none is right.
    pub fn optimal_action(&self) -> Action {
        Action::from((self.target() as usize).min(ACTIONS - 1))
    }

    /// The best return of the episode's instance: 0, less 1 for each element that no action names.
    pub fn optimal_return(&self) -> f64 {
        let (instance, mut error) = (self.instance(), self.error);
        let left = (self.episode.steps() + 1..=self.spec.horizon).filter(|k| {
            let beyond = target(instance, *k, error) as usize >= ACTIONS;
            error += instance.sticky;
            beyond
        });
        -((self.beyond + left.count()) as f64)
    }

    fn observation(&self) -> Observation {
        // The last step has the number `steps - 1`, and an absent action counts as -1.
        let step = self.episode.steps() as f32 - 1.0;
        let actions = (0..HISTORY).map(|i| self.history.get(i).map_or(-1.0, |a| *a as f32));
        let mut features: Vec<f32> = match self.encoding {
            Encoding::Raw => actions.chain([step]).collect(),
            Encoding::Normalised | Encoding::Engineered => actions
                .map(|a| (a + 1.0) / ACTIONS as f32)
                .chain([(step + 1.0) / self.spec.horizon as f32])
                .collect(),
        };
        if self.encoding == Encoding::Engineered {
            let number = number(self.instance(), self.episode.steps() + 1, self.error);
            features.extend((0..DIGITS).map(|i| (number >> i & 1) as f32));
        }
        Observation::new(features)
    }
}

/// Logarithm of the element to be named at step `k`, whose error is `error`.
fn target(instance: &LubyInstance, k: usize, error: f64) -> u32 {
    log2_luby(number(instance, k, error))
}

/// Its number in the sequence.
fn number(instance: &LubyInstance, k: usize, error: f64) -> u64 {
    let number = (k as f64 + instance.start + error).round_ties_even();
    number.max(1.0) as u64
}

impl Environment for Luby {
    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        self.error = self.source.draw(seed).sticky;
        self.episode.begin();
        self.history.clear();
        (self.beyond, self.regret) = (0, 0.0);
        Ok(self.observation())
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        let target = self.target() as usize;
        let k = self.episode.advance(&self.spec, action)?;
        let right = action.choices[0] == target;
        if target >= ACTIONS {
            self.beyond += 1;
        } else if !right {
            self.regret += 1.0;
        }
        self.error += self.instance().sticky;
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(action.choices[0]);
        let horizon = self.spec.horizon;
        let finished = (k == horizon).then_some(Termination::Finished);
        let status = self.episode.conclude(finished, horizon);
        Ok(Step {
            observation: self.observation(),
            reward: if right { 0.0 } else { -1.0 },
            status,
        })
    }

    fn outcome(&mut self) -> Result<Outcome> {
        Ok(Outcome::from([
            ("optimal_return".to_owned(), self.optimal_return()),
            ("regret".to_owned(), self.regret),
        ]))
    }
}

#[cfg(test)]
mod tests;

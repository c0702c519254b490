//! Learners on environments whose answers are known.

use crate::record::observer::{Observer, Phase};
use crate::record::summary::Estimate;
use crate::train::config::parse_ron;
use crate::train::evaluation::{Episode, episode};
use crate::work::registry::Parameters;
use crate::work::{Place, Portable, Recipe, Work, Workers};
use crate::{Error, Registry, Result};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Instant;
use trimtab_agent::{
    Algorithm, Collector, Learner, Policy, PolicyConfig, PolicyController, RolloutConfig, Selection,
};
use trimtab_env::Part;
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::pause;
use trimtab_env::vector::VectorEnvironment;

/// The benchmarks that the `benchmark` binary runs, with the settings that were found for each.
pub const BENCHMARKS: &str = include_str!("../../configs/benchmark.ron");

/// A learner on an environment, and what it must reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benchmark {
    /// Name of the environment.
    pub environment: String,
    /// The learning rule with its options.
    pub algorithm: Algorithm,
    /// Shape of the policy.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// What is played for each update.
    pub rollout: RolloutConfig,
    /// Environment steps of the training, at most; but the last rollout of whole episodes is played to its end.
    pub steps: u64,
    /// Evaluation episodes of the greedy policy, on the test part of the environment.
    pub episodes: usize,
    /// Evaluation episodes are cut off after so many steps.
    #[serde(default)]
    pub limit: Option<usize>,
    /// What an episode counts for.
    pub score: Score,
    /// What the mean score must reach.
    pub target: Target,
}

/// What an evaluation episode counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Score {
    /// The undiscounted return.
    Return,
    /// The share, in percent, of the way from chance to the optimum: `100 (1 - regret / (optimal_return -
    /// random_return))`, the divisor averaged over the episodes. For environments whose outcome has these figures.
    Share,
    /// Evaluations of the objective, the one of the start included.
    Evaluations,
}

/// What the mean score must reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Target {
    /// The number.
    pub fn value(self) -> f64 {
        match self {
            Self::AtLeast(value) | Self::AtMost(value) => value,
        }
    }

    /// Whether a score reaches it.
    pub fn reached(self, score: f64) -> bool {
        match self {
            Self::AtLeast(value) => score >= value,
            Self::AtMost(value) => score <= value,
        }
    }
}

/// The result of one seed of one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchmarkRecord {
    /// Name of the environment.
    pub environment: String,
    /// Name of the learning rule.
    pub algorithm: String,
    /// The seed.
    pub seed: u64,
    /// Environment steps of the training.
    pub steps: u64,
    /// Mean score of the evaluation episodes.
    pub score: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// What it must reach.
    pub target: f64,
    /// Whether it does.
    pub reached: bool,
    /// Wall-clock seconds of the training, with those for which it stood still on a cluster.
    pub wall_seconds: f64,
    /// Training steps a second.
    pub steps_per_second: f64,
}

/// Reads a list of benchmarks; `file` is only named in messages.
///
/// # Errors
/// [`Error::Parse`] with line, column and the allowed names.
pub fn parse(text: &str, file: &str) -> Result<Vec<Benchmark>> {
    parse_ron(text, file)
}

/// The benchmarks whose environment is one of `names` (all, if there are none) and whose learning rule is `algorithm`,
/// if one is given. A name that ends with `*` stands for all that begin like it.
///
/// # Errors
/// [`Error::Config`] listing what there is, if a name or an algorithm selects nothing.
pub fn select(
    benchmarks: &[Benchmark],
    names: &[String],
    algorithm: Option<&str>,
) -> Result<Vec<Benchmark>> {
    let label = |benchmark: &Benchmark| {
        let algorithm = benchmark.algorithm.name();
        format!("{} ({algorithm})", benchmark.environment)
    };
    let called = |benchmark: &Benchmark, name: &str| match name.strip_suffix('*') {
        Some(start) => benchmark.environment.starts_with(start),
        None => benchmark.environment == name || label(benchmark) == name,
    };
    let with = |benchmark: &&Benchmark| algorithm.is_none_or(|a| benchmark.algorithm.name() == a);
    for name in names {
        if !benchmarks.iter().filter(with).any(|b| called(b, name)) {
            let all: Vec<String> = benchmarks.iter().map(label).collect();
            return Err(Error::config(
                "NAME",
                name,
                format!("one of {}", all.join(", ")),
            ));
        }
    }
    let selected: Vec<Benchmark> = benchmarks
        .iter()
        .filter(with)
        .filter(|benchmark| names.is_empty() || names.iter().any(|name| called(benchmark, name)))
        .cloned()
        .collect();
    if selected.is_empty() {
        let given = algorithm.unwrap_or_default();
        return Err(Error::config(
            "--algorithm",
            given,
            "one of ppo, a2c, reinforce",
        ));
    }
    Ok(selected)
}

/// Trainings of a benchmark's learner, each with a seed.
pub(crate) struct Learning<'a> {
    benchmark: Cow<'a, Benchmark>,
    registry: &'a Registry,
}

impl Work for Learning<'_> {
    const KIND: &'static str = "learning";

    type Shared = ();
    type Unit = u64;
    type Answer = BenchmarkRecord;
    type Bench = ();

    fn bench(&self) -> Result<()> {
        Ok(())
    }

    fn answer(
        &self,
        (): &mut (),
        (): &(),
        seed: &u64,
        advance: &dyn Fn(u64),
    ) -> Result<BenchmarkRecord> {
        self.benchmark.run_seed(self.registry, *seed, advance)
    }

    fn recipe(&self) -> Result<Option<Recipe>> {
        Recipe::of(self).map(Some)
    }
}

impl<'r> Portable<'r> for Learning<'r> {
    type Config = Benchmark;

    fn config(&self) -> Benchmark {
        self.benchmark.clone().into_owned()
    }

    fn make(benchmark: Benchmark, place: &Place<'r>) -> Result<Self> {
        Ok(Self {
            benchmark: Cow::Owned(benchmark),
            registry: place.registry,
        })
    }
}

impl Benchmark {
    /// Trains and evaluates with the seeds from 1 to `seeds`. Everything but the times follows from the seed.
    ///
    /// # Errors
    /// No seed, an unknown name, an option out of range, and the environment's errors.
    pub fn run(
        &self,
        seeds: u64,
        workers: &Workers,
        observer: &mut dyn Observer,
    ) -> Result<Vec<BenchmarkRecord>> {
        if seeds == 0 {
            return Err(Error::config("--seeds", 0, "give at least 1"));
        }
        observer.begin(Phase::TrainingSteps, seeds * self.steps, 0);
        let work = Learning {
            benchmark: Cow::Borrowed(self),
            registry: workers.registry,
        };
        let seeds: Vec<u64> = (1..=seeds).collect();
        let records = workers.begin(&work).all(&(), &seeds, observer);
        observer.end();
        records
    }

    fn run_seed(
        &self,
        registry: &Registry,
        seed: u64,
        advance: &dyn Fn(u64),
    ) -> Result<BenchmarkRecord> {
        let clock = Instant::now();
        let (policy, steps) = self.train(registry, seed, advance)?;
        let wall_seconds = clock.elapsed().as_secs_f64();
        let scores = self.scores(registry, policy, seed)?;
        let score = Estimate::of(&scores)
            .ok_or_else(|| Error::config("episodes", self.episodes, "give at least 1"))?;
        Ok(BenchmarkRecord {
            environment: self.environment.clone(),
            algorithm: self.algorithm.name().to_owned(),
            seed,
            steps,
            score: score.mean,
            standard_error: score.standard_error,
            target: self.target.value(),
            reached: self.target.reached(score.mean),
            wall_seconds,
            steps_per_second: steps as f64 / wall_seconds,
        })
    }

    /// The trained policy, and the number of steps it took.
    fn train(
        &self,
        registry: &Registry,
        seed: u64,
        advance: &dyn Fn(u64),
    ) -> Result<(Policy, u64)> {
        let count = match self.rollout {
            RolloutConfig::Episodes(_) => 1,
            RolloutConfig::Steps { environments, .. } => environments,
        };
        let environments = (0..count)
            .map(|_| registry.build(&self.environment, &Parameters::new(), Part::Train))
            .collect::<Result<Vec<_>>>()?;
        let environments = VectorEnvironment::new(environments, 1)?;
        let spec = environments.spec().clone();
        let algorithm = self.algorithm.clone();
        let mut learner = Learner::new(&spec, &self.policy, algorithm, seed)?;
        let mut collector = Collector::new(environments, self.rollout, seed)?;
        // A rollout of steps is played only if it fits.
        let last = match self.rollout {
            RolloutConfig::Episodes(_) => self.steps,
            RolloutConfig::Steps {
                environments,
                steps,
            } => (self.steps + 1).saturating_sub((environments * steps) as u64),
        };
        let mut steps = 0;
        while steps < last {
            let rollout = collector.collect(&learner.policy())?;
            learner.update(&rollout, steps as f64 / self.steps as f64)?;
            let taken = rollout.iter().map(|part| part.len() as u64).sum();
            steps += taken;
            advance(taken);
            pause::point();
        }
        Ok((learner.policy(), steps))
    }

    /// The score of each evaluation episode of the greedy policy.
    fn scores(&self, registry: &Registry, policy: Policy, seed: u64) -> Result<Vec<f64>> {
        let mut environment = registry.examination(&self.environment, &Parameters::new())?;
        policy.check(environment.spec())?;
        let mut controller = PolicyController::new(policy, Selection::Greedy);
        let episodes = (0..self.episodes as u64)
            .map(|index| {
                let seed = derived_seed(seed, "evaluation", index);
                episode(environment.as_mut(), &mut controller, seed, self.limit)
            })
            .collect::<Result<Vec<Episode>>>()?;
        Ok(match self.score {
            Score::Return => episodes
                .iter()
                .map(|episode| episode.total_reward)
                .collect(),
            Score::Evaluations => episodes
                .iter()
                .map(|episode| episode.length as f64 + 1.0)
                .collect(),
            Score::Share => {
                let figure = |episode: &Episode, name: &str| {
                    episode.outcome.get(name).copied().unwrap_or(f64::NAN)
                };
                let gap = |e: &Episode| figure(e, "optimal_return") - figure(e, "random_return");
                let gap = episodes.iter().map(gap).sum::<f64>() / episodes.len() as f64;
                let share = |e: &Episode| 100.0 * (1.0 - figure(e, "regret") / gap);
                episodes.iter().map(share).collect()
            }
        })
    }
}

/// The head of the table of results.
pub fn table_head() -> String {
    format!(
        "{:<28} {:<10} {:>9} {:>10} {:>9} {:>10} {:>8} {:>8} {:>9}\n{}",
        "environment",
        "algorithm",
        "steps",
        "score",
        "+-",
        "target",
        "reached",
        "seconds",
        "steps/s",
        "-".repeat(109)
    )
}

/// A row of the table: the mean over the seeds with its standard error, the number of seeds that reached the target, and
/// the means of the times.
pub fn table_row(benchmark: &Benchmark, records: &[BenchmarkRecord]) -> String {
    let estimate = |of: &dyn Fn(&BenchmarkRecord) -> f64| {
        let values: Vec<f64> = records.iter().map(of).collect();
        Estimate::of(&values).unwrap_or_default()
    };
    let mean = |of: &dyn Fn(&BenchmarkRecord) -> f64| estimate(of).mean;
    let score = estimate(&|record| record.score);
    let sign = match benchmark.target {
        Target::AtLeast(_) => ">=",
        Target::AtMost(_) => "<=",
    };
    let reached = records.iter().filter(|record| record.reached).count();
    format!(
        "{:<28} {:<10} {:>9} {:>10.2} {:>9.2} {:>10} {:>8} {:>8.1} {:>9.0}",
        benchmark.environment,
        benchmark.algorithm.name(),
        mean(&|record| record.steps as f64),
        score.mean,
        score.standard_error,
        format!("{sign} {}", benchmark.target.value()),
        format!("{reached} of {}", records.len()),
        mean(&|record| record.wall_seconds),
        mean(&|record| record.steps_per_second),
    )
}

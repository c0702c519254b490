//! What can be compared.

use super::warm_start::WarmStart;
use crate::train::config::MOST_RUNS;
use crate::work::registry::Parameters;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use trimtab_agent::controller::{RangeTestConfig, Schedule, ServoParameters};
use trimtab_agent::searcher::SearcherConfig;
use trimtab_agent::searcher::pruning::{Pruner, PrunerConfig};
use trimtab_env::servo::context_servo::Offsets;
use trimtab_env::settings::{BATCH_SIZE, INDEPENDENT_WEIGHT_DECAY};
use trimtab_env::{ContextServo, SearchSpace, Settings};
use trimtab_models::OptimizerConfig;

/// A way to spend a budget on a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Method {
    /// A schedule within one run.
    Schedule {
        /// Its name.
        name: String,
        /// Its form.
        schedule: Schedule,
        /// Where its peak is from.
        peak: Peak,
    },
    /// Another optimiser than the task's, at its own default learning rate and batches of 64, in a single run.
    Optimizer {
        /// Its name.
        name: String,
        /// The optimiser.
        optimizer: OptimizerConfig,
        /// What its learning rate does.
        #[serde(default = "constant")]
        schedule: Schedule,
    },
    /// The learning rate falls when the validation loss stands still, from the optimiser's default.
    ReduceOnPlateau {
        /// What the learning rate is multiplied by.
        factor: f64,
        /// Segments without an improvement that are waited for.
        patience: usize,
    },
    /// The learning rate follows its hypergradient, from the optimiser's default.
    Hypergradient {
        /// How fast.
        rate: f64,
    },
    /// A range test, and then a schedule with the rate that it found.
    RangeTest {
        /// Its name.
        name: String,
        /// Options of the test.
        #[serde(default)]
        test: RangeTestConfig,
        /// What follows.
        schedule: Schedule,
    },
    /// A servo on the size of the updates, from a random learning rate.
    Servo {
        /// Its name.
        name: String,
        /// Its parameters.
        #[serde(default)]
        parameters: ServoParameters,
    },
    /// A servo whose six parameters are fitted first, by the cross-entropy method on the other data sets: for each data set
    /// a fit of its own, so that nothing of it is known. What the fit costs is shown apart.
    FittedServo {
        /// Its name.
        name: String,
        /// Generations of the fit; each costs the population times the other tasks in runs.
        generations: usize,
    },
    /// A servo that knows its training, from a random learning rate.
    ContextServo {
        /// Its name.
        name: String,
        /// Its parameters.
        #[serde(default)]
        servo: ContextServo,
        /// What their fit cost, in seconds of the cost model; shown apart.
        #[serde(default)]
        training_cost: f64,
    },
    /// A trained policy, from a random learning rate.
    Policy {
        /// Its name.
        name: String,
        /// The file, from the folder of the config or else from the current directory.
        path: PathBuf,
        /// What its training cost, in seconds of the cost model; shown apart. A figure in the file takes precedence.
        #[serde(default)]
        training_cost: f64,
    },
    /// A controller that the program has added, from the settings with which the knobs begin.
    Custom {
        /// Its name, in tables and, unless `controller` says otherwise, in the registry.
        name: String,
        /// Its name in the registry.
        #[serde(default)]
        controller: Option<String>,
        /// What its constructor reads.
        #[serde(default)]
        parameters: Parameters,
    },
    /// A search over several whole runs with constant settings.
    Search {
        /// Its name.
        name: String,
        /// The searcher.
        searcher: SearcherConfig,
        /// What stops runs that are not worth going on with, told the validation loss of every segment; nothing by default.
        /// It goes with searchers that ask for whole runs.
        #[serde(default)]
        pruner: Option<PrunerConfig>,
        /// Whole runs that it may spend.
        runs: f64,
        /// Trials that it asks for at a time. They are played together, as far as there are workers, and none knows the losses of the
        /// others: another number is another search.
        #[serde(default = "one_at_a_time", skip_serializing_if = "is_one")]
        batch: usize,
        /// Trials are runs under a context servo instead, and this is searched.
        #[serde(default)]
        steered: Option<Steered>,
        /// A study of Optuna whose finished trials the searcher has seen before its first. It goes with searchers that ask for whole
        /// runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warm_start: Option<Box<WarmStart>>,
    },
}

/// What is searched where trials are runs under a [`ContextServo`], each from a random learning rate of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steered {
    /// The servo.
    #[serde(default)]
    pub servo: ContextServo,
    /// Factors on what it wants, any of `update_ratio`, `batch_size` and `weight_decay`.
    pub space: SearchSpace,
}

impl Steered {
    /// What a configuration adds to the servo.
    ///
    /// # Errors
    /// If a factor is no number.
    pub fn offsets(configuration: &Settings) -> Result<Offsets> {
        let of = |name: &str| match configuration.get(name) {
            Some(_) => Ok(configuration.number(name)?.ln()),
            None => crate::Result::Ok(0.0),
        };
        Ok(Offsets {
            update_ratio: of(UPDATE_RATIO)?,
            batch_size: of(BATCH_SIZE)?,
            weight_decay: of(INDEPENDENT_WEIGHT_DECAY)?,
        })
    }

    fn validate(&self) -> Result<()> {
        self.servo
            .validate()
            .map_err(|error| error.within("servo"))?;
        for coordinate in self.space.coordinates() {
            let factors = [UPDATE_RATIO, BATCH_SIZE, INDEPENDENT_WEIGHT_DECAY];
            let (name, domain) = (coordinate.name, coordinate.domain);
            let allowed = format!("give factors above 0 on some of {}", factors.join(", "));
            if !factors.contains(&name) {
                return Err(Error::config("steered.space", format!("`{name}`"), allowed));
            }
            let low = domain.bounds().map_or(0.0, |(low, _)| low);
            if low <= 0.0 {
                return Err(Error::config(format!("steered.space.{name}"), low, allowed));
            }
        }
        Ok(())
    }
}

/// The parameter of a steered search that multiplies the set-point of the servo.
const UPDATE_RATIO: &str = "update_ratio";

fn one_at_a_time() -> usize {
    1
}

fn is_one(batch: &usize) -> bool {
    *batch == 1
}

fn constant() -> Schedule {
    Schedule::Constant
}

/// Where the peak of a schedule is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peak {
    /// The optimiser's default learning rate, and batches of 64.
    Default,
    /// The point of the grid that is best on the other data sets with the same optimiser.
    Universal,
    /// The point of the grid that is best on this very task: hindsight.
    Hindsight,
    /// Drawn anew for each seed, as the initial value of the knob `learning_rate` is.
    Random,
}

/// The rules that a method plays by. The first two are AlgoPerf's (Dahl et al. 2023, section 4.5), where an external
/// tuning has five trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruleset {
    /// One run, in which everything is decided.
    SelfTuning,
    /// Several runs, the best of which counts; the cost of all of them counts.
    ExternalTuning,
    /// One run with what others have found out about this very task: beyond any rules, and shown as a bound.
    Hindsight,
}

impl Ruleset {
    /// All of them, as tables show them.
    pub const ALL: [Self; 3] = [Self::SelfTuning, Self::ExternalTuning, Self::Hindsight];

    /// Its name in tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::SelfTuning => "self-tuning: one run",
            Self::ExternalTuning => "external tuning: several runs",
            Self::Hindsight => "with hindsight",
        }
    }
}

impl Method {
    /// Its name in tables.
    pub fn name(&self) -> &str {
        match self {
            Self::Schedule { name, .. }
            | Self::Optimizer { name, .. }
            | Self::RangeTest { name, .. }
            | Self::Servo { name, .. }
            | Self::FittedServo { name, .. }
            | Self::ContextServo { name, .. }
            | Self::Policy { name, .. }
            | Self::Custom { name, .. }
            | Self::Search { name, .. } => name,
            Self::ReduceOnPlateau { .. } => "reduce_on_plateau",
            Self::Hypergradient { .. } => "hypergradient",
        }
    }

    /// Checks every option. `space` is what searches search.
    ///
    /// # Errors
    /// The first option out of range, by name.
    pub fn validate(&self, space: &SearchSpace) -> Result<()> {
        let check = |field: &str, value: f64, good: bool, allowed: &str| {
            if good && value.is_finite() {
                return Ok(());
            }
            Err(Error::config(field, value, allowed))
        };
        match self {
            Self::Schedule { schedule, .. } => schedule.validate()?,
            Self::Optimizer {
                optimizer,
                schedule,
                ..
            } => {
                optimizer.init()?;
                schedule.validate()?;
            }
            Self::ReduceOnPlateau { factor, .. } => {
                let good = *factor > 0.0 && *factor < 1.0;
                check("factor", *factor, good, "give more than 0 and less than 1")?;
            }
            Self::Hypergradient { rate } => {
                check(
                    "rate",
                    *rate,
                    *rate >= 0.0,
                    "give a finite number of at least 0",
                )?;
            }
            Self::RangeTest { test, schedule, .. } => {
                test.validate()?;
                schedule.validate()?;
            }
            Self::Servo { parameters, .. } => parameters.validate()?,
            Self::Custom { .. } => {}
            Self::FittedServo { generations, .. } => {
                check(
                    "generations",
                    *generations as f64,
                    (1..=MOST_RUNS).contains(generations),
                    "give at least 1, and at most 100,000",
                )?;
            }
            Self::ContextServo {
                servo,
                training_cost,
                ..
            } => {
                servo.validate().map_err(|error| error.within("servo"))?;
                let allowed = "give a finite number of at least 0";
                check(
                    "training_cost",
                    *training_cost,
                    *training_cost >= 0.0,
                    allowed,
                )?;
            }
            Self::Policy { training_cost, .. } => {
                let allowed = "give a finite number of at least 0";
                check(
                    "training_cost",
                    *training_cost,
                    *training_cost >= 0.0,
                    allowed,
                )?;
            }
            Self::Search {
                searcher,
                pruner,
                runs,
                batch,
                steered,
                warm_start,
                ..
            } => {
                if !(1..=MOST_RUNS).contains(batch) {
                    let allowed = "give at least 1, and at most 100,000";
                    return Err(Error::config("batch", batch, allowed));
                }
                check(
                    "runs",
                    *runs,
                    (1.0..=1e6).contains(runs),
                    "give a number from 1 to 1e6",
                )?;
                if let Some(steered) = steered {
                    steered.validate()?;
                }
                let space = steered.as_ref().map_or(space, |steered| &steered.space);
                // One of the program's own is looked for when the comparison begins.
                if !matches!(searcher, SearcherConfig::Custom { .. }) {
                    searcher.start(space.clone(), 0)?;
                }
                if warm_start.is_some() && !searcher.asks_for_whole_runs() {
                    return Err(Error::config(
                        "warm_start",
                        "with a searcher that begins with its own trials",
                        "give it to Grid, Random, QuasiRandom, Bayesian or Tpe",
                    ));
                }
                if let Some(pruner) = pruner {
                    Pruner::new(pruner.clone())?;
                    if !searcher.asks_for_whole_runs() {
                        return Err(Error::config(
                            "pruner",
                            "with a searcher that stops runs itself",
                            "give it to Grid, Random, QuasiRandom, Bayesian or Tpe",
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether it needs other data sets with the same optimiser.
    pub fn learns_from_others(&self) -> bool {
        match self {
            Self::Schedule { peak, .. } => *peak == Peak::Universal,
            Self::FittedServo { .. } => true,
            _ => false,
        }
    }

    /// The rules that it plays by.
    pub fn ruleset(&self) -> Ruleset {
        match self {
            _ if self.has_hindsight() => Ruleset::Hindsight,
            Self::Search { .. } => Ruleset::ExternalTuning,
            _ => Ruleset::SelfTuning,
        }
    }

    /// Whether it knows the task from runs whose cost is not in its ledger.
    pub fn has_hindsight(&self) -> bool {
        matches!(
            self,
            Self::Schedule {
                peak: Peak::Hindsight,
                ..
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_of_a_steered_search_is_factors() {
        let settings = Settings::default()
            .with(UPDATE_RATIO, 2.0)
            .with(INDEPENDENT_WEIGHT_DECAY, 0.5);
        let offsets = Steered::offsets(&settings).unwrap();
        let wanted = [2f64.ln(), 0.0, -2f64.ln()];
        let found = [
            offsets.update_ratio,
            offsets.batch_size,
            offsets.weight_decay,
        ];
        for (found, wanted) in found.into_iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-12, "{offsets:?}");
        }
    }

    #[test]
    fn a_steered_search_is_over_factors_above_0() {
        let message = |parameter: &str| {
            let text = format!("(space: [(name: {parameter})])");
            let steered: Steered = ron::from_str(&text).unwrap();
            steered.validate().map_err(|error| error.to_string())
        };
        assert_eq!(
            message("\"batch_size\", domain: LogUniform(0.5, 2)"),
            Ok(())
        );
        for (parameter, word) in [
            (
                "\"learning_rate\", domain: LogUniform(0.1, 1)",
                "update_ratio",
            ),
            ("\"update_ratio\", domain: Uniform(0, 2)", "above 0"),
            (
                "\"update_ratio\", domain: Categories([\"high\"])",
                "above 0",
            ),
        ] {
            let message = message(parameter).unwrap_err();
            assert!(
                message.contains("steered.space") && message.contains(word),
                "{message}"
            );
        }
    }
}

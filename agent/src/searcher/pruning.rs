//! Pruning: which trainings are not worth going on with, decided while they run.
//!
//! A pruner stands beside any searcher. It is told every intermediate value of every trial and answers at once. The rules
//! are those of Optuna, and the decisions equal its recorded ones.
//!
//! ```
//! use trimtab_agent::searcher::pruning::{Decision, PercentileConfig, Pruner, PrunerConfig};
//! // The median of the complete trials, from the second one on.
//! let config = PercentileConfig { startup_trials: 1, ..Default::default() };
//! let mut pruner = Pruner::new(PrunerConfig::Percentile(config))?;
//! for (step, loss) in [0.9, 0.7, 0.6].into_iter().enumerate() {
//!     assert_eq!(pruner.report(0, step as u64, loss), Decision::GoOn);
//! }
//! pruner.complete(0);
//! assert_eq!(pruner.report(1, 0, 0.8), Decision::GoOn);
//! assert_eq!(pruner.report(1, 1, 0.75), Decision::Stop);
//! # Ok::<(), trimtab_agent::Error>(())
//! ```

mod halving;
mod loss;
#[cfg(test)]
mod tests;

pub use halving::{HalvingConfig, HyperbandPruningConfig};

use crate::{Error, Result};
use halving::Rungs;
use loss::Loss;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether a training goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes on.
    GoOn,
    /// It is not worth going on with.
    Stop,
}

/// A rule by which trainings are stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PrunerConfig {
    /// Stops what is worse than a share of the complete trials were at the same step.
    Percentile(PercentileConfig),
    /// Stops what is not among the best at a rung.
    Halving(HalvingConfig),
    /// Brackets of halving that begin to stop earlier or later.
    Hyperband(HyperbandPruningConfig),
}

/// Options of percentile pruning; with the default percentile it is median pruning (Golovin et al. 2017, "Google Vizier").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PercentileConfig {
    /// The percentage of the complete trials that are good enough.
    pub percentile: f64,
    /// Nothing is stopped before so many trials are complete.
    pub startup_trials: usize,
    /// Nothing is stopped before this step.
    pub warmup_steps: u64,
    /// Steps between two decisions, counted from the warm-up: the first report of each such interval is judged.
    pub interval: u64,
    /// Nothing is stopped at a step that fewer complete trials have.
    pub min_trials: usize,
}

impl Default for PercentileConfig {
    /// The median, with Optuna's other defaults.
    fn default() -> Self {
        Self {
            percentile: 50.0,
            startup_trials: 5,
            warmup_steps: 0,
            interval: 1,
            min_trials: 1,
        }
    }
}

/// Decides which trainings go on. Plain data: written by serde and read back, it decides the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pruner {
    config: PrunerConfig,
    trials: BTreeMap<u64, Curve>,
    rungs: Rungs,
}

/// The intermediate values of a trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Curve {
    /// By step; `None` for a value that is not a number.
    values: BTreeMap<u64, Option<Loss>>,
    complete: bool,
}

impl Pruner {
    /// A pruner that knows no trials.
    ///
    /// # Errors
    /// [`Error::Config`] naming the option that is not allowed.
    pub fn new(config: PrunerConfig) -> Result<Self> {
        match &config {
            PrunerConfig::Percentile(config) => {
                if !(0.0..=100.0).contains(&config.percentile) {
                    return Err(Error::config(
                        "percentile",
                        config.percentile,
                        "give a percentage from 0 to 100",
                    ));
                }
                if config.interval == 0 {
                    return Err(Error::config("interval", 0, "give at least 1"));
                }
            }
            PrunerConfig::Halving(config) => config.validate()?,
            PrunerConfig::Hyperband(config) => config.validate()?,
        }
        Ok(Self {
            config,
            trials: BTreeMap::new(),
            rungs: Rungs::default(),
        })
    }

    /// Takes note of the loss of trial `id` at `step` and decides whether it goes on. The steps of a trial ascend; of several reports
    /// of one step the first is kept, as in Optuna.
    pub fn report(&mut self, id: u64, step: u64, loss: f64) -> Decision {
        let value = (!loss.is_nan()).then_some(Loss(loss));
        let curve = self.trials.entry(id).or_default();
        let value = curve.values.entry(step).or_insert(value).map(|loss| loss.0);
        let before = curve.values.keys().rev().find(|other| **other != step);
        let before = before.copied();
        let stop = match &self.config {
            PrunerConfig::Percentile(config) => self.is_behind(config, id, step, before),
            PrunerConfig::Halving(config) => {
                let longest = self.longest_complete();
                self.rungs
                    .is_left_behind(config, 0, id, step, value, longest)
            }
            PrunerConfig::Hyperband(config) => {
                let longest = self.longest_complete();
                let bracket = self.rungs.bracket(config, id, longest);
                bracket.is_some_and(|bracket| {
                    let halving = config.halving(bracket);
                    self.rungs
                        .is_left_behind(&halving, bracket, id, step, value, longest)
                })
            }
        };
        if stop { Decision::Stop } else { Decision::GoOn }
    }

    /// Takes note that trial `id` was trained to its end.
    pub fn complete(&mut self, id: u64) {
        self.trials.entry(id).or_default().complete = true;
    }

    /// The largest last step of a complete trial.
    fn longest_complete(&self) -> Option<u64> {
        let complete = self.trials.values().filter(|curve| curve.complete);
        complete
            .filter_map(|curve| curve.values.last_key_value().map(|(step, _)| *step))
            .max()
    }

    fn is_behind(
        &self,
        config: &PercentileConfig,
        id: u64,
        step: u64,
        before: Option<u64>,
    ) -> bool {
        let complete = || self.trials.values().filter(|curve| curve.complete);
        if complete().count() < config.startup_trials.max(1) || step < config.warmup_steps {
            return false;
        }
        let since = step - config.warmup_steps;
        let stretch = config.warmup_steps + since / config.interval * config.interval;
        if before.is_some_and(|before| before >= stretch) {
            return false;
        }
        let own = self.trials[&id].values.values().flatten();
        let Some(best) = own.map(|loss| loss.0).min_by(f64::total_cmp) else {
            return true;
        };
        let rivals: Vec<&Option<Loss>> = complete()
            .filter_map(|curve| curve.values.get(&step))
            .collect();
        if rivals.len() < config.min_trials {
            return false;
        }
        let mut losses: Vec<f64> = rivals.into_iter().flatten().map(|loss| loss.0).collect();
        losses.sort_by(f64::total_cmp);
        percentile(&losses, config.percentile).is_some_and(|bar| best > bar)
    }
}

/// The percentile of ascending numbers, between two of them linear; `None` if there is no number.
fn percentile(ascending: &[f64], percentage: f64) -> Option<f64> {
    let place = percentage / 100.0 * (ascending.len().checked_sub(1)? as f64);
    let (low, high) = (
        ascending[place.floor() as usize],
        ascending[place.ceil() as usize],
    );
    let share = place - place.floor();
    // Equal infinite numbers have no difference.
    Some(if share == 0.0 || low == high {
        low
    } else {
        low + share * (high - low)
    })
}

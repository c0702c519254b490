//! Schedules: settings as a function of the share of the budget that is used.

use super::{Controller, Decision, Situation};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;
use trimtab_env::Settings;
use trimtab_env::settings::{BATCH_SIZE, LEARNING_RATE};

/// How the learning rate and the batch size follow from the share `f` of the budget used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Schedule {
    /// No change.
    Constant,
    /// Linear warm-up, then half a cosine down to 0 (Loshchilov and Hutter 2017, "SGDR", without restarts).
    Cosine {
        /// Share of the budget of the warm-up.
        warmup: f64,
    },
    /// Up by half a cosine from 1/25 of the peak, then down by another to 1/10,000 of the start (Smith and Topin 2018,
    /// "Super-convergence", with the constants of fastai and PyTorch). The momentum stays.
    OneCycle {
        /// Share of the budget on the way up; fastai has 0.25, PyTorch 0.3.
        up: f64,
    },
    /// Multiplied by `factor` at each of the shares.
    Steps {
        /// Where.
        at: Vec<f64>,
        /// By what.
        factor: f64,
    },
    /// The batch grows where [`Schedule::Steps`] would divide the learning rate (Smith et al. 2018, "Don't decay the
    /// learning rate, increase the batch size").
    GrowBatch {
        /// Where.
        at: Vec<f64>,
        /// By what.
        factor: f64,
        /// The largest batch; what it leaves over is taken off the learning rate, as in the paper.
        largest: usize,
    },
}

impl Schedule {
    /// Checks every number.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first one out of range.
    pub fn validate(&self) -> Result<()> {
        let check = |field: &str, value: f64, good: bool, allowed: &str| {
            if good {
                return Ok(());
            }
            Err(Error::config(field, value, allowed))
        };
        let steps = |at: &[f64], factor: f64| {
            for share in at {
                let inside = (0.0..=1.0).contains(share);
                check("schedule.at", *share, inside, "give shares from 0 to 1")?;
            }
            let good = factor.is_finite() && factor > 0.0;
            check(
                "schedule.factor",
                factor,
                good,
                "give a finite number above 0",
            )
        };
        match self {
            Self::Constant => Ok(()),
            Self::Cosine { warmup } => {
                let good = (0.0..1.0).contains(warmup);
                check(
                    "schedule.warmup",
                    *warmup,
                    good,
                    "give 0 or more and less than 1",
                )
            }
            Self::OneCycle { up } => {
                let good = *up > 0.0 && *up < 1.0;
                check("schedule.up", *up, good, "give more than 0 and less than 1")
            }
            Self::Steps { at, factor } => steps(at, *factor),
            Self::GrowBatch {
                at,
                factor,
                largest,
            } => {
                steps(at, *factor)?;
                check(
                    "schedule.factor",
                    *factor,
                    *factor > 1.0,
                    "give more than 1, so that batches grow",
                )?;
                check(
                    "schedule.largest",
                    *largest as f64,
                    *largest > 0,
                    "give at least 1",
                )
            }
        }
    }

    /// The factors of the peak learning rate and of the batch size `batch` at the share `f` of the budget.
    pub fn factors(&self, f: f64, batch: f64) -> (f64, f64) {
        let f = f.clamp(0.0, 1.0);
        let passed = |at: &[f64]| at.iter().filter(|share| f >= **share).count() as i32;
        let cosine = |from: f64, to: f64, x: f64| to + 0.5 * (from - to) * (1.0 + (PI * x).cos());
        match self {
            Self::Constant => (1.0, 1.0),
            Self::Cosine { warmup } if f < *warmup => (f / warmup, 1.0),
            Self::Cosine { warmup } => (cosine(1.0, 0.0, (f - warmup) / (1.0 - warmup)), 1.0),
            Self::OneCycle { up } if f < *up => (cosine(1.0 / 25.0, 1.0, f / up), 1.0),
            Self::OneCycle { up } => {
                let down = (f - up) / (1.0 - up);
                (cosine(1.0, 1.0 / 25.0 / 1e4, down), 1.0)
            }
            Self::Steps { at, factor } => (factor.powi(passed(at)), 1.0),
            Self::GrowBatch {
                at,
                factor,
                largest,
            } => {
                let wanted = factor.powi(passed(at));
                let possible = wanted.min((*largest as f64 / batch).max(1.0));
                (possible / wanted, possible)
            }
        }
    }
}

/// A schedule with its peak settings. It is evaluated in the middle of each segment.
#[derive(Clone, Debug)]
pub struct ScheduleController {
    name: String,
    schedule: Schedule,
    peak: Settings,
}

impl ScheduleController {
    /// A schedule under a name for tables. `peak` has the learning rate and the batch size that its factors multiply.
    pub fn new(name: impl Into<String>, schedule: Schedule, peak: Settings) -> Self {
        Self {
            name: name.into(),
            schedule,
            peak,
        }
    }
}

/// The peak settings times the factors of a schedule at the share `f`.
pub(super) fn scheduled(schedule: &Schedule, peak: &Settings, f: f64) -> Settings {
    let batch = peak.number(BATCH_SIZE).unwrap_or(1.0);
    let (rate, growth) = schedule.factors(f, batch);
    let mut settings = peak.clone();
    if let Ok(lr) = peak.number(LEARNING_RATE) {
        settings.set(LEARNING_RATE, lr * rate);
    }
    if growth != 1.0 {
        settings.set(BATCH_SIZE, (batch * growth).round());
    }
    settings
}

impl Controller for ScheduleController {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&mut self, _seed: u64) {}

    fn decide(&mut self, situation: &Situation) -> Decision {
        Decision::Set(scheduled(&self.schedule, &self.peak, situation.middle()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(schedule: &Schedule, f: f64) -> f64 {
        schedule.factors(f, 64.0).0
    }

    #[test]
    fn schedules_equal_their_closed_forms() {
        let cosine = Schedule::Cosine { warmup: 0.2 };
        for (f, wanted) in [(0.0, 0.0), (0.1, 0.5), (0.2, 1.0), (0.6, 0.5), (1.0, 0.0)] {
            assert!((rate(&cosine, f) - wanted).abs() < 1e-12, "{f}");
        }
        // PyTorch's OneCycleLR with its defaults: initial = max / 25, final = initial / 1e4.
        let cycle = Schedule::OneCycle { up: 0.3 };
        for (f, wanted) in [
            (0.0, 0.04),
            (0.15, 0.52),
            (0.3, 1.0),
            (0.65, 0.500002),
            (1.0, 4e-6),
        ] {
            assert!((rate(&cycle, f) - wanted).abs() < 1e-9, "{f}");
        }
        let steps = Schedule::Steps {
            at: vec![0.5, 0.75],
            factor: 0.1,
        };
        for (f, wanted) in [(0.49, 1.0), (0.5, 0.1), (0.8, 0.01)] {
            assert!((rate(&steps, f) - wanted).abs() < 1e-12, "{f}");
        }
    }

    #[test]
    fn impossible_schedules_are_named() {
        let steps = |at: f64, factor: f64| Schedule::Steps {
            at: vec![at],
            factor,
        };
        for (schedule, field) in [
            (Schedule::Cosine { warmup: 1.0 }, "schedule.warmup: 1"),
            (Schedule::OneCycle { up: 0.0 }, "schedule.up: 0"),
            (steps(1.5, 0.1), "schedule.at: 1.5"),
            (steps(0.5, f64::NAN), "schedule.factor: NaN"),
        ] {
            let error = schedule.validate().unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
        assert!(Schedule::Cosine { warmup: 0.0 }.validate().is_ok());
    }

    #[test]
    fn a_full_batch_takes_the_rest_off_the_learning_rate() {
        let grow = Schedule::GrowBatch {
            at: vec![0.3, 0.6, 0.9],
            factor: 4.0,
            largest: 512,
        };
        let at = |f| grow.factors(f, 64.0);
        assert_eq!(at(0.1), (1.0, 1.0));
        assert_eq!(at(0.5), (1.0, 4.0));
        assert_eq!(at(0.7), (0.5, 8.0));
        assert_eq!(at(1.0), (0.125, 8.0));
        let peak = Settings::new(0.1, 64);
        let settings = scheduled(&grow, &peak, 0.7);
        assert_eq!(settings.batch_size().unwrap(), 512);
        assert!((settings.learning_rate().unwrap() - 0.05).abs() < 1e-12);
    }
}

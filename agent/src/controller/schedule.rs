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
    /// Linear warm-up from 0, then half a cosine down to 0 (Loshchilov and Hutter 2017, "SGDR", without restarts). The peak is at the
    /// end of the warm-up and the cosine fills the rest, as in transformers and optax. Others count otherwise: Keras' `decay_steps`
    /// come on top of the warm-up, PyTorch's `LinearLR` begins at a third of the peak, and timm's cosine begins at update 0, its
    /// beginning hidden by the warm-up.
    Cosine {
        /// Share of the budget of the warm-up.
        warmup: f64,
    },
    /// Up by half a cosine from 1/25 of the peak, then down by another to 1/250,000 of the peak (Smith and Topin 2018,
    /// "Super-convergence", with PyTorch's and optax's constants; fastai ends at 1/100,000 of it). The momentum stays.
    OneCycle {
        /// Share of the budget on the way up; fastai has 0.25, optax 0.3. PyTorch has 0.3 too and reaches the peak one update
        /// earlier.
        up: f64,
    },
    /// Multiplied by `factor` at each of the shares.
    Steps {
        /// The shares.
        at: Vec<f64>,
        /// The factor on the learning rate.
        factor: f64,
    },
    /// The batch grows where [`Schedule::Steps`] would divide the learning rate (Smith et al. 2018, "Don't decay the
    /// learning rate, increase the batch size").
    GrowBatch {
        /// The shares.
        at: Vec<f64>,
        /// The factor on the batch size.
        factor: f64,
        /// The largest batch; the factor that it leaves over is taken off the learning rate, as in the paper.
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

/// What other libraries do, for tests; see `fixtures/README.md`.
#[cfg(test)]
pub(super) mod tables {
    use serde_json::Value as Json;

    /// The tables of a schedule, by its name there.
    pub(crate) fn tables(schedule: &str) -> Vec<Json> {
        let text = include_str!("../../fixtures/schedules.jsonl");
        text.lines()
            .map(|line| serde_json::from_str::<Json>(line).unwrap())
            .filter(|table| table["schedule"] == schedule)
            .collect()
    }

    /// The numbers of a list; null is not a number.
    pub(crate) fn numbers(list: &Json) -> Vec<f64> {
        let list = list.as_array().unwrap();
        list.iter()
            .map(|x| x.as_f64().unwrap_or(f64::NAN))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::tables::{numbers, tables};
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
        // It begins at 1 / 25 and ends at 1 / 25 / 1e4.
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

    /// The factors at update `i` of `updates`.
    fn at_updates(schedule: &Schedule, count: usize, updates: f64) -> Vec<f64> {
        (0..count)
            .map(|i| rate(schedule, i as f64 / updates))
            .collect()
    }

    #[track_caller]
    fn equal(ours: &[f64], theirs: &[f64], tolerance: f64) {
        assert_eq!(ours.len(), theirs.len());
        for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
            assert!((a - b).abs() <= tolerance, "{i}: {a} is not {b}");
        }
    }

    #[test]
    fn one_cycle_equals_pytorch_and_optax_and_ends_below_fastai() {
        for table in tables("OneCycleLR") {
            let wanted = numbers(&table["rates"]);
            let peak = table["arguments"]["max_lr"].as_f64().unwrap();
            // PyTorch's peak is at update 0.3 n - 1 of the updates 0 to n - 1.
            let (n, last) = (wanted.len() as f64, wanted.len() as f64 - 1.0);
            let cycle = Schedule::OneCycle {
                up: (0.3 * n - 1.0) / last,
            };
            let ours: Vec<f64> = at_updates(&cycle, wanted.len(), last)
                .iter()
                .map(|rate| peak * rate)
                .collect();
            equal(&ours, &wanted, 1e-9);
        }
        let optax = numbers(&tables("cosine_onecycle_schedule")[0]["rates"]);
        let cycle = Schedule::OneCycle { up: 0.3 };
        equal(&at_updates(&cycle, 11, 10.0), &optax[..11], 1e-6);
        let fastai = numbers(&tables("fit_one_cycle")[0]["rates"]);
        let cycle = Schedule::OneCycle { up: 0.25 };
        let ours = at_updates(&cycle, 128, 128.0);
        equal(&ours[..32], &fastai[..32], 1e-7);
        // On the way down the ends differ: 1/100,000 of the peak and 1/250,000. (fastai counts in 32 bits.)
        let towards_the_end = |i: usize| 0.5 * (1.0 - (PI * (i as f64 - 32.0) / 96.0).cos());
        for i in 32..128 {
            let apart = (1e-5 - 4e-6) * towards_the_end(i);
            assert!((fastai[i] - ours[i] - apart).abs() < 1e-7, "{i}");
        }
    }

    #[test]
    fn cosines_equal_those_that_count_the_warm_up_alike() {
        let plain = numbers(&tables("CosineAnnealingLR")[0]["rates"]);
        let cosine = Schedule::Cosine { warmup: 0.0 };
        equal(&at_updates(&cosine, 11, 10.0), &plain[..11], 1e-9);
        // Warm-up of 3 updates of 10, the peak at update 3.
        let warmed = Schedule::Cosine { warmup: 0.3 };
        let ours = at_updates(&warmed, 11, 10.0);
        equal(&ours, &numbers(&tables("cosine")[0]["rates"])[..11], 1e-9);
        let optax = numbers(&tables("warmup_cosine_decay_schedule")[0]["rates"]);
        equal(&ours, &optax[..11], 1e-6);
        // Keras decays for 10 updates after a warm-up of 3.
        let longer = Schedule::Cosine { warmup: 3.0 / 13.0 };
        let keras = numbers(&tables("CosineDecay")[0]["rates"]);
        equal(&at_updates(&longer, 14, 13.0), &keras[..14], 1e-6);
        // These two are other schedules, as the docs say.
        let torch = numbers(&tables("SequentialLR(LinearLR, CosineAnnealingLR)")[0]["rates"]);
        assert!((torch[0] - 1.0 / 3.0).abs() < 1e-9 && ours[0] == 0.0);
        equal(&ours[3..], &torch[3..11], 1e-9);
        let timm = numbers(&tables("CosineLRScheduler")[0]["rates"]);
        equal(&at_updates(&cosine, 8, 10.0)[3..], &timm[3..8], 1e-9);
    }

    #[test]
    fn steps_equal_pytorch() {
        let wanted = numbers(&tables("MultiStepLR")[0]["rates"]);
        let steps = Schedule::Steps {
            at: vec![0.3, 0.6],
            factor: 0.1,
        };
        equal(&at_updates(&steps, 10, 10.0), &wanted, 1e-12);
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

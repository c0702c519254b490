//! What a training has shown of itself so far, and numbers that depend on it.

use crate::Report;
use serde::{Deserialize, Serialize};

/// Progress is kept within plus and minus this: three decades, far beyond what any fit has seen.
const PROGRESS_LIMIT: f64 = 3.0;
/// The gap is kept within this. A validation loss more than ten times the training loss is not overfitting but data that are yet to
/// come, such as delayed classes, and says nothing of the weights. Not fitted.
const GAP_LIMIT: f64 = 1.0;

/// The history of a training so far, as common logarithms of ratios of losses, each measured from the lowest that there can be
/// ([`crate::TraineeSpec::lowest_loss`]). Both are 0 before anything is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Training loss of the last segment relative to the first that was seen; at most 3 from 0.
    pub progress: f64,
    /// Validation loss after the last segment relative to its training loss; at most 1 from 0.
    pub gap: f64,
    /// The first training loss that was seen.
    pub(super) first: Option<f64>,
}

impl History {
    /// Takes the report of a start probe or a segment. One that diverged is ignored.
    pub fn record(&mut self, report: &Report) {
        let Some(train) = report.train.filter(|_| !report.diverged) else {
            return;
        };
        let first = *self.first.get_or_insert(train.mean);
        self.progress = log_ratio(train.mean, first, PROGRESS_LIMIT);
        if let Some(validation) = &report.validation {
            self.gap = log_ratio(validation.loss, train.mean, GAP_LIMIT);
        }
    }
}

/// How far rounding may bring a loss below the lowest, relative to the other loss; further below, the lowest is not known.
const ROUNDED: f64 = 1e-6;

/// A loss at the lowest is as far from another as the limit allows; one below it says that the lowest is not known.
fn log_ratio(a: f64, b: f64, limit: f64) -> f64 {
    if a < -ROUNDED * b.abs() || b < -ROUNDED * a.abs() {
        return 0.0;
    }
    match (a > 0.0, b > 0.0) {
        (true, true) => (a / b).log10().clamp(-limit, limit),
        (false, true) => -limit,
        (true, false) => limit,
        (false, false) => 0.0,
    }
}

/// What the [`History`] of a training adds to a common logarithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Feedback {
    /// Change for ten times the training loss. With 0 the size of the updates is regulated; with 1 it is proportional to the loss,
    /// as it about is at a fixed learning rate where a loss can vanish.
    pub progress: f64,
    /// Change for ten times the validation loss relative to the training loss.
    pub gap: f64,
}

impl Feedback {
    /// The number in this history.
    pub fn at(&self, history: &History) -> f64 {
        self.progress * history.progress + self.gap * history.gap
    }
}

/// How slowly a servo learns how large an update is at a given learning rate: of the `k`th measurement, counted from 0, it
/// takes over the part `1 / (1 + memory k)`. With 0 it believes the last one, with 1 it takes the mean of all, with more
/// it keeps to the early ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Where a measurement asks for a higher rate.
    pub raise: f64,
    /// Where it asks for a lower one.
    pub lower: f64,
}

impl Memory {
    /// The estimate after one more measurement of the logarithm of learning rate over size of the updates, with `before`
    /// measurements so far.
    pub fn learn(&self, estimate: Option<f64>, measured: f64, before: u64) -> f64 {
        let Some(estimate) = estimate else {
            return measured;
        };
        let memory = if measured > estimate {
            self.raise
        } else {
            self.lower
        };
        estimate + (measured - estimate) / (1.0 + memory * before as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TrainLoss, Validation};

    fn report(train: f64, validation: f64) -> Report {
        Report {
            train: TrainLoss::of(&[train]),
            validation: Some(Validation {
                loss: validation,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn a_history_is_relative_to_the_first_training_loss() {
        let mut history = History::default();
        history.record(&report(2.0, 2.0));
        assert_eq!((history.progress, history.gap), (0.0, 0.0));
        history.record(&report(0.02, 0.2));
        assert!((history.progress + 2.0).abs() < 1e-12 && (history.gap - 1.0).abs() < 1e-12);
        let feedback = Feedback {
            progress: 0.5,
            gap: -0.25,
        };
        assert!((feedback.at(&history) + 1.25).abs() < 1e-12);
        // What diverged is ignored, and a loss at its lowest has come as far as it can.
        let before = history;
        history.record(&Report {
            diverged: true,
            ..report(1e9, 1e9)
        });
        assert_eq!(history, before);
        history.record(&report(0.0, 0.5));
        assert_eq!((history.progress, history.gap), (-3.0, 1.0));
        history.record(&report(0.0, 0.0));
        assert_eq!((history.progress, history.gap), (-3.0, 0.0));
        // A loss below the lowest shows that the lowest is wrong.
        history.record(&report(-0.1, 0.5));
        assert_eq!((history.progress, history.gap), (0.0, 0.0));
        // Vanishing losses, with validation data that training lacks.
        history.record(&report(2e-9, 1.0));
        assert_eq!((history.progress, history.gap), (-3.0, 1.0));
    }

    #[test]
    fn memory_is_the_last_measurement_or_the_mean_of_all() {
        let learn = |memory: f64, values: &[f64]| {
            let memory = Memory {
                raise: memory,
                lower: memory,
            };
            values
                .iter()
                .enumerate()
                .fold(None, |estimate, (k, value)| {
                    Some(memory.learn(estimate, *value, k as u64))
                })
        };
        assert_eq!(learn(0.0, &[3.0, 1.0, 2.0]), Some(2.0));
        let mean = learn(1.0, &[3.0, 1.0, 5.0]).unwrap();
        assert!((mean - 3.0).abs() < 1e-12);
        // Raising and lowering are apart.
        let fast_down = Memory {
            raise: 1.0,
            lower: 0.0,
        };
        assert_eq!(fast_down.learn(Some(2.0), 1.0, 5), 1.0);
        assert_eq!(fast_down.learn(Some(2.0), 8.0, 5), 3.0);
    }
}

//! What decides on the settings of a training: the servo, with what a policy adds, or a recorded schedule.

use super::underway::Next;
use crate::steering::residual::Moved;
use trimtab_env::servo::context_servo::{Offsets, Steering};
use trimtab_env::{RecordedSchedule, Segment, Settings, TuningEnv};

/// What decides on the settings of a training.
pub(super) enum Decider<'a> {
    Servo(Box<Servo>),
    Replay(&'a RecordedSchedule),
}

/// A servo, and what is added to it.
pub(super) struct Servo {
    pub(super) steering: Steering,
    /// As it was at the best validation loss, once a segment was the best.
    pub(super) best: Option<Steering>,
    pub(super) best_loss: f64,
    pub(super) offsets: Offsets,
    pub(super) policy: Option<Moved>,
}

impl Servo {
    /// All that is added to the servo.
    pub(super) fn wanted(&self) -> Offsets {
        let moved = self.policy.as_ref().map(Moved::offsets);
        moved.unwrap_or_default() + self.offsets
    }
}

impl Decider<'_> {
    /// The settings of the segment around the share `f` of the budget.
    pub(super) fn settings(&mut self, f: f64) -> Settings {
        match self {
            Self::Servo(servo) => {
                let Servo {
                    steering,
                    best,
                    offsets,
                    policy,
                    ..
                } = servo.as_mut();
                let Some(policy) = policy else {
                    return steering.settings(f, offsets);
                };
                policy.choose(steering);
                if let (true, Some(best)) = (policy.goes_back(), best) {
                    steering.go_back(best);
                }
                policy.settings(steering, f, offsets)
            }
            Self::Replay(schedule) => schedule.at(f).clone(),
        }
    }

    /// Takes the report of the last segment of `environment`.
    pub(super) fn record(&mut self, environment: &TuningEnv, segment: &Segment) {
        if let Self::Servo(servo) = self {
            let report = &segment.report;
            servo.steering.record(report);
            let loss = report.validation.as_ref().map(|validation| validation.loss);
            // A smaller network may be the best with a higher loss.
            let smaller = segment.best_loss > servo.best_loss && loss == Some(segment.best_loss);
            if smaller || loss.is_some_and(|loss| loss < servo.best_loss) {
                servo.best_loss = segment.best_loss;
                servo.best = Some(servo.steering.clone());
            }
            if let Some(policy) = &mut servo.policy {
                let left = 1.0 - environment.spent_share();
                policy.record(report, left, environment.is_short_segment());
            }
        }
    }

    /// What `settings` around the share `f` of the budget are meant to do.
    pub(super) fn next(&self, f: f64, settings: &Settings) -> Next {
        match self {
            Self::Servo(servo) => Next::Servo {
                update_ratio: servo.steering.set_point(f, &servo.wanted()),
                learning_rate: settings.learning_rate().unwrap_or(0.0),
                from_best: settings.from_best(),
            },
            Self::Replay(_) => Next::Recorded,
        }
    }
}

//! The servo on the size of the updates, as a controller of its own.

use super::{Controller, Decision, Situation};
use serde::{Deserialize, Serialize};
use trimtab_env::Settings;
use trimtab_env::settings::{BATCH_SIZE, LEARNING_RATE};

/// The six parameters of a servo on the relative size of the updates `rho = |dw| / |w|`, with `f` the share of the budget
/// used:
///
/// ```text
/// b(f)    = batch_start (batch_end / batch_start)^f
/// rho*(f) = start (end / start)^(f^shape) (b / 64)^batch_exponent
/// lr     <- lr clip(rho* / rho, 1/64, 64)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServoParameters {
    /// Set-point at the beginning.
    pub start: f64,
    /// Set-point at the end.
    pub end: f64,
    /// Exponent of the share of the budget.
    pub shape: f64,
    /// Exponent of the batch size relative to 64.
    pub batch_exponent: f64,
    /// Batch size at the beginning.
    pub batch_start: f64,
    /// Batch size at the end.
    pub batch_end: f64,
}

/// Largest factor by which one segment changes the learning rate.
const MAX_CHANGE: f64 = 64.0;
/// Range of the batch sizes.
const BATCHES: (f64, f64) = (8.0, 512.0);

impl Default for ServoParameters {
    /// The hand-made servo: the defaults of [`trimtab_env::Servo`], and a constant batch of 64.
    fn default() -> Self {
        Self {
            start: 0.014,
            end: 0.001,
            shape: 1.0,
            batch_exponent: 0.5,
            batch_start: 64.0,
            batch_end: 64.0,
        }
    }
}

impl ServoParameters {
    /// The batch size at the share `f` of the budget.
    pub fn batch_size(&self, f: f64) -> f64 {
        let size = self.batch_start * (self.batch_end / self.batch_start).powf(f);
        size.clamp(BATCHES.0, BATCHES.1).round()
    }

    /// The set-point at the share `f` of the budget with batches of `b`.
    pub fn set_point(&self, f: f64, b: f64) -> f64 {
        let size = (b / 64.0).powf(self.batch_exponent);
        self.start * (self.end / self.start).powf(f.powf(self.shape)) * size
    }
}

/// A servo that begins at given settings.
#[derive(Clone, Debug)]
pub struct ServoController {
    name: String,
    parameters: ServoParameters,
    initial: Settings,
    lr: Option<f64>,
    seen: usize,
}

impl ServoController {
    /// A servo under a name for tables. Of `initial` it uses the learning rate, for the first segment, and whatever it
    /// does not regulate.
    pub fn new(name: impl Into<String>, parameters: ServoParameters, initial: Settings) -> Self {
        Self {
            name: name.into(),
            parameters,
            lr: initial.number(LEARNING_RATE).ok(),
            initial,
            seen: 0,
        }
    }
}

impl Controller for ServoController {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&mut self, _seed: u64) {
        self.lr = self.initial.number(LEARNING_RATE).ok();
        self.seen = 0;
    }

    fn decide(&mut self, situation: &Situation) -> Decision {
        let f = situation.middle();
        let batch = self.parameters.batch_size(f);
        let last = situation.segments.get(self.seen..).and_then(<[_]>::last);
        if let Some(segment) = last {
            let measured = segment
                .report
                .gradients
                .map(|gradients| gradients.update_ratio);
            let change = match measured {
                _ if segment.report.diverged => 0.25,
                Some(ratio) if ratio.is_finite() && ratio > 0.0 => {
                    // The set-point is for the batch that was measured too: the ratio moves with it.
                    let set_point = self.parameters.set_point(f, batch);
                    (set_point / ratio).clamp(1.0 / MAX_CHANGE, MAX_CHANGE)
                }
                Some(_) | None => 1.0,
            };
            self.lr = self.lr.map(|lr| lr * change);
        }
        self.seen = situation.segments.len();
        let mut settings = self.initial.clone();
        settings.set(BATCH_SIZE, batch);
        if let Some(lr) = self.lr {
            settings.set(LEARNING_RATE, lr);
        }
        Decision::Set(settings)
    }
}

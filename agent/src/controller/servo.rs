//! The servo on the size of the updates, as a controller of its own.

use super::{Controller, Decision, Situation};
use crate::{Error, Result};
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
    /// Checks every parameter.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first one out of range.
    pub fn validate(&self) -> Result<()> {
        for (field, value) in [
            ("parameters.start", self.start),
            ("parameters.end", self.end),
            ("parameters.shape", self.shape),
            ("parameters.batch_start", self.batch_start),
            ("parameters.batch_end", self.batch_end),
        ] {
            if !value.is_finite() || value <= 0.0 {
                return Err(Error::config(field, value, "give a finite number above 0"));
            }
        }
        if !self.batch_exponent.is_finite() {
            let field = "parameters.batch_exponent";
            return Err(Error::config(
                field,
                self.batch_exponent,
                "give a finite number",
            ));
        }
        Ok(())
    }

    /// The batch size at the share `f` of the budget, at most `largest`.
    pub fn batch_size(&self, f: f64, largest: usize) -> f64 {
        let size = self.batch_start * (self.batch_end / self.batch_start).powf(f);
        size.clamp(BATCHES.0, BATCHES.1).min(largest as f64).round()
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
    largest_batch: usize,
    lr: Option<f64>,
    seen: usize,
}

impl ServoController {
    /// A servo under a name for tables. Of `initial` it uses the learning rate, for the first segment, and whatever it
    /// does not regulate. `largest_batch` is what the training's examples allow.
    pub fn new(
        name: impl Into<String>,
        parameters: ServoParameters,
        initial: Settings,
        largest_batch: usize,
    ) -> Self {
        Self {
            name: name.into(),
            parameters,
            lr: initial.number(LEARNING_RATE).ok(),
            initial,
            largest_batch,
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
        let batch = self.parameters.batch_size(f, self.largest_batch);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::run;
    use trimtab_env::TuningEnv;
    use trimtab_env::suite::NoisyQuadratic;

    #[test]
    fn set_points_and_batches_equal_their_closed_forms() {
        let parameters = ServoParameters {
            start: 0.01,
            end: 0.0001,
            shape: 2.0,
            batch_exponent: 0.5,
            batch_start: 16.0,
            batch_end: 256.0,
        };
        assert!((parameters.set_point(0.0, 64.0) - 0.01).abs() < 1e-15);
        assert!((parameters.set_point(0.5, 64.0) - 0.01 * 0.01f64.powf(0.25)).abs() < 1e-12);
        assert!((parameters.set_point(1.0, 256.0) - 0.0002).abs() < 1e-15);
        let sizes = [0.0, 0.5, 1.0].map(|f| parameters.batch_size(f, 100));
        assert_eq!(sizes, [16.0, 64.0, 100.0]);
    }

    /// From a rate that is far too low the servo goes up until updates have the size it wants.
    #[test]
    fn a_servo_finds_the_size_of_the_updates() {
        let instances = vec![NoisyQuadratic::default().into()];
        let mut environment = TuningEnv::new(instances, NoisyQuadratic::tuning()).unwrap();
        let initial = Settings::new(1e-5, 64);
        let parameters = ServoParameters {
            end: 0.014,
            ..Default::default()
        };
        let mut servo = ServoController::new("servo", parameters, initial, 64);
        run(&mut environment, &mut servo, 2).unwrap();
        let rates: Vec<f64> = environment
            .segments()
            .iter()
            .map(|segment| segment.settings.learning_rate().unwrap())
            .collect();
        assert!(
            (rates[0] - 1e-5).abs() < 1e-18 && rates[1] > 30.0 * rates[0],
            "{rates:?}"
        );
        let ratio = environment.segments()[4]
            .report
            .gradients
            .unwrap()
            .update_ratio;
        assert!((0.2..5.0).contains(&(ratio / 0.014)), "{ratio}");
    }
}

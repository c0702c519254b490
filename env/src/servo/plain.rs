//! A servo on the relative size of the updates.

use serde::{Deserialize, Serialize};

/// A controller that holds the relative size of the updates, `rho = |dw| / |w|`, at a set-point by moving the learning
/// rate:
///
/// ```text
/// rho*(f) = start (end / start)^f (b / 64)^batch_exponent exp(z)
/// lr     <- lr clip(rho* / rho, 1 / max_change, max_change)
/// ```
///
/// with `f` the share of the budget used, `b` the batch size and `z` the sum of the moves so far, kept within
/// `max_offset`. The defaults were measured to be good over several data sets, widths and optimisers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Servo {
    /// Set-point at the beginning of the budget.
    pub start: f64,
    /// Set-point at its end.
    pub end: f64,
    /// Exponent of the batch size relative to 64.
    pub batch_exponent: f64,
    /// Largest factor by which one segment changes the learning rate.
    pub max_change: f64,
    /// Each choice multiplies the set-point by its factor.
    pub factors: Vec<f64>,
    /// Largest absolute value of `z`.
    pub max_offset: f64,
}

impl Default for Servo {
    fn default() -> Self {
        Self {
            start: 0.014,
            end: 0.001,
            batch_exponent: 0.5,
            max_change: 64.0,
            factors: vec![0.4, 0.63, 1.0, 1.6, 2.5],
            max_offset: 2.4,
        }
    }
}

impl Servo {
    /// The set-point for the share `f` of the budget used, batch size `b` and offset `z`.
    pub fn set_point(&self, f: f64, b: f64, z: f64) -> f64 {
        self.start
            * (self.end / self.start).powf(f)
            * (b / 64.0).powf(self.batch_exponent)
            * z.exp()
    }

    /// The learning rate that follows `lr`, at which `measured` was seen; `lr` itself if nothing could be measured.
    pub fn learning_rate(&self, lr: f64, measured: Option<f64>, set_point: f64) -> f64 {
        match measured {
            Some(ratio) if ratio.is_finite() && ratio > 0.0 => {
                lr * (set_point / ratio).clamp(1.0 / self.max_change, self.max_change)
            }
            Some(_) | None => lr,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servo_brings_the_update_ratio_to_its_set_point() {
        let servo = Servo::default();
        assert!((servo.set_point(0.0, 64.0, 0.0) - 0.014).abs() < 1e-15);
        assert!((servo.set_point(1.0, 64.0, 0.0) - 0.001).abs() < 1e-15);
        assert!((servo.set_point(0.0, 256.0, 0.0) - 0.028).abs() < 1e-15);
        // The update ratio is proportional to the learning rate: one move is enough.
        let lr = servo.learning_rate(0.1, Some(0.1 * 0.5), servo.set_point(0.0, 64.0, 0.0));
        assert!((lr * 0.5 - 0.014).abs() < 1e-12);
        assert_eq!(servo.learning_rate(1.0, Some(1e-9), 0.01), 64.0);
        assert_eq!(servo.learning_rate(1.0, None, 0.01), 1.0);
        assert_eq!(servo.learning_rate(1.0, Some(f64::NAN), 0.01), 1.0);
    }
}

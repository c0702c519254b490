//! Logarithms of targets.

use serde::{Deserialize, Serialize};

/// The logarithm of a target: `ln(y + shift)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetLog {
    /// What is added to the target.
    pub shift: f64,
    /// The lowest and the highest target of the training rows. Predictions stay between them: beyond, a small error of a logarithm is a
    /// large one of the target.
    pub range: [f64; 2],
}

impl TargetLog {
    pub(super) fn of(self, target: f64) -> f64 {
        // A later target may be below those of the training rows.
        (target + self.shift).max(f64::MIN_POSITIVE).ln()
    }

    pub(super) fn back(self, logarithm: f64) -> f64 {
        logarithm.min(f64::MAX.ln()).exp() - self.shift
    }
}

//! What the classic control problems have in common.

use crate::{Error, Feature, Result};

/// Refuses a state that an observation could not show.
pub(super) fn check_state(state: &[f64], features: &[Feature]) -> Result<()> {
    for (value, feature) in state.iter().zip(features) {
        let (low, high) = (f64::from(feature.low), f64::from(feature.high));
        if !value.is_finite() || f64::from(*value as f32) < low || f64::from(*value as f32) > high {
            return Err(Error::config(
                format!("state.{}", feature.name),
                value,
                format!("give a finite number from {low} to {high}"),
            ));
        }
    }
    Ok(())
}

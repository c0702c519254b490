//! What all learning rules share: options, the annealed ones of an update, metrics.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Options that all learning rules share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Common {
    /// Discount factor, from 0 to 1.
    pub gamma: f32,
    /// Learning rate of Adam at the start.
    pub learning_rate: f64,
    /// Whether it falls linearly to 0 over the training.
    pub anneal_learning_rate: bool,
    /// Weight of the entropy bonus at the start.
    pub entropy: f32,
    /// Whether it falls linearly to 0 over the training.
    pub anneal_entropy: bool,
    /// Weight of the critic's loss.
    pub value: f32,
    /// The gradient's global norm is clipped to this; `None` leaves it.
    pub max_gradient_norm: Option<f32>,
    /// Whether rewards are divided by the running standard deviation of the discounted return.
    pub scale_rewards: bool,
    /// What the size of a scaled reward is clipped to; `None` leaves it. Rewards that are not scaled are not clipped.
    pub clip_rewards: Option<f32>,
}

impl Default for Common {
    /// The values that the calibration of the tuning environment found good; the clip of the gradient is CleanRL's, that of scaled
    /// rewards Stable-Baselines3's and CleanRL's.
    fn default() -> Self {
        Self {
            gamma: 0.99,
            learning_rate: 1e-3,
            anneal_learning_rate: true,
            entropy: 0.003,
            anneal_entropy: true,
            value: 0.5,
            max_gradient_norm: Some(0.5),
            scale_rewards: false,
            clip_rewards: Some(10.0),
        }
    }
}

impl Common {
    pub(crate) fn validate(&self) -> Result<()> {
        let check = |field: &str, value: f64, good: bool, allowed: &str| {
            if good && value.is_finite() {
                Ok(())
            } else {
                Err(Error::config(field, value, allowed))
            }
        };
        let (gamma, lr) = (f64::from(self.gamma), self.learning_rate);
        check(
            "gamma",
            gamma,
            (0.0..=1.0).contains(&gamma),
            "give a number from 0 to 1",
        )?;
        check(
            "learning_rate",
            lr,
            lr > 0.0,
            "give a finite number above 0",
        )?;
        check(
            "entropy",
            self.entropy.into(),
            self.entropy >= 0.0,
            "give a finite number of at least 0",
        )?;
        check(
            "value",
            self.value.into(),
            self.value >= 0.0,
            "give a finite number of at least 0",
        )?;
        let bounds = [
            ("max_gradient_norm", self.max_gradient_norm),
            ("clip_rewards", self.clip_rewards),
        ];
        for (field, bound) in bounds {
            let bound = bound.map_or(1.0, f64::from);
            let allowed = "give a finite number above 0, or None";
            check(field, bound, bound > 0.0, allowed)?;
        }
        Ok(())
    }
}

/// Diagnostics of one update, by name. The crate's page says what each means.
pub type Metrics = BTreeMap<String, f64>;

/// The annealed options of one update.
pub(crate) struct Schedule {
    /// The share of the training that is left.
    pub(crate) left: f32,
    pub(crate) learning_rate: f64,
    pub(crate) entropy: f32,
}

/// Checks that an option is a share.
pub(crate) fn share(field: &str, value: f32) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::config(field, value, "give a number from 0 to 1"))
}

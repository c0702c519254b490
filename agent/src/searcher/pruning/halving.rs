//! Successive halving and Hyperband as rules for stopping.

use super::loss::Loss;
use crate::searcher::hyperband::bracket_width;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Options of asynchronous successive halving by stopping: at rung `k`, at step `min_resource eta^k`, a trial goes on if
/// it is among the best one in `eta` of all that have come so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HalvingConfig {
    /// The step of the first rung. `None`: a hundredth of the longest trial once one is complete, and nothing is stopped
    /// before.
    pub min_resource: Option<u64>,
    /// One trial in this many goes on from each rung, and trains this many times further.
    pub reduction_factor: u64,
    /// Rungs that are left out at the beginning.
    pub min_early_stopping_rate: u32,
    /// This many trials are stopped at a rung whatever their losses, before it is judged who is among the best.
    pub bootstrap_count: usize,
}

impl Default for HalvingConfig {
    /// Optuna's defaults.
    fn default() -> Self {
        Self {
            min_resource: None,
            reduction_factor: 4,
            min_early_stopping_rate: 0,
            bootstrap_count: 0,
        }
    }
}

/// Options of Hyperband by stopping: brackets of [`HalvingConfig`] that leave out 0, 1, 2, ... rungs. A trial's bracket
/// follows from the name of the study and the number of the trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HyperbandPruningConfig {
    /// Name of the study.
    pub study: String,
    /// The step of the first rung.
    pub min_resource: u64,
    /// How far the longest trials train. `None`: as far as the longest once one is complete, and nothing is stopped before.
    pub max_resource: Option<u64>,
    /// One trial in this many goes on from each rung, and trains this many times further.
    pub reduction_factor: u64,
    /// As in [`HalvingConfig`].
    pub bootstrap_count: usize,
}

impl Default for HyperbandPruningConfig {
    /// Optuna's defaults.
    fn default() -> Self {
        Self {
            study: "study".to_owned(),
            min_resource: 1,
            max_resource: None,
            reduction_factor: 3,
            bootstrap_count: 0,
        }
    }
}

impl HalvingConfig {
    pub(super) fn validate(&self) -> Result<()> {
        validate(self.min_resource, self.reduction_factor)
    }
}

impl HyperbandPruningConfig {
    pub(super) fn validate(&self) -> Result<()> {
        validate(Some(self.min_resource), self.reduction_factor)?;
        match self.max_resource {
            Some(max) if max < self.min_resource => Err(Error::config(
                "max_resource",
                max,
                "give at least min_resource",
            )),
            _ => Ok(()),
        }
    }

    /// The rule within a bracket.
    pub(super) fn halving(&self, bracket: usize) -> HalvingConfig {
        HalvingConfig {
            min_resource: Some(self.min_resource),
            reduction_factor: self.reduction_factor,
            min_early_stopping_rate: bracket as u32,
            bootstrap_count: self.bootstrap_count,
        }
    }

    /// Shares of the trials that the brackets get, if trials train as far as `max`.
    fn shares(&self, max: u64) -> Vec<u64> {
        let mut count = 1;
        let mut reach = self.min_resource.checked_mul(self.reduction_factor);
        while reach.is_some_and(|reach| reach <= max) {
            count += 1;
            reach = reach.and_then(|reach| reach.checked_mul(self.reduction_factor));
        }
        (0..count)
            .map(|bracket| bracket_width(count, bracket, self.reduction_factor) as u64)
            .collect()
    }
}

fn validate(min: Option<u64>, eta: u64) -> Result<()> {
    if min == Some(0) {
        return Err(Error::config("min_resource", 0, "give at least 1"));
    }
    if eta < 2 {
        return Err(Error::config("reduction_factor", eta, "give at least 2"));
    }
    Ok(())
}

/// The losses of trials at the rungs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rungs {
    /// By bracket and trial: the losses at rung 0, 1, 2, ...
    losses: BTreeMap<usize, BTreeMap<u64, Vec<Loss>>>,
    /// The resource that was left open, once it is known.
    found: Option<u64>,
}

impl Rungs {
    /// Whether a trial is not among the best at the rungs that it has reached at `step`.
    pub(super) fn is_left_behind(
        &mut self,
        config: &HalvingConfig,
        bracket: usize,
        id: u64,
        step: u64,
        value: Option<f64>,
        longest_complete: Option<u64>,
    ) -> bool {
        let min = match config.min_resource {
            Some(min) => min,
            None => {
                let found = self
                    .found
                    .or(longest_complete.map(|longest| (longest / 100).max(1)));
                self.found = found;
                let Some(found) = found else { return false };
                found
            }
        };
        let eta = config.reduction_factor;
        let trials = self.losses.entry(bracket).or_default();
        loop {
            let rung = trials.entry(id).or_default().len();
            let exponent = config.min_early_stopping_rate.saturating_add(rung as u32);
            // A rung beyond all numbers is never reached.
            let resource = eta
                .checked_pow(exponent)
                .and_then(|pow| pow.checked_mul(min));
            if resource.is_none_or(|resource| step < resource) {
                return false;
            }
            let Some(value) = value else { return true };
            trials.entry(id).or_default().push(Loss(value));
            let mut rivals: Vec<f64> = trials
                .values()
                .filter_map(|losses| losses.get(rung).map(|loss| loss.0))
                .collect();
            if rivals.len() <= config.bootstrap_count {
                return true;
            }
            rivals.sort_by(f64::total_cmp);
            let best = (rivals.len() / eta as usize).max(1);
            if value > rivals[best - 1] {
                return true;
            }
        }
    }

    /// The bracket of a trial; `None` as long as it is not known how far trials train.
    pub(super) fn bracket(
        &mut self,
        config: &HyperbandPruningConfig,
        id: u64,
        longest_complete: Option<u64>,
    ) -> Option<usize> {
        let max = match config.max_resource {
            Some(max) => max,
            None => {
                self.found = self
                    .found
                    .or(longest_complete.map(|longest| longest.saturating_add(1)));
                self.found?
            }
        };
        let shares = config.shares(max);
        let label = format!("{}_{id}", config.study);
        let all = shares
            .iter()
            .fold(0, |sum: u64, share| sum.saturating_add(*share));
        let mut ticket = u64::from(crc32(label.as_bytes())) % all;
        shares.iter().position(|share| {
            let drawn = ticket < *share;
            ticket = ticket.saturating_sub(*share);
            drawn
        })
    }
}

/// The cyclic redundancy check of ISO 3309, as in zlib.
fn crc32(bytes: &[u8]) -> u32 {
    const REVERSED_POLYNOMIAL: u32 = 0xedb8_8320;
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc = (crc >> 1) ^ (REVERSED_POLYNOMIAL * carry);
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_of_the_digits_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn brackets_get_the_shares_and_trials_of_the_oracle() {
        let config = HyperbandPruningConfig {
            study: "golden-8-min-seq".to_owned(),
            max_resource: Some(27),
            ..Default::default()
        };
        assert_eq!(config.shares(27), [27, 12, 6, 4]);
        let brackets: Vec<usize> = (0..20)
            .filter_map(|id| Rungs::default().bracket(&config, id, None))
            .collect();
        let wanted = [0, 0, 0, 0, 3, 1, 1, 0, 2, 0, 2, 0, 0, 0, 3, 1, 0, 0, 0, 0];
        assert_eq!(brackets, wanted);
    }
}

//! The shaped reward of a tuning step.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Weights of the shaped reward
///
/// ```text
/// r = improvement log(best before / best after) / s
///   + level       share (log(first / best after) / s - level_offset)
///   - cost        share
///   - divergence  [the segment diverged]
///   + reached     [the target was reached in this segment]
/// ```
///
/// where the losses are validation losses, or errors of another [`crate::Objective`], `share` is the segment's share of the budget, and
/// `s = max(log(first / reference), 0.1)` is what a good training of this task gains: dividing by it makes tasks
/// comparable, which was measured to matter most. The first term telescopes to the final quality; the second pays
/// for being good early (convergence speed); the third charges for what is spent (it matters when an episode may end
/// at a target). Any weight may be zero. Where `scaled` is false, `s` is 1, which goes with
/// [`SelfCritical`](crate::wrappers::SelfCritical): what makes tasks differ is subtracted there, and a task on which `s` is small does
/// not outweigh the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardConfig {
    /// Weight of the segment's improvement of the best validation loss.
    pub improvement: f64,
    /// Weight of the level reached so far, per share of the budget.
    pub level: f64,
    /// The normalised level at which the second term is zero.
    pub level_offset: f64,
    /// Price of the whole budget.
    pub cost: f64,
    /// Penalty of a segment that diverged.
    pub divergence: f64,
    /// Bonus for reaching the target.
    pub reached: f64,
    /// Whether gains are divided by what a good training of the task gains.
    pub scaled: bool,
    /// The share of the first loss below which all losses count as this much. Where a loss vanishes its logarithm has no end: without
    /// a floor such trainings outweigh all others.
    pub floor: f64,
}

impl Default for RewardConfig {
    /// The weights that the calibration found good: 2.5, 5 with offset 0.8, 0.3 on divergence; cost, target and floor are off.
    fn default() -> Self {
        Self {
            improvement: 2.5,
            level: 5.0,
            level_offset: 0.8,
            cost: 0.0,
            divergence: 0.3,
            reached: 0.0,
            scaled: true,
            floor: 0.0,
        }
    }
}

/// What the reward of one segment depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Validation loss before any update.
    pub first: f64,
    /// Best validation loss before the segment.
    pub best_before: f64,
    /// Best validation loss after the segment.
    pub best_after: f64,
    /// Validation loss of a good training of this task.
    pub reference: f64,
    /// The segment's share of the budget.
    pub share: f64,
    /// Whether the segment diverged.
    pub diverged: bool,
    /// Whether the target was reached in this segment.
    pub reached: bool,
}

impl RewardConfig {
    /// The reward of one segment.
    pub fn reward(&self, progress: &Progress) -> f64 {
        let first = progress.first.max(SMALLEST);
        let floored = |loss: f64| loss.max(self.floor * first).max(SMALLEST);
        let scale = if self.scaled {
            (first / floored(progress.reference)).ln().max(0.1)
        } else {
            1.0
        };
        let best_after = floored(progress.best_after);
        let gain = (floored(progress.best_before) / best_after).ln() / scale;
        let level = (first / best_after).ln() / scale;
        let indicator = |condition: bool| if condition { 1.0 } else { 0.0 };
        self.improvement * gain + self.level * progress.share * (level - self.level_offset)
            - self.cost * progress.share
            - self.divergence * indicator(progress.diverged)
            + self.reached * indicator(progress.reached)
    }

    /// Checks that every weight is finite and the floor a share.
    ///
    /// # Errors
    /// [`Error::Config`] naming the weight.
    pub fn validate(&self) -> Result<()> {
        for (field, weight) in [
            ("improvement", self.improvement),
            ("level", self.level),
            ("level_offset", self.level_offset),
            ("cost", self.cost),
            ("divergence", self.divergence),
            ("reached", self.reached),
        ] {
            if !weight.is_finite() {
                return Err(Error::config(field, weight, "give a finite number"));
            }
        }
        if !(0.0..1.0).contains(&self.floor) {
            let allowed = "give a number from 0, for none, to less than 1";
            return Err(Error::config("floor", self.floor, allowed));
        }
        Ok(())
    }
}

/// Losses whose logarithm is taken are kept away from zero.
const SMALLEST: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STEP: Progress = Progress {
        first: 2.0,
        best_before: 1.0,
        best_after: 0.5,
        reference: 0.25,
        share: 0.04,
        diverged: false,
        reached: false,
    };

    #[test]
    fn formula_by_hand() {
        // s = ln 8; gain = ln 2 / ln 8 = 1/3; level = ln 4 / ln 8 = 2/3.
        let wanted = 2.5 / 3.0 + 5.0 * 0.04 * (2.0 / 3.0 - 0.8);
        assert!((RewardConfig::default().reward(&STEP) - wanted).abs() < 1e-12);
        let plain = RewardConfig {
            scaled: false,
            ..Default::default()
        };
        let wanted = 2.5 * 2f64.ln() + 5.0 * 0.04 * (4f64.ln() - 0.8);
        assert!((plain.reward(&STEP) - wanted).abs() < 1e-12);
        let diverged = Progress {
            diverged: true,
            best_after: 1.0,
            ..STEP
        };
        let wanted = 5.0 * 0.04 * (1.0 / 3.0 - 0.8) - 0.3;
        assert!((RewardConfig::default().reward(&diverged) - wanted).abs() < 1e-12);
        let priced = RewardConfig {
            cost: 2.0,
            reached: 1.0,
            ..Default::default()
        };
        let reached = Progress {
            reached: true,
            ..STEP
        };
        let difference = priced.reward(&reached) - RewardConfig::default().reward(&STEP);
        assert!((difference - (1.0 - 0.08)).abs() < 1e-12);
    }

    #[test]
    fn below_the_floor_nothing_is_gained() {
        let floored = |floor| RewardConfig {
            level: 0.0,
            scaled: false,
            floor,
            ..Default::default()
        };
        let vanishing = Progress {
            best_before: 0.01,
            best_after: 1e-7,
            ..STEP
        };
        // The floor is at 0.001 of the first loss, 0.002: a fifth of the loss before.
        let gain = floored(0.001).reward(&vanishing) / 2.5;
        assert!((gain - 5f64.ln()).abs() < 1e-12, "{gain}");
        assert!(floored(0.0).reward(&vanishing) > 25.0);
        assert_eq!(floored(0.1).reward(&vanishing), 0.0);
        assert!(floored(1.0).validate().is_err() && floored(f64::NAN).validate().is_err());
    }

    proptest! {
        /// The improvement term telescopes: how a loss was reached does not matter, only where it ended.
        #[test]
        fn improvement_telescopes(losses in proptest::collection::vec(0.01..2.0f64, 1..20)) {
            let only = RewardConfig { level: 0.0, ..Default::default() };
            let (mut best, mut total) = (2.0f64, 0.0);
            for loss in losses {
                let after = best.min(loss);
                total += only.reward(&Progress { best_before: best, best_after: after, ..STEP });
                best = after;
            }
            let scale = 8f64.ln();
            prop_assert!((total - 2.5 * (2.0 / best).ln() / scale).abs() < 1e-9);
        }
    }
}

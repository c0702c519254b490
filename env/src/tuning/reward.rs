//! The shaped reward of a tuning step.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Weights of the shaped reward
///
/// ```text
/// r = improvement log(best before / best after) / s
///   + anytime      share (log(first / best after) / s - anytime_offset)
///   - cost        share
///   - divergence  [the segment diverged]
///   + reached     [the target was reached in this segment]
/// ```
///
/// where the losses are validation losses, or errors of another [`crate::Objective`], `share` is the segment's share of the budget,
/// and `s = max(log(first / reference), 0.1)` is what a good training of this task gains: dividing by it makes tasks comparable,
/// which was measured to matter most. The first term telescopes to the final quality; the second rewards anytime performance, that
/// is being good early (convergence speed): segments have equal cost, so that early is cheap; the third charges for what is spent,
/// which moves no choice unless an episode can end before its budget does, at a target (`stop_at_target`) or at too many
/// divergences. Any weight may be zero. Where `scaled` is false, `s` is 1, which goes with
/// [`SelfCritical`](crate::mdp::wrappers::SelfCritical): what makes tasks differ is subtracted there, and a task on which `s` is
/// small does not outweigh the others.
///
/// Losses are measured from the lowest that there can be ([`crate::TraineeSpec::lowest_loss`]), 0 for most.
/// A ratio of them says how many times better, which is what counts for a loss whose best value is 0, such as an error or a
/// cross-entropy. A loss that can be below 0 has no such value, and a ratio of two of them means nothing. Where one of the losses
/// of the formula is below 0, every `log(a / b)` is therefore the difference `a - b`, and `s = first - reference` whether `scaled` or not,
/// because a difference has the unit of the loss: a constant added to the loss, or a factor, changes no reward. If the reference is
/// no better than the first loss, `s` is 1 there. `floor` has no meaning for such losses and does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardConfig {
    /// Weight of the segment's improvement of the best validation loss.
    pub improvement: f64,
    /// Weight of the anytime performance, per share of the budget.
    pub anytime: f64,
    /// The normalised anytime performance at which the second term is zero.
    pub anytime_offset: f64,
    /// Price of the whole budget. An episode that always spends it all is charged the same whatever is chosen.
    pub cost: f64,
    /// Penalty of a segment that diverged.
    pub divergence: f64,
    /// Bonus for reaching the target.
    pub reached: f64,
    /// Whether gains are divided by what a good training of the task gains.
    pub scaled: bool,
    /// Losses below this share of the first loss count as that share of it. The logarithm of a vanishing loss has no end: without a
    /// floor such trainings outweigh all others.
    pub floor: f64,
}

impl Default for RewardConfig {
    /// The weights that the calibration found good: 2.5, 5 with offset 0.8, 0.3 on divergence; cost, target and floor are off.
    fn default() -> Self {
        Self {
            improvement: 2.5,
            anytime: 5.0,
            anytime_offset: 0.8,
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

impl Progress {
    /// Whether the losses are of a kind that can be below 0.
    fn is_signed(&self) -> bool {
        let losses = [
            self.first,
            self.best_before,
            self.best_after,
            self.reference,
        ];
        losses.iter().any(|loss| *loss < 0.0)
    }

    /// The gain of the segment and the anytime performance after it, as shares of what a good training gains.
    fn differences(&self) -> (f64, f64) {
        let gained = self.first - self.reference;
        let scale = if gained > 0.0 { gained } else { 1.0 };
        let gain = (self.best_before - self.best_after) / scale;
        (gain, (self.first - self.best_after) / scale)
    }
}

impl RewardConfig {
    /// The reward of one segment.
    pub fn reward(&self, progress: &Progress) -> f64 {
        let (gain, level) = if progress.is_signed() {
            progress.differences()
        } else {
            self.log_ratios(progress)
        };
        let indicator = |condition: bool| if condition { 1.0 } else { 0.0 };
        self.improvement * gain + self.anytime * progress.share * (level - self.anytime_offset)
            - self.cost * progress.share
            - self.divergence * indicator(progress.diverged)
            + self.reached * indicator(progress.reached)
    }

    /// The gain of the segment and the anytime performance after it, as logarithms of ratios.
    fn log_ratios(&self, progress: &Progress) -> (f64, f64) {
        let first = progress.first.max(SMALLEST);
        let floored = |loss: f64| loss.max(self.floor * first).max(SMALLEST);
        let scale = if self.scaled {
            (first / floored(progress.reference)).ln().max(0.1)
        } else {
            1.0
        };
        let best_after = floored(progress.best_after);
        let gain = (floored(progress.best_before) / best_after).ln() / scale;
        (gain, (first / best_after).ln() / scale)
    }

    /// Checks that every weight is finite and the floor a share.
    ///
    /// # Errors
    /// [`Error::Config`] naming the weight.
    pub fn validate(&self) -> Result<()> {
        for (field, weight) in [
            ("improvement", self.improvement),
            ("anytime", self.anytime),
            ("anytime_offset", self.anytime_offset),
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
        // s = ln 8; gain = ln 2 / ln 8 = 1/3; anytime = ln 4 / ln 8 = 2/3.
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
            anytime: 0.0,
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

    /// These rewards are, to the last bit, what they were before losses below 0 had any.
    #[test]
    fn rewards_of_positive_losses_are_logarithms() {
        let config = RewardConfig {
            floor: 0.001,
            ..Default::default()
        };
        for (best_after, reference) in [(0.5, 0.25), (0.0, 0.25), (1e-12, 0.0), (0.7, 3.0)] {
            let step = Progress {
                best_after,
                reference,
                ..STEP
            };
            let floored = |loss: f64| loss.max(0.001 * 2.0).max(1e-9);
            let scale = (2.0 / floored(reference)).ln().max(0.1);
            let gain = (floored(1.0) / floored(best_after)).ln() / scale;
            let level = (2.0 / floored(best_after)).ln() / scale;
            let wanted = 2.5 * gain + 5.0 * 0.04 * (level - 0.8) - 0.0 * 0.04 - 0.3 * 0.0 + 0.0;
            assert_eq!(config.reward(&step), wanted);
        }
    }

    #[test]
    fn losses_below_0_are_paid_by_their_differences() {
        // The cross-entropy of the steps above less 2.5: gain 0.5 of 1.75, anytime 1.5 of 1.75.
        let below = Progress {
            first: -0.5,
            best_before: -1.5,
            best_after: -2.0,
            reference: -2.25,
            ..STEP
        };
        let wanted = 2.5 * 0.5 / 1.75 + 5.0 * 0.04 * (1.5 / 1.75 - 0.8);
        for scaled in [true, false] {
            let config = RewardConfig {
                scaled,
                floor: 0.1,
                ..Default::default()
            };
            assert!((config.reward(&below) - wanted).abs() < 1e-12);
        }
        // A loss that goes through 0 is not worth more than one that ends above it.
        let through = Progress {
            best_after: -0.01,
            ..STEP
        };
        assert!(RewardConfig::default().reward(&through) < 2.5);
        // No reference that is better than the start: still a number.
        let worse = Progress {
            reference: 1.0,
            ..below
        };
        assert!((RewardConfig::default().reward(&worse) - (1.25 + 0.2 * 0.7)).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn neither_a_constant_nor_a_factor_changes_rewards_of_losses_below_0(
            losses in proptest::array::uniform4(-3.0..-1.0f64),
            constant in -100.0..1.0f64,
            factor in 0.001..1000.0f64,
        ) {
            let reward = |loss: &dyn Fn(f64) -> f64| {
                let [first, best_before, best_after, reference] = losses.map(loss);
                RewardConfig::default().reward(&Progress { first, best_before, best_after, reference, ..STEP })
            };
            prop_assume!(losses[0] > losses[3] + 0.01);
            let (plain, moved) = (reward(&|x| x), reward(&|x| factor * (x + constant)));
            prop_assert!((plain - moved).abs() < 1e-8 * (1.0 + plain.abs()), "{} {}", plain, moved);
        }

        /// The improvement term telescopes: only the last loss counts, not how it was reached.
        #[test]
        fn improvement_telescopes(losses in proptest::collection::vec(0.01..2.0f64, 1..20)) {
            let only = RewardConfig { anytime: 0.0, ..Default::default() };
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

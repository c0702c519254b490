//! How a training's budget is cut into segments.

use crate::{Cost, Error, Result};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// How much one training may spend.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Budget {
    /// The cost of this many passes over the training examples at batch size 64, by the cost model. Not for measured
    /// cost, where nobody knows beforehand what a pass costs.
    Epochs(f64),
    /// As [`Budget::Epochs`], drawn anew for each episode from a log-uniform distribution, so that a policy meets
    /// short and long trainings.
    EpochsBetween(f64, f64),
    /// Seconds of cost.
    Seconds(f64),
}

impl Budget {
    /// The batch size at which [`Budget::Epochs`] counts.
    pub const REFERENCE_BATCH: usize = 64;

    /// Checks that the budget is positive and its range in order.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn validate(&self) -> Result<()> {
        let (low, high) = match *self {
            Self::Epochs(x) | Self::Seconds(x) => (x, x),
            Self::EpochsBetween(low, high) => (low, high),
        };
        // More than any training takes, and far from where products are infinite.
        let most = match self {
            Self::Epochs(_) | Self::EpochsBetween(..) => 1e9,
            Self::Seconds(_) => 1e15,
        };
        if low > 0.0 && low <= high && high <= most {
            return Ok(());
        }
        Err(Error::config(
            "budget",
            format!("{self:?}"),
            format!("give numbers above 0 and at most {most:e}, the smaller one first"),
        ))
    }

    /// The budget of one episode, given what one epoch costs.
    ///
    /// # Errors
    /// [`Error::Config`] if it is in epochs and `epoch` is `None` (measured cost).
    pub fn draw(&self, epoch: Option<Cost>, rng: &mut impl Rng) -> Result<Cost> {
        let epochs = match *self {
            Self::Seconds(seconds) => return Ok(seconds),
            Self::Epochs(epochs) => epochs,
            Self::EpochsBetween(low, high) => log_uniform(low, high, rng),
        };
        match epoch {
            Some(cost) => Ok(epochs * cost),
            None => Err(Error::config(
                "budget",
                format!("{self:?}"),
                "with measured cost give the budget as Seconds(..)",
            )),
        }
    }
}

/// A number between `low` and `high` whose logarithm is uniform.
pub(crate) fn log_uniform(low: f64, high: f64, rng: &mut impl Rng) -> f64 {
    if low == high {
        return low;
    }
    (low.ln() + (high / low).ln() * rng.random::<f64>()).exp()
}

/// A plan of segments: a few short ones, so that a bad start is left early, then equal ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Segments {
    /// Number of short segments at the start.
    pub short: usize,
    /// Cost of a short segment relative to a full one, above 0 and at most 1.
    pub short_share: f64,
    /// Number of full segments.
    pub full: usize,
}

impl Default for Segments {
    /// 5 short segments of 0.2 and 24 full ones of 1: 25 units, measured to leave bad starts early.
    fn default() -> Self {
        Self {
            short: 5,
            short_share: 0.2,
            full: 24,
        }
    }
}

impl Segments {
    /// Number of segments, which is the number of decisions of an episode.
    pub fn count(&self) -> usize {
        self.short + self.full
    }

    /// The share of the budget that is spent once segment `index` (from 0) is over, in `(0, 1]`.
    pub fn spent_after(&self, index: usize) -> f64 {
        if index + 1 >= self.count() {
            return 1.0;
        }
        let units = |segments: usize| {
            let short = segments.min(self.short);
            short as f64 * self.short_share + (segments - short) as f64
        };
        units(index + 1) / units(self.count())
    }

    /// The segment after segment `index`, where `spent` of `budget` is spent: a segment that overshot skips the boundaries that it
    /// has passed. [`Segments::count`] if the budget is used up.
    pub fn following(&self, index: usize, spent: Cost, budget: Cost) -> usize {
        let passed = |next: &usize| self.spent_after(*next) * budget <= spent * (1.0 + 1e-12);
        let mut after = index + 1..self.count();
        after.find(|next| !passed(next)).unwrap_or(self.count())
    }

    /// Segment `index`, or where looking ahead has spent what it was to cost, the first after it that has something left to do.
    pub fn remaining(&self, index: usize, spent: Cost, budget: Cost) -> usize {
        let last = self.count() - 1;
        let mut before_last = index..last;
        let next = before_last.find(|next| self.spent_after(*next) * budget > spent);
        next.unwrap_or(last.max(index))
    }

    /// Checks that there is a segment and that short ones have a size.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn validate(&self) -> Result<()> {
        if self.full == 0 {
            return Err(Error::config("full", 0, "give at least 1 full segment"));
        }
        if self.short.saturating_add(self.full) > 100_000 {
            let given = format!("{} short and {} full ones", self.short, self.full);
            let allowed = "give at most 100000 segments in all";
            return Err(Error::config("short, full", given, allowed));
        }
        if !(self.short_share > 0.0 && self.short_share <= 1.0) {
            return Err(Error::config(
                "short_share",
                self.short_share,
                "give a number above 0 and at most 1",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream;
    use proptest::prelude::*;

    #[test]
    fn default_plan_has_25_units() {
        let plan = Segments::default();
        assert_eq!(plan.count(), 29);
        assert!((plan.spent_after(0) - 0.2 / 25.0).abs() < 1e-12);
        assert!((plan.spent_after(4) - 1.0 / 25.0).abs() < 1e-12);
        assert!((plan.spent_after(5) - 2.0 / 25.0).abs() < 1e-12);
        assert_eq!(plan.spent_after(28), 1.0);
    }

    proptest! {
        #[test]
        fn shares_rise_to_one(short in 0usize..6, share in 0.01..=1.0f64, full in 1usize..40) {
            let plan = Segments { short, short_share: share, full };
            let mut before = 0.0;
            for index in 0..plan.count() {
                prop_assert!(plan.spent_after(index) > before);
                before = plan.spent_after(index);
            }
            prop_assert_eq!(before, 1.0);
        }

        #[test]
        fn drawn_budgets_stay_in_range(seed: u64, low in 0.1..10.0f64, times in 1.0..10.0f64) {
            let high = low * times;
            let drawn = Budget::EpochsBetween(low, high)
                .draw(Some(2.0), &mut stream(seed, "budget", 0))
                .unwrap();
            prop_assert!(drawn >= 2.0 * low * (1.0 - 1e-9) && drawn <= 2.0 * high * (1.0 + 1e-9));
        }
    }

    #[test]
    fn impossible_budgets_are_refused() {
        assert!(Budget::Epochs(0.0).validate().is_err());
        assert!(Budget::EpochsBetween(2.0, 1.0).validate().is_err());
        assert!(Budget::Seconds(f64::INFINITY).validate().is_err());
        assert!(
            Budget::Epochs(1.0)
                .draw(None, &mut stream(0, "budget", 0))
                .is_err()
        );
    }
}

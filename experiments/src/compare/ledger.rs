//! Who spent what.

use serde::{Deserialize, Serialize};
use trimtab_env::{Objective, Segment};

/// The spending of one method on one task with one seed, and what it had to show for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Everything spent so far, in seconds of the cost model.
    pub spent: f64,
    /// Runs begun.
    pub runs: u64,
    /// Segments that diverged.
    pub divergences: u64,
    /// The best validation loss each time it fell, with what had been spent by then: `[spent, loss]`.
    pub curve: Vec<[f64; 2]>,
}

impl Ledger {
    /// Begins another run.
    pub fn begin_run(&mut self) {
        self.runs += 1;
    }

    /// Spends, and notes the validation loss that was seen after it, if there is one.
    pub fn spend(&mut self, cost: f64, loss: Option<f64>) {
        self.spent += cost;
        if let Some(loss) = loss.filter(|loss| loss.is_finite() && *loss < self.best()) {
            self.curve.push([self.spent, loss]);
        }
    }

    /// What one run spent.
    pub fn of(segments: &[Segment], objective: &Objective) -> Self {
        let mut ledger = Self::default();
        ledger.begin_run();
        for segment in segments {
            ledger.divergences += u64::from(segment.report.diverged);
            // What is spent between segments, on looking ahead, is in the running total and in no segment's report.
            ledger.spend(segment.spent - ledger.spent, objective.of(&segment.report));
        }
        ledger
    }

    /// The best validation loss so far; infinite before the first.
    pub fn best(&self) -> f64 {
        self.curve.last().map_or(f64::INFINITY, |[_, loss]| *loss)
    }

    /// What had been spent when the best validation loss reached `target`; `None` if it never did.
    pub fn time_to(&self, target: f64) -> Option<f64> {
        let reached = self.curve.iter().find(|[_, loss]| *loss <= target);
        reached.map(|[spent, _]| *spent)
    }

    /// The best validation loss once `spent` had been spent; `None` before the first evaluation.
    pub fn best_at(&self, spent: f64) -> Option<f64> {
        let before = self.curve.iter().take_while(|[cost, _]| *cost <= spent);
        before.last().map(|[_, loss]| *loss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_spent_and_only_improvements_are_on_the_curve() {
        let mut ledger = Ledger::default();
        ledger.begin_run();
        ledger.spend(1.0, Some(2.0));
        ledger.spend(1.0, None);
        ledger.spend(1.0, Some(f64::NAN));
        ledger.begin_run();
        ledger.spend(1.0, Some(3.0));
        ledger.spend(1.0, Some(1.0));
        assert_eq!((ledger.spent, ledger.runs, ledger.best()), (5.0, 2, 1.0));
        assert_eq!(ledger.curve, [[1.0, 2.0], [5.0, 1.0]]);
        assert_eq!(ledger.time_to(2.5), Some(1.0));
        assert_eq!(ledger.time_to(1.0), Some(5.0));
        assert_eq!(ledger.time_to(0.5), None);
        assert_eq!(ledger.best_at(0.5), None);
        assert_eq!(ledger.best_at(4.9), Some(2.0));
    }
}

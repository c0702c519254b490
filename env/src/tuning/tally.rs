//! What the updates of a segment come to.

use crate::{Cost, CostModel, GradientStatistics, Meter, Report, TrainLoss};
use serde::{Deserialize, Serialize};

/// The updates of a segment: how many, of how many examples, at what cost and with which losses. It says when the segment is over, and
/// makes its report.
///
/// ```
/// use trimtab_env::{CostModel, Tally};
/// let mut tally = Tally::new(CostModel::default());
/// tally.begin(64);
/// while tally.goes_on(1e-3, 100) {
///     tally.count(64);
///     tally.see(0.5);
/// }
/// let report = tally.report(None);
/// assert_eq!((report.updates, report.examples), (7, 448));
/// assert_eq!(report.train.map(|train| train.mean), Some(0.5));
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tally {
    /// What they cost.
    pub meter: Meter,
    batch_size: usize,
    updates: u64,
    examples: u64,
    losses: Vec<f64>,
    finite: bool,
}

impl Tally {
    /// Nothing yet.
    pub fn new(cost: CostModel) -> Self {
        Self {
            meter: Meter::new(cost),
            batch_size: 1,
            updates: 0,
            examples: 0,
            losses: Vec::new(),
            finite: true,
        }
    }

    /// Begins a segment whose updates are to be of so many examples.
    pub fn begin(&mut self, batch_size: usize) {
        self.batch_size = batch_size;
        (self.updates, self.examples) = (0, 0);
        self.losses.clear();
        self.finite = true;
        self.meter.begin();
    }

    /// Counts an update of so many examples.
    pub fn count(&mut self, examples: usize) {
        self.updates += 1;
        self.examples += examples as u64;
        self.meter.update(examples);
    }

    /// Takes the loss of an update, in their order, whenever it is known.
    pub fn see(&mut self, loss: f64) {
        self.finite &= loss.is_finite();
        self.losses.push(loss);
    }

    /// Whether one more update belongs to a segment of this budget with an evaluation of `rows` examples at its end: the
    /// first does in any case, and none after a loss that is not finite.
    pub fn goes_on(&self, budget: Cost, rows: usize) -> bool {
        let fits = || self.meter.fits(budget, self.batch_size, rows);
        self.finite && (self.updates == 0 || fits())
    }

    /// Updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Whether all losses so far are finite.
    pub fn is_finite(&self) -> bool {
        self.finite
    }

    /// The report of the segment, of whose gradients this is known. Nothing has been evaluated.
    pub fn report(&mut self, gradients: Option<GradientStatistics>) -> Report {
        // The last update may have left numbers that no loss has seen yet.
        let finite = self.finite && gradients.is_none_or(|gradients| gradients.is_finite());
        Report {
            updates: self.updates,
            examples: self.examples,
            cost: self.meter.spent(),
            diverged: !finite,
            // Numbers that are not finite say no more than `diverged` does.
            train: TrainLoss::of(&self.losses).filter(|_| finite),
            validation: None,
            gradients: gradients.filter(GradientStatistics::is_finite),
            utilisation: self.meter.utilisation(self.batch_size),
            pruned: None,
            dead_units: None,
        }
    }
}

//! What happened, told to observers in the order in which it happened.

use crate::unit::{UnitId, WorkerId};
use serde::{Deserialize, Serialize};

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Change {
    /// A unit waits: it was submitted, lost or preempted.
    Queued {
        /// Which unit.
        unit: UnitId,
    },
    /// A waiting unit is on its way to a worker.
    Assigned {
        /// Which unit.
        unit: UnitId,
        /// To whom.
        worker: WorkerId,
    },
    /// The worker began it.
    Started {
        /// Which unit.
        unit: UnitId,
        /// By whom.
        worker: WorkerId,
    },
    /// The worker says that it goes on.
    Progressed {
        /// Which unit.
        unit: UnitId,
        /// By whom.
        worker: WorkerId,
    },
    /// It stands still, with its work kept. `Queued` follows.
    Preempted {
        /// Which unit.
        unit: UnitId,
        /// Who had it.
        worker: WorkerId,
    },
    /// Its answer came. Nothing else follows about this unit.
    Done {
        /// Which unit.
        unit: UnitId,
        /// Whose answer it is.
        worker: WorkerId,
    },
    /// It will never be done. Nothing else follows about this unit.
    Failed {
        /// Which unit.
        unit: UnitId,
        /// Why.
        reason: String,
    },
    /// It was lost with its worker. `Queued` or `Failed` follows.
    Lost {
        /// Which unit.
        unit: UnitId,
        /// Who had it.
        worker: WorkerId,
    },
    /// A worker takes units, or its number of slots changed.
    WorkerUp {
        /// Which worker.
        worker: WorkerId,
        /// How many units it does at once.
        slots: usize,
    },
    /// A worker is gone. `Lost` follows for each of its units.
    WorkerDown {
        /// Which worker.
        worker: WorkerId,
    },
    /// Another strategy decides from now on.
    Strategy {
        /// Its name.
        name: String,
    },
}

/// Whoever wants to know. Closures `FnMut(f64, &Change)` are observers.
pub trait Observer: Send {
    /// A change, and the second at which it happened. Seconds never go back.
    fn changed(&mut self, at: f64, change: &Change);
}

impl<F: FnMut(f64, &Change) + Send> Observer for F {
    fn changed(&mut self, at: f64, change: &Change) {
        self(at, change);
    }
}

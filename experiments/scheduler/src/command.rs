//! What is to be done next: asked by a strategy, and carried out by the driver, which talks to the workers.

use crate::unit::{UnitId, WorkerId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Command {
    /// Send a waiting unit to a worker.
    Assign {
        /// Which unit.
        unit: UnitId,
        /// To whom.
        worker: WorkerId,
    },
    /// Ask a worker to pause a unit. Until the driver answers with [`Scheduler::preempted`](crate::Scheduler::preempted), the unit
    /// keeps its slot; then it waits in its old place, and its work so far is kept by whoever keeps work.
    Preempt {
        /// Which unit.
        unit: UnitId,
        /// Who has it.
        worker: WorkerId,
    },
    /// Tell a worker to drop a unit, because another worker's answer came. It is not asked by strategies, and needs no answer.
    Withdraw {
        /// Which unit.
        unit: UnitId,
        /// Who has it.
        worker: WorkerId,
    },
}

impl fmt::Display for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assign { unit, worker } => write!(out, "assign {unit} to {worker}"),
            Self::Preempt { unit, worker } => write!(out, "preempt {unit} at {worker}"),
            Self::Withdraw { unit, worker } => write!(out, "withdraw {unit} from {worker}"),
        }
    }
}

//! Units of work and the workers that do them, by their numbers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Number of a unit of work. Whoever submits units gives each its own.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct UnitId(pub u64);

/// Number of a worker. Ties between workers go to the lowest.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct WorkerId(pub u64);

/// A unit of work, as far as it matters to who does it when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Its number.
    pub id: UnitId,
    /// Higher goes first; among equals, the one that was submitted first.
    #[serde(default)]
    pub priority: i32,
}

impl fmt::Display for UnitId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "unit {}", self.0)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "worker {}", self.0)
    }
}

//! A strategy by name.

use super::{LeastLoad, Priority, RoundRobin, Strategy};
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A strategy, as a config names it: `RoundRobin`, `LeastLoad(ahead: 1)`, `Priority(preempt: true)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum StrategyConfig {
    /// [`RoundRobin`].
    RoundRobin,
    /// [`LeastLoad`].
    LeastLoad {
        /// How many units for each slot wait at the worker; `None` for any number. Default 1, see [`LeastLoad`].
        #[serde(default = "one")]
        ahead: Option<usize>,
    },
    /// [`Priority`].
    Priority {
        /// Whether running units are paused for ones of higher priority. Default true; their work has to be kept for it.
        #[serde(default = "yes")]
        preempt: bool,
    },
}

fn one() -> Option<usize> {
    Some(1)
}

fn yes() -> bool {
    true
}

impl StrategyConfig {
    /// The strategy.
    pub fn build(self) -> Box<dyn Strategy> {
        match self {
            Self::RoundRobin => Box::new(RoundRobin::default()),
            Self::LeastLoad { ahead } => Box::new(LeastLoad::new(ahead)),
            Self::Priority { preempt } => Box::new(Priority::new(preempt)),
        }
    }
}

impl Default for StrategyConfig {
    fn default() -> Self {
        Self::LeastLoad { ahead: one() }
    }
}

impl FromStr for StrategyConfig {
    type Err = Error;

    /// The names of the command line: `round-robin`, `least-load` and `priority`, with their defaults.
    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "round-robin" => Ok(Self::RoundRobin),
            "least-load" => Ok(Self::default()),
            "priority" => Ok(Self::Priority { preempt: yes() }),
            _ => Err(Error::value(
                "strategy",
                format!("`{name}`"),
                "give `round-robin`, `least-load` or `priority`",
            )),
        }
    }
}

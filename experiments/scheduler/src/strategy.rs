//! Strategies: who decides which unit goes where. One file each.

mod config;
mod least_load;
mod priority;
mod round_robin;

pub use config::StrategyConfig;
pub use least_load::LeastLoad;
pub use priority::Priority;
pub use round_robin::RoundRobin;

use crate::command::Command;
use crate::state::State;

/// Decides what to do next.
pub trait Strategy: Send {
    /// What it is called.
    fn name(&self) -> &str;

    /// The next thing to do. After every event it is asked again and again, each time with the state that its last answer led to, until
    /// it says `None`. An answer that makes no sense is [skipped](crate::Scheduler::mistakes).
    fn next(&mut self, state: &State) -> Option<Command>;
}

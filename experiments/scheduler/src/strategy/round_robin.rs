//! Round robin.

use super::Strategy;
use crate::command::Command;
use crate::state::State;
use crate::unit::WorkerId;

/// Unit i goes to worker i mod c, at once, whatever its load. With Poisson arrivals and exponential service each worker is a queue
/// Erlang(c)/M/1 (Kleinrock, Queueing Systems I, 1975, section 6.3).
///
/// Use it to compare with: it is the best that can be done without knowing anything of the workers.
#[derive(Clone, Debug, Default)]
pub struct RoundRobin {
    last: Option<WorkerId>,
}

impl Strategy for RoundRobin {
    fn name(&self) -> &str {
        "round-robin"
    }

    fn next(&mut self, state: &State) -> Option<Command> {
        let unit = state.first_waiting()?.id;
        let worker = state.next_worker(self.last)?.id();
        self.last = Some(worker);
        Some(Command::Assign { unit, worker })
    }
}

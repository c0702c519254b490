//! Join the shortest queue, and the central queue.

use super::Strategy;
use crate::command::Command;
use crate::state::State;

/// The first unit goes to the worker with the fewest units for each of its slots; ties go to the lowest number.
///
/// | `ahead` | what it is | reference |
/// |---|---|---|
/// | `None` | join the shortest queue: every unit is assigned at once | Winston, Optimality of the shortest line discipline, 1977 |
/// | `Some(0)` | one central queue: a unit waits here until a slot is free, M/M/c | Erlang, 1917 |
/// | `Some(k)` | so many units for each slot wait at the worker | bounded prefetch; k = 1 hides one round trip |
#[derive(Clone, Debug)]
pub struct LeastLoad {
    ahead: Option<usize>,
}

impl LeastLoad {
    /// With so many units that wait at the worker for each of its slots; `None` for any number.
    pub fn new(ahead: Option<usize>) -> Self {
        Self { ahead }
    }
}

impl Default for LeastLoad {
    /// One unit for each slot waits at the worker, so that no slot is idle while an answer travels and the next unit comes back. A
    /// second one would only help where a unit takes less time than the round trip.
    fn default() -> Self {
        Self::new(Some(1))
    }
}

impl Strategy for LeastLoad {
    fn name(&self) -> &str {
        "least-load"
    }

    fn next(&mut self, state: &State) -> Option<Command> {
        let unit = state.first_waiting()?.id;
        let worker = state.least_loaded()?;
        let full = self.ahead.is_some_and(|ahead| {
            worker.load() >= worker.slots().saturating_mul(ahead.saturating_add(1))
        });
        let worker = worker.id();
        (!full).then_some(Command::Assign { unit, worker })
    }
}

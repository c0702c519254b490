//! Priorities, with or without preemption.

use super::Strategy;
use crate::command::Command;
use crate::state::State;

/// One central queue, high priority first. With `preempt`, a unit that waits has a running one of lower priority paused; that one goes on
/// later from where it was, maybe elsewhere. Running units beyond the [ceiling](State::ceiling) are paused too. For one worker these are the M/M/1 queues with priorities, non-preemptive and
/// preemptive resume (Kleinrock, Queueing Systems II, 1976, sections 3.3 and 3.4).
#[derive(Clone, Debug, Default)]
pub struct Priority {
    preempt: bool,
}

impl Priority {
    /// With or without preemption.
    pub fn new(preempt: bool) -> Self {
        Self { preempt }
    }
}

impl Strategy for Priority {
    fn name(&self) -> &str {
        "priority"
    }

    fn next(&mut self, state: &State) -> Option<Command> {
        let going_on = state.in_hand() - state.pausing();
        let lowest = |state: &State| state.running().next();
        if self.preempt
            && going_on > state.ceiling()
            && let Some((unit, worker)) = lowest(state)
        {
            let unit = unit.id;
            return Some(Command::Preempt { unit, worker });
        }
        let free = state.least_loaded().filter(|worker| worker.free() > 0);
        if let (Some(unit), Some(worker)) = (state.first_waiting(), free) {
            let (unit, worker) = (unit.id, worker.id());
            return Some(Command::Assign { unit, worker });
        }
        // Beyond the quota, a place that becomes free is not given out again.
        if !self.preempt || going_on > state.quota() {
            return None;
        }
        // The slots that are about to be free are for the first ones that wait.
        let next = state.ready().nth(state.pausing())?;
        let (lowest, worker) = lowest(state)?;
        let unit = lowest.id;
        (next.priority > lowest.priority).then_some(Command::Preempt { unit, worker })
    }
}

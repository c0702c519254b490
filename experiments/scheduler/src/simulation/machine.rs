//! A worker as it is in the simulation, which a scheduler only knows from messages.

use crate::unit::UnitId;
use std::collections::VecDeque;

/// A unit, and the scheduler that it belongs to.
pub(super) type Job = (usize, UnitId);

/// A unit being done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// No other run of this worker has it.
    pub number: u64,
    pub job: Job,
    pub since: f64,
    /// Seconds of work that were left then.
    pub remaining: f64,
}

/// What came of a job that was taken away.
pub(super) enum Taken {
    Waiting,
    Running(Run),
}

/// Slots, and the jobs that wait for them in the order in which they came.
#[derive(Debug)]
pub(super) struct Machine {
    pub up: bool,
    slots: usize,
    queue: VecDeque<Job>,
    runs: Vec<Run>,
    begun: u64,
}

impl Machine {
    pub fn new(slots: usize) -> Self {
        Self {
            up: true,
            slots,
            queue: VecDeque::new(),
            runs: Vec::new(),
            begun: 0,
        }
    }

    pub fn push(&mut self, job: Job) {
        self.queue.push_back(job);
    }

    /// The next job to begin, if a slot is free.
    pub fn next(&mut self) -> Option<Job> {
        (self.runs.len() < self.slots).then(|| self.queue.pop_front())?
    }

    /// Begins a job. The number of its run.
    pub fn begin(&mut self, job: Job, since: f64, remaining: f64) -> u64 {
        let number = self.begun;
        self.begun += 1;
        self.runs.push(Run {
            number,
            job,
            since,
            remaining,
        });
        number
    }

    /// A run comes to its end, unless it was taken away before.
    pub fn end(&mut self, number: u64) -> Option<Run> {
        let place = self.runs.iter().position(|run| run.number == number)?;
        Some(self.runs.swap_remove(place))
    }

    /// Takes a job away.
    pub fn take(&mut self, job: Job) -> Option<Taken> {
        if let Some(run) = self.runs.iter().find(|run| run.job == job) {
            return self.end(run.number).map(Taken::Running);
        }
        let place = self.queue.iter().position(|&waiting| waiting == job)?;
        self.queue.remove(place).map(|_| Taken::Waiting)
    }

    /// Everything here is lost. What ran.
    pub fn clear(&mut self) -> Vec<Run> {
        self.queue.clear();
        std::mem::take(&mut self.runs)
    }
}

//! The events to come, in virtual time.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Events by time; those of the same time in the order in which they were planned.
pub(super) struct Calendar<E> {
    now: f64,
    planned: u64,
    /// What happens now, which is most messages where they take no time.
    soon: VecDeque<E>,
    later: BinaryHeap<Planned<E>>,
}

struct Planned<E> {
    at: f64,
    number: u64,
    event: E,
}

impl<E> Calendar<E> {
    pub fn new() -> Self {
        Self {
            now: 0.0,
            planned: 0,
            soon: VecDeque::new(),
            later: BinaryHeap::new(),
        }
    }

    pub fn now(&self) -> f64 {
        self.now
    }

    pub fn plan(&mut self, seconds: f64, event: E) {
        let at = self.now + seconds;
        if at <= self.now {
            return self.soon.push_back(event);
        }
        let number = self.planned;
        self.planned += 1;
        self.later.push(Planned { at, number, event });
    }

    /// The next event, if it is not after `until`. Time goes on to it, or to `until`.
    pub fn next(&mut self, until: f64) -> Option<E> {
        if let Some(event) = self.soon.pop_front() {
            return Some(event);
        }
        if self.later.peek()?.at > until {
            self.now = until;
            return None;
        }
        let next = self.later.pop()?;
        self.now = next.at;
        Some(next.event)
    }
}

impl<E> Ord for Planned<E> {
    /// The heap has its greatest on top, which is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_time = other.at.total_cmp(&self.at);
        by_time.then_with(|| other.number.cmp(&self.number))
    }
}

impl<E> PartialOrd for Planned<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Planned<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Planned<E> {}

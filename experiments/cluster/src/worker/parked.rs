//! Units that stand still, each in its thread, until they have a slot again.

use super::halt::Turn;
use crate::message::Task;
use crate::name::{Hash, Name};
use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many for each slot: each has its model and its data in memory.
const MOST: usize = 2;

/// Paused units, the oldest first.
pub(super) struct Parked {
    most: usize,
    units: Mutex<Units>,
}

#[derive(Default)]
struct Units {
    closed: bool,
    all: VecDeque<(Task, Sender<Turn>)>,
}

impl Parked {
    pub(super) fn new(slots: usize) -> Self {
        Self {
            most: MOST * slots,
            units: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Units> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a unit. Whichever is not kept for that is returned, and ends: the oldest if there are too many, or this one after the end.
    pub(super) fn keep(&self, task: &Task, go_on: Sender<Turn>) -> Option<Task> {
        let mut units = self.lock();
        if units.closed {
            return Some(task.clone());
        }
        units.all.push_back((task.clone(), go_on));
        let oldest = (units.all.len() > self.most).then(|| units.all.pop_front());
        oldest.flatten().map(|(task, _)| task)
    }

    /// What gives a unit its next turn, if it is here.
    pub(super) fn take(&self, key: &Hash) -> Option<Sender<Turn>> {
        let mut units = self.lock();
        let at = units.all.iter().position(|(task, _)| task.key == *key)?;
        units.all.remove(at).map(|(_, go_on)| go_on)
    }

    /// Ends those that are not to go on here, and says which.
    pub(super) fn let_go(&self, which: impl Fn(&Task) -> bool) -> Vec<Task> {
        let mut units = self.lock();
        let all = std::mem::take(&mut units.all);
        let (ended, kept): (VecDeque<_>, VecDeque<_>) =
            all.into_iter().partition(|(task, _)| which(task));
        units.all = kept;
        ended.into_iter().map(|(task, _)| task).collect()
    }

    /// Ends all, and keeps no other.
    pub(super) fn close(&self) -> Vec<Task> {
        self.lock().closed = true;
        self.let_go(|_| true)
    }

    pub(super) fn list(&self) -> Vec<Hash> {
        let units = self.lock();
        units.all.iter().map(|(task, _)| task.key.clone()).collect()
    }

    /// The runs that they belong to.
    pub(super) fn runs(&self) -> Vec<Name> {
        let units = self.lock();
        let mut runs: Vec<Name> = units.all.iter().map(|(task, _)| task.run.clone()).collect();
        runs.sort_unstable();
        runs.dedup();
        runs
    }
}

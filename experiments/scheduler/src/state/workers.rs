//! The workers that are up, by number and by load.

use crate::unit::{UnitId, WorkerId};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A worker that is up.
#[derive(Clone, Debug)]
pub struct Worker {
    id: WorkerId,
    slots: usize,
    elsewhere: usize,
    units: BTreeSet<UnitId>,
}

impl Worker {
    /// Its number.
    pub fn id(&self) -> WorkerId {
        self.id
    }

    /// How many units it does at once, at least 1.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The units it has of this scheduler, running or waiting there.
    pub fn units(&self) -> impl ExactSizeIterator<Item = UnitId> + '_ {
        self.units.iter().copied()
    }

    /// How many units it has, those of other schedulers included.
    pub fn load(&self) -> usize {
        self.units.len().saturating_add(self.elsewhere)
    }

    /// How many slots nobody uses.
    pub fn free(&self) -> usize {
        self.slots.saturating_sub(self.load())
    }

    fn rank(&self) -> Rank {
        Rank {
            load: self.load(),
            slots: self.slots,
            id: self.id,
        }
    }
}

/// Units for each slot, then the number of the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rank {
    load: usize,
    slots: usize,
    id: WorkerId,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        // load / slots < other.load / other.slots, without rounding.
        let (this, that) = (
            self.load as u128 * other.slots as u128,
            other.load as u128 * self.slots as u128,
        );
        this.cmp(&that).then(self.id.cmp(&other.id))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// All workers that are up.
#[derive(Clone, Debug, Default)]
pub(super) struct Workers {
    by_id: BTreeMap<WorkerId, Worker>,
    by_load: BTreeSet<Rank>,
}

impl Workers {
    pub fn get(&self, id: WorkerId) -> Option<&Worker> {
        self.by_id.get(&id)
    }

    pub fn all(&self) -> impl ExactSizeIterator<Item = &Worker> {
        self.by_id.values()
    }

    pub fn after(&self, id: WorkerId) -> Option<&Worker> {
        let next = id.0.checked_add(1)?;
        self.by_id.range(WorkerId(next)..).next().map(|(_, it)| it)
    }

    pub fn least_loaded(&self) -> Option<&Worker> {
        self.get(self.by_load.first()?.id)
    }

    /// A worker that comes, or whose slots change. Whether that is anything new.
    pub fn up(&mut self, id: WorkerId, slots: usize) -> bool {
        if self.by_id.contains_key(&id) {
            let mut before = 0;
            self.change(id, |worker| {
                before = std::mem::replace(&mut worker.slots, slots)
            });
            return before != slots;
        }
        let worker = Worker {
            id,
            slots,
            elsewhere: 0,
            units: BTreeSet::new(),
        };
        self.by_load.insert(worker.rank());
        self.by_id.insert(id, worker);
        true
    }

    /// A worker that goes, and the units it had.
    pub fn down(&mut self, id: WorkerId) -> Option<BTreeSet<UnitId>> {
        let worker = self.by_id.remove(&id)?;
        self.by_load.remove(&worker.rank());
        Some(worker.units)
    }

    pub fn give(&mut self, id: WorkerId, unit: UnitId) {
        self.change(id, |worker| {
            worker.units.insert(unit);
        });
    }

    pub fn take(&mut self, id: WorkerId, unit: UnitId) {
        self.change(id, |worker| {
            worker.units.remove(&unit);
        });
    }

    pub fn elsewhere(&mut self, id: WorkerId, units: usize) {
        self.change(id, |worker| worker.elsewhere = units);
    }

    /// Changes a worker, if it is up, and keeps the order by load.
    fn change(&mut self, id: WorkerId, change: impl FnOnce(&mut Worker)) {
        if let Some(worker) = self.by_id.get_mut(&id) {
            self.by_load.remove(&worker.rank());
            change(worker);
            self.by_load.insert(worker.rank());
        }
    }
}

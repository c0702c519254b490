//! The workers, by name and by the number that the scheduler knows them by.

use crate::message::Heartbeat;
use crate::name::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use trimtab_scheduler::WorkerId;

/// The workers that are alive.
#[derive(Default)]
pub(super) struct Members {
    alive: BTreeMap<Name, Member>,
    names: BTreeMap<WorkerId, Name>,
    refused: BTreeSet<Name>,
    next: u64,
}

pub(super) struct Member {
    pub(super) id: WorkerId,
    pub(super) slots: usize,
    pub(super) beat: Heartbeat,
    pub(super) seen: Instant,
}

impl Members {
    /// A sign of life; the number, and whether the worker is new.
    pub(super) fn seen(&mut self, beat: Heartbeat) -> (WorkerId, bool) {
        let name = beat.hello.worker.clone();
        // More than this no machine does at once; the number comes from outside.
        let slots = beat.hello.slots.clamp(1, 4096) as usize;
        let seen = Instant::now();
        if let Some(member) = self.alive.get_mut(&name) {
            (member.beat, member.seen, member.slots) = (beat, seen, slots);
            return (member.id, false);
        }
        let id = WorkerId(self.next);
        self.next += 1;
        self.names.insert(id, name.clone());
        let member = Member {
            id,
            slots,
            beat,
            seen,
        };
        self.alive.insert(name, member);
        (id, true)
    }

    /// Whether this refusal was not told yet.
    pub(super) fn refuse(&mut self, worker: &Name) -> bool {
        self.refused.insert(worker.clone())
    }

    pub(super) fn remove(&mut self, name: &Name) -> Option<Member> {
        let member = self.alive.remove(name)?;
        self.names.remove(&member.id);
        Some(member)
    }

    pub(super) fn name(&self, id: WorkerId) -> Option<&Name> {
        self.names.get(&id)
    }

    pub(super) fn get(&self, name: &Name) -> Option<&Member> {
        self.alive.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &Member)> {
        self.alive.iter()
    }

    /// Those that have been silent for longer than this.
    pub(super) fn silent(&self, lease: Duration) -> Vec<Name> {
        let silent = self
            .alive
            .iter()
            .filter(|(_, member)| member.seen.elapsed() > lease);
        silent.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn slots(&self) -> usize {
        self.alive.values().map(|member| member.slots).sum()
    }
}

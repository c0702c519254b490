//! What is known: the units that wait, those in hand, and the workers. Every look-up that a decision needs costs O(log n).

mod ended;
mod workers;

pub use workers::Worker;

use crate::command::Command;
use crate::error::{Error, Result, Why};
use crate::unit::{Unit, UnitId, WorkerId};
use ended::Ended;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::hash_map;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use workers::Workers;

/// How many units are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Units submitted so far: those that wait, are in hand, done and failed.
    pub submitted: usize,
    /// Units that wait here.
    pub waiting: usize,
    /// Units at workers: running, waiting there, or being paused.
    pub in_hand: usize,
    /// Units with an answer.
    pub done: usize,
    /// Units that will never be done.
    pub failed: usize,
    /// How often a unit was lost with its worker.
    pub lost: usize,
    /// Workers that are up.
    pub workers: usize,
}

/// How far a unit in hand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// On its way to the worker, or waiting there.
    Assigned,
    /// The worker does it.
    Running,
    /// The worker was asked to pause it.
    Pausing,
}

/// A unit that has not ended.
#[derive(Clone, Debug)]
struct Entry {
    unit: Unit,
    /// How many units were submitted before.
    arrival: u64,
    /// The workers with which it was lost.
    lost_with: Vec<WorkerId>,
    /// Who has it; nobody while it waits.
    holder: Option<(WorkerId, Stage)>,
}

/// Work of a preempted unit that one worker keeps.
#[derive(Clone, Copy, Debug)]
struct Kept {
    worker: WorkerId,
    /// Until this second the unit goes on there or nowhere.
    until: f64,
}

/// Order of the units that wait: high priority first, then in the order of arrival.
type Place = (Reverse<i32>, u64);

/// Order of the units that run.
type Rank = (i32, Reverse<u64>, UnitId);

/// What a strategy decides on.
#[derive(Clone, Debug, Default)]
pub struct State {
    now: f64,
    quota: usize,
    ceiling: usize,
    counts: Counts,
    units: HashMap<UnitId, Entry>,
    ended: Ended,
    waiting: BTreeMap<Place, UnitId>,
    /// Of units that wait.
    kept: HashMap<UnitId, Kept>,
    /// Lowest priority first, and the latest arrival among equals.
    running: BTreeSet<Rank>,
    pausing: usize,
    workers: Workers,
}

impl State {
    /// Nothing yet.
    pub(crate) fn new(quota: usize) -> Self {
        Self {
            quota,
            ceiling: usize::MAX,
            ..Self::default()
        }
    }

    /// The second of the last event. It never goes back.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// How many units are where.
    pub fn counts(&self) -> Counts {
        Counts {
            waiting: self.waiting.len(),
            in_hand: self.in_hand(),
            workers: self.workers.all().len(),
            ..self.counts
        }
    }

    /// Most units in hand at once.
    pub fn quota(&self) -> usize {
        self.quota
    }

    /// Most units that may go on: a strategy that preempts pauses those beyond it.
    pub fn ceiling(&self) -> usize {
        self.ceiling
    }

    /// How many units are at workers.
    pub fn in_hand(&self) -> usize {
        self.units.len() - self.waiting.len()
    }

    /// How many units workers were asked to pause and still have.
    pub fn pausing(&self) -> usize {
        self.pausing
    }

    /// The unit to assign next; none if nothing is ready or the quota is used up.
    pub fn first_waiting(&self) -> Option<Unit> {
        let room = self.in_hand() < self.quota;
        self.ready().next().filter(|_| room)
    }

    /// All units that wait, in their order, whatever the quota.
    pub fn waiting(&self) -> impl Iterator<Item = Unit> + '_ {
        (self.waiting.iter()).map(|(&(Reverse(priority), _), &id)| Unit { id, priority })
    }

    /// Those of them that need not wait for one worker alone, because it [keeps](crate::Scheduler::parked) their work and is busy.
    pub fn ready(&self) -> impl Iterator<Item = Unit> + '_ {
        self.waiting().filter(|unit| {
            let kept = self.kept.get(&unit.id);
            kept.is_none_or(|kept| {
                let keeper = self.workers.get(kept.worker);
                self.now >= kept.until || keeper.is_none_or(|worker| worker.free() > 0)
            })
        })
    }

    /// The worker that keeps the work of a unit that waits, if it is up.
    pub fn keeper(&self, unit: UnitId) -> Option<&Worker> {
        self.workers.get(self.kept.get(&unit)?.worker)
    }

    /// The units that workers do and are not about to pause, with their workers: lowest priority first, the latest arrival among equals.
    pub fn running(&self) -> impl Iterator<Item = (Unit, WorkerId)> + '_ {
        (self.running.iter()).filter_map(|&(priority, _, id)| {
            let (worker, _) = self.units.get(&id)?.holder?;
            Some((Unit { id, priority }, worker))
        })
    }

    /// Whether a unit waits or is in hand.
    pub fn has(&self, unit: UnitId) -> bool {
        self.units.contains_key(&unit)
    }

    /// Who has a unit, and how far it is there.
    pub fn holder(&self, unit: UnitId) -> Option<(WorkerId, Stage)> {
        self.units.get(&unit)?.holder
    }

    /// A worker that is up.
    pub fn worker(&self, id: WorkerId) -> Option<&Worker> {
        self.workers.get(id)
    }

    /// All workers that are up, by number.
    pub fn workers(&self) -> impl ExactSizeIterator<Item = &Worker> {
        self.workers.all()
    }

    /// The worker with the next higher number; after the last, and after none, the first.
    pub fn next_worker(&self, after: Option<WorkerId>) -> Option<&Worker> {
        let next = after.and_then(|id| self.workers.after(id));
        next.or_else(|| self.workers.all().next())
    }

    /// The worker with the fewest units for each of its slots; the lowest number among equals. If any worker has a free slot, this one
    /// does.
    pub fn least_loaded(&self) -> Option<&Worker> {
        self.workers.least_loaded()
    }
}

/// What the scheduler does to it.
impl State {
    pub(crate) fn set_now(&mut self, at: f64) {
        self.now = self.now.max(at);
    }

    pub(crate) fn set_quota(&mut self, quota: usize) {
        self.quota = quota;
    }

    pub(crate) fn set_ceiling(&mut self, ceiling: usize) {
        self.ceiling = ceiling;
    }

    /// A new unit waits. False if its number was used before.
    pub(crate) fn submit(&mut self, unit: Unit) -> bool {
        let hash_map::Entry::Vacant(vacant) = self.units.entry(unit.id) else {
            return false;
        };
        if self.ended.contains(unit.id) {
            return false;
        }
        let entry = Entry {
            unit,
            arrival: self.counts.submitted as u64,
            lost_with: Vec::new(),
            holder: None,
        };
        self.counts.submitted += 1;
        self.waiting.insert(entry.place(), unit.id);
        vacant.insert(entry);
        true
    }

    /// Whether a unit has not ended.
    ///
    /// # Errors
    /// [`Error::UnknownUnit`].
    pub(crate) fn open(&self, unit: UnitId) -> Result<bool> {
        if self.has(unit) {
            return Ok(true);
        }
        let ended = self.ended.contains(unit);
        ended.then_some(false).ok_or(Error::UnknownUnit(unit))
    }

    /// Carries out what a strategy asked for.
    pub(crate) fn carry_out(&mut self, command: Command) -> std::result::Result<(), Why> {
        let (Command::Assign { unit, worker } | Command::Preempt { unit, worker }) = command else {
            return Err(Why::Withdrawal);
        };
        let room = self.in_hand() < self.quota;
        let entry = self.units.get_mut(&unit).ok_or(Why::NoSuchUnit)?;
        self.workers.get(worker).ok_or(Why::NoSuchWorker)?;
        match (command, entry.holder) {
            (Command::Assign { .. }, None) if room => {
                entry.holder = Some((worker, Stage::Assigned));
                self.waiting.remove(&entry.place());
                self.kept.remove(&unit);
                self.workers.give(worker, unit);
            }
            (Command::Assign { .. }, None) => return Err(Why::Quota),
            (Command::Assign { .. }, Some(_)) => return Err(Why::InHand),
            (_, Some((holder, _))) if holder != worker => return Err(Why::NotThere),
            (_, None) => return Err(Why::NotThere),
            (_, Some((_, Stage::Pausing))) => return Err(Why::Pausing),
            (_, Some(_)) => {
                entry.holder = Some((worker, Stage::Pausing));
                self.running.remove(&entry.rank());
                self.pausing += 1;
            }
        }
        Ok(())
    }

    /// An assigned unit runs.
    pub(crate) fn begin(&mut self, unit: UnitId) {
        if let Some(entry) = self.units.get_mut(&unit)
            && let Some((_, stage @ Stage::Assigned)) = &mut entry.holder
        {
            *stage = Stage::Running;
            self.running.insert(entry.rank());
        }
    }

    /// A unit in hand waits in its old place again.
    pub(crate) fn put_back(&mut self, unit: UnitId) {
        if let Some(entry) = self.units.get_mut(&unit)
            && let Some(holder) = entry.holder.take()
        {
            let rank = entry.rank();
            self.waiting.insert(entry.place(), unit);
            self.release(rank, holder);
        }
    }

    /// A worker keeps the work of a unit that waits, which is worth so many seconds.
    pub(crate) fn keep(&mut self, unit: UnitId, worker: WorkerId, seconds: f64) {
        let until = self.now + seconds;
        self.kept.insert(unit, Kept { worker, until });
    }

    /// Nobody keeps its work any more. Whether anybody did.
    pub(crate) fn drop_kept(&mut self, unit: UnitId) -> bool {
        self.kept.remove(&unit).is_some()
    }

    /// An assignment as it is carried out: a unit goes on where its work is kept, if there is a free slot.
    pub(crate) fn homeward(&self, command: Command) -> Command {
        match command {
            Command::Assign { unit, .. } => match self.keeper(unit) {
                Some(keeper) if keeper.free() > 0 => Command::Assign {
                    unit,
                    worker: keeper.id(),
                },
                _ => command,
            },
            other => other,
        }
    }

    /// A unit in hand was lost and waits in its old place again. All workers with which it was lost.
    pub(crate) fn lose(&mut self, unit: UnitId, worker: WorkerId) -> Vec<WorkerId> {
        self.counts.lost += 1;
        self.put_back(unit);
        let Some(entry) = self.units.get_mut(&unit) else {
            return Vec::new();
        };
        entry.lost_with.push(worker);
        entry.lost_with.clone()
    }

    /// A unit has ended. Who had it, if anybody; nothing if there is no such unit, or no more.
    pub(crate) fn end(&mut self, unit: UnitId, done: bool) -> Option<Option<WorkerId>> {
        let entry = self.units.remove(&unit)?;
        self.kept.remove(&unit);
        match entry.holder {
            Some(holder) => self.release(entry.rank(), holder),
            None => {
                self.waiting.remove(&entry.place());
            }
        }
        self.ended.insert(unit);
        self.counts.done += usize::from(done);
        self.counts.failed += usize::from(!done);
        Some(entry.holder.map(|(worker, _)| worker))
    }

    pub(crate) fn worker_up(&mut self, worker: WorkerId, slots: usize) -> bool {
        self.workers.up(worker, slots)
    }

    /// A worker is gone. The units it had, in the order in which they would wait; they are still to be lost.
    pub(crate) fn worker_down(&mut self, worker: WorkerId) -> Option<Vec<UnitId>> {
        let mut units: Vec<_> = self.workers.down(worker)?.into_iter().collect();
        units.sort_by_key(|unit| self.units.get(unit).map(Entry::place));
        Some(units)
    }

    pub(crate) fn elsewhere(&mut self, worker: WorkerId, units: usize) {
        self.workers.elsewhere(worker, units);
    }

    /// Takes a unit from who has it.
    fn release(&mut self, rank: Rank, (worker, stage): (WorkerId, Stage)) {
        match stage {
            Stage::Assigned => {}
            Stage::Running => {
                self.running.remove(&rank);
            }
            Stage::Pausing => self.pausing -= 1,
        }
        self.workers.take(worker, rank.2);
    }
}

impl Entry {
    fn place(&self) -> Place {
        (Reverse(self.unit.priority), self.arrival)
    }

    fn rank(&self) -> Rank {
        (self.unit.priority, Reverse(self.arrival), self.unit.id)
    }
}

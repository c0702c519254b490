//! The state machine: events in, commands out. It keeps the rules that hold whatever the strategy.

use crate::change::{Change, Observer};
use crate::command::Command;
use crate::error::{Error, Mistake, Result, finite};
use crate::state::{Stage, State};
use crate::strategy::Strategy;
use crate::unit::{Unit, UnitId, WorkerId};
use serde::{Deserialize, Serialize};

/// So many decisions of a strategy that make no sense are skipped before it has to wait for the next event.
const MOST_MISTAKES: usize = 100;

/// What holds whatever the strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How often a unit that was lost with its worker is given out again; once more, and it has failed. Default 3: a unit that
    /// brought four workers down is likely to be the cause.
    pub redeliveries: usize,
    /// Most units in hand at once: this scheduler's [share](crate::shares::shares) of a cluster that others use too. Default: no
    /// limit.
    pub quota: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            redeliveries: 3,
            quota: usize::MAX,
        }
    }
}

/// Decides which unit goes to which worker.
///
/// It is told every event with the second at which it happened, and answers with commands when asked. Events may come late, twice, or
/// in an order that makes no sense; each says whether it changed anything. Seconds count from 0; times that go back count as the latest so far.
pub struct Scheduler {
    state: State,
    strategy: Box<dyn Strategy>,
    redeliveries: usize,
    observers: Vec<Box<dyn Observer>>,
    withdrawals: Vec<(UnitId, WorkerId)>,
    mistakes: Vec<Mistake>,
}

impl Scheduler {
    /// A scheduler without units and workers.
    pub fn new(strategy: Box<dyn Strategy>, limits: Limits) -> Self {
        Self {
            state: State::new(limits.quota),
            strategy,
            redeliveries: limits.redeliveries,
            observers: Vec::new(),
            withdrawals: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    /// What is known now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Name of the strategy that decides.
    pub fn strategy(&self) -> &str {
        self.strategy.name()
    }

    /// Tells `observer` of every change from now on.
    pub fn observe(&mut self, observer: Box<dyn Observer>) {
        self.observers.push(observer);
    }

    /// Lets another strategy decide from now on. Units in hand stay where they are.
    ///
    /// # Errors
    /// A time that is no number.
    pub fn set_strategy(&mut self, strategy: Box<dyn Strategy>, at: f64) -> Result<()> {
        self.clock(at)?;
        self.strategy = strategy;
        let name = self.strategy.name().to_owned();
        self.tell(Change::Strategy { name });
        Ok(())
    }

    /// Sets the most units in hand at once. With fewer than are in hand, those run out first. With 0, nothing more is given out.
    pub fn set_quota(&mut self, quota: usize) {
        self.state.set_quota(quota);
    }

    /// Sets the most units that may go on: with a strategy that preempts, those beyond it are paused, the ones of lowest priority first.
    /// For slots that somebody more urgent needs now.
    pub fn set_ceiling(&mut self, ceiling: usize) {
        self.state.set_ceiling(ceiling);
    }

    /// What is to be done now. Ask after every event, and carry everything out in this order.
    ///
    /// # Errors
    /// A time that is no number.
    pub fn commands(&mut self, at: f64) -> Result<Vec<Command>> {
        self.clock(at)?;
        let mut commands = Vec::new();
        for (unit, worker) in self.withdrawals.drain(..) {
            // A worker that is gone needs no message.
            if self.state.worker(worker).is_some() {
                commands.push(Command::Withdraw { unit, worker });
            }
        }
        self.mistakes.clear();
        while self.mistakes.len() < MOST_MISTAKES
            && let Some(command) = self.strategy.next(&self.state)
        {
            let command = self.state.homeward(command);
            if let Err(why) = self.state.carry_out(command) {
                self.mistakes.push(Mistake { command, why });
                continue;
            }
            if let Command::Assign { unit, worker } = command {
                self.tell(Change::Assigned { unit, worker });
            }
            commands.push(command);
        }
        Ok(commands)
    }

    /// What the strategy asked for at the last [`Scheduler::commands`] that made no sense and was skipped.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    fn clock(&mut self, at: f64) -> Result<()> {
        self.state.set_now(finite("at", at)?);
        Ok(())
    }

    fn tell(&mut self, change: Change) {
        let at = self.state.now();
        for observer in &mut self.observers {
            observer.changed(at, &change);
        }
    }
}

/// Events. Each says whether it changed anything: late ones and duplicates do not.
impl Scheduler {
    /// A new unit. False if a unit with its number was submitted before.
    ///
    /// # Errors
    /// A time that is no number.
    pub fn submit(&mut self, unit: Unit, at: f64) -> Result<bool> {
        self.clock(at)?;
        let new = self.state.submit(unit);
        if new {
            self.tell(Change::Queued { unit: unit.id });
        }
        Ok(new)
    }

    /// A worker takes units, so many at once; or one that is up has another number of slots. One that has started anew and lost its
    /// units is first [down](Scheduler::worker_down).
    ///
    /// # Errors
    /// A time that is no number, a worker without slots.
    pub fn worker_up(&mut self, worker: WorkerId, slots: usize, at: f64) -> Result<bool> {
        if slots == 0 {
            return Err(Error::value("slots", slots, "give at least 1"));
        }
        self.clock(at)?;
        let new = self.state.worker_up(worker, slots);
        if new {
            self.tell(Change::WorkerUp { worker, slots });
        }
        Ok(new)
    }

    /// A worker is gone. Each of its units waits in its old place again, or has failed if it was lost too often.
    ///
    /// # Errors
    /// A time that is no number.
    pub fn worker_down(&mut self, worker: WorkerId, at: f64) -> Result<bool> {
        self.clock(at)?;
        let Some(units) = self.state.worker_down(worker) else {
            return Ok(false);
        };
        self.tell(Change::WorkerDown { worker });
        for unit in units {
            self.lose(unit, worker);
        }
        Ok(true)
    }

    /// How many units of other schedulers a worker has, as it says. Its load counts them.
    ///
    /// # Errors
    /// A time that is no number.
    pub fn elsewhere(&mut self, worker: WorkerId, units: usize, at: f64) -> Result<()> {
        self.clock(at)?;
        self.state.elsewhere(worker, units);
        Ok(())
    }

    /// A worker began a unit.
    ///
    /// # Errors
    /// A time that is no number, a unit that was never submitted.
    pub fn started(&mut self, unit: UnitId, worker: WorkerId, at: f64) -> Result<bool> {
        let assigned = self.stage(unit, worker, at)? == Some(Stage::Assigned);
        if assigned {
            self.state.begin(unit);
            self.tell(Change::Started { unit, worker });
        }
        Ok(assigned)
    }

    /// A worker goes on with a unit. If the message that it began was lost, this one says so too.
    ///
    /// # Errors
    /// A time that is no number, a unit that was never submitted.
    pub fn progressed(&mut self, unit: UnitId, worker: WorkerId, at: f64) -> Result<bool> {
        self.started(unit, worker, at)?;
        let there = self.stage(unit, worker, at)?.is_some();
        if there {
            self.tell(Change::Progressed { unit, worker });
        }
        Ok(there)
    }

    /// A worker paused a unit, and its work is kept. It waits in its old place again, and may go on at any worker. This is no loss, and
    /// it need not have been asked for.
    ///
    /// # Errors
    /// A time that is no number, a unit that was never submitted.
    pub fn preempted(&mut self, unit: UnitId, worker: WorkerId, at: f64) -> Result<bool> {
        let there = self.stage(unit, worker, at)?.is_some();
        if there {
            self.state.put_back(unit);
            self.tell(Change::Preempted { unit, worker });
            self.tell(Change::Queued { unit });
        }
        Ok(there)
    }

    /// A worker paused a unit and keeps what was done of it, work of so many seconds. As [`Scheduler::preempted`], but it goes on at that
    /// worker as soon as a slot is free there. It waits for that as long as its work took; from then on it begins anew wherever a slot
    /// is free first. Where another slot is free its delay is at most twice that of whoever knew when the first one will be (the ski rental
    /// of Karlin, Manasse, Rudolph and Sleator, Competitive snoopy caching, 1988).
    ///
    /// # Errors
    /// A time or seconds that are no number, a unit that was never submitted.
    pub fn parked(
        &mut self,
        unit: UnitId,
        worker: WorkerId,
        seconds: f64,
        at: f64,
    ) -> Result<bool> {
        let seconds = finite("seconds", seconds)?;
        let there = self.preempted(unit, worker, at)?;
        if there {
            self.state.keep(unit, worker, seconds);
        }
        Ok(there)
    }

    /// The worker does not keep the work of a unit any more, which waits for no worker from now on.
    ///
    /// # Errors
    /// A time that is no number.
    pub fn let_go(&mut self, unit: UnitId, at: f64) -> Result<bool> {
        self.clock(at)?;
        Ok(self.state.drop_kept(unit))
    }

    /// The answer to a unit came. The first one counts, whoever sends it: if it comes from a worker that was thought dead, the unit is
    /// withdrawn from who has it now. False if the answer is to be thrown away.
    ///
    /// # Errors
    /// A time that is no number, a unit that was never submitted.
    pub fn done(&mut self, unit: UnitId, worker: WorkerId, at: f64) -> Result<bool> {
        self.clock(at)?;
        let Some(holder) = self.state.end(unit, true) else {
            return self.state.open(unit);
        };
        self.tell(Change::Done { unit, worker });
        if let Some(other) = holder.filter(|&holder| holder != worker) {
            self.withdrawals.push((unit, other));
        }
        Ok(true)
    }

    /// A worker says that a unit cannot be done, by anybody. It counts from the worker that has it; another one's word does not end a
    /// unit that may still be done.
    ///
    /// # Errors
    /// A time that is no number, a unit that was never submitted.
    pub fn failed(
        &mut self,
        unit: UnitId,
        worker: WorkerId,
        reason: impl Into<String>,
        at: f64,
    ) -> Result<bool> {
        let there = self.stage(unit, worker, at)?.is_some();
        if there {
            self.state.end(unit, false);
            let reason = reason.into();
            self.tell(Change::Failed { unit, reason });
        }
        Ok(there)
    }

    /// A unit was lost by a worker that is still up. As if the worker had gone, for this unit alone.
    ///
    /// # Errors
    /// A time that is no number, a unit that was never submitted.
    pub fn lost(&mut self, unit: UnitId, worker: WorkerId, at: f64) -> Result<bool> {
        let there = self.stage(unit, worker, at)?.is_some();
        if there {
            self.lose(unit, worker);
        }
        Ok(there)
    }

    fn lose(&mut self, unit: UnitId, worker: WorkerId) {
        let lost_with = self.state.lose(unit, worker);
        self.tell(Change::Lost { unit, worker });
        if lost_with.len() <= self.redeliveries {
            return self.tell(Change::Queued { unit });
        }
        self.state.end(unit, false);
        let reason = format!(
            "lost each of the {} times that it was given out, with workers {}",
            lost_with.len(),
            listed(&lost_with)
        );
        self.tell(Change::Failed { unit, reason });
    }

    /// How far a unit is at a worker; none if that worker does not have it.
    fn stage(&mut self, unit: UnitId, worker: WorkerId, at: f64) -> Result<Option<Stage>> {
        self.clock(at)?;
        let holder = self.state.holder(unit);
        if holder.is_none() {
            self.state.open(unit)?;
        }
        Ok(holder.filter(|held| held.0 == worker).map(|held| held.1))
    }
}

/// `3, 5 and 9`.
fn listed(workers: &[WorkerId]) -> String {
    let numbers: Vec<_> = workers.iter().map(|worker| worker.0.to_string()).collect();
    match numbers.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => numbers.concat(),
    }
}

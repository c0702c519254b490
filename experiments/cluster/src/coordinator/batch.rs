//! The units of one batch, from the first that is handed out to the last answer.

mod liveness;
mod returned;

use super::events::Event;
use super::{Coordinator, Inner, scheduler};
use crate::message::{Answer, Content, MOST_INLINE, Message, Payload, Task};
use crate::name::{Hash, Name};
use crate::retry::retry;
use crate::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use trimtab_scheduler::{Command, Unit, UnitId, WorkerId};

/// Units that are handed out together.
pub struct Batch<'a> {
    /// What is to be done with them: content that [`Coordinator::put`] has stored.
    pub job: Hash,
    /// What they share: content that [`Coordinator::put`] has stored.
    pub shared: Hash,
    /// How many there are.
    pub count: usize,
    /// Each by its number, and its priority: higher goes first.
    pub unit: &'a dyn Fn(usize) -> (Vec<u8>, i32),
    /// Set from outside to stop.
    pub interrupted: &'a AtomicBool,
    /// The trace that they belong to, as W3C's `traceparent`.
    pub trace: Option<String>,
}

/// At least so many units are known to the scheduler at once; what lies further ahead is not yet made, so that memory stays flat.
const WINDOW: usize = 1000;

/// How often time itself is looked at: silent workers, interruptions, shares.
const TICK: Duration = Duration::from_millis(200);

/// A unit under way.
struct Pending {
    /// Its numbers in the batch; more than one if the same is asked twice.
    indices: Vec<usize>,
    key: Hash,
    content: Content,
    continuation: Option<Content>,
    attempt: u32,
    worker: Option<(WorkerId, Name)>,
    /// The worker that keeps what was done of it, while it is paused.
    keeper: Option<Name>,
    since: Instant,
    steps: u64,
}

impl Coordinator {
    /// Hands out the units and gives `each` their answers, with the number of the unit, in the order of the units and as soon as that order
    /// allows; `advance` is told of steps while they are under way. It waits for workers for as long as there are none.
    ///
    /// # Errors
    /// [`Error::Unit`] for the first unit that fails, [`Error::Interrupted`], [`Error::Deposed`], and the error of `each`. What workers have
    /// in hand then they finish, for a coordinator that goes on.
    pub fn each<E: From<Error>>(
        &self,
        batch: &Batch,
        advance: &mut dyn FnMut(u64),
        each: &mut dyn FnMut(usize, Vec<u8>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut inner = self.lock();
        let mut underway = Underway {
            coordinator: self,
            batch,
            inner: &mut inner,
            units: BTreeMap::new(),
            by_key: HashMap::new(),
            early: BTreeMap::new(),
            next: 0,
            due: 0,
            handed_out: 0,
        };
        let outcome = self.runtime.block_on(underway.run(advance, each));
        if outcome.is_err() {
            self.runtime.block_on(underway.let_all_go());
            // Nothing of it is handed out any more; the next batch begins anew.
            let withdraw = self.store.withdraw("*", self.options.run.as_str(), "*");
            let withdraw = async { tokio::time::timeout(Duration::from_secs(5), withdraw).await };
            self.runtime.block_on(withdraw).ok();
            inner.start_anew(self);
        }
        outcome
    }
}

impl Inner {
    fn now(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    fn start_anew(&mut self, coordinator: &Coordinator) {
        let now = self.now();
        self.scheduler = scheduler(&coordinator.options, &self.failed);
        for (_, member) in self.members.iter() {
            self.scheduler
                .worker_up(member.id, member.slots, now)
                .unwrap_or_default();
        }
    }
}

struct Underway<'a> {
    coordinator: &'a Coordinator,
    batch: &'a Batch<'a>,
    inner: &'a mut Inner,
    units: BTreeMap<UnitId, Pending>,
    by_key: HashMap<Hash, UnitId>,
    /// Answers that wait for those before them.
    early: BTreeMap<usize, Result<Vec<u8>>>,
    /// The first unit that is not made yet.
    next: usize,
    /// The unit whose answer is to be given next.
    due: usize,
    handed_out: u64,
}

impl Underway<'_> {
    async fn run<E: From<Error>>(
        &mut self,
        advance: &mut dyn FnMut(u64),
        each: &mut dyn FnMut(usize, Vec<u8>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        // Signs of life that came since the last batch.
        while let Ok(event) = self.inner.events.try_recv() {
            self.take(event, advance).await?;
        }
        let mut ticked = Instant::now();
        self.tick().await?;
        while self.due < self.batch.count {
            self.submit(advance).await?;
            self.command().await?;
            while let Some(answer) = self.early.remove(&self.due) {
                let index = self.due;
                self.due += 1;
                each(index, answer?)?;
                // A handler that takes its time must not keep units waiting.
                if self.early.contains_key(&self.due) && self.due.is_multiple_of(64) {
                    break;
                }
            }
            if self.due == self.batch.count || self.early.contains_key(&self.due) {
                continue;
            }
            let event = tokio::time::timeout(TICK, self.inner.events.recv()).await;
            if let Ok(Some(event)) = event {
                self.take(event, advance).await?;
                while let Ok(event) = self.inner.events.try_recv() {
                    self.take(event, advance).await?;
                }
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.tick().await?;
            }
        }
        Ok(())
    }

    /// Tells the scheduler of units, as far ahead as memory stays flat.
    async fn submit(&mut self, advance: &mut dyn FnMut(u64)) -> Result<()> {
        let window = WINDOW.max(16 * self.inner.members.slots());
        let failed = self.early.values().any(Result::is_err);
        while self.next < self.batch.count && self.next < self.due + window && !failed {
            let index = self.next;
            self.next += 1;
            let (unit, priority) = (self.batch.unit)(index);
            let (job, shared) = (&self.batch.job, &self.batch.shared);
            let run = &self.coordinator.options.run;
            let names = [run.as_str(), job.as_str(), shared.as_str()].map(str::as_bytes);
            // Two runs may ask the same of one worker at once.
            let key = Hash::of_parts(&[names[0], names[1], names[2], &unit]);
            if let Some(id) = self.by_key.get(&key) {
                if let Some(pending) = self.units.get_mut(id) {
                    pending.indices.push(index);
                }
                continue;
            }
            let store = &self.coordinator.store;
            let content = if unit.len() > MOST_INLINE {
                Content::Stored(store.put(&unit).await?)
            } else {
                Content::Inline(unit)
            };
            let id = UnitId(self.inner.next_unit);
            self.inner.next_unit += 1;
            self.by_key.insert(key.clone(), id);
            let pending = Pending {
                indices: vec![index],
                key: key.clone(),
                content,
                continuation: None,
                attempt: 0,
                worker: None,
                keeper: None,
                since: Instant::now(),
                steps: 0,
            };
            self.units.insert(id, pending);
            let now = self.inner.now();
            self.inner
                .scheduler
                .submit(Unit { id, priority }, now)
                .map_err(scheduling)?;
            // An earlier coordinator of this run has asked for it.
            if self.inner.answered.contains(&key) {
                self.look_up(&key, advance).await?;
            }
        }
        Ok(())
    }

    /// Carries out what the scheduler says.
    async fn command(&mut self) -> Result<()> {
        let now = self.inner.now();
        let commands = self.inner.scheduler.commands(now).map_err(scheduling)?;
        for command in commands {
            match command {
                Command::Assign { unit, worker } => {
                    self.assign(unit, worker)?;
                    self.leave_keeper(unit).await?;
                }
                Command::Preempt { unit, worker } => {
                    if let Some(pending) = self.units.get(&unit) {
                        let preempt = Payload::Preempt(pending.key.clone());
                        self.control(worker, preempt).await?;
                    }
                }
                // The unit is done: what the queue still holds of it was withdrawn when its answer came.
                Command::Withdraw { .. } => {}
            }
        }
        self.fail().await
    }

    fn assign(&mut self, unit: UnitId, worker: WorkerId) -> Result<()> {
        let coordinator = self.coordinator;
        let (Some(pending), Some(name)) =
            (self.units.get_mut(&unit), self.inner.members.name(worker))
        else {
            return Ok(());
        };
        pending.worker = Some((worker, name.clone()));
        pending.since = Instant::now();
        let options = &coordinator.options;
        let task = Task {
            run: options.run.clone(),
            key: pending.key.clone(),
            attempt: pending.attempt,
            lead: coordinator.lead.token,
            fingerprint: options.fingerprint.clone(),
            job: self.batch.job.clone(),
            shared: self.batch.shared.clone(),
            unit: pending.content.clone(),
            continuation: pending.continuation.clone(),
            trace: self.batch.trace.clone(),
        };
        let store = &coordinator.store;
        let subject = store.task_subject(name.as_str(), options.run.as_str(), pending.key.as_str());
        self.handed_out += 1;
        let id = format!(
            "{}-{}-{}-{}",
            pending.key, coordinator.lead.token, self.inner.next_unit, self.handed_out
        );
        let message = coordinator.message(Payload::Task(task))?;
        let store = store.clone();
        tokio::spawn(async move { store.hand_out(subject, id, message).await });
        Ok(())
    }

    /// Tells a worker something. If it gets lost the worker does more than it needs to.
    async fn control(&self, worker: WorkerId, payload: Payload) -> Result<()> {
        if let Some(name) = self.inner.members.name(worker) {
            let store = &self.coordinator.store;
            let subject = store.control_subject(name.as_str());
            let message = self.coordinator.message(payload)?;
            store.client.publish(subject, message.into()).await.ok();
        }
        Ok(())
    }

    /// Ends units that the scheduler gives up.
    async fn fail(&mut self) -> Result<()> {
        let failed = {
            let mut failed = self
                .inner
                .failed
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *failed)
        };
        for (unit, reason) in failed {
            let Some(pending) = self.units.remove(&unit) else {
                continue;
            };
            self.by_key.remove(&pending.key);
            self.inner.counts.failed += 1;
            for index in pending.indices {
                let reason = reason.clone();
                self.early.insert(index, Err(Error::Unit { index, reason }));
            }
        }
        Ok(())
    }

    async fn take(&mut self, event: Event, advance: &mut dyn FnMut(u64)) -> Result<()> {
        let now = self.inner.now();
        match event {
            Event::Answer(answer) => self.answered(*answer, advance).await?,
            Event::Answered(key) => {
                if self.by_key.contains_key(&key) {
                    self.look_up(&key, advance).await?;
                }
            }
            Event::Progress(progress) => {
                if let Some(id) = self.by_key.get(&progress.key)
                    && let Some(pending) = self.units.get_mut(id)
                    && let Some((worker, name)) = &pending.worker
                    && *name == progress.worker
                {
                    let steps = progress.steps.saturating_sub(pending.steps);
                    pending.steps += steps;
                    advance(steps);
                    let (id, worker) = (*id, *worker);
                    let scheduler = &mut self.inner.scheduler;
                    scheduler.progressed(id, worker, now).map_err(scheduling)?;
                }
            }
            Event::Returned(returned) => self.returned(returned).await?,
            Event::Member(beat) => self.member(*beat).await?,
            Event::Left(name) => {
                // It says goodbye only with empty hands: what is still its own it has not taken.
                self.hold_back(&name, &[]).await?;
                self.gone(&name, "has left").await?;
            }
            Event::Run(state) => {
                if state.run != self.coordinator.options.run {
                    self.inner.others.insert(state.run.clone(), *state);
                }
            }
            Event::RunEnded(run) => {
                self.inner.others.remove(&run);
            }
            Event::Strategy(strategy) => {
                let built = strategy.build();
                let name = built.name().to_owned();
                if name != self.inner.scheduler.strategy() {
                    (self.coordinator.options.notice)(&format!("the strategy is now {name}"));
                }
                self.inner
                    .scheduler
                    .set_strategy(built, now)
                    .map_err(scheduling)?;
            }
            Event::Odd(problem) => (self.coordinator.options.notice)(&problem),
        }
        Ok(())
    }

    /// Takes the result that is stored for a unit, if it is.
    async fn look_up(&mut self, key: &Hash, advance: &mut dyn FnMut(u64)) -> Result<bool> {
        let (store, run) = (&self.coordinator.store, &self.coordinator.options.run);
        let stored = retry(|| store.result(run.as_str(), key.as_str()));
        let Some(stored) = stored.await? else {
            return Ok(false);
        };
        match Message::decode(&stored)?.payload {
            Payload::Answer(answer) => self.answered(answer, advance).await?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A result is there: the first for its unit counts.
    async fn answered(&mut self, answer: Answer, advance: &mut dyn FnMut(u64)) -> Result<()> {
        let Some(&id) = self.by_key.get(&answer.key) else {
            self.inner.answered.insert(answer.key);
            return Ok(());
        };
        let Some(pending) = self.units.remove(&id) else {
            return Ok(());
        };
        self.by_key.remove(&answer.key);
        if let Some(keeper) = &pending.keeper {
            self.cancel(keeper, &answer.key).await?;
        }
        self.inner.recent.add(answer.key);
        let now = self.inner.now();
        let by = self.inner.members.get(&answer.worker);
        let holder = pending.worker.as_ref().map(|(worker, _)| *worker);
        let by = by.map(|member| member.id).or(holder);
        self.inner
            .scheduler
            .done(id, by.unwrap_or(WorkerId(u64::MAX)), now)
            .map_err(scheduling)?;
        let (store, run) = (&self.coordinator.store, &self.coordinator.options.run);
        if let Some((_, name)) = &pending.worker
            && *name != answer.worker
        {
            store
                .withdraw(name.as_str(), run.as_str(), pending.key.as_str())
                .await
                .ok();
            if let Some(member) = self.inner.members.get(name) {
                let worker = member.id;
                self.control(worker, Payload::Cancel(pending.key.clone()))
                    .await?;
            }
        }
        advance(answer.steps.saturating_sub(pending.steps));
        self.inner.counts.seconds += answer.seconds.max(0.0);
        let outcome = match answer.outcome {
            Ok(Content::Inline(bytes)) => Ok(bytes),
            Ok(Content::Stored(name)) => Ok(store.get(&name).await?),
            Err(reason) => {
                // Whoever goes on with the run tries it again.
                store.forget(run.as_str(), pending.key.as_str()).await.ok();
                Err(reason)
            }
        };
        match &outcome {
            Ok(_) => self.inner.counts.done += 1,
            Err(_) => self.inner.counts.failed += 1,
        }
        for index in pending.indices {
            let outcome = outcome.clone();
            let outcome = outcome.map_err(|reason| Error::Unit { index, reason });
            self.early.insert(index, outcome);
        }
        Ok(())
    }
}

fn scheduling(error: trimtab_scheduler::Error) -> Error {
    Error::server("the scheduler", error)
}

//! What time and workers bring to a batch: signs of life, silence, shares, units that got lost.

use super::{Underway, scheduling};
use crate::coordinator::watched;
use crate::message::{Goodbye, Heartbeat, Payload, Taken};
use crate::name::{Hash, Name};
use crate::{Error, Result};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use trimtab_scheduler::shares::ranked;
use trimtab_scheduler::{UnitId, WorkerId};

/// A unit that a worker has had for so long without saying so is looked for.
const UNSEEN: Duration = Duration::from_secs(20);

impl Underway<'_> {
    /// A worker is alive.
    pub(super) async fn member(&mut self, beat: Heartbeat) -> Result<()> {
        let now = self.inner.now();
        let options = &self.coordinator.options;
        let name = beat.hello.worker.clone();
        if let Some(difference) = options.fingerprint.difference(&beat.hello.fingerprint) {
            if self.inner.members.refuse(&name) {
                let reason = format!(
                    "run {} gives worker {name} no units, since bits could differ: {difference}",
                    options.run
                );
                (options.notice)(&reason);
                let goodbye = Payload::Goodbye(Goodbye {
                    worker: name.clone(),
                    reason,
                });
                let store = &self.coordinator.store;
                let message = self.coordinator.message(goodbye)?;
                let subject = store.control_subject(name.as_str());
                store.client.publish(subject, message.into()).await.ok();
            }
            return Ok(());
        }
        if beat.leaving {
            // What it has it finishes or returns, but it gets nothing more.
            if let Some(member) = self.inner.members.get(&name) {
                let id = member.id;
                self.inner
                    .scheduler
                    .elsewhere(id, usize::MAX / 2, now)
                    .map_err(scheduling)?;
                self.hold_back(&name, &beat.in_hand).await?;
                self.inner.members.seen(beat);
            }
            return Ok(());
        }
        let in_hand = beat.in_hand.clone();
        let slots = beat.hello.slots.clamp(1, 4096) as usize;
        let (id, new) = self.inner.members.seen(beat);
        let scheduler = &mut self.inner.scheduler;
        scheduler.worker_up(id, slots, now).map_err(scheduling)?;
        let foreign = in_hand.iter().filter(|taken| {
            let own = taken.run == options.run;
            // What has just been answered is as good as out of its hands.
            !(own && (self.by_key.contains_key(&taken.key) || self.inner.recent.has(&taken.key)))
        });
        let foreign = foreign.count();
        scheduler.elsewhere(id, foreign, now).map_err(scheduling)?;
        for taken in &in_hand {
            if let Some(unit) = self.by_key.get(&taken.key)
                && let Some(pending) = self.units.get_mut(unit)
                && pending.worker.as_ref().is_some_and(|(held, _)| *held == id)
            {
                pending.since = Instant::now();
                if taken.running {
                    scheduler.started(*unit, id, now).map_err(scheduling)?;
                }
            }
        }
        if new {
            (options.notice)(&format!("worker {name} is here, {slots} at once"));
        }
        Ok(())
    }

    /// Takes back what a worker that leaves has not yet taken.
    pub(super) async fn hold_back(&mut self, name: &Name, in_hand: &[Taken]) -> Result<()> {
        let now = self.inner.now();
        let (store, run) = (&self.coordinator.store, &self.coordinator.options.run);
        let not_taken: Vec<(UnitId, WorkerId, Hash)> = self
            .units
            .iter()
            .filter_map(|(id, pending)| {
                let (worker, at) = pending.worker.as_ref()?;
                let taken = in_hand.iter().any(|taken| taken.key == pending.key);
                (at == name && !taken).then(|| (*id, *worker, pending.key.clone()))
            })
            .collect();
        for (id, worker, key) in not_taken {
            let withdrawn = store.withdraw(name.as_str(), run.as_str(), key.as_str());
            if withdrawn.await.is_err() {
                // Servers that are away: it is asked for again with the next sign of life, or lost with the worker.
                return Ok(());
            }
            let scheduler = &mut self.inner.scheduler;
            scheduler.preempted(id, worker, now).map_err(scheduling)?;
            if let Some(pending) = self.units.get_mut(&id) {
                pending.worker = None;
            }
        }
        Ok(())
    }

    /// A worker is gone: its units go to others.
    pub(super) async fn gone(&mut self, name: &Name, how: &str) -> Result<()> {
        let Some(member) = self.inner.members.remove(name) else {
            return Ok(());
        };
        let now = self.inner.now();
        for pending in self.units.values_mut() {
            pending.keeper.take_if(|keeper| keeper == name);
        }
        let had = self.units.values_mut().filter(|pending| {
            pending
                .worker
                .as_ref()
                .is_some_and(|(worker, _)| *worker == member.id)
        });
        let mut lost = 0;
        for pending in had {
            pending.worker = None;
            pending.attempt += 1;
            lost += 1;
        }
        self.inner.counts.lost += lost;
        let with = if lost > 0 {
            format!("; its {lost} units go to others")
        } else {
            String::new()
        };
        (self.coordinator.options.notice)(&format!("worker {name} {how}{with}"));
        let scheduler = &mut self.inner.scheduler;
        scheduler.worker_down(member.id, now).map_err(scheduling)?;
        let (store, run) = (&self.coordinator.store, &self.coordinator.options.run);
        store.withdraw(name.as_str(), run.as_str(), "*").await.ok();
        Ok(())
    }

    /// What time brings: interruptions, a lost lead, silent workers, shares, units that nobody has.
    pub(super) async fn tick(&mut self) -> Result<()> {
        self.coordinator.lead.check()?;
        if self.batch.interrupted.load(Ordering::SeqCst) {
            return Err(Error::Interrupted);
        }
        let lease = self.coordinator.store.lease;
        for name in self.inner.members.silent(lease) {
            self.gone(&name, "is silent").await?;
        }
        let slots = self.inner.members.slots();
        if slots > 0 || self.due == self.batch.count {
            self.inner.waits_since = None;
        } else if self.inner.waits_since.is_none() {
            self.inner.waits_since = Some(Instant::now());
            (self.coordinator.options.notice)("no worker is here yet; start one with `work`");
        }
        self.share(slots)?;
        self.look_for_lost().await
    }

    /// Takes this run's part of the workers, and says how it stands.
    fn share(&mut self, slots: usize) -> Result<()> {
        let options = &self.coordinator.options;
        let counts = self.inner.scheduler.state().counts();
        let own = counts.waiting + counts.in_hand;
        let others = self.inner.others.values();
        let alike = others.filter(|other| other.fingerprint == options.fingerprint);
        let mut claims = vec![(&options.run, (options.priority, options.weight, own))];
        claims.extend(alike.map(|other| {
            let demand = (other.waiting + other.in_hand) as usize;
            (&other.run, (other.priority, other.weight, demand))
        }));
        // The same order, and so the same shares, wherever they are computed.
        claims.sort_by(|one, other| one.0.cmp(other.0));
        let place = claims.iter().position(|claim| *claim.0 == options.run);
        let claims: Vec<_> = claims.into_iter().map(|claim| claim.1).collect();
        let alone = claims.iter().filter(|claim| claim.2 > 0).count() <= 1;
        let share = place.filter(|_| !alone).and_then(|place| {
            // A weight from outside may be none.
            ranked(slots, &claims).ok()?.get(place).copied()
        });
        let (quota, left) = share.unwrap_or((usize::MAX, usize::MAX));
        self.inner.scheduler.set_quota(quota);
        // What is fair is reached as units end; whoever is more urgent need not wait for that.
        let ceiling = if left < slots { left } else { usize::MAX };
        self.inner.scheduler.set_ceiling(ceiling);
        let lead = &self.coordinator.lead;
        let mut state = lead.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.strategy = self.inner.scheduler.strategy().to_owned();
        state.quota = quota.min(slots) as u64;
        if own > 0 && state.waiting + state.in_hand == 0 && !self.inner.others.is_empty() {
            // Others are told at once, and not with the next renewal, that slots are wanted.
            lead.due.notify_one();
        }
        // Units that are not made yet wait too.
        state.waiting = (counts.waiting + self.batch.count.saturating_sub(self.next)) as u64;
        state.in_hand = counts.in_hand as u64;
        state.done = self.inner.counts.done;
        state.failed = self.inner.counts.failed;
        let redelivered = self.inner.counts.lost.saturating_sub(state.lost);
        state.lost = self.inner.counts.lost;
        state.paused = self.inner.counts.paused;
        state.seconds = self.inner.now();
        watched::tell(&state, &self.inner.members, redelivered);
        Ok(())
    }

    /// Looks for units that a worker should have, and of which it says nothing: nothing may be stuck in silence.
    async fn look_for_lost(&mut self) -> Result<()> {
        let suspicious = self
            .units
            .iter()
            .find(|(_, pending)| pending.worker.is_some() && pending.since.elapsed() > UNSEEN);
        let Some((&id, pending)) = suspicious else {
            return Ok(());
        };
        let (store, run) = (
            &self.coordinator.store,
            self.coordinator.options.run.clone(),
        );
        let key = pending.key.clone();
        let Some((worker, name)) = pending.worker.clone() else {
            return Ok(());
        };
        let queued = store.is_queued(name.as_str(), run.as_str(), key.as_str());
        // Servers that are away are no news.
        let Ok(queued) = queued.await else {
            return Ok(());
        };
        let Ok(answered) = self.look_up(&key, &mut |_| {}).await else {
            return Ok(());
        };
        if answered {
            return Ok(());
        }
        if let Some(pending) = self.units.get_mut(&id) {
            pending.since = Instant::now();
            let keeps = self.inner.members.get(&name);
            let keeps = keeps.is_some_and(|member| member.beat.parked.contains(&key));
            if !queued && keeps {
                // Only the word that it is paused got lost. How much was done nobody knows.
                self.parked(id, UNSEEN.as_secs_f64())?;
            } else if !queued {
                pending.worker = None;
                pending.attempt += 1;
                self.inner.counts.lost += 1;
                let now = self.inner.now();
                (self.coordinator.options.notice)(&format!(
                    "a unit got lost on its way to {name}; it is handed out again"
                ));
                let scheduler = &mut self.inner.scheduler;
                scheduler.lost(id, worker, now).map_err(scheduling)?;
            }
        }
        Ok(())
    }
}

//! Units that come back from a worker: preempted, paused, or not to be done there.

use super::{Underway, scheduling};
use crate::Result;
use crate::message::{Payload, Reason, Returned};
use crate::name::{Hash, Name};
use trimtab_scheduler::UnitId;

impl Underway<'_> {
    pub(super) async fn returned(&mut self, returned: Returned) -> Result<()> {
        let now = self.inner.now();
        let Some(&id) = self.by_key.get(&returned.key) else {
            return Ok(());
        };
        let Some(pending) = self.units.get_mut(&id) else {
            return Ok(());
        };
        let given = pending.worker.as_ref().map(|(_, name)| name);
        if let Reason::Preempted(state) = &returned.reason
            && given.is_none_or(|name| *name == returned.worker)
        {
            // Also where its worker was held for gone: what it has done is good all the same.
            (self.coordinator.options.notice)(&format!(
                "a unit is paused at {}, and goes on from there wherever a worker is free",
                returned.worker
            ));
            self.inner.counts.paused += 1;
            pending.continuation = Some(state.clone());
        }
        let scheduler = &mut self.inner.scheduler;
        let Some((worker, name)) = pending.worker.clone() else {
            if pending.keeper.as_ref() == Some(&returned.worker) {
                // It was paused there, and what was done of it is gone.
                pending.keeper = None;
                scheduler.let_go(id, now).map_err(scheduling)?;
            }
            return Ok(());
        };
        if name != returned.worker {
            return Ok(());
        }
        match returned.reason {
            Reason::Preempted(_) | Reason::Leaving => {
                pending.worker = None;
                scheduler.preempted(id, worker, now).map_err(scheduling)?;
            }
            Reason::Parked(seconds) => self.parked(id, seconds)?,
            Reason::Broken(reason) => {
                (self.coordinator.options.notice)(&format!(
                    "a unit broke down at {name}: {reason}"
                ));
                pending.worker = None;
                pending.attempt += 1;
                self.inner.counts.lost += 1;
                scheduler.lost(id, worker, now).map_err(scheduling)?;
            }
        }
        Ok(())
    }

    /// The worker that has a unit keeps what was done of it, work of so many seconds. The number comes from outside.
    pub(super) fn parked(&mut self, id: UnitId, seconds: f64) -> Result<()> {
        let now = self.inner.now();
        if let Some(pending) = self.units.get_mut(&id)
            && let Some((worker, name)) = pending.worker.take()
        {
            (self.coordinator.options.notice)(&format!(
                "a unit is paused at {name} for a run of higher priority"
            ));
            pending.keeper = Some(name);
            self.inner.counts.paused += 1;
            let seconds = if seconds.is_finite() {
                seconds.max(0.0)
            } else {
                0.0
            };
            let scheduler = &mut self.inner.scheduler;
            scheduler
                .parked(id, worker, seconds, now)
                .map_err(scheduling)?;
        }
        Ok(())
    }

    /// A paused unit was given a worker: if that is another one, what was done of it is of no use any more.
    pub(super) async fn leave_keeper(&mut self, id: UnitId) -> Result<()> {
        let Some(pending) = self.units.get_mut(&id) else {
            return Ok(());
        };
        let (keeper, worker) = (pending.keeper.take(), pending.worker.as_ref());
        if let Some(keeper) = keeper
            && worker.is_none_or(|(_, name)| *name != keeper)
        {
            let key = pending.key.clone();
            self.cancel(&keeper, &key).await?;
        }
        Ok(())
    }

    /// Nothing that is paused goes on.
    pub(super) async fn let_all_go(&mut self) {
        let paused = self.units.values_mut();
        let paused = paused.filter_map(|unit| Some((unit.keeper.take()?, unit.key.clone())));
        for (keeper, key) in paused.collect::<Vec<_>>() {
            // A worker that does not hear it lets go of it once nobody leads the run.
            self.cancel(&keeper, &key).await.ok();
        }
    }

    pub(super) async fn cancel(&self, worker: &Name, key: &Hash) -> Result<()> {
        match self.inner.members.get(worker) {
            Some(member) => self.control(member.id, Payload::Cancel(key.clone())).await,
            None => Ok(()),
        }
    }
}

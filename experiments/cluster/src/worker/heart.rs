//! Signs of life: the worker's own, and those of the units that it has.

use super::Worker;
use crate::message::{Heartbeat, Hello, Payload, Reason};
use async_nats::jetstream::kv::Operation;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// A worker that has had nothing to do for so long says so: shorter than a person notices, longer than a coordinator takes for the next unit.
const IDLE: Duration = Duration::from_millis(100);

impl Worker {
    fn heartbeat(&self) -> Heartbeat {
        let counts = *self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        Heartbeat {
            hello: Hello {
                worker: self.options.name.clone(),
                host: self.options.host.clone(),
                slots: self.options.slots as u32,
                fingerprint: self.options.fingerprint.clone(),
            },
            in_hand: self.in_hand.list(),
            parked: self.parked.list(),
            done: counts.done,
            seconds: self.begun.elapsed().as_secs_f64(),
            busy_seconds: self.busy_micros.load(Ordering::Relaxed) as f64 / 1e6,
            leaving: self.leaving.load(Ordering::SeqCst),
        }
    }

    /// Renews the lease, and says when there is nothing to do any more: another run may wait for that.
    pub(super) async fn beat(self: Arc<Self>) {
        loop {
            let said = self.beat_once().await;
            let due = tokio::time::Instant::now() + self.store.lease / 4;
            while tokio::time::timeout_at(due, self.in_hand.emptied())
                .await
                .is_ok()
            {
                tokio::time::sleep(IDLE).await;
                if said > 0 && self.in_hand.is_empty() {
                    break;
                }
            }
        }
    }

    /// Says how this worker stands; how many units it has.
    pub(super) async fn beat_once(&self) -> usize {
        let key = format!("member.{}", self.options.name);
        // For whoever supervises this process: it is alive although its link may be down, and it has joined once the server knows it.
        std::fs::write(self.options.folder.join("alive"), b"").ok();
        let heartbeat = self.heartbeat();
        let in_hand = heartbeat.in_hand.len();
        if let Ok(bytes) = self.message(Payload::Heartbeat(heartbeat)).encode() {
            let put = self.store.leases.put(key, bytes.into());
            let put = tokio::time::timeout(self.store.lease / 4, put).await;
            if matches!(put, Ok(Ok(_))) {
                std::fs::write(self.options.folder.join("joined"), b"").ok();
            }
        }
        in_hand
    }

    /// Keeps the server from delivering units again that are in hand, and ends those that stand still for a run that nobody leads.
    pub(super) async fn hold(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.options.ack_wait / 3).await;
            self.in_hand.extend().await;
            for run in self.parked.runs() {
                let lead = self.store.leases.entry(format!("lead.{run}")).await;
                // Servers that are away say nothing.
                let led =
                    lead.map(|lead| lead.is_some_and(|lead| lead.operation == Operation::Put));
                if matches!(led, Ok(false)) {
                    self.parked.let_go(|task| task.run == run);
                }
            }
        }
    }

    /// Gives back units that hang, and has the worker leave: nothing ends a thread.
    pub(super) async fn watch(self: Arc<Self>, limit: Duration) {
        let pause = (limit / 10).min(Duration::from_secs(1));
        loop {
            let clock = Instant::now();
            tokio::time::sleep(pause).await;
            if clock.elapsed() > limit / 2 {
                // The whole process stood still, and what it does with it.
                self.in_hand.sign_all();
            }
            for task in self.in_hand.silent(limit) {
                let reason = format!(
                    "no sign of life for {} s; worker {} leaves",
                    limit.as_secs_f64(),
                    self.options.name
                );
                (self.options.notice)(&format!("a unit hangs: {reason}"));
                self.hanging().insert(task.key.clone());
                self.give_back(&task, Reason::Broken(reason)).await;
            }
        }
    }
}

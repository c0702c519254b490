//! Signs of life: the worker's own, and those of the units that it has.

use super::Worker;
use crate::message::{Heartbeat, Hello, Payload};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

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

    /// Keeps the server from delivering units again that are in hand.
    pub(super) async fn hold(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.options.ack_wait / 3).await;
            self.in_hand.extend().await;
        }
    }
}

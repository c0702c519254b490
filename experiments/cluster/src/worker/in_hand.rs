//! The units that a worker has taken, and their leases.

use crate::message::{Taken, Task};
use crate::name::Hash;
use async_nats::jetstream;
use async_nats::jetstream::message::AckKind;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Units by their names.
#[derive(Default)]
pub(super) struct InHand {
    units: Mutex<BTreeMap<Hash, Held>>,
    emptied: Notify,
}

struct Held {
    task: Task,
    message: Arc<jetstream::Message>,
    state: State,
}

enum State {
    Waiting,
    Running(Arc<Reins>),
    /// Nobody needs it any more.
    Cancelled,
}

/// What a running unit and its worker say to each other.
pub(super) struct Reins {
    halted: AtomicBool,
    leaving: AtomicBool,
    signed: Mutex<Instant>,
}

impl Reins {
    fn new() -> Self {
        Self {
            halted: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            signed: Mutex::new(Instant::now()),
        }
    }

    /// Whether it is to stand still.
    pub(super) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::SeqCst)
    }

    /// Whether its worker leaves.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    /// It goes on.
    pub(super) fn sign(&self) {
        *self.signed.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn silence(&self) -> Duration {
        let signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        signed.elapsed()
    }
}

impl InHand {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Hash, Held>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self, task: &Task, message: jetstream::Message) {
        let held = Held {
            task: task.clone(),
            message: Arc::new(message),
            state: State::Waiting,
        };
        self.lock().insert(task.key.clone(), held);
    }

    /// The reins of the unit, which is running from now on; `None` if it is not to be begun.
    pub(super) fn begin(&self, key: &Hash) -> Option<Arc<Reins>> {
        let mut all = self.lock();
        let held = all.get_mut(key)?;
        if let State::Cancelled = held.state {
            return None;
        }
        let reins = Arc::new(Reins::new());
        held.state = State::Running(reins.clone());
        Some(reins)
    }

    pub(super) fn has(&self, key: &Hash) -> bool {
        self.lock().contains_key(key)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Each.
    pub(super) fn list(&self) -> Vec<Taken> {
        let all = self.lock();
        let each = all.iter().map(|(key, held)| Taken {
            run: held.task.run.clone(),
            key: key.clone(),
            running: matches!(held.state, State::Running(_)),
        });
        each.collect()
    }

    /// Waits until the last unit is dealt with.
    pub(super) async fn emptied(&self) {
        self.emptied.notified().await;
    }

    /// Drops a unit that has not begun; whether it had not. One that is running is finished: its result may be of use.
    pub(super) fn cancel(&self, key: &Hash) -> bool {
        match self.lock().get_mut(key) {
            Some(held) if matches!(held.state, State::Waiting) => {
                held.state = State::Cancelled;
                true
            }
            _ => false,
        }
    }

    /// Makes a running unit stand still at the end of its segment. One that has not begun is returned at once.
    pub(super) fn preempt(&self, key: &Hash) -> Option<Task> {
        let mut all = self.lock();
        let held = all.get_mut(key)?;
        match &held.state {
            State::Running(reins) => {
                reins.halted.store(true, Ordering::SeqCst);
                None
            }
            State::Waiting => {
                held.state = State::Cancelled;
                Some(held.task.clone())
            }
            State::Cancelled => None,
        }
    }

    /// The worker leaves: a running unit that can go on elsewhere is handed back at the end of its segment.
    pub(super) fn leave(&self) {
        for held in self.lock().values() {
            if let State::Running(reins) = &held.state {
                reins.leaving.store(true, Ordering::SeqCst);
            }
        }
    }

    /// A sign of life of each that runs.
    pub(super) fn sign_all(&self) {
        for held in self.lock().values() {
            if let State::Running(reins) = &held.state {
                reins.sign();
            }
        }
    }

    /// Units that run and have given no sign of life for so long.
    pub(super) fn silent(&self, limit: Duration) -> Vec<Task> {
        let all = self.lock();
        let silent = all.values().filter(|held| match &held.state {
            State::Running(reins) => reins.silence() > limit,
            State::Waiting | State::Cancelled => false,
        });
        silent.map(|held| held.task.clone()).collect()
    }

    /// The unit is dealt with: the server may forget it, and so do we.
    pub(super) async fn acknowledge(&self, key: &Hash) {
        let message = self.lock().get(key).map(|held| held.message.clone());
        if let Some(message) = message {
            // A server that does not hear it delivers the unit again; then its result is already there.
            let acknowledged = message.double_ack();
            tokio::time::timeout(Duration::from_secs(5), acknowledged)
                .await
                .ok();
        }
        let mut all = self.lock();
        if all.remove(key).is_some() && all.is_empty() {
            self.emptied.notify_one();
        }
    }

    /// Says of each that it is still under way.
    pub(super) async fn extend(&self) {
        let messages: Vec<_> = self
            .lock()
            .values()
            .map(|held| held.message.clone())
            .collect();
        for message in messages {
            message.ack_with(AckKind::Progress).await.ok();
        }
    }
}

//! Who leads a run: a key that one coordinator holds, renews, and loses by falling silent.
//!
//! The key `lead.<run>` is made by compare-and-set, so there is one holder; the server drops it when it was not renewed for a lease. Its
//! first revision goes into every task: a worker refuses tasks of an earlier lead than it has seen. The lease algorithm is that of
//! Gray and Cheriton, "Leases", SOSP 1989; the revision is a fencing token.

use crate::message::Fingerprint;
use crate::name::Name;
use crate::server::Notice;
use crate::store::Store;
use crate::{Error, Result};
use async_nats::jetstream::kv::{CreateErrorKind, UpdateErrorKind};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What a run says of itself, as it stands in its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Its name.
    pub run: Name,
    /// Who leads it.
    pub holder: String,
    /// What its bits depend on.
    pub fingerprint: Fingerprint,
    /// Runs of higher priority come first.
    #[serde(default)]
    pub priority: i32,
    /// Its part of the workers, against those of others of its priority.
    pub weight: f64,
    /// The strategy of its scheduler.
    pub strategy: String,
    /// Slots that it may have.
    pub quota: u64,
    /// Units that wait for a worker.
    pub waiting: u64,
    /// Units that workers have.
    pub in_hand: u64,
    /// Units done since this coordinator leads.
    pub done: u64,
    /// Units that failed.
    pub failed: u64,
    /// Times that a unit was lost and handed out again.
    pub lost: u64,
    /// Times that a unit was paused in its middle.
    #[serde(default)]
    pub paused: u64,
    /// Seconds since this coordinator leads.
    pub seconds: f64,
}

/// The lead of a run.
pub(crate) struct Lead {
    store: Store,
    lease: Duration,
    /// The first revision of the key.
    pub(crate) token: u64,
    /// Its last one, while it is ours.
    revision: AtomicU64,
    /// What is written when it is renewed.
    pub(crate) state: Mutex<RunState>,
    /// Has it renewed at once.
    pub(crate) due: Notify,
    /// Who leads now, if it is somebody else.
    deposed: Mutex<Option<String>>,
}

impl Lead {
    /// Takes the lead. A holder that has fallen silent is waited for until its lease has run out.
    pub(crate) async fn take(
        store: &Store,
        state: RunState,
        lease: Duration,
        notice: &Notice,
    ) -> Result<Arc<Self>> {
        let key = key(&state.run);
        let begun = Instant::now();
        let mut seen: Option<(u64, String)> = None;
        loop {
            let created = store.leases.create(&key, encoded(&state)?.into()).await;
            let error = match created {
                Ok(token) => {
                    return Ok(Arc::new(Self {
                        store: store.clone(),
                        lease,
                        token,
                        revision: AtomicU64::new(token),
                        state: Mutex::new(state),
                        due: Notify::new(),
                        deposed: Mutex::new(None),
                    }));
                }
                Err(error) => error,
            };
            if error.kind() == CreateErrorKind::InvalidKey {
                return Err(Error::server("the lead", error));
            }
            if let Ok(Some(entry)) = store.leases.entry(&key).await {
                let holder = decoded(&entry.value).map_or("?".to_owned(), |other| other.holder);
                if holder == state.holder {
                    // Our own, whose answer was lost on the way.
                    return Ok(Arc::new(Self {
                        store: store.clone(),
                        lease,
                        token: entry.revision,
                        revision: AtomicU64::new(entry.revision),
                        state: Mutex::new(state),
                        due: Notify::new(),
                        deposed: Mutex::new(None),
                    }));
                }
                match &seen {
                    // It is renewed: somebody is there.
                    Some((revision, _)) if *revision != entry.revision => {
                        return Err(Error::Led {
                            run: state.run.to_string(),
                            holder,
                        });
                    }
                    Some(_) => {}
                    None => {
                        notice(&format!(
                            "run {} is led by {holder}; waiting whether it is alive",
                            state.run
                        ));
                        seen = Some((entry.revision, holder));
                    }
                }
            }
            if begun.elapsed() > lease * 3 + Duration::from_secs(30) {
                return match seen {
                    Some((_, holder)) => Err(Error::Led {
                        run: state.run.to_string(),
                        holder,
                    }),
                    None => Err(Error::server("the lead", error)),
                };
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Renews it until somebody else has it.
    pub(crate) async fn renew(self: Arc<Self>) {
        loop {
            tokio::time::timeout(self.lease / 4, self.due.notified())
                .await
                .ok();
            let revision = self.revision.load(Ordering::SeqCst);
            let (key, value) = {
                let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                (key(&state.run), encoded(&state))
            };
            let Ok(value) = value else { continue };
            let renewed = self
                .store
                .leases
                .update(&key, value.clone().into(), revision);
            match tokio::time::timeout(self.lease / 4, renewed).await {
                Ok(Ok(next)) => self.revision.store(next, Ordering::SeqCst),
                Ok(Err(error)) if error.kind() == UpdateErrorKind::WrongLastRevision => {
                    match self.store.leases.entry(&key).await {
                        Ok(Some(entry)) => match decoded(&entry.value) {
                            // Our own, whose answer was lost on the way.
                            Some(other) if other.holder == self.holder() => {
                                self.revision.store(entry.revision, Ordering::SeqCst);
                            }
                            Some(other) => return self.depose(other.holder),
                            None => return self.depose("another program".to_owned()),
                        },
                        // It ran out while the servers were away, and nobody has taken it.
                        Ok(None) => {
                            if let Ok(next) = self.store.leases.create(&key, value.into()).await {
                                self.revision.store(next, Ordering::SeqCst);
                            }
                        }
                        Err(_) => {}
                    }
                }
                // Servers that are away come back.
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }

    fn holder(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.holder.clone()
    }

    fn depose(&self, by: String) {
        *self.deposed.lock().unwrap_or_else(PoisonError::into_inner) = Some(by);
    }

    /// # Errors
    /// [`Error::Deposed`] if somebody else leads now.
    pub(crate) fn check(&self) -> Result<()> {
        let deposed = self.deposed.lock().unwrap_or_else(PoisonError::into_inner);
        match &*deposed {
            None => Ok(()),
            Some(holder) => {
                let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                Err(Error::Deposed {
                    run: state.run.to_string(),
                    holder: holder.clone(),
                })
            }
        }
    }

    /// Gives it up, unless somebody else has it already.
    pub(crate) async fn resign(&self) {
        let key = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            key(&state.run)
        };
        // If this does not arrive the lease runs out.
        let revision = Some(self.revision.load(Ordering::SeqCst));
        let leases = &self.store.leases;
        leases.delete_expect_revision(key, revision).await.ok();
    }
}

fn key(run: &Name) -> String {
    format!("lead.{run}")
}

fn encoded(state: &RunState) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(state).map_err(|error| Error::Message(error.to_string()))
}

pub(crate) fn decoded(value: &[u8]) -> Option<RunState> {
    rmp_serde::from_slice(value).ok()
}

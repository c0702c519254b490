//! A coordinator: hands out the units of one run, and gives back the answers in their order.
//!
//! Which worker gets which unit is decided by [`trimtab_scheduler`]; this driver tells it what happens and carries out what it says. A
//! unit is known by the hash of what is asked, so an answer that an earlier coordinator of the same run was waiting for is found and used.
//!
//! | to find | look in |
//! |---|---|
//! | joining, content, the end | this file |
//! | units of one batch, from the first to the last answer | `batch` |
//! | signs of life, silence, shares, lost units | `batch/liveness` |
//! | units that come back | `batch/returned` |
//! | what the servers and the workers say, as events | `events` |
//! | the workers by name and number | `members` |
//! | what telemetry is told | `watched` |

mod batch;
mod events;
mod members;
mod watched;

pub use batch::Batch;

use crate::lead::{Lead, RunState};
use crate::message::{Fingerprint, Message, Payload};
use crate::name::{Hash, Name};
use crate::retry::retry;
use crate::server::{Notice, Server};
use crate::store::Store;
use crate::worker::hostname;
use crate::{Error, Result};
use events::Event;
use members::Members;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use trimtab_scheduler::{Limits, Observer, Scheduler, Strategy, StrategyConfig, UnitId};

/// Makes the strategy of a run: once when it starts, and again when it begins anew after an error. [`StrategyConfig::build`] makes those that
/// have a name; one of your own is anything that is a [`Strategy`].
pub type NewStrategy = Arc<dyn Fn() -> Box<dyn Strategy> + Send + Sync>;

/// A run that a coordinator leads.
#[derive(Clone)]
pub struct RunOptions {
    /// Its name. Whoever asks for the same again gives it the same name, and finds the answers that are there.
    pub run: Name,
    /// Runs of higher priority have the slots that they want first, and a strategy that preempts pauses units for them.
    pub priority: i32,
    /// Its part of the workers, against that of other runs of its priority.
    pub weight: f64,
    /// Who decides which worker gets a unit.
    pub strategy: NewStrategy,
    /// How often a unit that was lost is handed out again.
    pub redeliveries: usize,
    /// What its bits depend on: workers that differ get no units.
    pub fingerprint: Fingerprint,
    /// Told of what happens.
    pub notice: Notice,
}

impl RunOptions {
    /// A run of this name with the default of everything else: priority 0, weight 1, least load with one unit waiting at each worker, 3 redeliveries.
    pub fn new(run: Name, fingerprint: Fingerprint, notice: Notice) -> Self {
        Self {
            run,
            priority: 0,
            weight: 1.0,
            strategy: Arc::new(|| StrategyConfig::default().build()),
            redeliveries: 3,
            fingerprint,
            notice,
        }
    }
}

/// Hands out units.
pub struct Coordinator {
    runtime: Runtime,
    store: Store,
    lead: Arc<Lead>,
    options: RunOptions,
    sequence: AtomicU64,
    inner: Mutex<Inner>,
}

/// What lasts from batch to batch.
struct Inner {
    events: mpsc::UnboundedReceiver<Event>,
    scheduler: Scheduler,
    members: Members,
    /// Units that failed, as the scheduler says.
    failed: Arc<Mutex<Vec<(UnitId, String)>>>,
    /// Answers that are there already, to questions that were not asked yet.
    answered: BTreeSet<Hash>,
    /// Units whose answers came last.
    recent: Recent,
    /// Other runs, by their names.
    others: BTreeMap<Name, RunState>,
    next_unit: u64,
    begun: Instant,
    waits_since: Option<Instant>,
    counts: Counts,
}

/// The last keys that were added, as many as workers can have in hand when they say so.
#[derive(Default)]
struct Recent {
    order: VecDeque<Hash>,
    keys: BTreeSet<Hash>,
}

impl Recent {
    const MOST: usize = 4096;

    fn add(&mut self, key: Hash) {
        if self.keys.insert(key.clone()) {
            self.order.push_back(key);
        }
        if self.order.len() > Self::MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }

    fn has(&self, key: &Hash) -> bool {
        self.keys.contains(key)
    }
}

/// Since this coordinator leads.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Units whose answers came.
    pub done: u64,
    /// Units that failed.
    pub failed: u64,
    /// Times that a unit was lost and handed out again.
    pub lost: u64,
    /// Times that a unit was paused in its middle.
    pub paused: u64,
    /// Seconds that workers took for those whose answers came, together.
    pub seconds: f64,
}

impl Coordinator {
    /// Connects, and takes the lead of a run.
    ///
    /// # Errors
    /// [`Error::Connect`] and [`Error::Server`] if the servers cannot be used, [`Error::Led`] if somebody else leads the run.
    pub fn start(server: &Server, options: RunOptions) -> Result<Self> {
        if !(options.weight.is_finite() && options.weight > 0.0) {
            let allowed = "a weight is above 0";
            return Err(Error::option("--weight", options.weight, allowed));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Error::server("threads", error))?;
        let unique: u32 = rand::random();
        let holder = format!(
            "{} (process {}, {unique:08x})",
            hostname(),
            std::process::id()
        );
        let state = RunState {
            run: options.run.clone(),
            holder,
            fingerprint: options.fingerprint.clone(),
            priority: options.priority,
            weight: options.weight,
            strategy: (options.strategy)().name().to_owned(),
            quota: 0,
            waiting: 0,
            in_hand: 0,
            done: 0,
            failed: 0,
            lost: 0,
            paused: 0,
            seconds: 0.0,
        };
        let (store, lead, events) = runtime.block_on(async {
            let name = format!("run {}", options.run);
            let client = server.connect(&name, options.notice.clone()).await?;
            let store = Store::open(client, &server.namespace, server.lease).await?;
            let lead = Lead::take(&store, state, store.lease, &options.notice).await?;
            tokio::spawn(lead.clone().renew());
            // What an earlier lead handed out and nobody has done is handed out again.
            retry(|| store.withdraw("*", options.run.as_str(), "*")).await?;
            let events = events::read(&store, &options.run).await?;
            Ok::<_, Error>((store, lead, events))
        })?;
        let failed = Arc::default();
        let scheduler = scheduler(&options, &failed);
        Ok(Self {
            runtime,
            store,
            lead,
            sequence: AtomicU64::new(0),
            inner: Mutex::new(Inner {
                events,
                scheduler,
                members: Members::default(),
                failed,
                answered: BTreeSet::new(),
                recent: Recent::default(),
                others: BTreeMap::new(),
                next_unit: 0,
                begun: Instant::now(),
                waits_since: None,
                counts: Counts::default(),
            }),
            options,
        })
    }

    /// The run.
    pub fn run(&self) -> &Name {
        &self.options.run
    }

    /// Tells `observer` of every change of units and workers from now on.
    pub fn observe(&self, observer: Box<dyn Observer>) {
        self.lock().scheduler.observe(observer);
    }

    /// What was done since this coordinator leads.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// How many units workers that are here can do at once.
    pub fn slots(&self) -> usize {
        self.lock().members.slots()
    }

    /// Stores content for workers, under its name.
    ///
    /// # Errors
    /// [`Error::Server`] if the servers do not take it within half a minute.
    pub fn put(&self, content: &[u8]) -> Result<Hash> {
        self.runtime.block_on(self.store.put(content))
    }

    /// Ends the run: its answers are dropped, and its name is free. Without this they stay, for a coordinator that goes on.
    pub fn finish(&self) {
        let run = self.options.run.as_str();
        let end = async {
            self.store.withdraw("*", run, "*").await.ok();
            self.store.forget(run, "*").await.ok();
        };
        self.runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(5), end).await })
            .ok();
    }

    fn message(&self, payload: Payload) -> Result<Vec<u8>> {
        let sequence = &self.sequence;
        let sequence = sequence.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Message { sequence, payload }.encode()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Coordinator {
    /// Another coordinator need not wait for the lease to run out.
    fn drop(&mut self) {
        let resign = self.lead.resign();
        let resign = async { tokio::time::timeout(Duration::from_secs(1), resign).await };
        self.runtime.block_on(resign).ok();
    }
}

fn scheduler(options: &RunOptions, failed: &Arc<Mutex<Vec<(UnitId, String)>>>) -> Scheduler {
    let limits = Limits {
        redeliveries: options.redeliveries,
        ..Limits::default()
    };
    let mut scheduler = Scheduler::new((options.strategy)(), limits);
    let failed = failed.clone();
    scheduler.observe(Box::new(
        move |_: f64, change: &trimtab_scheduler::Change| {
            if let trimtab_scheduler::Change::Failed { unit, reason } = change {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.push((*unit, reason.clone()));
            }
        },
    ));
    scheduler
}

//! A worker: takes units from its queue, does them, and reports.
//!
//! Whatever happens to the link, a unit that was begun is finished, its result is kept on disk while it cannot be delivered, and it counts
//! once: the first result of a unit is the one that is stored.
//!
//! | to find | look in |
//! |---|---|
//! | what a worker takes, in which order, and how it leaves | this file |
//! | the units that it has, and their leases | `in_hand` |
//! | the threads that do them | `slots` |
//! | standing still, and going on | `halt`, `parked` |
//! | results on their way | `report` |
//! | results that a cut link or a restart holds up | `outbox` |
//! | signs of life | `heart` |

mod halt;
mod heart;
mod in_hand;
mod outbox;
mod parked;
mod report;
mod slots;

pub use halt::Halt;
pub use slots::{Done, Executor, Order};

use crate::message::{Fingerprint, Goodbye, Message, Payload, Reason, Returned, Task};
use crate::name::{Hash, Name};
use crate::server::{Notice, Server};
use crate::store::Store;
use crate::{Error, Result};
use async_nats::jetstream;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::message::AckKind;
use futures_util::StreamExt;
use in_hand::InHand;
use outbox::Outbox;
use parked::Parked;
use slots::Slots;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A pull ends after so long. One that a broken link swallowed is noticed five seconds later.
const PULL: Duration = Duration::from_secs(5);

/// The exit code of a worker that leaves because of a unit that hangs: `EX_TEMPFAIL` of BSD's sysexits.h, try again later.
pub const HANGS: i32 = 75;

/// How a worker works.
#[derive(Clone)]
pub struct WorkerOptions {
    /// Its name, of this process alone; [`WorkerOptions::new`] makes one of host and process.
    pub name: Name,
    /// The machine, for people.
    pub host: String,
    /// How many units it does at once.
    pub slots: usize,
    /// Where it keeps results that cannot be delivered. Nothing is written anywhere else.
    pub folder: PathBuf,
    /// After so long an unacknowledged unit is delivered to it again.
    pub ack_wait: Duration,
    /// How long it may finish what it has once it is asked to leave.
    pub drain: Duration,
    /// A unit that gives no sign of life for so long hangs: others do it, and the worker leaves.
    pub unit_timeout: Option<Duration>,
    /// Called once a worker has left but for a unit that hangs. Nothing ends a thread, so this is to end the process; by default with exit
    /// code [`HANGS`].
    pub hangs: Arc<dyn Fn() + Send + Sync>,
    /// What its bits depend on.
    pub fingerprint: Fingerprint,
    /// Told of what happens.
    pub notice: Notice,
}

impl WorkerOptions {
    /// A worker with so many slots that keeps its results below `folder`.
    pub fn new(slots: usize, folder: PathBuf, fingerprint: Fingerprint, notice: Notice) -> Self {
        let host = hostname();
        let unique: u32 = rand::random();
        Self {
            name: Name::of(&format!("{host:.40}-{}-{unique:08x}", std::process::id())),
            host,
            slots: slots.max(1),
            folder,
            ack_wait: Duration::from_secs(30),
            drain: Duration::from_secs(30),
            unit_timeout: None,
            hangs: Arc::new(|| std::process::exit(HANGS)),
            fingerprint,
            notice,
        }
    }
}

/// The name of this machine, as its environment says it.
pub fn hostname() -> String {
    let told = std::env::var("HOSTNAME").ok();
    let told = told.or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let told = told.map(|name| name.trim().to_owned());
    told.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "host".to_owned())
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Units done.
    pub done: u64,
    /// Units that failed.
    pub failed: u64,
    /// Units that went back.
    pub returned: u64,
}

/// Joins the cluster and works until `stop` is set; then finishes what it has and leaves.
///
/// # Errors
/// [`Error::Connect`] and [`Error::Server`] if it cannot join. Once it has, a link that is down is waited for.
pub fn work(
    server: &Server,
    options: &WorkerOptions,
    executor: &dyn Executor,
    stop: &AtomicBool,
) -> Result<Summary> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Error::server("threads", error))?;
    let outbox = Outbox::open(&options.folder)?;
    let joined = runtime.block_on(async {
        let client = server
            .connect(options.name.as_str(), options.notice.clone())
            .await?;
        Store::open(client, &server.namespace, server.lease).await
    })?;
    let worker = Arc::new(Worker {
        store: joined,
        options: options.clone(),
        outbox,
        in_hand: InHand::default(),
        parked: Parked::new(options.slots),
        hanging: Mutex::default(),
        sequence: AtomicU64::new(0),
        counts: Mutex::default(),
        busy_micros: AtomicU64::new(0),
        leaving: AtomicBool::new(false),
        begun: Instant::now(),
    });
    let summary = std::thread::scope(|scope| {
        let (slots, free) = Slots::start(
            scope,
            options.slots,
            executor,
            &worker.store,
            runtime.handle(),
        );
        runtime.block_on(worker.clone().run(slots, free, executor, stop))
    })?;
    runtime.shutdown_timeout(Duration::from_millis(200));
    Ok(summary)
}

pub(crate) struct Worker {
    store: Store,
    options: WorkerOptions,
    outbox: Outbox,
    in_hand: InHand,
    parked: Parked,
    /// Units that hang in their threads.
    hanging: Mutex<BTreeSet<Hash>>,
    sequence: AtomicU64,
    counts: Mutex<Summary>,
    busy_micros: AtomicU64,
    leaving: AtomicBool,
    begun: Instant,
}

impl Worker {
    async fn run(
        self: Arc<Self>,
        slots: Slots<'_, '_>,
        mut free: mpsc::UnboundedReceiver<usize>,
        executor: &dyn Executor,
        stop: &AtomicBool,
    ) -> Result<Summary> {
        let lane = self
            .store
            .lane(&self.options.name, self.options.ack_wait)
            .await?;
        let control = self.store.control_subject(self.options.name.as_str());
        let control = self.store.client.subscribe(control).await;
        let control = control.map_err(|error| Error::server("control messages", error))?;
        let mut background = vec![
            tokio::spawn(self.clone().beat()),
            tokio::spawn(self.clone().hold()),
            tokio::spawn(self.clone().listen(control)),
            tokio::spawn(self.clone().deliver_earlier()),
        ];
        background
            .extend((self.options.unit_timeout).map(|it| tokio::spawn(self.clone().watch(it))));
        let stop = || stop.load(Ordering::SeqCst) || !self.hanging().is_empty();
        // The highest lead seen of each run: tasks of a lower one are out of date.
        let mut leads = BTreeMap::new();
        // One unit waits here while all slots are busy, so that none is idle for a round trip.
        while let Some(message) = unless(&stop, next(&lane)).await {
            let Some(task) = self.accept(&message, &mut leads).await else {
                continue;
            };
            let key = task.key.clone();
            self.in_hand.take(&task, message);
            let Some(Some(slot)) = unless(&stop, free.recv()).await else {
                self.give_back(&task, Reason::Leaving).await;
                break;
            };
            let Some(reins) = self.in_hand.begin(&key) else {
                // It was cancelled or preempted before it began.
                slots.release(slot);
                continue;
            };
            let said = (reins, self.progress(&task));
            let finished = slots.begin(slot, task.clone(), said, self.parked.take(&key));
            let worker = self.clone();
            tokio::spawn(async move { worker.finish(task, finished.await.ok()).await });
        }
        self.leaving.store(true, Ordering::SeqCst);
        self.drain(executor).await;
        background.iter().for_each(|task| task.abort());
        self.leave().await;
        if !self.hanging().is_empty() {
            (self.options.hangs)();
        }
        Ok(*self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hanging(&self) -> MutexGuard<'_, BTreeSet<Hash>> {
        self.hanging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The unit in a message, if it is to be done here.
    async fn accept(
        &self,
        message: &jetstream::Message,
        leads: &mut BTreeMap<Name, u64>,
    ) -> Option<Task> {
        let refuse = |problem: String| {
            (self.options.notice)(&format!("a unit is refused: {problem}"));
        };
        let decoded = Message::decode(&message.payload);
        let task = match decoded {
            Ok(Message {
                payload: Payload::Task(task),
                ..
            }) => task,
            Ok(_) => {
                refuse("the message is no unit".to_owned());
                return self.drop_message(message).await;
            }
            Err(error) => {
                refuse(error.to_string());
                return self.drop_message(message).await;
            }
        };
        let lead = leads.entry(task.run.clone()).or_insert(task.lead);
        if task.lead > *lead {
            *lead = task.lead;
            // What stands still for an earlier lead nobody asks for, but for what is asked again.
            let earlier = |it: &Task| it.run == task.run && it.lead < task.lead;
            self.parked.let_go(|it| earlier(it) && it.key != task.key);
        }
        if task.lead < *lead || self.in_hand.has(&task.key) {
            return self.drop_message(message).await;
        }
        if let Some(difference) = task.fingerprint.difference(&self.options.fingerprint) {
            let reason = format!("worker {} cannot do it: {difference}", self.options.name);
            refuse(reason.clone());
            self.tell(
                &task.run,
                Payload::Returned(Returned {
                    key: task.key.clone(),
                    worker: self.options.name.clone(),
                    reason: Reason::Broken(reason),
                }),
            )
            .await;
            return self.drop_message(message).await;
        }
        Some(task)
    }

    async fn drop_message(&self, message: &jetstream::Message) -> Option<Task> {
        // What is not dropped comes again, and is refused again.
        message.ack_with(AckKind::Term).await.ok();
        None
    }

    /// Says how far a unit is, at most five times a second.
    fn progress(self: &Arc<Self>, task: &Task) -> halt::Progress {
        let (sender, mut steps) = mpsc::unbounded_channel::<u64>();
        let (worker, run, key) = (self.clone(), task.run.clone(), task.key.clone());
        tokio::spawn(async move {
            let mut total = 0;
            while let Some(first) = steps.recv().await {
                total += first;
                while let Ok(more) = steps.try_recv() {
                    total += more;
                }
                let progress = crate::message::Progress {
                    key: key.clone(),
                    worker: worker.options.name.clone(),
                    steps: total,
                };
                tokio::time::sleep(Duration::from_millis(200)).await;
                // The answer tells all of it.
                if worker.in_hand.has(&key) {
                    worker.tell(&run, Payload::Progress(progress)).await;
                }
            }
        });
        sender
    }

    async fn give_back(&self, task: &Task, reason: Reason) {
        {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.returned += 1;
        }
        let returned = Returned {
            key: task.key.clone(),
            worker: self.options.name.clone(),
            reason,
        };
        let returned = Payload::Returned(returned);
        if self.leaving.load(Ordering::SeqCst) {
            // Whoever hears that its hands are empty has to have heard why: else what was in them counts as not taken.
            self.tell(&task.run, returned).await;
            self.in_hand.acknowledge(&task.key).await;
        } else {
            // Once it is told the unit may come again at once, and what is in hand is not taken twice.
            self.in_hand.acknowledge(&task.key).await;
            self.tell(&task.run, returned).await;
        }
    }

    /// Tells that a unit that stood still here does so no longer.
    async fn tell_let_go(&self, task: &Task) {
        let returned = Returned {
            key: task.key.clone(),
            worker: self.options.name.clone(),
            reason: Reason::Leaving,
        };
        self.tell(&task.run, Payload::Returned(returned)).await;
    }

    /// Tells the coordinator of a run. What gets lost it finds out by itself.
    async fn tell(&self, run: &Name, payload: Payload) {
        let subject = self.store.event_subject(run.as_str());
        if let Ok(bytes) = self.message(payload).encode() {
            self.store.client.publish(subject, bytes.into()).await.ok();
        }
    }

    fn message(&self, payload: Payload) -> Message {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        Message { sequence, payload }
    }

    /// Hears what coordinators say to this worker.
    async fn listen(self: Arc<Self>, mut control: async_nats::Subscriber) {
        while let Some(message) = control.next().await {
            match Message::decode(&message.payload).map(|message| message.payload) {
                Ok(Payload::Cancel(key)) => {
                    self.parked.let_go(|task| task.key == key);
                    if self.in_hand.cancel(&key) {
                        self.in_hand.acknowledge(&key).await;
                    }
                }
                Ok(Payload::Preempt(key)) => {
                    if let Some(task) = self.in_hand.preempt(&key) {
                        // It had not begun: there is nothing to keep.
                        self.give_back(&task, Reason::Leaving).await;
                    }
                }
                Ok(Payload::Goodbye(Goodbye { reason, .. })) => (self.options.notice)(&reason),
                Ok(_) => {}
                Err(error) => (self.options.notice)(&error.to_string()),
            }
        }
    }

    /// Hands back what can go on elsewhere, finishes what else is in hand, or abandons it when the time is over.
    async fn drain(&self, executor: &dyn Executor) {
        self.in_hand.leave();
        for task in self.parked.close() {
            self.tell_let_go(&task).await;
        }
        self.beat_once().await;
        let begun = Instant::now();
        let mut abandoned = false;
        while !self.in_hand.is_empty() {
            if begun.elapsed() > self.options.drain && !abandoned {
                abandoned = true;
                executor.abandon();
            }
            // A result that cannot be delivered is on disk, and is delivered by the next process.
            if begun.elapsed() > self.options.drain + Duration::from_secs(10) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn leave(&self) {
        let key = format!("member.{}", self.options.name);
        let leave = async {
            self.store.leases.delete(key).await.ok();
            let lane = self.options.name.as_str();
            self.store.tasks.delete_consumer(lane).await.ok();
            self.store.client.flush().await.ok();
        };
        tokio::time::timeout(Duration::from_secs(2), leave)
            .await
            .ok();
    }
}

/// The next unit of a queue, one a pull. A stream of messages that pulls by itself waits for up to 35 s where a message overtakes the
/// word that it was asked for: async-nats 0.51, one of some ten thousand.
async fn next(lane: &PullConsumer) -> jetstream::Message {
    loop {
        let pull = lane.batch().max_messages(1).expires(PULL).messages().await;
        if let Ok(mut messages) = pull
            && let Some(Ok(message)) = messages.next().await
        {
            return message;
        }
        // Nothing came, or the link is broken: the two look alike.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the work gives, or `None` once it is to stop.
async fn unless<T>(stop: &impl Fn() -> bool, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        if stop() {
            return None;
        }
        let wait = tokio::time::timeout(Duration::from_millis(50), &mut work);
        if let Ok(outcome) = wait.await {
            return Some(outcome);
        }
    }
}

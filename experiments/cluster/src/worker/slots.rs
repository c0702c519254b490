//! The threads that do units. They compute; the runtime talks.

use crate::Result;
use crate::message::{Content, Task};
use crate::name::Hash;
use crate::store::Store;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// What does units. Its answer may depend on job, shared content and unit alone.
pub trait Executor: Sync {
    /// Does one, on the thread of this slot.
    fn execute(&self, slot: usize, order: &Order) -> Done;

    /// Called when a worker has to leave at once: whatever is under way is to end soon, and counts for nothing.
    fn abandon(&self) {}
}

/// A unit that is to be done.
pub struct Order<'a> {
    /// What is to be done with units of this kind.
    pub job: &'a Hash,
    /// What all that were handed out together share.
    pub shared: &'a Hash,
    /// The unit.
    pub unit: &'a [u8],
    /// What was done of it before.
    pub continuation: Option<&'a [u8]>,
    /// The trace it belongs to.
    pub trace: Option<&'a str>,
    /// Set once it is to stand still at the end of its segment.
    pub halt: &'a AtomicBool,
    /// Told of steps.
    pub progress: &'a dyn Fn(u64),
    fetch: &'a dyn Fn(&Hash) -> Result<Vec<u8>>,
}

impl Order<'_> {
    /// The content of this name, from the server.
    ///
    /// # Errors
    /// [`crate::Error::Content`] if it is not there, or is not what its name says.
    pub fn content(&self, name: &Hash) -> Result<Vec<u8>> {
        (self.fetch)(name)
    }
}

/// What became of a unit.
pub enum Done {
    /// Its answer.
    Answer(Vec<u8>),
    /// It has none, and would have none elsewhere.
    Failed(String),
    /// It could not be done here; elsewhere it may.
    Broken(String),
    /// It stands still; from this it goes on.
    Paused(Vec<u8>),
    /// It was ended by [`Executor::abandon`].
    Abandoned,
}

pub(super) type Progress = mpsc::UnboundedSender<u64>;

pub(super) struct Finished {
    pub(super) done: Done,
    pub(super) steps: u64,
    pub(super) time: Duration,
}

struct Begun {
    task: Task,
    halt: Arc<AtomicBool>,
    progress: Progress,
    reply: oneshot::Sender<Finished>,
}

/// The threads by number, and who is free.
pub(super) struct Slots {
    threads: Vec<Sender<Begun>>,
    free: mpsc::UnboundedSender<usize>,
}

impl Slots {
    pub(super) fn start<'scope, 'env: 'scope>(
        scope: &'scope std::thread::Scope<'scope, 'env>,
        count: usize,
        executor: &'env dyn Executor,
        store: &Store,
        runtime: &Handle,
    ) -> (Self, mpsc::UnboundedReceiver<usize>) {
        let (free, now_free) = mpsc::unbounded_channel();
        let threads = (0..count).map(|slot| {
            let (sender, begun) = channel::<Begun>();
            let (store, runtime, free) = (store.clone(), runtime.clone(), free.clone());
            scope.spawn(move || {
                for begun in begun {
                    let clock = Instant::now();
                    let (done, steps) = execute(slot, &begun, executor, &store, &runtime);
                    let time = clock.elapsed();
                    free.send(slot).ok();
                    begun.reply.send(Finished { done, steps, time }).ok();
                }
            });
            sender
        });
        let threads: Vec<_> = threads.collect();
        (0..count).for_each(|slot| {
            free.send(slot).ok();
        });
        (Self { threads, free }, now_free)
    }

    /// Begins a unit in a slot that is free.
    pub(super) fn begin(
        &self,
        slot: usize,
        task: Task,
        halt: Arc<AtomicBool>,
        progress: Progress,
    ) -> oneshot::Receiver<Finished> {
        let (reply, finished) = oneshot::channel();
        let begun = Begun {
            task,
            halt,
            progress,
            reply,
        };
        // A thread that is gone drops the reply, which the receiver notices.
        self.threads[slot].send(begun).ok();
        finished
    }

    /// The slot is free again without having been used.
    pub(super) fn release(&self, slot: usize) {
        self.free.send(slot).ok();
    }
}

fn execute(
    slot: usize,
    begun: &Begun,
    executor: &dyn Executor,
    store: &Store,
    runtime: &Handle,
) -> (Done, u64) {
    let task = &begun.task;
    let fetch = |name: &Hash| runtime.block_on(store.get(name));
    let content = |content: &Content| match content {
        Content::Inline(bytes) => Ok(bytes.clone()),
        Content::Stored(name) => fetch(name),
    };
    let unit = content(&task.unit);
    let continuation = task.continuation.as_ref().map(content).transpose();
    let (unit, continuation) = match (unit, continuation) {
        (Ok(unit), Ok(continuation)) => (unit, continuation),
        (Err(error), _) | (_, Err(error)) => return (Done::Broken(error.to_string()), 0),
    };
    let steps = std::cell::Cell::new(0);
    let progress = |more: u64| {
        steps.set(steps.get() + more);
        begun.progress.send(more).ok();
    };
    let order = Order {
        job: &task.job,
        shared: &task.shared,
        unit: &unit,
        continuation: continuation.as_deref(),
        trace: task.trace.as_deref(),
        halt: &begun.halt,
        progress: &progress,
        fetch: &fetch,
    };
    let done = catch_unwind(AssertUnwindSafe(|| executor.execute(slot, &order)));
    let done = done.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
        let said = said.unwrap_or_else(|| "no message".to_owned());
        Done::Broken(format!("it panicked: {said}"))
    });
    (done, steps.get())
}

//! The threads that do units. They compute; the runtime talks.

use super::halt::{Finished, Halt, Outcome, Progress, Turn};
use super::in_hand::Reins;
use crate::Result;
use crate::message::{Content, Task};
use crate::name::Hash;
use crate::store::Store;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// What does units. Its answer may depend on job, shared content and unit alone.
pub trait Executor: Sync {
    /// Does one, in this slot.
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
    /// The run it belongs to.
    pub run: &'a str,
    /// The trace it belongs to.
    pub trace: Option<&'a str>,
    /// Where it stands still when it is to.
    pub halt: &'a Halt,
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

struct Begun {
    slot: usize,
    task: Task,
    turn: Turn,
}

/// Threads, as many as there are slots, and one more for each unit that stands still in its own.
pub(super) struct Slots<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    executor: &'env dyn Executor,
    store: Store,
    runtime: Handle,
    queue: Sender<Begun>,
    begun: Arc<Mutex<Receiver<Begun>>>,
    /// Threads that nobody has given a unit.
    idle: Arc<AtomicUsize>,
    free: mpsc::UnboundedSender<usize>,
}

impl<'scope, 'env> Slots<'scope, 'env> {
    pub(super) fn start(
        scope: &'scope Scope<'scope, 'env>,
        count: usize,
        executor: &'env dyn Executor,
        store: &Store,
        runtime: &Handle,
    ) -> (Self, mpsc::UnboundedReceiver<usize>) {
        let (free, now_free) = mpsc::unbounded_channel();
        let (queue, begun) = channel();
        (0..count).for_each(|slot| {
            free.send(slot).ok();
        });
        let slots = Self {
            scope,
            executor,
            store: store.clone(),
            runtime: runtime.clone(),
            queue,
            begun: Arc::new(Mutex::new(begun)),
            idle: Arc::default(),
            free,
        };
        (slots, now_free)
    }

    /// Begins a unit in a slot that is free, or lets one go on that stands still.
    pub(super) fn begin(
        &self,
        slot: usize,
        task: Task,
        (reins, progress): (Arc<Reins>, Progress),
        parked: Option<Sender<Turn>>,
    ) -> oneshot::Receiver<Finished> {
        let (reply, finished) = oneshot::channel();
        let mut turn = Turn {
            slot,
            reins,
            progress,
            reply,
        };
        if let Some(go_on) = parked {
            match go_on.send(turn) {
                Ok(()) => return finished,
                // Its thread is gone: it begins anew.
                Err(returned) => turn = returned.0,
            }
        }
        let begun = Begun { slot, task, turn };
        let idle = &self.idle;
        let claimed = idle.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |idle| {
            idle.checked_sub(1)
        });
        if claimed.is_err() {
            self.thread();
        }
        // A thread that is gone drops the reply, which the receiver notices.
        self.queue.send(begun).ok();
        finished
    }

    /// One more thread. It ends with the queue.
    fn thread(&self) {
        let (begun, idle, free) = (self.begun.clone(), self.idle.clone(), self.free.clone());
        let (executor, store, runtime) = (self.executor, self.store.clone(), self.runtime.clone());
        self.scope.spawn(move || {
            let next = || {
                let begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
                begun.recv()
            };
            while let Ok(Begun { slot, task, turn }) = next() {
                let halt = Halt::new(turn, free.clone());
                let done = execute(slot, &task, &halt, executor, &store, &runtime);
                // Before the slot is free, so that its next unit finds this thread.
                idle.fetch_add(1, Ordering::SeqCst);
                halt.end_turn(Outcome::Done(done));
            }
        });
    }

    /// The slot is free again without having been used.
    pub(super) fn release(&self, slot: usize) {
        self.free.send(slot).ok();
    }
}

fn execute(
    slot: usize,
    task: &Task,
    halt: &Halt,
    executor: &dyn Executor,
    store: &Store,
    runtime: &Handle,
) -> Done {
    let fetch = |name: &Hash| runtime.block_on(store.get(name));
    let content = |content: &Content| match content {
        Content::Inline(bytes) => Ok(bytes.clone()),
        Content::Stored(name) => fetch(name),
    };
    let unit = content(&task.unit);
    let continuation = task.continuation.as_ref().map(content).transpose();
    let (unit, continuation) = match (unit, continuation) {
        (Ok(unit), Ok(continuation)) => (unit, continuation),
        (Err(error), _) | (_, Err(error)) => return Done::Broken(error.to_string()),
    };
    let order = Order {
        job: &task.job,
        shared: &task.shared,
        unit: &unit,
        continuation: continuation.as_deref(),
        run: task.run.as_str(),
        trace: task.trace.as_deref(),
        halt,
        progress: &|steps| halt.advance(steps),
        fetch: &fetch,
    };
    let done = catch_unwind(AssertUnwindSafe(|| executor.execute(slot, &order)));
    done.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
        let said = said.unwrap_or_else(|| "no message".to_owned());
        Done::Broken(format!("it panicked: {said}"))
    })
}

//! The request that this process, or what a thread of it trains, stop.
//!
//! Trainings look for it between two updates: once it is made, a segment ends after the update under way, as if its budget were
//! spent. The caller then either keeps what there is, as of a single training whose best weights are wanted, or drops it, since
//! records of a shortened segment would depend on when the request came.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

static WISHED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// What trainings of this thread ask between two updates.
    static QUESTION: RefCell<Option<Box<dyn FnMut() -> bool>>> = const { RefCell::new(None) };
}

/// Makes the request. Says whether it was made before.
pub fn wish() -> bool {
    WISHED.swap(true, Ordering::SeqCst)
}

/// Whether the request was made, of the process or, by the answer to its question, of this thread.
pub fn is_wished() -> bool {
    WISHED.load(Ordering::SeqCst) || is_asked_to_stop()
}

/// Has trainings of this thread ask between two updates whether they are to stop, until the guard is dropped. For a caller that can only
/// tell on this very thread, as Python's interpreter does with signals. The question comes once an update, so it should be brief; once
/// the answer was yes it is to stay so. It takes the place of another question of the thread.
///
/// ```
/// use trimtab_env::interruption::{ask, is_wished};
/// let asking = ask(|| true);
/// assert!(is_wished());
/// drop(asking);
/// assert!(!is_wished());
/// ```
pub fn ask(question: impl FnMut() -> bool + 'static) -> Asking {
    QUESTION.with_borrow_mut(|asked| *asked = Some(Box::new(question)));
    Asking(PhantomData)
}

/// While it is there, trainings of the thread ask.
#[must_use = "once it is dropped nothing is asked"]
pub struct Asking(PhantomData<*const ()>);

impl Drop for Asking {
    fn drop(&mut self) {
        QUESTION.with_borrow_mut(|asked| *asked = None);
    }
}

fn is_asked_to_stop() -> bool {
    QUESTION.with(|question| match question.try_borrow_mut() {
        Ok(mut question) => question.as_mut().is_some_and(|asked| asked()),
        // The question itself trains something.
        Err(_) => false,
    })
}

/// Takes the request back, for whoever has dropped what was under way and goes on with something else.
pub fn withdraw() {
    WISHED.store(false, Ordering::SeqCst);
}

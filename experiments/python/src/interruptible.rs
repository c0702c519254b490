//! Work without the interpreter's lock, which Ctrl-C ends.
//!
//! A signal of Python is handled by its main thread, between two lines of Python. Work of one thread is done where it is called, and asks
//! now and then whether there is a signal: handing it to another thread and waiting costs the clock more than the work does, where the
//! machine has other things to do. What several threads do is done by them, while the one that was called looks for signals.

use crate::error::exception;
use pyo3::PyErr;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use trimtab_env::interruption;
use trimtab_experiments::Error;

/// How often signals are looked for.
const EVERY: Duration = Duration::from_millis(20);

/// How many interruptions there have been. They reach every training of the process, also one that another thread of Python waits for.
static INTERRUPTIONS: AtomicU64 = AtomicU64::new(0);

/// Does `work` on this thread, without the interpreter's lock. Once there is a signal that raises an exception, as Ctrl-C does, trainings
/// in it end their segments early and the exception is raised; the answer is dropped.
///
/// # Errors
/// The exception of a signal; `KeyboardInterrupt` where another thread's signal cut the work short; those of `work`.
pub fn interruptible_here<T: Send, E: Into<Error> + Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, E> + Send,
) -> PyResult<T> {
    let before = INTERRUPTIONS.load(Ordering::SeqCst);
    let (answer, signal) = py.detach(|| {
        let seen = Rc::new(RefCell::new(None));
        let (signal, mut next) = (Rc::clone(&seen), Instant::now() + EVERY);
        let asking = interruption::ask(move || {
            let mut signal = signal.borrow_mut();
            if signal.is_none() && Instant::now() >= next {
                *signal = Python::attach(|py| py.check_signals()).err();
                next = Instant::now() + EVERY;
            }
            signal.is_some()
        });
        let answer = work();
        drop(asking);
        (answer, seen.take())
    });
    if let Some(signal) = signal {
        return Err(signal);
    }
    whole(before)?;
    answer.map_err(exception)
}

/// Whether nothing was cut short since there were so many interruptions.
fn whole(before: u64) -> PyResult<()> {
    if INTERRUPTIONS.load(Ordering::SeqCst) == before {
        return Ok(());
    }
    Err(PyKeyboardInterrupt::new_err(
        "interrupted by another thread",
    ))
}

/// Does `work`, which has threads of its own, without the interpreter's lock. Once there is a signal that raises an exception, as Ctrl-C does, trainings
/// end their segments early, `stop` is set, and the exception is raised; the answer is dropped.
///
/// # Errors
/// The exception of a signal; `KeyboardInterrupt` where another thread's signal cut the work short; those of `work`.
pub fn interruptible<T: Send, E: Into<Error> + Send>(
    py: Python<'_>,
    stop: &AtomicBool,
    work: impl FnOnce() -> Result<T, E> + Send,
) -> PyResult<T> {
    let before = INTERRUPTIONS.load(Ordering::SeqCst);
    let (answer, signal) = py.detach(|| {
        std::thread::scope(|scope| {
            let (sender, receiver) = channel();
            let worker = scope.spawn(move || {
                let answer = work();
                sender.send(()).unwrap_or_default();
                answer
            });
            let mut signal: Option<PyErr> = None;
            while receiver.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                if signal.is_none() {
                    signal = Python::attach(|py| py.check_signals()).err();
                    if signal.is_some() {
                        // Before any segment ends, so that none is taken for a whole one.
                        INTERRUPTIONS.fetch_add(1, Ordering::SeqCst);
                        stop.store(true, Ordering::SeqCst);
                        interruption::wish();
                    }
                }
            }
            let answer = worker.join();
            if signal.is_some() {
                interruption::withdraw();
            }
            (answer, signal)
        })
    });
    if let Some(signal) = signal {
        return Err(signal);
    }
    whole(before)?;
    match answer {
        Ok(answer) => answer.map_err(exception),
        // PyO3 makes an exception of it.
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

//! What the trainings of a piece of work have reported, so that it can go on elsewhere.
//!
//! Whoever decides depends on what is reported, and on seeds. So work that stood still can go on in another process: it begins anew there,
//! with reports that are read instead of trained, up to the training that was under way, whose state is read too
//! ([`Trainee::save`](crate::Trainee::save)). Nothing of whoever decides has to be written down, however it does.
//!
//! ```
//! use std::rc::Rc;
//! use trimtab_env::{Action, Environment, TuningEnv, pause, recording, suite::NoisyQuadratic};
//! use std::cell::RefCell;
//! let work = || -> trimtab_env::Result<f64> {
//!     let mut environment = TuningEnv::new(vec![NoisyQuadratic::default().into()], NoisyQuadratic::tuning())?;
//!     environment.reset(1)?;
//!     while !environment.step(&Action::from(2))?.status.is_over() {}
//!     Ok(environment.outcome()?["best_validation_loss"])
//! };
//! let kept = Rc::new(RefCell::new(None));
//! let last = kept.clone();
//! let keep: pause::Pause = Rc::new(move |recording| *last.borrow_mut() = recording());
//! let here = recording::with(None, || pause::with(keep, work))?;
//! // From where it could last stand still:
//! let elsewhere = recording::with(kept.take(), work)?;
//! assert_eq!(elsewhere, here);
//! # Ok::<(), trimtab_env::Error>(())
//! ```

use crate::{Cost, Error, Report, Result, TestReport};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// What was reported until work stood still, and the state of the training that was under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    told: Vec<Told>,
    training: Vec<u8>,
}

/// What was said, and to what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    asked: Asked,
    said: Said,
}

/// What a training is asked for, so that nothing is read that was said of something else.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Asked {
    /// To begin, with this seed.
    Start(u64),
    /// For a segment of this budget.
    Advance(Cost),
    /// For so many updates.
    Probe(u64),
    /// For a test.
    Test,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Said {
    Report(Box<Report>),
    Test(TestReport),
}

/// The recording of the work that a thread does.
#[derive(Default)]
struct Tape {
    told: Vec<Told>,
    /// How many of these have been read; all of them once the work goes on from here.
    read: usize,
    /// The state of the training where they end, until it is taken.
    training: Option<Vec<u8>>,
    /// The environment whose trainings these are.
    environment: Option<u64>,
    /// Whether there is more to be known than what was reported: trainings of other environments, or that had begun before, or weights that
    /// were taken.
    more: bool,
}

thread_local! {
    static TAPE: RefCell<Option<Tape>> = const { RefCell::new(None) };
}

/// Does `work`, from where it stood still if there is a recording of that, and records it.
pub fn with<T>(recording: Option<Recording>, work: impl FnOnce() -> T) -> T {
    /// What was recorded before is recorded again, also after an unwinding.
    struct Before(Option<Tape>);
    impl Drop for Before {
        fn drop(&mut self) {
            let before = self.0.take();
            TAPE.with(|tape| tape.replace(before));
        }
    }
    let tape = recording.map_or_else(Tape::default, |Recording { told, training }| Tape {
        told,
        training: Some(training),
        ..Default::default()
    });
    let _before = Before(TAPE.with(|before| before.replace(Some(tape))));
    work()
}

fn on_tape<T>(then: impl FnOnce(&mut Tape) -> T) -> Option<T> {
    TAPE.with(|tape| tape.borrow_mut().as_mut().map(then))
}

/// A training of this environment begins.
pub(super) fn begins(environment: u64) {
    on_tape(|tape| *tape.environment.get_or_insert(environment));
}

/// Something of a training is needed that no report says.
pub(super) fn needs_more() {
    on_tape(|tape| tape.more = true);
}

/// Whether the next report is read.
pub(super) fn is_told() -> bool {
    on_tape(|tape| tape.read < tape.told.len()).unwrap_or(false)
}

/// A report on what a training of this environment is `asked`, read or made.
///
/// # Errors
/// Those of making it; [`Error::Other`] where the recording is of other work.
pub(super) fn report(
    environment: u64,
    asked: Asked,
    make: impl FnOnce() -> Result<Report>,
) -> Result<Report> {
    match next(asked)? {
        Some(Said::Report(report)) => return Ok(*report),
        Some(Said::Test(_)) => return Err(foreign()),
        None => {}
    }
    let report = make()?;
    keep(environment, asked, || {
        Said::Report(Box::new(report.clone()))
    });
    Ok(report)
}

/// As [`report()`], of the test split.
///
/// # Errors
/// As [`report()`].
pub(super) fn test(
    environment: u64,
    make: impl FnOnce() -> Result<TestReport>,
) -> Result<TestReport> {
    match next(Asked::Test)? {
        Some(Said::Test(report)) => return Ok(report),
        Some(Said::Report(_)) => return Err(foreign()),
        None => {}
    }
    let report = make()?;
    keep(environment, Asked::Test, || Said::Test(report.clone()));
    Ok(report)
}

fn next(asked: Asked) -> Result<Option<Said>> {
    let next = on_tape(|tape| match tape.told.get(tape.read) {
        Some(told) if told.asked == asked => {
            tape.read += 1;
            Ok(Some(told.said.clone()))
        }
        Some(_) => Err(foreign()),
        // The state was not taken where the recording ends.
        None if tape.training.is_some() => Err(foreign()),
        None => Ok(None),
    });
    next.unwrap_or(Ok(None))
}

fn keep(environment: u64, asked: Asked, said: impl FnOnce() -> Said) {
    on_tape(|tape| {
        // A training that began before the work did has more to it than is recorded.
        tape.more |= tape.environment != Some(environment);
        tape.told.push(Told {
            asked,
            said: said(),
        });
        tape.read = tape.told.len();
    });
}

fn foreign() -> Error {
    let problem = "it asks its trainings for something else; whoever decides has to depend on reports and seeds alone";
    Error::other("work that goes on from a recording", problem)
}

/// The state of the training that was under way, where the recording ends.
pub(super) fn training() -> Option<Vec<u8>> {
    on_tape(|tape| tape.training.take_if(|_| tape.read == tape.told.len())).flatten()
}

/// A recording of the work up to here, if that and what `save` writes of the training under way are all there is to be known.
pub(super) fn of(save: impl FnOnce() -> Option<Vec<u8>>) -> Option<Recording> {
    // Whatever `save` does may come by here too.
    on_tape(|tape| tape.more).filter(|more| !more)?;
    let training = save()?;
    let told = on_tape(|tape| tape.told.clone())?;
    Some(Recording { told, training })
}

#[cfg(test)]
mod tests;

//! The kinds of work that travel, by name.

use crate::compare::work::Methods;
use crate::train::benchmark::Learning;
use crate::train::evaluation::Named;
use crate::train::rollouts::Rollouts;
use crate::tune::runs::Runs;
use crate::work::elsewhere::{Answers, from_bytes, to_bytes};
use crate::work::trainings::Trainings;
use crate::work::{Place, Portable, Recipe, Work};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use trimtab_cluster::Hash;
use trimtab_cluster::worker::{Halt, Order};
use trimtab_env::pause::Pause;
use trimtab_env::recording::Recording;
use trimtab_env::{interruption, pause, recording};

/// Work that can be done here, of any kind.
pub(super) trait Opened: Send + Sync {
    /// Does units one after the other, which may be told to stand still: between two of them, or at the end of a segment.
    fn answer(&self, slot: usize, order: &Order) -> Result<Units>;
}

/// What became of units that were handed out together, as bytes.
pub(super) enum Units {
    /// All are done, or one has failed: [`Answers`].
    Done(Vec<u8>),
    /// Some are still to be done: a [`Continuation`].
    Paused(Vec<u8>),
}

/// From where units go on that stood still.
#[derive(Serialize, Deserialize)]
struct Continuation<A> {
    answers: Answers<A>,
    /// What was done of the next.
    next: Option<Recording>,
}

/// What a unit unwinds with that goes on from this.
struct StandsStill(Recording);

/// Does what stands still where `halt` says so; `Err` if it goes on from a recording. What none can be made of waits in its thread, as does
/// what is not `recorded`.
fn halting<T>(
    halt: &Halt,
    (recorded, from): (bool, Option<Recording>),
    work: impl FnOnce() -> T,
) -> std::result::Result<T, Recording> {
    let halt = halt.clone();
    let pause: Pause = Rc::new(move |recording| {
        if halt.is_wished()
            && let Some(recording) = recording()
        {
            resume_unwind(Box::new(StandsStill(recording)));
        }
        halt.here();
    });
    let work = || match recorded {
        true => recording::with(from, || pause::with(pause, work)),
        false => pause::with(pause, work),
    };
    catch_unwind(AssertUnwindSafe(work)).map_err(|thrown| match thrown.downcast::<StandsStill>() {
        Ok(stands_still) => stands_still.0,
        Err(other) => resume_unwind(other),
    })
}

/// Opens work by the name of its kind.
pub(super) fn open<'r>(
    kind: &str,
    config: Vec<u8>,
    place: &Place<'r>,
    slots: usize,
) -> Result<Box<dyn Opened + 'r>> {
    let recipe = Recipe {
        kind: kind.to_owned(),
        config,
        files: Vec::new(),
    };
    let all: [(&str, Opener<'r>); 6] = [
        (Trainings::KIND, opened::<Trainings>),
        (Methods::KIND, opened::<Methods>),
        (Rollouts::KIND, opened::<Rollouts>),
        (Named::KIND, opened::<Named>),
        (Learning::KIND, opened::<Learning>),
        (Runs::KIND, opened::<Runs>),
    ];
    let found = all.iter().find(|(name, _)| *name == kind);
    let (_, opener) = found.ok_or_else(|| {
        let names = all.map(|(name, _)| name);
        Error::config("kind of work", kind, format!("one of {}", names.join(", ")))
    })?;
    opener(&recipe, place, slots)
}

type Opener<'r> = fn(&Recipe, &Place<'r>, usize) -> Result<Box<dyn Opened + 'r>>;

fn opened<'r, W: Portable<'r> + Send + 'r>(
    recipe: &Recipe,
    place: &Place<'r>,
    slots: usize,
) -> Result<Box<dyn Opened + 'r>>
where
    W::Shared: Send + Sync,
{
    let work: W = recipe.make(place)?;
    let benches = work.benches(slots).max(1);
    Ok(Box::new(Benched {
        work,
        benches: Mutex::new((0..benches).map(|_| None).collect()),
        shared: Mutex::new(None),
    }))
}

/// Work with its benches, and what the units of now share.
struct Benched<W: Work> {
    work: W,
    /// Those that nobody uses now.
    benches: Mutex<Vec<Option<W::Bench>>>,
    shared: Mutex<Option<(Hash, Arc<W::Shared>)>>,
}

impl<W: Work> Benched<W> {
    fn shared(&self, order: &Order) -> Result<Arc<W::Shared>> {
        let mut kept = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, shared)) = &*kept
            && name == order.shared
        {
            return Ok(shared.clone());
        }
        let shared: Arc<W::Shared> = Arc::new(from_bytes(&order.content(order.shared)?)?);
        *kept = Some((order.shared.clone(), shared.clone()));
        Ok(shared)
    }
}

impl<W: Work> Benched<W> {
    fn one(
        &self,
        slot: usize,
        shared: &W::Shared,
        unit: &W::Unit,
        advance: &dyn Fn(u64),
    ) -> Result<W::Answer> {
        let benches = || self.benches.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.work.place(unit).unwrap_or(slot) % benches().len();
        let found = benches()[place].take();
        // A unit that stands still keeps its own, and the next one in its slot makes another.
        let mut bench = match found {
            Some(bench) => bench,
            None => self.work.bench()?,
        };
        let answer = self.work.answer(&mut bench, shared, unit, advance)?;
        // That of a unit that failed or panicked is not used again.
        benches()[place] = Some(bench);
        Ok(answer)
    }
}

impl<W: Work + Send> Opened for Benched<W>
where
    W::Shared: Send + Sync,
{
    fn answer(&self, slot: usize, order: &Order) -> Result<Units> {
        let shared = self.shared(order)?;
        let units: Vec<W::Unit> = from_bytes(order.unit)?;
        let Continuation { mut answers, next } = match order.continuation {
            Some(before) => from_bytes::<Continuation<W::Answer>>(before)?,
            None => Continuation {
                answers: Vec::with_capacity(units.len()),
                next: None,
            },
        };
        let mut from = next;
        for unit in &units[answers.len().min(units.len())..] {
            if order.halt.is_wished() {
                let next = from.take();
                return Ok(Units::Paused(to_bytes(&Continuation { answers, next })?));
            }
            let _span = span(slot, order).entered();
            let clock = Instant::now();
            let one = || self.one(slot, &shared, unit, order.progress);
            // What a unit with a place reports depends on where its bench stands, which others left there.
            let recorded = self.work.place(unit).is_none();
            let done = match halting(order.halt, (recorded, from.take()), one) {
                Ok(done) => done,
                Err(recording) => {
                    let next = Some(recording);
                    return Ok(Units::Paused(to_bytes(&Continuation { answers, next })?));
                }
            };
            match done {
                Ok(answer) => {
                    let seconds = clock.elapsed().as_secs_f64();
                    tracing::info!(target: "trimtab::unit", kind = W::KIND, run = order.run, seconds, "unit done");
                    answers.push(Ok(answer));
                }
                Err(error) if may_succeed_elsewhere(&error) => return Err(error),
                Err(error) => {
                    answers.push(Err(error.to_string()));
                    break;
                }
            }
            if interruption::is_wished() {
                // Its segments may have been cut short.
                return Err(Error::Halted);
            }
        }
        Ok(Units::Done(to_bytes(&answers)?))
    }
}

/// What a server, a wire or a disk did to a unit may not happen again.
pub(super) fn may_succeed_elsewhere(error: &Error) -> bool {
    matches!(
        error,
        Error::Cluster(_) | Error::Wire(_) | Error::File { .. }
    )
}

/// A unit, as a part of the trace of whoever handed it out.
fn span(slot: usize, order: &Order) -> tracing::Span {
    let span = tracing::info_span!("unit", worker = slot as i64);
    #[cfg(feature = "telemetry")]
    if let Some(trace) = order.trace {
        trimtab_telemetry::follow(&span, trace);
    }
    #[cfg(not(feature = "telemetry"))]
    let _ = order;
    span
}

//! The kinds of work that travel, by name.

use crate::compare::work::Methods;
use crate::train::benchmark::Learning;
use crate::train::evaluation::Named;
use crate::train::rollouts::Rollouts;
use crate::tune::runs::Runs;
use crate::work::elsewhere::{from_bytes, to_bytes};
use crate::work::trainings::Trainings;
use crate::work::{Place, Portable, Recipe, Work};
use crate::{Error, Result};
use std::sync::{Arc, Mutex, PoisonError};
use trimtab_cluster::Hash;
use trimtab_cluster::worker::Order;

/// Work that can be done here, of any kind.
pub(super) trait Opened: Send + Sync {
    /// Does a unit.
    fn answer(&self, slot: usize, order: &Order) -> Result<Vec<u8>>;
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
        benches: (0..benches).map(|_| Mutex::new(None)).collect(),
        shared: Mutex::new(None),
    }))
}

/// Work with its benches, and what the units of now share.
struct Benched<W: Work> {
    work: W,
    benches: Vec<Mutex<Option<W::Bench>>>,
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

impl<W: Work + Send> Opened for Benched<W>
where
    W::Shared: Send + Sync,
{
    fn answer(&self, slot: usize, order: &Order) -> Result<Vec<u8>> {
        let shared = self.shared(order)?;
        let unit: W::Unit = from_bytes(order.unit)?;
        let place = self.work.place(&unit).unwrap_or(slot);
        let bench = &self.benches[place % self.benches.len()];
        let mut bench = match bench.lock() {
            Ok(bench) => bench,
            // A unit panicked on it: nothing of it is used again.
            Err(poisoned) => {
                let mut broken = poisoned.into_inner();
                *broken = None;
                bench.clear_poison();
                broken
            }
        };
        let bench = match &mut *bench {
            Some(bench) => bench,
            empty => empty.insert(self.work.bench()?),
        };
        let answer = self.work.answer(bench, &shared, &unit, order.progress)?;
        to_bytes(&answer)
    }
}

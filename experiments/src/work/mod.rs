//! Work: jobs as plain data, and the workers that run them.
//!
//! Input: units of one kind, as plain data: what to play, on which task, with which seed. Output: their answers, in the order of the
//! units, whoever did them. `train`, `evaluate`, grids, `compare`, `fit`, `benchmark` and `tune --runs` all hand out their work here.
//! Threads of this process ([`trimtab_env::mdp::threads`]) are one kind of worker; since units and answers can be written and read,
//! other machines are another (feature `cluster`).
//!
//! | to find | look in |
//! |---|---|
//! | a kind of work, workers, a session | [`Work`], [`Workers`], [`Session`] |
//! | one training under a controller, the unit of most work | [`trainings`] |
//! | the controller of a training, as a config | [`controllers`] |
//! | from a config to environments | [`environments`] |
//! | work that another process can make again | [`portable`] |
//! | workers that are no threads of this process | `elsewhere` (feature `cluster`) |
//! | how busy threads are, for telemetry | `busy` |
//! | environments, models, controllers and searchers by name, also a program's own | [`registry`] |
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use trimtab_experiments::record::observer::Quiet;
//! use trimtab_experiments::work::{Work, Workers};
//! use trimtab_experiments::{Registry, Result};
//!
//! struct Squares;
//!
//! impl Work for Squares {
//!     type Shared = ();
//!     type Unit = u64;
//!     type Answer = u64;
//!     type Bench = ();
//!     fn bench(&self) -> Result<()> {
//!         Ok(())
//!     }
//!     fn answer(&self, _: &mut (), _: &(), unit: &u64, advance: &dyn Fn(u64)) -> Result<u64> {
//!         advance(1);
//!         Ok(unit * unit)
//!     }
//! }
//!
//! let (registry, interrupted) = (Registry::default(), AtomicBool::new(false));
//! let workers = Workers::new(2, trimtab_models::device("flex")?, &registry, &interrupted);
//! let answers = workers.begin(&Squares).all(&(), &[1, 2, 3], &mut Quiet)?;
//! assert_eq!(answers, [1, 4, 9]);
//! # Ok::<(), trimtab_experiments::Error>(())
//! ```

mod busy;
pub mod controllers;
#[cfg(feature = "cluster")]
pub mod elsewhere;
pub mod environments;
pub mod portable;
pub mod registry;
pub mod trainings;

#[cfg(feature = "cluster")]
pub use elsewhere::Elsewhere;
pub use portable::{Place, Portable, Recipe};

use crate::record::observer::Observer;
use crate::{Error, Registry, Result};
use burn::tensor::Device;
use busy::Busy;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use trimtab_env::mdp::threads::in_order;

/// A kind of work: what its units are, and how one is done.
pub trait Work: Sync {
    /// Its name among kinds of work.
    const KIND: &'static str = "other";

    /// What all units that are handed out together share beside the work itself, such as the policy of a rollout.
    type Shared: Serialize + DeserializeOwned + Sync;
    /// What is to be done.
    type Unit: Serialize + DeserializeOwned + Sync;
    /// Its result.
    type Answer: Serialize + DeserializeOwned + Send;
    /// What is made once and serves unit after unit: environments with their data.
    type Bench: Send;

    /// Makes a bench.
    ///
    /// # Errors
    /// Whatever does not fit.
    fn bench(&self) -> Result<Self::Bench>;

    /// How many benches `workers` workers need.
    fn benches(&self, workers: usize) -> usize {
        workers
    }

    /// The bench that already holds the state from which the unit continues; any other can do the unit too.
    fn place(&self, _unit: &Self::Unit) -> Option<usize> {
        None
    }

    /// Does a unit, and tells `advance` of the progress that an observer counts. Nothing in the answer may depend on what the bench
    /// did before.
    ///
    /// # Errors
    /// Whatever goes wrong.
    fn answer(
        &self,
        bench: &mut Self::Bench,
        shared: &Self::Shared,
        unit: &Self::Unit,
        advance: &dyn Fn(u64),
    ) -> Result<Self::Answer>;

    /// What another process makes this work from; `None`, the default, for work that is done by threads of this process alone.
    ///
    /// # Errors
    /// As [`Recipe::of`].
    fn recipe(&self) -> Result<Option<Recipe>> {
        Ok(None)
    }
}

/// Who does work: so many threads of this process, or workers elsewhere.
#[derive(Clone, Debug)]
pub struct Workers<'a> {
    /// How many units are done at once.
    pub jobs: usize,
    /// Where tensors are.
    pub device: Device,
    /// What a unit may call by its name.
    pub registry: &'a Registry,
    /// Set from outside to stop: no further unit is begun, and one that was under way counts for nothing, since its segments may have
    /// been cut short.
    pub interrupted: &'a AtomicBool,
    /// Who does it instead of threads, for work that has a recipe.
    #[cfg(feature = "cluster")]
    pub elsewhere: Option<std::sync::Arc<dyn Elsewhere>>,
}

impl<'a> Workers<'a> {
    /// So many threads.
    pub fn new(
        jobs: usize,
        device: Device,
        registry: &'a Registry,
        interrupted: &'a AtomicBool,
    ) -> Self {
        Self {
            jobs: jobs.max(1),
            device,
            registry,
            interrupted,
            #[cfg(feature = "cluster")]
            elsewhere: None,
        }
    }

    /// Begins a session of `work`, whose benches last until it is dropped.
    pub fn begin<'w, W: Work>(&'w self, work: &'w W) -> Session<'w, W> {
        let benches = work.benches(self.jobs).max(1);
        Session {
            workers: self,
            work,
            benches: (0..benches).map(|_| Mutex::new(None)).collect(),
        }
    }

    /// Everything is done, and written: what workers elsewhere keep for whoever goes on may be dropped.
    pub fn finish(&self) {
        #[cfg(feature = "cluster")]
        if let Some(elsewhere) = &self.elsewhere {
            elsewhere.finish();
        }
    }

    /// # Errors
    /// [`Error::Halted`] once it was interrupted.
    pub fn go_on(&self) -> Result<()> {
        if self.interrupted.load(Ordering::SeqCst) {
            return Err(Error::Halted);
        }
        Ok(())
    }
}

/// Work under way.
pub struct Session<'w, W: Work> {
    workers: &'w Workers<'w>,
    work: &'w W,
    /// Made when they are first needed.
    benches: Vec<Mutex<Option<W::Bench>>>,
}

impl<W: Work> Session<'_, W> {
    /// Does the units and gives `each` their answers, with the number of the unit, in the order of the units and as soon as that order
    /// allows. The observer is told of progress.
    ///
    /// # Errors
    /// The error of the first unit, or of the first answer, that fails; [`Error::Halted`] if it was interrupted.
    pub fn each(
        &self,
        shared: &W::Shared,
        units: &[W::Unit],
        observer: &mut dyn Observer,
        each: impl FnMut(usize, W::Answer) -> Result<()>,
    ) -> Result<()> {
        #[cfg(feature = "cluster")]
        if let Some(elsewhere) = &self.workers.elsewhere
            && let Some(recipe) = self.work.recipe()?
        {
            let interrupted = self.workers.interrupted;
            return elsewhere::each::<W>(
                elsewhere.as_ref(),
                (&recipe, shared, units),
                interrupted,
                observer,
                each,
            );
        }
        let busy = Busy::new(self.workers.jobs, units.len());
        let work = |worker: usize, index: usize, advance: &dyn Fn(u64)| {
            self.workers.go_on()?;
            let unit = &units[index];
            let place = self.work.place(unit).unwrap_or(worker);
            // A poisoned lock means that a thread panicked, which ends everything anyway.
            let mut bench = self.benches[place % self.benches.len()]
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let bench = match &mut *bench {
                Some(bench) => bench,
                empty => empty.insert(self.work.bench()?),
            };
            let done = || self.work.answer(bench, shared, unit, advance);
            let answer = busy.with((W::KIND, worker, index), done)?;
            self.workers.go_on()?;
            Ok(answer)
        };
        let advance = |steps| observer.advance(steps);
        in_order(self.workers.jobs, units.len(), work, advance, each)
    }

    /// Does the units and returns all answers in their order.
    ///
    /// # Errors
    /// As [`Session::each`].
    pub fn all(
        &self,
        shared: &W::Shared,
        units: &[W::Unit],
        observer: &mut dyn Observer,
    ) -> Result<Vec<W::Answer>> {
        let mut answers = Vec::with_capacity(units.len());
        self.each(shared, units, observer, |_, answer| {
            answers.push(answer);
            Ok(())
        })?;
        Ok(answers)
    }
}

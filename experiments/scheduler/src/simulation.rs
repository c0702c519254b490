//! The real [`Scheduler`](crate::Scheduler) in virtual time: what a strategy is worth before anything runs.
//!
//! Input: workers, streams of units, a strategy. Output: response times, waiting, throughput, utilisation, with standard errors. Units
//! and failures follow from the seed alone, so that strategies are compared on the same units.
//!
//! | to find | look in |
//! |---|---|
//! | workers, delays, failures | [`Simulation`] |
//! | arrivals and service times | [`Stream`] |
//! | several schedulers on the same workers | [`Coordinator`] |
//! | what comes out | [`Figures`] |
//!
//! ```
//! use trimtab_scheduler::StrategyConfig;
//! use trimtab_scheduler::simulation::{Arrivals, Service, Simulation, Stream};
//!
//! let stream = Stream {
//!     units: 10_000,
//!     arrivals: Arrivals::Poisson { rate: 3.2 },
//!     service: Service::Exponential { mean: 1.0 },
//!     priority: 0,
//! };
//! let simulation = Simulation { workers: 4, ..Simulation::default() };
//! let mean = |strategy: StrategyConfig| {
//!     let figures = simulation.run(vec![stream.clone()], strategy.build())?;
//!     Ok::<_, trimtab_scheduler::Error>(figures.streams[0].response.mean)
//! };
//! assert!(mean(StrategyConfig::LeastLoad { ahead: Some(0) })? < mean(StrategyConfig::RoundRobin)?);
//! # Ok::<(), trimtab_scheduler::Error>(())
//! ```

mod calendar;
mod coordinator;
mod engine;
mod figures;
mod machine;
mod stream;

pub use coordinator::Coordinator;
pub use figures::{Estimate, Figures, StreamFigures};
pub use stream::{Arrivals, Service, Stream};

use crate::error::{Error, Result, positive};
use crate::strategy::Strategy;
use coordinator::Running;
use engine::Engine;
use serde::{Deserialize, Serialize};

/// Workers, and what is between them and the scheduler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Simulation {
    /// How many workers. Default 1.
    pub workers: usize,
    /// How many units each does at once. Default 1.
    pub slots: usize,
    /// Seconds that every message takes, to a worker and back. Default 0.
    pub delay: f64,
    /// Outages of workers. Default: none.
    pub failures: Option<Failures>,
    /// Ends at this second at the latest. Default: when every unit has ended.
    pub until: f64,
    /// Fraction of the first units of each stream that response and waiting leave out. Default 0.1.
    pub warm_up: f64,
    /// Everything random follows from it. Default 0.
    pub seed: u64,
}

/// Outages of workers, each on its own. A worker that comes back has lost what it had.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failures {
    /// Mean time until a worker goes down, exponential, in seconds.
    pub mean_up: f64,
    /// Mean time until it is back, exponential, in seconds.
    pub mean_down: f64,
}

impl Default for Simulation {
    fn default() -> Self {
        Self {
            workers: 1,
            slots: 1,
            delay: 0.0,
            failures: None,
            until: f64::INFINITY,
            warm_up: 0.1,
            seed: 0,
        }
    }
}

impl Simulation {
    /// Runs one scheduler that has the workers for itself.
    ///
    /// # Errors
    /// A value that is not allowed.
    pub fn run(&self, streams: Vec<Stream>, strategy: Box<dyn Strategy>) -> Result<Figures> {
        let mut figures = self.run_shared(vec![Coordinator::new(streams, strategy)])?;
        Ok(figures.remove(0))
    }

    /// Runs several schedulers on the same workers. Whenever demand changes, each one's quota is its share of the slots that are up, and
    /// each knows the load of every worker.
    ///
    /// # Errors
    /// A value that is not allowed.
    pub fn run_shared(&self, coordinators: Vec<Coordinator>) -> Result<Vec<Figures>> {
        self.check()?;
        let mut first = 0;
        let mut running = Vec::with_capacity(coordinators.len());
        for (index, coordinator) in coordinators.into_iter().enumerate() {
            let place = format!("coordinators[{index}]");
            positive(&format!("{place}.weight"), coordinator.weight)?;
            for (stream, it) in coordinator.streams.iter().enumerate() {
                it.check(&format!("{place}.streams[{stream}]"))?;
            }
            let coordinator = Running::new(coordinator, self.seed, first);
            first += coordinator.streams();
            running.push(coordinator);
        }
        let (mut ended, seconds) = Engine::new(self, running).run()?;
        let slots = self.workers.saturating_mul(self.slots);
        let figures = |it: &mut Running| it.figures(seconds, slots, self.warm_up);
        Ok(ended.iter_mut().map(figures).collect())
    }

    fn check(&self) -> Result<()> {
        for (field, number) in [("workers", self.workers), ("slots", self.slots)] {
            if number == 0 {
                return Err(Error::value(field, number, "give at least 1"));
            }
        }
        if !(self.delay >= 0.0 && self.delay.is_finite()) {
            let allowed = "give a finite number of seconds, at least 0";
            return Err(Error::value("delay", self.delay, allowed));
        }
        if self.until.is_nan() || self.until <= 0.0 {
            return Err(Error::value("until", self.until, "give seconds above 0"));
        }
        if !(0.0..1.0).contains(&self.warm_up) {
            let allowed = "give a fraction of at least 0 and below 1";
            return Err(Error::value("warm_up", self.warm_up, allowed));
        }
        if let Some(failures) = &self.failures {
            positive("failures.mean_up", failures.mean_up)?;
            positive("failures.mean_down", failures.mean_down)?;
        }
        Ok(())
    }
}

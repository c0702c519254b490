//! Which unit of work goes to which worker: a state machine without threads and without a clock.
//!
//! Input: events, each with the second at which it happened. Output: commands. What brings the events is called the driver: a program
//! that talks to real workers, or the [simulation] in virtual time. Both run the same code.
//!
//! | to find | look in |
//! |---|---|
//! | the state machine, its events and rules | [`Scheduler`], [`Limits`] |
//! | who decides, and a strategy of one's own | [`strategy`], [`Strategy`] |
//! | what a strategy can ask | [`State`] |
//! | what happens, as it happens | [`Observer`], [`Change`] |
//! | fair shares of a cluster that several schedulers use | [`mod@shares`] |
//! | what a strategy is worth before anything runs | [`simulation`] |
//!
//! ```
//! use trimtab_scheduler::{Command, Limits, Scheduler, StrategyConfig, Unit, UnitId, WorkerId};
//!
//! let strategy: StrategyConfig = "least-load".parse()?;
//! let mut scheduler = Scheduler::new(strategy.build(), Limits::default());
//! let (unit, worker) = (UnitId(7), WorkerId(0));
//! scheduler.worker_up(worker, 1, 0.0)?;
//! scheduler.submit(Unit { id: unit, priority: 0 }, 0.0)?;
//! assert_eq!(scheduler.commands(0.0)?, [Command::Assign { unit, worker }]);
//! scheduler.started(unit, worker, 0.1)?;
//! assert!(scheduler.done(unit, worker, 2.5)?);
//! assert_eq!(scheduler.state().counts().done, 1);
//! # Ok::<(), trimtab_scheduler::Error>(())
//! ```
//!
//! # A strategy of one's own
//!
//! Each unit goes to a worker drawn at random:
//!
//! ```
//! use rand::{RngExt, SeedableRng, rngs::StdRng};
//! use trimtab_scheduler::{Command, Limits, Scheduler, State, Strategy};
//!
//! struct RandomSplit(StdRng);
//!
//! impl Strategy for RandomSplit {
//!     fn name(&self) -> &str {
//!         "random-split"
//!     }
//!     fn next(&mut self, state: &State) -> Option<Command> {
//!         let unit = state.first_waiting()?.id;
//!         let drawn = self.0.random_range(0..state.workers().len().max(1));
//!         let worker = state.workers().nth(drawn)?.id();
//!         Some(Command::Assign { unit, worker })
//!     }
//! }
//!
//! let strategy = Box::new(RandomSplit(StdRng::seed_from_u64(1)));
//! let scheduler = Scheduler::new(strategy, Limits::default());
//! assert_eq!(scheduler.strategy(), "random-split");
//! ```

mod change;
mod command;
mod error;
mod scheduler;
pub mod shares;
pub mod simulation;
mod state;
pub mod strategy;
mod unit;

pub use change::{Change, Observer};
pub use command::Command;
pub use error::{Error, Mistake, Result, Why};
pub use scheduler::{Limits, Scheduler};
pub use state::{Counts, Stage, State, Worker};
pub use strategy::{Strategy, StrategyConfig};
pub use unit::{Unit, UnitId, WorkerId};

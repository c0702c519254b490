//! What an experiment leaves, and who watches while it runs. Everything that is drawn is read back from here.
//!
//! | to find | look in |
//! |---|---|
//! | the files of a run, and how they are written | [`run_directory`] |
//! | the folder of a comparison or a fit; who may write into a folder | `recorded`, `lock` |
//! | the lines of `events.jsonl` | [`events`] |
//! | the figures of `summary.json`; tables as text | [`summary`]; `columns` |
//! | medians, paired differences and their intervals | [`statistics`] |
//! | who watches: progress bars and others | [`observer`] |
//! | curves for TensorBoard | [`tensorboard`] |
//!
//! ```
//! use trimtab_experiments::record::observer::{Observer, Phase};
//!
//! #[derive(Default)]
//! struct Counted(u64);
//!
//! impl Observer for Counted {
//!     fn advance(&mut self, steps: u64) {
//!         self.0 += steps;
//!     }
//! }
//!
//! let mut counted = Counted::default();
//! counted.begin(Phase::Training, 10, 0);
//! counted.advance(4);
//! assert_eq!(counted.0, 4);
//! ```

pub(crate) mod columns;
pub mod events;
mod lock;
pub mod observer;
pub(crate) mod recorded;
pub mod run_directory;
pub mod statistics;
pub mod summary;
pub mod tensorboard;

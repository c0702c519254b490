//! Methods of tuning compared on the same work, with every cost counted.
//!
//! A **method** is whatever somebody with a task and a budget might do: train once with a default, follow a schedule, let a
//! policy steer, or search over several runs. Each spends from a ledger of its own, and everything is spent: evaluations,
//! trials, diverged runs. What a method cost *before* the comparison (a policy's training, a fit) is shown apart.
//!
//! Input: a config and [`Workers`](crate::Workers). Output: records, and a report that is made of them alone.
//!
//! | to find | look in |
//! |---|---|
//! | the config, and what can be compared | [`config`], [`method`] |
//! | a comparison from beginning to end | [`run`] |
//! | what is found out before the methods run: grids, fits | `grid`, `fit`, `comparison` |
//! | single trainings and searches as work; the trials of a search, one after the other or several at a time | `work`, `search`, `trial`, `searches` |
//! | searches as studies of Optuna, while they go on; studies that they go on from | `studies`, [`warm_start`] |
//! | who spent what; the lines of `records.jsonl` | [`ledger`], [`record`] |
//! | the figures: intervals, profiles, break-even, one method against each | [`report`](mod@report), [`profile`], [`break_even`](mod@break_even), [`rivals`] |
//! | the report as text | [`table`](mod@table) |
//!
//! ```
//! use trimtab_experiments::compare::{CompareConfig, config::COMPARE};
//! let config = CompareConfig::parse(COMPARE, "compare.ron")?;
//! config.validate()?;
//! assert!(config.methods.iter().any(|method| method.name() == "default"));
//! # Ok::<(), trimtab_experiments::Error>(())
//! ```

pub mod break_even;
mod comparison;
pub mod config;
mod fit;
mod grid;
pub mod ledger;
pub mod method;
pub mod method_report;
pub mod profile;
pub mod record;
pub mod report;
pub mod rivals;
pub mod run;
mod runs;
mod search;
mod searches;
mod studies;
pub mod table;
mod trial;
pub mod warm_start;
pub(crate) mod work;

pub use config::CompareConfig;
pub use ledger::Ledger;
pub use method::Method;
pub use method_report::MethodReport;
pub use record::CompareRecord;
pub use report::{Report, report};
pub use run::compare;
pub use table::table;
pub use warm_start::WarmStart;

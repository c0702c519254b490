//! Methods of tuning compared on the same work, with every cost counted.
//!
//! A **method** is whatever somebody with a task and a budget might do: train once with a default, follow a schedule, let a
//! policy steer, or search over several runs. Each spends from a ledger of its own, and everything is spent: evaluations,
//! trials, diverged runs. What a method cost *before* the comparison (a policy's training, a fit) is shown apart.

pub mod break_even;
pub mod config;
mod fit;
pub mod ledger;
pub mod method;
pub mod profile;
pub mod record;
pub mod report;
pub mod rivals;
pub mod run;
mod runs;
mod search;
pub mod statistics;

pub use config::CompareConfig;
pub use ledger::Ledger;
pub use method::Method;
pub use record::CompareRecord;
pub use report::{MethodReport, Report, report};
pub use run::compare;

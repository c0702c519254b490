//! From a config to a trained policy: the reference of each task, training, evaluation. Learners on environments with known answers, the
//! fit of the servo and of the cost model are here too.
//!
//! Input: a config and [`Workers`](crate::Workers). Output: records in a run directory, and a policy.
//!
//! | to find | look in |
//! |---|---|
//! | the config of an experiment | [`config`] |
//! | an experiment from beginning to end | [`runner`] |
//! | the best fixed setting of each task | [`reference`](mod@reference) |
//! | rollouts as work that is handed out | [`rollouts`] |
//! | the comparison of controllers | [`evaluation`] |
//! | what a policy looks at | [`explain`] |
//! | learners on environments with known answers | [`benchmark`] |
//! | the fit of the servo to a distribution over trainings | [`fit`](mod@fit) |
//! | the fit of the cost model to a machine | [`calibrate`] |
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use trimtab_experiments::record::observer::Quiet;
//! use trimtab_experiments::train::{config::QUICKSTART, runner};
//! use trimtab_experiments::{Config, Registry, Workers};
//! let config = Config::parse(QUICKSTART, "quickstart.ron")?;
//! let (registry, interrupted) = (Registry::default(), AtomicBool::new(false));
//! let workers = Workers::new(2, trimtab_models::device("flex")?, &registry, &interrupted);
//! let summary = runner::train(&config, std::path::Path::new("runs/quickstart"), &workers, &mut Quiet)?;
//! println!("{} episodes", summary.episodes);
//! # Ok::<(), trimtab_experiments::Error>(())
//! ```

pub mod benchmark;
pub mod calibrate;
pub mod config;
pub mod evaluation;
pub mod explain;
pub mod fit;
pub mod reference;
pub mod rollouts;
pub mod runner;

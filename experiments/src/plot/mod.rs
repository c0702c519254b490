//! The pictures of an experiment or a comparison, drawn from its records alone.
//!
//! Input: records, as [`record`](crate::record) reads them back. Output: PNGs.
//!
//! | to find | look in |
//! |---|---|
//! | all pictures of a run or a comparison | [`pictures`] |
//! | one kind of picture | the function of its name |
//! | a canvas, axes, panels, a legend, colours | `canvas`, `axis`, `panel`, `legend`, `colour` |
//!
//! ```no_run
//! let drawn = trimtab_experiments::plot::pictures::draw("runs/quickstart".as_ref())?;
//! assert!(drawn.iter().all(|picture| picture.exists()));
//! # Ok::<(), trimtab_experiments::Error>(())
//! ```
//!
//! Every picture is a PNG, 1200 pixels wide, and appears whole or not at all. Values that are not finite, and values
//! without a logarithm on a logarithmic axis, are left out.

mod actions;
mod anytime;
mod axis;
mod canvas;
mod colour;
mod comparison;
mod confusion;
mod error;
mod importance;
mod legend;
mod panel;
mod permutation;
pub mod pictures;
mod profile;
mod range_test;
mod regret;
mod reliability;
mod residuals;
mod reward_curve;
mod rows;
mod set_points;
mod statistics;
mod training;

pub use actions::actions;
pub use anytime::anytime;
pub use comparison::comparison;
pub use confusion::confusion;
pub use error::Error;
pub use importance::importance;
pub use permutation::permutation_importance;
pub use profile::profiles;
pub use range_test::range_test;
pub use regret::{has_regret, regret};
pub use reliability::reliability;
pub use residuals::residuals;
pub use reward_curve::reward_curve;
pub use set_points::set_points;
pub use training::training;

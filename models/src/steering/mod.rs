//! Steering: a training under the context servo, as one call or within a loop that is not ours.
//!
//! Input: a model, its data or its losses, and a budget. Output: learning rate, batch size and weight decay, and in the end the
//! best averaged weights.
//!
//! | to find | look in |
//! |---|---|
//! | a training of a task in one call | [`train`](mod@train) |
//! | a tuner in the place of the optimiser's step of your own loop | [`tuner`] |
//! | a recorded schedule as a learning-rate schedule of burn | [`lr_schedule`] |
//! | what a policy adds to the servo | `residual` |
//!
//! ```
//! use trimtab_models::{TaskConfig, TrainConfig, train};
//! # let _ = || -> Result<(), Box<dyn std::error::Error>> {
//! let _config = TrainConfig::default();
//! # Ok(()) };
//! ```

pub mod lr_schedule;
pub(crate) mod residual;
pub mod train;
pub mod tuner;

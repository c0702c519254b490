//! Tasks: what is trained, as a config, drawn from a distribution, or made harder.
//!
//! Input: a [`TaskConfig`](crate::TaskConfig), as it is written in RON. Output: data that are split and standardised, with a model,
//! an optimiser and a loss.
//!
//! | to find | look in |
//! |---|---|
//! | data, model and optimiser in a config | [`config`] |
//! | tasks of any type behind one interface; models, losses and optimisers that a program adds by name | [`custom`] |
//! | a task with another loss or optimiser | `own` |
//! | a distribution over tasks | [`distribution`] |
//! | going on from weights of an earlier training | [`fine_tuning`]; [`pretraining`] makes such weights for comparisons |
//! | the tasks of the networks of this crate | [`mlp`], [`tabular`], [`cnn`], [`transformer`] |
//!
//! ```
//! # use trimtab_models::TaskConfig;
//! let task: TaskConfig = ron::from_str(
//!     "(data: Embedded(\"digits\"), model: Mlp(hidden: [64, 64]), optimizer: Adam())",
//! )?;
//! let task = task.prepare()?;
//! assert_eq!(task.name(), "digits mlp 64-64 adam");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cnn;
pub mod config;
pub mod custom;
pub mod distribution;
pub mod fine_tuning;
pub mod mlp;
pub(crate) mod own;
pub mod pretraining;
pub mod tabular;
pub mod transformer;

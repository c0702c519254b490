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
//! use std::sync::Arc;
//! use burn::tensor::Device;
//! use trimtab_models::data::{Embedded, SplitConfig, split};
//! use trimtab_models::mlp::Activation;
//! use trimtab_models::{MlpTask, TrainConfig, train};
//! let data = split(&*Embedded::Digits.load()?, &SplitConfig::default())?;
//! let task = MlpTask::new("digits", Arc::new(data), &[16], Activation::Relu);
//! let config = TrainConfig { epochs: 2.0, ..Default::default() };
//! let trained = train(task, &config, &Device::flex())?;
//! assert!(trained.test.metrics["accuracy"] > 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod lr_schedule;
pub(crate) mod residual;
pub mod train;
pub mod tuner;

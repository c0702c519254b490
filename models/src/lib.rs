#![doc = include_str!("../README.md")]

pub mod average;
pub mod bank;
pub mod cnn;
pub mod config;
pub mod data;
pub mod device;
pub mod distribution;
pub mod error;
mod evaluation;
pub mod initializer;
pub mod late;
pub mod lr_schedule;
pub mod mlp;
pub mod optimizer;
pub mod sampler;
pub mod statistics;
mod stretch;
pub mod task;
pub mod train;
pub mod trainee;
pub mod transformer;
pub mod tuner;
mod update_ratio;
pub mod weights;

pub use config::{DataConfig, ModelConfig, TaskConfig};
pub use device::device;
pub use distribution::TaskDistribution;
pub use error::{Error, Result};
pub use late::Late;
pub use lr_schedule::LrSchedule;
pub use optimizer::{Optimizer, OptimizerConfig};
pub use task::{Batch, TargetBatch, Task};
pub use train::{Begun, Ended, Next, Probed, TrainConfig, Trained, Underway, train, train_watched};
pub use trainee::{TaskTrainee, TraineeConfig};
pub use tuner::{Policy, Training, Tuner};

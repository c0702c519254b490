#![doc = include_str!("../README.md")]

pub mod data;
pub mod device;
pub mod error;
pub mod network;
pub mod steering;
pub mod tasks;
pub mod training;

pub use device::{device, divide_cores};
pub use error::{Error, Result};
pub use network::dropout::dropout;
pub use network::tabular::{EmbeddingConfig, PartRates, TabularConfig};
pub use network::{mlp, weights};
pub use steering::lr_schedule::LrSchedule;
pub use steering::train::{
    Begun, Ended, Next, Probed, TrainConfig, Trained, Underway, train, train_run, train_watched,
};
pub use steering::tuner::{Training, Tuner};
pub use tasks::cnn::CnnTask;
pub use tasks::config::{ClassWeights, DataConfig, LossConfig, ModelConfig, SumTerm, TaskConfig};
pub use tasks::distribution::TaskDistribution;
pub use tasks::fine_tuning::FineTuning;
pub use tasks::mlp::MlpTask;
pub use tasks::pretraining::Pretraining;
pub use tasks::tabular::TabularTask;
pub use tasks::transformer::TransformerTask;
pub use training::config::TraineeConfig;
pub use training::delayed_classes::DelayedClasses;
pub use training::intermittent_label_noise::IntermittentLabelNoise;
pub use training::optimizer::{Optimizer, OptimizerConfig};
pub use training::pruning::Pruning;
pub use training::task::{Batch, Pass, TargetBatch, Task};
pub use training::trainee::TaskTrainee;

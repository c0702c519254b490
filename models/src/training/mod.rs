//! Training: a task, the loop over its minibatches, and what is measured on the way. A controller steers a
//! [`TaskTrainee`](crate::TaskTrainee).
//!
//! Input: a [`Task`](crate::Task) (a burn model, its loss and its data) and the settings of each segment. Output: reports.
//!
//! | to find | look in |
//! |---|---|
//! | the trait for a burn model of your own | [`task`] |
//! | a task as a `Trainee` of the environment crate | [`trainee`] |
//! | the order of examples; how a minibatch is drawn | [`sampler`]; `minibatches` |
//! | delayed classes, intermittent label noise | [`delayed_classes`], [`intermittent_label_noise`] |
//! | optimisers; a loss of one's own | [`optimizer`]; [`loss`] |
//! | from settings to learning rate and batch size; what happens around each update: decay, averages, measurements | `updates` |
//! | a look at a task before it is trained | `dry_run` |
//! | gradient statistics, averaged weights, evaluation | [`statistics`], [`average`], `evaluation` |
//! | units that leave a network while it is trained | [`pruning`] |
//! | what a training needs beside its task | [`config`] |
//!
//! ```
//! use trimtab_env::{CostModel, Settings, Trainee};
//! # use trimtab_models::TaskConfig;
//! let task: TaskConfig = ron::from_str(
//!     "(data: Embedded(\"digits\"), model: Mlp(hidden: [16]), optimizer: Adam())",
//! )?;
//! let device = trimtab_models::device("flex")?;
//! let mut trainee = task.prepare()?.trainee(CostModel::default(), &device)?;
//! let start = trainee.start(7)?;
//! let report = trainee.advance(&Settings::new(0.01, 64), 0.01)?;
//! assert!(report.validation.unwrap().loss < start.validation.unwrap().loss);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod average;
pub mod config;
pub mod delayed_classes;
pub(crate) mod dry_run;
pub(crate) mod evaluation;
pub mod intermittent_label_noise;
pub mod loss;
pub(crate) mod minibatches;
pub mod optimizer;
pub mod pruning;
pub mod sampler;
pub mod statistics;
pub mod task;
pub mod trainee;
pub(crate) mod update_ratio;
pub(crate) mod updates;

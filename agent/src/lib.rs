#![doc = include_str!("../README.md")]

#[cfg(feature = "burn-rl")]
pub mod burn_rl;
pub mod controller;
pub mod error;
pub mod learner;
pub mod policy;
pub mod rollout;
pub mod searcher;

pub use controller::{
    Constant, Controller, Decision, NoOp, PolicyController, RandomController, Situation,
};
pub use error::{Error, Result};
pub use learner::checkpoint::Checkpoint;
pub use learner::{Algorithm, Common, Learner, Metrics};
pub use policy::perceptron::Activation;
pub use policy::{Policy, PolicyConfig, Selection};
pub use rollout::collector::Collector;
pub use rollout::plan::CollectorState;
pub use rollout::trajectory::{RolloutConfig, Trajectory};
pub use searcher::{Proposal, Searcher, SearcherConfig, Trial};

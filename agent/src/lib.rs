#![doc = include_str!("../README.md")]

pub mod a2c;
mod batch;
#[cfg(feature = "burn-rl")]
pub mod burn_rl;
pub mod categorical;
pub mod checkpoint;
pub mod collector;
pub mod controller;
pub mod error;
pub mod gradients;
pub mod learner;
pub mod loss;
pub mod network;
pub mod perceptron;
pub mod policy;
pub mod ppo;
pub mod reinforce;
pub mod returns;
pub mod rollout;
pub mod searcher;

pub use checkpoint::Checkpoint;
pub use collector::{Collector, CollectorState};
pub use controller::{
    Constant, Controller, Decision, PolicyController, RandomController, Situation, Unchanged,
};
pub use error::{Error, Result};
pub use learner::{Algorithm, Common, Learner, Metrics};
pub use perceptron::Activation;
pub use policy::{Policy, PolicyConfig, Selection};
pub use rollout::{RolloutConfig, Trajectory};
pub use searcher::{Proposal, Searcher, SearcherConfig, Trial};

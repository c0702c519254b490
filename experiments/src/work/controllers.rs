//! Controllers as plain data: what is needed to make one where it plays.

use super::environments::steered;
use super::registry::Parameters;
use crate::{Error, Registry, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trimtab_agent::controller::{
    Constant, Controller, Hypergradient, NoOp, RangeTest, RangeTestConfig, ReduceOnPlateau,
    Schedule, ScheduleController, ServoController, ServoParameters,
};
use trimtab_agent::{Policy, PolicyController, RandomController, Selection};
use trimtab_env::settings::{BATCH_SIZE, LEARNING_RATE};
use trimtab_env::{ContextServo, Environment, Settings, TuningEnv};
use trimtab_models::OptimizerConfig;
use trimtab_models::tasks::config::PreparedTask;

/// The batch size of default settings, or all examples if they are fewer.
pub const DEFAULT_BATCH: usize = 64;

/// Who decides in a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ControllerConfig {
    /// Settings that hold throughout, beside those of the process.
    Constant(Settings),
    /// Every choice is the one that changes nothing.
    NoOp,
    /// Every choice is drawn.
    Random,
    /// The greedy policy of this name.
    Policy(String),
    /// A schedule of the learning rate, from a peak.
    Schedule(Schedule, Start),
    /// The learning rate falls when the loss no longer does.
    ReduceOnPlateau {
        /// By this factor.
        factor: f64,
        /// After so many segments.
        patience: usize,
    },
    /// The learning rate follows its own gradient, at this rate.
    Hypergradient(f64),
    /// A range test, then a schedule.
    RangeTest(RangeTestConfig, Schedule),
    /// A servo with these parameters.
    Servo(ServoParameters),
    /// A context servo.
    ContextServo(Box<ContextServo>),
    /// One that a program has added to the registry.
    Custom {
        /// Its name there.
        name: String,
        /// What its constructor reads.
        #[serde(default)]
        parameters: Parameters,
    },
}

/// From which settings a schedule starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Start {
    /// The optimiser's usual learning rate, with batches of [`DEFAULT_BATCH`].
    Default,
    /// What the knobs of the seed begin with.
    Drawn,
    /// These.
    At(Settings),
}

impl ControllerConfig {
    /// The controller for a training in `environment`, which has been told its task.
    ///
    /// # Errors
    /// The environment's, and [`Error::Config`] if a name is not known.
    pub(super) fn build(
        &self,
        environment: &mut TuningEnv,
        task: &PreparedTask,
        (optimizer, seed): (OptimizerConfig, u64),
        policies: &BTreeMap<String, Policy>,
        registry: &Registry,
    ) -> Result<Box<dyn Controller>> {
        let rows = task.split().train.rows();
        let held = environment.config().settings.clone();
        let default = || {
            held.clone()
                .with(LEARNING_RATE, optimizer.default_learning_rate())
                .with(BATCH_SIZE, DEFAULT_BATCH.min(rows) as f64)
        };
        // What the knobs of this seed begin with, which the episode itself will begin with again.
        let drawn = |environment: &mut TuningEnv| -> Result<Settings> {
            environment.reset(seed)?;
            Ok(environment.settings()?)
        };
        Ok(match self {
            Self::Constant(settings) => Box::new(Constant::new("constant", held.joined(settings))),
            Self::NoOp => Box::new(NoOp::new(environment.spec()).ok_or_else(|| {
                Error::config(
                    "controller",
                    "NoOp",
                    "every knob needs a choice that changes nothing",
                )
            })?),
            Self::Random => Box::new(RandomController::new(environment.spec().clone())),
            Self::Policy(name) => {
                let policy = policies.get(name).cloned().ok_or_else(|| {
                    Error::config("policy", name, "the policy's file could not be read")
                })?;
                Box::new(PolicyController::new(policy, Selection::Greedy))
            }
            Self::Schedule(schedule, start) => {
                let start = match start {
                    Start::Default => default(),
                    Start::Drawn => drawn(environment)?,
                    Start::At(settings) => settings.clone(),
                };
                Box::new(ScheduleController::new("schedule", schedule.clone(), start))
            }
            Self::ReduceOnPlateau { factor, patience } => {
                Box::new(ReduceOnPlateau::new(default(), *factor, *patience))
            }
            Self::Hypergradient(rate) => Box::new(Hypergradient::new(default(), *rate)),
            Self::RangeTest(test, schedule) => Box::new(RangeTest::new(
                "range_test",
                test.clone(),
                schedule.clone(),
                default(),
            )),
            Self::Servo(parameters) => {
                let start = drawn(environment)?;
                Box::new(ServoController::new("servo", *parameters, start, rows))
            }
            Self::ContextServo(servo) => {
                Box::new(steered(environment, "context_servo", **servo, seed)?)
            }
            Self::Custom { name, parameters } => {
                let start = drawn(environment)?;
                registry.controller(name, parameters, environment.spec(), &start)?
            }
        })
    }
}

#![doc = include_str!("../README.md")]

pub mod error;
pub mod files;
pub mod mdp;
pub mod metrics;
pub mod search;
pub mod servo;
pub mod suite;
pub mod tuning;

pub use error::bounds;
pub use files::{json, seal};
pub use mdp::{vector, wrappers};
pub use tuning::{interruption, pause, recording, settings};

pub use error::{Error, Result};
pub use mdp::checker::{CheckOptions, Violation, check_environment};
pub use mdp::environment::{Cost, Environment, Outcome, Status, Step, Termination, Truncation};
pub use mdp::instances::{InstanceSet, InstanceSource, Order, Part};
pub use mdp::space::{Action, ActionMask, EnvironmentSpec, Feature, Head, Observation};
pub use mdp::stream::stream;
pub use metrics::{Direction, Metric};
pub use search::domain::Domain;
pub use search::search_space::{Coordinate, Parameter, SearchSpace};
pub use search::table::{Recorded, Table};
pub use servo::context_servo::{Context, ContextServo, History};
pub use servo::plain::Servo;
pub use servo::recorded_schedule::RecordedSchedule;
pub use servo::residual::{Residual, ResidualPolicy};
pub use servo::steered_training::{SteeredTraining, Training, Verdict};
pub use tuning::budget::{Budget, Segments};
pub use tuning::cost::{CostModel, Meter, UpdateTime};
pub use tuning::knob::{Initial, Knob, Moves};
pub use tuning::network_size::NetworkSize;
pub use tuning::objective::Objective;
pub use tuning::observation::ObservationConfig;
pub use tuning::reward::RewardConfig;
pub use tuning::settings::{Settings, Value};
pub use tuning::tally::Tally;
pub use tuning::trainee::{
    GradientStatistics, Pruned, Report, Restore, Snapshot, TestReport, TrainLoss, Trainee,
    TraineeSpec, Validation,
};
pub use tuning::{Instance, Segment, TuningConfig, TuningEnv};

#![doc = include_str!("../README.md")]

pub mod bounds;
pub mod checker;
pub mod context_servo;
pub mod cost;
pub mod domain;
pub mod environment;
pub mod error;
pub mod files;
pub mod instances;
pub mod interruption;
pub mod json;
pub mod knob;
pub mod metrics;
pub mod nearest;
pub mod objective;
pub mod observation;
pub mod recorded_schedule;
pub mod residual;
pub mod reward;
pub mod seal;
pub mod search_space;
pub mod segments;
pub mod servo;
pub mod settings;
pub mod space;
pub mod stream;
pub mod suite;
pub mod table;
pub mod trainee;
pub mod tuning;
pub mod vector;
pub mod wrappers;

pub use checker::{CheckOptions, Violation, check_environment};
pub use context_servo::{Context, ContextServo, Course};
pub use cost::{Cost, CostModel, Meter, UpdateTime};
pub use domain::Domain;
pub use environment::{Environment, Outcome, Status, Step, Termination, Truncation};
pub use error::{Error, Result};
pub use instances::{InstanceSet, InstanceSource, Order, Part};
pub use knob::{Initial, Knob, Moves};
pub use metrics::{Direction, Metric};
pub use objective::Objective;
pub use observation::ObservationConfig;
pub use recorded_schedule::RecordedSchedule;
pub use residual::{Residual, ResidualPolicy};
pub use reward::RewardConfig;
pub use search_space::{Coordinate, Parameter, SearchSpace};
pub use segments::{Budget, Segments};
pub use servo::Servo;
pub use settings::{Settings, Value};
pub use space::{Action, ActionMask, EnvironmentSpec, Feature, Head, Observation};
pub use stream::stream;
pub use table::{Recorded, Table};
pub use trainee::{
    GradientStatistics, Report, Restore, Snapshot, TestReport, TrainLoss, Trainee, TraineeSpec,
    Validation,
};
pub use tuning::{Instance, Segment, TuningConfig, TuningEnv};

//! Whatever decides during a run: a policy, a fixed setting, a schedule, a rule, or random choices.
//!
//! Input: what is known so far ([`Situation`]). Output: a [`Decision`] for the next segment. A comparison calls controllers by their
//! names; one of your own is registered with `Registry::with_controller` of the experiments crate.
//!
//! | to find | look in |
//! |---|---|
//! | a policy; choices that change nothing; random choices | [`PolicyController`], [`NoOp`], [`RandomController`] |
//! | fixed settings, schedules, a recorded schedule | [`Constant`], [`ScheduleController`], [`Replay`] |
//! | rules: plateau, hypergradient, range test | [`ReduceOnPlateau`], [`Hypergradient`], [`RangeTest`] |
//! | servos; the one that ships is `ContextServo::default()` | [`ContextServoController`], [`ServoController`] |
//! | the loop around one | [`run()`](run()), [`Episode`] |
//!
//! The servo that ships, as a controller:
//!
//! ```
//! use trimtab_agent::controller::{ContextServoController, run};
//! use trimtab_env::servo::context_servo::Steering;
//! use trimtab_env::{Context, ContextServo, Environment, TuningEnv, suite::NoisyQuadratic};
//! let instances = vec![NoisyQuadratic::default().into()];
//! let mut environment = TuningEnv::new(instances, NoisyQuadratic::tuning())?;
//! environment.reset(1)?;
//! let (spec, budget) = (environment.instances()[0].trainee.spec(), environment.budget());
//! let context = Context::new(spec, budget).expect("its cost is modelled");
//! let steering = Steering::new(ContextServo::default(), context, 0.01);
//! let settings = environment.config().settings.clone();
//! let mut servo = ContextServoController::new("servo", settings, steering);
//! run(&mut environment, &mut servo, 1)?;
//! assert!(environment.spent_share() > 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod context_servo;
mod fixed;
mod hypergradient;
mod plateau;
mod policy;
mod random;
mod range_test;
mod replay;
mod run;
mod schedule;
mod servo;

pub use context_servo::ContextServoController;
pub use fixed::{Constant, NoOp};
pub use hypergradient::Hypergradient;
pub use plateau::ReduceOnPlateau;
pub use policy::PolicyController;
pub use random::RandomController;
pub use range_test::{Found, RangeTest, RangeTestConfig, smoothed};
pub use replay::Replay;
pub use run::{Episode, Play, run};
pub use schedule::{Schedule, ScheduleController};
pub use servo::{ServoController, ServoParameters};

use trimtab_env::{Action, Observation, Report, Segment, Settings};

/// What a controller decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// One choice for each head, as an agent does.
    Choose(Action),
    /// Settings outright, as fixed settings and schedules do.
    Set(Settings),
    /// Nothing, for this reason: the run ends with an error that says so.
    Fail(String),
    /// To try settings out first, each for its number of updates, and then to decide again: [`trimtab_env::TuningEnv::look_ahead`].
    LookAhead(Vec<(Settings, u64)>),
}

/// What a controller may look at.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// What an agent sees.
    pub observation: &'a Observation,
    /// The segments of the run so far; none if the environment is no training.
    pub segments: &'a [Segment],
    /// The share of the budget that is spent, from 0 to 1.
    pub spent: f64,
    /// The share that will be spent after the next segment.
    pub next: f64,
    /// The reports of the last [`Decision::LookAhead`], until settings are decided.
    pub look_ahead: Option<&'a [Report]>,
}

impl<'a> Situation<'a> {
    /// The situation in an environment that is no training.
    pub fn new(observation: &'a Observation) -> Self {
        Self {
            observation,
            segments: &[],
            spent: 0.0,
            next: 0.0,
            look_ahead: None,
        }
    }

    /// The share of the budget in the middle of the next segment, where a schedule is evaluated.
    pub fn middle(&self) -> f64 {
        0.5 * (self.spent + self.next)
    }
}

/// Anything that decides during a run.
pub trait Controller: Send {
    /// A name for tables and records.
    fn name(&self) -> &str;

    /// Begins a run. Everything random in its decisions follows from `seed`.
    fn begin(&mut self, seed: u64);

    /// What a range test of the learning rate saw in the present run; `None` before it, and where there is none.
    fn range_test(&self) -> Option<&Found> {
        None
    }

    /// Decides the next segment.
    fn decide(&mut self, situation: &Situation) -> Decision;
}

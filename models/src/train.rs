//! A training in one call.

use crate::optimizer::OptimizerConfig;
use crate::stretch::Rates;
use crate::{Task, TaskTrainee, TraineeConfig};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use trimtab_env::context_servo::{Offsets, Steering};
use trimtab_env::{
    Budget, Context, ContextServo, Cost, Domain, Environment, Error, Initial, Knob, Moves,
    ObservationConfig, Outcome, RecordedSchedule, Report, RewardConfig, Segment, Segments,
    Settings, TestReport, TuningConfig, TuningEnv, UpdateTime,
};

/// How [`train`] trains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// Where the start probe begins; `None` for the optimiser's default. A bad one costs an update or a few.
    pub learning_rate: Option<f64>,
    /// The budget: the cost of this many passes over the training examples with batches of 64.
    pub epochs: f64,
    /// Where initial weights and the order of the examples come from.
    pub seed: u64,
    /// At most this many rows of the validation split are evaluated after each segment; `None` takes all.
    pub validation_rows: Option<usize>,
    /// What regulates the training.
    pub servo: ContextServo,
    /// The schedule of an earlier run, in place of the servo. On the same task, seed and budget it is that run again, if its
    /// shares are of the budget ([`RecordedSchedule::within`]).
    #[serde(default)]
    pub replay: Option<RecordedSchedule>,
    /// How the budget is cut into segments.
    pub segments: Segments,
    /// What an update costs.
    pub cost: UpdateTime,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            optimizer: OptimizerConfig::adam(),
            learning_rate: None,
            epochs: 20.0,
            seed: 0,
            validation_rows: None,
            servo: ContextServo::default(),
            replay: None,
            segments: Segments::default(),
            cost: UpdateTime::default(),
        }
    }
}

/// A trained model and how it came about.
#[derive(Clone, Debug)]
pub struct Trained<M> {
    /// The model with the weights that had the best validation loss.
    pub model: M,
    /// What happened, segment after segment.
    pub segments: Vec<Segment>,
    /// The figures of [`TuningEnv`]'s outcome: best validation loss, cost, divergences.
    pub outcome: Outcome,
    /// The model on the test split.
    pub test: TestReport,
}

/// What happens in a training under way.
#[derive(Clone, Copy, Debug)]
pub enum Underway<'a> {
    /// An update was tried before the first segment, and taken back.
    Probed(Probed<'a>),
    /// A segment has ended.
    Ended(Ended<'a>),
}

/// An update of the start probe.
#[derive(Clone, Copy, Debug)]
pub struct Probed<'a> {
    /// Its settings.
    pub settings: &'a Settings,
    /// What it did.
    pub report: &'a Report,
    /// The size of the updates relative to the weights that is wanted at the start.
    pub wanted: f64,
    /// The learning rate that follows: of another such update if `again`, else of the first segment.
    pub then: f64,
    /// Whether the probe goes on.
    pub again: bool,
}

/// A segment that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// The segment.
    pub segment: &'a Segment,
    /// What the training may cost in all.
    pub budget: Cost,
    /// What follows.
    pub next: Next,
}

/// What follows a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// Another segment under the servo.
    Servo {
        /// The size of the updates relative to the weights that is wanted.
        update_ratio: f64,
        /// The learning rate that is hoped to give it.
        learning_rate: f64,
    },
    /// Another segment, with recorded settings.
    Recorded,
    /// Nothing: the budget is spent.
    Over,
}

/// Trains `task` to a budget on `device` (without autodiff; it is added here) under a [`ContextServo`].
///
/// ```no_run
/// use burn::tensor::Device;
/// use trimtab_models::mlp::{Activation, MlpTask};
/// use trimtab_models::{TrainConfig, data::{Embedded, SplitConfig, split}, train};
/// let data = split(&*Embedded::Digits.load()?, &SplitConfig::default())?;
/// let task = MlpTask::new("digits", std::sync::Arc::new(data), &[64], Activation::Relu);
/// let trained = train(task, &TrainConfig::default(), &Device::flex())?;
/// println!("{:?}", trained.test);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Config`] naming a field of the configuration; an error of the training itself.
pub fn train<T: Task>(
    task: T,
    config: &TrainConfig,
    device: &Device,
) -> trimtab_env::Result<Trained<T::Model>> {
    train_watched(task, config, device, &mut |_| Ok(ControlFlow::Continue(())))
}

/// The same as [`train`], and tells `watch` of every update of the start probe and every segment as soon as it has ended.
/// `watch` can end the training with [`ControlFlow::Break`]; what it came to is returned all the same.
///
/// # Errors
/// Those of [`train`] and of `watch`.
pub fn train_watched<T: Task, E: From<Error>>(
    task: T,
    config: &TrainConfig,
    device: &Device,
    watch: &mut dyn FnMut(Underway) -> std::result::Result<ControlFlow<()>, E>,
) -> std::result::Result<Trained<T::Model>, E> {
    let name = task.name();
    let trainee_config = TraineeConfig {
        optimizer: config.optimizer,
        validation_rows: config.validation_rows,
        cost: trimtab_env::CostModel::Modelled(config.cost),
        ..TraineeConfig::default()
    };
    let trainee = TaskTrainee::new(task, trainee_config, device)
        .map_err(|error| Error::other(&name, error))?;
    let mut environment = TuningEnv::new(
        vec![trimtab_env::Instance::from(
            Box::new(trainee) as Box<dyn trimtab_env::Trainee>
        )],
        process(config)?,
    )?;
    let examples = environment.instances()[0].trainee.spec().train_examples;
    if let Some(schedule) = &config.replay {
        possible(schedule, examples)?;
    }
    environment.reset(config.seed)?;
    run(&mut environment, config, watch)?;

    let outcome = environment.outcome()?;
    let segments = environment.segments().to_vec();
    let mut best = environment.into_best()?;
    let test = best.test()?;
    let best: Box<dyn std::any::Any> = best;
    let model = best
        .downcast::<TaskTrainee<T>>()
        .ok()
        .and_then(|trainee| trainee.model());
    Ok(Trained {
        model: model.ok_or_else(|| Error::NotReset { environment: name })?,
        segments,
        outcome,
        test,
    })
}

/// What decides on the settings of a training.
enum Decider<'a> {
    Servo(Box<Steering>),
    Replay(&'a RecordedSchedule),
}

impl Decider<'_> {
    /// The settings of the segment around the share `f` of the budget.
    fn settings(&mut self, f: f64) -> Settings {
        match self {
            Self::Servo(steering) => steering.settings(f, &Offsets::default()),
            Self::Replay(schedule) => schedule.at(f).clone(),
        }
    }

    fn record(&mut self, report: &Report) {
        if let Self::Servo(steering) = self {
            steering.record(report);
        }
    }

    /// What `settings` around the share `f` of the budget are meant to do.
    fn next(&self, f: f64, settings: &Settings) -> Next {
        match self {
            Self::Servo(steering) => Next::Servo {
                update_ratio: steering.set_point(f, &Offsets::default()),
                learning_rate: settings.learning_rate().unwrap_or(0.0),
            },
            Self::Replay(_) => Next::Recorded,
        }
    }
}

/// Trains until the budget is spent or `watch` ends it.
fn run<E: From<Error>>(
    environment: &mut TuningEnv,
    config: &TrainConfig,
    watch: &mut dyn FnMut(Underway) -> std::result::Result<ControlFlow<()>, E>,
) -> std::result::Result<(), E> {
    let budget = environment.budget();
    let mut decider = match &config.replay {
        Some(schedule) => {
            // What the recorded run spent before its first segment, on its start probe.
            let first = schedule.entries().first().map_or(0.0, |entry| entry.share);
            environment.spend_to(first)?;
            Decider::Replay(schedule)
        }
        None => {
            let spec = environment.instances()[0].trainee.spec();
            let context = Context::new(spec, budget)
                .ok_or_else(|| Error::config("cost", "measured", "the servo needs a cost model"))?;
            let mut steering = Steering::new(config.servo, context, initial_rate(config)?);
            if probe(environment, &mut steering, watch)?.is_break() {
                return Ok(());
            }
            Decider::Servo(Box::new(steering))
        }
    };
    let mut settings = decider.settings(middle(environment));
    loop {
        let over = environment.step_with(&settings)?.status.is_over();
        let Some(segment) = environment.segments().last() else {
            return Ok(());
        };
        decider.record(&segment.report);
        let next = if over {
            Next::Over
        } else {
            let f = middle(environment);
            settings = decider.settings(f);
            decider.next(f, &settings)
        };
        let ended = Ended {
            segment,
            budget,
            next,
        };
        if watch(Underway::Ended(ended))?.is_break() || over {
            return Ok(());
        }
    }
}

/// Tries first updates until one says at which learning rate to start.
fn probe<E: From<Error>>(
    environment: &mut TuningEnv,
    steering: &mut Steering,
    watch: &mut dyn FnMut(Underway) -> std::result::Result<ControlFlow<()>, E>,
) -> std::result::Result<ControlFlow<()>, E> {
    while let Some(settings) = steering.probe() {
        for report in &environment.trial(&[(settings.clone(), 1)])? {
            steering.probed(report);
            let again = steering.probe();
            let then = match &again {
                Some(settings) => settings.learning_rate()?,
                None => {
                    let start = steering.clone().settings(0.0, &Offsets::default());
                    start.learning_rate()?
                }
            };
            let probed = Probed {
                settings: &settings,
                report,
                wanted: steering.set_point(0.0, &Offsets::default()),
                then,
                again: again.is_some(),
            };
            if watch(Underway::Probed(probed))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Where the next segment will be half over, as a share of the budget.
fn middle(environment: &TuningEnv) -> f64 {
    0.5 * (environment.spent_share() + environment.next_share())
}

/// Checks that a training of so many examples can have all settings of a schedule.
fn possible(schedule: &RecordedSchedule, examples: usize) -> trimtab_env::Result<()> {
    for (index, entry) in schedule.entries().iter().enumerate() {
        Rates::of(&entry.settings, examples).map_err(|error| {
            let allowed = "replay a schedule of a task like this one, or do without";
            Error::config(format!("replay[{index}].settings"), error, allowed)
        })?;
    }
    Ok(())
}

fn initial_rate(config: &TrainConfig) -> trimtab_env::Result<f64> {
    let lr = config
        .learning_rate
        .unwrap_or(config.optimizer.default_learning_rate());
    if lr.is_finite() && lr > 0.0 {
        return Ok(lr);
    }
    let allowed = "give a finite number above 0";
    Err(Error::config("learning_rate", lr, allowed))
}

/// A process whose settings come from outside; its one knob has one choice, to change nothing.
fn process(config: &TrainConfig) -> trimtab_env::Result<TuningConfig> {
    let initial = Initial::Fixed(initial_rate(config)?.into());
    let any = Domain::LogUniform(1e-100, 1e100);
    let nothing = Moves::Relative(vec![1.0]);
    Ok(TuningConfig {
        knobs: vec![Knob::learning_rate(any, initial, nothing)],
        prior: None,
        settings: Settings::default(),
        segments: config.segments,
        budget: Budget::Epochs(config.epochs),
        reward: RewardConfig::default(),
        observation: ObservationConfig::default(),
        divergence: Default::default(),
        stop_at_target: false,
        objective: Default::default(),
    })
}

#[cfg(test)]
mod tests;

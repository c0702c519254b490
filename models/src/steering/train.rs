//! A training in one call.

mod config;
mod decider;
mod underway;

pub use config::{TrainConfig, offsets};
pub use underway::{Begun, Ended, Next, Probed, Underway};

use crate::steering::residual::Moved;
use crate::steering::train::config::{initial_rate, process};
use crate::steering::train::decider::{Decider, Servo};
use crate::training::updates::{Look, Rates, SMOOTHING_INTERVAL};
use crate::{Task, TaskTrainee, TraineeConfig};
use burn::tensor::Device;
use std::ops::ControlFlow;
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::servo::context_servo::{Offsets, Steering};
use trimtab_env::settings::PRUNE;
use trimtab_env::{
    Context, Environment, Error, Outcome, Pruned, RecordedSchedule, Report, Segment, Settings,
    TestReport, TraineeSpec, TuningEnv, Validation,
};

/// A trained model and how it came about: the best of all runs.
#[derive(Clone, Debug)]
pub struct Trained<M> {
    /// The model with the weights that had the best validation loss.
    pub model: M,
    /// What happened, segment after segment.
    pub segments: Vec<Segment>,
    /// The figures of [`TuningEnv`]'s outcome: best validation loss, cost, divergences. The cost is that of all runs.
    pub outcome: Outcome,
    /// The model on the test split.
    pub test: TestReport,
    /// What pruning has left of the model; `None` where there is none.
    pub pruned: Option<Pruned>,
    /// What may make it other than expected, in words ([`trimtab_env::TraineeSpec::warnings`]).
    pub warnings: Vec<String>,
}

/// Trains `task` to a budget on `device` (without autodiff; it is added here) under a [`ContextServo`](trimtab_env::ContextServo).
///
/// ```no_run
/// use burn::tensor::Device;
/// use trimtab_models::MlpTask;
/// use trimtab_models::mlp::Activation;
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
/// `watch` can end the training with [`ControlFlow::Break`]; its result is returned all the same.
///
/// # Errors
/// Those of [`train`] and of `watch`.
pub fn train_watched<T: Task, E: From<Error>>(
    task: T,
    config: &TrainConfig,
    device: &Device,
    watch: &mut dyn FnMut(Underway) -> std::result::Result<ControlFlow<()>, E>,
) -> std::result::Result<Trained<T::Model>, E> {
    let mut environment = environment(task, config, device)?;
    let (mut flow, mut best) = play::<T, E>(&mut environment, config, 0, watch)?;
    for number in 1..config.runs {
        let begun = Begun {
            run: number,
            runs: config.runs,
            offsets: offsets(config.seed, number),
            best_loss: best.outcome[BEST],
        };
        if flow.is_break() || watch(Underway::Begun(begun))?.is_break() {
            break;
        }
        let mut other;
        (flow, other) = play::<T, E>(&mut environment, config, number, watch)?;
        let cost = best.outcome[COST] + other.outcome[COST];
        if rank(&other) < rank(&best) {
            std::mem::swap(&mut best, &mut other);
        }
        best.outcome.insert(COST.to_owned(), cost);
    }
    Ok(best)
}

/// Run number `number` alone of those that [`train_watched`] makes one after the other: each can be made anywhere.
///
/// # Errors
/// Those of [`train_watched`].
pub fn train_run<T: Task, E: From<Error>>(
    task: T,
    config: &TrainConfig,
    number: usize,
    device: &Device,
    watch: &mut dyn FnMut(Underway) -> std::result::Result<ControlFlow<()>, E>,
) -> std::result::Result<Trained<T::Model>, E> {
    let mut environment = environment(task, config, device)?;
    Ok(play::<T, E>(&mut environment, config, number, watch)?.1)
}

/// The environment of a training.
fn environment<T: Task>(
    task: T,
    config: &TrainConfig,
    device: &Device,
) -> trimtab_env::Result<TuningEnv> {
    let name = task.name();
    if config.runs == 0 || config.runs > 1 && config.replay.is_some() {
        let allowed = "give at least 1, and no more with `replay`, which is always the same run";
        return Err(Error::config("runs", config.runs, allowed));
    }
    config
        .servo
        .validate()
        .map_err(|error| error.within("servo"))?;
    let trainee_config = TraineeConfig {
        smoothing_interval: SMOOTHING_INTERVAL,
        optimizer: config.optimizer,
        validation_rows: config.validation_rows,
        pruning: config.pruning.clone(),
        cost: trimtab_env::CostModel::Modelled(config.cost),
        ..TraineeConfig::default()
    };
    let mut trainee = TaskTrainee::new(task, trainee_config, device)
        .map_err(|error| Error::other(&name, error))?;
    // As a tuner does.
    let policy = config.policy.as_ref();
    if !policy.is_some_and(|policy| policy.residual.observation.sees_gradients()) {
        trainee.look_at(Look::Ratio);
    }
    let environment = TuningEnv::new(
        vec![trimtab_env::Instance::from(
            Box::new(trainee) as Box<dyn trimtab_env::Trainee>
        )],
        process(config)?,
    )?;
    if let Some(schedule) = &config.replay {
        possible(schedule, environment.instances()[0].trainee.spec())?;
    }
    Ok(environment)
}

/// Plays run number `number`. The first has the seed of the config; the others begin with other weights, and a little off what the servo
/// wants.
fn play<T: Task, E: From<Error>>(
    environment: &mut TuningEnv,
    config: &TrainConfig,
    number: usize,
    watch: &mut dyn FnMut(Underway) -> std::result::Result<ControlFlow<()>, E>,
) -> std::result::Result<(ControlFlow<()>, Trained<T::Model>), E> {
    let (seed, offsets) = match number {
        0 => (config.seed, Offsets::default()),
        other => (
            derived_seed(config.seed, "run", other as u64),
            offsets(config.seed, other),
        ),
    };
    environment.reset(seed)?;
    let flow = run(environment, config, offsets, watch)?;
    Ok((flow, trained::<T>(environment)?))
}

/// Figures of an outcome.
const BEST: &str = "best_validation_loss";
const COST: &str = "cost";

/// What the better of two runs has less of: what is too much of its network, then the loss.
fn rank<M>(run: &Trained<M>) -> (f64, f64) {
    let excess = run.pruned.as_ref().map_or(0.0, |pruned| pruned.excess);
    (excess, run.outcome[BEST])
}

/// The result of the run that has just ended.
fn trained<T: Task>(environment: &mut TuningEnv) -> trimtab_env::Result<Trained<T::Model>> {
    let outcome = environment.outcome()?;
    let segments = environment.segments().to_vec();
    let best = environment.end_at_best()?;
    let test = best.test()?;
    let (name, warnings) = (best.spec().name.clone(), best.spec().warnings.clone());
    let best: &dyn std::any::Any = best;
    let best = best.downcast_ref::<TaskTrainee<T>>();
    let model = best.and_then(TaskTrainee::model);
    Ok(Trained {
        pruned: best.and_then(TaskTrainee::pruned),
        model: model.ok_or(Error::NotReset { environment: name })?,
        segments,
        outcome,
        test,
        warnings,
    })
}

/// Trains until the budget is spent or `watch` ends it.
fn run<E: From<Error>>(
    environment: &mut TuningEnv,
    config: &TrainConfig,
    offsets: Offsets,
    watch: &mut dyn FnMut(Underway) -> std::result::Result<ControlFlow<()>, E>,
) -> std::result::Result<ControlFlow<()>, E> {
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
            let examples = spec.train_examples;
            let first = Report {
                validation: Some(Validation {
                    loss: environment.best_loss(),
                    ..Default::default()
                }),
                ..Default::default()
            };
            let context = Context::new(spec, budget)
                .ok_or_else(|| Error::config("cost", "measured", "the servo needs a cost model"))?;
            let lr = initial_rate(config)?;
            let lowest = spec.lowest_loss;
            let mut steering = Steering::new(config.servo, context, lr).lowest_loss(lowest);
            let policy = config.policy.clone().map(|policy| {
                let left = 1.0 - environment.spent_share();
                let mut policy = Moved::new(policy, examples, lr, left)?;
                policy.start(&first, lowest);
                trimtab_env::Result::Ok(policy)
            });
            let policy = policy.transpose()?;
            if probe(environment, &mut steering, watch)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            Decider::Servo(Box::new(Servo {
                steering,
                best: None,
                best_loss: environment.best_loss(),
                offsets,
                policy,
            }))
        }
    };
    let mut settings = decider.settings(middle(environment));
    prune(&mut settings, config, environment);
    loop {
        let over = environment.step_with(&settings)?.status.is_over();
        let Some(segment) = environment.segments().last() else {
            return Ok(ControlFlow::Continue(()));
        };
        decider.record(environment, segment);
        let next = if over {
            Next::Over
        } else {
            let f = middle(environment);
            settings = decider.settings(f);
            prune(&mut settings, config, environment);
            decider.next(f, &settings)
        };
        let ended = Ended {
            segment,
            budget,
            next,
        };
        let flow = watch(Underway::Ended(ended))?;
        if flow.is_break() || over {
            return Ok(flow);
        }
    }
}

/// Adds what is due of the pruning. A recorded schedule has what it had.
fn prune(settings: &mut Settings, config: &TrainConfig, environment: &TuningEnv) {
    let pruning = config.pruning.as_ref().filter(|_| config.replay.is_none());
    let Some(pruning) = pruning else {
        return;
    };
    let last = environment.segments().last();
    let pruned = last.and_then(|segment| segment.report.pruned.as_ref());
    let left = pruned.map_or(1.0, |pruned| pruned.left);
    let share = pruning.due(environment.spent_share(), left);
    if share > 0.0 {
        settings.set(PRUNE, share);
    }
}

/// Tries first updates until one says at which learning rate to start.
fn probe<E: From<Error>>(
    environment: &mut TuningEnv,
    steering: &mut Steering,
    watch: &mut dyn FnMut(Underway) -> std::result::Result<ControlFlow<()>, E>,
) -> std::result::Result<ControlFlow<()>, E> {
    while let Some(settings) = steering.probe() {
        for report in &environment.look_ahead(&[(settings.clone(), 1)])? {
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

/// Checks that a training can have all settings of a schedule.
fn possible(schedule: &RecordedSchedule, spec: &TraineeSpec) -> trimtab_env::Result<()> {
    for (index, entry) in schedule.entries().iter().enumerate() {
        let understood = spec.understands_all(&entry.settings);
        let rates = understood.and_then(|()| Rates::of(&entry.settings, spec.train_examples));
        rates.map_err(|error| {
            let allowed = "replay a schedule of a task like this one, or do without";
            Error::config(format!("replay[{index}].settings"), error, allowed)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod guarded;
#[cfg(test)]
mod tests;

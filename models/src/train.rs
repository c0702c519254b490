//! A training in one call.

use crate::optimizer::OptimizerConfig;
use crate::{Task, TaskTrainee, TraineeConfig};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use trimtab_env::{
    Action, Budget, ContextServo, Cost, Domain, Environment, Error, Initial, Knob, Moves,
    ObservationConfig, Outcome, RewardConfig, Segment, Segments, Settings, TestReport,
    TuningConfig, TuningEnv, UpdateTime,
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

/// A training under way, after one of its segments.
#[derive(Clone, Copy, Debug)]
pub struct Underway<'a> {
    /// The segment.
    pub segment: &'a Segment,
    /// What the training may cost in all.
    pub budget: Cost,
    /// The size of the updates relative to the weights that is wanted of the next segment; `None` after the last one.
    pub wanted: Option<f64>,
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
    train_watched(task, config, device, &mut |_| Ok(()))
}

/// The same as [`train`], and tells `watch` of every segment as soon as it has ended.
///
/// # Errors
/// Those of [`train`]; whatever `watch` returns ends the training.
pub fn train_watched<T: Task, E: From<Error>>(
    task: T,
    config: &TrainConfig,
    device: &Device,
    watch: &mut dyn FnMut(Underway) -> std::result::Result<(), E>,
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
    environment.reset(config.seed)?;
    let budget = environment.budget();
    loop {
        let over = environment.step(&Action::new(vec![0]))?.status.is_over();
        if let Some(segment) = environment.segments().last() {
            watch(Underway {
                segment,
                budget,
                wanted: environment.set_point().filter(|_| !over),
            })?;
        }
        if over {
            break;
        }
    }

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

/// A process in which the prior alone decides: its one knob has one choice, to change nothing.
fn process(config: &TrainConfig) -> trimtab_env::Result<TuningConfig> {
    let lr = config
        .learning_rate
        .unwrap_or(config.optimizer.default_learning_rate());
    if !(lr.is_finite() && lr > 0.0) {
        let allowed = "give a finite number above 0";
        return Err(Error::config("learning_rate", lr, allowed));
    }
    let nothing = Moves::Residual {
        factors: vec![1.0],
        max_offset: 1.0,
    };
    let any = Domain::LogUniform(1e-100, 1e100);
    Ok(TuningConfig {
        knobs: vec![Knob::learning_rate(any, Initial::Fixed(lr.into()), nothing)],
        prior: Some(config.servo),
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
mod tests {
    use super::*;
    use crate::data::{Embedded, SplitConfig, split};
    use crate::mlp::{Activation, MlpTask};
    use crate::weights::flat_weights;
    use std::sync::Arc;

    fn task() -> MlpTask {
        let config = SplitConfig {
            max_train: Some(400),
            ..Default::default()
        };
        let data = split(&Embedded::Digits.load().unwrap(), &config).unwrap();
        MlpTask::new("digits", Arc::new(data), &[16], Activation::Relu)
    }

    #[test]
    fn a_bad_learning_rate_is_left_and_the_best_weights_come_back() {
        let config = TrainConfig {
            learning_rate: Some(1e-6),
            epochs: 40.0,
            ..Default::default()
        };
        let trained = train(task(), &config, &Device::flex()).unwrap();
        assert!(
            trained.test.metrics["accuracy"] > 0.85,
            "{:?}",
            trained.test
        );
        let last = trained.segments.last().unwrap();
        assert_eq!(trained.outcome["best_validation_loss"], last.best_loss);
        assert_eq!(trained.outcome["test_loss"], trained.test.loss);

        let again = train(task(), &config, &Device::flex()).unwrap();
        assert_eq!(again.segments, trained.segments);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        flat_weights(&trained.model, &mut a);
        flat_weights(&again.model, &mut b);
        assert_eq!(a, b);
    }

    /// What is said to be wanted is what the servo then goes by: the next learning rate follows from it.
    #[test]
    fn who_watches_sees_every_segment_and_what_is_wanted_next() {
        let mut seen = Vec::new();
        let trained = train_watched::<_, Error>(
            task(),
            &TrainConfig::default(),
            &Device::flex(),
            &mut |now| {
                seen.push((now.segment.clone(), now.budget, now.wanted));
                Ok(())
            },
        );
        let segments: Vec<Segment> = seen.iter().map(|(segment, ..)| segment.clone()).collect();
        assert_eq!(segments, trained.unwrap().segments);
        let rate = |segment: &Segment| segment.settings.learning_rate().unwrap();
        for pair in seen.windows(2) {
            let [(segment, _, wanted), (next, ..)] = pair else {
                unreachable!("windows of two")
            };
            let ratio = segment.report.gradients.unwrap().update_ratio;
            let expected = (wanted.unwrap() / ratio).clamp(1.0 / 64.0, 64.0);
            let factor = rate(next) / rate(segment);
            assert!(
                (factor / expected - 1.0).abs() < 1e-9,
                "{factor} {expected}"
            );
        }
        let (last, budget, wanted) = seen.last().unwrap();
        assert_eq!(*wanted, None);
        assert!(last.spent > 0.95 * budget);
    }

    #[test]
    fn who_watches_can_stop_a_training() {
        let mut segments = 0;
        let stopped = train_watched(
            task(),
            &TrainConfig::default(),
            &Device::flex(),
            &mut |_| {
                segments += 1;
                if segments == 3 {
                    return Err(Error::config("test", "stop", "none"));
                }
                Ok(())
            },
        );
        assert!(stopped.is_err());
        assert_eq!(segments, 3);
    }

    #[test]
    fn what_cannot_be_is_refused_by_field() {
        let refused = |config: TrainConfig, field: &str| {
            let error = train(task(), &config, &Device::flex()).unwrap_err();
            assert!(error.to_string().starts_with(field), "{error}");
        };
        let negative = TrainConfig {
            learning_rate: Some(-1.0),
            ..Default::default()
        };
        refused(negative, "learning_rate");
        let none = TrainConfig {
            epochs: 0.0,
            ..Default::default()
        };
        refused(none, "budget");
    }
}

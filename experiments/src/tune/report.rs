//! How good a tuned model is, on the test split.

use super::{Predicted, TrainedModel};
use crate::Result;
use crate::work::controllers::DEFAULT_BATCH;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use trimtab_env::metrics::{Average, Metric, Predictions};
use trimtab_env::settings::BATCH_SIZE;
use trimtab_env::{
    Action, Budget, CostModel, Domain, Environment, Initial, Instance, Knob, Moves,
    ObservationConfig, RewardConfig, Segments, Settings, TestReport, TuningConfig, TuningEnv,
    UpdateTime,
};
use trimtab_models::TrainConfig;
use trimtab_models::data::{Dataset, Targets};
use trimtab_models::tasks::config::PreparedTask;

/// How good the results are on the test split, which nothing was decided on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneReport {
    /// The tuned model.
    pub tuned: TestReport,
    /// The model that was fine-tuned, as it was before.
    #[serde(default)]
    pub before: Option<TestReport>,
    /// The same training with default settings, if it was asked for.
    pub defaults: Option<TestReport>,
    /// Whether it was stopped before its end. The tuned model is then the best so far.
    pub interrupted: bool,
}

/// What a report has beside the loss.
pub fn metrics(targets: &Targets) -> Vec<Metric> {
    match targets {
        Targets::Classes { .. } => vec![
            Metric::Accuracy,
            Metric::BalancedAccuracy,
            Metric::F1(Average::Macro),
            Metric::Matthews,
        ],
        Targets::Values(_) => vec![
            Metric::RootMeanSquaredError,
            Metric::MeanAbsoluteError,
            Metric::R2,
        ],
    }
}

/// The metrics of the model as it will be used: from its file's parts, in the user's units.
pub(super) fn evaluate(
    model: &TrainedModel,
    test: &Dataset,
    metrics: &[Metric],
    device: &Device,
) -> Result<BTreeMap<String, f64>> {
    let numbers = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
    let predicted = match model.predict(&test.inputs, device)? {
        Predicted::Classes(probabilities) => numbers(probabilities),
        Predicted::Values(values) => values,
    };
    let (labels, truth) = match &test.targets {
        Targets::Classes { labels, .. } => {
            let labels: Vec<usize> = labels.iter().map(|label| *label as usize).collect();
            (labels, Vec::new())
        }
        Targets::Values(values) => {
            let restored = values.iter().map(|v| model.standardiser.restore_target(*v));
            (Vec::new(), restored.collect())
        }
    };
    let predictions = match &model.classes {
        Some(names) => Predictions::Classes {
            truth: &labels,
            probabilities: &predicted,
            classes: names.len(),
        },
        None => Predictions::Numbers {
            truth: &truth,
            predicted: &predicted,
        },
    };
    let mut figures = BTreeMap::new();
    for metric in metrics {
        let figure = metric.evaluate(&predictions)?;
        // One that is not defined for these rows is absent.
        if !figure.is_nan() {
            figures.insert(metric.name().to_owned(), figure);
        }
    }
    Ok(figures)
}

/// The report of a model as it is.
pub(super) fn test_report(
    model: &TrainedModel,
    test: &Dataset,
    metrics: &[Metric],
    device: &Device,
) -> Result<TestReport> {
    // The loss is the mean squared error of standardised values.
    let (loss, scale) = match &model.classes {
        Some(_) => (Metric::LogLoss, None),
        None => (
            Metric::RootMeanSquaredError,
            Some(model.standardiser.target_scale),
        ),
    };
    let figures = evaluate(model, test, &[&[loss], metrics].concat(), device)?;
    let figure = figures.get(loss.name()).copied().unwrap_or(f64::NAN);
    let asked = |name: &String| metrics.iter().any(|metric| metric.name() == name);
    Ok(TestReport {
        loss: scale.map_or(figure, |scale| (figure / scale).powi(2)),
        metrics: figures
            .into_iter()
            .filter(|(name, _)| asked(name))
            .collect(),
    })
}

/// The test report of the same training with the optimiser's default learning rate and batches of 64; `None` if it was
/// interrupted.
pub(super) fn with_defaults(
    task: &PreparedTask,
    training: &TrainConfig,
    device: &Device,
    interrupted: &AtomicBool,
) -> Result<Option<TestReport>> {
    let cost = CostModel::Modelled(UpdateTime::default());
    let trainee = task.trainee(cost, device)?;
    let batch = DEFAULT_BATCH.min(trainee.spec().train_examples);
    let rate = training.optimizer.default_learning_rate();
    let any = Domain::LogUniform(1e-100, 1e100);
    let fixed = Moves::Relative(vec![1.0]);
    let config = TuningConfig {
        knobs: vec![Knob::learning_rate(any, Initial::Fixed(rate.into()), fixed)],
        base_controller: None,
        settings: Settings::default().with(BATCH_SIZE, batch as f64),
        segments: Segments::default(),
        budget: Budget::Epochs(training.epochs),
        reward: RewardConfig::default(),
        observation: ObservationConfig::default(),
        divergence: Default::default(),
        stop_at_target: false,
        objective: Default::default(),
    };
    let mut environment = TuningEnv::new(vec![Instance::from(trainee)], config)?;
    environment.reset(training.seed)?;
    loop {
        if interrupted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if environment.step(&Action::new(vec![0]))?.status.is_over() {
            return Ok(Some(environment.end_at_best()?.test()?));
        }
    }
}

//! How good a tuned model is, on the test split.

use super::importance::ColumnImportance;
use super::temperature::softmax;
use super::{Predicted, TrainedModel};
use crate::Result;
use crate::work::controllers::DEFAULT_BATCH;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use trimtab_env::metrics::{
    Average, Metric, Predictions, brier_score, expected_calibration_error, log_loss,
};
use trimtab_env::settings::BATCH_SIZE;
use trimtab_env::{
    Action, Budget, CostModel, Domain, Environment, Initial, Instance, Knob, Moves,
    ObservationConfig, Pruned, RewardConfig, Segments, Settings, TestReport, TuningConfig,
    TuningEnv, UpdateTime,
};
use trimtab_models::TrainConfig;
use trimtab_models::data::{Baseline, Dataset, Read, Split, Targets};
use trimtab_models::tasks::config::PreparedTask;

/// What was done, and how good the results are on the test split, which nothing was decided on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TuneReport {
    /// The tuned model.
    pub tuned: TestReport,
    /// The model that was fine-tuned, as it was before.
    pub before: Option<TestReport>,
    /// The same training with default settings, if it was asked for.
    pub defaults: Option<TestReport>,
    /// Whether it was stopped before its end. The tuned model is then the best so far.
    pub interrupted: bool,
    /// What pruning has left of the tuned model; `None` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruned: Option<Pruned>,
    /// What the `loss` of the reports is.
    pub loss: String,
    /// Models that the tuned one has to be better than, with the same metrics.
    pub baselines: BTreeMap<String, BTreeMap<String, f64>>,
    /// What the probabilities of classes are worth.
    pub calibration: Option<Calibration>,
    /// How much worse the model is without each column, the most important first.
    pub importance: Vec<ColumnImportance>,
    /// The data.
    pub data: DataReport,
    /// Seed of the split, the initial weights and the order of the rows.
    pub seed: u64,
    /// The budget: passes over the training rows with batches of 64.
    pub epochs: f64,
    /// What the model is.
    pub model: String,
}

/// What was learned from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataReport {
    /// The file, or the name of the data set.
    pub file: String,
    /// The file of the test, if it has one of its own.
    pub test_file: Option<String>,
    /// What is predicted.
    pub target: String,
    /// `classification` or `regression`.
    pub kind: String,
    /// Rows that were trained on.
    pub train_rows: usize,
    /// Rows that decisions were made on.
    pub validation_rows: usize,
    /// Rows of the test.
    pub test_rows: usize,
    /// Numbers that a row becomes.
    pub features: usize,
    /// What was understood of a table.
    pub table: Option<Read>,
}

/// What the probabilities of classes are worth, on the test rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// What logits are divided by, found on the validation rows.
    pub temperature: f64,
    /// Log loss, Brier score, and expected calibration error in 15 bins.
    pub log_loss: f64,
    /// See `log_loss`.
    pub brier: f64,
    /// See `log_loss`.
    pub calibration_error: f64,
    /// The same at a temperature of 1.
    pub before: [f64; 3],
}

/// The bins of a calibration error, as in Guo et al. (2017).
pub(super) const BINS: usize = 15;

/// How probabilities of the test rows are calibrated; `None` for values.
pub(super) fn calibration(
    model: &TrainedModel,
    test: &Dataset,
    device: &Device,
) -> Result<Option<Calibration>> {
    let (Some(names), Targets::Classes { labels, .. }) = (&model.classes, &test.targets) else {
        return Ok(None);
    };
    let truth: Vec<usize> = labels.iter().map(|label| *label as usize).collect();
    let logits = model.outputs_of(&test.inputs, device)?;
    let figures = |temperature| -> Result<[f64; 3]> {
        let p = softmax(&logits, names.len(), temperature);
        Ok([
            log_loss(&truth, &p, names.len())?,
            brier_score(&truth, &p, names.len())?,
            expected_calibration_error(&truth, &p, names.len(), BINS)?,
        ])
    };
    let [log_loss, brier, calibration_error] = figures(model.temperature)?;
    Ok(Some(Calibration {
        temperature: model.temperature,
        log_loss,
        brier,
        calibration_error,
        before: figures(1.0)?,
    }))
}

/// The metrics of the baselines on the test rows, in the user's units.
pub(super) fn baselines(
    model: &TrainedModel,
    split: &Split,
    metrics: &[Metric],
) -> Result<BTreeMap<String, BTreeMap<String, f64>>> {
    let of = |baseline: &Baseline| {
        let predicted = baseline.predict(&split.train, &split.validation, &split.test);
        let predicted = match &model.classes {
            Some(_) => predicted,
            None => {
                let restore = |value: &f64| model.standardiser.restore_prediction(*value as f32);
                predicted.iter().map(restore).collect()
            }
        };
        let figures = figures(model, &split.test, &predicted, metrics)?;
        Ok((baseline.name(model.classes.is_some()).to_owned(), figures))
    };
    Baseline::ALL.iter().map(of).collect()
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
    let predicted = match model.predict(&test.inputs, device)? {
        Predicted::Classes(probabilities) => probabilities,
        Predicted::Values(values) => values,
    };
    figures(model, test, &predicted, metrics)
}

/// A metric of the model on some rows, for each of several copies of them that differ in their inputs: `[copies, rows, features]`.
pub(super) fn figures_of_copies(
    model: &TrainedModel,
    rows: &Dataset,
    inputs: &[f32],
    metric: Metric,
    device: &Device,
) -> Result<Vec<f64>> {
    let predicted = match model.predict(inputs, device)? {
        Predicted::Classes(predicted) | Predicted::Values(predicted) => predicted,
    };
    let outputs = model.classes.as_ref().map_or(1, Vec::len);
    let copies = predicted.chunks(rows.rows() * outputs);
    let figure = |predicted| {
        let figures = figures(model, rows, predicted, &[metric])?;
        Ok(figures.get(metric.name()).copied().unwrap_or(f64::NAN))
    };
    copies.map(figure).collect()
}

/// The metrics of predictions of the test rows: probabilities, or values in the user's units.
fn figures(
    model: &TrainedModel,
    test: &Dataset,
    predicted: &[f64],
    metrics: &[Metric],
) -> Result<BTreeMap<String, f64>> {
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
            probabilities: predicted,
            classes: names.len(),
        },
        None => Predictions::Numbers {
            truth: &truth,
            predicted,
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
    task: &PreparedTask,
    metrics: &[Metric],
    device: &Device,
) -> Result<TestReport> {
    let test = &task.split().test;
    let figures = evaluate(model, test, metrics, device)?;
    let outputs = model.outputs_of(&test.inputs, device)?;
    let outputs: Vec<f32> = outputs.into_iter().map(|output| output as f32).collect();
    if let Some(loss) = task.loss_of(&outputs, test)? {
        return Ok(TestReport {
            loss,
            metrics: figures,
        });
    }
    let loss = match &model.classes {
        Some(_) => figures_of_copies(model, test, &test.inputs, Metric::LogLoss, device)?[0],
        // The mean squared error of standardised values.
        None => {
            let (Predicted::Values(predicted), Targets::Values(truth)) =
                (model.predict(&test.inputs, device)?, &test.targets)
            else {
                return Ok(TestReport::default());
            };
            let standardised = model.standardiser.standard_targets(&predicted);
            let errors = standardised
                .iter()
                .zip(truth)
                .map(|(y, t)| f64::from(y - t).powi(2));
            errors.sum::<f64>() / truth.len() as f64
        }
    };
    Ok(TestReport {
        loss,
        metrics: figures,
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

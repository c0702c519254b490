//! Tunes a training of the user's own data in one run.

mod trained_model;

pub use trained_model::{Inputs, Predicted, TrainedModel};

use crate::run_directory::{append_lines, write_json, write_whole};
use crate::{Error, Result, plot};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use trimtab_env::metrics::{Average, Metric, Predictions};
use trimtab_env::settings::BATCH_SIZE;
use trimtab_env::{
    Action, Budget, CostModel, Domain, Environment, Initial, Instance, Knob, Moves,
    ObservationConfig, RecordedSchedule, RewardConfig, Segment, Segments, Settings, TestReport,
    TuningConfig, TuningEnv, UpdateTime,
};
use trimtab_models::cnn::CnnTask;
use trimtab_models::config::PreparedTask;
use trimtab_models::data::{Dataset, Targets, read_columns, split_rows};
use trimtab_models::mlp::MlpTask;
use trimtab_models::weights::flat_weights;
use trimtab_models::{DataConfig, ModelConfig, TaskConfig, TrainConfig, Underway, train_watched};

/// Batch size of the training that [`Tune::compare_defaults`] adds.
const DEFAULT_BATCH: usize = 64;
/// Within this factor updates have the size that is wanted.
const CLOSE: f64 = 1.05;

/// What is tuned.
#[derive(Clone, Debug)]
pub struct Tune {
    /// Data, model and optimiser. Its metrics are those of the report, see [`metrics`].
    pub task: TaskConfig,
    /// The training.
    pub training: TrainConfig,
    /// Whether the task is trained once more for the same budget with the optimiser's default learning rate and batches
    /// of 64.
    pub compare_defaults: bool,
}

/// How good the results are on the test split, which nothing was decided on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneReport {
    /// The tuned model.
    pub tuned: TestReport,
    /// The same training with default settings, if it was asked for.
    pub defaults: Option<TestReport>,
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

/// The heading of the lines that [`line()`] makes.
pub fn heading() -> String {
    format!(
        "{:>6}  {:>9}  {:>5}  {:>9}  {:>10}  {:>9}  {:>8}  {:>9}  what is next and why",
        "budget", "lr", "batch", "train", "validation", "best", "cost (s)", "remaining"
    )
}

/// What happened in a segment, and what is done next and why, as a line. Costs are seconds of the cost model.
pub fn line(now: &Underway) -> String {
    let segment = now.segment;
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let rate = segment.settings.learning_rate();
    let batch = segment.settings.batch_size();
    format!(
        "{:>5.0}%  {:>9}  {:>5}  {:>9}  {:>10}  {:>9.4}  {:>8.4}  {:>9.4}  {}",
        100.0 * (segment.spent / now.budget).min(1.0),
        rate.map_or("-".to_owned(), |rate| format!("{rate:.2e}")),
        batch.map_or("-".to_owned(), |size| size.to_string()),
        number(segment.report.train.map(|train| train.mean)),
        number(segment.report.validation.as_ref().map(|v| v.loss)),
        segment.best_loss,
        segment.spent,
        (now.budget - segment.spent).max(0.0),
        reason(now)
    )
}

/// Why the next learning rate is what it is.
fn reason(now: &Underway) -> String {
    let report = &now.segment.report;
    if report.diverged {
        let then = if now.wanted.is_some() {
            ", a quarter of the rate"
        } else {
            ""
        };
        return format!("diverged: back to the best weights{then}");
    }
    let Some(wanted) = now.wanted else {
        return "the budget is spent".to_owned();
    };
    let ratio = report.gradients.map(|gradients| gradients.update_ratio);
    let Some(ratio) = ratio.filter(|ratio| ratio.is_finite() && *ratio > 0.0) else {
        return "the size of the updates is not known: keep the rate".to_owned();
    };
    let measured = format!("updates {ratio:.1e} of the weights, {wanted:.1e} wanted");
    if wanted > CLOSE * ratio {
        format!("{measured}: raise the rate")
    } else if ratio > CLOSE * wanted {
        format!("{measured}: lower the rate")
    } else {
        format!("{measured}: close enough")
    }
}

/// Tunes, tells `say` every line, and leaves everything in the folder `out`.
///
/// # Errors
/// Everything that is wrong with data and options is found before the first update, by name; [`Error::Config`] if `out`
/// is there already.
pub fn tune(
    tune: &Tune,
    out: &Path,
    device: &Device,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<TuneReport> {
    if out.exists() {
        let allowed = "it is there already; choose another folder";
        return Err(Error::config("--out", out.display(), allowed));
    }
    let mut task = tune.task.prepare()?;
    let metrics = metrics(&task.split().train.targets);
    let mut config = tune.task.clone();
    config.metrics.clone_from(&metrics);
    // Reads the data once more, and only where the metrics are needed by a training.
    if tune.compare_defaults {
        task = config.prepare()?;
    }
    say(&description(&task, &tune.training))?;
    say(&heading())?;
    let mut watch = |now: Underway| say(&line(&now));
    let (weights, segments, mut tuned) = fit(&task, &tune.training, device, &mut watch)?;
    let model = trained_model(&config, &task, weights)?;
    tuned.metrics = evaluate(&model, &task.split().test, &metrics, device)?;
    let defaults = if tune.compare_defaults {
        Some(with_defaults(&task, &tune.training, device)?)
    } else {
        None
    };
    let report = TuneReport { tuned, defaults };

    std::fs::create_dir_all(out).map_err(Error::file(out))?;
    let schedule = RecordedSchedule::of(&segments)?;
    let schedule = ron::ser::to_string_pretty(&schedule, ron::ser::PrettyConfig::default())
        .map_err(|error| Error::config("schedule.ron", error, "it cannot be written"))?;
    write_whole(&out.join("schedule.ron"), (schedule + "\n").as_bytes())?;
    append_lines(&out.join("segments.jsonl"), &segments)?;
    write_json(&out.join("report.json"), &report)?;
    plot::training(
        &out.join("tune.png"),
        task.name(),
        &[("tuned".to_owned(), segments)],
    )?;
    if let DataConfig::Embedded(embedded) = &config.data {
        let data = embedded.load()?;
        let test = data.select(&split_rows(&data, &config.split)?.test);
        write_whole(&out.join("test.csv"), table(&model, &test).as_bytes())?;
    }
    model.save(&out.join("model.json"))?;
    Ok(report)
}

/// What is about to be trained.
fn description(task: &PreparedTask, training: &TrainConfig) -> String {
    let split = task.split();
    let kind = match &split.train.targets {
        Targets::Classes { names, .. } => format!("classification into {}", names.len()),
        Targets::Values(_) => "regression".to_owned(),
    };
    format!(
        "{}: {kind}, {} features; {} rows to train on, {} for validation, {} for the test; {} epochs' budget",
        task.name(),
        split.train.features,
        split.train.rows(),
        split.validation.rows(),
        split.test.rows(),
        training.epochs
    )
}

/// Weights, record and test loss of a training under the servo.
fn fit(
    task: &PreparedTask,
    training: &TrainConfig,
    device: &Device,
    watch: &mut dyn FnMut(Underway) -> Result<()>,
) -> Result<(Vec<f32>, Vec<Segment>, TestReport)> {
    let split = Arc::clone(task.split());
    let mut weights = Vec::new();
    match &task.config().model {
        ModelConfig::Mlp { hidden, activation } => {
            let task = MlpTask::new(task.name(), split, hidden, *activation);
            let trained = train_watched(task, training, device, watch)?;
            flat_weights(&trained.model, &mut weights);
            Ok((weights, trained.segments, trained.test))
        }
        ModelConfig::Cnn { channels } => {
            let task = CnnTask::new(task.name(), split, channels);
            let trained = train_watched(task, training, device, watch)?;
            flat_weights(&trained.model, &mut weights);
            Ok((weights, trained.segments, trained.test))
        }
    }
}

/// The model with everything that predictions need.
fn trained_model(
    config: &TaskConfig,
    task: &PreparedTask,
    weights: Vec<f32>,
) -> Result<TrainedModel> {
    let train = &task.split().train;
    let (inputs, target) = match &config.data {
        DataConfig::Csv { path, target, .. } => {
            let mut columns = read_columns(path)?;
            columns.retain(|column| column != target);
            (Inputs::Columns(columns), target.clone())
        }
        DataConfig::Idx { .. } => (Inputs::Images, "class".to_owned()),
        DataConfig::Embedded(_) | DataConfig::Teacher(_) => {
            let columns = (1..=train.features).map(|i| format!("x{i}")).collect();
            (Inputs::Columns(columns), "target".to_owned())
        }
    };
    Ok(TrainedModel {
        model: config.model.clone(),
        shape: train.shape,
        inputs,
        target,
        classes: match &train.targets {
            Targets::Classes { names, .. } => Some(names.clone()),
            Targets::Values(_) => None,
        },
        standardiser: task.split().standardiser.clone(),
        weights,
    })
}

/// The metrics of the model as it will be used: from its file's parts, in the user's units.
fn evaluate(
    model: &TrainedModel,
    test: &Dataset,
    metrics: &[Metric],
    device: &Device,
) -> Result<BTreeMap<String, f64>> {
    let standardiser = &model.standardiser;
    let features = model.features();
    let inputs = (test.inputs.iter().enumerate()).map(|(at, input)| {
        let (mean, scale) = (
            standardiser.mean[at % features],
            standardiser.scale[at % features],
        );
        (f64::from(*input) * scale + mean) as f32
    });
    let rows: Vec<f32> = inputs.collect();
    let numbers = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
    let (labels, truth, predicted) = match (&test.targets, model.predict(&rows, device)?) {
        (Targets::Classes { labels, .. }, Predicted::Classes(p) | Predicted::Values(p)) => {
            let labels = labels.iter().map(|label| *label as usize).collect();
            (labels, Vec::new(), numbers(&p))
        }
        (Targets::Values(values), Predicted::Classes(p) | Predicted::Values(p)) => {
            let restored = values.iter().map(|v| standardiser.restore_target(*v));
            let truth = numbers(&restored.collect::<Vec<f32>>());
            (Vec::new(), truth, numbers(&p))
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
        // One that is not defined for these rows is absent: no record could hold it.
        if figure.is_finite() {
            figures.insert(metric.name().to_owned(), figure);
        }
    }
    Ok(figures)
}

/// The test report of the same training with the optimiser's default learning rate and batches of 64.
fn with_defaults(
    task: &PreparedTask,
    training: &TrainConfig,
    device: &Device,
) -> Result<TestReport> {
    let cost = CostModel::Modelled(UpdateTime::default());
    let trainee = task.trainee(cost, device)?;
    let batch = DEFAULT_BATCH.min(trainee.spec().train_examples);
    let rate = training.optimizer.default_learning_rate();
    let any = Domain::LogUniform(1e-100, 1e100);
    let fixed = Moves::Relative(vec![1.0]);
    let config = TuningConfig {
        knobs: vec![Knob::learning_rate(any, Initial::Fixed(rate.into()), fixed)],
        prior: None,
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
    while !environment.step(&Action::new(vec![0]))?.status.is_over() {}
    Ok(environment.into_best()?.test()?)
}

/// Rows as a CSV file with the names of the model.
fn table(model: &TrainedModel, data: &Dataset) -> String {
    let Inputs::Columns(columns) = &model.inputs else {
        return String::new();
    };
    let mut text = String::new();
    for column in columns {
        let _ = write!(text, "{},", trained_model::quoted(column));
    }
    text += &trained_model::quoted(&model.target);
    text.push('\n');
    for row in 0..data.rows() {
        for input in data.row(row) {
            let _ = write!(text, "{input},");
        }
        let target = match &data.targets {
            Targets::Classes { labels, names } => {
                trained_model::quoted(&names[labels[row] as usize])
            }
            Targets::Values(values) => values[row].to_string(),
        };
        text += &target;
        text.push('\n');
    }
    text
}

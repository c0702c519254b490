//! Tunes a training of the user's own data in one run.
//!
//! Input: data, a model and a budget ([`Tune`]). Output: a folder with the model, its schedule, a picture and a report.
//!
//! | to find | look in |
//! |---|---|
//! | a tuning from beginning to end | [`tune()`](tune()) |
//! | the model as files, and its predictions | [`TrainedModel`] |
//! | the files of the folder, its pictures, its page | `folder`, `pictures`, `page` |
//! | what probabilities are worth, which columns matter | `temperature`, `importance` |
//! | what is said of each segment | [`line()`] |
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use trimtab_experiments::{Registry, Workers, tune::{Tune, TuneBudget, tune}};
//! let tuning = Tune {
//!     task: ron::from_str("(data: Embedded(\"digits\"), model: Mlp(hidden: [64]), optimizer: Adam())").expect("a task"),
//!     from: None,
//!     training: Default::default(),
//!     budget: TuneBudget::FromRows,
//!     compare_defaults: false,
//! };
//! let (registry, interrupted) = (Registry::default(), AtomicBool::new(false));
//! let workers = Workers::new(1, trimtab_models::device("flex")?, &registry, &interrupted);
//! let report = tune(&tuning, "runs/mine".as_ref(), &workers, &mut |_| Ok(()))?;
//! println!("{}", report.tuned.loss);
//! # Ok::<(), trimtab_experiments::Error>(())
//! ```

mod budget;
mod folder;
mod importance;
mod page;
mod pictures;
mod report;
pub(crate) mod runs;
mod temperature;
mod trained_model;
mod words;

pub use budget::{TuneBudget, parse as parse_time};
pub use importance::ColumnImportance;
pub use report::{Calibration, DataReport, TuneReport, metrics};
pub use trained_model::{Inputs, Predicted, TrainedModel};
pub use words::{heading, line};

use crate::work::Workers;
use crate::{Error, Result};
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;
use trimtab_models::data::{Dataset, Targets, split_rows};
use trimtab_models::tasks::config::PreparedTask;
use trimtab_models::tasks::custom::{Extensions, TrainedWeights};
use trimtab_models::{DataConfig, TaskConfig, TrainConfig, Underway};

use importance::permutation_importance;
use pictures::Tested;
use report::{baselines, calibration, evaluate, test_report, with_defaults};
use runs::best_of_runs;

/// Up to this many classes are not too many for any number of rows.
const FEW_CLASSES: usize = 20;

/// What is tuned.
#[derive(Clone, Debug)]
pub struct Tune {
    /// Data, model and optimiser. Its metrics are those of the report, see [`metrics`].
    pub task: TaskConfig,
    /// The model to go on from, if it is to be fine-tuned. Then it decides columns, classes and units, and `task` has its
    /// architecture.
    pub from: Option<TrainedModel>,
    /// The training; its `epochs` are those of `budget`.
    pub training: TrainConfig,
    /// How long is trained.
    pub budget: TuneBudget,
    /// Whether the task is trained once more for the same budget with the optimiser's default learning rate and batches
    /// of 64.
    pub compare_defaults: bool,
}

/// Reads the data of a tuning and tells `say` what was understood of them.
///
/// # Errors
/// Whatever is wrong with the data, by name.
pub fn prepare(
    tune: &Tune,
    models: &Extensions,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<PreparedTask> {
    let task = match &tune.from {
        Some(model) => model.task(&tune.task)?,
        None => tune.task.prepare_with(models, &[])?,
    };
    if let (DataConfig::Table(table), Some(read)) = (&tune.task.data, task.read()) {
        say(&words::understood(&table.path, read, task.split()))?;
    }
    check_classes(&task)?;
    Ok(task)
}

/// Tunes, tells `say` every line, and leaves everything in the folder `out`. Once the workers are interrupted it ends after the
/// segment under way, which [`trimtab_env::interruption`] makes short, with the best model so far.
///
/// # Errors
/// Everything that is wrong with data and options is found before the first update, by name; [`Error::Config`] if `out`
/// is there already.
pub fn tune(
    tune: &Tune,
    out: &Path,
    workers: &Workers,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<TuneReport> {
    let start = Instant::now();
    let (device, interrupted) = (&workers.device, workers.interrupted);
    let models = workers.registry.extensions();
    folder::check_new(out)?;
    // What cannot be said is no reason to lose a training.
    let mut unsaid = None;
    let mut task = prepare(tune, models, &mut |line| {
        unsaid = say(line).err();
        Ok(())
    })?;
    let metrics = metrics(&task.split().train.targets);
    if tune.compare_defaults {
        task = task.with_metrics(metrics.clone());
    }
    let config = &tune.task;
    let training = &TrainConfig {
        epochs: tune.budget.epochs(&task, &tune.training, device, start)?,
        ..tune.training.clone()
    };
    for line in [
        words::description(&task, training.epochs, tune.from.is_some()),
        heading(),
    ] {
        if unsaid.is_none() {
            unsaid = say(&line).err();
        }
    }
    let names = match &tune.from {
        Some(model) => (model.inputs.clone(), model.target.clone()),
        None => names(&task),
    };
    let (mut begun, mut stopped, mut budget) = (false, false, 0.0);
    let mut unwritable = None;
    let mut watch = |now: Underway| {
        if !begun {
            // By now everything else has been found to be in order.
            begun = true;
            unwritable = folder::check_writable(out).err();
            if unwritable.is_some() {
                return ControlFlow::Break(());
            }
        }
        if unsaid.is_none() {
            unsaid = say(&line(&now)).err();
        }
        match now {
            Underway::Probed(_) => return ControlFlow::Continue(()),
            Underway::Begun(_) => {}
            Underway::Ended(ended) => budget = ended.budget,
        }
        // Of the last segment too, which may have been cut short.
        stopped = interrupted.load(Ordering::SeqCst);
        if stopped || tune.budget.is_over(start) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let span = tracing::info_span!("training", task = task.name()).entered();
    let first = task.train(training, 0, device, &mut watch)?;
    drop(span);
    if let Some(unwritable) = unwritable {
        return Err(unwritable);
    }
    let mut say_all = |lines: &[String]| {
        for line in lines {
            if unsaid.is_none() {
                unsaid = say(line).err();
            }
        }
    };
    let (best, halted) = best_of_runs(&task, training, first, workers, &mut say_all)?;
    stopped |= halted;
    let TrainedWeights {
        weights,
        segments,
        test: mut tuned,
        pruned,
        ..
    } = best;
    let mut model = trained_model(&task, names, weights, models);
    if let Some(pruned) = &pruned {
        model.model = model.model.resized(&pruned.units);
    }
    let split = task.split();
    model.calibrate(&split.validation, device)?;
    let trained = folder::Trained {
        name: task.name(),
        model: &model,
        segments: &segments,
        budget,
    };
    let part = folder::begin(out, &trained)?;
    let report_of = || -> Result<TuneReport> {
        tuned.metrics = evaluate(&model, &split.test, &metrics, device)?;
        Ok(TuneReport {
            tuned,
            before: match &tune.from {
                Some(model) => Some(test_report(model, &task, &metrics, device)?),
                None => None,
            },
            defaults: None,
            interrupted: stopped,
            pruned,
            loss: words::loss(task.config().loss.as_ref(), &model),
            baselines: baselines(&model, split, &metrics)?,
            calibration: calibration(&model, &split.test, device)?,
            importance: permutation_importance(
                &model,
                &split.test,
                training.seed,
                workers,
                stopped,
            )?,
            data: data_report(config, &task, &model),
            seed: training.seed,
            epochs: training.epochs,
            model: task.name().to_owned(),
        })
    };
    let figures = || -> Result<(TuneReport, Tested, Option<String>)> {
        let test = match &config.data {
            DataConfig::Embedded(embedded) => {
                let data = embedded.load()?;
                let test = data.select(&split_rows(&*data, &config.split)?.test);
                Some(table(&model, &test))
            }
            DataConfig::Table(_)
            | DataConfig::Idx { .. }
            | DataConfig::Teacher(_)
            | DataConfig::Text(_) => None,
        };
        Ok((
            report_of()?,
            Tested::new(&model, &split.test, device)?,
            test,
        ))
    };
    // What was trained is kept, whatever cannot be said of it.
    let (mut report, tested, test) = match figures() {
        Ok(figures) => figures,
        Err(error) => return folder::keep(&part, out).and(Err(error)),
    };
    folder::finish((&part, out), &trained, &report, &tested, test)?;
    // Whatever becomes of the comparison, the tuned model is kept by now.
    if tune.compare_defaults && !stopped {
        report.defaults = with_defaults(&task, training, device, interrupted)?;
        report.interrupted = report.defaults.is_none();
        folder::write_report(out, &report)?;
    }
    unsaid.map_or(Ok(report), Err)
}

/// What was learned from.
fn data_report(config: &TaskConfig, task: &PreparedTask, model: &TrainedModel) -> DataReport {
    let split = task.split();
    let (file, test_file) = match &config.data {
        DataConfig::Table(table) => (
            table.path.display().to_string(),
            table.test.as_ref().map(|test| test.display().to_string()),
        ),
        DataConfig::Idx { images, .. } => (images.display().to_string(), None),
        DataConfig::Text(text) => (text.path.display().to_string(), None),
        DataConfig::Embedded(_) | DataConfig::Teacher(_) => (split.train.name.clone(), None),
    };
    let kind = match &model.classes {
        Some(_) => "classification",
        None => "regression",
    };
    DataReport {
        file,
        test_file,
        target: model.target.clone(),
        kind: kind.to_owned(),
        train_rows: split.train.rows(),
        validation_rows: split.validation.rows(),
        test_rows: split.test.rows(),
        features: split.train.features,
        table: task.read().cloned(),
    }
}

/// Many classes that have a row or two each are no classes, but values or names.
fn check_classes(task: &PreparedTask) -> Result<()> {
    let (DataConfig::Table(table), split) = (&task.config().data, task.split()) else {
        return Ok(());
    };
    let target = task.read().map_or(&table.target, |read| &read.target);
    let Some(classes) = split.train.classes() else {
        return Ok(());
    };
    // All rows of the file, but for a test of its own.
    let mut rows = split.train.rows() + split.validation.rows();
    if table.test.is_none() {
        rows += split.test.rows();
    }
    if classes <= FEW_CLASSES || 2 * classes <= rows {
        return Ok(());
    }
    Err(Error::config(
        "--target",
        format!("`{target}`"),
        format!(
            "it has {classes} different values in {rows} rows, which are no classes: name another column, or give --kind regression \
             if they are numbers"
        ),
    ))
}

/// What inputs and target are called.
fn names(task: &PreparedTask) -> (Inputs, String) {
    let columns = match (&task.config().data, task.read()) {
        (_, Some(read)) => {
            let inputs = Inputs::Table {
                preprocessor: read.preprocessor.clone(),
                reading: read.reading.clone(),
            };
            return (inputs, read.target.clone());
        }
        (DataConfig::Idx { .. }, _) => return (Inputs::Images, "class".to_owned()),
        _ => 1..=task.split().train.features,
    };
    let columns = columns.map(|i| format!("x{i}")).collect();
    (Inputs::Columns(columns), "target".to_owned())
}

/// The model with everything that predictions need.
fn trained_model(
    task: &PreparedTask,
    (inputs, target): (Inputs, String),
    weights: Vec<f32>,
    models: &Extensions,
) -> TrainedModel {
    let train = &task.split().train;
    TrainedModel {
        model: task.config().model.clone(),
        shape: train.shape,
        inputs,
        target,
        classes: match &train.targets {
            Targets::Classes { names, .. } => Some(names.clone()),
            Targets::Values(_) => None,
        },
        standardiser: task.split().standardiser.clone(),
        temperature: 1.0,
        weights,
        models: models.clone(),
    }
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

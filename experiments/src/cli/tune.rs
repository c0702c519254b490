//! The command line of `tune`.

mod columns;
mod text;

use super::{Machine, Words, say, stop_on_ctrl_c};
use crate::train::config::{MOST_RUNS, check_setting, parse_ron};
use crate::tune::{self, Inputs, TrainedModel, Tune, TuneBudget, parse_time};
use crate::{Error, Registry, Result};
use clap::{Parser, ValueEnum};
use columns::ColumnArguments;
use std::path::{Path, PathBuf};
use std::time::Duration;
use trimtab_agent::Policy;
use trimtab_env::bounds::check_count;
use trimtab_env::{RecordedSchedule, ResidualPolicy, TestReport};
use trimtab_models::data::{
    Embedded, LogTarget, SplitConfig, Standardise, TableConfig, TargetKind,
};
use trimtab_models::mlp::Activation;
use trimtab_models::network::tabular::TabularConfig;
use trimtab_models::tasks::custom::{CustomConfig, Extensions};
use trimtab_models::{
    DataConfig, LossConfig, ModelConfig, OptimizerConfig, Pruning, TaskConfig, TrainConfig,
};

/// What the first learning rate may be, and the passes of a budget: far beyond what a training can use.
const RATES: (f64, f64) = (1e-30, 1e30);
const EPOCHS: (f64, f64) = (1e-6, 1e9);

/// Tunes a training of your own data in one run, and leaves the trained model.
#[derive(Parser)]
#[command(
    name = "tune",
    version,
    after_help = "Examples:
  tune                                          embedded digits, into runs/tune
  tune --data houses.csv --target price         a table; classes or values are found from the column
  tune --data images.idx --labels labels.idx --channels 8,16
  tune --data houses.csv --target price --compare-defaults --out runs/houses
  tune --data houses.csv --target price --test sold-later.csv
  tune --data houses.csv --target price --policy none
  tune --data claims.csv --target fraud --loss 'Focal(gamma: 2)'
  tune --data houses.csv --target price --prune 0.5
  tune --text plays.txt                         a language model: `tune-text`, of trimtab-llama, takes over, with options of its own
  tune --data new-houses.csv --from runs/houses/model.json --epochs 5 --out runs/new-houses
  tune --data houses.csv --target price --replay runs/houses/schedule.ron --seed 1 --out runs/again
Ctrl-C ends the training after the update under way and keeps the best model so far; a second one stops at once."
)]
struct TuneArguments {
    /// Table (CSV with any separator, ARFF, svmlight, JSON lines, Excel, Parquet; packed or not), or IDX file of images; without one embedded digits
    #[arg(long)]
    data: Option<PathBuf>,
    /// The column of the table that is to be predicted: its name, or its number, from 1, or from -1 at the end
    #[arg(
        long,
        requires = "data",
        conflicts_with = "labels",
        allow_hyphen_values = true
    )]
    target: Option<String>,
    /// What the target column holds; by default found from it: text, or up to 20 different whole numbers, are classes
    #[arg(long, value_enum, requires = "target")]
    kind: Option<Kind>,
    /// Table with the same columns to test on, instead of a fifth of the data
    #[arg(long, value_name = "FILE", requires = "target")]
    test: Option<PathBuf>,
    /// IDX file of the images' labels
    #[arg(long, requires = "data")]
    labels: Option<PathBuf>,
    /// Fine-tune the model of an earlier run, its model.json: with its columns, classes, units and architecture
    #[arg(long, value_name = "FILE", requires = "data", conflicts_with_all = ["kind", "hidden", "channels", "activation", "runs", "compare_defaults"])]
    from: Option<PathBuf>,
    /// What is trained: `tabular`, which is the default for tables; `mlp`, a multilayer perceptron, which is that of embedded data and images; or a model
    /// that this program has added
    #[arg(long, value_name = "NAME", conflicts_with_all = ["channels", "from"])]
    model: Option<String>,
    /// Widths of the hidden layers; by default 64,64 for `mlp`
    #[arg(long, value_delimiter = ',')]
    hidden: Vec<usize>,
    /// Networks of the ensemble of `tabular`, which share their hidden layers; by default 4
    #[arg(long, conflicts_with_all = ["channels", "from"])]
    members: Option<usize>,
    /// Channels of the convolutions: a convolutional network, for images
    #[arg(long, value_delimiter = ',')]
    channels: Vec<usize>,
    /// A loss in place of cross-entropy and mean squared error, as in a config: 'Focal(gamma: 2)', 'CrossEntropy(class_weights: Balanced)',
    /// 'Huber()', 'Quantile(quantile: 0.9)', 'Poisson'; or the name of one that this program has added
    #[arg(long, value_name = "LOSS")]
    loss: Option<String>,
    /// Let units or channels leave while it is trained, until this share of the weights is gone, such as 0.5; or a pruning as in a config:
    /// '(target: 0.5, of: Units)'
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    prune: Option<String>,
    /// An optimiser that this program has added, in place of --optimizer
    #[arg(long, value_name = "NAME")]
    update_rule: Option<String>,
    /// Nonlinearity of the hidden layers
    #[arg(long, value_enum)]
    activation: Option<ActivationName>,
    /// Optimiser
    #[arg(long, value_enum, default_value = "adam")]
    optimizer: OptimizerName,
    /// Where the search for the first learning rate begins; by default the optimiser's usual one
    #[arg(long, allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// Budget: the cost of this many passes over the training rows with batches of 64; by default it follows from the rows
    #[arg(long, allow_negative_numbers = true)]
    epochs: Option<f64>,
    /// Budget as time by the clock, such as 60s or 5m; the result then depends on the machine
    #[arg(long, value_parser = parse_time, conflicts_with_all = ["epochs", "replay"])]
    time: Option<Duration>,
    /// Runs, each with the budget and a little different from the others; the one with the best validation loss is kept
    #[arg(long, default_value_t = 1, conflicts_with = "replay")]
    runs: usize,
    /// Seed of the split, the initial weights and the order of the rows
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    /// Show what was understood of the data, and stop there
    #[arg(long, requires = "data")]
    dry_run: bool,
    /// Folder for everything; by default runs/tune, or runs/tune-2 and so on if that is there
    #[arg(long)]
    out: Option<PathBuf>,
    /// The policy that adds to what the servo wants: `shipped`, which is the default, `none`, or the policy.json of a training under the servo
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    policy: Option<PathBuf>,
    /// Train with the schedule.ron of an earlier run, instead of regulating anew
    #[arg(long, value_name = "FILE", conflicts_with = "learning_rate")]
    replay: Option<PathBuf>,
    /// Train once more with default settings for the budget of one run, to compare
    #[arg(long)]
    compare_defaults: bool,
    #[command(flatten)]
    columns: ColumnArguments,
    #[command(flatten)]
    machine: Machine,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Classification,
    Regression,
}

#[derive(Clone, Copy, ValueEnum)]
enum ActivationName {
    Relu,
    Tanh,
    Gelu,
}

#[derive(Clone, Copy, ValueEnum)]
enum OptimizerName {
    Adam,
    Adamw,
    Sgd,
}

impl TuneArguments {
    fn from(&self, models: &Extensions) -> Result<Option<TrainedModel>> {
        let Some(path) = &self.from else {
            return Ok(None);
        };
        let model = TrainedModel::load_with(path, models)?;
        match &self.target {
            Some(target) if *target != model.target => Err(Error::config(
                "--target",
                target,
                format!(
                    "{} predicts `{}`; leave --target out",
                    path.display(),
                    model.target
                ),
            )),
            _ => Ok(Some(model)),
        }
    }

    fn data(&self, from: Option<&TrainedModel>) -> Result<DataConfig> {
        let Some(path) = self.data.clone() else {
            return Ok(DataConfig::Embedded(Embedded::Digits));
        };
        let columns = from.filter(|model| !matches!(model.inputs, Inputs::Images));
        let target = self.target.as_ref().or(columns.map(|model| &model.target));
        match (target, &self.labels) {
            (Some(target), _) => Ok(DataConfig::Table(TableConfig {
                path,
                target: target.clone(),
                kind: match self.kind {
                    None => TargetKind::Detect,
                    Some(Kind::Classification) => TargetKind::Classification,
                    Some(Kind::Regression) => TargetKind::Regression,
                },
                test: self.test.clone(),
                log_target: LogTarget::Chosen,
                columns: self.columns.options(),
                reading: self.columns.reading(),
            })),
            (None, Some(labels)) => Ok(DataConfig::Idx {
                images: path,
                labels: labels.clone(),
            }),
            (None, None) => Err(Error::config(
                "--data",
                path.display(),
                "name the column to predict with --target, or the file of the labels of images with --labels",
            )),
        }
    }

    fn replay(&self) -> Result<Option<RecordedSchedule>> {
        let Some(path) = &self.replay else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
        let schedule: RecordedSchedule = parse_ron(&text, &path.display().to_string())?;
        for name in schedule.names() {
            check_setting(&format!("--replay {}", path.display()), name)?;
        }
        Ok(Some(schedule))
    }

    fn policy(&self) -> Result<Option<ResidualPolicy>> {
        let path = self.policy.as_deref().unwrap_or(Path::new("shipped"));
        let policy = match path.to_str() {
            _ if self.replay.is_some() => return Ok(None),
            Some("none") => return Ok(None),
            Some("shipped") => Policy::shipped()?,
            _ => Policy::load(path)?,
        };
        let residual = policy.residual();
        let named = |error: trimtab_agent::Error| {
            Error::config("--policy", path.display(), error.to_string())
        };
        residual.map(Some).map_err(named)
    }

    /// What is trained, on a table or on something else.
    fn architecture(&self, table: bool, models: &Extensions) -> Result<ModelConfig> {
        let activation = self.activation.map(|name| match name {
            ActivationName::Relu => Activation::Relu,
            ActivationName::Tanh => Activation::Tanh,
            ActivationName::Gelu => Activation::Gelu,
        });
        if !self.channels.is_empty() {
            return Ok(ModelConfig::Cnn {
                channels: self.channels.clone(),
            });
        }
        let name = match &self.model {
            Some(name) => name,
            None if table => "tabular",
            None => "mlp",
        };
        // What a program has added may be called so.
        let own = models.has_model(name);
        let name = match name.to_lowercase().as_str() {
            "tabular" if !own => "tabular",
            "mlp" if !own => "mlp",
            "cnn" | "transformer" if !own => {
                let allowed = "give tabular or mlp; convolutions come with --channels 8,16, and transformers with a config of train or compare";
                return Err(Error::config("--model", name, allowed));
            }
            _ => name,
        };
        let hidden = Some(&self.hidden).filter(|hidden| !hidden.is_empty());
        if let (Some(members), true) = (self.members, name != "tabular") {
            let allowed = "leave it out: only `--model tabular` has members";
            return Err(Error::config("--members", members, allowed));
        }
        Ok(match name {
            "tabular" => {
                let usual = TabularConfig::default();
                ModelConfig::Tabular(TabularConfig {
                    hidden: hidden.unwrap_or(&usual.hidden).clone(),
                    activation: activation.unwrap_or(usual.activation),
                    members: self.members.unwrap_or(usual.members),
                    ..usual
                })
            }
            "mlp" => ModelConfig::Mlp {
                hidden: hidden.cloned().unwrap_or_else(|| vec![64, 64]),
                activation: activation.unwrap_or_default(),
            },
            name => ModelConfig::Custom {
                name: name.to_owned(),
                parameters: Default::default(),
            },
        })
    }

    /// What is minimised: a loss as in a config, also by its name alone, or one of the program's own by its name.
    fn loss(&self, models: &Extensions) -> Result<Option<LossConfig>> {
        let Some(text) = &self.loss else {
            return Ok(None);
        };
        let is_name = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
        if models.has_loss(text) || is_name && !text.starts_with(char::is_uppercase) {
            return Ok(Some(LossConfig::named(text)));
        }
        let loss = parse_ron(text, "--loss");
        match loss {
            Err(_) if is_name => parse_ron(&format!("{text}()"), "--loss").or(loss).map(Some),
            loss => loss.map(Some),
        }
    }

    /// How the network is pruned: a share by itself, or a pruning as in a config.
    fn pruning(&self) -> Result<Option<Pruning>> {
        let Some(text) = &self.prune else {
            return Ok(None);
        };
        let pruning = match text.parse() {
            Ok(target) => Pruning::to(target),
            Err(_) => parse_ron(text, "--prune")?,
        };
        pruning.validate()?;
        match pruning.target {
            Some(_) => Ok(Some(pruning)),
            None => Err(Error::config(
                "--prune",
                text,
                "give a target, such as '(target: 0.5)'",
            )),
        }
    }

    fn tune(&self, models: &Extensions) -> Result<Tune> {
        let from = self.from(models)?;
        let data = self.data(from.as_ref())?;
        let optimizer = match self.optimizer {
            OptimizerName::Adam => OptimizerConfig::adam(),
            OptimizerName::Adamw => OptimizerConfig::adam_w(),
            OptimizerName::Sgd => OptimizerConfig::sgd(),
        };
        let images = matches!(data, DataConfig::Idx { .. });
        let model = match &from {
            Some(model) => model.model.clone(),
            None => self.architecture(matches!(data, DataConfig::Table(_)), models)?,
        };
        let robust = matches!(model, ModelConfig::Tabular(_));
        let task = TaskConfig {
            split: SplitConfig {
                standardise: if images || !self.channels.is_empty() {
                    Standardise::Global
                } else if robust {
                    Standardise::Robust
                } else {
                    Standardise::PerFeature
                },
                seed: self.seed,
                ..SplitConfig::default()
            },
            loss: self.loss(models)?,
            update_rule: self.update_rule.as_deref().map(CustomConfig::named),
            ..TaskConfig::new(data, model, optimizer)
        };
        Ok(Tune {
            task,
            from,
            budget: match (self.epochs, self.time) {
                (Some(epochs), _) => TuneBudget::Epochs(epochs),
                (None, Some(time)) => TuneBudget::Time(time),
                (None, None) => TuneBudget::FromRows,
            },
            training: TrainConfig {
                optimizer,
                learning_rate: self.learning_rate,
                seed: self.seed,
                runs: self.runs,
                policy: self.policy()?,
                replay: self.replay()?,
                pruning: self.pruning()?,
                ..TrainConfig::default()
            },
            compare_defaults: self.compare_defaults,
        })
    }
}

/// A test report as a line.
fn figures(name: &str, report: &TestReport) -> String {
    let metrics = report.metrics.iter();
    let metrics = metrics.map(|(metric, figure)| format!(", {metric} {figure:.4}"));
    format!(
        "test, {name}: loss {:.4}{}",
        report.loss,
        metrics.collect::<String>()
    )
}

/// The folder, or the first of those with a number behind that is not there yet.
fn fresh(folder: &Path) -> Result<PathBuf> {
    let taken = |folder: &Path| folder.exists() || folder.is_symlink();
    if !taken(folder) {
        return Ok(folder.to_owned());
    }
    let numbered = |number: u32| PathBuf::from(format!("{}-{number}", folder.display()));
    let free = (2..).map(numbered).find(|folder| !taken(folder));
    let free = free.unwrap_or_else(|| folder.to_owned());
    let (before, now) = (folder.display(), free.display());
    say(format_args!(
        "{before} is there already: this run goes to {now}"
    ))?;
    Ok(free)
}

/// The command `tune`.
pub(super) fn tune(words: &Words, registry: &Registry) -> Result<()> {
    text::hand_over(words)?;
    let arguments: TuneArguments = words.parse();
    arguments.machine.threads.jobs()?;
    arguments.machine.backend.device()?;
    check_count("--runs", arguments.runs, 1..=MOST_RUNS)?;
    let rate = arguments
        .learning_rate
        .map(|rate| ("--learning-rate", rate, RATES));
    let epochs = arguments.epochs.map(|epochs| ("--epochs", epochs, EPOCHS));
    let numbers = epochs.into_iter().chain(rate);
    for (option, number, (low, high)) in numbers {
        if !(low..=high).contains(&number) {
            let allowed = format!("give a number from {low:e} to {high:e}");
            return Err(Error::config(option, format!("{number:e}"), allowed));
        }
    }
    let tune = arguments.tune(registry.extensions())?;
    if arguments.dry_run {
        return tune::prepare(&tune, registry.extensions(), &mut |line| say(line)).map(drop);
    }
    let out = &match &arguments.out {
        Some(out) => out.clone(),
        None => fresh(Path::new("runs/tune"))?,
    };
    stop_on_ctrl_c()?;
    let _watch = arguments.machine.watched.watch("tune")?;
    let workers = arguments.machine.workers(registry, Some(out))?;
    let report = tune::tune(&tune, out, &workers, &mut |line| say(line))?;
    workers.finish();
    if let Some(before) = &report.before {
        say(figures("before", before))?;
    }
    say(figures("tuned", &report.tuned))?;
    if let Some(pruned) = &report.pruned {
        say(format_args!(
            "pruned: {:.0} % is left{}, {} weights; units of the hidden layers: {:?}",
            100.0 * pruned.left,
            if pruned.excess > 0.0 {
                ", more than was asked for: train longer"
            } else {
                ""
            },
            pruned.weights,
            pruned.units
        ))?;
    }
    for (name, metrics) in &report.baselines {
        let metrics = metrics
            .iter()
            .map(|(metric, figure)| format!("{metric} {figure:.4}"));
        let metrics: Vec<String> = metrics.collect();
        say(format_args!("test, {name}: {}", metrics.join(", ")))?;
    }
    if let Some(defaults) = &report.defaults {
        say(figures("default settings", defaults))?;
    }
    if report.interrupted {
        return Err(Error::Kept(out.clone()));
    }
    say(format_args!("everything is in {}", out.display()))?;
    let new = match &arguments.data {
        None => out.join("test.csv").display().to_string(),
        Some(_) if arguments.labels.is_some() => "new.idx".to_owned(),
        Some(_) => "new.csv".to_owned(),
    };
    let model = out.join("model.json");
    say(format_args!(
        "to predict: predict --model {} --data {new} --out predictions.csv",
        model.display()
    ))
}

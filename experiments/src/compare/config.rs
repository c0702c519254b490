//! A comparison as one RON file.

use super::method::{Method, Peak};
use crate::train::config::{MOST_RUNS, check_finite, check_process, check_tasks, to_ron};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use trimtab_agent::Policy;
use trimtab_agent::controller::Schedule;
use trimtab_env::bounds::check_count;
use trimtab_env::settings::{BATCH_SIZE, LEARNING_RATE};
use trimtab_env::{CostModel, Domain, SearchSpace, TuningConfig, Value};
use trimtab_models::training::loss::SETTINGS as OF_LOSSES;
use trimtab_models::{OptimizerConfig, TaskConfig};

/// The comparison that runs when no config is given.
pub const COMPARE: &str = include_str!("../../configs/compare.ron");

/// Everything about a comparison that decides its results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompareConfig {
    /// A name; the run directory is `runs/<name>` unless told otherwise.
    pub name: String,
    /// Everything random follows from this.
    pub seed: u64,
    /// Trainings; each is compared with each of the optimisers.
    pub tasks: Vec<TaskConfig>,
    /// The optimisers, in place of the tasks' own. Empty takes each task with its own alone.
    #[serde(default)]
    pub optimizers: Vec<OptimizerConfig>,
    /// How cost is counted.
    #[serde(default)]
    pub cost: CostModel,
    /// Budget and segments of one run; its knobs are for policies only.
    pub process: TuningConfig,
    /// Factors on the budget: each training is compared with each of them. By default with its budget as it is.
    #[serde(default = "one_budget")]
    pub budgets: Vec<f64>,
    /// Seeds of each method on each task.
    pub seeds: u64,
    /// The space of the searches. By default learning rates from 1e-4 to 1 and batches of 16, 32, 64, 128 and 256.
    #[serde(default)]
    pub space: SearchSpace,
    /// What is compared.
    pub methods: Vec<Method>,
    /// The grid behind everything that is tuned.
    pub grid: GridConfig,
    /// What the time to target is measured to.
    #[serde(default)]
    pub target: TargetRule,
    /// The largest ratio to the fastest method's time that counts in the AlgoPerf score; 4 in its paper.
    #[serde(default = "largest_ratio")]
    pub largest_ratio: f64,
    /// The method that is compared with each of the others in a table of its own.
    #[serde(default)]
    pub focus: Option<String>,
    /// A method is called better than another only if it wins on at least this share of the seeds and the interval of the
    /// difference excludes 0.
    #[serde(default = "win_share")]
    pub win_share: f64,
}

fn one_budget() -> Vec<f64> {
    vec![1.0]
}

fn largest_ratio() -> f64 {
    4.0
}

fn win_share() -> f64 {
    0.6
}

/// The grid behind everything that is tuned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridConfig {
    /// Learning rates.
    pub learning_rates: Vec<f64>,
    /// Batch sizes.
    pub batch_sizes: Vec<usize>,
    /// Fresh seeds with which each task's winner is run again.
    pub reruns: usize,
}

/// What the time to target is measured to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetRule {
    /// On each task, the median over the reruns of the final best validation loss of the best constant setting of the
    /// grid: AlgoPerf's rule, with a grid as the tuned reference.
    #[default]
    BestStatic,
    /// The same of the best peak of a cosine schedule with a warm-up of 5 %.
    BestCosine,
}

impl TargetRule {
    /// The schedule whose best peak sets the target.
    pub fn schedule(self) -> Schedule {
        match self {
            Self::BestStatic => Schedule::Constant,
            Self::BestCosine => Schedule::Cosine { warmup: 0.05 },
        }
    }
}

/// Takes a path from a folder, or if there is no such file, from the current directory.
fn find_file(field: &str, path: &mut PathBuf, folder: &Path) -> Result<()> {
    let beside = folder.join(&*path);
    if beside.exists() {
        *path = beside;
    } else if !path.exists() {
        let here = std::env::current_dir().unwrap_or_default();
        let allowed = format!(
            "there is no such file, neither from the config's folder, {}, nor from the current directory, {}",
            here.join(folder).display(),
            here.display()
        );
        return Err(Error::config(field, path.display(), allowed));
    }
    Ok(())
}

impl CompareConfig {
    /// Reads a config from text; `file` is only named in messages.
    ///
    /// # Errors
    /// [`Error::Parse`] with line, column and the allowed names.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        crate::train::config::parse_config(text, file, "compare")
    }

    /// Reads a config file.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Parse`].
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// The tasks with their optimisers, each by a name of its own.
    pub fn trainings(&self) -> Vec<TaskConfig> {
        if self.optimizers.is_empty() {
            return self.tasks.clone();
        }
        let mut all = Vec::new();
        for (index, task) in self.tasks.iter().enumerate() {
            for (place, optimizer) in self.optimizers.iter().enumerate() {
                let kind = optimizer.name();
                let before = self.optimizers[..place].iter();
                let name = match before.filter(|other| other.name() == kind).count() {
                    0 => kind.to_owned(),
                    alike => format!("{kind} {}", alike + 1),
                };
                let name = match &task.name {
                    Some(given) if self.optimizers.len() > 1 => Some(format!("{given} {name}")),
                    // A name that is made of the data has the optimiser's in it, but not its options.
                    None if name != kind => Some(format!("task {} {name}", index + 1)),
                    as_it_is => as_it_is.clone(),
                };
                all.push(TaskConfig {
                    name,
                    optimizer: *optimizer,
                    update_rule: None,
                    ..task.clone()
                });
            }
        }
        all
    }

    /// The figures of all tasks, `figures[task]`, as one list for each data set: results on the same data are alike, however
    /// the trainings differ, so that intervals must not take them for independent. Tasks are in the order of
    /// [`CompareConfig::trainings`], each with all budgets.
    pub fn clustered(&self, figures: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let each = self.optimizers.len().max(1) * self.budgets.len();
        let mut clusters: Vec<(&TaskConfig, Vec<f64>)> = Vec::new();
        for (task, own) in self.tasks.iter().zip(figures.chunks(each)) {
            let own = own.iter().flatten().copied();
            match clusters
                .iter_mut()
                .find(|(other, _)| other.data == task.data)
            {
                Some((_, cluster)) => cluster.extend(own),
                None => clusters.push((task, own.collect())),
            }
        }
        clusters.into_iter().map(|(_, cluster)| cluster).collect()
    }

    /// The config with its files found, those of policies and of warm starts, and what policies say about the cost of their training. A
    /// path is taken from `folder`, in which the config lies; if there is no such file, from the current directory.
    ///
    /// # Errors
    /// [`Error::Config`] if a file is in neither, or whatever is wrong with a policy.
    pub fn with_files(mut self, folder: &Path) -> Result<Self> {
        for (index, method) in self.methods.iter_mut().enumerate() {
            match method {
                Method::Policy {
                    path,
                    training_cost,
                    ..
                } => {
                    find_file(&format!("methods[{index}].path"), path, folder)?;
                    let recorded = Policy::load(&*path)?.training_cost();
                    *training_cost = recorded.unwrap_or(*training_cost);
                }
                Method::Search {
                    warm_start: Some(warm_start),
                    ..
                } => find_file(
                    &format!("methods[{index}].warm_start.journal"),
                    &mut warm_start.journal,
                    folder,
                )?,
                _ => {}
            }
        }
        Ok(self)
    }

    /// Checks what can be checked without data.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field.
    pub fn validate(&self) -> Result<()> {
        self.check_fields()?;
        // Whatever no field has a rule for.
        check_finite(&to_ron(self)?)
    }

    /// Checks that every setting of the space can be trained with: otherwise a search would find out when others have run.
    fn check_space(&self) -> Result<()> {
        let coordinates = self.space.coordinates();
        let refuse = |name: &str, given: String, allowed: &str| {
            Err(Error::config(format!("space: `{name}`"), given, allowed))
        };
        let mut has_rate = false;
        for coordinate in &coordinates {
            let (name, domain) = (coordinate.name, coordinate.domain);
            let given = || ron::to_string(domain).unwrap_or_default();
            let bounds = domain.bounds();
            match name {
                LEARNING_RATE => {
                    has_rate = true;
                    if bounds.is_none_or(|(low, _)| low < 0.0) {
                        return refuse(name, given(), "give numbers of at least 0");
                    }
                }
                BATCH_SIZE => {
                    let listed = matches!(domain, Domain::Grid { .. } | Domain::Values(_));
                    let steps = matches!(domain, Domain::Quantised { low, q, .. } if low.fract() == 0.0 && q.fract() == 0.0);
                    let whole = matches!(domain, Domain::Integer { .. })
                        || steps
                        || listed
                            && domain.points().iter().all(|point| {
                                matches!(point, Value::Number(number) if number.fract() == 0.0)
                            });
                    if !whole || bounds.is_none_or(|(low, _)| low < 1.0) {
                        return refuse(name, given(), "give whole numbers from 1");
                    }
                }
                _ => {}
            }
        }
        if has_rate {
            Ok(())
        } else {
            let names: Vec<&str> = coordinates.iter().map(|c| c.name).collect();
            let allowed = format!("give a domain for `{LEARNING_RATE}`");
            Err(Error::config("space", format!("{names:?}"), allowed))
        }
    }

    fn check_fields(&self) -> Result<()> {
        let some = |field: &str, empty: bool| {
            if empty {
                return Err(Error::config(field, "[]", "give at least 1"));
            }
            Ok(())
        };
        crate::train::config::check_name(&self.name)?;
        some("tasks", self.tasks.is_empty())?;
        some("methods", self.methods.is_empty())?;
        some("budgets", self.budgets.is_empty())?;
        if let Some(factor) = self.budgets.iter().find(|f| !(f.is_finite() && **f > 0.0)) {
            let allowed = "give finite numbers above 0";
            return Err(Error::config("budgets", factor, allowed));
        }
        for (index, factor) in self.budgets.iter().enumerate() {
            if self.budgets[..index].contains(factor) {
                let field = format!("budgets[{index}]");
                return Err(Error::config(field, factor, "give each factor once"));
            }
        }
        some("grid.learning_rates", self.grid.learning_rates.is_empty())?;
        some("grid.batch_sizes", self.grid.batch_sizes.is_empty())?;
        for size in &self.grid.batch_sizes {
            check_count("grid.batch_sizes", *size, 1..=u32::MAX as usize)?;
        }
        for (field, number) in [
            ("seeds", self.seeds as usize),
            ("grid.reruns", self.grid.reruns),
        ] {
            check_count(field, number, 1..=MOST_RUNS)?;
        }
        check_tasks("tasks", &self.tasks)?;
        for (index, optimizer) in self.optimizers.iter().enumerate() {
            optimizer.init().map_err(|source| Error::Task {
                place: format!("optimizers[{index}]"),
                source: Box::new(source),
            })?;
        }
        check_process("process", &self.process, &self.tasks, "cost", self.cost)?;
        if let Some(focus) = &self.focus
            && !self.methods.iter().any(|method| method.name() == focus)
        {
            let names: Vec<&str> = self.methods.iter().map(Method::name).collect();
            return Err(Error::config("focus", focus, format!("one of {names:?}")));
        }
        if self.largest_ratio.is_nan() || self.largest_ratio <= 1.0 {
            return Err(Error::config(
                "largest_ratio",
                self.largest_ratio,
                "give a number above 1",
            ));
        }
        if !(0.0..=1.0).contains(&self.win_share) {
            return Err(Error::config(
                "win_share",
                self.win_share,
                "give a number from 0 to 1",
            ));
        }
        for lr in &self.grid.learning_rates {
            if !lr.is_finite() || *lr <= 0.0 {
                return Err(Error::config(
                    "grid.learning_rates",
                    lr,
                    "give finite numbers above 0",
                ));
            }
        }
        let names: Vec<&str> = self.space.coordinates().iter().map(|c| c.name).collect();
        if let Some(other) = names.iter().find(|name| {
            ![LEARNING_RATE, BATCH_SIZE].contains(name) && !name.starts_with(OF_LOSSES)
        }) {
            return Err(Error::config(
                "space",
                format!("`{other}`"),
                format!(
                    "a training here takes `{LEARNING_RATE}` and `{BATCH_SIZE}`, and what its loss has, as `{OF_LOSSES}gamma`"
                ),
            ));
        }
        self.check_space()?;
        let first = &self.tasks[0].data;
        let one_data_set = self.tasks.iter().all(|task| task.data == *first);
        for (index, method) in self.methods.iter().enumerate() {
            method
                .validate(&self.space)
                .map_err(|error| Error::Method {
                    index,
                    name: method.name().to_owned(),
                    source: Box::new(error),
                })?;
            if method.learns_from_others() && one_data_set {
                return Err(Error::config(
                    format!("methods[{index}]"),
                    method.name(),
                    "it learns from other data sets; give tasks on at least 2",
                ));
            }
            let universal = matches!(
                method,
                Method::Schedule {
                    peak: Peak::Universal,
                    ..
                }
            );
            let alike = |a: &TaskConfig, b: &TaskConfig| {
                a.data != b.data && (!self.optimizers.is_empty() || a.has_optimizer_of(b))
            };
            let lonely = |task: &&TaskConfig| !self.tasks.iter().any(|other| alike(task, other));
            if let Some(task) = self.tasks.iter().find(lonely).filter(|_| universal) {
                return Err(Error::config(
                    format!("methods[{index}]"),
                    method.name(),
                    format!(
                        "it learns from other data sets with the same optimizer, of which there is none for {:?}",
                        task.data
                    ),
                ));
            }
            let fitted = |method: &Method| matches!(method, Method::FittedServo { .. });
            if fitted(method) && self.methods[..index].iter().any(fitted) {
                return Err(Error::config(
                    format!("methods[{index}]"),
                    method.name(),
                    "a comparison makes one fit for each data set; give one FittedServo",
                ));
            }
            if self.methods[..index]
                .iter()
                .any(|other| other.name() == method.name())
            {
                return Err(Error::config(
                    format!("methods[{index}]"),
                    method.name(),
                    "give each method a name of its own",
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! A comparison under way: what was found out before its methods run, and what each of them is then to do.

use super::config::CompareConfig;
use super::method::{Method, Peak};
use super::record::{Fitted, Line, Tuned};
use super::search::Search;
use super::work::Unit;
use crate::record::statistics::median;
use crate::record::summary::log_ratio;
use crate::work::controllers::{ControllerConfig, DEFAULT_BATCH, Start};
use crate::work::environments::Tuning;
use crate::work::trainings::Training;
use crate::{Error, Result};
use trimtab_agent::controller::Schedule;
use trimtab_agent::searcher::optuna::Title;
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::settings::{BATCH_SIZE, LEARNING_RATE};
use trimtab_env::{Objective, Settings, json};

/// A comparison under way.
pub(super) struct Comparison<'a> {
    pub(super) config: &'a CompareConfig,
    pub(super) tuning: &'a Tuning,
    pub(super) tuned: Vec<Tuned>,
    pub(super) fitted: Vec<Fitted>,
    /// Whether searches are shown in a journal.
    pub(super) shown: bool,
}

/// One thing to do: method, task, seed.
pub(super) type Job = (usize, usize, u64);

impl<'a> Comparison<'a> {
    /// One with what its records say already.
    pub(super) fn new(config: &'a CompareConfig, tuning: &'a Tuning, lines: &[Line]) -> Self {
        Self {
            config,
            tuning,
            tuned: lines.iter().filter_map(Line::tuned).cloned().collect(),
            fitted: lines.iter().filter_map(Line::fitted).cloned().collect(),
            shown: false,
        }
    }

    /// The schedules whose peak has to be tuned: constant settings for what is universal and for fits, that of the target,
    /// and those of the methods with hindsight.
    pub(super) fn needed(&self) -> Vec<Schedule> {
        let hindsight = self
            .config
            .methods
            .iter()
            .filter_map(|method| match method {
                Method::Schedule {
                    schedule,
                    peak: Peak::Hindsight,
                    ..
                } => Some(schedule.clone()),
                _ => None,
            });
        let mut needed: Vec<Schedule> = Vec::new();
        for schedule in [Schedule::Constant, self.config.target.schedule()]
            .into_iter()
            .chain(hindsight)
        {
            if !needed.contains(&schedule) {
                needed.push(schedule);
            }
        }
        needed
    }

    /// The first task on each data set without a fit, if a method needs fits.
    pub(super) fn unfitted(&self) -> Vec<(usize, usize)> {
        let generations = self.config.methods.iter().find_map(|method| match method {
            Method::FittedServo { generations, .. } => Some(*generations),
            _ => None,
        });
        let tasks = 0..self.tuning.tasks.len();
        generations.map_or(Vec::new(), |generations| {
            let missing = tasks.filter(|task| {
                self.first_on(*task) == *task && self.fitted_without(*task).is_none()
            });
            missing.map(|task| (generations, task)).collect()
        })
    }

    /// The first task on the same data as this one.
    fn first_on(&self, task: usize) -> usize {
        let data = |index: usize| &self.tuning.tasks[index].config().data;
        (0..task)
            .find(|first| data(*first) == data(task))
            .unwrap_or(task)
    }

    fn fitted_without(&self, task: usize) -> Option<&Fitted> {
        let name = self.tuning.tasks[self.first_on(task)].name();
        self.fitted.iter().find(|fitted| fitted.without == name)
    }

    /// The median final loss of a task's best constant setting, on fresh seeds.
    pub(super) fn reference(&self, task: usize) -> f64 {
        let tuned = self.tuned(&Schedule::Constant, task);
        tuned.and_then(|tuned| median(&tuned.reruns)).unwrap_or(1.0)
    }

    pub(super) fn tuned(&self, schedule: &Schedule, task: usize) -> Option<&Tuned> {
        let name = self.tuning.tasks[task].name();
        self.tuned
            .iter()
            .find(|tuned| tuned.schedule == *schedule && tuned.task == name)
    }

    /// The settings that every run begins from but for learning rate and batch size.
    fn base(&self) -> Settings {
        self.config.process.settings.clone()
    }

    pub(super) fn point(&self, lr: f64, batch: usize) -> Settings {
        self.base()
            .with(LEARNING_RATE, lr)
            .with(BATCH_SIZE, batch as f64)
    }

    /// The point of the grid that is best on the other data sets with the same optimiser, by the mean logarithm of its loss
    /// relative to the best of the grid.
    fn universal(&self, task: usize) -> Settings {
        let config = |index: usize| self.tuning.tasks[index].config();
        let own = config(task);
        let others: Vec<&Tuned> = (0..self.tuning.tasks.len())
            .filter(|other| {
                let budgets = &self.tuning.budgets;
                let same_budget = budgets[*other] == budgets[task];
                let other = config(*other);
                same_budget && other.has_optimizer_of(own) && other.data != own.data
            })
            .filter_map(|other| self.tuned(&Schedule::Constant, other))
            .collect();
        let points = self
            .tuned(&Schedule::Constant, task)
            .map_or(&[][..], |tuned| &tuned.grid);
        let badness = |index: usize| -> f64 {
            let each = others.iter().map(|other| {
                let best = other
                    .grid
                    .iter()
                    .map(|(_, loss)| *loss)
                    .fold(f64::MAX, f64::min);
                log_ratio(other.grid[index].1, best)
            });
            each.sum()
        };
        let best = (0..points.len()).min_by(|a, b| badness(*a).total_cmp(&badness(*b)));
        best.map_or_else(|| self.base(), |index| points[index].0.clone())
    }

    /// What a search is as a study: named by task, method and seed, with a checksum of everything that decides its results.
    ///
    /// # Errors
    /// [`Error::Config`] for what JSON does not hold.
    pub(super) fn title(
        &self,
        task: usize,
        method: &Method,
        of: impl std::fmt::Display,
        objective: Objective,
    ) -> Result<Title> {
        let (config, own) = (self.config, &self.tuning.tasks[task]);
        let about = json::to_string(&(
            own.config(),
            &config.process,
            &config.cost,
            &config.space,
            method,
        ))
        .map_err(|error| Error::config("methods", error, "give finite numbers"))?;
        // Short, since the dashboard shows attributes on one line.
        let checksum = crc32c::crc32c(about.as_bytes());
        let budget = self.tuning.budgets.get(task);
        let attributes = [
            ("program", "trimtab".to_owned()),
            ("task", own.name().to_owned()),
            ("method", method.name().to_owned()),
            ("seed", of.to_string()),
            ("seed of the comparison", config.seed.to_string()),
            ("budget factor", budget.copied().unwrap_or(1.0).to_string()),
            ("checksum of the config", format!("{checksum:08x}")),
        ];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.into()));
        Ok(Title {
            name: format!("{}/{}/{of}", own.name(), method.name()),
            metric: objective.name().to_owned(),
            objective,
            attributes: attributes.into_iter().collect(),
        })
    }

    /// What a method has to do on a task with a seed.
    ///
    /// # Errors
    /// [`Error::Config`] if something was not found out that it needs.
    pub(super) fn unit(&self, (method, task, number): Job) -> Result<Unit> {
        let method = &self.config.methods[method];
        let objective = self.config.process.objective;
        let study = || self.title(task, method, number, objective);
        let seed = derived_seed(self.config.seed, "compare", number);
        let mut optimizer = None;
        let controller = match method {
            Method::Search {
                searcher,
                pruner,
                runs,
                batch,
                steered,
                warm_start,
                ..
            } => {
                let space = steered.as_ref().map_or(&self.config.space, |s| &s.space);
                let seen = match warm_start {
                    Some(warm_start) => warm_start.seen(space, objective)?.0,
                    None => Vec::new(),
                };
                return Ok(Unit::Search(Box::new(Search {
                    task,
                    seed,
                    searcher: searcher.clone(),
                    space: space.clone(),
                    pruner: pruner.clone(),
                    runs: *runs,
                    batch: *batch,
                    servo: steered.as_ref().map(|steered| steered.servo),
                    seen,
                    study: self.shown.then(study).transpose()?,
                })));
            }
            Method::Schedule { schedule, peak, .. } => {
                let start = match peak {
                    Peak::Default => Start::Default,
                    Peak::Universal => Start::At(self.universal(task)),
                    Peak::Random => Start::Drawn,
                    Peak::Hindsight => self
                        .tuned(schedule, task)
                        .map_or(Start::Default, |tuned| Start::At(tuned.best.clone())),
                };
                ControllerConfig::Schedule(schedule.clone(), start)
            }
            Method::Optimizer {
                optimizer: other,
                schedule,
                ..
            } => {
                optimizer = Some(*other);
                ControllerConfig::Schedule(schedule.clone(), Start::Default)
            }
            Method::ReduceOnPlateau { factor, patience } => ControllerConfig::ReduceOnPlateau {
                factor: *factor,
                patience: *patience,
            },
            Method::Hypergradient { rate } => ControllerConfig::Hypergradient(*rate),
            Method::RangeTest { test, schedule, .. } => {
                ControllerConfig::RangeTest(test.clone(), schedule.clone())
            }
            Method::Servo { parameters, .. } => ControllerConfig::Servo(*parameters),
            Method::FittedServo { name, .. } => {
                let fitted = self.fitted_without(task);
                let fitted = fitted.ok_or_else(|| {
                    Error::config("methods", name, "its fit is not in the records")
                })?;
                ControllerConfig::Servo(fitted.parameters)
            }
            Method::ContextServo { servo, .. } => ControllerConfig::ContextServo(Box::new(*servo)),
            Method::Policy { name, .. } => ControllerConfig::Policy(name.clone()),
            Method::Custom {
                name,
                controller,
                parameters,
            } => ControllerConfig::Custom {
                name: controller.as_ref().unwrap_or(name).clone(),
                parameters: parameters.clone(),
            },
        };
        Ok(Unit::Training(Training {
            task,
            optimizer,
            seed,
            controller,
        }))
    }
}

/// Checks that no batch is larger than the smallest training split.
pub(super) fn check_batches(config: &CompareConfig, tuning: &Tuning) -> Result<()> {
    let searches = config
        .methods
        .iter()
        .any(|method| matches!(method, Method::Search { steered: None, .. }));
    let searched = config
        .space
        .coordinates()
        .into_iter()
        .find(|coordinate| searches && coordinate.name == BATCH_SIZE)
        .and_then(|coordinate| coordinate.domain.bounds());
    let grown = config.methods.iter().filter_map(|method| match method {
        Method::Schedule { schedule, .. }
        | Method::Optimizer { schedule, .. }
        | Method::RangeTest { schedule, .. } => match schedule {
            Schedule::GrowBatch { largest, .. } => Some(("schedule.largest", *largest)),
            _ => None,
        },
        _ => None,
    });
    let sizes = [("the default of methods", DEFAULT_BATCH)]
        .into_iter()
        .chain(
            config
                .grid
                .batch_sizes
                .iter()
                .map(|size| ("grid.batch_sizes", *size)),
        )
        .chain(searched.map(|(_, high)| ("space.batch_size", high as usize)))
        .chain(grown);
    for (field, size) in sizes {
        for task in &tuning.tasks {
            let rows = task.split().train.rows();
            if size == 0 || size > rows {
                let allowed = format!("task `{}` has {rows} training examples", task.name());
                return Err(Error::config(field, size, allowed));
            }
        }
    }
    Ok(())
}

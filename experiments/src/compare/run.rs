//! Runs a comparison, method by method, and goes on with one that was stopped.

use super::config::CompareConfig;
use super::ledger::Ledger;
use super::method::{Method, Peak};
use super::record::{CompareRecord, Fitted, Line, Tuned};
use super::search::Search;
use super::statistics::median;
use crate::record::observer::{Observer, Phase};
use crate::record::run_directory::{append_lines, open_records};
use crate::record::summary::log_ratio;
use crate::train::environments::{Tuning, lock, steered};
use crate::train::evaluation::DEFAULT_BATCH;
use crate::train::play::Field;
use crate::train::reference::best_of_grid;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use trimtab_agent::controller::{
    Controller, Hypergradient, RangeTest, ReduceOnPlateau, Schedule, ScheduleController,
    ServoController, run,
};
use trimtab_agent::searcher::pruning::Pruner;
use trimtab_agent::{Policy, PolicyController, Selection};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::mdp::threads::in_parallel;
use trimtab_env::settings::{BATCH_SIZE, LEARNING_RATE};
use trimtab_env::{Environment, Settings, TuningEnv};

/// Results are written after so many runs for each thread; what is lost by a kill is at most that.
const CHUNK: usize = 8;

/// A comparison under way.
pub(super) struct Comparison<'a> {
    pub(super) config: &'a CompareConfig,
    pub(super) tuning: Tuning,
    pub(super) environments: Vec<Mutex<TuningEnv>>,
    policies: BTreeMap<String, Policy>,
    tuned: Vec<Tuned>,
    fitted: Vec<Fitted>,
}

/// One thing to do: method, task, seed.
type Job = (usize, usize, u64);

/// Runs a comparison in the directory `out`, or what is missing of it there, and returns every line of its records.
///
/// # Errors
/// Everything wrong with the config, its data and its policies is found before the first run; [`Error::NoRun`] if the
/// directory holds another comparison; [`Error::Stopped`] once `interrupted` is set, with all that is finished on disk.
pub fn compare(
    config: &CompareConfig,
    out: &Path,
    jobs: usize,
    device: &burn::tensor::Device,
    interrupted: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Vec<Line>> {
    config.validate()?;
    let trainings = config.trainings();
    let tuning = Tuning::new(&trainings, config.cost, &config.process, device)?;
    let tuning = tuning.at_budgets(&config.budgets);
    let tasks = tuning.tasks.len();
    let environments: Vec<_> = tuning
        .environments(&[], jobs)?
        .into_iter()
        .map(Mutex::new)
        .collect();
    check_batches(config, &tuning)?;
    let mut policies = BTreeMap::new();
    for method in &config.methods {
        if let Method::Policy { name, path, .. } = method {
            let policy = Policy::load(path)?;
            policy.check(lock(&environments[0]).spec())?;
            policies.insert(name.clone(), policy);
        }
    }

    let file = out.join("records.jsonl");
    let mut lines = open_records(config, out, "a comparison")?;
    let mut comparison = Comparison {
        config,
        tuning,
        environments,
        policies,
        tuned: lines.iter().filter_map(tuned).cloned().collect(),
        fitted: lines
            .iter()
            .filter_map(|line| match line {
                Line::Fitted(fitted) => Some(fitted.clone()),
                Line::Tuned(_) | Line::Result(_) => None,
            })
            .collect(),
    };
    for schedule in comparison.needed() {
        let done = |task: &usize| comparison.tuned(&schedule, *task).is_some();
        let (done, missing): (Vec<usize>, Vec<usize>) = (0..tasks).partition(done);
        if missing.is_empty() {
            continue;
        }
        let runs = comparison.grid_runs();
        observer.begin(
            Phase::Reference,
            tasks as u64 * runs,
            done.len() as u64 * runs,
        );
        for task in missing {
            stop_if(interrupted, out)?;
            let tuned = comparison.tune(&schedule, task)?;
            // Runs that were cut short count for nothing, here and below.
            stop_if(interrupted, out)?;
            append_lines(&file, &[Line::Tuned(tuned.clone())])?;
            lines.push(Line::Tuned(tuned.clone()));
            comparison.tuned.push(tuned);
            observer.advance(runs);
        }
        observer.end();
    }

    for (generations, task) in comparison.unfitted() {
        let stop = || stop_if(interrupted, out);
        let fitted = comparison.fit(generations, task, stop, observer)?;
        stop_if(interrupted, out)?;
        append_lines(&file, &[Line::Fitted(fitted.clone())])?;
        lines.push(Line::Fitted(fitted.clone()));
        comparison.fitted.push(fitted);
    }

    let done = |(method, task, seed): &Job| {
        lines.iter().any(|line| match line {
            Line::Result(record) => {
                record.method == config.methods[*method].name()
                    && record.task == comparison.tuning.tasks[*task].name()
                    && record.seed == *seed
            }
            Line::Tuned(_) | Line::Fitted(_) => false,
        })
    };
    let all = (0..config.methods.len()).flat_map(|method| {
        (0..tasks).flat_map(move |task| (0..config.seeds).map(move |seed| (method, task, seed)))
    });
    let todo: Vec<Job> = all.filter(|job| !done(job)).collect();
    let total = (config.methods.len() * tasks) as u64 * config.seeds;
    observer.begin(Phase::Evaluation, total, total - todo.len() as u64);
    for chunk in todo.chunks(CHUNK * comparison.environments.len()) {
        stop_if(interrupted, out)?;
        let records = in_parallel(
            comparison.environments.len(),
            chunk.len(),
            |worker, index| comparison.result(worker, chunk[index]),
        )?;
        stop_if(interrupted, out)?;
        let new: Vec<Line> = records.into_iter().map(Line::Result).collect();
        append_lines(&file, &new)?;
        observer.advance(new.len() as u64);
        lines.extend(new);
    }
    observer.end();
    Ok(lines)
}

/// Checks that no batch is larger than the smallest training split.
fn check_batches(config: &CompareConfig, tuning: &Tuning) -> Result<()> {
    let domain = config
        .space
        .coordinates()
        .into_iter()
        .find(|c| c.name == BATCH_SIZE);
    let searched = domain.and_then(|coordinate| coordinate.domain.bounds());
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

fn stop_if(interrupted: &AtomicBool, out: &Path) -> Result<()> {
    if interrupted.load(Ordering::SeqCst) {
        return Err(Error::Stopped(out.to_owned()));
    }
    Ok(())
}

fn tuned(line: &Line) -> Option<&Tuned> {
    match line {
        Line::Tuned(tuned) => Some(tuned),
        Line::Result(_) | Line::Fitted(_) => None,
    }
}

/// The target of a task by the rule of the config.
pub fn target(config: &CompareConfig, lines: &[Line], task: &str) -> Option<f64> {
    let schedule = config.target.schedule();
    let mut all = lines.iter().filter_map(tuned);
    let tuned = all.find(|tuned| tuned.schedule == schedule && tuned.task == task)?;
    median(&tuned.reruns)
}

impl Comparison<'_> {
    /// The schedules whose peak has to be tuned: constant settings for what is universal and for fits, that of the target,
    /// and those of the methods with hindsight.
    fn needed(&self) -> Vec<Schedule> {
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
    fn unfitted(&self) -> Vec<(usize, usize)> {
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

    fn tuned(&self, schedule: &Schedule, task: usize) -> Option<&Tuned> {
        let name = self.tuning.tasks[task].name();
        self.tuned
            .iter()
            .find(|tuned| tuned.schedule == *schedule && tuned.task == name)
    }

    /// The settings that every run begins from but for learning rate and batch size.
    pub(super) fn base(&self) -> Settings {
        self.config.process.settings.clone()
    }

    fn point(&self, lr: f64, batch: usize) -> Settings {
        self.base()
            .with(LEARNING_RATE, lr)
            .with(BATCH_SIZE, batch as f64)
    }

    /// Runs that the grid of a task takes.
    fn grid_runs(&self) -> u64 {
        let grid = &self.config.grid;
        (grid.learning_rates.len() * grid.batch_sizes.len() + grid.reruns) as u64
    }

    /// Runs the grid under a schedule on a task, and the winner again with fresh seeds.
    fn tune(&self, schedule: &Schedule, task: usize) -> Result<Tuned> {
        let grid = &self.config.grid;
        let points: Vec<Settings> = grid
            .learning_rates
            .iter()
            .flat_map(|lr| grid.batch_sizes.iter().map(|batch| self.point(*lr, *batch)))
            .collect();
        let alone = self.tuning.alone(task);
        let field = Field::new(&alone, self.environments.len(), points.len())?;
        let found = best_of_grid(points.len(), grid.reruns, |runs| {
            field.play(
                runs.len(),
                |run, _| {
                    let (point, rerun) = runs[run];
                    let seed = match rerun {
                        None => derived_seed(self.config.seed, "grid", task as u64),
                        Some(rerun) => derived_seed(
                            self.config.seed,
                            "rerun",
                            (task * grid.reruns + rerun) as u64,
                        ),
                    };
                    let (schedule, settings) = (schedule.clone(), points[point].clone());
                    let controller = ScheduleController::new("grid", schedule, settings);
                    Ok((Box::new(controller), seed))
                },
                |_, environment| {
                    let ledger = ledger(environment);
                    Ok((ledger.best(), ledger.spent))
                },
            )
        })?;
        // JSON has no infinity: a run that never had a finite loss has the largest one.
        let finite = |loss: &f64| loss.min(f64::MAX);
        Ok(Tuned {
            schedule: schedule.clone(),
            task: self.tuning.tasks[task].name().to_owned(),
            best: points[found.best].clone(),
            grid: points
                .iter()
                .cloned()
                .zip(found.losses.iter().map(finite))
                .collect(),
            reruns: found.reruns.iter().map(finite).collect(),
            cost: found.cost,
        })
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
                same_budget && other.optimizer == own.optimizer && other.data != own.data
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

    fn result(&self, worker: usize, (method, task, number): Job) -> Result<CompareRecord> {
        let method = &self.config.methods[method];
        let seed = derived_seed(self.config.seed, "compare", number);
        let (mut own, mut other);
        let environment = match method {
            Method::Optimizer { optimizer, .. } => {
                let one = self.tuning.alone(task).with_optimizer(*optimizer);
                other = one.environment(&[])?;
                &mut other
            }
            _ => {
                own = lock(&self.environments[worker]);
                own.only(Some(task))?;
                &mut *own
            }
        };
        let mut range_test = None;
        let (ledger, outcome) = match method {
            Method::Search {
                searcher,
                pruner,
                runs,
                steered,
                ..
            } => {
                let search = Search {
                    searcher,
                    pruner: pruner.clone().map(Pruner::new).transpose()?,
                    runs: *runs,
                    steered: steered.as_ref(),
                };
                self.search(environment, search, seed)?
            }
            _ => {
                let mut controller = self.controller(environment, method, task, seed)?;
                let ledger = single(environment, controller.as_mut(), seed)?;
                range_test = controller.range_test().cloned();
                (ledger, environment.outcome()?)
            }
        };
        Ok(CompareRecord {
            method: method.name().to_owned(),
            task: self.tuning.tasks[task].name().to_owned(),
            seed: number,
            budget: environment.budget(),
            ledger,
            outcome,
            range_test,
        })
    }

    fn controller(
        &self,
        environment: &mut TuningEnv,
        method: &Method,
        task: usize,
        seed: u64,
    ) -> Result<Box<dyn Controller>> {
        let default_lr = self.tuning.tasks[task]
            .config()
            .optimizer
            .default_learning_rate();
        let default = self.point(default_lr, DEFAULT_BATCH);
        let rows = self.tuning.tasks[task].split().train.rows();
        // What the knobs of this seed begin with, which the episode itself will begin with again.
        let mut random = || -> Result<Settings> {
            environment.reset(seed)?;
            Ok(environment.settings()?)
        };
        Ok(match method {
            Method::Schedule {
                name,
                schedule,
                peak,
            } => {
                let peak = match peak {
                    Peak::Default => default,
                    Peak::Universal => self.universal(task),
                    Peak::Random => random()?,
                    Peak::Hindsight => self
                        .tuned(schedule, task)
                        .map_or(default, |tuned| tuned.best.clone()),
                };
                Box::new(ScheduleController::new(name, schedule.clone(), peak))
            }
            Method::Optimizer {
                name,
                optimizer,
                schedule,
            } => {
                let peak = self.point(optimizer.default_learning_rate(), DEFAULT_BATCH);
                Box::new(ScheduleController::new(name, schedule.clone(), peak))
            }
            Method::ReduceOnPlateau { factor, patience } => {
                Box::new(ReduceOnPlateau::new(default, *factor, *patience))
            }
            Method::Hypergradient { rate } => Box::new(Hypergradient::new(default, *rate)),
            Method::RangeTest {
                name,
                test,
                schedule,
            } => Box::new(RangeTest::new(
                name,
                test.clone(),
                schedule.clone(),
                default,
            )),
            Method::Servo { name, parameters } => {
                Box::new(ServoController::new(name, *parameters, random()?, rows))
            }
            Method::FittedServo { name, .. } => {
                let fitted = self.fitted_without(task).map(|fitted| fitted.parameters);
                Box::new(ServoController::new(
                    name,
                    fitted.unwrap_or_default(),
                    random()?,
                    rows,
                ))
            }
            Method::ContextServo { name, servo, .. } => {
                Box::new(steered(environment, name, *servo, seed)?)
            }
            Method::Policy { name, .. } => {
                let policy = self.policies.get(name).cloned();
                let policy = policy.ok_or_else(|| {
                    Error::config("methods", name, "the policy's file could not be read")
                })?;
                Box::new(PolicyController::new(policy, Selection::Greedy))
            }
            Method::Search { name, .. } => {
                return Err(Error::config("methods", name, "a search is not one run"));
            }
        })
    }
}

/// One run under a controller, from its first evaluation to the end of its budget.
pub(super) fn single(
    environment: &mut TuningEnv,
    controller: &mut dyn Controller,
    seed: u64,
) -> Result<Ledger> {
    run(environment, controller, seed)?;
    Ok(ledger(environment))
}

/// What the run that an environment has just played spent.
fn ledger(environment: &TuningEnv) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.begin_run();
    for segment in environment.segments() {
        let loss = environment.config().objective.of(&segment.report);
        ledger.divergences += u64::from(segment.report.diverged);
        // What is spent between segments, on trials, is in the running total and in no segment's report.
        ledger.spend(segment.spent - ledger.spent, loss);
    }
    ledger
}

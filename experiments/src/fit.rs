//! Fits the context servo to a distribution over training tasks.

pub mod config;

pub use config::FitConfig;

use crate::record::observer::{Observer, Phase};
use crate::record::run_directory::{append_lines, open_records, write_json, write_whole};
use crate::record::summary::log_ratio;
use crate::train::environments::{Tuning, lock, steered};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use trimtab_agent::controller::run;
use trimtab_agent::searcher::{CrossEntropy, Proposal, Searcher, Trial};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::mdp::threads::in_parallel;
use trimtab_env::{ContextServo, Cost, Settings, TuningEnv};

/// One generation of a fit, as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// Its number, from 0.
    pub generation: u64,
    /// Mean loss of each trial, in the order in which they were proposed.
    pub losses: Vec<f64>,
    /// What it cost, in seconds of the cost model.
    pub cost: Cost,
    /// Trainings that were run.
    pub runs: u64,
}

/// The result of a fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The servo that was found: the middle of the last generation's best.
    pub servo: ContextServo,
    /// What it reaches on tasks that the fit has not played, relative to the servo that the fit began with: the mean of
    /// the log ratios of the best validation losses.
    pub gain: f64,
    /// The standard error of `gain` over those tasks.
    pub standard_error: f64,
    /// The share of those tasks on which it is better.
    pub wins: f64,
    /// What the fit cost, in seconds of the cost model.
    pub cost: Cost,
    /// Trainings that it took.
    pub runs: u64,
}

/// Log ratios are kept within plus and minus this, so that a few trainings do not decide all.
const CLIP: f64 = 2.0;

/// Runs a fit in the directory `out`, or what is missing of it there.
///
/// # Errors
/// What is wrong with the config, by field; [`Error::NoRun`] if the directory holds another fit; [`Error::Stopped`] once
/// `interrupted` is set, with every finished generation on disk.
pub fn fit(
    config: &FitConfig,
    out: &Path,
    jobs: usize,
    device: &burn::tensor::Device,
    interrupted: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Fit> {
    config.validate()?;
    let mut searcher = CrossEntropy::new(
        config.space.clone(),
        config.searcher.clone(),
        derived_seed(config.seed, "searcher", 0),
    )?;
    let field = Field::new(config, "tasks", config.tasks, jobs, device)?;
    let done: Vec<Generation> = open_records(config, out, "a fit")?;
    let file = out.join("records.jsonl");
    let population = config.searcher.population;
    let each = (population + 1) * config.episodes;
    let finished = done.len().min(config.generations as usize);
    observer.begin(
        Phase::Fit,
        config.generations * each as u64,
        (finished * each) as u64,
    );
    let stop = || match interrupted.load(Ordering::SeqCst) {
        true => Err(Error::Stopped(out.to_owned())),
        false => Ok(()),
    };
    let (mut cost, mut runs) = (0.0, 0);
    for generation in 0..config.generations {
        let trials = ask(&mut searcher, population)?;
        let record = match done.get(generation as usize) {
            Some(record) => record.clone(),
            None => {
                stop()?;
                let record = field.generation(config, generation, &trials)?;
                // Runs that were cut short count for nothing.
                stop()?;
                append_lines(&file, std::slice::from_ref(&record))?;
                observer.advance(each as u64);
                record
            }
        };
        for (trial, loss) in trials.iter().zip(&record.losses) {
            searcher.tell(trial.id, *loss)?;
        }
        cost += record.cost;
        runs += record.runs;
    }
    observer.end();
    let servo = match searcher.centre()? {
        Some(configuration) => config.servo_with(&configuration)?,
        None => config.servo,
    };
    let field = Field::new(config, "check", config.check, jobs, device)?;
    let ratios = field.check(config, &servo, observer)?;
    stop()?;
    let n = ratios.len() as f64;
    let gain = ratios.iter().sum::<f64>() / n;
    let variance = ratios.iter().map(|x| (x - gain).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let fit = Fit {
        servo,
        gain,
        standard_error: (variance / n).sqrt(),
        wins: ratios.iter().filter(|ratio| **ratio < 0.0).count() as f64 / n,
        cost,
        runs,
    };
    write_json(&out.join("fit.json"), &fit)?;
    let pretty = ron::ser::to_string_pretty(&fit.servo, ron::ser::PrettyConfig::default())
        .map_err(|error| Error::config("servo", error, "give finite numbers"))?;
    write_whole(&out.join("context_servo.ron"), (pretty + "\n").as_bytes())?;
    Ok(fit)
}

/// A whole generation.
fn ask(searcher: &mut CrossEntropy, population: usize) -> Result<Vec<Trial>> {
    let mut trials = Vec::with_capacity(population);
    while trials.len() < population {
        match searcher.ask()? {
            Proposal::Trial(trial) => trials.push(trial),
            Proposal::Wait | Proposal::Done => break,
        }
    }
    Ok(trials)
}

/// Drawn tasks, and as many environments over them as there are threads.
struct Field {
    tasks: usize,
    environments: Vec<Mutex<TuningEnv>>,
}

impl Field {
    fn new(
        config: &FitConfig,
        what: &str,
        tasks: usize,
        jobs: usize,
        device: &burn::tensor::Device,
    ) -> Result<Self> {
        let seed = derived_seed(config.seed, what, 0);
        let drawn = config.distribution.draw(seed, tasks)?;
        let tuning = Tuning::new(&drawn, config.cost, &config.process, device)?;
        let environments = tuning.environments(&[], jobs)?;
        Ok(Self {
            tasks,
            environments: environments.into_iter().map(Mutex::new).collect(),
        })
    }

    /// The best validation loss of one training under `servo`, and what it cost.
    fn play(
        &self,
        worker: usize,
        servo: &ContextServo,
        task: usize,
        seed: u64,
    ) -> Result<(f64, Cost)> {
        let mut environment = lock(&self.environments[worker]);
        environment.only(Some(task))?;
        let mut controller = steered(&mut environment, "fit", *servo, seed)?;
        run(&mut environment, &mut controller, seed)?;
        let segments = environment.segments();
        let last = segments.last();
        Ok(last.map_or((f64::MAX, 0.0), |last| (last.best_loss, last.spent)))
    }

    /// Plays every trial, and the servo that the fit began with, on the same tasks and seeds, which are others in each
    /// generation. The loss of a trial is the mean log ratio to that servo.
    fn generation(
        &self,
        config: &FitConfig,
        generation: u64,
        trials: &[Trial],
    ) -> Result<Generation> {
        let mut servos = vec![config.servo];
        for trial in trials {
            servos.push(config.servo_with(&trial.configuration)?);
        }
        let episodes = config.episodes;
        let count = servos.len() * episodes;
        let results = in_parallel(self.environments.len(), count, |worker, index| {
            // Neighbours in time are on the same task: long and short trainings even out over the threads.
            let (episode, servo) = (index / servos.len(), index % servos.len());
            let number = generation * episodes as u64 + episode as u64;
            let task = number as usize % self.tasks;
            let seed = derived_seed(config.seed, "episode", number);
            self.play(worker, &servos[servo], task, seed)
        })?;
        let loss = |trial: usize| {
            let ratio = |results: &[(f64, Cost)]| {
                log_ratio(results[trial + 1].0, results[0].0).clamp(-CLIP, CLIP)
            };
            results.chunks(servos.len()).map(ratio).sum::<f64>() / episodes as f64
        };
        Ok(Generation {
            generation,
            losses: (0..trials.len()).map(loss).collect(),
            cost: results.iter().map(|(_, cost)| cost).sum(),
            runs: count as u64,
        })
    }

    /// The log ratios of `servo` to the one that the fit began with, one a task.
    fn check(
        &self,
        config: &FitConfig,
        servo: &ContextServo,
        observer: &mut dyn Observer,
    ) -> Result<Vec<f64>> {
        observer.begin(Phase::Evaluation, 2 * self.tasks as u64, 0);
        let results = in_parallel(self.environments.len(), 2 * self.tasks, |worker, index| {
            let seed = derived_seed(config.seed, "check episode", (index / 2) as u64);
            let which = if index % 2 == 0 { servo } else { &config.servo };
            self.play(worker, which, index / 2, seed)
        })?;
        observer.advance(2 * self.tasks as u64);
        observer.end();
        let ratio = |pair: &[(f64, Cost)]| log_ratio(pair[0].0, pair[1].0);
        Ok(results.chunks_exact(2).map(ratio).collect())
    }
}

/// One field of a servo by its path, such as `end.capacity`.
fn set(servo: &mut serde_json::Value, path: &str, value: f64) -> Result<()> {
    let pointer = format!("/{}", path.replace('.', "/"));
    let field = servo
        .pointer_mut(&pointer)
        .filter(|field| field.is_number());
    let unknown = || {
        let allowed = "name a number of the servo, such as `end.capacity` or `shape`";
        Error::config("space", format!("`{path}`"), allowed)
    };
    *field.ok_or_else(unknown)? = value.into();
    Ok(())
}

impl FitConfig {
    /// The servo that the fit begins with, with some numbers changed.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no number of that name, or if it is out of range.
    pub fn servo_with(&self, numbers: &Settings) -> Result<ContextServo> {
        let broken =
            |error: serde_json::Error| Error::config("servo", error, "give finite numbers");
        let mut servo = serde_json::to_value(self.servo).map_err(broken)?;
        for (name, _) in numbers.iter() {
            set(&mut servo, name, numbers.number(name)?)?;
        }
        let servo: ContextServo = serde_json::from_value(servo).map_err(broken)?;
        servo.validate()?;
        Ok(servo)
    }
}

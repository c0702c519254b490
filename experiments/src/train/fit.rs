//! Fits the context servo to a distribution over training tasks.

pub mod config;

pub use config::{FIT, FitConfig};

use crate::record::observer::{Observer, Phase};
use crate::record::recorded::{Recorded, Records, open_records};
use crate::record::run_directory::{append_lines, write_json, write_whole};
use crate::record::summary::log_ratio;
use crate::work::Workers;
use crate::work::controllers::ControllerConfig;
use crate::work::environments::Tuning;
use crate::work::trainings::{Played, Training, Trainings};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use trimtab_agent::searcher::optuna::{Ending, Journal, StudyWriter, Title, TrialEvent};
use trimtab_agent::searcher::{CrossEntropy, Proposal, Searcher, Trial};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::{ContextServo, Cost, Objective, Settings, json};

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

/// Runs a fit in the directory `out`, or what is missing of it there. Its trials are shown in the journal, as a study of its name.
///
/// # Errors
/// What is wrong with the config, by field; [`Error::NoRun`] if the directory holds another fit; [`Error::Stopped`] once the workers are
/// interrupted, with every finished generation on disk.
pub fn fit(
    config: &FitConfig,
    out: &Path,
    workers: &Workers,
    journal: Option<&Journal>,
    observer: &mut dyn Observer,
) -> Result<Fit> {
    fit_in(config, out, workers, journal, observer)
        .map_err(|error| error.halted_as(|| Error::Stopped(out.to_owned())))
}

fn fit_in(
    config: &FitConfig,
    out: &Path,
    workers: &Workers,
    journal: Option<&Journal>,
    observer: &mut dyn Observer,
) -> Result<Fit> {
    config.validate()?;
    let mut searcher = CrossEntropy::new(
        config.space.clone(),
        config.searcher.clone(),
        derived_seed(config.seed, "searcher", 0),
    )?;
    let work = trainings(config, "tasks", config.tasks, workers)?;
    let session = workers.begin(&work);
    let Records {
        records: done,
        lock: _lock,
    } = open_records::<Generation>(config, out, Recorded::Fit)?;
    let mut study = match journal {
        Some(journal) => {
            let (title, space) = (title(config)?, config.space.clone());
            Some(StudyWriter::begin(journal, title, space)?)
        }
        None => None,
    };
    let mut show = |event: TrialEvent| match &mut study {
        Some(study) => study.write(&event),
        None => Ok(()),
    };
    let file = out.join("records.jsonl");
    let population = config.searcher.population;
    let each = (population + 1) * config.episodes;
    let finished = done.len().min(config.generations as usize);
    observer.begin(
        Phase::Fit,
        config.generations * each as u64,
        (finished * each) as u64,
    );
    let (mut cost, mut runs) = (0.0, 0);
    for generation in 0..config.generations {
        let trials = ask(&mut searcher, population)?;
        for trial in &trials {
            show(TrialEvent::Began(trial.clone()))?;
        }
        let record = match done.get(generation as usize) {
            Some(record) => record.clone(),
            None => {
                let units = units_of(config, generation, &trials)?;
                let mut results = Vec::with_capacity(units.len());
                session.each(&(), &units, observer, |_, played| {
                    results.push(played.best_and_spent());
                    Ok(())
                })?;
                let record = generation_of(config, generation, trials.len(), &results);
                append_lines(&file, std::slice::from_ref(&record))?;
                record
            }
        };
        for (trial, loss) in trials.iter().zip(&record.losses) {
            searcher.tell(trial.id, *loss)?;
            let (trial, ending) = (trial.id, Ending::Whole(*loss));
            show(TrialEvent::Ended { trial, ending })?;
        }
        cost += record.cost;
        runs += record.runs;
    }
    observer.end();
    let servo = match searcher.centre()? {
        Some(configuration) => config.servo_with(&configuration)?,
        None => config.servo,
    };
    let work = trainings(config, "check", config.check, workers)?;
    let ratios = check(config, &servo, &work, workers, observer)?;
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

/// What the fit is as a study.
fn title(config: &FitConfig) -> Result<Title> {
    let about = json::to_string(config)
        .map_err(|error| Error::config("config", error, "give finite numbers"))?;
    let checksum = format!("{:08x}", crc32c::crc32c(about.as_bytes()));
    let attributes = [
        ("program", "trimtab"),
        ("checksum of the config", &checksum),
    ];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.into()));
    Ok(Title {
        name: config.name.clone(),
        metric: "mean log ratio to where the fit began".to_owned(),
        objective: Objective::Loss,
        attributes: attributes.into_iter().collect(),
    })
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

/// Trainings of drawn tasks.
fn trainings<'a>(
    config: &FitConfig,
    what: &str,
    tasks: usize,
    workers: &Workers<'a>,
) -> Result<Trainings<'a>> {
    let seed = derived_seed(config.seed, what, 0);
    let drawn = config.distribution.draw(seed, tasks)?;
    let models = workers.registry.extensions();
    let tuning = Tuning::new(
        &drawn,
        config.cost,
        &config.process,
        &workers.device,
        models,
    )?;
    Ok(Trainings::new(tuning, workers.registry))
}

fn training(servo: ContextServo, task: usize, seed: u64) -> Training {
    Training {
        task,
        optimizer: None,
        seed,
        controller: ControllerConfig::ContextServo(Box::new(servo)),
    }
}

/// Every trial, and the servo that the fit began with, on the same tasks and seeds, which differ between generations.
fn units_of(config: &FitConfig, generation: u64, trials: &[Trial]) -> Result<Vec<Training>> {
    let mut servos = vec![config.servo];
    for trial in trials {
        servos.push(config.servo_with(&trial.configuration)?);
    }
    let episodes = config.episodes as u64;
    let mut units = Vec::new();
    // Neighbours in time are on the same task: long and short trainings even out over the workers.
    for number in generation * episodes..(generation + 1) * episodes {
        let (task, seed) = (
            number as usize % config.tasks,
            derived_seed(config.seed, "episode", number),
        );
        units.extend(servos.iter().map(|servo| training(*servo, task, seed)));
    }
    Ok(units)
}

/// The record of a generation. The loss of a trial is the mean log ratio to the servo that the fit began with.
fn generation_of(
    config: &FitConfig,
    generation: u64,
    trials: usize,
    results: &[(f64, Cost)],
) -> Generation {
    let loss = |trial: usize| {
        let ratio = |results: &[(f64, Cost)]| {
            log_ratio(results[trial + 1].0, results[0].0).clamp(-CLIP, CLIP)
        };
        results.chunks(trials + 1).map(ratio).sum::<f64>() / config.episodes as f64
    };
    Generation {
        generation,
        losses: (0..trials).map(loss).collect(),
        cost: results.iter().map(|(_, cost)| cost).sum(),
        runs: results.len() as u64,
    }
}

/// The log ratios of `servo` to the one that the fit began with, one a task.
fn check(
    config: &FitConfig,
    servo: &ContextServo,
    work: &Trainings,
    workers: &Workers,
    observer: &mut dyn Observer,
) -> Result<Vec<f64>> {
    let units: Vec<Training> = (0..work.tuning.tasks.len())
        .flat_map(|task| {
            let seed = derived_seed(config.seed, "check episode", task as u64);
            [*servo, config.servo].map(|servo| training(servo, task, seed))
        })
        .collect();
    observer.begin(Phase::Evaluation, units.len() as u64, 0);
    let played = workers.begin(work).all(&(), &units, observer)?;
    observer.end();
    let best = |played: &Played| played.best_and_spent().0;
    let ratio = |pair: &[Played]| log_ratio(best(&pair[0]), best(&pair[1]));
    Ok(played.chunks_exact(2).map(ratio).collect())
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

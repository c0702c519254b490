//! An experiment from its config to its summary: reference, training, evaluation.

use crate::record::events::{EpisodeRecord, Event, ReferenceRecord, UpdateRecord};
use crate::record::observer::{Observer, Phase};
use crate::record::run_directory::{Position, RunDirectory, read_events, write_json};
use crate::record::summary::{self, Phases, Summary};
use crate::train::config::EnvironmentConfig;
use crate::train::environments::{Registry, Tuning, rollout_environments};
use crate::{Config, Error, Result, train::evaluation, train::reference};
use burn::tensor::Device;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use trimtab_agent::{Checkpoint, Collector, Learner, RolloutConfig, Trajectory};
use trimtab_env::Residual;

/// What decides how an experiment runs, but not its results.
pub struct Options<'a> {
    /// The run directory.
    pub out: PathBuf,
    /// Threads.
    pub jobs: usize,
    /// Where tensors live.
    pub device: Device,
    /// Named environments.
    pub registry: &'a Registry,
    /// Set from outside to stop, with a checkpoint of the last update; the rollout under way is dropped.
    pub interrupted: &'a AtomicBool,
}

/// Runs an experiment in a new directory.
///
/// # Errors
/// Everything wrong with the config or its data is found before the directory is made. [`Error::Interrupted`] after a
/// checkpoint if [`Options::interrupted`] was set.
pub fn train(config: &Config, options: &Options, observer: &mut dyn Observer) -> Result<Summary> {
    config.validate()?;
    let tuning = Tuning::prepare(config, &options.device)?;
    rollout_environments(config, tuning.as_ref(), &[], options.registry, 1)?;
    if options.out.is_symlink() || options.out.exists() {
        return Err(Error::Exists(options.out.clone()));
    }
    let run = RunDirectory::create(&options.out, config)?;
    go_on(config, tuning, options, run, Position::default(), observer)
}

/// Goes on with an experiment that was stopped, and ends in the same bits as if it had not been.
///
/// # Errors
/// As [`train`]; [`Error::NoRun`] if there is nothing to go on from.
pub fn resume(options: &Options, observer: &mut dyn Observer) -> Result<(Config, Summary)> {
    let (run, config, position) = RunDirectory::resume(&options.out)?;
    config.validate()?;
    let tuning = Tuning::prepare(&config, &options.device)?;
    let summary = go_on(&config, tuning, options, run, position, observer)?;
    Ok((config, summary))
}

fn go_on(
    config: &Config,
    tuning: Option<Tuning>,
    options: &Options,
    mut run: RunDirectory,
    mut position: Position,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    let start = Instant::now();
    let mut phases = Phases::default();

    let clock = Instant::now();
    let references = references(
        config,
        tuning.as_ref(),
        options,
        &mut run,
        &position,
        observer,
    )?;
    phases.reference = clock.elapsed().as_secs_f64();

    let goals = reference::goals(&references);
    let environments = rollout_environments(
        config,
        tuning.as_ref(),
        &goals,
        options.registry,
        options.jobs,
    )?;
    let spec = environments.spec().clone();
    write_json(&run.file("spec.json"), &spec)?;
    let mut learner = if position.updates > 0 {
        Learner::resume(&Checkpoint::load(run.checkpoint(position.updates))?)?
    } else {
        Learner::new(&spec, &config.policy, config.algorithm.clone(), config.seed)?
    };
    if learner.updates() != position.updates {
        return Err(Error::NoRun {
            path: run.path().to_owned(),
            problem: "its checkpoint and progress.json do not belong together".to_owned(),
        });
    }

    let training = &config.training;
    let mut saved = (position.updates > 0).then_some(position.updates);
    let mut collector = Collector::resume(
        environments,
        training.rollout,
        config.seed,
        &position.collector,
    )?;
    // Steps are known beforehand where episodes are not.
    let (phase, total, done) = match training.rollout {
        RolloutConfig::Episodes(episodes) => (Phase::Training, episodes as u64, position.episodes),
        RolloutConfig::Steps {
            environments,
            steps,
        } => (
            Phase::TrainingSteps,
            (environments * steps) as u64,
            position.steps,
        ),
    };
    observer.begin(phase, training.updates * total, done);
    while position.updates < training.updates {
        let clock = Instant::now();
        let policy = learner.policy();
        let before = collector.state();
        let rollout = collector.collect(&policy)?;
        if options.interrupted.load(Ordering::SeqCst) {
            // Segments of this rollout may have been cut short: it is played again.
            if position.updates > 0 && saved != Some(position.updates) {
                position.collector = before;
                save(&learner, &mut run, &position, saved)?;
            }
            return Err(Error::Interrupted(run.path().to_owned()));
        }
        phases.rollout += clock.elapsed().as_secs_f64();

        let clock = Instant::now();
        let progress = position.updates as f64 / training.updates as f64;
        let metrics = learner.update(&rollout, progress)?;
        phases.update += clock.elapsed().as_secs_f64();

        let clock = Instant::now();
        let events = events_of(&rollout, &position, metrics, &spec.choices());
        run.record(&events)?;
        events.iter().for_each(|event| observer.event(event));
        observer.advance(total);
        position.updates += 1;
        position.episodes += rollout.iter().filter(|part| part.status.is_over()).count() as u64;
        position.steps += steps_of(&rollout);
        position.cost += rollout.iter().map(|part| part.cost).sum::<f64>();
        if position.updates.is_multiple_of(training.checkpoint_every)
            || position.updates == training.updates
        {
            position.collector = collector.state();
            saved = Some(save(&learner, &mut run, &position, saved)?);
        }
        phases.writing += clock.elapsed().as_secs_f64();
    }
    observer.end();
    let reference_cost: f64 = references.iter().map(|reference| reference.cost).sum();
    let mut policy = learner.policy();
    // The reward is scaled by the references: without their grids there would have been no training.
    let training_cost = reference_cost + position.cost;
    if training_cost > 0.0 {
        policy = policy.with_training_cost(training_cost);
    }
    if let EnvironmentConfig::Tuning { process, .. } = &config.environment
        && process.base_controller.is_some()
    {
        policy = policy.with_residual(Residual {
            knobs: process.knobs.clone(),
            observation: process.observation.clone(),
        });
    }
    policy.save(run.file("policy.json"))?;

    let clock = Instant::now();
    let records = match &tuning {
        Some(tuning) => evaluation::tuning(
            config,
            tuning,
            &references,
            &policy,
            0,
            options.jobs,
            observer,
        )?,
        None => evaluation::named(config, options.registry, &policy, 0, observer)?,
    };
    if options.interrupted.load(Ordering::SeqCst) {
        return Err(Error::Interrupted(run.path().to_owned()));
    }
    phases.evaluation = clock.elapsed().as_secs_f64();

    let clock = Instant::now();
    let events: Vec<Event> = records.iter().cloned().map(Event::Evaluation).collect();
    run.record(&events)?;
    let all: Vec<EpisodeRecord> = read_events(run.path())?
        .into_iter()
        .filter_map(|event| match event {
            Event::Episode(episode) => Some(episode),
            _ => None,
        })
        .collect();
    let (return_first, return_last) = summary::first_and_last(&all);
    let (controllers, tasks) = summary::controllers(&records);
    phases.writing += clock.elapsed().as_secs_f64();
    let summary = Summary {
        name: config.name.clone(),
        seed: config.seed,
        episodes: position.episodes,
        segments: position.steps,
        return_first,
        return_last,
        wall_seconds: start.elapsed().as_secs_f64(),
        phases,
        reference_cost,
        training_cost: position.cost,
        evaluation: controllers,
        tasks,
        paired: summary::paired(&records),
    };
    write_json(&run.file("summary.json"), &summary)?;
    Ok(summary)
}

/// The checkpoint, then the mark that makes it the one to go on from. Returns its number.
fn save(
    learner: &Learner,
    run: &mut RunDirectory,
    position: &Position,
    previous: Option<u64>,
) -> Result<u64> {
    learner
        .checkpoint()
        .save(run.checkpoint(position.updates))?;
    run.mark(position.clone(), previous)?;
    Ok(position.updates)
}

/// The references: found and recorded in a new run, read from its records in a resumed one.
fn references(
    config: &Config,
    tuning: Option<&Tuning>,
    options: &Options,
    run: &mut RunDirectory,
    position: &Position,
    observer: &mut dyn Observer,
) -> Result<Vec<ReferenceRecord>> {
    if position.bytes > 0 {
        return Ok(recorded_references(&read_events(run.path())?));
    }
    let Some(tuning) = tuning else {
        return Ok(Vec::new());
    };
    let stop = || match options.interrupted.load(Ordering::SeqCst) {
        true => Err(Error::Interrupted(run.path().to_owned())),
        false => Ok(()),
    };
    let found = reference::find(config, tuning, options.jobs, stop, observer)?;
    run.record(
        &found
            .iter()
            .cloned()
            .map(Event::Reference)
            .collect::<Vec<_>>(),
    )?;
    run.mark(position.clone(), None)?;
    Ok(found)
}

/// The references among the events of a run.
pub fn recorded_references(events: &[Event]) -> Vec<ReferenceRecord> {
    let reference = |event: &Event| match event {
        Event::Reference(reference) => Some(reference.clone()),
        _ => None,
    };
    events.iter().filter_map(reference).collect()
}

fn steps_of(rollout: &[Trajectory]) -> u64 {
    rollout.iter().map(|part| part.len() as u64).sum()
}

fn events_of(
    rollout: &[Trajectory],
    position: &Position,
    metrics: trimtab_agent::Metrics,
    choices: &[usize],
) -> Vec<Event> {
    let mut actions: Vec<Vec<u64>> = choices.iter().map(|n| vec![0; *n]).collect();
    for trajectory in rollout {
        for (index, choice) in trajectory.actions.iter().enumerate() {
            actions[index % choices.len()][*choice] += 1;
        }
    }
    let mut events: Vec<Event> = rollout
        .iter()
        .filter(|trajectory| trajectory.status.is_over())
        .enumerate()
        .map(|(index, trajectory)| {
            Event::Episode(EpisodeRecord {
                episode: position.episodes + index as u64,
                update: position.updates,
                seed: trajectory.seed,
                total_reward: trajectory.episode_return(),
                length: trajectory.episode_length(),
                status: trajectory.status,
            })
        })
        .collect();
    events.push(Event::Update(UpdateRecord {
        update: position.updates,
        steps: position.steps + steps_of(rollout),
        metrics,
        actions,
    }));
    events
}

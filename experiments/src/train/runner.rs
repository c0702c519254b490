//! An experiment from its config to its summary: reference, training, evaluation.

use crate::record::events::{EpisodeRecord, Event, ReferenceRecord, UpdateRecord};
use crate::record::observer::{Observer, Phase};
use crate::record::run_directory::{Position, RunDirectory, read_events, write_json};
use crate::record::summary::{self, Phases, Summary};
use crate::train::config::EnvironmentConfig;
use crate::train::rollouts::{Rollouts, tuning};
use crate::train::{evaluation, reference};
use crate::work::Workers;
use crate::work::environments::Tuning;
use crate::{Config, Error, Result};
use std::borrow::Cow;
use std::path::Path;
use std::time::Instant;
use trimtab_agent::rollout::plan::Plan;
use trimtab_agent::{Checkpoint, Learner, RolloutConfig, Trajectory};
use trimtab_env::Residual;

/// Runs an experiment in a new directory.
///
/// # Errors
/// Everything wrong with the config or its data is found before the directory is made. [`Error::Interrupted`] after a
/// checkpoint if the workers were interrupted.
pub fn train(
    config: &Config,
    out: &Path,
    workers: &Workers,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    config.validate()?;
    let tuning = tuning(config, workers)?;
    rollouts(config, tuning.as_ref(), &[], workers).environment()?;
    RunDirectory::check_new(out)?;
    let run = RunDirectory::create(out, config)?;
    go_on(config, tuning, workers, run, Position::default(), observer)
        .map_err(|error| error.halted_as(|| Error::Interrupted(out.to_owned())))
}

/// Goes on with an experiment that was stopped, and ends in the same bits as if it had not been.
///
/// # Errors
/// As [`train`]; [`Error::NoRun`] if there is nothing to go on from.
pub fn resume(
    out: &Path,
    workers: &Workers,
    observer: &mut dyn Observer,
) -> Result<(Config, Summary)> {
    let (run, config, position) = RunDirectory::resume(out)?;
    config.validate()?;
    let tuning = tuning(&config, workers)?;
    let summary = go_on(&config, tuning, workers, run, position, observer)
        .map_err(|error| error.halted_as(|| Error::Interrupted(out.to_owned())))?;
    Ok((config, summary))
}

fn rollouts<'a>(
    config: &'a Config,
    tuning: Option<&'a Tuning>,
    references: &[ReferenceRecord],
    workers: &Workers<'a>,
) -> Rollouts<'a> {
    Rollouts {
        config: Cow::Borrowed(config),
        tuning: tuning.map(Cow::Borrowed),
        goals: reference::goals(references),
        registry: workers.registry,
    }
}

fn go_on(
    config: &Config,
    tuning: Option<Tuning>,
    workers: &Workers,
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
        workers,
        &mut run,
        &position,
        observer,
    )?;
    phases.reference = clock.elapsed().as_secs_f64();

    let rollouts = rollouts(config, tuning.as_ref(), &references, workers);
    let session = workers.begin(&rollouts);
    let spec = rollouts.environment()?.spec().clone();
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
    let mut plan = Plan::resume(training.rollout, config.seed, &position.collector)?;
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
        policy.check(&spec)?;
        let span = tracing::info_span!("rollout", update = position.updates as i64).entered();
        let played = match session.all(&policy, &plan.parts(), observer) {
            Ok(played) => played,
            Err(Error::Halted) => {
                // Segments of this rollout may have been cut short: it is played again.
                if position.updates > 0 && saved != Some(position.updates) {
                    position.collector = plan.state().clone();
                    save(&learner, &mut run, &position, saved)?;
                }
                return Err(Error::Halted);
            }
            Err(other) => return Err(other),
        };
        drop(span);
        let rollout = plan.take(played);
        phases.rollout += clock.elapsed().as_secs_f64();

        let clock = Instant::now();
        let progress = position.updates as f64 / training.updates as f64;
        let metrics = learner.update(&rollout, progress)?;
        phases.update += clock.elapsed().as_secs_f64();

        let clock = Instant::now();
        let events = events_of(&rollout, &position, metrics, &spec.choices());
        run.record(&events)?;
        events.iter().for_each(|event| observer.event(event));
        position.updates += 1;
        position.episodes += rollout.iter().filter(|part| part.status.is_over()).count() as u64;
        position.steps += steps_of(&rollout);
        position.cost += rollout.iter().map(|part| part.cost).sum::<f64>();
        if position.updates.is_multiple_of(training.checkpoint_every)
            || position.updates == training.updates
        {
            position.collector = plan.state().clone();
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
    let span = tracing::info_span!("evaluation").entered();
    let records = match &tuning {
        Some(tuning) => {
            evaluation::tuning(config, tuning, &references, &policy, 0, workers, observer)?
        }
        None => evaluation::named(config, &policy, 0, workers, observer)?,
    };
    drop(span);
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
    workers: &Workers,
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
    let span = tracing::info_span!("reference").entered();
    let found = reference::find(config, tuning, workers, observer)?;
    drop(span);
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

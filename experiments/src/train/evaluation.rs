//! Controllers compared on seeds that nobody has trained on.

use crate::record::events::{EvaluationRecord, ReferenceRecord};
use crate::record::observer::{Observer, Phase};
use crate::train::config::EnvironmentConfig;
use crate::train::environments::{Registry, Tuning, lock};
use crate::{Config, Error, Result, train::reference};
use std::sync::Mutex;
use trimtab_agent::controller::run;
use trimtab_agent::{
    Constant, Controller, Decision, NoOp, Policy, PolicyController, RandomController, Selection,
    Situation,
};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::mdp::threads::in_parallel;
use trimtab_env::settings::{BATCH_SIZE, LEARNING_RATE};
use trimtab_env::{Environment, EnvironmentSpec, Outcome, Part, TuningEnv};

/// Batch size of every default, as far as there are so many rows.
pub(crate) const DEFAULT_BATCH: usize = 64;

/// The controllers of a comparison, in the order of tables. The last one is left out where a head has no choice that
/// leaves its knob alone.
pub const CONTROLLERS: [&str; 5] = ["policy", "default", "best_static", "random", "no_op"];

/// Evaluates the policy (greedy), the optimiser's default setting, the best fixed setting and chance on every task,
/// with the same seeds for all. Seed number `first` and those after it are used.
///
/// # Errors
/// The environments'; [`trimtab_agent::Error::OtherSpec`] if the policy does not fit; [`Error::Config`] if the references are of other
/// tasks.
pub fn tuning(
    config: &Config,
    tuning: &Tuning,
    references: &[ReferenceRecord],
    policy: &Policy,
    first: u64,
    jobs: usize,
    observer: &mut dyn Observer,
) -> Result<Vec<EvaluationRecord>> {
    if references.len() != tuning.tasks.len() {
        return Err(Error::config(
            "environment.tasks",
            tuning.tasks.len(),
            format!(
                "the run has recorded references of {} tasks; its config and its records are to be those it was made with",
                references.len()
            ),
        ));
    }
    let goals = reference::goals(references);
    let environments = tuning.environments(&goals, jobs)?;
    let spec = environments[0].spec().clone();
    policy.check(&spec)?;
    let environments: Vec<_> = environments.into_iter().map(Mutex::new).collect();
    let (tasks, seeds) = (tuning.tasks.len(), config.evaluation.seeds);
    let no_op = NoOp::new(&spec);
    // With a base controller there was no grid to find a fixed setting.
    let controllers: Vec<&str> = CONTROLLERS
        .into_iter()
        .filter(|name| *name != "no_op" || no_op.is_some())
        .filter(|name| *name != "best_static" || !tuning.has_base_controller())
        .collect();
    let count = controllers.len() * tasks * seeds;
    observer.begin(Phase::Evaluation, count as u64, 0);
    let records = in_parallel(environments.len(), count, |worker, index| {
        let (name, task, seed) = (
            controllers[index / (tasks * seeds)],
            index / seeds % tasks,
            index % seeds,
        );
        let mut environment = lock(&environments[worker]);
        let fixed = |lr: f64, batch: usize| -> Box<dyn Controller> {
            let held = environment.config().settings.clone();
            let settings = held.with(LEARNING_RATE, lr).with(BATCH_SIZE, batch as f64);
            Box::new(Constant::new(name, settings))
        };
        let mut controller: Box<dyn Controller> = match name {
            "policy" => Box::new(PolicyController::new(policy.clone(), Selection::Greedy)),
            "default" => fixed(
                tuning.tasks[task]
                    .config()
                    .optimizer
                    .default_learning_rate(),
                DEFAULT_BATCH.min(tuning.tasks[task].split().train.rows()),
            ),
            "best_static" => fixed(references[task].learning_rate, references[task].batch_size),
            "no_op" => match &no_op {
                Some(no_op) => Box::new(no_op.clone()),
                None => Box::new(RandomController::new(spec.clone())),
            },
            _ => Box::new(RandomController::new(spec.clone())),
        };
        let seed = derived_seed(config.seed, "evaluation", first + seed as u64);
        evaluate_one(
            &mut environment,
            controller.as_mut(),
            tuning.tasks[task].name(),
            task,
            seed,
        )
    })?;
    observer.advance(count as u64);
    observer.end();
    Ok(records)
}

fn evaluate_one(
    environment: &mut TuningEnv,
    controller: &mut dyn Controller,
    name: &str,
    task: usize,
    seed: u64,
) -> Result<EvaluationRecord> {
    environment.only(Some(task))?;
    let total_reward = run(environment, controller, seed)?;
    Ok(EvaluationRecord {
        controller: controller.name().to_owned(),
        task: name.to_owned(),
        seed,
        total_reward,
        outcome: environment.outcome()?,
        segments: environment.segments().to_vec(),
    })
}

/// Evaluates the policy (greedy) and chance on a named environment's test part.
///
/// # Errors
/// The environment's; [`trimtab_agent::Error::OtherSpec`] if the policy does not fit.
pub fn named(
    config: &Config,
    registry: &Registry,
    policy: &Policy,
    first: u64,
    observer: &mut dyn Observer,
) -> Result<Vec<EvaluationRecord>> {
    let EnvironmentConfig::Named { name, parameters } = &config.environment else {
        return Ok(Vec::new());
    };
    let mut environment = registry.build(name, parameters, Part::Test)?;
    let spec: EnvironmentSpec = environment.spec().clone();
    policy.check(&spec)?;
    let mut controllers: [Box<dyn Controller>; 2] = [
        Box::new(PolicyController::new(policy.clone(), Selection::Greedy)),
        Box::new(RandomController::new(spec)),
    ];
    let seeds = config.evaluation.seeds as u64;
    observer.begin(Phase::Evaluation, 2 * seeds, 0);
    let mut records = Vec::new();
    for controller in &mut controllers {
        for index in first..first + seeds {
            let seed = derived_seed(config.seed, "evaluation", index);
            let episode = episode(environment.as_mut(), controller.as_mut(), seed, None)?;
            records.push(EvaluationRecord {
                controller: controller.name().to_owned(),
                task: name.clone(),
                seed,
                total_reward: episode.total_reward,
                outcome: episode.outcome,
                segments: Vec::new(),
            });
            observer.advance(1);
        }
    }
    observer.end();
    Ok(records)
}

/// An evaluation episode of an environment that is no training.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// Undiscounted sum of the rewards.
    pub total_reward: f64,
    /// Number of steps.
    pub length: usize,
    /// The figures that the environment reports at the end.
    pub outcome: Outcome,
}

/// Plays one episode under a controller, at most `limit` steps of it. A controller that decides settings outright, which
/// only a training has, ends it.
///
/// # Errors
/// The environment's, and the controller's.
pub fn episode(
    environment: &mut dyn Environment,
    controller: &mut dyn Controller,
    seed: u64,
    limit: Option<usize>,
) -> Result<Episode> {
    let mut observation = environment.reset(seed)?;
    controller.begin(seed);
    let (mut total_reward, mut length) = (0.0, 0);
    while limit.is_none_or(|limit| length < limit) {
        let action = match controller.decide(&Situation::new(&observation)) {
            Decision::Choose(action) => action,
            Decision::Fail(reason) => {
                return Err(trimtab_env::Error::other(controller.name(), reason).into());
            }
            Decision::Set(_) | Decision::LookAhead(_) => break,
        };
        let step = environment.step(&action)?;
        total_reward += f64::from(step.reward);
        length += 1;
        if step.status.is_over() {
            break;
        }
        observation = step.observation;
    }
    Ok(Episode {
        total_reward,
        length,
        outcome: environment.outcome()?,
    })
}

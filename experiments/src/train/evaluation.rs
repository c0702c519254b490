//! Controllers compared on seeds that nobody has trained on.

use crate::record::events::{EvaluationRecord, ReferenceRecord};
use crate::record::observer::{Observer, Phase};
use crate::train::config::EnvironmentConfig;
use crate::work::controllers::{ControllerConfig, DEFAULT_BATCH};
use crate::work::environments::Tuning;
use crate::work::registry::Parameters;
use crate::work::trainings::{Training, Trainings};
use crate::work::{Place, Portable, Recipe, Work, Workers};
use crate::{Config, Error, Registry, Result, train::reference};
use serde::{Deserialize, Serialize};
use trimtab_agent::{
    Controller, Decision, NoOp, Policy, PolicyController, RandomController, Selection, Situation,
};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::{Environment, Outcome, Part, Settings};

/// The controller that is evaluated.
const POLICY: &str = "policy";

/// The controllers of a comparison, in the order of tables. The last one is left out where a head has no choice that
/// leaves its knob alone.
pub const CONTROLLERS: [&str; 5] = [POLICY, "default", "best_static", "random", "no_op"];

/// Evaluates the policy (greedy), the optimiser's default setting, the best fixed setting and random choices on every task,
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
    workers: &Workers,
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
    let mut work = Trainings::new(tuning.clone(), workers.registry);
    work.goals = reference::goals(references);
    let spec = work.bench()?.spec().clone();
    policy.check(&spec)?;
    work.policies.insert(POLICY.to_owned(), policy.clone());
    let (tasks, seeds) = (tuning.tasks.len(), config.evaluation.seeds);
    let has_no_op = NoOp::new(&spec).is_some();
    // With a base controller there was no grid to find a fixed setting.
    let controllers: Vec<&str> = CONTROLLERS
        .into_iter()
        .filter(|name| *name != "no_op" || has_no_op)
        .filter(|name| *name != "best_static" || !tuning.has_base_controller())
        .collect();
    let fixed = |lr: f64, batch: usize| ControllerConfig::Constant(Settings::new(lr, batch));
    let controller = |name: &str, task: usize| match name {
        POLICY => ControllerConfig::Policy(POLICY.to_owned()),
        "default" => {
            let task = &tuning.tasks[task];
            let rows = task.split().train.rows();
            let optimizer = task.config().optimizer;
            fixed(optimizer.default_learning_rate(), DEFAULT_BATCH.min(rows))
        }
        "best_static" => fixed(references[task].learning_rate, references[task].batch_size),
        "no_op" => ControllerConfig::NoOp,
        _ => ControllerConfig::Random,
    };
    let mut units = Vec::with_capacity(controllers.len() * tasks * seeds);
    let mut names = Vec::with_capacity(units.capacity());
    for name in controllers {
        for task in 0..tasks {
            for seed in 0..seeds {
                names.push(name);
                units.push(Training {
                    task,
                    optimizer: None,
                    seed: derived_seed(config.seed, "evaluation", first + seed as u64),
                    controller: controller(name, task),
                });
            }
        }
    }
    observer.begin(Phase::Evaluation, units.len() as u64, 0);
    let played = workers.begin(&work).all(&(), &units, observer)?;
    observer.end();
    let each = played.into_iter().zip(units.iter().zip(names));
    Ok(each
        .map(|(played, (unit, name))| EvaluationRecord {
            controller: name.to_owned(),
            task: tuning.tasks[unit.task].name().to_owned(),
            seed: unit.seed,
            total_reward: played.total_reward,
            outcome: played.outcome,
            segments: played.segments,
        })
        .collect())
}

/// Evaluates the policy (greedy) and random choices on a named environment's test part.
///
/// # Errors
/// The environment's; [`trimtab_agent::Error::OtherSpec`] if the policy does not fit.
pub fn named(
    config: &Config,
    policy: &Policy,
    first: u64,
    workers: &Workers,
    observer: &mut dyn Observer,
) -> Result<Vec<EvaluationRecord>> {
    let EnvironmentConfig::Named { name, parameters } = &config.environment else {
        return Ok(Vec::new());
    };
    let work = Named {
        episodes: NamedRecipe {
            name: name.clone(),
            parameters: parameters.clone(),
            policy: policy.clone(),
        },
        registry: workers.registry,
    };
    policy.check(work.bench()?.spec())?;
    let seeds = config.evaluation.seeds as u64;
    let units: Vec<(bool, u64)> = [true, false]
        .into_iter()
        .flat_map(|by_policy| (first..first + seeds).map(move |index| (by_policy, index)))
        .map(|(by_policy, index)| (by_policy, derived_seed(config.seed, "evaluation", index)))
        .collect();
    observer.begin(Phase::Evaluation, units.len() as u64, 0);
    let records = workers.begin(&work).all(&(), &units, observer)?;
    observer.end();
    Ok(records)
}

/// Episodes of a named environment, by the policy or by random choices.
pub(crate) struct Named<'a> {
    episodes: NamedRecipe,
    registry: &'a Registry,
}

/// All that they are made from.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct NamedRecipe {
    name: String,
    parameters: Parameters,
    policy: Policy,
}

impl Work for Named<'_> {
    const KIND: &'static str = "named";

    type Shared = ();
    /// Whether the policy plays, and the seed.
    type Unit = (bool, u64);
    type Answer = EvaluationRecord;
    type Bench = Box<dyn Environment>;

    fn bench(&self) -> Result<Self::Bench> {
        let NamedRecipe {
            name, parameters, ..
        } = &self.episodes;
        self.registry.build(name, parameters, Part::Test)
    }

    fn answer(
        &self,
        environment: &mut Self::Bench,
        (): &(),
        (by_policy, seed): &(bool, u64),
        advance: &dyn Fn(u64),
    ) -> Result<EvaluationRecord> {
        let mut controller: Box<dyn Controller> = if *by_policy {
            let policy = self.episodes.policy.clone();
            Box::new(PolicyController::new(policy, Selection::Greedy))
        } else {
            Box::new(RandomController::new(environment.spec().clone()))
        };
        let episode = episode(environment.as_mut(), controller.as_mut(), *seed, None)?;
        advance(1);
        Ok(EvaluationRecord {
            controller: controller.name().to_owned(),
            task: self.episodes.name.clone(),
            seed: *seed,
            total_reward: episode.total_reward,
            outcome: episode.outcome,
            segments: Vec::new(),
        })
    }

    fn recipe(&self) -> Result<Option<Recipe>> {
        Recipe::of(self).map(Some)
    }
}

impl<'r> Portable<'r> for Named<'r> {
    type Config = NamedRecipe;

    fn config(&self) -> NamedRecipe {
        self.episodes.clone()
    }

    fn make(episodes: NamedRecipe, place: &Place<'r>) -> Result<Self> {
        Ok(Self {
            episodes,
            registry: place.registry,
        })
    }
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

//! Trainings: each under a controller, on a task, with a seed. Most work is made of them.

use super::controllers::ControllerConfig;
use super::environments::{Goal, Tuning, TuningRecipe};
use super::{Place, Portable, Recipe, Work};
use crate::{Registry, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use trimtab_agent::Policy;
use trimtab_agent::controller::{Found, run};
use trimtab_env::{Cost, Environment, Outcome, Segment, TuningEnv};
use trimtab_models::OptimizerConfig;

/// What trainings need.
pub struct Trainings<'a> {
    /// The tasks with their data.
    pub tuning: Tuning,
    /// What a good training of each reaches; empty while it is not known.
    pub goals: Vec<Goal>,
    /// The policies that controllers name.
    pub policies: BTreeMap<String, Policy>,
    /// Where controllers of a program's own are.
    pub registry: &'a Registry,
}

/// One training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Number of the task.
    pub task: usize,
    /// Another optimiser than the task's.
    pub optimizer: Option<OptimizerConfig>,
    /// Everything random in it follows from this.
    pub seed: u64,
    /// Who decides.
    pub controller: ControllerConfig,
}

/// The result of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Played {
    /// Sum of the rewards.
    pub total_reward: f64,
    /// What it might spend.
    pub budget: Cost,
    /// Its figures at the end.
    pub outcome: Outcome,
    /// What happened, segment after segment.
    pub segments: Vec<Segment>,
    /// What a range test saw, of a controller with one.
    pub range_test: Option<Found>,
}

impl Played {
    /// The best validation loss, or error if the objective is a metric, and what was spent.
    pub fn best_and_spent(&self) -> (f64, Cost) {
        let last = self.segments.last();
        last.map_or((f64::MAX, 0.0), |last| (last.best_loss, last.spent))
    }
}

impl<'a> Trainings<'a> {
    /// Trainings without goals and policies.
    pub fn new(tuning: Tuning, registry: &'a Registry) -> Self {
        Self {
            tuning,
            goals: Vec::new(),
            policies: BTreeMap::new(),
            registry,
        }
    }

    fn play(&self, environment: &mut TuningEnv, training: &Training) -> Result<Played> {
        let (task, seed) = (&self.tuning.tasks[training.task], training.seed);
        let optimizer = training.optimizer.unwrap_or(task.config().optimizer);
        let begun = (optimizer, seed);
        let (policies, registry) = (&self.policies, self.registry);
        let name = task.name();
        let span = tracing::info_span!("training", task = name, seed = %seed);
        let _span = span.entered();
        let mut controller =
            (training.controller).build(environment, task, begun, policies, registry)?;
        let total_reward = run(environment, controller.as_mut(), seed)?;
        Ok(Played {
            total_reward,
            budget: environment.budget(),
            outcome: environment.outcome()?,
            segments: environment.segments().to_vec(),
            range_test: controller.range_test().cloned(),
        })
    }
}

impl Work for Trainings<'_> {
    const KIND: &'static str = "trainings";

    type Shared = ();
    type Unit = Training;
    type Answer = Played;
    type Bench = TuningEnv;

    fn bench(&self) -> Result<TuningEnv> {
        self.tuning.environment(&self.goals)
    }

    fn answer(
        &self,
        environment: &mut TuningEnv,
        (): &(),
        training: &Training,
        advance: &dyn Fn(u64),
    ) -> Result<Played> {
        let played = match training.optimizer {
            None => {
                environment.only(Some(training.task))?;
                self.play(environment, training)?
            }
            Some(optimizer) => {
                let one = self.tuning.alone(training.task).with_optimizer(optimizer);
                self.play(&mut one.environment(&[])?, training)?
            }
        };
        advance(1);
        Ok(played)
    }

    fn recipe(&self) -> Result<Option<Recipe>> {
        Recipe::of(self).map(Some)
    }
}

/// All that [`Trainings`] are made from.
#[derive(Serialize, Deserialize)]
pub struct TrainingsRecipe {
    tuning: TuningRecipe,
    goals: Vec<Goal>,
    policies: BTreeMap<String, Policy>,
}

impl<'r> Portable<'r> for Trainings<'r> {
    type Config = TrainingsRecipe;

    fn config(&self) -> TrainingsRecipe {
        TrainingsRecipe {
            tuning: self.tuning.recipe(),
            goals: self.goals.clone(),
            policies: self.policies.clone(),
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        self.tuning.files()
    }

    fn make(config: TrainingsRecipe, place: &Place<'r>) -> Result<Self> {
        Ok(Self {
            tuning: Tuning::make(config.tuning, place)?,
            goals: config.goals,
            policies: config.policies,
            registry: place.registry,
        })
    }
}

#[cfg(test)]
mod tests;

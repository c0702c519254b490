//! Rollouts as work that is handed out: the environments of a config, and parts of rollouts that are played in them.

use crate::train::config::{Config, EnvironmentConfig};
use crate::work::environments::{Goal, Tuning, TuningRecipe};
use crate::work::{Place, Portable, Recipe, Work, Workers};
use crate::{Error, Registry, Result};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::PathBuf;
use trimtab_agent::rollout::plan::{Part, Played, Standing};
use trimtab_agent::{Policy, RolloutConfig};
use trimtab_env::wrappers::SelfCritical;
use trimtab_env::{Environment, Part as Instances};

/// The tasks of an experiment with their data. `None` if it is about something else.
///
/// # Errors
/// Whatever is wrong with a task, with its number.
pub fn tuning(config: &Config, workers: &Workers) -> Result<Option<Tuning>> {
    let EnvironmentConfig::Tuning { cost, process, .. } = &config.environment else {
        return Ok(None);
    };
    let (tasks, models) = (config.environment.tasks()?, workers.registry.extensions());
    let tuning = Tuning::new(&tasks, *cost, process, &workers.device, models)?;
    if tuning.has_base_controller() {
        return Ok(Some(tuning));
    }
    for task in &tuning.tasks {
        let rows = task.split().train.rows();
        let sizes = &config.evaluation.batch_sizes;
        if let Some(size) = sizes.iter().find(|size| **size > rows) {
            return Err(Error::config(
                "evaluation.batch_sizes",
                size,
                format!("task `{}` has only {rows} training examples", task.name()),
            ));
        }
    }
    Ok(Some(tuning))
}

/// Parts of rollouts in the environments of a config.
pub struct Rollouts<'a> {
    /// The config.
    pub config: Cow<'a, Config>,
    /// Its tasks, if it is about trainings.
    pub tuning: Option<Cow<'a, Tuning>>,
    /// What a good training of each reaches.
    pub goals: Vec<Goal>,
    /// Where named environments are.
    pub registry: &'a Registry,
}

impl Rollouts<'_> {
    /// An environment that rollouts are collected from.
    ///
    /// # Errors
    /// What does not fit, by field.
    pub fn environment(&self) -> Result<Box<dyn Environment>> {
        let environment: Box<dyn Environment> = match (&self.tuning, &self.config.environment) {
            (Some(tuning), _) => Box::new(tuning.environment(&self.goals)?),
            (None, EnvironmentConfig::Named { name, parameters }) => {
                self.registry.build(name, parameters, Instances::Train)?
            }
            (None, EnvironmentConfig::Tuning { .. }) => {
                let allowed = "read its tasks first, by `tuning`";
                return Err(Error::config("environment", "Tuning(..)", allowed));
            }
        };
        if self.config.training.self_critical {
            return Ok(Box::new(SelfCritical::against_no_op(environment)?));
        }
        Ok(environment)
    }

    /// How many environments there are side by side whose episodes go on; 1 where whole episodes are played.
    fn side_by_side(&self) -> usize {
        match self.config.training.rollout {
            RolloutConfig::Episodes(_) => 1,
            RolloutConfig::Steps { environments, .. } => environments,
        }
    }
}

impl Work for Rollouts<'_> {
    const KIND: &'static str = "rollouts";

    /// The policy that plays.
    type Shared = Policy;
    type Unit = Part;
    type Answer = Played;
    /// An environment, and where it stands.
    type Bench = (Box<dyn Environment>, Standing);

    fn bench(&self) -> Result<Self::Bench> {
        Ok((self.environment()?, Standing::default()))
    }

    fn benches(&self, workers: usize) -> usize {
        match self.config.training.rollout {
            RolloutConfig::Episodes(_) => workers,
            RolloutConfig::Steps { environments, .. } => environments,
        }
    }

    fn place(&self, part: &Part) -> Option<usize> {
        match part {
            Part::Episode(_) => None,
            Part::Steps { environment, .. } => Some(*environment),
        }
    }

    fn answer(
        &self,
        (environment, standing): &mut Self::Bench,
        policy: &Policy,
        part: &Part,
        advance: &dyn Fn(u64),
    ) -> Result<Played> {
        let plan = (self.config.seed, self.side_by_side());
        let played = standing.play(environment.as_mut(), policy, part, plan)?;
        advance(match part {
            Part::Episode(_) => 1,
            Part::Steps { steps, .. } => *steps as u64,
        });
        Ok(played)
    }

    fn recipe(&self) -> Result<Option<Recipe>> {
        Recipe::of(self).map(Some)
    }
}

/// All that [`Rollouts`] are made from.
#[derive(Serialize, Deserialize)]
pub struct RolloutsRecipe {
    config: Config,
    tuning: Option<TuningRecipe>,
    goals: Vec<Goal>,
}

impl<'r> Portable<'r> for Rollouts<'r> {
    type Config = RolloutsRecipe;

    fn config(&self) -> RolloutsRecipe {
        RolloutsRecipe {
            config: self.config.clone().into_owned(),
            tuning: self.tuning.as_ref().map(|tuning| tuning.recipe()),
            goals: self.goals.clone(),
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let tuning = self.tuning.as_ref();
        tuning.map_or(Vec::new(), |tuning| tuning.files())
    }

    fn make(recipe: RolloutsRecipe, place: &Place<'r>) -> Result<Self> {
        let tuning = recipe.tuning.map(|tuning| Tuning::make(tuning, place));
        Ok(Self {
            config: Cow::Owned(recipe.config),
            tuning: tuning.transpose()?.map(Cow::Owned),
            goals: recipe.goals,
            registry: place.registry,
        })
    }
}

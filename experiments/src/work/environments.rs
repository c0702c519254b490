//! From the configs of tasks to environments.

use crate::work::portable::Place;
use crate::{Error, Result};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use trimtab_agent::controller::ContextServoController;
use trimtab_env::servo::context_servo::Steering;
use trimtab_env::tuning::Instance;
use trimtab_env::{Context, ContextServo, CostModel, Environment, TuningConfig, TuningEnv};
use trimtab_models::tasks::config::PreparedTask;
use trimtab_models::tasks::custom::Extensions;
use trimtab_models::{OptimizerConfig, TaskConfig};

/// The tuning tasks of an experiment with their data, from which environments are made.
#[derive(Clone)]
pub struct Tuning {
    /// The tasks, read and split.
    pub tasks: Vec<PreparedTask>,
    /// The factor on the budget of each.
    pub budgets: Vec<f64>,
    cost: CostModel,
    process: TuningConfig,
    device: Device,
}

/// What a good training of a task reaches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// Reference of the reward, and target of the time to target.
    pub loss: f64,
}

impl Tuning {
    /// Reads the data of every task.
    ///
    /// # Errors
    /// Whatever is wrong with a task, with its number, and what does not fit in the process.
    pub fn new(
        tasks: &[TaskConfig],
        cost: CostModel,
        process: &TuningConfig,
        device: &Device,
        models: &Extensions,
    ) -> Result<Self> {
        let mut prepared = Vec::with_capacity(tasks.len());
        for (index, task) in tasks.iter().enumerate() {
            let ready = task.prepare_with(models, &prepared);
            prepared.push(ready.map_err(|source| Error::Task {
                place: format!("tasks[{index}]"),
                source: Box::new(source),
            })?);
        }
        let tasks = prepared;
        // Records know tasks by their names.
        let mut names = BTreeMap::new();
        for (index, task) in tasks.iter().enumerate() {
            if let Some(first) = names.insert(task.name(), index) {
                return Err(Error::config(
                    format!("tasks[{index}]"),
                    format!("`{}`", task.name()),
                    format!("tasks[{first}] is called that; give one of them another `name`"),
                ));
            }
        }
        let tuning = Self {
            budgets: vec![1.0; tasks.len()],
            tasks,
            cost,
            process: process.clone(),
            device: device.clone(),
        };
        tuning.environment(&[])?;
        Ok(tuning)
    }

    /// The same tasks, by the same names, all with another optimiser.
    pub fn with_optimizer(&self, optimizer: OptimizerConfig) -> Self {
        let tasks = self.tasks.iter();
        Self {
            tasks: tasks.map(|task| task.with_optimizer(optimizer)).collect(),
            ..self.clone()
        }
    }

    /// The task number `task` alone.
    #[must_use]
    pub fn alone(&self, task: usize) -> Self {
        Self {
            tasks: vec![self.tasks[task].clone()],
            budgets: vec![self.budgets[task]],
            cost: self.cost,
            process: self.process.clone(),
            device: self.device.clone(),
        }
    }

    /// Every task with each of these factors on the budget, which its name then tells; as they are for a single 1.
    #[must_use]
    pub fn at_budgets(&self, factors: &[f64]) -> Self {
        if factors == [1.0] {
            return self.clone();
        }
        let pairs = self
            .tasks
            .iter()
            .flat_map(|task| factors.iter().map(move |factor| (task, *factor)));
        let named =
            |(task, factor): (&PreparedTask, f64)| task.named(format!("{} x{factor}", task.name()));
        Self {
            tasks: pairs.clone().map(named).collect(),
            budgets: pairs.map(|(_, factor)| factor).collect(),
            ..self.clone()
        }
    }

    /// The process that they are tuned in.
    pub fn process(&self) -> &TuningConfig {
        &self.process
    }

    /// Whether a context servo decides first.
    pub fn has_base_controller(&self) -> bool {
        self.process.base_controller.is_some()
    }

    /// A new environment over all tasks. `goals` has one entry a task, or none while they are not known.
    ///
    /// # Errors
    /// What does not fit, by field.
    pub fn environment(&self, goals: &[Goal]) -> Result<TuningEnv> {
        let instances = self
            .tasks
            .iter()
            .enumerate()
            .map(|(index, task)| {
                let loss = goals.get(index).map(|goal| goal.loss);
                Ok(Instance {
                    trainee: task.trainee(self.cost, &self.device)?,
                    reference_loss: loss,
                    target_loss: loss,
                    budget_factor: self.budgets[index],
                })
            })
            .collect::<trimtab_models::Result<Vec<_>>>()?;
        Ok(TuningEnv::new(instances, self.process.clone())?)
    }
}

/// All that [`Tuning`] is made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuningRecipe {
    tasks: Vec<TaskRecipe>,
    cost: CostModel,
    process: TuningConfig,
}

/// All that a prepared task is made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRecipe {
    task: TaskConfig,
    budget: f64,
    /// Those that runs begin with, where they do not follow from the config.
    weights: Option<Vec<f32>>,
}

impl TaskRecipe {
    /// That of this task, with this factor on its budget.
    pub fn of(task: &PreparedTask, budget: f64) -> Self {
        Self {
            task: TaskConfig {
                name: Some(task.name().to_owned()),
                ..task.config().clone()
            },
            budget,
            weights: task.given_weights().map(<[f32]>::to_vec),
        }
    }

    /// The task, where its files are elsewhere. Data that an earlier one has read are not read again.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn make(self, place: &Place, earlier: &[PreparedTask]) -> Result<PreparedTask> {
        let data = self.task.data.with_files(|path| place.file(path))?;
        let task = TaskConfig { data, ..self.task };
        let task = task.prepare_with(place.registry.extensions(), earlier)?;
        Ok(match self.weights {
            Some(weights) => task.fine_tuning(weights)?,
            None => task,
        })
    }
}

impl Tuning {
    /// All that it is made from, but the files.
    pub fn recipe(&self) -> TuningRecipe {
        let tasks = self.tasks.iter().zip(&self.budgets);
        let tasks = tasks.map(|(task, budget)| TaskRecipe::of(task, *budget));
        TuningRecipe {
            tasks: tasks.collect(),
            cost: self.cost,
            process: self.process.clone(),
        }
    }

    /// The files that its data are from.
    pub fn files(&self) -> Vec<PathBuf> {
        let each = self
            .tasks
            .iter()
            .flat_map(|task| task.config().data.files());
        let files: BTreeSet<PathBuf> = each.map(Path::to_owned).collect();
        files.into_iter().collect()
    }

    /// The same tasks, where their files are elsewhere.
    ///
    /// # Errors
    /// Whatever is wrong with a task.
    pub fn make(recipe: TuningRecipe, place: &Place) -> Result<Self> {
        let (mut tasks, mut budgets) = (Vec::new(), Vec::new());
        for task in recipe.tasks {
            budgets.push(task.budget);
            tasks.push(task.make(place, &tasks)?);
        }
        Ok(Self {
            tasks,
            budgets,
            cost: recipe.cost,
            process: recipe.process,
            device: place.device.clone(),
        })
    }
}

/// A context servo for the episode that `seed` begins, at the learning rate with which the knobs begin.
///
/// # Errors
/// The environment's, and [`Error::Config`] if its cost is measured.
pub fn steered(
    environment: &mut TuningEnv,
    name: &str,
    servo: ContextServo,
    seed: u64,
) -> Result<ContextServoController> {
    environment.reset(seed)?;
    let initial = environment.settings()?;
    let instance = environment.instance().unwrap_or(0);
    let spec = environment.instances()[instance].trainee.spec();
    let context = Context::new(spec, environment.budget())
        .ok_or_else(|| Error::config("cost", "Measured", "a context servo needs Modelled(..)"))?;
    let steering = Steering::new(servo, context, initial.learning_rate()?);
    let base = environment.config().settings.clone();
    Ok(ContextServoController::new(name, base, steering))
}

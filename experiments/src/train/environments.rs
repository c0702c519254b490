//! From configuration to environments.

use crate::train::config::{Config, EnvironmentConfig};
use crate::{Error, Result};
use burn::tensor::Device;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use trimtab_agent::RolloutConfig;
use trimtab_agent::controller::ContextServoController;
use trimtab_env::error::nearest::nearest;
use trimtab_env::servo::context_servo::Steering;
use trimtab_env::tuning::Instance;
use trimtab_env::vector::VectorEnvironment;
use trimtab_env::wrappers::SelfCritical;
use trimtab_env::{
    Context, ContextServo, CostModel, Environment, Order, Part, TuningConfig, TuningEnv, suite,
};
use trimtab_models::tasks::config::PreparedTask;
use trimtab_models::{OptimizerConfig, TaskConfig};

/// Numbers that the constructor of a named environment reads.
pub type Parameters = BTreeMap<String, f64>;
type Constructor =
    Box<dyn Fn(&Parameters) -> trimtab_env::Result<Box<dyn Environment>> + Send + Sync>;

/// Environments by name, for `environment: Named(name: ..)`: the suite's, and whatever a program adds.
///
/// ```
/// use trimtab_env::{Environment, suite::Identity};
/// use trimtab_experiments::Registry;
/// let registry = Registry::default().with("my-identity", |parameters| {
///     let symbols = parameters.get("symbols").copied().unwrap_or(3.0);
///     Ok(Box::new(Identity::new(symbols as usize, 10)) as Box<dyn Environment>)
/// });
/// assert!(registry.names().contains(&"my-identity".to_owned()));
/// ```
#[derive(Default)]
pub struct Registry {
    added: BTreeMap<String, Constructor>,
}

impl Registry {
    /// The registry with one more environment.
    pub fn with(
        mut self,
        name: impl Into<String>,
        constructor: impl Fn(&Parameters) -> trimtab_env::Result<Box<dyn Environment>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.added.insert(name.into(), Box::new(constructor));
        self
    }

    /// All names.
    pub fn names(&self) -> Vec<String> {
        let mut names = suite::names();
        names.push("noisy-quadratic".to_owned());
        names.extend(self.added.keys().cloned());
        names
    }

    /// Whether there is an environment called `name`.
    pub fn knows(&self, name: &str) -> bool {
        self.names().iter().any(|known| known == name)
    }

    /// The environment called `name`, on the instances of `part` where it has any.
    ///
    /// # Errors
    /// [`Error::Config`] with the nearest names, or all if none is near, and the constructor's error.
    pub fn build(
        &self,
        name: &str,
        parameters: &Parameters,
        part: Part,
    ) -> Result<Box<dyn Environment>> {
        if let Some(constructor) = self.added.get(name) {
            return Ok(constructor(parameters)?);
        }
        if name == "noisy-quadratic" {
            let instances = vec![suite::NoisyQuadratic::default().into()];
            return Ok(Box::new(TuningEnv::new(
                instances,
                suite::NoisyQuadratic::tuning(),
            )?));
        }
        suite::by_name_part(name, part).ok_or_else(|| {
            let names = self.names();
            let near = nearest(name, names.iter().map(String::as_str));
            let allowed = if near.is_empty() {
                format!("one of {}", names.join(", "))
            } else {
                format!("did you mean `{}`?", near.join("` or `"))
            };
            Error::config("environment.name", format!("`{name}`"), allowed)
        })
    }
}

impl Registry {
    /// The environment called `name` for an examination: on its test part, instance after instance where it has any.
    ///
    /// # Errors
    /// As [`Registry::build`].
    pub fn examination(&self, name: &str, parameters: &Parameters) -> Result<Box<dyn Environment>> {
        match suite::by_name_in(name, Part::Test, Order::InTurn) {
            Some(environment) if !self.added.contains_key(name) => Ok(environment),
            _ => self.build(name, parameters, Part::Test),
        }
    }
}

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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// Reference of the reward, and target of the time to target.
    pub loss: f64,
}

impl Tuning {
    /// Reads the data of every task. `None` if the experiment is about something else.
    ///
    /// # Errors
    /// Whatever is wrong with a task, with its number.
    pub fn prepare(config: &Config, device: &Device) -> Result<Option<Self>> {
        let EnvironmentConfig::Tuning { cost, process, .. } = &config.environment else {
            return Ok(None);
        };
        let tuning = Self::new(&config.environment.tasks()?, *cost, process, device)?;
        if tuning.has_base_controller() {
            return Ok(Some(tuning));
        }
        for task in &tuning.tasks {
            let rows = task.split().train.rows();
            if let Some(size) = config
                .evaluation
                .batch_sizes
                .iter()
                .find(|size| **size > rows)
            {
                return Err(Error::config(
                    "evaluation.batch_sizes",
                    size,
                    format!("task `{}` has only {rows} training examples", task.name()),
                ));
            }
        }
        Ok(Some(tuning))
    }

    /// Reads the data of every task.
    ///
    /// # Errors
    /// Whatever is wrong with a task, with its number, and what does not fit in the process.
    pub fn new(
        tasks: &[TaskConfig],
        cost: CostModel,
        process: &TuningConfig,
        device: &Device,
    ) -> Result<Self> {
        let mut prepared = Vec::with_capacity(tasks.len());
        for task in tasks {
            prepared.push(task.prepare_beside(&prepared)?);
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

    /// As many environments as there are threads.
    ///
    /// # Errors
    /// As [`Tuning::environment`].
    pub fn environments(&self, goals: &[Goal], jobs: usize) -> Result<Vec<TuningEnv>> {
        (0..jobs.max(1)).map(|_| self.environment(goals)).collect()
    }
}

/// The environments that rollouts are collected from: as many as the rollout says, or one for each thread where whole
/// episodes are played.
///
/// # Errors
/// What does not fit, by field.
pub fn rollout_environments(
    config: &Config,
    tuning: Option<&Tuning>,
    goals: &[Goal],
    registry: &Registry,
    jobs: usize,
) -> Result<VectorEnvironment> {
    let count = match config.training.rollout {
        RolloutConfig::Episodes(_) => jobs.max(1),
        RolloutConfig::Steps { environments, .. } => environments,
    };
    let environments = match (tuning, &config.environment) {
        (Some(tuning), _) => tuning
            .environments(goals, count)?
            .into_iter()
            .map(|environment| Box::new(environment) as Box<dyn Environment>)
            .collect(),
        (None, EnvironmentConfig::Named { name, parameters }) => (0..count)
            .map(|_| registry.build(name, parameters, Part::Train))
            .collect::<Result<Vec<_>>>()?,
        (None, EnvironmentConfig::Tuning { .. }) => Vec::new(),
    };
    let environments = if config.training.self_critical {
        let critical = environments.into_iter().map(SelfCritical::against_no_op);
        critical
            .map(|environment| Ok(Box::new(environment?) as Box<dyn Environment>))
            .collect::<Result<_>>()?
    } else {
        environments
    };
    Ok(VectorEnvironment::new(environments, jobs.max(1))?)
}

/// An environment that several threads share, each for an episode at a time.
pub(crate) fn lock<T>(environment: &Mutex<T>) -> MutexGuard<'_, T> {
    // A poisoned lock means that a thread panicked, which ends everything anyway.
    environment.lock().unwrap_or_else(PoisonError::into_inner)
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

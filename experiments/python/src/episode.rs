//! One environment and its episode, as Python sees them: whatever one step returns, without anything of Python's.

use crate::config::Source;
use std::collections::BTreeMap;
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::settings::Value;
use trimtab_env::suite::by_name_in;
use trimtab_env::{
    Action, ActionMask, Environment, EnvironmentSpec, Observation, Outcome, Status, TuningEnv,
};
use trimtab_experiments::{Error, Registry};

/// An environment and where it stands.
pub struct Episode {
    environment: Kind,
    spec: EnvironmentSpec,
    /// Names of the tasks of trainings.
    tasks: Vec<String>,
    /// Whether a masked choice is an error.
    strict: bool,
    mask: Option<ActionMask>,
    /// The last seed that was given, and how many episodes have begun since without one.
    seed: u64,
    unseeded: u64,
    over: bool,
    /// Whether the episode was cut short by an interruption and can no longer go on.
    cut: bool,
}

enum Kind {
    Tuning(Box<TuningEnv>),
    Named(Box<dyn Environment>),
}

/// What is seen after a reset or a step.
pub struct Seen {
    /// The observation.
    pub features: Vec<f32>,
    /// 1 for every choice that may be taken, head after head; `None` if all may.
    pub mask: Option<Vec<i8>>,
    /// The reward; 0 after a reset.
    pub reward: f32,
    /// Whether the episode goes on.
    pub status: Status,
    /// Whether a masked choice was given, in whose place another was taken.
    pub replaced: bool,
    /// What there is beside it of a training.
    pub training: Option<Training>,
    /// Figures of the episode, at its end.
    pub outcome: Option<Outcome>,
}

/// How a training stands.
pub struct Training {
    /// Which task it is.
    pub task: String,
    /// The settings of the last segment, or those that the knobs begin with.
    pub settings: BTreeMap<String, Value>,
    /// The best validation loss so far, or error of another objective.
    pub best_loss: f64,
    /// What was spent, in seconds of the cost model.
    pub spent: f64,
}

impl Episode {
    /// A new environment.
    ///
    /// # Errors
    /// What does not fit, by field.
    pub fn new(source: &Source, strict: bool) -> Result<Self, Error> {
        let (environment, tasks) = match source {
            Source::Tuning(tuning, goals) => {
                let tasks = tuning.tasks.iter().map(|task| task.name().to_owned());
                let environment = tuning.environment(goals)?;
                (Kind::Tuning(Box::new(environment)), tasks.collect())
            }
            Source::Named {
                name,
                parameters,
                part,
                order,
            } => {
                let environment = match by_name_in(name, *part, *order) {
                    Some(environment) => environment,
                    None => Registry::default().build(name, parameters, *part)?,
                };
                (Kind::Named(environment), Vec::new())
            }
        };
        let spec = match &environment {
            Kind::Tuning(tuning) => tuning.spec().clone(),
            Kind::Named(named) => named.spec().clone(),
        };
        Ok(Self {
            environment,
            spec,
            tasks,
            strict,
            mask: None,
            seed: 0,
            unseeded: 0,
            over: false,
            cut: false,
        })
    }

    /// What observations and actions look like.
    pub fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    /// Whether a step may take long enough that others should have the interpreter meanwhile.
    pub fn trains(&self) -> bool {
        matches!(self.environment, Kind::Tuning(_))
    }

    /// The episode can no longer go on: its last segment was cut short.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    fn environment(&mut self) -> &mut dyn Environment {
        match &mut self.environment {
            Kind::Tuning(tuning) => tuning.as_mut(),
            Kind::Named(named) => named.as_mut(),
        }
    }

    /// Whether the last step ended the episode.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Begins an episode: of this seed, or without one of the next that follows from the last seed. A training is of this task, if one is
    /// named.
    ///
    /// # Errors
    /// The environment's; [`Error::Config`] where there is no such task.
    pub fn reset(&mut self, seed: Option<u64>, task: Option<&str>) -> Result<Seen, Error> {
        let place = task.map(|task| self.place(task)).transpose()?;
        if let Kind::Tuning(tuning) = &mut self.environment {
            tuning.only(place)?;
        }
        let seed = match seed {
            Some(seed) => {
                (self.seed, self.unseeded) = (seed, 0);
                seed
            }
            None => {
                self.unseeded += 1;
                derived_seed(self.seed, "episode", self.unseeded)
            }
        };
        (self.cut, self.over) = (false, false);
        let observation = self.environment().reset(seed)?;
        self.seen(observation, 0.0, Status::Running, false)
    }

    fn place(&self, task: &str) -> Result<usize, Error> {
        let found = self.tasks.iter().position(|name| name == task);
        found.ok_or_else(|| {
            let allowed = match self.tasks.as_slice() {
                [] => "this environment has no tasks".to_owned(),
                tasks => format!("one of {}", tasks.join(", ")),
            };
            Error::config("task", format!("`{task}`"), allowed)
        })
    }

    /// Takes an action. In the place of a masked choice, unless that is an error, comes the one that changes nothing, or else the first
    /// that is allowed.
    ///
    /// # Errors
    /// The environment's.
    pub fn step(&mut self, action: &mut Action) -> Result<Seen, Error> {
        if self.cut {
            return Err(trimtab_env::Error::NotReset {
                environment: self.spec.name.clone(),
            }
            .into());
        }
        let replaced = !self.strict && self.allow(action)?;
        let step = self.environment().step(action)?;
        self.seen(step.observation, step.reward, step.status, replaced)
    }

    /// Takes an allowed choice for every masked one, and says whether there was any.
    fn allow(&self, action: &mut Action) -> Result<bool, Error> {
        let Some(mask) = &self.mask else {
            return Ok(false);
        };
        self.spec.check_action(action)?;
        let mut replaced = false;
        let heads = self.spec.heads.iter().zip(&mask.allowed);
        for (choice, (head, allowed)) in action.choices.iter_mut().zip(heads) {
            let may = |choice: &usize| allowed.get(*choice).copied().unwrap_or(false);
            if !may(choice) {
                let other = head.no_op().filter(may);
                *choice = other.unwrap_or_else(|| (0..allowed.len()).find(may).unwrap_or(*choice));
                replaced = true;
            }
        }
        Ok(replaced)
    }

    fn seen(
        &mut self,
        observation: Observation,
        reward: f32,
        status: Status,
        replaced: bool,
    ) -> Result<Seen, Error> {
        let outcome = if status.is_over() {
            Some(self.environment().outcome()?)
        } else {
            None
        };
        self.mask = observation.mask;
        self.over = status.is_over();
        Ok(Seen {
            features: observation.features,
            mask: self.flat_mask(),
            reward,
            status,
            replaced,
            training: self.training()?,
            outcome,
        })
    }

    /// 1 for every choice that may be taken now, head after head; `None` if all may.
    pub fn flat_mask(&self) -> Option<Vec<i8>> {
        let mask = self.mask.as_ref()?;
        let each = mask.allowed.iter().flatten();
        Some(each.map(|may| i8::from(*may)).collect())
    }

    /// How many choices there are, of all heads together.
    pub fn choices(&self) -> usize {
        self.spec.heads.iter().map(|head| head.choices.len()).sum()
    }

    fn training(&self) -> Result<Option<Training>, Error> {
        let Kind::Tuning(tuning) = &self.environment else {
            return Ok(None);
        };
        let settings = match tuning.segments().last() {
            Some(segment) => segment.settings.clone(),
            None => tuning.settings()?,
        };
        let settings = settings
            .iter()
            .map(|(name, value)| (name.to_owned(), value.clone()));
        Ok(Some(Training {
            task: tuning
                .instance()
                .and_then(|task| self.tasks.get(task))
                .cloned()
                .unwrap_or_default(),
            settings: settings.collect(),
            best_loss: tuning.best_loss(),
            spent: tuning.spent(),
        }))
    }
}

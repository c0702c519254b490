//! Whatever decides during a run: a policy, a fixed setting, chance.

use crate::policy::{Policy, Scratch, Selection};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use trimtab_env::{
    Action, Environment, EnvironmentSpec, Observation, Settings, Status, TuningEnv, stream,
};

/// What a controller decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// One choice for each head, as an agent does.
    Choose(Action),
    /// Settings outright, as fixed settings and schedules do.
    Set(Settings),
}

/// Anything that decides during a run.
pub trait Controller: Send {
    /// A name for tables and records.
    fn name(&self) -> &str;

    /// Begins a run. Everything random in its decisions follows from `seed`.
    fn begin(&mut self, seed: u64);

    /// Decides the next segment.
    fn decide(&mut self, observation: &Observation) -> Decision;
}

/// Plays one episode of a tuning environment under a controller and returns the undiscounted sum of the rewards. Both
/// decide from streams of `seed`.
///
/// # Errors
/// The environment's.
pub fn run(
    environment: &mut TuningEnv,
    controller: &mut dyn Controller,
    seed: u64,
) -> trimtab_env::Result<f64> {
    let mut observation = environment.reset(seed)?;
    controller.begin(seed);
    let mut total = 0.0;
    loop {
        let step = match controller.decide(&observation) {
            Decision::Choose(action) => environment.step(&action)?,
            Decision::Set(settings) => environment.step_with(&settings)?,
        };
        total += f64::from(step.reward);
        match step.status {
            Status::Running => observation = step.observation,
            Status::Terminated(_) | Status::Truncated(_) => return Ok(total),
        }
    }
}

/// A policy as a controller.
pub struct PolicyController {
    policy: Policy,
    selection: Selection,
    rng: ChaCha8Rng,
    scratch: Scratch,
}

impl PolicyController {
    /// A controller that acts greedily or by draws.
    pub fn new(policy: Policy, selection: Selection) -> Self {
        Self {
            policy,
            selection,
            rng: stream(0, "actions", 0),
            scratch: Scratch::default(),
        }
    }
}

impl Controller for PolicyController {
    fn name(&self) -> &str {
        "policy"
    }

    fn begin(&mut self, seed: u64) {
        self.rng = stream(seed, "actions", 0);
    }

    fn decide(&mut self, observation: &Observation) -> Decision {
        let (action, _) = self.policy.act(
            observation,
            self.selection,
            &mut self.rng,
            &mut self.scratch,
        );
        Decision::Choose(action)
    }
}

/// The same settings all along.
pub struct Constant {
    name: String,
    settings: Settings,
}

impl Constant {
    /// A constant controller under a name such as `default`.
    pub fn new(name: impl Into<String>, settings: Settings) -> Self {
        Self {
            name: name.into(),
            settings,
        }
    }
}

impl Controller for Constant {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&mut self, _seed: u64) {}

    fn decide(&mut self, _observation: &Observation) -> Decision {
        Decision::Set(self.settings.clone())
    }
}

/// Allowed choices, all equally likely.
pub struct RandomController {
    spec: EnvironmentSpec,
    rng: ChaCha8Rng,
}

impl RandomController {
    /// A random controller for an environment.
    pub fn new(spec: EnvironmentSpec) -> Self {
        Self {
            spec,
            rng: stream(0, "actions", 0),
        }
    }
}

impl Controller for RandomController {
    fn name(&self) -> &str {
        "random"
    }

    fn begin(&mut self, seed: u64) {
        self.rng = stream(seed, "actions", 0);
    }

    fn decide(&mut self, observation: &Observation) -> Decision {
        let choices = self.spec.heads.iter().enumerate().map(|(index, head)| {
            let mask = observation
                .mask
                .as_ref()
                .and_then(|mask| mask.allowed.get(index));
            let allowed: Vec<usize> = (0..head.choices.len())
                .filter(|choice| mask.is_none_or(|mask| mask[*choice]))
                .collect();
            allowed[self.rng.random_range(0..allowed.len())]
        });
        Decision::Choose(Action::new(choices.collect::<Vec<_>>()))
    }
}

/// The choice labelled `x1` of every head, always: what the knobs do by themselves. With a servo it is the servo alone,
/// with relative moves it leaves the initial settings alone. Every learned policy is to be compared with it.
#[derive(Clone, Debug)]
pub struct Unchanged {
    action: Action,
}

impl Unchanged {
    /// `None` if a head has no choice labelled `x1`.
    pub fn new(spec: &EnvironmentSpec) -> Option<Self> {
        let unchanged = |head: &trimtab_env::Head| head.choices.iter().position(|c| c == "x1");
        let choices = spec
            .heads
            .iter()
            .map(unchanged)
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            action: Action::new(choices),
        })
    }
}

impl Controller for Unchanged {
    fn name(&self) -> &str {
        "unchanged"
    }

    fn begin(&mut self, _seed: u64) {}

    fn decide(&mut self, _observation: &Observation) -> Decision {
        Decision::Choose(self.action.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_env::suite::{Identity, NoisyQuadratic};

    #[test]
    fn unchanged_leaves_the_learning_rate_where_it_began() {
        let instances = vec![NoisyQuadratic::default().into()];
        let mut environment = TuningEnv::new(instances, NoisyQuadratic::tuning()).unwrap();
        let mut controller = Unchanged::new(environment.spec()).unwrap();
        run(&mut environment, &mut controller, 3).unwrap();
        let rates: Vec<f64> = environment
            .segments()
            .iter()
            .map(|segment| segment.settings.learning_rate().unwrap())
            .collect();
        assert!(rates.iter().all(|rate| *rate == rates[0]));
        assert!(Unchanged::new(Identity::new(2, 3).spec()).is_none());
    }
}

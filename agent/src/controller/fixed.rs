//! Controllers that never change their mind.

use super::{Controller, Decision, Situation};
use trimtab_env::{Action, EnvironmentSpec, Settings};

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

    fn decide(&mut self, _situation: &Situation) -> Decision {
        Decision::Set(self.settings.clone())
    }
}

/// The choice labelled `x1` of every head, always: what the knobs do by themselves. With a servo it is the servo alone,
/// with relative moves it leaves the initial settings alone. Every learned policy is to be compared with it.
#[derive(Clone, Debug)]
pub struct NoOp {
    action: Action,
}

impl NoOp {
    /// `None` if a head has no choice labelled `x1`.
    pub fn new(spec: &EnvironmentSpec) -> Option<Self> {
        let action = spec.no_op()?;
        Some(Self { action })
    }
}

impl Controller for NoOp {
    fn name(&self) -> &str {
        "no_op"
    }

    fn begin(&mut self, _seed: u64) {}

    fn decide(&mut self, _situation: &Situation) -> Decision {
        Decision::Choose(self.action.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::run;
    use trimtab_env::Environment;
    use trimtab_env::TuningEnv;
    use trimtab_env::suite::{Identity, NoisyQuadratic};

    #[test]
    fn unchanged_leaves_the_learning_rate_where_it_began() {
        let instances = vec![NoisyQuadratic::default().into()];
        let mut environment = TuningEnv::new(instances, NoisyQuadratic::tuning()).unwrap();
        let mut controller = NoOp::new(environment.spec()).unwrap();
        run(&mut environment, &mut controller, 3).unwrap();
        let rates: Vec<f64> = environment
            .segments()
            .iter()
            .map(|segment| segment.settings.learning_rate().unwrap())
            .collect();
        assert!(rates.iter().all(|rate| *rate == rates[0]));
        assert!(NoOp::new(Identity::new(2, 3).spec()).is_none());
    }
}

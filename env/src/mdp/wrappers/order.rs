use crate::{
    Action, ActionMask, Cost, Environment, EnvironmentSpec, Error, Observation, Outcome, Result,
    Status, Step,
};

/// Refuses what the contract forbids, so that an environment need not check it itself: steps before the first reset or
/// after the end, actions outside the specification or the mask.
pub struct EnforceOrder<E> {
    inner: E,
    status: Option<Status>,
    mask: Option<ActionMask>,
}

impl<E: Environment> EnforceOrder<E> {
    /// Wraps an environment.
    pub fn new(inner: E) -> Self {
        Self {
            inner,
            status: None,
            mask: None,
        }
    }
}

impl<E: Environment> Environment for EnforceOrder<E> {
    fn spec(&self) -> &EnvironmentSpec {
        self.inner.spec()
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        self.status = None;
        let observation = self.inner.reset(seed)?;
        self.status = Some(Status::Running);
        self.mask.clone_from(&observation.mask);
        Ok(observation)
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        let spec = self.inner.spec();
        match self.status {
            None => {
                return Err(Error::NotReset {
                    environment: spec.name.clone(),
                });
            }
            Some(Status::Terminated(_) | Status::Truncated(_)) => {
                return Err(Error::EpisodeOver {
                    environment: spec.name.clone(),
                });
            }
            Some(Status::Running) => {}
        }
        spec.check_action(action)?;
        if let Some(mask) = &self.mask {
            mask.check(spec, action)?;
        }
        let step = self.inner.step(action)?;
        self.status = Some(step.status);
        self.mask.clone_from(&step.observation.mask);
        Ok(step)
    }

    fn outcome(&mut self) -> Result<Outcome> {
        self.inner.outcome()
    }

    fn spent(&self) -> Cost {
        self.inner.spent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CheckOptions, Feature, Head, Termination, check_environment};

    /// An environment that checks nothing.
    struct Careless(EnvironmentSpec, usize);

    impl Environment for Careless {
        fn spec(&self) -> &EnvironmentSpec {
            &self.0
        }
        fn reset(&mut self, _seed: u64) -> Result<Observation> {
            self.1 = 0;
            Ok(Observation::new(vec![0.0]))
        }
        fn step(&mut self, _action: &Action) -> Result<Step> {
            self.1 += 1;
            let status = if self.1 == 3 {
                Status::Terminated(Termination::Finished)
            } else {
                Status::Running
            };
            Ok(Step {
                observation: Observation::new(vec![0.0]),
                reward: 0.0,
                status,
            })
        }
    }

    #[test]
    fn a_careless_environment_becomes_correct() {
        let careless = || {
            let spec = EnvironmentSpec {
                name: "careless".to_owned(),
                features: vec![Feature::new("nothing", 0.0, 0.0)],
                heads: vec![Head::new("move", ["a", "b"])],
                horizon: 3,
            };
            Careless(spec, 0)
        };
        let options = CheckOptions::default();
        assert!(check_environment(&mut careless(), &options).len() >= 3);
        assert_eq!(
            check_environment(&mut EnforceOrder::new(careless()), &options),
            []
        );
    }
}

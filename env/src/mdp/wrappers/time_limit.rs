use crate::{
    Action, Cost, Environment, EnvironmentSpec, Observation, Outcome, Result, Status, Step,
    Truncation,
};

/// Cuts episodes off after a number of steps: [`Truncation::TimeLimit`]. The observation does not show the limit, so
/// the last state keeps its value.
pub struct TimeLimit<E> {
    inner: E,
    spec: EnvironmentSpec,
    steps: usize,
}

impl<E: Environment> TimeLimit<E> {
    /// At most `limit` steps, at least 1.
    pub fn new(inner: E, limit: usize) -> Self {
        let mut spec = inner.spec().clone();
        spec.horizon = spec.horizon.min(limit.max(1));
        Self {
            inner,
            spec,
            steps: 0,
        }
    }
}

impl<E: Environment> Environment for TimeLimit<E> {
    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        self.steps = 0;
        self.inner.reset(seed)
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        if self.steps >= self.spec.horizon {
            return Err(crate::Error::EpisodeOver {
                environment: self.spec.name.clone(),
            });
        }
        let mut step = self.inner.step(action)?;
        self.steps += 1;
        if step.status == Status::Running && self.steps >= self.spec.horizon {
            step.status = Status::Truncated(Truncation::TimeLimit);
        }
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
    use crate::suite::Identity;
    use crate::{CheckOptions, Termination, check_environment};

    #[test]
    fn cuts_off_but_does_not_hide_a_real_end() {
        let end = |limit| {
            let mut environment = TimeLimit::new(Identity::new(2, 6), limit);
            assert_eq!(
                check_environment(&mut environment, &CheckOptions::default()),
                []
            );
            environment.reset(0).unwrap();
            let mut steps = 0;
            loop {
                steps += 1;
                let status = environment.step(&Action::from(0)).unwrap().status;
                if status.is_over() {
                    return (steps, status);
                }
            }
        };
        assert_eq!(end(4), (4, Status::Truncated(Truncation::TimeLimit)));
        assert_eq!(end(6), (6, Status::Terminated(Termination::Finished)));
        assert_eq!(end(9), (6, Status::Terminated(Termination::Finished)));
    }
}

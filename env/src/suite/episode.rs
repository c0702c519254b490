//! What every environment of the suite must do in the same way: the order of calls, and how an episode ends.

use crate::{Action, EnvironmentSpec, Error, Result, Status, Termination, Truncation};

/// Where an episode is: refuses the calls that the contract forbids, counts the steps, says how it ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Episode {
    steps: usize,
    /// `None` before the first reset.
    status: Option<Status>,
}

impl Episode {
    /// Begins an episode, at reset.
    pub fn begin(&mut self) {
        self.steps = 0;
        self.status = Some(Status::Running);
    }

    /// Counts one more step and gives its number, the first is 1. An error counts nothing.
    pub fn advance(&mut self, spec: &EnvironmentSpec, action: &Action) -> Result<usize> {
        match self.status {
            Some(Status::Running) => {}
            Some(Status::Terminated(_) | Status::Truncated(_)) => {
                return Err(Error::EpisodeOver {
                    environment: spec.name.clone(),
                });
            }
            None => {
                return Err(Error::NotReset {
                    environment: spec.name.clone(),
                });
            }
        }
        spec.check_action(action)?;
        self.steps += 1;
        Ok(self.steps)
    }

    /// The status after the step: terminated where there is a reason, else truncated after `limit` steps.
    pub fn conclude(&mut self, termination: Option<Termination>, limit: usize) -> Status {
        let status = match termination {
            Some(reason) => Status::Terminated(reason),
            None if self.steps >= limit => Status::Truncated(Truncation::TimeLimit),
            None => Status::Running,
        };
        self.status = Some(status);
        status
    }

    /// Steps taken in this episode.
    pub fn steps(&self) -> usize {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Feature, Head};

    #[test]
    fn the_order_of_calls_is_enforced_and_a_reason_comes_before_the_limit() {
        let spec = EnvironmentSpec {
            name: "any".to_owned(),
            features: vec![Feature::new("x", 0.0, 1.0)],
            heads: vec![Head::new("move", ["a", "b"])],
            horizon: 2,
        };
        let mut episode = Episode::default();
        let (good, bad) = (Action::from(1), Action::from(2));
        assert!(matches!(
            episode.advance(&spec, &good),
            Err(Error::NotReset { .. })
        ));
        episode.begin();
        assert!(episode.advance(&spec, &bad).is_err());
        assert_eq!(episode.steps(), 0);
        assert_eq!(episode.advance(&spec, &good).unwrap(), 1);
        assert_eq!(episode.conclude(None, 2), Status::Running);
        assert_eq!(episode.advance(&spec, &good).unwrap(), 2);
        assert_eq!(
            episode.conclude(None, 2),
            Status::Truncated(Truncation::TimeLimit)
        );
        assert!(matches!(
            episode.advance(&spec, &good),
            Err(Error::EpisodeOver { .. })
        ));
        episode.begin();
        episode.advance(&spec, &good).unwrap();
        assert_eq!(
            episode.conclude(Some(Termination::Failed), 1),
            Status::Terminated(Termination::Failed)
        );
    }
}

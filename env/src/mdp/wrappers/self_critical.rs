use crate::{
    Action, Cost, Environment, EnvironmentSpec, Error, Head, Observation, Outcome, Result, Step,
};

/// Rewards by how much better an episode is than one with the same seed that always takes the same action (self-critical training:
/// Rennie et al. 2017, "Self-critical sequence training for image captioning", equation 9, with a fixed action as the critic). How
/// easy the seed is then drops out of the return, and what is left is what the actions do. What is subtracted is a baseline that
/// depends on the seed and not on the actions, so the gradient is the same on average. It costs two episodes for one.
///
/// The reward of each step is reduced by that of the same step of the other episode; if that one is longer, its remaining rewards
/// are subtracted at the end, so that the sum of the rewards is the difference of the two returns.
pub struct SelfCritical<E> {
    inner: E,
    critic: Action,
    rewards: Vec<f32>,
    steps: usize,
    cost: Cost,
}

impl<E: Environment> SelfCritical<E> {
    /// Compares with an episode of this action.
    ///
    /// # Errors
    /// [`Error::ActionHeads`] or [`Error::ActionChoice`] if the environment has no such action.
    pub fn new(inner: E, critic: Action) -> Result<Self> {
        inner.spec().check_action(&critic)?;
        Ok(Self {
            inner,
            critic,
            rewards: Vec::new(),
            steps: 0,
            cost: 0.0,
        })
    }

    /// Compares with an episode in which nothing is changed: with [`Head::no_op`] of every head.
    ///
    /// # Errors
    /// [`Error::Config`] if a head has no such choice.
    pub fn against_no_op(inner: E) -> Result<Self> {
        let Some(critic) = inner.spec().no_op() else {
            let without = |head: &&Head| head.no_op().is_none();
            let (field, choices) = match inner.spec().heads.iter().find(without) {
                Some(head) => (format!("choices of {}", head.name), head.choices.join(", ")),
                None => ("heads".to_owned(), String::new()),
            };
            let allowed = "a self-critical reward compares with the choice x1 of every head, which changes nothing: add it";
            return Err(Error::config(field, choices, allowed));
        };
        Self::new(inner, critic)
    }
}

impl<E: Environment> Environment for SelfCritical<E> {
    fn spec(&self) -> &EnvironmentSpec {
        self.inner.spec()
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        self.inner.reset(seed)?;
        self.rewards.clear();
        self.steps = 0;
        loop {
            let step = self.inner.step(&self.critic)?;
            self.rewards.push(step.reward);
            if step.status.is_over() {
                break;
            }
        }
        self.cost = self.inner.spent();
        self.inner.reset(seed)
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        let mut step = self.inner.step(action)?;
        let end = if step.status.is_over() {
            self.rewards.len().max(self.steps)
        } else {
            self.rewards.len().min(self.steps + 1)
        };
        let expected = self.rewards.get(self.steps..end).unwrap_or_default();
        step.reward -= expected.iter().sum::<f32>();
        self.steps += 1;
        Ok(step)
    }

    fn outcome(&mut self) -> Result<Outcome> {
        self.inner.outcome()
    }

    /// Includes the episode that is compared with.
    fn spent(&self) -> Cost {
        self.cost + self.inner.spent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{Identity, NoisyQuadratic};
    use crate::{CheckOptions, TuningEnv, check_environment};

    /// The rewards of an episode that begins with one action and goes on with another.
    fn play(
        environment: &mut dyn Environment,
        seed: u64,
        first: &Action,
        then: &Action,
    ) -> Vec<f32> {
        environment.reset(seed).unwrap();
        let mut rewards = Vec::new();
        loop {
            let action = if rewards.is_empty() { first } else { then };
            let step = environment.step(action).unwrap();
            rewards.push(step.reward);
            if step.status.is_over() {
                return rewards;
            }
        }
    }

    #[test]
    fn the_return_is_the_difference_of_two() {
        let tuning = || {
            let instances = vec![NoisyQuadratic::default().into()];
            TuningEnv::new(instances, NoisyQuadratic::tuning()).unwrap()
        };
        let mut plain = tuning();
        let mut critical = SelfCritical::against_no_op(tuning()).unwrap();
        let no_op = plain.spec().no_op().unwrap();
        let nothing = play(&mut critical, 3, &no_op, &no_op);
        assert!(nothing.iter().all(|reward| *reward == 0.0), "{nothing:?}");
        let mut other = no_op.clone();
        other.choices[0] += 1;
        let difference = play(&mut critical, 3, &other, &no_op);
        let with = play(&mut plain, 3, &other, &no_op);
        let without = play(&mut plain, 3, &no_op, &no_op);
        let sum = |rewards: &[f32]| rewards.iter().sum::<f32>();
        let wanted = sum(&with) - sum(&without);
        assert!((sum(&difference) - wanted).abs() < 1e-4 && wanted.abs() > 1e-3);
        assert!((difference[0] - (with[0] - without[0])).abs() < 1e-6);
        assert!(critical.spent() > 1.5 * plain.spent());
        assert_eq!(
            check_environment(&mut critical, &CheckOptions::default()),
            []
        );
    }

    /// An environment of which one action ends the episode and each step costs 1.
    struct Walk {
        spec: EnvironmentSpec,
        steps: usize,
    }

    impl Environment for Walk {
        fn spec(&self) -> &EnvironmentSpec {
            &self.spec
        }

        fn reset(&mut self, _seed: u64) -> Result<Observation> {
            self.steps = 0;
            Ok(Observation::new(vec![0.0]))
        }

        fn step(&mut self, action: &Action) -> Result<Step> {
            self.steps += 1;
            let over = action.choices[0] == 1 && self.steps == 2 || self.steps == 5;
            Ok(Step {
                observation: Observation::new(vec![0.0]),
                reward: -1.0,
                status: if over {
                    crate::Status::Terminated(crate::Termination::Finished)
                } else {
                    crate::Status::Running
                },
            })
        }
    }

    #[test]
    fn episodes_of_other_lengths_are_settled() {
        let walk = || Walk {
            spec: EnvironmentSpec {
                name: "walk".to_owned(),
                features: vec![crate::Feature::new("nothing", 0.0, 1.0)],
                heads: vec![Head::new("leave", ["no", "yes"])],
                horizon: 5,
            },
            steps: 0,
        };
        let (stay, leave) = (Action::from(0), Action::from(1));
        let mut critical = SelfCritical::new(walk(), stay.clone()).unwrap();
        assert_eq!(play(&mut critical, 0, &leave, &leave), [0.0, 3.0]);
        let mut critical = SelfCritical::new(walk(), leave).unwrap();
        let longer = play(&mut critical, 0, &stay, &stay);
        assert_eq!(longer, [0.0, 0.0, -1.0, -1.0, -1.0]);
    }

    #[test]
    fn an_action_that_is_not_there_is_refused() {
        assert!(SelfCritical::new(Identity::new(2, 5), Action::from(2)).is_err());
        let error = SelfCritical::against_no_op(Identity::new(2, 5))
            .err()
            .unwrap();
        let message = error.to_string();
        assert!(
            message.contains("choices of symbol: 0, 1") && message.contains("x1"),
            "{message}"
        );
    }
}

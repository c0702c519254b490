//! The simplest environment from which anything can be learned.

use crate::{
    Action, Environment, EnvironmentSpec, Error, Feature, Head, Observation, Result, Status, Step,
    Termination, stream,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Shows one of `n` symbols, one-hot, and pays 1 for naming it. The best return is the horizon, a random policy's is
/// `horizon / n`. (Stable-Baselines3 tests its algorithms on the same idea.)
pub struct Identity {
    spec: EnvironmentSpec,
    rng: ChaCha8Rng,
    shown: usize,
    steps: Option<usize>,
}

impl Identity {
    /// An environment with `n` symbols and `horizon` steps an episode; both at least 1.
    pub fn new(n: usize, horizon: usize) -> Self {
        let n = n.max(1);
        Self {
            spec: EnvironmentSpec {
                name: "identity".to_owned(),
                features: (0..n)
                    .map(|i| Feature::new(format!("symbol_{i}"), 0.0, 1.0))
                    .collect(),
                heads: vec![Head::new("symbol", 0..n)],
                horizon: horizon.max(1),
            },
            rng: stream(0, "identity", 0),
            shown: 0,
            steps: None,
        }
    }

    fn show(&mut self) -> Observation {
        let n = self.spec.features.len();
        self.shown = self.rng.random_range(0..n);
        Observation::new(
            (0..n)
                .map(|i| f32::from(u8::from(i == self.shown)))
                .collect(),
        )
    }
}

impl Environment for Identity {
    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        self.rng = stream(seed, "identity", 0);
        self.steps = Some(0);
        Ok(self.show())
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        let environment = || self.spec.name.clone();
        let steps = self.steps.ok_or_else(|| Error::NotReset {
            environment: environment(),
        })?;
        if steps >= self.spec.horizon {
            return Err(Error::EpisodeOver {
                environment: environment(),
            });
        }
        self.spec.check_action(action)?;
        let reward = if action.choices[0] == self.shown {
            1.0
        } else {
            0.0
        };
        self.steps = Some(steps + 1);
        // The symbols are independent draws, so a finished episode has no value left.
        let status = if steps + 1 == self.spec.horizon {
            Status::Terminated(Termination::Finished)
        } else {
            Status::Running
        };
        Ok(Step {
            observation: self.show(),
            reward,
            status,
        })
    }
}

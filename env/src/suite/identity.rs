//! The simplest environment from which anything can be learned.

use super::episode::Episode;
use crate::{
    Action, Environment, EnvironmentSpec, Feature, Head, Observation, Result, Step, Termination,
    stream,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Shows one of `n` symbols, one-hot; the reward for naming it is 1. The best return is the horizon, a random policy's is
/// `horizon / n`. (Stable-Baselines3 tests its algorithms on the same idea.)
pub struct Identity {
    spec: EnvironmentSpec,
    rng: ChaCha8Rng,
    shown: usize,
    episode: Episode,
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
            episode: Episode::default(),
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
        self.episode.begin();
        Ok(self.show())
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        let step = self.episode.advance(&self.spec, action)?;
        let reward = if action.choices[0] == self.shown {
            1.0
        } else {
            0.0
        };
        // The symbols are independent draws, so a finished episode has no value left.
        let horizon = self.spec.horizon;
        let finished = (step == horizon).then_some(Termination::Finished);
        let status = self.episode.conclude(finished, horizon);
        Ok(Step {
            observation: self.show(),
            reward,
            status,
        })
    }
}

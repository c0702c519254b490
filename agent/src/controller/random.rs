//! A random controller.

use super::{Controller, Decision, Situation};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use trimtab_env::{Action, EnvironmentSpec, stream};

/// Chooses among the allowed choices, all equally likely.
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

    fn decide(&mut self, situation: &Situation) -> Decision {
        let choices = self.spec.heads.iter().enumerate().map(|(index, head)| {
            let mask = situation
                .observation
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

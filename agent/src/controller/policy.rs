//! A policy as a controller.

use super::{Controller, Decision, Situation};
use crate::policy::{Policy, Scratch, Selection};
use rand_chacha::ChaCha8Rng;
use trimtab_env::stream;

/// A policy as a controller.
pub struct PolicyController {
    policy: Policy,
    selection: Selection,
    rng: ChaCha8Rng,
    scratch: Scratch,
}

impl PolicyController {
    /// A controller that acts greedily or samples.
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

    fn decide(&mut self, situation: &Situation) -> Decision {
        let acted = self.policy.act(
            situation.observation,
            self.selection,
            &mut self.rng,
            &mut self.scratch,
        );
        match acted {
            Ok((action, _)) => Decision::Choose(action),
            Err(error) => Decision::Fail(error.to_string()),
        }
    }
}

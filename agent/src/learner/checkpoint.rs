//! What a learner needs to go on after a restart.

use crate::learner::algorithm::Algorithm;
use crate::policy::perceptron::Perceptron;
use crate::policy::{parse_json, read, write_json};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use trimtab_env::EnvironmentSpec;
use trimtab_env::wrappers::{ReturnScale, RunningMoments};
use trimtab_program::Adam;

/// Everything that a learner needs to go on after a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub(crate) version: u64,
    pub(crate) spec: EnvironmentSpec,
    pub(crate) algorithm: Algorithm,
    pub(crate) seed: u64,
    pub(crate) updates: u64,
    pub(crate) actor: Perceptron,
    pub(crate) critic: Perceptron,
    pub(crate) optimizer: Adam,
    pub(crate) moments: Option<RunningMoments>,
    pub(crate) return_scale: Option<ReturnScale>,
}

/// The version of the file format.
pub(crate) const CHECKPOINT_VERSION: u64 = 3;

impl Checkpoint {
    /// Writes the checkpoint as JSON, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_json(path.as_ref(), self)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Version`] or [`Error::Damaged`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let checkpoint: Self = parse_json(&read(path)?, path, "checkpoint", CHECKPOINT_VERSION)?;
        if checkpoint.fits() {
            Ok(checkpoint)
        } else {
            Err(Error::Damaged {
                path: path.to_owned(),
                kind: "checkpoint",
                problem: "its weights do not fit its specification".to_owned(),
            })
        }
    }

    /// Whether all parts fit the specification.
    pub(crate) fn fits(&self) -> bool {
        let outputs = self.spec.choices().iter().sum();
        let features = self.spec.features.len();
        let weights = self.actor.weights().count() + self.critic.weights().count();
        self.actor.fits(features, outputs)
            && self.critic.fits(features, 1)
            && self.optimizer.fits(weights)
    }
}

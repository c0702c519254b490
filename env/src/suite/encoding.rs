//! The ways in which an algorithm-configuration environment shows its state.

use serde::{Deserialize, Serialize};

/// How an observation is written down. [`Encoding::Raw`] and [`Encoding::Normalised`] tell the agent the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// The numbers of the benchmark's definition, for comparison with published results.
    #[default]
    Raw,
    /// The same on a scale near 1, from which a network learns faster.
    Normalised,
    /// The normalised numbers, and what somebody who knows the problem would compute from the state and the instance. What
    /// is added is said by each environment; one that adds nothing has the normalised encoding under another name.
    Engineered,
}

impl Encoding {
    /// Name of a feature. It depends on the encoding, so that a policy for the one is not taken for one for the other.
    pub(super) fn feature_name(self, name: &str) -> String {
        match self {
            Self::Raw => name.to_owned(),
            Self::Normalised => format!("{name}_normalised"),
            Self::Engineered => format!("{name}_engineered"),
        }
    }
}

//! The two ways in which an algorithm-configuration environment shows its state.

use serde::{Deserialize, Serialize};

/// How an observation is written down. Both encodings tell the agent the same, unless the environment says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// The numbers of the benchmark's definition, for comparison with published results.
    #[default]
    Raw,
    /// The same on a scale near 1, from which a network learns faster.
    Normalised,
}

impl Encoding {
    /// Name of a feature. It depends on the encoding, so that a policy for the one is not taken for one for the other.
    pub(super) fn feature_name(self, name: &str) -> String {
        match self {
            Self::Raw => name.to_owned(),
            Self::Normalised => format!("{name}_normalised"),
        }
    }
}

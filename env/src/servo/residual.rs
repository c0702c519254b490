//! Policies that add to a context servo, for trainings outside of an environment.

use crate::{Action, Knob, Observation, ObservationConfig};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// What a policy moves and sees: the part of the process it was trained in that it has to meet again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// What it moves: knobs with [`crate::Moves::Residual`], and [`Knob::rollback`].
    pub knobs: Vec<Knob>,
    /// What it sees.
    #[serde(default)]
    pub observation: ObservationConfig,
}

/// Maps an observation, which has the features of the base controller, to one choice for each knob.
pub type Choose = Arc<dyn Fn(&Observation) -> Action + Send + Sync>;

/// A policy on the residual of a context servo.
#[derive(Clone)]
pub struct ResidualPolicy {
    /// What it moves and sees.
    pub residual: Residual,
    /// How it chooses.
    pub choose: Choose,
    /// The policy as whoever made this reads it, from which another process makes it again; none where it cannot.
    pub text: Option<Arc<[u8]>>,
}

impl fmt::Debug for ResidualPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("ResidualPolicy");
        debug
            .field("residual", &self.residual)
            .finish_non_exhaustive()
    }
}

/// Two are equal if they are copies of one.
impl PartialEq for ResidualPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.residual == other.residual && Arc::ptr_eq(&self.choose, &other.choose)
    }
}

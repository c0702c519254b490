//! Units that leave a network while it is trained.

pub(crate) mod pruner;

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
pub use trimtab_program::pruning::{Parts, Sum};

/// How a network is pruned while it is trained: which of its units are the least important, how much is to be gone in the end, and when. Units
/// leave between segments, as many as the setting [`PRUNE`](trimtab_env::settings::PRUNE) says.
///
/// ```
/// # use trimtab_models::Pruning;
/// let half: Pruning = ron::from_str("(target: Some(0.5))")?;
/// let channels: Pruning = ron::from_str("(target: Some(0.25), of: Units, importance: Taylor(sum: Inside, of: Outgoing))")?;
/// # Ok::<(), ron::error::SpannedError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pruning {
    /// The share that is to be gone in the end, above 0 and below 1. A smaller network is then better than a larger one until it is, and units leave for
    /// it even if they are above their threshold. `None` asks for nothing: whoever moves the setting weighs loss against cost, and only
    /// units below their threshold leave.
    pub target: Option<f64>,
    /// The largest share that leaves where there is no target, above 0 and below 1.
    pub most: f64,
    /// Of what that is a share.
    pub of: Measure,
    /// What makes a unit important.
    pub importance: Importance,
    /// Which layers lose units, from 0 at the inputs; all hidden ones if there are none.
    pub layers: Vec<usize>,
    /// The share of its units that every layer keeps, from 0 to 1, and one in any case.
    pub least: f64,
    /// The `a` of the threshold `tau_t = a tau_(t-1) + (1 - a) mean |dL|`, at least 0 and below 1.
    pub smoothing: f64,
    /// How many updates pass from one that is looked at to the next, at least 1.
    pub interval: u64,
    /// No unit leaves before this many updates.
    pub warm_up: u64,
    /// The shares of the budget where units begin to leave and where the target is reached, in trainings that follow a schedule of
    /// their own: what is gone by the share `f` is `target (1 - (1 - (f - begin) / (end - begin))^3)` (Zhu and Gupta 2017, "To prune, or not to
    /// prune", equation 1).
    pub begin: f64,
    /// See `begin`.
    pub end: f64,
}

/// Of what shares are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    /// Weights.
    #[default]
    Weights,
    /// Multiplications and additions of an example.
    Operations,
    /// Units of the layers that lose some.
    Units,
}

/// What makes a unit important.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Importance {
    /// How much the loss would change without it, to first order: [`trimtab_program::pruning::importance`]. The mean over the updates that were
    /// looked at since units last left.
    Taylor {
        /// What is made of `w dL/dw`.
        #[serde(default)]
        sum: Sum,
        /// Which weights of a unit count.
        #[serde(default)]
        of: Parts,
    },
    /// How large its weights are: `sum |w|^power`.
    Magnitude {
        /// The power, 1 or 2.
        #[serde(default = "one")]
        power: i32,
    },
    /// Nothing: units leave at random, to compare.
    Random,
}

fn one() -> i32 {
    1
}

impl Default for Importance {
    fn default() -> Self {
        Self::Taylor {
            sum: Sum::default(),
            of: Parts::default(),
        }
    }
}

impl Default for Pruning {
    fn default() -> Self {
        Self {
            target: None,
            most: 0.9,
            of: Measure::default(),
            importance: Importance::default(),
            layers: Vec::new(),
            least: 0.1,
            smoothing: 0.9,
            interval: 4,
            warm_up: 8,
            begin: 0.1,
            end: 0.6,
        }
    }
}

impl Pruning {
    /// With this share gone in the end.
    pub fn to(target: f64) -> Self {
        Self {
            target: Some(target),
            ..Self::default()
        }
    }

    /// The largest share that may leave.
    pub fn limit(&self) -> f64 {
        self.target.unwrap_or(self.most)
    }

    /// The share of what is left that leaves where the share `f` of the budget is spent and the share `left` of the network is there, so that the
    /// schedule is kept; 0 without a target.
    pub fn due(&self, f: f64, left: f64) -> f64 {
        let Some(target) = self.target.filter(|_| f >= self.begin) else {
            return 0.0;
        };
        let progress = ((f - self.begin) / (self.end - self.begin)).clamp(0.0, 1.0);
        let gone = target * (1.0 - (1.0 - progress).powi(3));
        (1.0 - (1.0 - gone) / left).max(0.0)
    }

    /// Checks every number.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field.
    pub fn validate(&self) -> Result<()> {
        let fault = |field: &str, given: String, allowed: &str| {
            Err(Error::Config {
                field: format!("pruning.{field}"),
                given,
                allowed: allowed.to_owned(),
            })
        };
        let inside = |x: f64| x > 0.0 && x < 1.0;
        let share = "a number above 0 and below 1";
        if let Some(target) = self.target.filter(|target| !inside(*target)) {
            return fault("target", target.to_string(), share);
        }
        if !inside(self.most) {
            return fault("most", self.most.to_string(), share);
        }
        if !(0.0..=1.0).contains(&self.least) {
            return fault("least", self.least.to_string(), "a share from 0 to 1");
        }
        if !(0.0..1.0).contains(&self.smoothing) {
            let allowed = "a number from 0, and below 1";
            return fault("smoothing", self.smoothing.to_string(), allowed);
        }
        if self.interval == 0 {
            return fault("interval", "0".to_owned(), "at least 1 update");
        }
        if !(0.0 <= self.begin && self.begin < self.end && self.end <= 1.0) {
            let given = format!("{} with end: {}", self.begin, self.end);
            let allowed = "shares of the budget from 0 to 1, begin before end";
            return fault("begin", given, allowed);
        }
        match self.importance {
            Importance::Magnitude { power } if !(1..=2).contains(&power) => {
                fault("importance.power", power.to_string(), "1 or 2")
            }
            Importance::Taylor { .. } | Importance::Magnitude { .. } | Importance::Random => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_begins_ends_and_catches_up() {
        let pruning = Pruning::to(0.5);
        assert_eq!(pruning.due(0.05, 1.0), 0.0);
        assert_eq!(pruning.due(0.1, 1.0), 0.0);
        // Half way an eighth of the target is still to go.
        assert!((pruning.due(0.35, 1.0) - 0.5 * 0.875).abs() < 1e-12);
        assert!((pruning.due(0.6, 1.0) - 0.5).abs() < 1e-12);
        assert!((pruning.due(0.9, 0.8) - 0.375).abs() < 1e-12);
        assert_eq!(pruning.due(0.9, 0.49), 0.0);
        assert_eq!(Pruning::default().due(0.9, 1.0), 0.0);
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        for (text, field) in [
            ("(target: Some(1.0))", "target"),
            ("(target: Some(-0.1))", "target"),
            ("(most: 0.0)", "most"),
            ("(least: 1.5)", "least"),
            ("(smoothing: 1.0)", "smoothing"),
            ("(interval: 0)", "interval"),
            ("(begin: 0.7)", "begin"),
            ("(end: 1.1)", "begin"),
            ("(importance: Magnitude(power: 3))", "power"),
        ] {
            let pruning: Pruning = ron::from_str(text).unwrap();
            let message = pruning.validate().unwrap_err().to_string();
            assert!(message.contains(&format!("{field}: ")), "{text}: {message}");
        }
        Pruning::to(0.5).validate().unwrap();
    }
}

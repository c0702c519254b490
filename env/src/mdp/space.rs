//! What an environment shows and what it can be told: features, heads, observations, actions, masks.

use crate::files::renamed;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// One number of an observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// What it measures.
    #[serde(deserialize_with = "renamed::feature")]
    pub name: String,
    /// Smallest value it can take.
    #[serde(with = "bound::low")]
    pub low: f32,
    /// Largest value it can take.
    #[serde(with = "bound::high")]
    pub high: f32,
}

impl Feature {
    /// A feature with its bounds, which may be infinite.
    pub fn new(name: impl Into<String>, low: f32, high: f32) -> Self {
        Self {
            name: name.into(),
            low,
            high,
        }
    }
}

/// One discrete decision of an action, with a label for each choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "AsWritten")]
pub struct Head {
    /// What is decided.
    pub name: String,
    /// What each choice means.
    pub choices: Vec<String>,
}

/// A head in a file, maybe with names of an earlier version.
#[derive(Deserialize)]
struct AsWritten {
    name: String,
    choices: Vec<String>,
}

impl From<AsWritten> for Head {
    fn from(AsWritten { name, choices }: AsWritten) -> Self {
        let choices = choices.into_iter();
        let choices = choices
            .map(|choice| renamed::choice(&name, choice))
            .collect();
        Self {
            name: renamed::setting_name(name),
            choices,
        }
    }
}

impl Head {
    /// Which of its choices changes nothing: the one labelled `x1`, a factor of 1, or `none`, as of weights to go back to and of units to prune.
    pub fn no_op(&self) -> Option<usize> {
        let labels = self.choices.iter();
        labels
            .map(String::as_str)
            .position(|label| label == "x1" || label == "none")
    }

    /// A head and the labels of its choices.
    pub fn new<T: ToString>(name: impl Into<String>, choices: impl IntoIterator<Item = T>) -> Self {
        Self {
            name: name.into(),
            choices: choices
                .into_iter()
                .map(|choice| choice.to_string())
                .collect(),
        }
    }
}

/// What an environment's observations and actions look like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentSpec {
    /// Name of the environment.
    pub name: String,
    /// One entry for each number of an observation.
    pub features: Vec<Feature>,
    /// One entry for each decision of an action.
    pub heads: Vec<Head>,
    /// No episode has more steps than this.
    pub horizon: usize,
}

impl EnvironmentSpec {
    /// Number of choices of each head.
    pub fn choices(&self) -> Vec<usize> {
        self.heads.iter().map(|head| head.choices.len()).collect()
    }

    /// The action that changes nothing; `None` if a head has no such choice.
    pub fn no_op(&self) -> Option<Action> {
        let choices: Option<Vec<usize>> = self.heads.iter().map(Head::no_op).collect();
        choices.map(Action::new)
    }

    /// Checks that `action` has one choice a head, each within its head.
    ///
    /// # Errors
    /// [`Error::ActionHeads`] or [`Error::ActionChoice`].
    pub fn check_action(&self, action: &Action) -> Result<()> {
        if action.choices.len() != self.heads.len() {
            return Err(Error::ActionHeads {
                environment: self.name.clone(),
                given: action.choices.len(),
                expected: self.heads.len(),
                heads: self
                    .heads
                    .iter()
                    .map(|head| head.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        }
        for (head, &choice) in self.heads.iter().zip(&action.choices) {
            if choice >= head.choices.len() {
                return Err(Error::ActionChoice {
                    head: head.name.clone(),
                    given: choice,
                    last: head.choices.len().saturating_sub(1),
                });
            }
        }
        Ok(())
    }

    /// How this specification differs from `other` in what a policy depends on, in words; `None` if it does not.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let names =
            |spec: &Self| -> Vec<String> { spec.features.iter().map(|f| f.name.clone()).collect() };
        let (mine, theirs) = (names(self), names(other));
        if mine != theirs {
            let missing: Vec<_> = mine
                .iter()
                .filter(|n| !theirs.contains(n))
                .cloned()
                .collect();
            let extra: Vec<_> = theirs
                .iter()
                .filter(|n| !mine.contains(n))
                .cloned()
                .collect();
            return Some(if missing.is_empty() && extra.is_empty() {
                format!(
                    "the features come in another order: {} against {}",
                    mine.join(", "),
                    theirs.join(", ")
                )
            } else {
                format!(
                    "features only in the first: [{}]; only in the second: [{}]",
                    missing.join(", "),
                    extra.join(", ")
                )
            });
        }
        if self.heads != other.heads {
            let describe = |spec: &Self| -> String {
                spec.heads
                    .iter()
                    .map(|head| format!("{} {{{}}}", head.name, head.choices.join(", ")))
                    .collect::<Vec<_>>()
                    .join("; ")
            };
            return Some(format!(
                "the action heads are [{}] against [{}]",
                describe(self),
                describe(other)
            ));
        }
        None
    }
}

/// Which choices are allowed now: `allowed[head][choice]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionMask {
    /// `true` where the choice may be taken.
    pub allowed: Vec<Vec<bool>>,
}

impl ActionMask {
    /// Checks that every choice of `action` is allowed. The action must fit `spec` already.
    ///
    /// # Errors
    /// [`Error::ActionMasked`] for the first head that chose a forbidden one.
    pub fn check(&self, spec: &EnvironmentSpec, action: &Action) -> Result<()> {
        for ((allowed, head), &choice) in self.allowed.iter().zip(&spec.heads).zip(&action.choices)
        {
            if !allowed.get(choice).copied().unwrap_or(false) {
                return Err(Error::ActionMasked {
                    head: head.name.clone(),
                    given: choice,
                });
            }
        }
        Ok(())
    }
}

/// Infinite bounds are absent in files: JSON has no infinity.
mod bound {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    fn write<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
        value.is_finite().then_some(*value).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, absent: f32) -> Result<f32, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(absent))
    }

    pub mod low {
        use super::*;

        pub fn serialize<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
            write(value, serializer)
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
            read(deserializer, f32::NEG_INFINITY)
        }
    }

    pub mod high {
        use super::*;

        pub fn serialize<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
            write(value, serializer)
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
            read(deserializer, f32::INFINITY)
        }
    }
}

/// What the agent sees: one number for each [`Feature`], and optionally which actions are allowed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The features' values, in the order of the specification.
    pub features: Vec<f32>,
    /// `None` allows everything.
    pub mask: Option<ActionMask>,
}

impl Observation {
    /// An observation without a mask.
    pub fn new(features: Vec<f32>) -> Self {
        Self {
            features,
            mask: None,
        }
    }
}

/// What the agent decides: the index of one choice for each [`Head`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Action {
    /// One index a head.
    pub choices: Vec<usize>,
}

impl Action {
    /// An action from its choices.
    pub fn new(choices: impl Into<Vec<usize>>) -> Self {
        Self {
            choices: choices.into(),
        }
    }
}

impl From<usize> for Action {
    /// The action of an environment with a single head.
    fn from(choice: usize) -> Self {
        Self {
            choices: vec![choice],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> EnvironmentSpec {
        EnvironmentSpec {
            name: "s".into(),
            features: vec![Feature::new("x", -1.0, 1.0), Feature::new("y", 0.0, 1.0)],
            heads: vec![
                Head::new("lr", ["down", "up"]),
                Head::new("batch", ["16", "32", "64"]),
            ],
            horizon: 3,
        }
    }

    #[test]
    fn infinite_bounds_survive_a_file() {
        let feature = Feature::new("speed", f32::NEG_INFINITY, f32::INFINITY);
        let text = serde_json::to_string(&feature).unwrap();
        assert_eq!(serde_json::from_str::<Feature>(&text).unwrap(), feature);
        let finite = Feature::new("angle", -1.5, 2.0);
        let text = serde_json::to_string(&finite).unwrap();
        assert!(text.contains("-1.5"), "{text}");
        assert_eq!(serde_json::from_str::<Feature>(&text).unwrap(), finite);
    }

    #[test]
    fn wrong_actions_name_the_head() {
        let spec = spec();
        assert!(spec.check_action(&Action::new([1, 2])).is_ok());
        let short = spec
            .check_action(&Action::new([1]))
            .unwrap_err()
            .to_string();
        assert!(short.contains("lr, batch"), "{short}");
        let wide = spec
            .check_action(&Action::new([0, 3]))
            .unwrap_err()
            .to_string();
        assert!(wide.contains("batch") && wide.contains("0 to 2"), "{wide}");
    }

    #[test]
    fn masked_choice_is_refused() {
        let mask = ActionMask {
            allowed: vec![vec![true, false], vec![true, true, true]],
        };
        assert!(mask.check(&spec(), &Action::new([0, 1])).is_ok());
        assert!(mask.check(&spec(), &Action::new([1, 1])).is_err());
    }

    #[test]
    fn differences_are_named() {
        let mut other = spec();
        assert_eq!(spec().difference(&other), None);
        other.features[1].name = "z".into();
        let words = spec().difference(&other).unwrap();
        assert!(words.contains("[y]") && words.contains("[z]"), "{words}");
        let mut other = spec();
        other.heads[0].choices.pop();
        assert!(spec().difference(&other).unwrap().contains("{down}"));
        let mut other = spec();
        other.features.swap(0, 1);
        assert!(spec().difference(&other).unwrap().contains("order"));
    }
}

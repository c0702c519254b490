//! Hyperparameters as plain data.

use crate::files::renamed;
use crate::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Name of the setting that every gradient-based trainee has: the step size of its optimiser.
pub const LEARNING_RATE: &str = "learning_rate";
/// Name of the setting that every minibatch trainee has: examples an update.
pub const BATCH_SIZE: &str = "batch_size";
/// Name of the part of the weights that each update takes away, `w <- w (1 - independent_weight_decay)`, whatever the learning rate
/// is: independent weight decay (Loshchilov and Hutter 2019, "Decoupled weight decay regularization"; so called by Wortsman et al.
/// 2024, "Small-scale proxies for large-scale transformer training instabilities"), where AdamW's own option `weight_decay`, as
/// PyTorch has it, is a factor on the learning rate. It comes on top of what the optimiser itself decays. 0 if it is not set.
///
/// Files that call it `weight_decay`, its name before, are read.
pub const INDEPENDENT_WEIGHT_DECAY: &str = "independent_weight_decay";
/// Name of the rate at which averaged weights forget: after each update `e <- e + (w - e) / (1 + averaging t)`, with `t`
/// updates so far, and `e` is what is evaluated. From 0, not to average, to 1, the mean of all weights so far; in between it
/// is polynomial-decay averaging (Shamir and Zhang 2013) of degree `1 / averaging - 1`. 0 if it is not set.
pub const AVERAGING: &str = "averaging";

/// Name of the share of what is left of a network that leaves it before the next segment, from 0 to 1: units or channels, the least
/// important first. A training that prunes ([`crate::Pruned`]) understands it, up to the limit of its own configuration. 0 if it is not set.
pub const PRUNE: &str = "prune";

/// The settings that every training of a burn model understands.
pub const OF_TRAININGS: [&str; 4] = [
    LEARNING_RATE,
    BATCH_SIZE,
    INDEPENDENT_WEIGHT_DECAY,
    AVERAGING,
];

/// Name of the setting that says from which weights a segment begins: [`NO_ROLLBACK`], those that the segment before left, which also
/// holds if it is not set, or [`BEST`]. A [`crate::TuningEnv`] sees to it, whatever the trainee is.
pub const ROLLBACK: &str = "rollback";
/// The weights as they are.
pub const NO_ROLLBACK: &str = "none";
/// The weights, the optimiser's state and what a base controller had measured, as they were at the best validation loss so far.
pub const BEST: &str = "best";

/// The value of one hyperparameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A number; integers are held exactly up to 2^53.
    Number(f64),
    /// One of several named alternatives.
    Category(String),
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Category(category) => write!(formatter, "{category}"),
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(category: &str) -> Self {
        Self::Category(category.to_owned())
    }
}

/// The hyperparameters that hold during one segment, by name.
///
/// ```
/// use trimtab_env::Settings;
/// let settings = Settings::new(0.1, 32).with("dropout", 0.2);
/// assert_eq!(settings.batch_size()?, 32);
/// assert_eq!(settings.number("dropout")?, 0.2);
/// # Ok::<(), trimtab_env::Error>(())
/// ```
///
/// Which names a training understands is in its [`crate::TraineeSpec`]; it refuses others. The environment page lists them with their
/// units.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings {
    #[serde(deserialize_with = "values_now")]
    values: BTreeMap<String, Value>,
}

fn values_now<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<BTreeMap<String, Value>, D::Error> {
    let values: BTreeMap<String, Value> = BTreeMap::deserialize(deserializer)?;
    let given = values.len();
    let values = values.into_iter().map(|(name, value)| {
        let value = match value {
            Value::Category(category) => renamed::choice(&name, category).as_str().into(),
            number => number,
        };
        (renamed::setting_name(name), value)
    });
    let values: BTreeMap<String, Value> = values.collect();
    if values.len() < given {
        return Err(serde::de::Error::custom(
            "a setting is there under its name and under the one that it had before; give it once",
        ));
    }
    Ok(values)
}

impl Settings {
    /// A learning rate and a batch size, the two that most trainees need.
    pub fn new(learning_rate: f64, batch_size: usize) -> Self {
        Self::default()
            .with(LEARNING_RATE, learning_rate)
            .with(BATCH_SIZE, batch_size as f64)
    }

    /// The same settings with one more, or one replaced.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets one value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.values.insert(name.into(), value.into());
    }

    /// These settings and those of `other`, which wins where both have a value.
    pub fn joined(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.values.extend(other.values.clone());
        both
    }

    /// The value of `name`, if it is set.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// All settings in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// Whether the segment begins from the best weights.
    pub fn from_best(&self) -> bool {
        matches!(self.get(ROLLBACK), Some(Value::Category(which)) if which == BEST)
    }

    /// The number behind `name`.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is absent or a category.
    pub fn number(&self, name: &str) -> Result<f64> {
        match self.values.get(name) {
            Some(Value::Number(number)) => Ok(*number),
            Some(Value::Category(category)) => Err(Error::Setting {
                name: name.to_owned(),
                problem: format!("`{category}` is not a number"),
            }),
            None => Err(self.absent(name)),
        }
    }

    /// The category behind `name`.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is absent or a number.
    pub fn category(&self, name: &str) -> Result<&str> {
        match self.values.get(name) {
            Some(Value::Category(category)) => Ok(category),
            Some(Value::Number(number)) => Err(Error::Setting {
                name: name.to_owned(),
                problem: format!("{number} is a number where a name is expected"),
            }),
            None => Err(self.absent(name)),
        }
    }

    /// The learning rate, checked to be positive (zero is allowed: it freezes the weights) and finite.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is absent, negative or not finite.
    pub fn learning_rate(&self) -> Result<f64> {
        let lr = self.number(LEARNING_RATE)?;
        if lr.is_finite() && lr >= 0.0 {
            return Ok(lr);
        }
        Err(Error::Setting {
            name: LEARNING_RATE.to_owned(),
            problem: format!("{lr} is not a finite number of at least 0"),
        })
    }

    /// The batch size in examples, a whole number of at least 1.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is absent or not a whole number of at least 1.
    pub fn batch_size(&self) -> Result<usize> {
        let size = self.number(BATCH_SIZE)?;
        if size.is_finite() && size >= 1.0 && size.fract() == 0.0 && size <= u32::MAX.into() {
            return Ok(size as usize);
        }
        Err(Error::Setting {
            name: BATCH_SIZE.to_owned(),
            problem: format!("{size} is not a whole number of at least 1"),
        })
    }

    /// The number called `name`, 0 if it is not set, checked to be from 0 to 1.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is something else.
    pub fn share(&self, name: &str) -> Result<f64> {
        if self.get(name).is_none() {
            return Ok(0.0);
        }
        let share = self.number(name)?;
        if (0.0..=1.0).contains(&share) {
            return Ok(share);
        }
        Err(Error::Setting {
            name: name.to_owned(),
            problem: format!("{share} is not a number from 0 to 1"),
        })
    }

    fn absent(&self, name: &str) -> Error {
        let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
        Error::Setting {
            name: name.to_owned(),
            problem: format!("it is not set; set are: {}", known.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_settings_are_refused_by_name() {
        for (lr, batch) in [(f64::NAN, 1.0), (-1.0, 1.0), (f64::INFINITY, 1.0)] {
            let settings = Settings::default()
                .with(LEARNING_RATE, lr)
                .with(BATCH_SIZE, batch);
            let message = settings.learning_rate().unwrap_err().to_string();
            assert!(message.contains("learning_rate"), "{message}");
        }
        for batch in [0.0, 1.5, f64::NAN, -3.0] {
            let settings = Settings::default().with(BATCH_SIZE, batch);
            assert!(settings.batch_size().is_err(), "{batch}");
        }
        assert!(
            Settings::default()
                .batch_size()
                .unwrap_err()
                .to_string()
                .contains("not set")
        );
        assert!(Settings::default().with("a", "relu").number("a").is_err());
    }

    /// AdamW's option of that name is a factor on the learning rate; the setting is not.
    #[test]
    fn the_name_of_before_is_read() {
        let old: Settings = ron::from_str(r#"{"weight_decay": 0.01, "dropout": 0.5}"#).unwrap();
        assert_eq!(old.number(INDEPENDENT_WEIGHT_DECAY).unwrap(), 0.01);
        assert_eq!(old.number("dropout").unwrap(), 0.5);
        let both = r#"{"weight_decay": 0.01, "independent_weight_decay": 0.5}"#;
        let twice = ron::from_str::<Settings>(both).unwrap_err().to_string();
        assert!(twice.contains("once"), "{twice}");
        let text = ron::to_string(&old).unwrap();
        assert!(
            text.contains(r#""independent_weight_decay":0.01"#),
            "{text}"
        );
    }

    #[test]
    fn written_as_a_plain_map() {
        let settings = Settings::new(0.5, 16).with("activation", "tanh");
        let text = ron::to_string(&settings).unwrap();
        assert_eq!(
            text,
            r#"{"activation":"tanh","batch_size":16.0,"learning_rate":0.5}"#
        );
        assert_eq!(ron::from_str::<Settings>(&text).unwrap(), settings);
    }
}

//! Distributions of Optuna, and the domains that they stand for.

use super::bare::{self, Number};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use trimtab_env::{Domain, Value};

/// Where a parameter of a trial was drawn from, as Optuna says it.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Numbers of an interval, or `low`, `low + step`, ...
    Float {
        /// The smallest.
        low: f64,
        /// The largest.
        high: f64,
        /// Whether the logarithm is uniform; then there is no step.
        log: bool,
        /// The distance between neighbours.
        step: Option<f64>,
    },
    /// Whole numbers.
    Int {
        /// The smallest.
        low: i64,
        /// The largest.
        high: i64,
        /// Whether the logarithm is uniform; then the step is 1.
        log: bool,
        /// The distance between neighbours.
        step: i64,
    },
    /// Any of these: texts, numbers, `true`, `false` or `null`.
    Categorical(Vec<Json>),
}

impl Distribution {
    /// The distribution that stands for a domain. Lists of numbers are choices, as people have them who search batch sizes with
    /// Optuna. The steps of a logarithmic [`Domain::Quantised`] are left out, since Optuna has no such distribution.
    pub fn of(domain: &Domain) -> Self {
        match domain {
            Domain::LogUniform(low, high) => Self::float(*low, *high, true, None),
            Domain::Uniform(low, high) => Self::float(*low, *high, false, None),
            Domain::Quantised { q, log, .. } => {
                let (low, high) = domain.bounds().unwrap_or_default();
                Self::float(low, high, *log, (!log).then_some(*q))
            }
            Domain::Integer { low, high, log } => Self::Int {
                low: *low,
                high: *high,
                log: *log,
                step: 1,
            },
            Domain::Grid { .. } | Domain::Values(_) => {
                Self::Categorical(domain.points().iter().filter_map(number).collect())
            }
            Domain::Categories(names) => {
                Self::Categorical(names.iter().map(|name| json!(name)).collect())
            }
        }
    }

    fn float(low: f64, high: f64, log: bool, step: Option<f64>) -> Self {
        Self::Float {
            low,
            high,
            log,
            step,
        }
    }

    /// Its JSON, as Optuna's `distribution_to_json` writes it.
    pub fn text(&self) -> String {
        let (name, attributes) = match self {
            Self::Float {
                low,
                high,
                log,
                step,
            } => (
                "FloatDistribution",
                json!({"step": step, "low": low, "high": high, "log": log}),
            ),
            Self::Int {
                low,
                high,
                log,
                step,
            } => (
                "IntDistribution",
                json!({"log": log, "step": step, "low": low, "high": high}),
            ),
            Self::Categorical(choices) => ("CategoricalDistribution", json!({"choices": choices})),
        };
        json!({"name": name, "attributes": attributes}).to_string()
    }

    /// A distribution from the JSON that Optuna writes, or wrote before version 3.
    ///
    /// # Errors
    /// What is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read: Text =
            serde_json::from_str(&bare::read(text)).map_err(|error| error.to_string())?;
        let Some(name) = read.name.as_deref().or(read.kind.as_deref()) else {
            return Err("a distribution without a name".to_owned());
        };
        let attributes = read.attributes.unwrap_or(read.flat);
        let missing = |field: &str| format!("{name} without `{field}`");
        let low = || attributes.low.ok_or_else(|| missing("low"));
        let high = || attributes.high.ok_or_else(|| missing("high"));
        let step = attributes.step.or(attributes.q).map(|step| step.0);
        match name {
            "FloatDistribution"
            | "UniformDistribution"
            | "DiscreteUniformDistribution"
            | "LogUniformDistribution"
            | "float" => {
                let log = attributes.log || name == "LogUniformDistribution";
                Ok(Self::float(low()?.0, high()?.0, log, step))
            }
            "IntDistribution" | "IntUniformDistribution" | "IntLogUniformDistribution" | "int" => {
                Ok(Self::Int {
                    low: low()?.0 as i64,
                    high: high()?.0 as i64,
                    log: attributes.log || name == "IntLogUniformDistribution",
                    step: step.map_or(1, |step| step as i64),
                })
            }
            "CategoricalDistribution" | "categorical" => Ok(Self::Categorical(
                attributes.choices.ok_or_else(|| missing("choices"))?,
            )),
            other => Err(format!("`{other}` is no distribution that is known here")),
        }
    }

    /// Whether a parameter may have this distribution in one trial and the other in another of the same study: Optuna's
    /// `check_distribution_compatibility`.
    pub(super) fn is_compatible(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float { log: a, .. }, Self::Float { log: b, .. })
            | (Self::Int { log: a, .. }, Self::Int { log: b, .. }) => a == b,
            (Self::Categorical(a), Self::Categorical(b)) => a == b,
            _ => false,
        }
    }

    /// How a journal writes a value: a number as it is, a choice as its index. `None` if it is none of the choices.
    pub fn internal(&self, value: &Value) -> Option<f64> {
        match (self, value) {
            (Self::Categorical(choices), value) => {
                let index = choices.iter().position(|choice| match value {
                    Value::Number(number) => {
                        let near = |choice: f64| (choice - number).abs() <= 1e-9 * choice.abs();
                        choice.as_f64().is_some_and(near)
                    }
                    Value::Category(name) => choice.as_str() == Some(name),
                });
                index.map(|index| index as f64)
            }
            (_, Value::Number(number)) => Some(*number),
            (_, Value::Category(_)) => None,
        }
    }

    /// The value that a journal writes so: a choice is a number if it is one, and else its text. `None` if there is no such choice.
    pub fn external(&self, internal: f64) -> Option<Value> {
        match self {
            Self::Float { .. } => Some(Value::Number(internal)),
            Self::Int { .. } => Some(Value::Number(internal.trunc())),
            Self::Categorical(choices) => {
                let choice = (internal >= 0.0).then(|| choices.get(internal as usize))??;
                Some(match choice {
                    Json::Number(number) => Value::Number(number.as_f64()?),
                    Json::String(name) => Value::Category(name.clone()),
                    other => Value::Category(other.to_string()),
                })
            }
        }
    }
}

/// A number as Python would have it: 16 and not 16.0.
fn number(value: &Value) -> Option<Json> {
    match value {
        Value::Number(number) => serde_json::to_value(Number(*number)).ok(),
        Value::Category(_) => None,
    }
}

#[derive(Deserialize)]
struct Text {
    name: Option<String>,
    attributes: Option<Attributes>,
    /// The short form has everything on one level.
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(flatten)]
    flat: Attributes,
}

#[derive(Default, Deserialize)]
struct Attributes {
    low: Option<Number>,
    high: Option<Number>,
    #[serde(default)]
    log: bool,
    step: Option<Number>,
    /// The step, in older versions.
    q: Option<Number>,
    choices: Option<Vec<Json>>,
}

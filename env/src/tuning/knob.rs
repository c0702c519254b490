//! Hyperparameters that an agent may move during a run, and what a move means.

mod validate;

use crate::files::renamed;
use crate::servo::plain::Servo;
use crate::tuning::budget::log_uniform;
use crate::tuning::settings::{BATCH_SIZE, BEST, LEARNING_RATE, NO_ROLLBACK, PRUNE, ROLLBACK};
use crate::{Domain, Head, Value};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// One hyperparameter of a [`crate::TuningEnv`]: one head of its actions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, from = "AsWritten")]
pub struct Knob {
    /// The setting that it moves, such as `learning_rate` or `batch_size`.
    pub name: String,
    /// Which values the setting can take.
    pub domain: Domain,
    /// The value before the first decision.
    pub initial: Initial,
    /// What the choices of its head mean.
    pub moves: Moves,
}

/// A knob in a file, maybe with names of an earlier version.
#[derive(Deserialize)]
#[serde(rename = "Knob", deny_unknown_fields)]
struct AsWritten {
    name: String,
    domain: Domain,
    initial: Initial,
    moves: Moves,
}

impl From<AsWritten> for Knob {
    fn from(mut knob: AsWritten) -> Self {
        if let Domain::Categories(categories) = &mut knob.domain {
            for category in categories {
                *category = renamed::choice(&knob.name, std::mem::take(category));
            }
        }
        if let Initial::Fixed(Value::Category(category)) = &mut knob.initial {
            *category = renamed::choice(&knob.name, std::mem::take(category));
        }
        Self {
            name: renamed::setting_name(knob.name),
            domain: knob.domain,
            initial: knob.initial,
            moves: knob.moves,
        }
    }
}

/// The value of a knob before the first decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Initial {
    /// Always this one.
    Fixed(Value),
    /// Drawn for each episode, its logarithm uniform between the two. On a grid the nearest point is taken.
    LogUniform(f64, f64),
    /// Drawn for each episode from the points of the domain, all equally likely.
    Uniform,
}

/// What the choices of a knob's head mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Moves {
    /// Each choice is a point of the domain.
    Absolute,
    /// Each choice is a factor on the present value. What would leave the domain is masked. On a grid or a list the
    /// nearest point is taken, by ratio.
    Relative(Vec<f64>),
    /// Each choice moves the set-point of a servo that sets the learning rate.
    Servo(Servo),
    /// Each choice adds the logarithm of a factor to an offset `z`; the setting is what the base controller of the process wants, times
    /// `exp(z)`. On the learning rate the factor is one on the set-point. It starts as "no change" and has to earn its place.
    Residual {
        /// The factors.
        #[serde(default = "residual_factors")]
        factors: Vec<f64>,
        /// Largest absolute value of `z`.
        #[serde(default = "residual_offset")]
        max_offset: f64,
        /// Whether choices add up. If they do not, each holds for the next segment alone: `z` is the logarithm of its factor, and
        /// what is right does not depend on what was chosen before.
        #[serde(default = "yes")]
        accumulates: bool,
    },
}

fn yes() -> bool {
    true
}

fn residual_factors() -> Vec<f64> {
    Servo::default().factors
}

fn residual_offset() -> f64 {
    Servo::default().max_offset
}

/// The longest list of values that is gone through.
const MOST_POINTS: usize = 100_000;

/// The present state of a knob.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// The value of the setting.
    pub value: Value,
    /// The offset `z` of a servo's set-point; 0 for other moves.
    pub offset: f64,
}

impl Knob {
    /// A learning rate within `domain` that starts at `initial` and moves by `moves`.
    pub fn learning_rate(domain: Domain, initial: Initial, moves: Moves) -> Self {
        Self {
            name: LEARNING_RATE.to_owned(),
            domain,
            initial,
            moves,
        }
    }

    /// A batch size on a grid of values.
    pub fn batch_size(values: &[usize], initial: usize, moves: Moves) -> Self {
        Self {
            name: BATCH_SIZE.to_owned(),
            domain: Domain::Values(values.iter().map(|v| *v as f64).collect()),
            initial: Initial::Fixed(Value::Number(initial as f64)),
            moves,
        }
    }

    /// Whether a segment begins from the weights that the one before left, or from the best.
    pub fn rollback() -> Self {
        Self {
            name: ROLLBACK.to_owned(),
            domain: Domain::Categories([NO_ROLLBACK, BEST].map(str::to_owned).to_vec()),
            initial: Initial::Fixed(NO_ROLLBACK.into()),
            moves: Moves::Absolute,
        }
    }

    /// The head of this knob: one label a choice. To prune nothing is `none`, a choice that changes nothing.
    pub fn head(&self) -> Head {
        match &self.moves {
            Moves::Absolute => {
                let points = self.domain.points();
                let labels = points.iter().map(|value| match value {
                    Value::Number(0.0) if self.name == PRUNE => "none".to_owned(),
                    value => short(value),
                });
                Head::new(&self.name, labels)
            }
            Moves::Relative(factors)
            | Moves::Residual { factors, .. }
            | Moves::Servo(Servo { factors, .. }) => Head::new(
                &self.name,
                factors.iter().map(|factor| format!("x{factor}")),
            ),
        }
    }

    /// The position before the first decision.
    pub fn start(&self, rng: &mut impl Rng) -> Position {
        let value = match &self.initial {
            Initial::Fixed(value) => value.clone(),
            Initial::LogUniform(low, high) => {
                Value::Number(self.domain.nearest(log_uniform(*low, *high, rng)))
            }
            Initial::Uniform => {
                let points = self.domain.points();
                points[rng.random_range(0..points.len())].clone()
            }
        };
        Position { value, offset: 0.0 }
    }

    /// The position after a choice. A servo moves its set-point here and its learning rate later, in
    /// [`Servo::learning_rate`], when the batch size is known; a residual moves its offset here, and the process its value.
    pub fn apply(&self, from: &Position, choice: usize) -> Position {
        match &self.moves {
            Moves::Absolute => Position {
                value: self.domain.points()[choice].clone(),
                offset: 0.0,
            },
            Moves::Relative(factors) => Position {
                value: match &from.value {
                    Value::Number(number) => {
                        Value::Number(self.domain.nearest(number * factors[choice]))
                    }
                    category => category.clone(),
                },
                offset: 0.0,
            },
            Moves::Residual {
                factors,
                max_offset,
                accumulates: false,
            } => Position {
                value: from.value.clone(),
                offset: factors[choice].ln().clamp(-max_offset, *max_offset),
            },
            Moves::Servo(Servo {
                factors,
                max_offset,
                ..
            })
            | Moves::Residual {
                factors,
                max_offset,
                accumulates: true,
            } => Position {
                value: from.value.clone(),
                offset: (from.offset + factors[choice].ln()).clamp(-max_offset, *max_offset),
            },
        }
    }

    /// Which choices are allowed at `position`: those that stay within the domain, or all if none does.
    pub fn allowed(&self, position: &Position) -> Vec<bool> {
        const ROUNDING: f64 = 1e-9;
        let allowed: Vec<bool> = match (&self.moves, &position.value, self.domain.bounds()) {
            (Moves::Relative(factors), Value::Number(number), Some((low, high))) => factors
                .iter()
                .map(|factor| {
                    let moved = number * factor;
                    moved >= low * (1.0 - ROUNDING) && moved <= high * (1.0 + ROUNDING)
                })
                .collect(),
            (
                Moves::Servo(Servo {
                    factors,
                    max_offset,
                    ..
                })
                | Moves::Residual {
                    factors,
                    max_offset,
                    accumulates: true,
                },
                _,
                _,
            ) => factors
                .iter()
                .map(|factor| (position.offset + factor.ln()).abs() <= max_offset + ROUNDING)
                .collect(),
            _ => vec![true; self.head().choices.len()],
        };
        if allowed.contains(&true) {
            allowed
        } else {
            vec![true; allowed.len()]
        }
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::Number(number) if *number != 0.0 && (number.abs() < 1e-3 || number.abs() >= 1e5) => {
            format!("{number:.2e}")
        }
        Value::Number(number) => {
            let digits = (3 - number.abs().log10().floor() as i32).clamp(0, 6) as usize;
            let text = format!("{number:.digits$}");
            if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            } else {
                text
            }
        }
        Value::Category(name) => name.clone(),
    }
}

#[cfg(test)]
mod tests;

//! Hyperparameters that an agent may move during a run, and what a move means.

use crate::files::renamed;
use crate::servo::plain::Servo;
use crate::tuning::budget::log_uniform;
use crate::tuning::settings::{
    BATCH_SIZE, BEST, INDEPENDENT_WEIGHT_DECAY, LEARNING_RATE, NO_ROLLBACK, ROLLBACK,
};
use crate::{Domain, Error, Head, Result, Value};
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

    /// Checks the knob by itself; `train_examples` bounds a batch size, and is `usize::MAX` while it is not known.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field within the knob.
    pub fn validate(&self, train_examples: usize) -> Result<()> {
        self.domain.validate()?;
        // A choice of a point needs no ratios: a probability may be 0.
        let ratios = !matches!(self.moves, Moves::Absolute)
            || matches!(self.initial, Initial::LogUniform(..))
            || [LEARNING_RATE, BATCH_SIZE].contains(&self.name.as_str());
        if let Some((low, _)) = self.domain.bounds()
            && low <= 0.0
            && ratios
        {
            return Err(Error::config(
                "domain",
                low,
                "these numbers are above 0, as they are moved by factors or drawn by ratio; a knob with Absolute moves and a Fixed or Uniform beginning may have others",
            ));
        }
        if self.name == BATCH_SIZE {
            self.validate_batch_size(train_examples)?;
        }
        if self.name == ROLLBACK && *self != Self::rollback() {
            return Err(Error::config(
                "domain",
                format!("{:?}", self.domain),
                "weights has domain Categories([\"kept\", \"best\"]), initial Fixed(\"kept\") and moves Absolute",
            ));
        }
        match (&self.initial, &self.domain) {
            (Initial::Fixed(Value::Number(number)), domain) => {
                let inside = domain
                    .bounds()
                    .is_some_and(|(low, high)| *number >= low && *number <= high);
                // A grid or list may be entered beside its points; of whole numbers or steps the others make no sense.
                let stepped = matches!(domain, Domain::Quantised { .. } | Domain::Integer { .. });
                if !inside || (stepped && domain.check(&Value::Number(*number)).is_err()) {
                    return Err(Error::config(
                        "initial",
                        number,
                        "give a value within the domain",
                    ));
                }
            }
            (Initial::Fixed(Value::Category(name)), Domain::Categories(names)) => {
                if !names.contains(name) {
                    return Err(Error::config(
                        "initial",
                        name,
                        format!("give one of {names:?}"),
                    ));
                }
            }
            (Initial::Fixed(value), _) => {
                return Err(Error::config(
                    "initial",
                    value,
                    "give a number within the domain",
                ));
            }
            (Initial::LogUniform(low, high), domain) => {
                let inside = domain
                    .bounds()
                    .is_some_and(|(from, to)| *low >= from && *high <= to && low <= high);
                if !inside {
                    return Err(Error::config(
                        "initial",
                        format!("LogUniform({low}, {high})"),
                        "give two numbers within the domain, the smaller one first",
                    ));
                }
            }
            (Initial::Uniform, domain)
                if domain.count().is_none_or(|count| count > MOST_POINTS) =>
            {
                return Err(Error::config(
                    "initial",
                    "Uniform",
                    "an interval has no points to draw from, a long list too many; use LogUniform(low, high)",
                ));
            }
            (Initial::Uniform, _) => {}
        }
        match &self.moves {
            Moves::Absolute if self.domain.count().is_none_or(|count| count > 1000) => {
                Err(Error::config(
                    "moves",
                    "Absolute",
                    "choices need points, at most 1000; an interval has none: use a Grid or Values",
                ))
            }
            Moves::Absolute => Ok(()),
            Moves::Relative(_) | Moves::Servo(_) | Moves::Residual { .. }
                if matches!(self.domain, Domain::Categories(_)) =>
            {
                Err(Error::config(
                    "moves",
                    "on categories",
                    "only Absolute can choose a category",
                ))
            }
            Moves::Relative(factors) => validate_factors("moves", factors),
            Moves::Residual {
                factors,
                max_offset,
                ..
            } => {
                if ![LEARNING_RATE, BATCH_SIZE, INDEPENDENT_WEIGHT_DECAY]
                    .contains(&self.name.as_str())
                {
                    return Err(Error::config(
                        "moves",
                        format!("Residual on `{}`", self.name),
                        format!(
                            "a base controller sets {LEARNING_RATE}, {BATCH_SIZE} and {INDEPENDENT_WEIGHT_DECAY}"
                        ),
                    ));
                }
                validate_factors("moves.factors", factors)?;
                if !(max_offset.is_finite() && *max_offset > 0.0) {
                    let allowed = "give a finite number above 0";
                    return Err(Error::config("moves.max_offset", max_offset, allowed));
                }
                Ok(())
            }
            Moves::Servo(servo) => {
                if self.name != LEARNING_RATE {
                    return Err(Error::config(
                        "moves",
                        format!("Servo on `{}`", self.name),
                        "a servo sets `learning_rate` and nothing else",
                    ));
                }
                validate_factors("moves.factors", &servo.factors)?;
                let positive = [servo.start, servo.end, servo.max_offset];
                if positive.iter().any(|x| !(x.is_finite() && *x > 0.0))
                    || servo.max_change.is_nan()
                    || servo.max_change <= 1.0
                    || !servo.batch_exponent.is_finite()
                {
                    return Err(Error::config(
                        "moves",
                        format!("{servo:?}"),
                        "start, end and max_offset are above 0 and max_change is above 1",
                    ));
                }
                Ok(())
            }
        }
    }

    fn validate_batch_size(&self, train_examples: usize) -> Result<()> {
        if self.domain.count().is_none_or(|count| count > MOST_POINTS)
            || self.domain.bounds().is_none()
        {
            return Err(Error::config(
                "domain",
                format!("{:?}", self.domain),
                "batch sizes come from Values([..]), an Integer domain or a Grid of whole numbers",
            ));
        }
        // A base controller never wants more than there are, and on whole numbers it gets what it wants.
        let bounded = matches!(
            (&self.moves, &self.domain),
            (Moves::Residual { .. }, Domain::Integer { .. })
        );
        let most = if bounded { usize::MAX } else { train_examples };
        for number in self.domain.numbers() {
            if number.fract() != 0.0 || number < 1.0 || number > most as f64 {
                let allowed = match train_examples {
                    usize::MAX => "a batch size is a whole number of at least 1".to_owned(),
                    examples => format!(
                        "a batch size is a whole number from 1 to the {examples} examples of the training split"
                    ),
                };
                return Err(Error::config("domain", number, allowed));
            }
        }
        Ok(())
    }

    /// The head of this knob: one label a choice.
    pub fn head(&self) -> Head {
        match &self.moves {
            Moves::Absolute => Head::new(&self.name, self.domain.points().iter().map(short)),
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

fn validate_factors(field: &str, factors: &[f64]) -> Result<()> {
    if factors.is_empty() || factors.iter().any(|f| !(f.is_finite() && *f > 0.0)) {
        return Err(Error::config(
            field,
            format!("{factors:?}"),
            "give at least one factor, each finite and above 0",
        ));
    }
    Ok(())
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
mod tests {
    use super::*;
    use crate::stream;
    use proptest::prelude::*;

    fn relative() -> Knob {
        Knob::batch_size(&[16, 32, 64, 128], 64, Moves::Relative(vec![0.5, 1.0, 2.0]))
    }

    #[test]
    fn relative_moves_step_along_the_grid_and_are_masked_at_its_ends() {
        let knob = relative();
        let mut at = knob.start(&mut stream(0, "knob", 0));
        assert_eq!(at.value, Value::Number(64.0));
        assert_eq!(knob.allowed(&at), [true, true, true]);
        at = knob.apply(&at, 2);
        assert_eq!(at.value, Value::Number(128.0));
        assert_eq!(knob.allowed(&at), [true, true, false]);
        assert_eq!(knob.apply(&at, 2).value, Value::Number(128.0));
    }

    #[test]
    fn absolute_moves_choose_points() {
        let knob = Knob::learning_rate(
            Domain::Grid {
                low: 1e-4,
                high: 1.0,
                points: 5,
            },
            Initial::Uniform,
            Moves::Absolute,
        );
        assert_eq!(
            knob.head().choices,
            ["1.00e-4", "0.001", "0.01", "0.1", "1"]
        );
        let at = knob.start(&mut stream(0, "knob", 0));
        for (choice, wanted) in [1e-4, 1e-3, 1e-2, 1e-1, 1.0].into_iter().enumerate() {
            let Value::Number(number) = knob.apply(&at, choice).value else {
                panic!()
            };
            assert!((number / wanted - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn residual_choices_add_up_or_hold_for_one_segment() {
        let after = |accumulates: bool, choices: &[usize]| {
            let knob = Knob::learning_rate(
                Domain::LogUniform(1e-6, 1.0),
                Initial::Fixed(0.01.into()),
                Moves::Residual {
                    factors: vec![0.1, 1.0, 4.0],
                    max_offset: 3.0,
                    accumulates,
                },
            );
            let start = knob.start(&mut stream(1, "knob", 0));
            let at = choices
                .iter()
                .fold(start, |at, choice| knob.apply(&at, *choice));
            (at.offset, knob.allowed(&at))
        };
        let down = 0.1f64.ln();
        assert_eq!(after(true, &[0, 1]), (down, vec![false, true, true]));
        assert_eq!(after(true, &[0, 2]).0, down + 4f64.ln());
        assert_eq!(after(false, &[0, 1]), (0.0, vec![true; 3]));
        assert_eq!(after(false, &[2, 0]), (down, vec![true; 3]));
        // Its largest offset bounds it all the same.
        let far = Moves::Residual {
            factors: vec![1.0, 100.0],
            max_offset: 3.0,
            accumulates: false,
        };
        let knob = Knob {
            moves: far,
            ..relative()
        };
        assert_eq!(
            knob.apply(&knob.start(&mut stream(1, "knob", 0)), 1).offset,
            3.0
        );
    }

    #[test]
    fn wrong_knobs_are_refused_by_field() {
        let refused = |knob: Knob, field: &str| {
            let message = knob.validate(100).unwrap_err().to_string();
            assert!(message.contains(field), "{message}");
        };
        refused(Knob::batch_size(&[], 1, Moves::Absolute), "domain");
        refused(Knob::batch_size(&[0, 1], 1, Moves::Absolute), "domain");
        refused(
            Knob::batch_size(&[64, 128], 64, Moves::Absolute),
            "100 examples",
        );
        refused(Knob::batch_size(&[16], 32, Moves::Absolute), "initial");
        let lr = |low, high, moves| {
            Knob::learning_rate(
                Domain::LogUniform(low, high),
                Initial::LogUniform(low, high),
                moves,
            )
        };
        refused(lr(0.0, 1.0, Moves::Relative(vec![1.0])), "domain");
        let mut dropout = Knob {
            name: "dropout".to_owned(),
            domain: Domain::Values(vec![0.0, 0.2, 0.5]),
            initial: Initial::Fixed(0.0.into()),
            moves: Moves::Absolute,
        };
        dropout.validate(100).unwrap();
        dropout.moves = Moves::Relative(vec![0.5, 1.0]);
        refused(dropout, "domain");
        refused(lr(f64::NAN, 1.0, Moves::Relative(vec![1.0])), "domain");
        refused(lr(0.1, f64::INFINITY, Moves::Relative(vec![1.0])), "domain");
        refused(lr(0.1, 1.0, Moves::Relative(vec![])), "factor");
        refused(lr(0.1, 1.0, Moves::Absolute), "interval");
        let layers = Domain::Integer {
            low: 1,
            high: 4,
            log: false,
        };
        refused(
            Knob::learning_rate(layers, Initial::Fixed(1.5.into()), Moves::Absolute),
            "initial",
        );
        let uniform = Domain::Uniform(-1.0, 1.0);
        refused(
            Knob::learning_rate(
                uniform,
                Initial::Fixed(0.5.into()),
                Moves::Relative(vec![1.0]),
            ),
            "above 0",
        );
    }

    proptest! {
        #[test]
        fn no_move_leaves_the_domain(
            start in 0.001..1.0f64,
            choices in proptest::collection::vec(0usize..5, 0..40),
        ) {
            let knob = Knob::learning_rate(
                Domain::LogUniform(1e-3, 1.0),
                Initial::Fixed(Value::Number(start)),
                Moves::Relative(vec![0.25, 0.5, 1.0, 2.0, 4.0]),
            );
            let mut at = knob.start(&mut stream(0, "knob", 0));
            for choice in choices {
                prop_assert!(knob.allowed(&at)[2], "no change is always allowed");
                at = knob.apply(&at, choice);
                let Value::Number(number) = at.value else { panic!() };
                prop_assert!((1e-3..=1.0).contains(&number));
            }
        }

        #[test]
        fn position_runs_from_minus_one_to_one(share in 0.0..=1.0f64) {
            let domain = Domain::LogUniform(0.01, 100.0);
            let value = Value::Number(0.01 * 10_000f64.powf(share));
            prop_assert!((domain.position(&value) - (2.0 * share - 1.0)).abs() < 1e-9);
        }
    }
}

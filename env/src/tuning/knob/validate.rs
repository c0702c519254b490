//! Which knobs are possible.

use super::{Initial, Knob, MOST_POINTS, Moves};
use crate::tuning::settings::{BATCH_SIZE, INDEPENDENT_WEIGHT_DECAY, LEARNING_RATE, ROLLBACK};
use crate::{Domain, Error, Result, Value};

impl Knob {
    /// Checks the knob by itself; `train_examples` bounds a batch size, and is `usize::MAX` while it is not known.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field within the knob.
    pub fn validate(&self, train_examples: usize) -> Result<()> {
        self.domain.validate()?;
        // A choice of a point needs no ratios: a probability may be 0.
        let ratios = !matches!(self.moves, Moves::Absolute)
            || matches!(self.initial, Initial::LogUniform(..));
        let rate_or_batch = [LEARNING_RATE, BATCH_SIZE].contains(&self.name.as_str());
        if let Some((low, _)) = self.domain.bounds()
            && low <= 0.0
            && (ratios || rate_or_batch)
        {
            let allowed = if rate_or_batch {
                format!("give numbers above 0 for `{}`", self.name)
            } else {
                "these numbers are above 0, as they are moved by factors or drawn by ratio; a knob with Absolute moves and a Fixed or Uniform beginning may have others".to_owned()
            };
            return Err(Error::config("domain", low, allowed));
        }
        if self.name == BATCH_SIZE {
            self.validate_batch_size(train_examples)?;
        }
        if self.name == ROLLBACK && *self != Self::rollback() {
            return Err(Error::config(
                "domain",
                format!("{:?}", self.domain),
                "rollback has domain Categories([\"none\", \"best\"]), initial Fixed(\"none\") and moves Absolute",
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
                format!(
                    "batch sizes come from Values([..]), an Integer domain or a Grid of whole numbers, at most {MOST_POINTS} of them"
                ),
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

//! Which values a hyperparameter can take: the one declaration behind knobs and search spaces.

mod lattice;
#[cfg(test)]
mod tests;

use self::lattice::Lattice;
use crate::{Error, Result, Value};
use serde::{Deserialize, Serialize};

/// Which values a hyperparameter can take.
///
/// Every domain is a map from the unit interval onto its values, [`Domain::decode`]: a uniform draw from the interval is
/// a draw from the domain. [`Domain::encode`] goes back. Values that are counted share the interval between them, each
/// with a cell of its own, and are encoded as the middle of their cell.
///
/// ```
/// use trimtab_env::{Domain, Value};
/// let rate = Domain::LogUniform(1e-4, 1.0);
/// assert_eq!(rate.encode(&Value::Number(1e-2))?, 0.5);
/// let layers = Domain::Integer { low: 1, high: 4, log: false };
/// assert_eq!(layers.decode(0.3), Value::Number(2.0));
/// # Ok::<(), trimtab_env::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Domain {
    /// Any number between two positive bounds, its logarithm uniform.
    #[serde(alias = "Range")]
    LogUniform(f64, f64),
    /// Any number between two bounds, uniform.
    Uniform(f64, f64),
    /// The numbers `low`, `low + q`, `low + 2 q`, ... up to `high`.
    Quantised {
        /// The smallest.
        low: f64,
        /// None is larger.
        high: f64,
        /// The distance between neighbours, above 0.
        q: f64,
        /// Whether the logarithm is uniform, before it is rounded; then `low` is above `q / 2`.
        #[serde(default)]
        log: bool,
    },
    /// The whole numbers from `low` to `high`, both included.
    Integer {
        /// The smallest.
        low: i64,
        /// The largest.
        high: i64,
        /// Whether the logarithm is uniform, before it is rounded; then `low` is at least 1.
        #[serde(default)]
        log: bool,
    },
    /// `points` numbers from `low` to `high`, equal ratios apart.
    Grid {
        /// The smallest, above 0.
        low: f64,
        /// The largest.
        high: f64,
        /// How many, at least 1.
        points: usize,
    },
    /// These numbers, ascending.
    Values(Vec<f64>),
    /// These named alternatives, in no order.
    Categories(Vec<String>),
}

/// The largest number of values that a counted domain may have: those of a 32-bit number.
const MOST_VALUES: f64 = 4_294_967_296.0;

/// A number counts as a multiple of `q` within this share of `q`, and as within bounds within this share of them.
const ROUNDING: f64 = 1e-9;

impl Domain {
    /// The points of a counted domain as values; empty for an interval.
    pub fn points(&self) -> Vec<Value> {
        match self {
            Self::Categories(names) => names
                .iter()
                .map(|name| Value::from(name.as_str()))
                .collect(),
            _ => self.numbers().into_iter().map(Value::Number).collect(),
        }
    }

    /// How many values there are; `None` for an interval.
    pub fn count(&self) -> Option<usize> {
        match self {
            Self::LogUniform(..) | Self::Uniform(..) => None,
            Self::Grid { points, .. } => Some(*points),
            Self::Values(values) => Some(values.len()),
            Self::Categories(names) => Some(names.len()),
            Self::Quantised { .. } | Self::Integer { .. } => {
                self.lattice().map(|lattice| lattice.last as usize + 1)
            }
        }
    }

    pub(crate) fn numbers(&self) -> Vec<f64> {
        match self {
            Self::Values(values) => values.clone(),
            Self::Grid { low, high, points } => (0..*points)
                .map(|i| {
                    // The ends are exact, whatever rounding does in between.
                    if i == 0 {
                        *low
                    } else if i + 1 == *points {
                        *high
                    } else {
                        low * (high / low).powf(i as f64 / (*points as f64 - 1.0))
                    }
                })
                .collect(),
            Self::Quantised { .. } | Self::Integer { .. } => self
                .lattice()
                .map(|lattice| {
                    (0..=lattice.last as u64)
                        .map(|k| lattice.value(k as f64))
                        .collect()
                })
                .unwrap_or_default(),
            Self::LogUniform(..) | Self::Uniform(..) | Self::Categories(_) => Vec::new(),
        }
    }

    /// Smallest and largest number; `None` for categories.
    pub fn bounds(&self) -> Option<(f64, f64)> {
        match self {
            Self::LogUniform(low, high)
            | Self::Uniform(low, high)
            | Self::Grid { low, high, .. } => Some((*low, *high)),
            Self::Values(values) => Some((*values.first()?, *values.last()?)),
            Self::Quantised { .. } | Self::Integer { .. } => {
                let lattice = self.lattice()?;
                Some((lattice.low, lattice.value(lattice.last)))
            }
            Self::Categories(_) => None,
        }
    }

    /// The number of the domain that is nearest to `number`: by ratio if all numbers of the domain are above 0, by
    /// difference otherwise.
    pub fn nearest(&self, number: f64) -> f64 {
        let (low, high) = self.bounds().unwrap_or((number, number));
        let inside = number.max(low).min(high);
        let distance = |candidate: f64| {
            if low > 0.0 {
                (candidate / inside).ln().abs()
            } else {
                (candidate - inside).abs()
            }
        };
        match self.lattice() {
            // The neighbours alone: a lattice can be long.
            Some(lattice) => {
                let below = ((inside - lattice.low) / lattice.q).floor();
                [below, below + 1.0]
                    .map(|k| lattice.value(k.min(lattice.last).max(0.0)))
                    .into_iter()
                    .min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
                    .unwrap_or(inside)
            }
            None => self
                .numbers()
                .into_iter()
                .min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
                .unwrap_or(inside),
        }
    }

    /// Where `value` lies in the domain, from -1 to 1: by index for categories; for numbers by logarithm if all are above
    /// 0 and not declared uniform, and else linearly.
    pub fn position(&self, value: &Value) -> f64 {
        match (self, value) {
            (Self::Categories(names), Value::Category(name)) if names.len() > 1 => {
                let index = names.iter().position(|n| n == name).unwrap_or(0);
                2.0 * index as f64 / (names.len() - 1) as f64 - 1.0
            }
            (_, Value::Number(number)) => match self.bounds() {
                Some((low, high)) if high > low && self.is_logarithmic() => {
                    2.0 * (number / low).ln() / (high / low).ln() - 1.0
                }
                Some((low, high)) if high > low => 2.0 * (number - low) / (high - low) - 1.0,
                _ => 0.0,
            },
            _ => 0.0,
        }
    }

    fn is_logarithmic(&self) -> bool {
        match self {
            Self::LogUniform(..) | Self::Grid { .. } => true,
            Self::Quantised { log, .. } | Self::Integer { log, .. } => *log,
            Self::Values(values) => values.first().is_some_and(|low| *low > 0.0),
            Self::Uniform(..) | Self::Categories(_) => false,
        }
    }

    /// The value at `u` of the unit interval. What is outside is moved to the nearer end. A domain without any value
    /// ([`Domain::validate`]) gives NaN.
    pub fn decode(&self, u: f64) -> Value {
        let u = if u.is_nan() { 0.5 } else { u.clamp(0.0, 1.0) };
        let index = |count: usize| ((u * count as f64) as usize).min(count.saturating_sub(1));
        let listed = |list: &[f64]| list.get(index(list.len())).copied();
        let number = match self {
            Self::LogUniform(low, high) => {
                let logarithm = low.ln() + u * (high.ln() - low.ln());
                Some(logarithm.exp().max(*low).min(*high))
            }
            Self::Uniform(low, high) => Some((low * (1.0 - u) + high * u).max(*low).min(*high)),
            Self::Quantised { .. } | Self::Integer { .. } => {
                self.lattice().map(|lattice| lattice.decode(u))
            }
            Self::Grid { .. } => listed(&self.numbers()),
            Self::Values(values) => listed(values),
            Self::Categories(names) => match names.get(index(names.len())) {
                Some(name) => return Value::from(name.as_str()),
                None => None,
            },
        };
        Value::Number(number.unwrap_or(f64::NAN))
    }

    /// Where `value` lies in the unit interval; the middle of its cell, if values are counted.
    ///
    /// # Errors
    /// [`Error::Config`] with an empty field, if the value is not one of the domain.
    pub fn encode(&self, value: &Value) -> Result<f64> {
        self.check(value)?;
        let (low, high) = self.cell(value);
        Ok((low + high) / 2.0)
    }

    /// The part of the unit interval that decodes to `value`, which must be of the domain: a single point for a number of
    /// an interval.
    pub(crate) fn cell(&self, value: &Value) -> (f64, f64) {
        let cell = |index: usize, count: usize| {
            let count = count as f64;
            (index as f64 / count, (index as f64 + 1.0) / count)
        };
        match (self, value) {
            (Self::LogUniform(low, high), Value::Number(x)) if high > low => {
                let u = ((x.ln() - low.ln()) / (high.ln() - low.ln())).clamp(0.0, 1.0);
                (u, u)
            }
            (Self::Uniform(low, high), Value::Number(x)) if high > low => {
                let u = ((x - low) / (high - low)).clamp(0.0, 1.0);
                (u, u)
            }
            (Self::Quantised { .. } | Self::Integer { .. }, Value::Number(x)) => self
                .lattice()
                .map_or((0.0, 1.0), |lattice| lattice.cell(*x)),
            (Self::Grid { .. } | Self::Values(_), Value::Number(x)) => {
                let numbers = self.numbers();
                let index = numbers.iter().position(|number| same(*number, *x));
                cell(index.unwrap_or(0), numbers.len())
            }
            (Self::Categories(names), Value::Category(name)) => {
                let index = names.iter().position(|known| known == name);
                cell(index.unwrap_or(0), names.len())
            }
            // An interval of one number.
            _ => (0.5, 0.5),
        }
    }

    /// Checks that `value` is of the domain.
    ///
    /// # Errors
    /// [`Error::Config`] with an empty field, saying what is allowed.
    pub fn check(&self, value: &Value) -> Result<()> {
        let refuse = |allowed: String| Err(Error::config("", value, allowed));
        match (self, value) {
            (Self::Categories(names), value) => match value {
                Value::Category(name) if names.contains(name) => Ok(()),
                _ => refuse(format!("give one of {names:?}")),
            },
            (_, Value::Category(_)) => refuse("give a number".to_owned()),
            (_, Value::Number(number)) => {
                let (low, high) = self.bounds().unwrap_or_default();
                let inside = *number >= low && *number <= high;
                match self {
                    Self::LogUniform(..) | Self::Uniform(..) if inside => Ok(()),
                    Self::LogUniform(..) | Self::Uniform(..) => {
                        refuse(format!("give a number from {low} to {high}"))
                    }
                    Self::Quantised { q, .. } => match self.lattice() {
                        Some(lattice) if lattice.has(*number) => Ok(()),
                        _ => refuse(format!("give {low} and a multiple of {q} up to {high}")),
                    },
                    Self::Integer { .. } if inside && number.fract() == 0.0 => Ok(()),
                    Self::Integer { .. } => {
                        refuse(format!("give a whole number from {low} to {high}"))
                    }
                    _ if self.numbers().iter().any(|known| same(*known, *number)) => Ok(()),
                    _ => refuse(format!("give one of {:?}", self.numbers())),
                }
            }
        }
    }

    /// The values of a grid over the domain: all of them where they are names or no more than `points`, and else up to
    /// `points`, evenly from end to end of the unit interval; a single one in the middle.
    pub(crate) fn grid(&self, points: usize) -> Vec<Value> {
        let few = self.count().is_some_and(|count| count <= points);
        if few || self.bounds().is_none() {
            return self.points();
        }
        if points == 1 {
            return vec![self.decode(0.5)];
        }
        let mut values: Vec<Value> = (0..points)
            .map(|i| self.decode(i as f64 / (points as f64 - 1.0)))
            .collect();
        // On a logarithmic scale the first of the counted values have wide cells.
        values.dedup();
        values
    }

    /// Checks that there is a value at all, and that the domain's numbers are possible.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field within a knob or parameter: `domain`, `domain.q`, ...
    pub fn validate(&self) -> Result<()> {
        let refuse = |given: String, allowed: &str| Err(Error::config("domain", given, allowed));
        match self {
            Self::LogUniform(low, high) | Self::Grid { low, high, .. }
                if !(*low > 0.0 && low <= high && high.is_finite()) =>
            {
                refuse(
                    format!("{low} to {high}"),
                    "give finite numbers above 0, in ascending order",
                )
            }
            Self::Uniform(low, high) | Self::Quantised { low, high, .. }
                if !(low.is_finite() && low <= high && (high - low).is_finite()) =>
            {
                refuse(
                    format!("{low} to {high}"),
                    "give finite numbers, in ascending order",
                )
            }
            Self::Quantised { q, .. } if !(q.is_finite() && *q > 0.0) => {
                Err(Error::config("domain.q", q, "give a finite number above 0"))
            }
            Self::Quantised {
                low, q, log: true, ..
            } if *low <= q / 2.0 => Err(Error::config(
                "domain.low",
                low,
                format!("on a logarithmic scale it is above q / 2 = {}", q / 2.0),
            )),
            Self::Integer { low, high, .. } if low > high => refuse(
                format!("{low} to {high}"),
                "give whole numbers, in ascending order",
            ),
            Self::Integer { low, log: true, .. } if *low < 1 => Err(Error::config(
                "domain.low",
                low,
                "on a logarithmic scale it is at least 1",
            )),
            Self::Quantised { .. } | Self::Integer { .. }
                if self
                    .lattice()
                    .is_none_or(|lattice| lattice.last >= MOST_VALUES) =>
            {
                refuse(
                    format!("{self:?}"),
                    "give at most 2^32 values, each exact as a 64-bit float; take Uniform or LogUniform instead",
                )
            }
            Self::Grid { points: 0, .. } => Err(Error::config(
                "domain.points",
                0,
                "the grid is empty; give at least 1 point",
            )),
            Self::Grid { points, .. } if *points > 1000 => Err(Error::config(
                "domain.points",
                points,
                "give at most 1000 points",
            )),
            Self::Values(values) if values.is_empty() => {
                refuse("[]".to_owned(), "the grid is empty; give at least 1 value")
            }
            Self::Values(values)
                if values.iter().any(|v| !v.is_finite())
                    || values.windows(2).any(|pair| pair[0] >= pair[1]) =>
            {
                refuse(
                    format!("{values:?}"),
                    "give finite numbers, in ascending order",
                )
            }
            Self::Categories(names) if names.is_empty() => {
                refuse("[]".to_owned(), "give at least 1 category")
            }
            Self::Categories(names) if (1..names.len()).any(|i| names[..i].contains(&names[i])) => {
                refuse(format!("{names:?}"), "name each category once")
            }
            _ => Ok(()),
        }
    }

    fn lattice(&self) -> Option<Lattice> {
        match self {
            Self::Quantised { low, high, q, log } => Some(Lattice {
                low: *low,
                q: *q,
                last: ((high - low) / q * (1.0 + ROUNDING)).floor(),
                log: *log,
            }),
            Self::Integer { low, high, log } => {
                const EXACT: i64 = 1 << 53;
                let exact = (-EXACT..=EXACT).contains(low) && (-EXACT..=EXACT).contains(high);
                exact.then(|| Lattice {
                    low: *low as f64,
                    q: 1.0,
                    last: (*high - *low) as f64,
                    log: *log,
                })
            }
            _ => None,
        }
    }
}

/// Whether two numbers are the same but for rounding, as after a way through a file.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= ROUNDING * a.abs()
}

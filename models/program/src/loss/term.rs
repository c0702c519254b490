//! The losses that there are, behind one interface.

use super::poisson::poisson;
use super::rows::over_values;
use super::{CrossEntropy, Focal, Huber, Mean, Quantile, squared_error};

/// What outputs are compared with.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a> {
    /// Classes, `[rows]`.
    Classes(&'a [u32]),
    /// Values, `[rows]`.
    Values(&'a [f32]),
}

/// One loss, with the numbers that it has.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// Of classes.
    CrossEntropy(CrossEntropy),
    /// Of classes.
    Focal(Focal),
    /// Of values: `(y - t)^2`.
    SquaredError,
    /// Of values.
    Huber(Huber),
    /// Of values.
    Quantile(Quantile),
    /// Of values that are at least 0, where outputs are logarithms: [`poisson`].
    Poisson,
}

/// A number of a loss that is out of range.
#[derive(Clone, Debug, PartialEq)]
pub struct OutOfRange {
    /// Its name, as in [`Term::parameters`].
    pub parameter: String,
    /// Its value.
    pub given: f64,
    /// What it may be.
    pub allowed: &'static str,
}

/// The names of class weights with their values; classes are counted from 0.
fn of_classes<'a>(
    name: &'a str,
    weights: &'a mut Option<Vec<f64>>,
) -> impl Iterator<Item = (String, &'a mut f64)> {
    let weights = weights.iter_mut().flatten().enumerate();
    weights.map(move |(class, weight)| (format!("{name}.{class}"), weight))
}

impl Term {
    /// Whether its targets are classes; otherwise they are values.
    pub fn is_of_classes(&self) -> bool {
        matches!(self, Self::CrossEntropy(_) | Self::Focal(_))
    }

    /// Its numbers, by name.
    pub fn parameters(&mut self) -> Vec<(String, &mut f64)> {
        match self {
            Self::CrossEntropy(CrossEntropy {
                class_weights,
                label_smoothing,
            }) => of_classes("class_weights", class_weights)
                .chain([("label_smoothing".to_owned(), label_smoothing)])
                .collect(),
            Self::Focal(Focal { alpha, gamma }) => of_classes("alpha", alpha)
                .chain([("gamma".to_owned(), gamma)])
                .collect(),
            Self::Huber(Huber { delta }) => vec![("delta".to_owned(), delta)],
            Self::Quantile(Quantile { quantile }) => vec![("quantile".to_owned(), quantile)],
            Self::SquaredError | Self::Poisson => Vec::new(),
        }
    }

    /// Checks its numbers.
    ///
    /// # Errors
    /// The first that is out of range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        for (parameter, given) in self.clone().parameters() {
            let kind = parameter.split('.').next().unwrap_or_default();
            let (possible, allowed): (fn(f64) -> bool, _) = match kind {
                "class_weights" | "delta" => (|x| x > 0.0, "a number above 0"),
                "label_smoothing" => (|x| (0.0..=1.0).contains(&x), "a number from 0 to 1"),
                "quantile" => (|x| x > 0.0 && x < 1.0, "a number above 0 and below 1"),
                _ => (|x| x >= 0.0, "a number of at least 0"),
            };
            if !(given.is_finite() && possible(*given)) {
                return Err(OutOfRange {
                    parameter,
                    given: *given,
                    allowed,
                });
            }
        }
        Ok(())
    }

    /// The lowest value that the mean can take with so many classes: 0, unless labels are smoothed.
    pub fn lowest(&self, classes: usize) -> f64 {
        match self {
            Self::CrossEntropy(loss) => loss.lowest(classes),
            _ => 0.0,
        }
    }

    /// The mean loss, with its gradient with respect to the outputs in `gradient`.
    ///
    /// # Shapes
    /// - outputs, gradient: `[rows, classes]`, or `[rows]` for values
    ///
    /// # Panics
    /// If the targets are of the other kind, or a label is none of the classes.
    pub fn differentiate(
        &self,
        outputs: &[f32],
        targets: Targets,
        gradient: &mut Vec<f32>,
    ) -> Mean {
        match (self, targets) {
            (Self::CrossEntropy(loss), Targets::Classes(labels)) => {
                loss.differentiate(outputs, labels, gradient)
            }
            (Self::Focal(loss), Targets::Classes(labels)) => {
                loss.differentiate(outputs, labels, gradient)
            }
            (Self::SquaredError, Targets::Values(values)) => {
                Mean::of(squared_error(outputs, values, gradient), values.len())
            }
            (Self::Huber(loss), Targets::Values(values)) => {
                over_values(outputs, values, gradient, |y, t| loss.row(y, t))
            }
            (Self::Quantile(loss), Targets::Values(values)) => {
                over_values(outputs, values, gradient, |y, t| loss.row(y, t))
            }
            (Self::Poisson, Targets::Values(values)) => {
                over_values(outputs, values, gradient, poisson)
            }
            (loss, targets) => panic!("{loss:?} is not of {targets:?}"),
        }
    }

    /// The mean alone. `scratch` is a buffer for reuse.
    ///
    /// # Panics
    /// As [`Term::differentiate`].
    pub fn mean(&self, outputs: &[f32], targets: Targets, scratch: &mut Vec<f32>) -> Mean {
        match (self, targets) {
            (Self::CrossEntropy(loss), Targets::Classes(labels)) => {
                loss.mean(outputs, labels, scratch)
            }
            _ => self.differentiate(outputs, targets, scratch),
        }
    }
}

//! Losses as configuration.

use crate::data::{Dataset, Targets};
use crate::tasks::custom::{Extensions, Parameters};
use crate::training::loss::chosen::Chosen;
use crate::training::loss::sum::{Sum, named};
use crate::training::loss::{Loss, SETTINGS};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use trimtab_program::loss::{CrossEntropy, Focal, Huber, Quantile, Term};

/// What is minimised, in place of plain cross-entropy and mean squared error. Formulas are those of [`trimtab_program::loss`].
///
/// ```
/// # use trimtab_models::LossConfig;
/// let focal: LossConfig = ron::from_str("Focal(gamma: 2, alpha: Balanced)")?;
/// let both: LossConfig = ron::from_str(
///     "Sum([(name: \"near\", loss: Huber(delta: 1)), (name: \"high\", weight: 0.5, loss: Quantile(quantile: 0.9))])",
/// )?;
/// # Ok::<(), ron::error::SpannedError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum LossConfig {
    /// Cross-entropy, of classes. Its mean is weighted by the classes' weights, as PyTorch's.
    CrossEntropy {
        /// What each class counts, above 0.
        #[serde(default)]
        class_weights: ClassWeights,
        /// The share of every label that is spread evenly over all classes, from 0 to 1.
        #[serde(default)]
        label_smoothing: f64,
    },
    /// Focal loss, of classes.
    Focal {
        /// What each class counts, at least 0. Its mean is over rows.
        #[serde(default)]
        alpha: ClassWeights,
        /// How much less rows count that are told well, at least 0; the paper has 2.
        #[serde(default = "default_gamma")]
        gamma: f64,
    },
    /// Mean squared error, of values.
    SquaredError,
    /// Huber's loss, of values.
    Huber {
        /// From how large an error it grows in proportion to it, in standard deviations of the target; above 0.
        #[serde(default = "default_delta")]
        delta: f64,
    },
    /// Quantile loss, of values.
    Quantile {
        /// The share of the targets that is to be below the prediction, above 0 and below 1.
        quantile: f64,
    },
    /// Half the deviance of a Poisson distribution, of values that are counts. The network predicts the logarithm of the mean, in units of
    /// the mean target of the training rows; predictions are in the units of the target.
    Poisson,
    /// A sum of others.
    Sum(Vec<SumTerm>),
    /// One that the program adds, by its name.
    Custom {
        /// The name.
        name: String,
        /// What its constructor reads.
        #[serde(default)]
        parameters: Parameters,
    },
}

/// A term of a sum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SumTerm {
    /// What it is called. A knob of the name `loss.<name>` moves its weight.
    pub name: String,
    /// What it is multiplied by, at least 0.
    #[serde(default = "one")]
    pub weight: f64,
    /// The loss, which is no sum itself.
    pub loss: LossConfig,
}

/// What each class counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum ClassWeights {
    /// All the same.
    #[default]
    Equal,
    /// `rows / (classes * rows of the class)` in the training rows, the rule of scikit-learn (King and Zeng 2001, "Logistic regression in
    /// rare events data"): every class counts as much as any other in all.
    Balanced,
    /// A number for each class, in the order of the classes.
    Each(Vec<f64>),
    /// Of two classes, this number for the second and 1 minus it for the first: the `alpha` of focal loss.
    Second(f64),
}

fn one() -> f64 {
    1.0
}

fn default_gamma() -> f64 {
    2.0
}

fn default_delta() -> f64 {
    1.0
}

fn fault(field: &str, given: impl ToString, allowed: impl Into<String>) -> Error {
    Error::Config {
        field: field.to_owned(),
        given: given.to_string(),
        allowed: allowed.into(),
    }
}

impl ClassWeights {
    /// A number for each class.
    fn of(&self, field: &str, labels: &[u32], classes: usize) -> Result<Option<Vec<f64>>> {
        Ok(match self {
            Self::Equal => None,
            Self::Balanced => {
                let mut counts = vec![0usize; classes];
                labels.iter().for_each(|label| counts[*label as usize] += 1);
                let rows = labels.len() as f64;
                // A class without rows is never trained on.
                let weight = |count: usize| rows / (classes * count.max(1)) as f64;
                Some(counts.into_iter().map(weight).collect())
            }
            Self::Each(weights) if weights.len() == classes => Some(weights.clone()),
            Self::Each(weights) => {
                let given = format!("{} weights", weights.len());
                return Err(fault(
                    field,
                    given,
                    format!("{classes}, one for each class"),
                ));
            }
            Self::Second(weight) if classes == 2 => Some(vec![1.0 - weight, *weight]),
            Self::Second(weight) => {
                let allowed = format!("Each([..]), as there are {classes} classes and not two");
                return Err(fault(field, format!("Second({weight})"), allowed));
            }
        })
    }

    /// The numbers that are given, for a look at them before there are data.
    fn given(&self) -> Option<Vec<f64>> {
        match self {
            Self::Equal | Self::Balanced => None,
            Self::Each(weights) => Some(weights.clone()),
            Self::Second(weight) => Some(vec![1.0 - weight, *weight]),
        }
    }
}

impl LossConfig {
    /// The one of the program's own that has this name, without parameters.
    pub fn named(name: &str) -> Self {
        Self::Custom {
            name: name.to_owned(),
            parameters: Parameters::new(),
        }
    }

    /// A name for tables.
    pub fn name(&self) -> &str {
        match self {
            Self::CrossEntropy { .. } => "cross_entropy",
            Self::Focal { .. } => "focal",
            Self::SquaredError => "squared_error",
            Self::Huber { .. } => "huber",
            Self::Quantile { .. } => "quantile",
            Self::Poisson => "poisson",
            Self::Sum(_) => "sum",
            Self::Custom { name, .. } => name,
        }
    }

    /// Its terms, or itself.
    fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Sum(terms) => terms.iter().map(|term| &term.loss).collect(),
            alone => vec![alone],
        }
    }

    /// The names of what the program has to add.
    pub(crate) fn own_parts(&self) -> impl Iterator<Item = &str> {
        self.parts().into_iter().filter_map(|part| match part {
            Self::Custom { name, .. } => Some(name.as_str()),
            _ => None,
        })
    }

    /// The loss with its numbers, where `weights` says what classes count; `None` for a sum and for the program's own.
    fn term(
        &self,
        weights: impl Fn(&ClassWeights, &str) -> Result<Option<Vec<f64>>>,
    ) -> Result<Option<Term>> {
        Ok(Some(match self {
            Self::CrossEntropy {
                class_weights,
                label_smoothing,
            } => Term::CrossEntropy(CrossEntropy {
                class_weights: weights(class_weights, "class_weights")?,
                label_smoothing: *label_smoothing,
            }),
            Self::Focal { alpha, gamma } => Term::Focal(Focal {
                alpha: weights(alpha, "alpha")?,
                gamma: *gamma,
            }),
            Self::SquaredError => Term::SquaredError,
            Self::Huber { delta } => Term::Huber(Huber { delta: *delta }),
            Self::Quantile { quantile } => Term::Quantile(Quantile {
                quantile: *quantile,
            }),
            Self::Poisson => Term::Poisson,
            Self::Sum(_) | Self::Custom { .. } => return Ok(None),
        }))
    }

    /// Checks everything that can be checked without data.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field.
    pub fn validate(&self) -> Result<()> {
        let Self::Sum(terms) = self else {
            if let Some(term) = self.term(|weights, _| Ok(weights.given()))? {
                Chosen::new(term, 2)?;
            }
            return Ok(());
        };
        if terms.is_empty() {
            return Err(fault("loss", "Sum([])", "at least one term"));
        }
        for (index, term) in terms.iter().enumerate() {
            let field = format!("loss.Sum[{index}]");
            let own = terms[..index].iter().all(|other| other.name != term.name);
            if !own || term.name.is_empty() || term.name.contains('.') {
                let allowed = "a name that no other term has, without dots";
                return Err(fault(&format!("{field}.name"), &term.name, allowed));
            }
            if let Self::Sum(_) | Self::Poisson = term.loss {
                let allowed =
                    "a loss that is no sum, and not Poisson, whose outputs are logarithms";
                return Err(fault(&format!("{field}.loss"), term.loss.name(), allowed));
            }
            if !(term.weight >= 0.0 && term.weight.is_finite()) {
                let allowed = "a weight of at least 0";
                return Err(fault(&format!("{field}.weight"), term.weight, allowed));
            }
            (term.loss.validate()).map_err(|error| named(error, &term.name))?;
        }
        Ok(())
    }

    /// The loss of a task with these training rows.
    ///
    /// # Errors
    /// [`Error::Config`] naming what does not go with the targets, or a loss that the program does not have; the constructor's of one that
    /// it does.
    pub(crate) fn build(&self, train: &Dataset, extensions: &Extensions) -> Result<Arc<dyn Loss>> {
        self.validate()?;
        match self {
            Self::Sum(terms) => {
                let terms = terms.iter().map(|term| {
                    let loss = term.loss.build(train, extensions);
                    let loss = loss.map_err(|error| named(error, &term.name))?;
                    Ok((term.name.clone(), term.weight, loss))
                });
                Ok(Arc::new(Sum::new(terms.collect::<Result<_>>()?)?))
            }
            Self::Custom { name, parameters } => extensions.loss(name, parameters, train),
            chosen => chosen.of_targets(&train.targets),
        }
    }

    /// The loss of one term.
    fn of_targets(&self, targets: &Targets) -> Result<Arc<dyn Loss>> {
        let (labels, classes) = match targets {
            Targets::Classes { labels, names } => (labels.as_slice(), names.len()),
            Targets::Values(_) => (&[][..], 1),
        };
        let of_classes = matches!(targets, Targets::Classes { .. });
        let weights = |weights: &ClassWeights, name: &str| match of_classes {
            true => weights.of(&format!("{SETTINGS}{name}"), labels, classes),
            false => Ok(None),
        };
        match self.term(weights)? {
            Some(term) if term.is_of_classes() == of_classes => {
                Ok(Arc::new(Chosen::new(term, classes)?))
            }
            _ => {
                let (kind, allowed) = match of_classes {
                    true => (
                        "classes",
                        "CrossEntropy(..), Focal(..) or a Sum of them; if the target is a number, say that it is a regression",
                    ),
                    false => (
                        "values",
                        "SquaredError, Huber(..), Quantile(..), Poisson, or a Sum of the first three",
                    ),
                };
                Err(fault("loss", format!("{} of {kind}", self.name()), allowed))
            }
        }
    }
}

#[cfg(test)]
mod tests;

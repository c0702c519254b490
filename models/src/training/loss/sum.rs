//! Sums of named losses.

use super::{Loss, SETTINGS, within};
use crate::{Error, Result, TargetBatch};
use burn::tensor::Tensor;
use std::collections::BTreeMap;
use std::sync::Arc;
use trimtab_program::loss::WeightedSum;

/// `sum over i of w_i loss_i`. The weight of a term is the parameter of its name, and what the term has itself comes after a dot:
/// `focal` and `focal.gamma`.
pub struct Sum {
    /// Each loss with its name and its weight, at least 0.
    terms: Vec<(String, f64, Arc<dyn Loss>)>,
}

impl Sum {
    /// The sum of these terms.
    ///
    /// # Errors
    /// [`Error::Config`] naming a term whose weight is not a finite number of at least 0.
    pub fn new(terms: Vec<(String, f64, Arc<dyn Loss>)>) -> Result<Self> {
        for (name, weight, _) in &terms {
            if !(*weight >= 0.0 && weight.is_finite()) {
                return Err(Error::Config {
                    field: format!("{SETTINGS}{name}"),
                    given: weight.to_string(),
                    allowed: "a weight of at least 0".to_owned(),
                });
            }
        }
        Ok(Self { terms })
    }
}

impl Loss for Sum {
    fn loss(&self, outputs: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
        let zero = Tensor::zeros([1], &outputs.device());
        let terms = self.terms.iter();
        terms.fold(zero, |sum, (_, weight, loss)| {
            sum + loss.loss(outputs.clone(), targets) * *weight
        })
    }

    fn lowest_loss(&self) -> Option<f64> {
        let terms = self.terms.iter();
        let lowest = terms.map(|(_, weight, loss)| Some(weight * loss.lowest_loss()?));
        lowest.sum()
    }

    fn parameters(&self) -> Vec<String> {
        let terms = self.terms.iter();
        let all = terms.flat_map(|(name, _, loss)| {
            let inner = loss.parameters().into_iter();
            let inner = inner.map(move |parameter| format!("{name}.{parameter}"));
            std::iter::once(name.clone()).chain(inner)
        });
        all.collect()
    }

    fn with(&self, parameters: &BTreeMap<String, f64>) -> Result<Arc<dyn Loss>> {
        let terms = self.terms.iter();
        let terms = terms.map(|(name, weight, loss)| {
            let weight = parameters.get(name).copied().unwrap_or(*weight);
            let all = parameters
                .iter()
                .map(|(name, number)| (name.as_str(), *number));
            let inner = within(all, &format!("{name}."));
            let loss = match inner.is_empty() {
                true => Arc::clone(loss),
                false => loss.with(&inner).map_err(|error| named(error, name))?,
            };
            Ok((name.clone(), weight, loss))
        });
        Ok(Arc::new(Self::new(terms.collect::<Result<_>>()?)?))
    }

    fn written_out(&self) -> Option<WeightedSum> {
        let mut all = Vec::new();
        for (_, weight, loss) in &self.terms {
            let inner = loss.written_out()?.terms.into_iter();
            all.extend(inner.map(|(within, term)| (weight * within, term)));
        }
        Some(WeightedSum::new(all))
    }
}

/// The error of a term, `loss.gamma`, as that of the sum, `loss.focal.gamma`.
pub(crate) fn named(error: Error, term: &str) -> Error {
    match error {
        Error::Config {
            field,
            given,
            allowed,
        } => Error::Config {
            field: field.replacen(SETTINGS, &format!("{SETTINGS}{term}."), 1),
            given,
            allowed,
        },
        other => other,
    }
}

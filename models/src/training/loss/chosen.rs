//! The losses that a config chooses, behind the trait.

use super::cross_entropy::cross_entropy;
use super::focal::focal;
use super::huber::huber;
use super::poisson::poisson;
use super::quantile::quantile;
use super::{Loss, SETTINGS};
use crate::{Error, Result, TargetBatch};
use burn::tensor::Tensor;
use std::collections::BTreeMap;
use std::sync::Arc;
use trimtab_program::loss::{OutOfRange, Term, WeightedSum};

/// One of the losses of [`trimtab_program::loss`].
#[derive(Clone, Debug)]
pub struct Chosen {
    term: Term,
    classes: usize,
}

impl Chosen {
    /// The loss of so many classes; their number plays no part where targets are values.
    ///
    /// # Errors
    /// [`Error::Config`] naming the parameter that is out of range.
    pub fn new(term: Term, classes: usize) -> Result<Self> {
        term.check().map_err(|fault| {
            let OutOfRange {
                parameter,
                given,
                allowed,
            } = fault;
            Error::Config {
                field: format!("{SETTINGS}{parameter}"),
                given: given.to_string(),
                allowed: allowed.to_owned(),
            }
        })?;
        Ok(Self { term, classes })
    }
}

impl Loss for Chosen {
    /// # Panics
    /// If the targets are not of the kind that the loss is of.
    fn loss(&self, outputs: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
        match (&self.term, targets.clone()) {
            (Term::CrossEntropy(loss), TargetBatch::Classes(labels)) => {
                cross_entropy(loss, outputs, labels)
            }
            (Term::Focal(loss), TargetBatch::Classes(labels)) => focal(loss, outputs, labels),
            (Term::SquaredError, TargetBatch::Values(values)) => {
                let error = outputs - values;
                (error.clone() * error).mean()
            }
            (Term::Huber(loss), TargetBatch::Values(values)) => huber(loss, outputs, values),
            (Term::Quantile(loss), TargetBatch::Values(values)) => quantile(loss, outputs, values),
            (Term::Poisson, TargetBatch::Values(values)) => poisson(outputs, values),
            (term, targets) => panic!("{term:?} is not of {targets:?}"),
        }
    }

    fn lowest_loss(&self) -> Option<f64> {
        Some(self.term.lowest(self.classes))
    }

    fn parameters(&self) -> Vec<String> {
        let mut term = self.term.clone();
        let all = term.parameters().into_iter();
        all.map(|(name, _)| name).collect()
    }

    fn with(&self, parameters: &BTreeMap<String, f64>) -> Result<Arc<dyn Loss>> {
        let mut term = self.term.clone();
        for (name, number) in term.parameters() {
            *number = parameters.get(&name).copied().unwrap_or(*number);
        }
        Ok(Arc::new(Self::new(term, self.classes)?))
    }

    fn written_out(&self) -> Option<WeightedSum> {
        Some(self.term.clone().into())
    }
}

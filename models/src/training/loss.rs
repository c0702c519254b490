//! Losses: the trait for one of one's own, and those that a config can choose.
//!
//! | to find | look in |
//! |---|---|
//! | formulas of tensors, one file each; those on plain vectors are in [`trimtab_program::loss`] | [`mod@cross_entropy`], [`mod@focal`], [`mod@huber`], [`mod@quantile`], [`mod@poisson`] |
//! | all of them behind the trait | [`chosen`] |
//! | sums of named losses | [`sum`] |

pub mod chosen;
mod classes;
pub mod cross_entropy;
pub mod focal;
pub mod huber;
pub mod poisson;
pub mod quantile;
pub mod sum;

use crate::{Error, Result, TargetBatch};
use burn::tensor::Tensor;
use std::collections::BTreeMap;
use std::sync::Arc;
use trimtab_program::loss::WeightedSum;

/// What the names of settings of a loss begin with: `loss.gamma` is its parameter `gamma`.
pub const SETTINGS: &str = "loss.";

/// Those of the numbers whose names begin with `prefix`, without it.
pub(crate) fn within<'a>(
    numbers: impl IntoIterator<Item = (&'a str, f64)>,
    prefix: &str,
) -> BTreeMap<String, f64> {
    let inner = numbers.into_iter();
    let inner = inner.filter_map(|(name, number)| {
        let name = name.strip_prefix(prefix)?;
        Some((name.to_owned(), number))
    });
    inner.collect()
}

/// A loss in the place of a task's, for classes and for values. [`Extensions`](crate::tasks::custom::Extensions) gives its constructor
/// the training examples: one that is for values only returns an error there if they have classes.
///
/// ```
/// use burn::tensor::{Tensor, activation::softmax};
/// use trimtab_models::TargetBatch;
/// use trimtab_models::training::loss::Loss;
///
/// /// The mean absolute error, of probabilities where there are classes (Ghosh, Kumar and Sastry 2017: robust to label noise).
/// struct AbsoluteError;
///
/// impl Loss for AbsoluteError {
///     fn loss(&self, outputs: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
///         match targets {
///             TargetBatch::Values(values) => (outputs - values.clone()).abs().mean(),
///             TargetBatch::Classes(labels) => {
///                 let right = softmax(outputs, 1).gather(1, labels.clone().unsqueeze_dim::<2>(1));
///                 (right.neg() + 1.0).mean() * 2.0
///             }
///         }
///     }
/// }
/// ```
pub trait Loss: Send + Sync {
    /// The mean loss over the batch, as one number.
    ///
    /// # Shapes
    /// - outputs: `[batch, classes]` logits, or `[batch, 1]` values
    /// - loss: `[1]`
    fn loss(&self, outputs: Tensor<2>, targets: &TargetBatch) -> Tensor<1>;

    /// The lowest value that it can take, as [`Task::lowest_loss`](crate::Task::lowest_loss); by default it is found.
    fn lowest_loss(&self) -> Option<f64> {
        None
    }

    /// The numbers in it that can be knobs, or parameters of a search, by name: `gamma` is moved by the setting `loss.gamma`. By default
    /// none.
    fn parameters(&self) -> Vec<String> {
        Vec::new()
    }

    /// The same loss with other values of some of its [parameters](Loss::parameters).
    ///
    /// # Errors
    /// A value that is out of range, by name. By default all are refused.
    fn with(&self, parameters: &BTreeMap<String, f64>) -> Result<Arc<dyn Loss>> {
        Err(Error::Config {
            field: "loss".to_owned(),
            given: format!("{parameters:?}"),
            allowed: "a loss that says what its parameters do, in `Loss::with`".to_owned(),
        })
    }

    /// The same loss on plain vectors, which networks that are written out are trained with: several times faster for small ones. By
    /// default there is none, and burn differentiates.
    fn written_out(&self) -> Option<WeightedSum> {
        None
    }
}

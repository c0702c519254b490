//! A loss of one's own.

use crate::TargetBatch;
use burn::tensor::Tensor;

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
}

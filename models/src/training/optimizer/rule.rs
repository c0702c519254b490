//! An optimiser of one's own, on all weights as one vector.

use std::ops::Range;

/// How an optimiser updates weights. Its state is its own.
///
/// ```
/// use trimtab_models::training::optimizer::UpdateRule;
///
/// /// Sign descent (Bernstein et al. 2018, "signSGD").
/// #[derive(Clone)]
/// struct SignDescent;
///
/// impl UpdateRule for SignDescent {
///     fn step(&mut self, lr: f64, weights: &mut [f32], gradient: &mut [f32], _: &[std::ops::Range<usize>]) {
///         for (w, g) in weights.iter_mut().zip(gradient) {
///             *w -= lr as f32 * g.signum();
///         }
///     }
///     fn clone_box(&self) -> Box<dyn UpdateRule> {
///         Box::new(self.clone())
///     }
///     fn is_adaptive(&self) -> bool {
///         true
///     }
/// }
/// let mut weights = [1.0, -1.0];
/// SignDescent.step(0.5, &mut weights, &mut [0.1, -3.0], &[0..2]);
/// assert_eq!(weights, [0.5, -0.5]);
/// ```
pub trait UpdateRule: Send + Sync {
    /// One update of `weights` at the learning rate `lr`. `tensors` says which of them are one tensor. `gradient` may be changed.
    fn step(
        &mut self,
        lr: f64,
        weights: &mut [f32],
        gradient: &mut [f32],
        tensors: &[Range<usize>],
    );

    /// The same rule in the same state.
    fn clone_box(&self) -> Box<dyn UpdateRule>;

    /// Whether updates are normalised for each weight, as Adam's are: the servo asks.
    fn is_adaptive(&self) -> bool;
}

impl Clone for Box<dyn UpdateRule> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}

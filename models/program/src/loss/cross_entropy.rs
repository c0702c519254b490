//! Cross-entropy with class weights and smoothed labels.

use super::Mean;
use super::rows::{over_classes, softmax};
use super::{mean_cross_entropy, smoothed_cross_entropy};

/// `-sum over c of q_c w_c log softmax(z)_c`, where the target `q = (1 - s) onehot(y) + s / classes` is smoothed (Szegedy et al. 2016,
/// "Rethinking the inception architecture for computer vision", section 7) and classes weigh `w`. The mean over rows is weighted by `w_y`,
/// as that of PyTorch: `sum of losses / sum of w_y`.
///
/// Without weights it is computed in 32 bits, several numbers at a time; with weights in 64 bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// The weight `w` of each class, above 0; all weigh the same if there are none.
    pub class_weights: Option<Vec<f64>>,
    /// The share `s` of a label that is spread evenly over all classes, from 0 to 1.
    pub label_smoothing: f64,
}

impl CrossEntropy {
    /// `q_c w_c` for every class `c`.
    fn targets(&self, classes: usize, label: usize) -> impl Iterator<Item = f64> + Clone {
        (0..classes).map(move |class| {
            let right = if class == label { 1.0 } else { 0.0 };
            let smoothed = right + self.label_smoothing * (1.0 / classes as f64 - right);
            smoothed * self.weight(class)
        })
    }

    /// The loss of one row, not divided by anything, and its gradient `softmax(z) sum over c of q_c w_c - q w`.
    ///
    /// # Shapes
    /// - logits, slopes: `[classes]`
    ///
    /// # Panics
    /// If there are class weights, but not one for each class.
    pub fn row(&self, logits: &[f64], label: usize, slopes: &mut [f64]) -> f64 {
        let targets = self.targets(logits.len(), label);
        let all: f64 = targets.clone().sum();
        let normaliser = softmax(logits, slopes);
        let mut loss = 0.0;
        for ((slope, logit), target) in slopes.iter_mut().zip(logits).zip(targets) {
            loss += target * (normaliser - logit);
            *slope = *slope * all - target;
        }
        loss
    }

    /// What the row of such a label counts in the mean.
    fn weight(&self, label: usize) -> f64 {
        let weights = self.class_weights.as_ref();
        weights.map_or(1.0, |all| all[label])
    }

    pub(super) fn differentiate(
        &self,
        outputs: &[f32],
        labels: &[u32],
        gradient: &mut Vec<f32>,
    ) -> Mean {
        if self.class_weights.is_none() {
            let smoothing = self.label_smoothing as f32;
            let mean = smoothed_cross_entropy(outputs, labels, smoothing, gradient);
            return Mean::of(mean, labels.len());
        }
        let weight = labels
            .iter()
            .map(|label| self.weight(*label as usize))
            .sum();
        let row = |logits: &[f64], label, slopes: &mut [f64]| self.row(logits, label, slopes);
        over_classes(outputs, labels, weight, gradient, row)
    }

    /// The mean alone. `scratch` is a buffer for reuse.
    pub(super) fn mean(&self, outputs: &[f32], labels: &[u32], scratch: &mut Vec<f32>) -> Mean {
        if self.class_weights.is_none() && self.label_smoothing == 0.0 {
            return Mean::of(mean_cross_entropy(outputs, labels, scratch), labels.len());
        }
        self.differentiate(outputs, labels, scratch)
    }

    /// The lowest value of the mean: that of rows of one class, the one whose weighted targets `t` are told best by `p = t / sum of t`.
    pub(super) fn lowest(&self, classes: usize) -> f64 {
        let of_class = |class: usize| {
            let all: f64 = self.targets(classes, class).sum();
            let told = self.targets(classes, class).filter(|target| *target > 0.0);
            let loss: f64 = told.map(|target| -target * (target / all).ln()).sum();
            loss / self.weight(class)
        };
        (0..classes).map(of_class).fold(f64::INFINITY, f64::min)
    }
}

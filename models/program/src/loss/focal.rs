//! Focal loss.

use super::Mean;
use super::rows::{over_classes, softmax};

/// `-alpha_y (1 - p_y)^gamma log p_y` with `p = softmax(z)`, the mean over rows (Lin et al. 2017, "Focal loss for dense object detection",
/// equation 5). Rows that are told well count less, the less the larger `gamma` is.
///
/// With two classes `p_1 = sigmoid(z_1 - z_0)`: it is the paper's loss of one logit, `z_1 - z_0`, with `alpha = [1 - a, a]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Focal {
    /// The weight `alpha` of each class, at least 0; 1 for all if there are none.
    pub alpha: Option<Vec<f64>>,
    /// The exponent, at least 0. With 0 it is the cross-entropy. The paper has 2.
    pub gamma: f64,
}

impl Focal {
    /// The loss of one row and its gradient, by the odds `d` against the right class: with `d = log sum over c != y of e^(z_c) - z_y` it is
    /// `alpha sigmoid(d)^gamma softplus(d)`, in which nothing cancels out.
    ///
    /// # Shapes
    /// - logits, slopes: `[classes]`, at least two
    ///
    /// # Panics
    /// If there are weights, but not one for each class, or the label is none of the classes.
    pub fn row(&self, logits: &[f64], label: usize, slopes: &mut [f64]) -> f64 {
        let alpha = self.alpha.as_ref().map_or(1.0, |all| all[label]);
        // The shares that the wrong classes have of what is not the right one: the gradient of `d`, which is -1 for the right class.
        let others = wrong(logits, label);
        let d = softmax(&others, slopes) - logits[label];
        slopes[label] = -1.0;

        let scaled = alpha * sigmoid(d).powf(self.gamma);
        let slope = scaled * (self.gamma * sigmoid(-d) * softplus(d) + sigmoid(d));
        slopes.iter_mut().for_each(|share| *share *= slope);
        scaled * softplus(d)
    }

    pub(super) fn differentiate(
        &self,
        outputs: &[f32],
        labels: &[u32],
        gradient: &mut Vec<f32>,
    ) -> Mean {
        let row = |logits: &[f64], label, slopes: &mut [f64]| self.row(logits, label, slopes);
        over_classes(outputs, labels, labels.len() as f64, gradient, row)
    }
}

/// The logits with that of the right class out of the way.
fn wrong(logits: &[f64], label: usize) -> Vec<f64> {
    let mut others = logits.to_vec();
    others[label] = f64::NEG_INFINITY;
    others
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `log(1 + e^x)`.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

//! Adam and AdamW on weights that are one vector.

use crate::pruning::Removal;
use crate::vectorised;
use serde::{Deserialize, Serialize};

/// Adam (Kingma and Ba 2015), or with its decay decoupled AdamW (Loshchilov and Hutter 2019), with its state. Formulas and the order of
/// their operations are those of burn 0.22, so that the bits are the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    weight_decay: f32,
    decoupled: bool,
    updates: i32,
    moment_1: Vec<f32>,
    moment_2: Vec<f32>,
}

impl Adam {
    /// Adam before its first update, without decay of the weights: the decays of its two moments, and what is added to the root of the
    /// second.
    pub fn new(beta_1: f32, beta_2: f32, epsilon: f32) -> Self {
        Self {
            beta_1,
            beta_2,
            epsilon,
            weight_decay: 0.0,
            decoupled: false,
            updates: 0,
            moment_1: Vec::new(),
            moment_2: Vec::new(),
        }
    }

    /// The same with an L2 penalty that is added to the gradient.
    pub fn with_penalty(self, weight_decay: f32) -> Self {
        Self {
            weight_decay,
            decoupled: false,
            ..self
        }
    }

    /// The same as AdamW: each update first multiplies the weights by `1 - lr weight_decay`.
    pub fn with_decoupled_decay(self, weight_decay: f32) -> Self {
        Self {
            weight_decay,
            decoupled: true,
            ..self
        }
    }

    /// Whether its state is of so many weights, or of none yet.
    pub fn fits(&self, weights: usize) -> bool {
        let moments = [self.moment_1.len(), self.moment_2.len()];
        moments == [weights; 2] || moments == [0; 2] && self.updates == 0
    }

    /// Goes on with the weights of a smaller network.
    ///
    /// # Panics
    /// If it has made updates of fewer weights than there were.
    pub fn shrink(&mut self, removal: &Removal) {
        removal.apply(&mut self.moment_1, -1);
        removal.apply(&mut self.moment_2, -2);
    }

    /// One update of `weights` at the learning rate `lr`.
    ///
    /// # Shapes
    /// - gradient: as the weights, which are as many at every update
    pub fn step(&mut self, lr: f64, weights: &mut [f32], gradient: &[f32]) {
        self.moment_1.resize(weights.len(), 0.0);
        self.moment_2.resize(weights.len(), 0.0);
        self.updates = self.updates.saturating_add(1);
        let (beta_1, beta_2) = (self.beta_1, self.beta_2);
        let (rest_1, rest_2) = (1.0 - beta_1, 1.0 - beta_2);
        let left_1 = 1.0 - beta_1.powi(self.updates);
        let left_2 = 1.0 - beta_2.powi(self.updates);
        let kept = (1.0 - lr * f64::from(self.weight_decay)) as f32;
        let lr = lr as f32;
        let moments = self.moment_1.iter_mut().zip(&mut self.moment_2);
        let all = weights.iter_mut().zip(gradient).zip(moments);
        if self.decoupled {
            let epsilon = self.epsilon;
            vectorised(
                #[inline(always)]
                || {
                    for ((w, g), (m, v)) in all {
                        *m = *m * beta_1 + g * rest_1;
                        *v = *v * beta_2 + g * g * rest_2;
                        let step = (*m / left_1) / ((*v / left_2).sqrt() + epsilon);
                        *w = *w * kept - step * lr;
                    }
                },
            );
        } else {
            // Both corrections of the bias in one factor.
            let root = left_2.sqrt();
            let (factor, epsilon) = (root / left_1, self.epsilon * root);
            let penalty = self.weight_decay;
            vectorised(
                #[inline(always)]
                || {
                    for ((w, g), (m, v)) in all {
                        let g = *w * penalty + g;
                        *m = *m * beta_1 + g * rest_1;
                        *v = *v * beta_2 + g * g * rest_2;
                        *w -= *m * factor / (v.sqrt() + epsilon) * lr;
                    }
                },
            );
        }
    }
}

//! The acting path: a multilayer perceptron in plain arithmetic, with no tensor and no autodiff graph.

use serde::{Deserialize, Serialize};

/// The nonlinearity between layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// The hyperbolic tangent.
    #[default]
    Tanh,
    /// `max(x, 0)`: an update takes half the time.
    Relu,
}

/// Linear layers with a nonlinearity between them. Equal to [`crate::policy::network::ActorCritic`] up to rounding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Perceptron {
    /// What follows every layer but the last.
    pub activation: Activation,
    /// The layers, inputs first.
    pub layers: Vec<Layer>,
}

/// One linear layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Weights, row-major `[inputs, outputs]`.
    pub weight: Vec<f32>,
    /// Biases, `[outputs]`.
    pub bias: Vec<f32>,
}

/// `tanh x = 1 - 2 / (exp(2 x) + 1)`: several times faster than the standard library's, and as close as `f32` is to one.
fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / ((2.0 * x).exp() + 1.0)
}

impl Perceptron {
    /// The widths of its layers: inputs, hidden layers, outputs.
    pub fn widths(&self) -> Vec<usize> {
        let inputs = self
            .layers
            .first()
            .map_or(0, |layer| layer.weight.len() / layer.bias.len().max(1));
        let outputs = self.layers.iter().map(|layer| layer.bias.len());
        std::iter::once(inputs).chain(outputs).collect()
    }

    /// All weights, layer after layer, of each the matrix and then the biases.
    pub fn weights(&self) -> impl Iterator<Item = f32> {
        let layers = self.layers.iter();
        layers.flat_map(|layer| layer.weight.iter().chain(&layer.bias).copied())
    }

    /// Whether every layer fits the next, for `inputs` inputs and `outputs` outputs, and all numbers are finite.
    pub fn fits(&self, inputs: usize, outputs: usize) -> bool {
        let mut width = inputs;
        for layer in &self.layers {
            if layer.bias.is_empty() || layer.weight.len() != width * layer.bias.len() {
                return false;
            }
            width = layer.bias.len();
        }
        let finite = |layer: &Layer| {
            layer
                .weight
                .iter()
                .chain(&layer.bias)
                .all(|x| x.is_finite())
        };
        width == outputs && !self.layers.is_empty() && self.layers.iter().all(finite)
    }

    /// The outputs for one input vector. `scratch` is a buffer for reuse.
    pub fn forward<'a>(&self, input: &[f32], scratch: &'a mut [Vec<f32>; 2]) -> &'a [f32] {
        let [current, next] = scratch;
        current.clear();
        current.extend_from_slice(input);
        for (index, layer) in self.layers.iter().enumerate() {
            next.clear();
            next.extend_from_slice(&layer.bias);
            let width = layer.bias.len().max(1);
            for (x, row) in current.iter().zip(layer.weight.chunks_exact(width)) {
                for (sum, weight) in next.iter_mut().zip(row) {
                    *sum += x * weight;
                }
            }
            if index + 1 < self.layers.len() {
                match self.activation {
                    Activation::Tanh => next.iter_mut().for_each(|x| *x = tanh(*x)),
                    Activation::Relu => next.iter_mut().for_each(|x| *x = x.max(0.0)),
                }
            }
            std::mem::swap(current, next);
        }
        current
    }
}

//! Multilayer perceptrons.

use crate::product::{Matrix, product};
use crate::pruning::{Role, UnitWeights, Units};
use crate::rows::{add_rows, add_to_rows, first};
use crate::{Activation, Program};
use std::ops::Range;

/// Linear layers with a nonlinearity between them.
///
/// Its weights are, layer after layer and inputs first, the matrix `[inputs, outputs]` row by row and then the biases
/// `[outputs]`.
#[derive(Clone, Debug)]
pub struct Mlp {
    widths: Vec<usize>,
    activation: Activation,
    tensors: Vec<Range<usize>>,
    layers: Vec<Layer>,
    /// The gradient with respect to the outputs of a layer, and to its inputs.
    gradients: [Vec<f32>; 2],
}

/// What the last forward pass left of a layer, `[rows, outputs]` each.
#[derive(Clone, Debug, Default)]
struct Layer {
    outputs: Vec<f32>,
    /// The derivative of the nonlinearity, where it does not follow from the outputs.
    derivative: Vec<f32>,
}

impl Mlp {
    /// A network whose layers have these widths: inputs, hidden layers, outputs. The nonlinearity follows every layer but the
    /// last.
    ///
    /// # Panics
    /// If there are less than two widths, or one of them is 0.
    pub fn new(widths: &[usize], activation: Activation) -> Self {
        assert!(
            widths.len() >= 2 && !widths.contains(&0),
            "widths of an MLP: {widths:?}"
        );
        let mut end = 0;
        let sizes = widths
            .windows(2)
            .flat_map(|pair| [pair[0] * pair[1], pair[1]]);
        let tensors = sizes.map(|size| {
            end += size;
            end - size..end
        });
        Self {
            widths: widths.to_vec(),
            activation,
            tensors: tensors.collect(),
            layers: vec![Layer::default(); widths.len() - 1],
            gradients: Default::default(),
        }
    }
}

impl Program for Mlp {
    fn inputs(&self) -> usize {
        self.widths[0]
    }

    fn outputs(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    fn tensors(&self) -> &[Range<usize>] {
        &self.tensors
    }

    fn units(&self) -> Vec<Units> {
        let hidden = 1..self.widths.len() - 1;
        let layer = |index: usize| {
            let [before, count, behind] = [index - 1, index, index + 1].map(|at| self.widths[at]);
            let [matrix, biases, next] = [0, 1, 2].map(|at| self.tensors[2 * index - 2 + at].start);
            Units {
                count,
                weights: vec![
                    UnitWeights::columns(Role::Incoming, matrix, before, count),
                    UnitWeights::rows(Role::Bias, biases, 1),
                    UnitWeights::rows(Role::Outgoing, next, behind),
                ],
            }
        };
        hidden.map(layer).collect()
    }

    fn forward(&mut self, weights: &[f32], inputs: &[f32]) -> &[f32] {
        let rows = inputs.len() / self.inputs();
        let last = self.layers.len() - 1;
        for index in 0..=last {
            let [width, next] = [self.widths[index], self.widths[index + 1]];
            let (before, after) = self.layers.split_at_mut(index);
            let x = before
                .last()
                .map_or(inputs, |layer| &layer.outputs[..rows * width]);
            let Layer {
                outputs,
                derivative,
            } = &mut after[0];
            let biases = &weights[self.tensors[2 * index + 1].clone()];
            let outputs = first(outputs, rows * next);
            let matrix = Matrix::of(&weights[self.tensors[2 * index].clone()], next);
            product(outputs, false, Matrix::of(x, width), matrix);
            if index < last {
                self.activation.apply(outputs, biases, derivative);
            } else {
                add_to_rows(outputs, biases);
            }
        }
        &self.layers[last].outputs[..rows * self.outputs()]
    }

    fn backward(
        &mut self,
        weights: &[f32],
        inputs: &[f32],
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) {
        let rows = output_gradient.len() / self.outputs();
        let last = self.layers.len() - 1;
        for index in (0..=last).rev() {
            let [here, below] = &mut self.gradients;
            let [width, next] = [self.widths[index], self.widths[index + 1]];
            let sums = &mut gradient[self.tensors[2 * index + 1].clone()];
            sums.fill(0.0);
            let from_above: &[f32] = if index == last {
                add_rows(output_gradient, sums);
                output_gradient
            } else {
                let Layer {
                    outputs,
                    derivative,
                } = &self.layers[index];
                let here = &mut here[..rows * next];
                self.activation.back(here, outputs, derivative, sums);
                here
            };
            let from_above = Matrix::of(from_above, next);
            let x = match index {
                0 => inputs,
                _ => &self.layers[index - 1].outputs[..rows * width],
            };
            let matrix = self.tensors[2 * index].clone();
            let slopes = &mut gradient[matrix.clone()];
            product(slopes, false, Matrix::of(x, width).transposed(), from_above);
            if index > 0 {
                let below = first(below, x.len());
                let matrix = Matrix::of(&weights[matrix], next).transposed();
                product(below, false, from_above, matrix);
                self.gradients.swap(0, 1);
            }
        }
    }
}

//! Equal MLPs as one program of tensors with one more dimension.

use crate::data::{Dataset, Targets};
use crate::mlp::{Activation, MlpTask};
use crate::task::Task;
use crate::weights::show;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::ops::Range;

/// The shape of an MLP and its loss. Networks of equal shape share a program, whatever their weights and data.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Program {
    widths: Vec<usize>,
    activation: Activation,
    /// Whether the loss is that of values rather than of classes.
    values: bool,
}

/// As many examples for each network.
pub(super) struct Examples {
    /// `[networks, examples, features]`
    inputs: Tensor<3>,
    targets: ExampleTargets,
}

/// Their targets, `[networks, examples, 1]`.
enum ExampleTargets {
    Classes(Tensor<3, Int>),
    Values(Tensor<3>),
}

impl Examples {
    /// Some rows of a data set for each network, as many for each and of the same kind of targets.
    pub(super) fn gather<'a>(
        each: impl Iterator<Item = (&'a Dataset, &'a [u32])>,
        device: &Device,
    ) -> Self {
        let (mut inputs, mut labels, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let (mut networks, mut examples, mut features) = (0, 0, 0);
        for (data, rows) in each {
            networks += 1;
            (examples, features) = (rows.len(), data.features);
            for row in rows {
                let row = *row as usize;
                inputs.extend_from_slice(data.row(row));
                match &data.targets {
                    Targets::Classes { labels: all, .. } => labels.push(all[row] as i32),
                    Targets::Values(all) => values.push(all[row]),
                }
            }
        }
        let shape = [networks, examples, 1];
        Self {
            inputs: Tensor::from_data(
                TensorData::new(inputs, [networks, examples, features]),
                device,
            ),
            targets: if values.is_empty() {
                ExampleTargets::Classes(Tensor::from_data(TensorData::new(labels, shape), device))
            } else {
                ExampleTargets::Values(Tensor::from_data(TensorData::new(values, shape), device))
            },
        }
    }
}

/// Weights and biases of a layer of all networks.
///
/// # Shapes
/// - weights: `[networks, inputs, outputs]`
/// - biases: `[networks, 1, outputs]`
pub(super) struct Layer {
    weights: Tensor<3>,
    biases: Tensor<3>,
}

impl Program {
    /// The program of a task.
    pub(super) fn new(task: &MlpTask) -> Self {
        Self {
            widths: task.widths(),
            activation: task.activation(),
            values: matches!(task.split().train.targets, Targets::Values(_)),
        }
    }

    /// Outputs of each network for one example.
    pub(super) fn outputs(&self) -> usize {
        self.widths.last().copied().unwrap_or(0)
    }

    /// Where the tensors of one network are in its weights as one vector.
    pub(super) fn tensors(&self) -> Vec<Range<usize>> {
        let mut end = 0;
        self.shapes()
            .map(|[rows, columns]| {
                let start = end;
                end += rows * columns;
                start..end
            })
            .collect()
    }

    fn shapes(&self) -> impl Iterator<Item = [usize; 2]> {
        let pairs = self.widths.windows(2);
        pairs.flat_map(|pair| [[pair[0], pair[1]], [1, pair[1]]])
    }

    /// Networks with these weights, side by side.
    pub(super) fn stack(&self, weights: &[&[f32]], device: &Device) -> Vec<Layer> {
        let tensors: Vec<Tensor<3>> = self
            .shapes()
            .zip(self.tensors())
            .map(|([rows, columns], at)| {
                let mut values = Vec::with_capacity(weights.len() * at.len());
                for weights in weights {
                    values.extend_from_slice(&weights[at.clone()]);
                }
                let data = TensorData::new(values, [weights.len(), rows, columns]);
                Tensor::from_data(data, device)
            })
            .collect();
        let layers = tensors.as_chunks().0.iter();
        layers
            .map(|[weights, biases]| Layer {
                weights: weights.clone(),
                biases: biases.clone(),
            })
            .collect()
    }

    /// Outputs and losses of all networks.
    ///
    /// # Shapes
    /// - outputs: `[networks, examples, outputs]`
    /// - losses: `[networks, 1]`, each the mean over the examples as [`Task::loss`] has it
    pub(super) fn evaluate(&self, layers: &[Layer], examples: &Examples) -> (Tensor<3>, Tensor<2>) {
        let mut x = examples.inputs.clone();
        for (index, layer) in layers.iter().enumerate() {
            x = x.matmul(layer.weights.clone()) + layer.biases.clone();
            if index + 1 < layers.len() {
                x = self.activation.forward(x);
            }
        }
        let each = match &examples.targets {
            ExampleTargets::Classes(labels) => log_softmax(x.clone(), 2).gather(2, labels.clone()),
            ExampleTargets::Values(values) => {
                let error = x.clone() - values.clone();
                error.clone() * error
            }
        };
        let mean = each.squeeze_dim::<2>(2).mean_dim(1);
        let losses = match &examples.targets {
            ExampleTargets::Classes(_) => mean.neg(),
            ExampleTargets::Values(_) => mean,
        };
        (x, losses)
    }

    /// The loss of each network at its weights, and its gradient in the order of the weights.
    pub(super) fn gradients(
        &self,
        weights: &[&[f32]],
        examples: &Examples,
        device: &Device,
    ) -> Vec<(f32, Vec<f32>)> {
        let mut layers = self.stack(weights, device);
        for layer in &mut layers {
            layer.weights = layer.weights.clone().require_grad();
            layer.biases = layer.biases.clone().require_grad();
        }
        let (_, losses) = self.evaluate(&layers, examples);
        // The networks share nothing, so the gradient of the sum is that of each.
        let mut gradients = losses.clone().sum().backward();
        let length = weights.first().map_or(0, |weights| weights.len());
        let losses = losses.into_data();
        let mut each: Vec<(f32, Vec<f32>)> = losses
            .iter::<f32>()
            .map(|loss| (loss, Vec::with_capacity(length)))
            .collect();
        for tensor in layers
            .iter()
            .flat_map(|layer| [&layer.weights, &layer.biases])
        {
            // Taken out, so that its numbers need no copy to be seen.
            if let Some(gradient) = tensor.grad_remove(&mut gradients) {
                let data = gradient.into_data();
                show(&data, &mut |all| {
                    for ((_, flat), part) in
                        each.iter_mut().zip(all.chunks(all.len() / weights.len()))
                    {
                        flat.extend_from_slice(part);
                    }
                });
            }
        }
        each
    }
}

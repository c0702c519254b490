//! Actor and critic as burn modules.

use crate::perceptron::{Activation, Layer, Perceptron};
use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData, activation};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// A linear layer. Its parameter identities are given, so that an optimiser's state finds them again after a restart.
#[derive(Module, Debug)]
pub struct Linear {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

/// Linear layers with a nonlinearity between them.
#[derive(Module, Debug)]
pub struct Network {
    layers: Vec<Linear>,
    #[module(skip)]
    activation: Activation,
}

/// A policy network and a value network that share nothing (Andrychowicz et al. 2021 found that to be better).
#[derive(Module, Debug)]
pub struct ActorCritic {
    /// Observation to logits, one block for each head.
    pub actor: Network,
    /// Observation to value.
    pub critic: Network,
}

impl ActorCritic {
    /// Networks with these hidden widths, initialised orthogonally: gain `sqrt(2)` in hidden layers, 0.01 for the
    /// policy's output and 1 for the value's, biases 0 (detail 2 of CleanRL's list).
    pub fn new(
        features: usize,
        hidden: &[usize],
        activation: Activation,
        logits: usize,
        device: &Device,
        rng: &mut impl Rng,
    ) -> Self {
        let layers = |last: usize, gain: f32| -> Vec<Layer> {
            let widths: Vec<usize> = [features]
                .into_iter()
                .chain(hidden.iter().copied())
                .chain([last])
                .collect();
            (0..widths.len() - 1)
                .map(|i| Layer {
                    weight: vec![
                        if i + 2 == widths.len() {
                            gain
                        } else {
                            2f32.sqrt()
                        };
                        widths[i] * widths[i + 1]
                    ],
                    bias: vec![0.0; widths[i + 1]],
                })
                .collect()
        };
        let mut actor = layers(logits, 0.01);
        let mut critic = layers(1, 1.0);
        for layer in actor.iter_mut().chain(&mut critic) {
            let (outputs, gain) = (layer.bias.len(), layer.weight[0]);
            layer.weight = orthogonal(layer.weight.len() / outputs, outputs, gain, rng);
        }
        Self::from_layers(
            &Perceptron {
                activation,
                layers: actor,
            },
            &Perceptron {
                activation,
                layers: critic,
            },
            device,
        )
    }

    /// Networks with given weights.
    pub fn from_layers(actor: &Perceptron, critic: &Perceptron, device: &Device) -> Self {
        Self {
            actor: Network::from_perceptron(actor, 1, device),
            critic: Network::from_perceptron(critic, 1_000, device),
        }
    }
}

impl Network {
    fn from_perceptron(perceptron: &Perceptron, first_id: u64, device: &Device) -> Self {
        let mut id = first_id;
        let mut next_id = || {
            id += 1;
            ParamId::from(id - 1)
        };
        let layers = perceptron
            .layers
            .iter()
            .map(|layer| {
                let outputs = layer.bias.len();
                let inputs = layer.weight.len() / outputs.max(1);
                let weight = TensorData::new(layer.weight.clone(), [inputs, outputs]);
                let bias = TensorData::new(layer.bias.clone(), [outputs]);
                Linear {
                    weight: Param::initialized(
                        next_id(),
                        Tensor::from_data(weight, device).require_grad(),
                    ),
                    bias: Param::initialized(
                        next_id(),
                        Tensor::from_data(bias, device).require_grad(),
                    ),
                }
            })
            .collect();
        Self {
            layers,
            activation: perceptron.activation,
        }
    }

    /// The weights as plain numbers.
    pub fn to_perceptron(&self) -> Perceptron {
        let numbers = |data: TensorData| data.iter::<f32>().collect();
        Perceptron {
            activation: self.activation,
            layers: self
                .layers
                .iter()
                .map(|layer| Layer {
                    weight: numbers(layer.weight.val().into_data()),
                    bias: numbers(layer.bias.val().into_data()),
                })
                .collect(),
        }
    }

    /// # Shapes
    /// - input: `[batch, inputs]`
    /// - output: `[batch, outputs]`
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let last = self.layers.len().saturating_sub(1);
        self.layers
            .iter()
            .enumerate()
            .fold(input, |x, (index, layer)| {
                let x = x.matmul(layer.weight.val()) + layer.bias.val().unsqueeze::<2>();
                match self.activation {
                    _ if index == last => x,
                    Activation::Tanh => tanh(x),
                    Activation::Relu => activation::relu(x),
                }
            })
    }
}

/// `tanh x = 2 sigmoid(2 x) - 1`. On the CPU the tensor library's own `tanh` takes two thirds of an update's time.
fn tanh(x: Tensor<2>) -> Tensor<2> {
    activation::sigmoid(x.mul_scalar(2.0)).mul_scalar(2.0) - 1.0
}

/// A random `rows` by `columns` matrix with orthonormal rows or columns, whichever are fewer, times `gain` (Saxe et al.
/// 2014), by Gram and Schmidt on normal draws.
fn orthogonal(rows: usize, columns: usize, gain: f32, rng: &mut impl Rng) -> Vec<f32> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        let mut vector: Vec<f64> = (0..length).map(|_| StandardNormal.sample(rng)).collect();
        // Twice is enough for orthogonality to rounding (Kahan and Parlett).
        for _ in 0..2 {
            for other in &basis {
                let dot: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector
                    .iter_mut()
                    .zip(other)
                    .for_each(|(a, b)| *a -= dot * b);
            }
        }
        let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm > 1e-6 {
            vector.iter_mut().for_each(|x| *x /= norm);
            basis.push(vector);
        }
    }
    (0..rows * columns)
        .map(|index| {
            let (row, column) = (index / columns, index % columns);
            let x = if rows <= columns {
                basis[row][column]
            } else {
                basis[column][row]
            };
            x as f32 * gain
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_env::stream;

    #[test]
    fn orthogonal_matrices_are_orthogonal() {
        for (rows, columns) in [(4, 7), (7, 4), (5, 5)] {
            let matrix = orthogonal(rows, columns, 2.0, &mut stream(1, "weights", 0));
            let (few, many) = (rows.min(columns), rows.max(columns));
            let at = |i: usize, k: usize| {
                if rows <= columns {
                    matrix[i * columns + k]
                } else {
                    matrix[k * columns + i]
                }
            };
            for i in 0..few {
                for j in 0..few {
                    let dot: f32 = (0..many).map(|k| at(i, k) * at(j, k)).sum();
                    let wanted = if i == j { 4.0 } else { 0.0 };
                    assert!(
                        (dot - wanted).abs() < 1e-4,
                        "{rows}x{columns} {i} {j}: {dot}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_plain_perceptron_equals_the_tensor_network() {
        let device = Device::flex().autodiff();
        let input: Vec<f32> = vec![0.3, -1.0, 2.0, 0.0, -0.5];
        let models = [Activation::Tanh, Activation::Relu].map(|activation| {
            let mut rng = stream(3, "weights", 0);
            ActorCritic::new(5, &[16, 8], activation, 7, &device, &mut rng)
        });
        for network in models
            .iter()
            .flat_map(|model| [&model.actor, &model.critic])
        {
            let tensor = network.forward(Tensor::from_data(
                TensorData::new(input.clone(), [1, 5]),
                &device,
            ));
            let wanted: Vec<f32> = tensor.into_data().iter::<f32>().collect();
            let plain = network.to_perceptron();
            let mut scratch = Default::default();
            let got = plain.forward(&input, &mut scratch);
            assert!(plain.fits(5, wanted.len()));
            assert!(
                got.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-6),
                "{got:?} {wanted:?}"
            );
        }
    }
}

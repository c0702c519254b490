//! A network for tables: embedded numbers, members that share their layers.

use crate::Result;
use burn::module::{Module, Param};
use burn::tensor::activation::{self, log_softmax};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use std::f32::consts::{PI, TAU};
use trimtab_env::bounds::{check_count, check_memory, check_widths};
use trimtab_program::{Activation, Part, TabularSizes};

/// The most members, waves and numbers of an embedding.
const MOST: usize = 1024;

/// The architecture of a [`Tabular`] network, and what of its training belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TabularConfig {
    /// Widths of the hidden layers, which all members share.
    pub hidden: Vec<usize>,
    /// The nonlinearity.
    pub activation: Activation,
    /// Networks of an ensemble, which share their hidden layers (TabM-mini). Each costs as much as one alone. Against one, four lowered
    /// the RMSE of 21 tables by 2.3 % on average, and raised the accuracy on 23 others by 0.002, which is within the noise.
    pub members: usize,
    /// How many inputs, the first, are numbers; the others are indicators. `None` if all are numbers.
    pub numbers: Option<usize>,
    /// How every number is embedded; `None` leaves it as it is.
    pub embedding: Option<EmbeddingConfig>,
    /// The share of every label that is spread evenly over all classes in training. RealMLP-TD has 0.1, which under the servo did not raise
    /// the accuracy: 0 by default.
    pub label_smoothing: f64,
    /// How fast parts of the network learn.
    pub rates: PartRates,
}

impl Default for TabularConfig {
    fn default() -> Self {
        Self {
            hidden: vec![128, 128],
            activation: Activation::Relu,
            members: 4,
            numbers: None,
            embedding: Some(EmbeddingConfig::default()),
            label_smoothing: 0.0,
            rates: PartRates::default(),
        }
    }
}

/// How numbers are embedded: `e(x) = A cos(2 pi w x + b) + c`, with weights of their own for each, beside `x` itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingConfig {
    /// Waves: elements of `w` and `b`. RealMLP-TD has 16.
    pub waves: usize,
    /// Numbers beside `x`: elements of `c`. RealMLP-TD has 3.
    pub width: usize,
    /// The standard deviation of the frequencies `w` at the start, in turns for a step of 1. RealMLP-TD has 0.1.
    pub frequency: f64,
}

impl Default for EmbeddingConfig {
    fn default() -> Self {
        Self {
            waves: 16,
            width: 3,
            frequency: 0.1,
        }
    }
}

/// The learning rates of parts of the network, in multiples of that of the hidden matrices. They hold under optimisers whose updates
/// do not depend on the size of the gradient, such as Adam: a part learns `v` where its weights are `rate v`. RealMLP-TD has 0.1 for
/// embeddings and 6 for scales; under the servo, which takes the size of updates from all weights together, 0.3 and 6 were worse than 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartRates {
    /// Of the embeddings.
    pub embedding: f64,
    /// Of the scales in front of the first layer.
    pub scales: f64,
    /// Of the biases of hidden layers.
    pub biases: f64,
    /// Of the members' last layers.
    pub heads: f64,
    /// Whether a matrix learns at a rate in proportion to `1 / sqrt(inputs)`, as its weights are at the start.
    pub by_inputs: bool,
}

impl Default for PartRates {
    fn default() -> Self {
        Self {
            embedding: 1.0,
            scales: 1.0,
            biases: 1.0,
            heads: 1.0,
            by_inputs: false,
        }
    }
}

/// The inputs of a matrix whose rate is that of the training if rates go [by inputs](PartRates::by_inputs).
const USUAL_INPUTS: f32 = 64.0;

impl PartRates {
    /// What the weights of a part are multiplied by.
    fn factor(self, part: Part) -> f32 {
        let by_inputs = |inputs: usize| match self.by_inputs {
            true => (USUAL_INPUTS / inputs as f32).sqrt(),
            false => 1.0,
        };
        match part {
            Part::Frequencies | Part::Phases | Part::Mix | Part::Offsets => self.embedding as f32,
            Part::Scales => self.scales as f32,
            Part::Matrix { inputs } => by_inputs(inputs),
            Part::Biases { .. } => self.biases as f32,
            Part::Heads { inputs } | Part::HeadBiases { inputs } => {
                self.heads as f32 * by_inputs(inputs)
            }
        }
    }
}

impl TabularConfig {
    /// Checks everything by itself, before anything is allocated: for `inputs` numbers of a row.
    ///
    /// # Errors
    /// [`Error::Bounds`](crate::Error::Bounds) naming the field.
    pub fn validate(&self, inputs: usize) -> Result<()> {
        let own = |field: &str, given: f64, allowed: std::ops::RangeInclusive<f64>| {
            if allowed.contains(&given) {
                return Ok(());
            }
            let (low, high) = (allowed.start(), allowed.end());
            let allowed = format!("give a number from {low} to {high}");
            Err(trimtab_env::Error::config(field, given, allowed))
        };
        check_count("model.members", self.members, 1..=MOST)?;
        check_count("layers of model.hidden", self.hidden.len(), 1..=MOST)?;
        if let Some(embedding) = &self.embedding {
            check_count("model.embedding.waves", embedding.waves, 1..=MOST)?;
            check_count("model.embedding.width", embedding.width, 1..=MOST)?;
            own("model.embedding.frequency", embedding.frequency, 1e-6..=1e6)?;
        }
        own("model.label_smoothing", self.label_smoothing, 0.0..=0.9)?;
        for (field, rate) in [
            ("model.rates.embedding", self.rates.embedding),
            ("model.rates.scales", self.rates.scales),
            ("model.rates.biases", self.rates.biases),
            ("model.rates.heads", self.rates.heads),
        ] {
            own(field, rate, 1e-6..=1e6)?;
        }
        // The first layer has the embeddings before it.
        let sizes = self.sizes(inputs, 1);
        check_widths("model.hidden", sizes.embedded(), &self.hidden, 1)?;
        let weights: f64 = sizes.tensors().iter().map(|(_, size)| *size as f64).sum();
        check_memory("model.members", self.members, 16.0 * weights)?;
        Ok(())
    }

    /// The sizes of the network for rows of `inputs` numbers and so many outputs.
    pub fn sizes(&self, inputs: usize, outputs: usize) -> TabularSizes {
        let (waves, embedding) =
            (self.embedding).map_or((0, 0), |embedding| (embedding.waves, embedding.width));
        TabularSizes {
            inputs,
            numbers: self.numbers.unwrap_or(inputs).min(inputs),
            waves,
            embedding,
            members: self.members,
            hidden: self.hidden.clone(),
            outputs,
        }
    }

    /// What the weights of a part are multiplied by: [`PartRates`].
    pub fn factor(&self, part: Part) -> f32 {
        self.rates.factor(part)
    }

    /// The numbers that a network begins with, in the order of its tensors.
    ///
    /// | weights | begin with |
    /// |---|---|
    /// | frequencies; phases | `N(0, frequency^2)`; `U(-pi, pi)` |
    /// | scales | a random sign for each input of each member, shared by a number and its embedding; 1 if there is one member |
    /// | matrices and biases | `U(-1/sqrt(inputs), 1/sqrt(inputs))` |
    pub(crate) fn initial(&self, sizes: &TabularSizes, rng: &mut impl Rng) -> Vec<f32> {
        let mut weights = Vec::new();
        let uniform = |rng: &mut _, bound: f32, count: usize, factor: f32| {
            let bounds = -bound..bound;
            let draw = (0..count).map(|_| RngExt::random_range(rng, bounds.clone()) / factor);
            draw.collect::<Vec<f32>>()
        };
        let fan_in = |inputs: usize| 1.0 / (inputs as f32).sqrt();
        for (part, count) in sizes.tensors() {
            let factor = self.factor(part);
            weights.extend(match part {
                Part::Frequencies => {
                    let spread = self.embedding.unwrap_or_default().frequency as f32;
                    let normal = (0..count).map(|_| -> f32 { StandardNormal.sample(rng) });
                    normal.map(|z| spread * z / factor).collect()
                }
                Part::Phases => uniform(rng, PI, count, factor),
                Part::Mix | Part::Offsets => uniform(rng, fan_in(sizes.waves), count, factor),
                Part::Scales => self.signs(sizes, factor, rng),
                Part::Matrix { inputs }
                | Part::Biases { inputs }
                | Part::Heads { inputs }
                | Part::HeadBiases { inputs } => uniform(rng, fan_in(inputs), count, factor),
            });
        }
        weights
    }

    /// The scales at the start.
    fn signs(&self, sizes: &TabularSizes, factor: f32, rng: &mut impl Rng) -> Vec<f32> {
        let together = if sizes.embeds() {
            1 + sizes.embedding
        } else {
            1
        };
        let mut scales = Vec::with_capacity(sizes.members * sizes.embedded());
        for _ in 0..sizes.members {
            for input in 0..sizes.inputs {
                let sign = match sizes.members > 1 && rng.random::<bool>() {
                    true => -1.0,
                    false => 1.0,
                };
                let count = if input < sizes.numbers { together } else { 1 };
                scales.extend(std::iter::repeat_n(sign / factor, count));
            }
        }
        scales
    }
}

/// Numbers embedded periodically, and an ensemble whose members share their hidden layers: [`trimtab_program::Tabular`].
///
/// Weights that are not matrices are vectors, so that they do not count as layers.
#[derive(Module, Debug)]
pub struct Tabular {
    embedding: Option<Embedding>,
    scales: Param<Tensor<1>>,
    layers: Vec<Layer>,
    heads: Param<Tensor<2>>,
    head_biases: Param<Tensor<1>>,
    #[module(skip)]
    config: TabularConfig,
    #[module(skip)]
    sizes: TabularSizes,
}

/// The weights of periodic embeddings.
#[derive(Module, Debug)]
pub struct Embedding {
    frequencies: Param<Tensor<1>>,
    phases: Param<Tensor<1>>,
    mix: Param<Tensor<1>>,
    offsets: Param<Tensor<1>>,
}

/// A hidden layer.
#[derive(Module, Debug)]
pub struct Layer {
    matrix: Param<Tensor<2>>,
    biases: Param<Tensor<1>>,
}

impl Tabular {
    /// A network with random weights drawn from `rng`.
    pub fn new(
        config: &TabularConfig,
        sizes: &TabularSizes,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Self {
        let initial = config.initial(sizes, rng);
        let mut rest = initial.as_slice();
        let mut parts = sizes.tensors().into_iter().map(|(_, size)| {
            let (part, others) = rest.split_at(size);
            rest = others;
            part.to_vec()
        });
        let mut next = || parts.next().unwrap_or_default();
        let vector = |part: Vec<f32>| {
            let shape = [part.len()];
            Param::from_tensor(Tensor::from_data(TensorData::new(part, shape), device))
        };
        let matrix = |part: Vec<f32>, columns: usize| {
            let shape = [part.len() / columns, columns];
            Param::from_tensor(Tensor::from_data(TensorData::new(part, shape), device))
        };
        Self {
            embedding: sizes.embeds().then(|| Embedding {
                frequencies: vector(next()),
                phases: vector(next()),
                mix: vector(next()),
                offsets: vector(next()),
            }),
            scales: vector(next()),
            layers: (sizes.hidden.iter())
                .map(|width| Layer {
                    matrix: matrix(next(), *width),
                    biases: vector(next()),
                })
                .collect(),
            heads: matrix(next(), sizes.outputs),
            head_biases: vector(next()),
            config: config.clone(),
            sizes: sizes.clone(),
        }
    }

    /// The outputs of every member.
    ///
    /// # Shapes
    /// - input: `[batch, inputs]`
    /// - output: `[members, batch, outputs]`
    pub fn members(&self, input: Tensor<2>) -> Tensor<3> {
        let TabularSizes {
            members, outputs, ..
        } = self.sizes;
        let [batch, _] = input.dims();
        let factor = |part| self.config.factor(part);
        let embedded = self.embedded(input);
        let [_, mut width] = embedded.dims();
        let scales = self.scales.val() * factor(Part::Scales);
        let seen = embedded.unsqueeze_dim::<3>(0) * scales.reshape([members, 1, width]);
        let mut x = seen.reshape([members * batch, width]);
        for layer in &self.layers {
            let matrix = layer.matrix.val() * factor(Part::Matrix { inputs: width });
            let biases = layer.biases.val() * factor(Part::Biases { inputs: width });
            x = x.matmul(matrix) + biases.unsqueeze_dim::<2>(0);
            x = match self.config.activation {
                Activation::Relu => activation::relu(x),
                // As in `Mlp`.
                Activation::Tanh => activation::sigmoid(x * 2.0) * 2.0 - 1.0,
                Activation::Gelu => activation::gelu(x),
            };
            [_, width] = x.dims();
        }
        let heads = self.heads.val() * factor(Part::Heads { inputs: width });
        let biases = self.head_biases.val() * factor(Part::HeadBiases { inputs: width });
        let x = x.reshape([members, batch, width]);
        x.matmul(heads.reshape([members, width, outputs])) + biases.reshape([members, 1, outputs])
    }

    /// What the members predict together: the logarithm of their mean probabilities if there are several outputs, else the mean of
    /// their values.
    ///
    /// # Shapes
    /// - input: `[batch, inputs]`
    /// - output: `[batch, outputs]`
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let outputs = self.members(input);
        if self.sizes.outputs == 1 {
            return outputs.mean_dim(0).squeeze_dim::<2>(0);
        }
        let probabilities = log_softmax(outputs, 2).exp();
        probabilities.mean_dim(0).squeeze_dim::<2>(0).log()
    }

    /// `[batch, inputs]` with the embeddings of numbers beside them, `[batch, embedded]`.
    fn embedded(&self, input: Tensor<2>) -> Tensor<2> {
        let Some(embedding) = &self.embedding else {
            return input;
        };
        let TabularSizes {
            inputs,
            numbers,
            waves,
            embedding: width,
            ..
        } = self.sizes;
        let [batch, _] = input.dims();
        let factor = |part| self.config.factor(part);
        let x = input.clone().slice([0..batch, 0..numbers]);
        let x = x.reshape([batch, numbers, 1]);
        let frequencies = embedding.frequencies.val() * (TAU * factor(Part::Frequencies));
        let phases = embedding.phases.val() * factor(Part::Phases);
        let angles = x.clone() * frequencies.reshape([1, numbers, waves])
            + phases.reshape([1, numbers, waves]);
        let mix = embedding.mix.val() * factor(Part::Mix);
        let mixed = angles.cos().unsqueeze_dim::<4>(3) * mix.reshape([1, numbers, waves, width]);
        let offsets = embedding.offsets.val() * factor(Part::Offsets);
        let e = mixed.sum_dim(2).reshape([batch, numbers, width])
            + offsets.reshape([1, numbers, width]);
        let both = Tensor::cat(vec![x, e], 2).reshape([batch, numbers * (1 + width)]);
        if inputs == numbers {
            return both;
        }
        Tensor::cat(vec![both, input.slice([0..batch, numbers..inputs])], 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::weights::flat_state;
    use trimtab_env::stream;

    /// Five inputs, of which three are numbers; every part learns at a rate of its own.
    fn config() -> TabularConfig {
        TabularConfig {
            hidden: vec![64, 4],
            members: 3,
            numbers: Some(3),
            rates: PartRates {
                embedding: 0.5,
                scales: 4.0,
                ..PartRates::default()
            },
            ..TabularConfig::default()
        }
    }

    #[test]
    fn weights_begin_as_they_are_said_to() {
        let config = config();
        let sizes = config.sizes(5, 2);
        assert_eq!(sizes.embedded(), 5 + 3 * 3);
        let initial = config.initial(&sizes, &mut stream(1, "weights", 0));
        assert_eq!(
            initial,
            config.initial(&sizes, &mut stream(1, "weights", 0))
        );
        assert_ne!(
            initial,
            config.initial(&sizes, &mut stream(2, "weights", 0))
        );
        let mut rest = initial.as_slice();
        for (part, size) in sizes.tensors() {
            let (numbers, others) = rest.split_at(size);
            rest = others;
            let factor = config.factor(part);
            let largest = numbers
                .iter()
                .fold(0f32, |most, x| most.max((x * factor).abs()));
            match part {
                Part::Frequencies => assert!(largest < 0.5, "{largest}"),
                Part::Phases => assert!(largest <= PI && largest > 0.8 * PI),
                // A sign for each member and input, shared by a number and its embedding.
                Part::Scales => {
                    for member in numbers.chunks(14) {
                        assert!(member.iter().all(|x| x.abs() * factor == 1.0));
                        for number in member[..12].chunks(4) {
                            assert!(number.iter().all(|x| *x == number[0]));
                        }
                    }
                }
                Part::Matrix { inputs } => assert!(largest <= 1.0 / (inputs as f32).sqrt()),
                _ => {}
            }
        }
        assert!(rest.is_empty());
        // One member sees its inputs as they are.
        let alone = TabularConfig {
            members: 1,
            ..config
        };
        let scales = alone.signs(&alone.sizes(5, 2), 1.0, &mut stream(1, "weights", 0));
        assert_eq!(scales, [1.0; 14]);
    }

    /// One number and one indicator, one wave, one hidden unit, by hand.
    #[test]
    fn outputs_are_those_of_the_formula() {
        let config = TabularConfig {
            hidden: vec![1],
            members: 2,
            numbers: Some(1),
            embedding: Some(EmbeddingConfig {
                waves: 1,
                width: 1,
                ..EmbeddingConfig::default()
            }),
            rates: PartRates::default(),
            ..TabularConfig::default()
        };
        let sizes = config.sizes(2, 1);
        let device = Device::flex();
        let model = Tabular::new(&config, &sizes, &mut stream(3, "weights", 0), &device);
        let mut w = Vec::new();
        flat_state(&model, &mut w);
        let [x, indicator] = [0.7f32, -1.0];
        let embedded = [x, w[3] + w[2] * (TAU * w[0] * x + w[1]).cos(), indicator];
        let member = |member: usize| {
            let seen = (0..3).map(|i| embedded[i] * w[4 + 3 * member + i] * w[10 + i]);
            let hidden = (seen.sum::<f32>() + w[13]).max(0.0);
            hidden * w[14 + member] + w[16 + member]
        };
        let input = Tensor::from_data(TensorData::new(vec![x, indicator], [1, 2]), &device);
        let got: Vec<f32> = model.members(input.clone()).into_data().iter().collect();
        for (index, value) in got.iter().enumerate() {
            assert!((value - member(index)).abs() < 1e-6, "{index}: {value}");
        }
        let together: f32 = model.forward(input).into_scalar();
        assert!((together - (member(0) + member(1)) / 2.0).abs() < 1e-6);
    }
}

//! Networks for tables: embedded numbers, members that share their layers.

use crate::periodic::{Parts, Periodic};
use crate::product::{Matrix, product};
use crate::pruning::{Role, UnitWeights, Units};
use crate::rows::{add_rows, add_to_rows, first};
use crate::{Activation, Program, vectorised};
use std::ops::Range;

/// The sizes of a [`Tabular`] network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TabularSizes {
    /// Numbers of one row.
    pub inputs: usize,
    /// How many of them, the first, are numbers that are embedded; the others are indicators. No more than there are inputs.
    pub numbers: usize,
    /// Waves of every embedding; 0 leaves the numbers as they are.
    pub waves: usize,
    /// Numbers that an embedding adds to each.
    pub embedding: usize,
    /// Members.
    pub members: usize,
    /// Widths of the hidden layers, which the members share; at least one.
    pub hidden: Vec<usize>,
    /// Outputs of every member.
    pub outputs: usize,
}

impl TabularSizes {
    /// Whether numbers are embedded.
    pub fn embeds(&self) -> bool {
        self.numbers * self.waves * self.embedding > 0
    }

    /// Numbers of one row with their embeddings.
    pub fn embedded(&self) -> usize {
        self.inputs
            + if self.embeds() {
                self.numbers * self.embedding
            } else {
                0
            }
    }

    /// The tensors of the network, in the order of its weights, each with the numbers that it has.
    pub fn tensors(&self) -> Vec<(Part, usize)> {
        let mut tensors = Vec::new();
        if self.embeds() {
            let waves = self.numbers * self.waves;
            tensors.push((Part::Frequencies, waves));
            tensors.push((Part::Phases, waves));
            tensors.push((Part::Mix, waves * self.embedding));
            tensors.push((Part::Offsets, self.numbers * self.embedding));
        }
        let mut width = self.embedded();
        tensors.push((Part::Scales, self.members * width));
        for next in &self.hidden {
            tensors.push((Part::Matrix { inputs: width }, width * next));
            tensors.push((Part::Biases { inputs: width }, *next));
            width = *next;
        }
        let outputs = self.members * self.outputs;
        tensors.push((Part::Heads { inputs: width }, outputs * width));
        tensors.push((Part::HeadBiases { inputs: width }, outputs));
        tensors
    }
}

/// What a tensor of a [`Tabular`] network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The frequencies of the waves in turns, `[numbers, waves]`.
    Frequencies,
    /// Their phases in radians, `[numbers, waves]`.
    Phases,
    /// The linear maps from waves to embeddings, `[numbers, waves, embedding]`.
    Mix,
    /// What these add, `[numbers, embedding]`.
    Offsets,
    /// What every member multiplies its inputs by, `[members, embedded]`.
    Scales,
    /// A matrix of a hidden layer, `[inputs, outputs]`.
    Matrix {
        /// Inputs of the layer.
        inputs: usize,
    },
    /// Its biases, `[outputs]`.
    Biases {
        /// Inputs of the layer.
        inputs: usize,
    },
    /// The matrices of the members' last layers, `[members, inputs, outputs]`.
    Heads {
        /// Inputs of the layer.
        inputs: usize,
    },
    /// Their biases, `[members, outputs]`.
    HeadBiases {
        /// Inputs of the layer.
        inputs: usize,
    },
}

/// A network for tables. Numbers are embedded periodically; every member of an ensemble multiplies what comes out by scales of its own, runs it
/// through hidden layers that all members share, and has a last layer of its own. The embeddings and the scales in front of the
/// first layer are those of RealMLP (Holzmüller, Grinsztajn and Steinwart 2024, "Better by default"), the members those of TabM-mini (Gorishniy,
/// Kotelnikov and Babenko 2025, "TabM: advancing tabular deep learning with parameter-efficient ensembling").
///
/// Its weights are the tensors of [`TabularSizes::tensors`], each multiplied by a factor: under an optimiser whose updates do not depend on the
/// size of the gradient, such as Adam, `w = c v` learns `v` at the rate of the training and so `w` at `c` times that rate.
#[derive(Clone, Debug)]
pub struct Tabular {
    sizes: TabularSizes,
    activation: Activation,
    tensors: Vec<Range<usize>>,
    factors: Vec<f32>,
    /// The weights times their factors.
    scaled: Vec<f32>,
    periodic: Option<Periodic>,
    /// `[rows, embedded]`.
    embedded: Vec<f32>,
    /// The same as the members see it, `[members, rows, embedded]`.
    seen: Vec<f32>,
    layers: Vec<Layer>,
    /// `[members, rows, outputs]`.
    outputs: Vec<f32>,
    /// The gradient with respect to the outputs of a layer, and to its inputs.
    gradients: [Vec<f32>; 2],
}

/// What the last forward pass left of a hidden layer, `[members, rows, outputs]` each.
#[derive(Clone, Debug, Default)]
struct Layer {
    outputs: Vec<f32>,
    /// The derivative of the nonlinearity, where it does not follow from the outputs.
    derivative: Vec<f32>,
}

impl Tabular {
    /// A network of these sizes. `factor` says what the numbers of a tensor are multiplied by.
    ///
    /// # Panics
    /// If a size is 0 that must not be, or there are fewer inputs than numbers.
    pub fn new(sizes: TabularSizes, activation: Activation, factor: impl Fn(Part) -> f32) -> Self {
        let some = [sizes.inputs, sizes.members, sizes.outputs];
        assert!(
            !some.contains(&0)
                && !sizes.hidden.is_empty()
                && !sizes.hidden.contains(&0)
                && sizes.numbers <= sizes.inputs,
            "sizes of a network for tables: {sizes:?}"
        );
        let mut end = 0;
        let parts = sizes.tensors();
        let tensors = parts.iter().map(|(_, size)| {
            end += size;
            end - size..end
        });
        let periodic =
            (sizes.embeds()).then(|| Periodic::new([sizes.numbers, sizes.waves, sizes.embedding]));
        Self {
            activation,
            tensors: tensors.collect(),
            factors: parts.iter().map(|(part, _)| factor(*part)).collect(),
            scaled: Vec::new(),
            periodic,
            embedded: Vec::new(),
            seen: Vec::new(),
            layers: vec![Layer::default(); sizes.hidden.len()],
            outputs: Vec::new(),
            gradients: Default::default(),
            sizes,
        }
    }

    /// Where the scales are among the tensors.
    fn scales(&self) -> usize {
        if self.periodic.is_some() { 4 } else { 0 }
    }

    /// Multiplies every tensor by its factor.
    fn by_factors(&self, numbers: &mut [f32]) {
        for (tensor, factor) in self.tensors.iter().zip(&self.factors) {
            if *factor != 1.0 {
                numbers[tensor.clone()]
                    .iter_mut()
                    .for_each(|x| *x *= factor);
            }
        }
    }
}

impl Program for Tabular {
    fn inputs(&self) -> usize {
        self.sizes.inputs
    }

    fn outputs(&self) -> usize {
        self.sizes.outputs
    }

    fn members(&self) -> usize {
        self.sizes.members
    }

    fn tensors(&self) -> &[Range<usize>] {
        &self.tensors
    }

    /// Those of the hidden layers.
    fn units(&self) -> Vec<Units> {
        let first = self.scales() + 1;
        let layer = |(index, count): (usize, &usize)| {
            let [matrix, biases, next] =
                [0, 1, 2].map(|at| self.tensors[first + 2 * index + at].start);
            let before = match index {
                0 => self.sizes.embedded(),
                _ => self.sizes.hidden[index - 1],
            };
            let outgoing = match self.sizes.hidden.get(index + 1) {
                Some(behind) => UnitWeights::rows(Role::Outgoing, next, *behind),
                // Every member has a last layer of its own.
                None => UnitWeights {
                    role: Role::Outgoing,
                    start: next,
                    step: self.sizes.outputs,
                    blocks: self.sizes.members,
                    stride: count * self.sizes.outputs,
                    length: self.sizes.outputs,
                },
            };
            Units {
                count: *count,
                weights: vec![
                    UnitWeights::columns(Role::Incoming, matrix, before, *count),
                    UnitWeights::rows(Role::Bias, biases, 1),
                    outgoing,
                ],
            }
        };
        self.sizes.hidden.iter().enumerate().map(layer).collect()
    }

    /// Every member uses the hidden layers.
    fn uses(&self) -> Vec<usize> {
        let shared = self.scales() + 1..self.tensors.len() - 2;
        let members = self.sizes.members;
        let uses = |tensor: usize| if shared.contains(&tensor) { members } else { 1 };
        (0..self.tensors.len()).map(uses).collect()
    }

    fn factors(&self) -> Vec<f32> {
        self.factors.clone()
    }

    fn forward(&mut self, weights: &[f32], inputs: &[f32]) -> &[f32] {
        let mut scaled = std::mem::take(&mut self.scaled);
        scaled.clear();
        scaled.extend_from_slice(weights);
        self.by_factors(&mut scaled);
        self.scaled = scaled;
        let first_scales = self.scales();
        let Self {
            sizes,
            activation,
            tensors,
            scaled,
            periodic,
            embedded,
            seen,
            layers,
            outputs,
            ..
        } = self;
        let tensor = |index: usize| &scaled[tensors[index].clone()];
        let rows = inputs.len() / sizes.inputs;
        let all = sizes.members * rows;
        let mut width = sizes.embedded();

        let embedded = first(embedded, rows * width);
        if let Some(periodic) = periodic {
            let parts = Parts {
                frequencies: tensor(0),
                phases: tensor(1),
                mix: tensor(2),
                offsets: tensor(3),
            };
            periodic.forward(&parts, [sizes.inputs, width], inputs, embedded);
            let indicators = width - (sizes.inputs - sizes.numbers);
            for (row, input) in embedded
                .chunks_exact_mut(width)
                .zip(inputs.chunks_exact(sizes.inputs))
            {
                row[indicators..].copy_from_slice(&input[sizes.numbers..]);
            }
        } else {
            embedded.copy_from_slice(inputs);
        }

        let seen = first(seen, all * width);
        multiply(embedded, tensor(first_scales), seen);
        let heads_at = first_scales + 1 + 2 * layers.len();
        let mut x: &[f32] = seen;
        for (index, (layer, next)) in layers.iter_mut().zip(&sizes.hidden).enumerate() {
            let at = first_scales + 1 + 2 * index;
            let y = first(&mut layer.outputs, all * next);
            product(
                y,
                false,
                Matrix::of(x, width),
                Matrix::of(tensor(at), *next),
            );
            activation.apply(y, tensor(at + 1), &mut layer.derivative);
            (x, width) = (&layer.outputs[..all * next], *next);
        }

        let outputs = first(outputs, all * sizes.outputs);
        let heads = tensor(heads_at).chunks_exact(width * sizes.outputs);
        let heads = heads.zip(tensor(heads_at + 1).chunks_exact(sizes.outputs));
        let members = (outputs.chunks_exact_mut(rows * sizes.outputs))
            .zip(x.chunks_exact(rows * width))
            .zip(heads);
        for ((y, x), (head, biases)) in members {
            product(
                y,
                false,
                Matrix::of(x, width),
                Matrix::of(head, sizes.outputs),
            );
            add_to_rows(y, biases);
        }
        outputs
    }

    fn backward(
        &mut self,
        _weights: &[f32],
        _inputs: &[f32],
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) {
        let first_scales = self.scales();
        let Self {
            sizes,
            activation,
            tensors,
            scaled,
            periodic,
            embedded,
            seen,
            layers,
            gradients,
            ..
        } = self;
        let all = output_gradient.len() / sizes.outputs;
        let rows = all / sizes.members;
        let [above, below] = gradients;
        let tensor = |index: usize| &scaled[tensors[index].clone()];
        let embedded_width = sizes.embedded();

        let mut width = *sizes.hidden.last().unwrap_or(&embedded_width);
        let at = first_scales + 1 + 2 * layers.len();
        let x = match layers.last() {
            Some(layer) => &layer.outputs,
            None => &*seen,
        };
        let from_above = first(above, all * width);
        let (slopes, bias_slopes) = pair(gradient, tensors, at);
        bias_slopes.fill(0.0);
        let members = (output_gradient.chunks_exact(rows * sizes.outputs))
            .zip(x[..all * width].chunks_exact(rows * width))
            .zip(tensor(at).chunks_exact(width * sizes.outputs))
            .zip(slopes.chunks_exact_mut(width * sizes.outputs))
            .zip(bias_slopes.chunks_exact_mut(sizes.outputs))
            .zip(from_above.chunks_exact_mut(rows * width));
        for (((((g, x), head), slopes), bias_slopes), from_above) in members {
            add_rows(g, bias_slopes);
            let g = Matrix::of(g, sizes.outputs);
            product(slopes, false, Matrix::of(x, width).transposed(), g);
            let head = Matrix::of(head, sizes.outputs).transposed();
            product(from_above, false, g, head);
        }

        for index in (0..layers.len()).rev() {
            let at = first_scales + 1 + 2 * index;
            let next = width;
            width = match index {
                0 => embedded_width,
                _ => sizes.hidden[index - 1],
            };
            let (before, after) = layers.split_at(index);
            let layer = &after[0];
            let (slopes, bias_slopes) = pair(gradient, tensors, at);
            bias_slopes.fill(0.0);
            let here = &mut above[..all * next];
            activation.back(here, &layer.outputs, &layer.derivative, bias_slopes);
            let here = Matrix::of(here, next);
            let x = before.last().map_or(&*seen, |layer| &layer.outputs);
            let x = Matrix::of(&x[..all * width], width).transposed();
            product(slopes, false, x, here);
            let matrix = Matrix::of(tensor(at), next).transposed();
            product(first(below, all * width), false, here, matrix);
            std::mem::swap(above, below);
        }

        let seen_gradient = &above[..all * width];
        let embedded = &embedded[..rows * width];
        let slopes = &mut gradient[tensors[first_scales].clone()];
        multiply_back(embedded, seen_gradient, slopes);
        if let Some(periodic) = periodic {
            let here = first(below, rows * width);
            sum_members(seen_gradient, tensor(first_scales), here);
            let [frequencies, phases, mix, offsets] = four(gradient, tensors);
            let mut slopes = Parts {
                frequencies,
                phases,
                mix,
                offsets,
            };
            periodic.backward(tensor(2), width, here, &mut slopes);
        }
        self.by_factors(gradient);
    }
}

/// The tensors `at` and `at + 1` of a gradient.
fn pair<'a>(
    gradient: &'a mut [f32],
    tensors: &[Range<usize>],
    at: usize,
) -> (&'a mut [f32], &'a mut [f32]) {
    let both = &mut gradient[tensors[at].start..tensors[at + 1].end];
    both.split_at_mut(tensors[at].len())
}

/// The first four tensors of a gradient.
fn four<'a>(gradient: &'a mut [f32], tensors: &[Range<usize>]) -> [&'a mut [f32]; 4] {
    let mut rest = gradient;
    [0, 1, 2, 3].map(|index: usize| {
        let (part, others) = std::mem::take(&mut rest).split_at_mut(tensors[index].len());
        rest = others;
        part
    })
}

/// `y[m, r, i] = x[r, i] s[m, i]`.
fn multiply(x: &[f32], scales: &[f32], y: &mut [f32]) {
    let members = y.len() / x.len().max(1);
    let width = scales.len() / members.max(1);
    vectorised(
        #[inline(always)]
        || {
            for (y, scales) in y.chunks_exact_mut(x.len()).zip(scales.chunks_exact(width)) {
                for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                    for ((y, x), scale) in y.iter_mut().zip(x).zip(scales) {
                        *y = x * scale;
                    }
                }
            }
        },
    );
}

/// The gradient with respect to the scales of [`multiply`]: `sum over r of g[m, r, i] x[r, i]`.
fn multiply_back(x: &[f32], gradient: &[f32], slopes: &mut [f32]) {
    let members = gradient.len() / x.len().max(1);
    let width = slopes.len() / members.max(1);
    vectorised(
        #[inline(always)]
        || {
            slopes.fill(0.0);
            for (g, slopes) in gradient
                .chunks_exact(x.len())
                .zip(slopes.chunks_exact_mut(width))
            {
                for (g, x) in g.chunks_exact(width).zip(x.chunks_exact(width)) {
                    for ((slope, g), x) in slopes.iter_mut().zip(g).zip(x) {
                        *slope += g * x;
                    }
                }
            }
        },
    );
}

/// The gradient with respect to what is multiplied in [`multiply`]: `sum over m of g[m, r, i] s[m, i]`.
fn sum_members(gradient: &[f32], scales: &[f32], sums: &mut [f32]) {
    let members = gradient.len() / sums.len().max(1);
    let width = scales.len() / members.max(1);
    vectorised(
        #[inline(always)]
        || {
            sums.fill(0.0);
            for (g, scales) in gradient
                .chunks_exact(sums.len())
                .zip(scales.chunks_exact(width))
            {
                for (sums, g) in sums.chunks_exact_mut(width).zip(g.chunks_exact(width)) {
                    for ((sum, g), scale) in sums.iter_mut().zip(g).zip(scales) {
                        *sum += g * scale;
                    }
                }
            }
        },
    );
}

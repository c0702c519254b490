//! Convolutional networks.

use crate::Program;
use crate::convolution::TAPS;
use crate::layer::Layer;
use crate::planes::Planes;
use crate::product::{Matrix, product};
use crate::pruning::{Role, UnitWeights, Units};
use crate::rows::{add_rows, add_to_rows};
use std::ops::Range;

/// Convolutions with kernels of 3x3 on images with zeros around them, each followed by a rectifier and 2x2 max pooling, then
/// one linear layer.
///
/// Every pooling halves height and width, rounding down; where one of them is 1, there is none.
///
/// Its weights are, convolution after convolution, the kernels `[outputs, inputs, 3, 3]` and then the biases `[outputs]`, and at
/// the end the matrix `[inputs, outputs]` row by row and the biases `[outputs]` of the linear layer, whose inputs are
/// `[channels, height, width]`.
///
/// One image after the other goes through all convolutions, so that it stays in the cache nearest to the processor, and what
/// comes out for it depends on no other.
#[derive(Clone, Debug)]
pub struct Cnn {
    shape: [usize; 3],
    outputs: usize,
    tensors: Vec<Range<usize>>,
    layers: Vec<Layer>,
    /// The inputs of the linear layer.
    features: Planes,
    /// `[rows, features]`: they, and the gradient with respect to them.
    head: [Vec<f32>; 2],
    logits: Vec<f32>,
    /// Planes of one image before pooling, or the gradient with respect to what was pooled.
    scratch: Vec<f32>,
}

impl Cnn {
    /// A network for images of `shape` (channels, height, width) whose convolutions have these numbers of channels.
    ///
    /// # Panics
    /// If a number is 0.
    pub fn new(shape: [usize; 3], channels: &[usize], outputs: usize) -> Self {
        assert!(
            !shape.contains(&0) && !channels.contains(&0) && outputs > 0,
            "sizes of a CNN: {shape:?}, {channels:?}, {outputs}"
        );
        let mut layers: Vec<Layer> = Vec::new();
        let (mut pooled, mut sizes) = (shape, Vec::new());
        for channels in channels {
            let layer = Layer::new(Planes::padded(pooled), *channels);
            sizes.extend([pooled[0] * channels * TAPS, *channels]);
            pooled = layer.pooled();
            layers.push(layer);
        }
        let features = Planes::dense(pooled);
        sizes.extend([features.image() * outputs, outputs]);
        let mut end = 0;
        let tensors = sizes.into_iter().map(|size| {
            end += size;
            end - size..end
        });
        let scratch = layers.iter().map(Layer::scratch).max();
        Self {
            shape,
            outputs,
            tensors: tensors.collect(),
            features,
            head: Default::default(),
            logits: Vec::new(),
            scratch: vec![0.0; scratch.unwrap_or(0)],
            layers,
        }
    }
}

impl Program for Cnn {
    fn inputs(&self) -> usize {
        self.shape.iter().product()
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn tensors(&self) -> &[Range<usize>] {
        &self.tensors
    }

    /// The channels of every convolution.
    fn units(&self) -> Vec<Units> {
        let layer = |(index, layer): (usize, &Layer)| {
            let [count, height, width] = layer.pooled();
            let [kernels, biases, next] = [0, 1, 2].map(|at| self.tensors[2 * index + at].start);
            let outgoing = match self.layers.get(index + 1) {
                // Each kernel of the next convolution has `TAPS` numbers for every channel.
                Some(behind) => UnitWeights {
                    role: Role::Outgoing,
                    start: next,
                    step: TAPS,
                    blocks: behind.pooled()[0],
                    stride: count * TAPS,
                    length: TAPS,
                },
                None => UnitWeights::rows(Role::Outgoing, next, height * width * self.outputs),
            };
            Units {
                count,
                weights: vec![
                    UnitWeights::rows(Role::Incoming, kernels, layer.from.channels * TAPS),
                    UnitWeights::rows(Role::Bias, biases, 1),
                    outgoing,
                ],
            }
        };
        self.layers.iter().enumerate().map(layer).collect()
    }

    /// A kernel is used at every position of an image.
    fn uses(&self) -> Vec<usize> {
        let positions = self.layers.iter();
        let positions = positions.flat_map(|layer| [layer.from.height * layer.from.width; 2]);
        positions.chain([1, 1]).collect()
    }

    fn forward(&mut self, weights: &[f32], inputs: &[f32]) -> &[f32] {
        let rows = inputs.len() / self.inputs();
        assert_eq!(inputs.len(), rows * self.inputs(), "whole images");
        let (features, tensors) = (&self.features, &self.tensors);
        self.head[0].resize(rows * features.image(), 0.0);
        for (layer, tensors) in self.layers.iter_mut().zip(tensors.chunks_exact(2)) {
            layer.prepare(rows, &weights[tensors[0].clone()]);
        }
        let dense = Planes::dense(self.shape);
        for image in 0..rows {
            let given = &inputs[dense.without_margins(image)];
            match self.layers.first_mut() {
                Some(first) => first.take(image, given, &dense),
                None => self.head[0][features.without_margins(image)].copy_from_slice(given),
            }
            for index in 0..self.layers.len() {
                let (here, above) = self.layers.split_at_mut(index + 1);
                let (y, planes) = match above.first_mut() {
                    Some(next) => (&mut next.inputs, &next.from),
                    None => (&mut self.head[0], features),
                };
                let y = &mut y[planes.without_margins(image)];
                let biases = &weights[tensors[2 * index + 1].clone()];
                here[index].forward(image, biases, y, planes, &mut self.scratch);
            }
        }
        let [matrix, biases] = [2, 1].map(|back| &weights[tensors[tensors.len() - back].clone()]);
        self.logits.resize(rows * self.outputs, 0.0);
        let x = Matrix::of(&self.head[0], features.image());
        product(&mut self.logits, false, x, Matrix::of(matrix, self.outputs));
        add_to_rows(&mut self.logits, biases);
        &self.logits
    }

    fn backward(
        &mut self,
        weights: &[f32],
        _inputs: &[f32],
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) {
        let rows = output_gradient.len() / self.outputs;
        let (features, tensors) = (&self.features, &self.tensors);
        let [matrix, biases] = [2, 1].map(|back| tensors[tensors.len() - back].clone());
        let [x, slopes] = &mut self.head;
        let sums = &mut gradient[biases];
        sums.fill(0.0);
        add_rows(output_gradient, sums);
        let from_above = Matrix::of(output_gradient, self.outputs);
        let x = Matrix::of(x, features.image()).transposed();
        product(&mut gradient[matrix.clone()], false, x, from_above);
        if self.layers.is_empty() {
            return;
        }
        slopes.resize(rows * features.image(), 0.0);
        let matrix = Matrix::of(&weights[matrix], self.outputs).transposed();
        product(slopes, false, from_above, matrix);

        for (layer, tensors) in self.layers.iter_mut().zip(tensors.chunks_exact(2)) {
            layer.prepare_back(&weights[tensors[0].clone()]);
        }
        for image in 0..rows {
            for index in (0..self.layers.len()).rev() {
                let (here, above) = self.layers.split_at_mut(index + 1);
                let (slopes, planes) = match above.first() {
                    Some(next) => (&self.scratch[..next.from.image()], &next.from),
                    None => (&slopes[features.without_margins(image)], features),
                };
                here[index].backward(image, slopes, planes);
                if index > 0 {
                    here[index].backward_to_inputs(&mut self.scratch);
                }
            }
        }
        for (layer, tensors) in self.layers.iter().zip(tensors.chunks_exact(2)) {
            // The biases follow the weights.
            let both = &mut gradient[tensors[0].start..tensors[1].end];
            let (weights, biases) = both.split_at_mut(tensors[0].len());
            layer.slopes.total(weights, biases);
        }
    }
}

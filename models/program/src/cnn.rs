//! Convolutional networks.

use crate::Program;
use crate::convolution::{Kernels, SLOPES_TOGETHER, Slopes, TAPS, TOGETHER, convolve, sum_planes};
use crate::planes::{LANES, Planes};
use crate::pooling::{pool, unpool, window};
use crate::product::{Matrix, product};
use crate::rows::{add_rows, fill_rows};
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

/// A convolution with its rectifier and pooling.
#[derive(Clone, Debug)]
struct Layer {
    from: Planes,
    /// The outputs of the convolution, one image.
    to: Planes,
    kernels: Kernels,
    /// Those of the gradient.
    back: Kernels,
    /// The images of the batch, with zeros around them.
    inputs: Vec<f32>,
    /// Which number of its window every output is, `[rows, outputs of the pooling]`.
    choices: Vec<u8>,
    /// The gradient with respect to the outputs of the convolution, one image. Its padding is never written and stays zero.
    gradient: Vec<f32>,
    slopes: Slopes,
    /// The gradient with respect to the biases, lane by lane.
    bias_slopes: Vec<[f32; LANES]>,
}

impl Layer {
    fn new(from: Planes, outputs: usize) -> Self {
        let to = Planes::padded([outputs, from.height, from.width]);
        Self {
            kernels: Kernels::default(),
            back: Kernels::default(),
            inputs: Vec::new(),
            choices: Vec::new(),
            gradient: vec![0.0; to.images(1) + SLOPES_TOGETHER * to.plane],
            slopes: Slopes::new([outputs, from.channels]),
            bias_slopes: vec![[0.0; LANES]; outputs],
            from,
            to,
        }
    }

    /// Shape of what comes out of the pooling.
    fn pooled(&self) -> [usize; 3] {
        let window = window(self.to.height, self.to.width);
        [
            self.to.channels,
            self.to.height / window,
            self.to.width / window,
        ]
    }

    /// Where the choices of an image are.
    fn choices_of(&self, image: usize) -> Range<usize> {
        let length: usize = self.pooled().iter().product();
        image * length..(image + 1) * length
    }
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
        let scratch = layers.iter().map(|layer| {
            let channels = layer.to.channels.max(layer.from.channels);
            channels.next_multiple_of(TOGETHER) * layer.to.plane
        });
        Self {
            shape,
            outputs,
            tensors: tensors.collect(),
            features,
            head: Default::default(),
            logits: Vec::new(),
            scratch: vec![0.0; scratch.max().unwrap_or(0) + LANES],
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

    fn forward(&mut self, weights: &[f32], inputs: &[f32]) -> &[f32] {
        let rows = inputs.len() / self.inputs();
        let (features, tensors) = (&self.features, &self.tensors);
        self.head[0].resize(rows * features.image(), 0.0);
        for (layer, tensors) in self.layers.iter_mut().zip(tensors.chunks_exact(2)) {
            let kernels = &weights[tensors[0].clone()];
            layer.kernels.pack(kernels, &layer.from, layer.to.channels);
            // What is new is zero, and only what is no padding is ever written.
            layer.inputs.resize(layer.from.images(rows), 0.0);
            let choices = layer.choices_of(rows).start;
            layer.choices.resize(choices, 0);
        }
        let dense = Planes::dense(self.shape);
        for image in 0..rows {
            let given = &inputs[dense.without_margins(image)];
            match self.layers.first_mut() {
                Some(first) => {
                    let place = first.from.without_margins(image);
                    copy(given, &dense, &mut first.inputs[place], &first.from);
                }
                None => self.head[0][features.without_margins(image)].copy_from_slice(given),
            }
            for index in 0..self.layers.len() {
                let (here, above) = self.layers.split_at_mut(index + 1);
                let layer = &mut here[index];
                let (y, planes) = match above.first_mut() {
                    Some(next) => (&mut next.inputs, &next.from),
                    None => (&mut self.head[0], features),
                };
                let biases = &weights[tensors[2 * index + 1].clone()];
                let x = &layer.inputs[layer.from.with_margins(image)];
                let blocks = layer.to.channels.next_multiple_of(TOGETHER);
                let convolved = &mut self.scratch[..blocks * layer.to.plane];
                convolve(x, &layer.from, &layer.kernels, biases, convolved);
                let choices = layer.choices_of(image);
                let y = &mut y[planes.without_margins(image)];
                pool(
                    &self.scratch,
                    &layer.to,
                    y,
                    planes,
                    &mut layer.choices[choices],
                );
            }
        }
        let [matrix, biases] = [2, 1].map(|back| &weights[tensors[tensors.len() - back].clone()]);
        self.logits.resize(rows * self.outputs, 0.0);
        fill_rows(&mut self.logits, biases);
        let x = Matrix::of(&self.head[0], features.image());
        product(&mut self.logits, true, x, Matrix::of(matrix, self.outputs));
        &self.logits
    }

    fn backward(
        &mut self,
        weights: &[f32],
        _inputs: &[f32],
        output_gradient: &[f32],
        gradient: &mut Vec<f32>,
    ) {
        // All of it is written over.
        gradient.resize(self.weights(), 0.0);
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
            let kernels = &weights[tensors[0].clone()];
            layer
                .back
                .pack_back(kernels, &layer.to, layer.from.channels);
            layer.slopes.clear();
            layer.bias_slopes.fill([0.0; LANES]);
        }
        for image in 0..rows {
            for index in (0..self.layers.len()).rev() {
                let (here, above) = self.layers.split_at_mut(index + 1);
                let layer = &mut here[index];
                let (from_above, planes) = match above.first() {
                    Some(next) => (&self.scratch[..next.from.image()], &next.from),
                    None => (&slopes[features.without_margins(image)], features),
                };
                let place = layer.to.without_margins(0);
                let choices = &layer.choices[layer.choices_of(image)];
                unpool(
                    from_above,
                    planes,
                    choices,
                    &mut layer.gradient[place.clone()],
                    &layer.to,
                );
                let x = &layer.inputs[layer.from.with_margins(image)];
                let blocks = layer.to.channels.next_multiple_of(SLOPES_TOGETHER);
                let g = &layer.gradient[layer.to.margin..][..blocks * layer.to.plane];
                layer.slopes.add(x, &layer.from, g);
                sum_planes(&layer.gradient[place], &layer.to, &mut layer.bias_slopes);
                if index > 0 {
                    let blocks = layer.from.channels.next_multiple_of(TOGETHER);
                    let below = &mut self.scratch[..blocks * layer.from.plane];
                    convolve(&layer.gradient, &layer.to, &layer.back, &[], below);
                }
            }
        }
        for (layer, tensors) in self.layers.iter().zip(tensors.chunks_exact(2)) {
            layer.slopes.total(&mut gradient[tensors[0].clone()]);
            let biases = &mut gradient[tensors[1].clone()];
            for (slope, lanes) in biases.iter_mut().zip(&layer.bias_slopes) {
                *slope = lanes.iter().sum();
            }
        }
    }
}

/// Copies the numbers of one image.
fn copy(x: &[f32], from: &Planes, y: &mut [f32], to: &Planes) {
    for channel in 0..from.channels {
        for row in 0..from.height {
            y[to.row_of(channel, row)].copy_from_slice(&x[from.row_of(channel, row)]);
        }
    }
}

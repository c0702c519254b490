//! One convolution with its rectifier and pooling.

use crate::convolution::{Kernels, convolve};
use crate::planes::{LANES, Planes};
use crate::pooling::{pool, unpool, window};
use crate::slopes::Slopes;
use std::ops::Range;

/// A convolution with its rectifier and pooling, and what the last forward pass left of it.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) from: Planes,
    /// What comes out of the convolution, before pooling.
    to: Planes,
    kernels: Kernels,
    /// Those that lead the gradient back to the inputs.
    back: Kernels,
    /// The images of the batch, `from`.
    pub(crate) inputs: Vec<f32>,
    /// Which number of its window every output is, `[rows, outputs of the pooling]`.
    choices: Vec<u8>,
    /// The gradient with respect to what comes out of the convolution for one image, `to` in whole blocks. Margins and blocks
    /// that are filled up stay zero.
    gradient: Vec<f32>,
    pub(crate) slopes: Slopes,
}

impl Layer {
    /// A convolution to so many channels.
    pub(crate) fn new(from: Planes, outputs: usize) -> Self {
        let to = Planes::padded([outputs, from.height, from.width]);
        Self {
            kernels: Kernels::default(),
            back: Kernels::default(),
            inputs: Vec::new(),
            choices: Vec::new(),
            gradient: vec![0.0; to.blocks() + 2 * to.margin],
            slopes: Slopes::new([outputs, from.channels]),
            from,
            to,
        }
    }

    /// Shape of what comes out of the pooling.
    pub(crate) fn pooled(&self) -> [usize; 3] {
        let Planes {
            channels,
            height,
            width,
            ..
        } = self.to;
        let window = window(height, width);
        [channels, height / window, width / window]
    }

    /// Numbers that one image needs beside what lasts.
    pub(crate) fn scratch(&self) -> usize {
        self.to.blocks().max(self.from.blocks()) + LANES
    }

    /// Where the choices of an image are.
    fn choices_of(&self, image: usize) -> Range<usize> {
        let length: usize = self.pooled().iter().product();
        image * length..(image + 1) * length
    }

    /// Makes room for so many images, and takes the weights `[outputs, inputs, TAPS]`.
    pub(crate) fn prepare(&mut self, rows: usize, weights: &[f32]) {
        self.kernels.pack(weights, &self.from, self.to.channels);
        // What is new is zero, and padding is never written.
        let length = self.from.images(rows);
        self.inputs.resize(length, 0.0);
        // A larger batch had an image where the margin is now.
        self.inputs[length - self.from.margin..].fill(0.0);
        let choices = self.choices_of(rows).start;
        self.choices.resize(choices, 0);
    }

    /// Takes the inputs `x` for one image.
    pub(crate) fn take(&mut self, image: usize, x: &[f32], planes: &Planes) {
        let inputs = &mut self.inputs[self.from.without_margins(image)];
        for channel in 0..planes.channels {
            for row in 0..planes.height {
                let row_of_x = &x[planes.row_of(channel, row)];
                inputs[self.from.row_of(channel, row)].copy_from_slice(row_of_x);
            }
        }
    }

    /// Puts the outputs for one image into `y`, which is `planes` without margins.
    pub(crate) fn forward(
        &mut self,
        image: usize,
        biases: &[f32],
        y: &mut [f32],
        planes: &Planes,
        scratch: &mut [f32],
    ) {
        let x = &self.inputs[self.from.with_margins(image)];
        let convolved = &mut scratch[..self.to.blocks()];
        convolve(x, &self.from, &self.kernels, biases, convolved);
        let choices = self.choices_of(image);
        pool(scratch, &self.to, y, planes, &mut self.choices[choices]);
    }

    /// Takes the weights once more, and forgets the slopes of the last batch.
    pub(crate) fn prepare_back(&mut self, weights: &[f32]) {
        self.back.pack_back(weights, &self.to, self.from.channels);
        self.slopes.clear();
    }

    /// Adds the slopes of one image, given the gradient with respect to its outputs, which is `planes` without margins.
    pub(crate) fn backward(&mut self, image: usize, above: &[f32], planes: &Planes) {
        let choices = &self.choices[self.choices_of(image)];
        let gradient = &mut self.gradient[self.to.margin..][..self.to.blocks()];
        unpool(above, planes, choices, gradient, &self.to);
        let x = &self.inputs[self.from.with_margins(image)];
        self.slopes.add(x, &self.from, gradient);
    }

    /// Puts the gradient with respect to the inputs of the image of the last [`Layer::backward`] into `below`, which is `from` in
    /// whole blocks and more.
    pub(crate) fn backward_to_inputs(&self, below: &mut [f32]) {
        let below = &mut below[..self.from.blocks()];
        convolve(&self.gradient, &self.to, &self.back, &[], below);
    }
}

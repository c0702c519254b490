//! A small convolutional network on images.

use crate::Task;
use crate::data::Split;
use crate::network::mlp::outputs;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, activation, module::max_pool2d};
use std::sync::Arc;
use trimtab_program::{self as program, Program};

/// Height and width of the kernels.
pub(crate) const KERNEL: usize = 3;

/// 3x3 convolutions, each followed by a rectifier and 2x2 max pooling, then one linear layer.
#[derive(Module, Debug)]
pub struct Cnn {
    convolutions: Vec<Conv2d>,
    head: Linear,
}

impl Cnn {
    /// A network for images of `shape` (channels, height, width). Every convolution halves height and width, rounding
    /// down; an image that has become a single pixel is not pooled any further.
    pub fn new(shape: [usize; 3], channels: &[usize], outputs: usize, device: &Device) -> Self {
        let [mut input, mut height, mut width] = shape;
        let mut convolutions = Vec::new();
        for output in channels {
            let config = Conv2dConfig::new([input, *output], [KERNEL, KERNEL])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1));
            convolutions.push(config.init(device));
            input = *output;
            if height.min(width) > 1 {
                (height, width) = (height / 2, width / 2);
            }
        }
        Self {
            convolutions,
            head: LinearConfig::new(input * height * width, outputs).init(device),
        }
    }

    /// # Shapes
    /// - input: `[batch, channels, height, width]`
    /// - output: `[batch, outputs]`
    pub fn forward(&self, input: Tensor<4>) -> Tensor<2> {
        let features = self.convolutions.iter().fold(input, |x, convolution| {
            let x = activation::relu(convolution.forward(x));
            let [_, _, height, width] = x.dims();
            if height.min(width) > 1 {
                max_pool2d(x, MaxPoolOptions::new([2, 2]))
            } else {
                x
            }
        });
        self.head.forward(features.flatten(1, 3))
    }
}

/// A CNN on a data set of images.
#[derive(Clone, Debug)]
pub struct CnnTask {
    name: String,
    split: Arc<Split>,
    channels: Vec<usize>,
}

impl CnnTask {
    /// A CNN whose convolutions have these numbers of channels.
    pub fn new(name: impl Into<String>, split: Arc<Split>, channels: &[usize]) -> Self {
        Self {
            name: name.into(),
            split,
            channels: channels.to_vec(),
        }
    }
}

impl Task for CnnTask {
    type Model = Cnn;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn split(&self) -> &Split {
        &self.split
    }

    fn model(&self, device: &Device) -> Cnn {
        let data = &self.split.train;
        Cnn::new(data.shape, &self.channels, outputs(data), device)
    }

    fn forward(&self, model: &Cnn, inputs: Tensor<2>) -> Tensor<2> {
        let [channels, height, width] = self.split.train.shape;
        let [batch, _] = inputs.dims();
        model.forward(inputs.reshape([batch, channels, height, width]))
    }

    fn program(&self) -> Option<Box<dyn Program>> {
        let data = &self.split.train;
        let program = || program::Cnn::new(data.shape, &self.channels, outputs(data));
        (!self.channels.contains(&0)).then(|| Box::new(program()) as Box<dyn Program>)
    }
}

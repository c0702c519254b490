//! A small convolutional network on images.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, activation, module::max_pool2d};

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

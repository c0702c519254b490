//! A multilayer perceptron on flat inputs.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation};
pub use trimtab_program::Activation;

/// Linear layers with a nonlinearity between them.
#[derive(Module, Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    /// An MLP whose layers have these widths: inputs, hidden layers, outputs.
    pub fn new(widths: &[usize], activation: Activation, device: &Device) -> Self {
        let layers = widths
            .windows(2)
            .map(|pair| LinearConfig::new(pair[0], pair[1]).init(device))
            .collect();
        Self { layers, activation }
    }

    /// # Shapes
    /// - input: `[batch, widths[0]]`
    /// - output: `[batch, widths[last]]`
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let last = self.layers.len().saturating_sub(1);
        self.layers
            .iter()
            .enumerate()
            .fold(input, |x, (index, layer)| {
                let x = layer.forward(x);
                match self.activation {
                    _ if index == last => x,
                    Activation::Relu => activation::relu(x),
                    // The same number; the exponential of the C library is several times faster than its hyperbolic tangent.
                    Activation::Tanh => activation::sigmoid(x * 2.0) * 2.0 - 1.0,
                    Activation::Gelu => activation::gelu(x),
                }
            })
    }
}

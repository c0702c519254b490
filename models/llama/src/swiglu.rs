//! The perceptron of a block (Shazeer 2020, "GLU variants improve transformer", equation 6).

use crate::LlamaConfig;
use crate::parameters::matrix;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, activation::silu};

/// `y = down(silu(gate(x)) * up(x))`, of linear layers without biases.
#[derive(Module, Debug)]
pub struct SwiGlu {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

impl SwiGlu {
    /// The perceptron of a block, whose weights are zeros.
    pub fn new(config: &LlamaConfig, device: &Device) -> Self {
        let (outer, inner) = (config.hidden_size, config.intermediate_size);
        Self {
            gate_proj: matrix(outer, inner, device),
            up_proj: matrix(outer, inner, device),
            down_proj: matrix(inner, outer, device),
        }
    }

    /// # Shapes
    /// - input and output: `[batch, positions, hidden_size]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let gate = silu(self.gate_proj.forward(x.clone()));
        self.down_proj.forward(gate * self.up_proj.forward(x))
    }
}

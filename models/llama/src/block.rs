//! A block: attention and perceptron, each normalised first and added to what it was given (Touvron et al. 2023, "LLaMA: open
//! and efficient foundation language models", section 2.2).

use crate::LlamaConfig;
use crate::attention::{Attention, KeyValues};
use crate::rms_norm::RmsNorm;
use crate::rotary::Rotation;
use crate::swiglu::SwiGlu;
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// `x + attention(norm(x))`, and of that `x + perceptron(norm(x))`. Fields are called as the tensors in files.
#[derive(Module, Debug)]
pub struct Block {
    input_layernorm: RmsNorm,
    pub(crate) self_attn: Attention,
    post_attention_layernorm: RmsNorm,
    mlp: SwiGlu,
}

impl Block {
    /// A block whose matrices are zeros.
    pub fn new(config: &LlamaConfig, device: &Device) -> Self {
        let norm = || RmsNorm::new(config.hidden_size, config.rms_norm_eps, device);
        Self {
            input_layernorm: norm(),
            self_attn: Attention::new(config, device),
            post_attention_layernorm: norm(),
            mlp: SwiGlu::new(config, device),
        }
    }

    /// # Shapes
    /// - input and output: `[batch, positions, hidden_size]`
    pub fn forward(&self, x: Tensor<3>, rotation: &Rotation, cache: &mut KeyValues) -> Tensor<3> {
        let normalised = self.input_layernorm.forward(x.clone());
        let x = x + self.self_attn.forward(normalised, rotation, cache);
        let normalised = self.post_attention_layernorm.forward(x.clone());
        x + self.mlp.forward(normalised)
    }
}

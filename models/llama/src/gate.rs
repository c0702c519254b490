//! The gate on the heads of attention.
//!
//! A linear layer takes the normalised input of a block to one coefficient for each head and position, which scales what that head
//! gives before the output projection. With few weights (`heads * (hidden_size + 1)` a block) it can turn heads down and up, and
//! nothing else of a pretrained model needs to change.

use crate::{Error, Result};
use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::sigmoid};

/// From a linear layer's output `z` to a coefficient. Weights and biases of the layer begin at zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateKind {
    /// `sigmoid(z)`, from 0 to 1: every head begins at a half.
    Sigmoid,
    /// `2 sigmoid(z)`, from 0 to 2: every head begins at exactly 1, so a pretrained model is what it was to the bit.
    Identity,
}

impl GateKind {
    /// The name in `config.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::Identity => "identity",
        }
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// [`Error::Config`] with the names there are.
    pub fn named(name: &str, origin: &str, field: &str) -> Result<Self> {
        [Self::Sigmoid, Self::Identity]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| {
                let given = format!("`{name}`");
                Error::config(origin, field, given, "`sigmoid` or `identity`")
            })
    }

    /// The factor before the sigmoid.
    fn scale(self) -> f64 {
        match self {
            Self::Sigmoid => 1.0,
            Self::Identity => 2.0,
        }
    }
}

/// `coefficients = scale * sigmoid(x W + b)`. Fields are called as the tensors in files.
#[derive(Module, Debug)]
pub struct Gate {
    linear: Linear,
    scale: f64,
}

impl Gate {
    /// A gate on `heads` heads of a block, whose weights and biases are zeros.
    pub fn new(kind: GateKind, hidden_size: usize, heads: usize, device: &Device) -> Self {
        let layer = LinearConfig::new(hidden_size, heads).with_initializer(Initializer::Zeros);
        Self {
            linear: layer.init(device),
            scale: kind.scale(),
        }
    }

    /// A coefficient for each head at each position.
    ///
    /// # Shapes
    /// - input: `[batch, positions, hidden_size]`
    /// - output: `[batch, positions, heads]`
    pub fn coefficients(&self, x: Tensor<3>) -> Tensor<3> {
        sigmoid(self.linear.forward(x)) * self.scale
    }
}

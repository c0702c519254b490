//! A multilayer perceptron on flat inputs.

use crate::Task;
use crate::data::{Dataset, Split, Targets};
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation};
use std::sync::Arc;
pub use trimtab_program::Activation;
use trimtab_program::{self as program, Program};

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

/// An MLP on any data set.
#[derive(Clone, Debug)]
pub struct MlpTask {
    name: String,
    split: Arc<Split>,
    hidden: Vec<usize>,
    activation: Activation,
}

impl MlpTask {
    /// An MLP with these hidden widths.
    pub fn new(
        name: impl Into<String>,
        split: Arc<Split>,
        hidden: &[usize],
        activation: Activation,
    ) -> Self {
        Self {
            name: name.into(),
            split,
            hidden: hidden.to_vec(),
            activation,
        }
    }

    /// The widths of its layers: inputs, hidden layers, outputs.
    pub fn widths(&self) -> Vec<usize> {
        let mut widths = vec![self.split.train.features];
        widths.extend(&self.hidden);
        widths.push(outputs(&self.split.train));
        widths
    }

    /// The nonlinearity.
    pub fn activation(&self) -> Activation {
        self.activation
    }
}

/// How many outputs a data set asks for: one for each class, or a single value.
pub fn outputs(data: &Dataset) -> usize {
    match &data.targets {
        Targets::Classes { names, .. } => names.len(),
        Targets::Values(_) => 1,
    }
}

impl Task for MlpTask {
    type Model = Mlp;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn split(&self) -> &Split {
        &self.split
    }

    fn model(&self, device: &Device) -> Mlp {
        Mlp::new(&self.widths(), self.activation, device)
    }

    fn forward(&self, model: &Mlp, inputs: Tensor<2>) -> Tensor<2> {
        model.forward(inputs)
    }

    fn program(&self) -> Option<Box<dyn Program>> {
        let widths = self.widths();
        let program = || program::Mlp::new(&widths, self.activation);
        (!widths.contains(&0)).then(|| Box::new(program()) as Box<dyn Program>)
    }
}

//! A multilayer perceptron on any data set.

use crate::Task;
use crate::data::Split;
use crate::network::mlp::{Activation, Mlp};
use burn::tensor::{Device, Tensor};
use std::sync::Arc;
use trimtab_program::{self as program, Program};

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
        widths.push(self.split.train.outputs());
        widths
    }

    /// The nonlinearity.
    pub fn activation(&self) -> Activation {
        self.activation
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

    fn resized(&self, units: &[usize]) -> Option<Self> {
        let fits = units.len() == self.hidden.len();
        fits.then(|| Self {
            hidden: units.to_vec(),
            ..self.clone()
        })
    }

    fn program(&self) -> Option<Box<dyn Program>> {
        let widths = self.widths();
        let program = || program::Mlp::new(&widths, self.activation);
        (!widths.contains(&0)).then(|| Box::new(program()) as Box<dyn Program>)
    }
}

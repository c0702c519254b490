//! A convolutional network on images.

use crate::Task;
use crate::data::Split;
use crate::network::cnn::Cnn;
use burn::tensor::{Device, Tensor};
use std::sync::Arc;
use trimtab_program::{self as program, Program};

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
        Cnn::new(data.shape, &self.channels, data.outputs(), device)
    }

    fn forward(&self, model: &Cnn, inputs: Tensor<2>) -> Tensor<2> {
        let [channels, height, width] = self.split.train.shape;
        let [batch, _] = inputs.dims();
        model.forward(inputs.reshape([batch, channels, height, width]))
    }

    fn resized(&self, units: &[usize]) -> Option<Self> {
        let fits = units.len() == self.channels.len();
        fits.then(|| Self {
            channels: units.to_vec(),
            ..self.clone()
        })
    }

    fn program(&self) -> Option<Box<dyn Program>> {
        let data = &self.split.train;
        let program = || program::Cnn::new(data.shape, &self.channels, data.outputs());
        (!self.channels.contains(&0)).then(|| Box::new(program()) as Box<dyn Program>)
    }
}

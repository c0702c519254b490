//! A transformer on images, or on a table.

use crate::Task;
use crate::data::Split;
use crate::network::transformer::{Transformer, TransformerConfig};
use burn::tensor::{Device, Tensor};
use std::sync::Arc;

/// A transformer on a data set of images, or on a table, whose columns are its tokens.
#[derive(Clone, Debug)]
pub struct TransformerTask {
    name: String,
    split: Arc<Split>,
    config: TransformerConfig,
}

impl TransformerTask {
    /// A transformer of this shape.
    pub fn new(name: impl Into<String>, split: Arc<Split>, config: TransformerConfig) -> Self {
        Self {
            name: name.into(),
            split,
            config,
        }
    }
}

impl Task for TransformerTask {
    type Model = Transformer;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn split(&self) -> &Split {
        &self.split
    }

    fn model(&self, device: &Device) -> Transformer {
        let data = &self.split.train;
        Transformer::new(data.shape, self.config, data.outputs(), device)
    }

    fn forward(&self, model: &Transformer, inputs: Tensor<2>) -> Tensor<2> {
        model.forward(inputs)
    }
}

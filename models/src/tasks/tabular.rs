//! A network for tables on any data set.

use crate::data::{Split, Targets};
use crate::network::tabular::{Tabular, TabularConfig};
use crate::network::weights::with_state;
use crate::{Batch, Pass, TargetBatch, Task};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use trimtab_env::stream;
use trimtab_program::{self as program, Program, TabularSizes};

/// A [`Tabular`] network on any data set.
#[derive(Clone, Debug)]
pub struct TabularTask {
    name: String,
    split: Arc<Split>,
    config: TabularConfig,
}

impl TabularTask {
    /// A network of this architecture.
    pub fn new(name: impl Into<String>, split: Arc<Split>, config: TabularConfig) -> Self {
        Self {
            name: name.into(),
            split,
            config,
        }
    }

    /// The sizes of the network.
    pub fn sizes(&self) -> TabularSizes {
        let train = &self.split.train;
        self.config.sizes(train.features, train.outputs())
    }
}

impl Task for TabularTask {
    type Model = Tabular;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn split(&self) -> &Split {
        &self.split
    }

    fn model(&self, device: &Device) -> Tabular {
        let mut rng = stream(0, "weights", 0);
        Tabular::new(&self.config, &self.sizes(), &mut rng, device)
    }

    fn forward(&self, model: &Tabular, inputs: Tensor<2>) -> Tensor<2> {
        model.forward(inputs)
    }

    fn members(&self, model: &Tabular, inputs: Tensor<2>) -> Tensor<3> {
        model.members(inputs)
    }

    /// The mean of the members' losses, with smoothed labels.
    fn training_loss(&self, model: &Tabular, batch: Batch, _pass: &mut Pass) -> Tensor<1> {
        let outputs = model.members(batch.inputs);
        let [members, rows, width] = outputs.dims();
        match batch.targets {
            TargetBatch::Classes(labels) => {
                let logs = log_softmax(outputs, 2);
                let labels = labels.reshape([1, rows, 1]).repeat_dim(0, members);
                let plain = logs.clone().gather(2, labels).mean().neg();
                let spread = logs.mean().neg();
                plain * (1.0 - self.config.label_smoothing) + spread * self.config.label_smoothing
            }
            TargetBatch::Values(values) => {
                let error = outputs - values.reshape([1, rows, width]);
                (error.clone() * error).mean()
            }
        }
    }

    fn label_smoothing(&self) -> f64 {
        self.config.label_smoothing
    }

    fn resized(&self, units: &[usize]) -> Option<Self> {
        let fits = units.len() == self.config.hidden.len();
        fits.then(|| {
            let mut resized = self.clone();
            resized.config.hidden = units.to_vec();
            resized
        })
    }

    fn program(&self) -> Option<Box<dyn Program>> {
        let sizes = self.sizes();
        let possible = sizes.inputs > 0 && sizes.outputs > 0;
        let factor = |part| self.config.factor(part);
        possible.then(|| {
            Box::new(program::Tabular::new(sizes, self.config.activation, factor))
                as Box<dyn Program>
        })
    }

    fn initialise(&self, model: Tabular, rng: &mut ChaCha8Rng) -> Tabular {
        with_state(&model, &self.config.initial(&self.sizes(), rng))
    }

    /// Smoothed labels are never predicted perfectly, but evaluations do not smooth.
    fn lowest_loss(&self) -> Option<f64> {
        match self.split.train.targets {
            Targets::Classes { .. } => Some(0.0),
            Targets::Values(_) => None,
        }
    }
}

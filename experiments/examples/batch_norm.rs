//! A burn model of one's own with batch normalisation and dropout, by its name in a config, with every command:
//! `cargo run --release --example batch_norm -- compare experiments/configs/batch_norm.ron`.
use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::relu};
use std::sync::Arc;
use trimtab_experiments::{Registry, cli};
use trimtab_models::data::Split;
use trimtab_models::tasks::custom::any;
use trimtab_models::{Batch, Pass, Task, dropout};

#[derive(Module, Debug)]
struct Normalised {
    hidden: Linear,
    norm: BatchNorm,
    output: Linear,
}

struct Mine(String, Arc<Split>, usize, f64);

impl Task for Mine {
    type Model = Normalised;
    fn name(&self) -> String {
        self.0.clone()
    }
    fn split(&self) -> &Split {
        &self.1
    }
    fn model(&self, device: &Device) -> Normalised {
        Normalised {
            hidden: LinearConfig::new(self.1.train.features, self.2).init(device),
            norm: BatchNormConfig::new(self.2).init(device),
            output: LinearConfig::new(self.2, self.1.train.outputs()).init(device),
        }
    }
    fn forward(&self, model: &Normalised, inputs: Tensor<2>) -> Tensor<2> {
        model
            .output
            .forward(relu(model.norm.forward(model.hidden.forward(inputs))))
    }
    fn training_loss(&self, model: &Normalised, batch: Batch, pass: &mut Pass) -> Tensor<1> {
        let inputs = dropout(batch.inputs, self.3, pass.rng());
        self.loss(self.forward(model, inputs), &batch.targets)
    }
}

fn main() -> std::process::ExitCode {
    cli::main(
        &Registry::default().with_model("batch_norm", |parameters, task| {
            let number = |name, otherwise| parameters.get(name).copied().unwrap_or(otherwise);
            let (width, dropped) = (number("width", 32.0) as usize, number("dropout", 0.1));
            Ok(any(Mine(task.name, task.split, width, dropped)))
        }),
    )
}

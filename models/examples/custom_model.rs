//! A burn model of your own, trained for two segments at different learning rates and batch sizes.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::relu};
use trimtab_env::{Settings, Trainee};
use trimtab_models::data::{Embedded, Split, SplitConfig, split};
use trimtab_models::{Task, TaskTrainee, TraineeConfig};

/// Two layers, the second of which also sees the inputs.
#[derive(Module, Debug)]
struct Skip {
    hidden: Linear,
    output: Linear,
}

struct Digits {
    split: Split,
}

impl Task for Digits {
    type Model = Skip;

    fn name(&self) -> String {
        "digits with a skip".to_owned()
    }

    fn split(&self) -> &Split {
        &self.split
    }

    fn model(&self, device: &Device) -> Skip {
        Skip {
            hidden: LinearConfig::new(64, 32).init(device),
            output: LinearConfig::new(96, 10).init(device),
        }
    }

    fn forward(&self, model: &Skip, inputs: Tensor<2>) -> Tensor<2> {
        let hidden = relu(model.hidden.forward(inputs.clone()));
        model.output.forward(Tensor::cat(vec![hidden, inputs], 1))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let split = split(&*Embedded::Digits.load()?, &SplitConfig::default())?;
    let mut trainee =
        TaskTrainee::new(Digits { split }, TraineeConfig::default(), &Device::flex())?;
    trainee.start(1)?;
    // Each segment may cost 0.02 s of the modelled machine; see `trimtab_env::CostModel`.
    for (learning_rate, batch_size) in [(0.1, 16), (0.02, 64)] {
        let report = trainee.advance(&Settings::new(learning_rate, batch_size), 0.02)?;
        println!("{} updates: {:?}", report.updates, report.validation);
    }
    println!("test: {:?}", trainee.test()?);
    Ok(())
}

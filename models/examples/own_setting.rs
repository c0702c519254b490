//! A setting of one's own as a knob: dropout, whose probability an agent could move. Here it is held at three values.
//!
//! ```text
//! cargo run --release -p trimtab-models --example own_setting
//! ```

use burn::tensor::{Device, Tensor};
use std::sync::Arc;
use trimtab_env::{
    Action, Budget, Domain, Environment, Initial, Knob, Moves, Settings, Trainee, TuningConfig,
    TuningEnv,
};
use trimtab_models::data::{Embedded, Split, SplitConfig, split};
use trimtab_models::mlp::{Activation, Mlp};
use trimtab_models::{Batch, OptimizerConfig, Pass, Task, TaskTrainee, TraineeConfig, dropout};

struct Digits {
    split: Arc<Split>,
}

impl Task for Digits {
    type Model = Mlp;

    fn name(&self) -> String {
        "digits with dropout".to_owned()
    }

    fn split(&self) -> &Split {
        &self.split
    }

    fn model(&self, device: &Device) -> Mlp {
        Mlp::new(&[64, 64, 10], Activation::Relu, device)
    }

    fn forward(&self, model: &Mlp, inputs: Tensor<2>) -> Tensor<2> {
        model.forward(inputs)
    }

    fn settings(&self) -> Vec<String> {
        vec!["dropout".to_owned()]
    }

    fn training_loss(&self, model: &Mlp, batch: Batch, pass: &mut Pass) -> Tensor<1> {
        let inputs = dropout(batch.inputs, pass.number("dropout", 0.0), pass.rng());
        self.loss(self.forward(model, inputs), &batch.targets)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let split = Arc::new(split(&*Embedded::Digits.load()?, &SplitConfig::default())?);
    let config = TraineeConfig {
        optimizer: OptimizerConfig::adam(),
        ..Default::default()
    };
    let trainee: Box<dyn Trainee> =
        Box::new(TaskTrainee::new(Digits { split }, config, &Device::flex())?);
    let probabilities = [0.0, 0.2, 0.5];
    let mut environment = TuningEnv::new(
        vec![trainee.into()],
        TuningConfig {
            knobs: vec![Knob {
                name: "dropout".to_owned(),
                domain: Domain::Values(probabilities.to_vec()),
                initial: Initial::Fixed(0.0.into()),
                moves: Moves::Absolute,
            }],
            base_controller: None,
            settings: Settings::new(1e-3, 32),
            segments: Default::default(),
            budget: Budget::Epochs(20.0),
            reward: Default::default(),
            observation: Default::default(),
            divergence: Default::default(),
            stop_at_target: false,
            objective: Default::default(),
        },
    )?;
    for (choice, probability) in probabilities.into_iter().enumerate() {
        environment.reset(1)?;
        while !environment
            .step(&Action::new(vec![choice]))?
            .status
            .is_over()
        {}
        let outcome = environment.outcome()?;
        println!(
            "dropout {probability}: validation loss {:.3}, test accuracy {:.3}",
            outcome["best_validation_loss"], outcome["test_accuracy"]
        );
    }
    Ok(())
}

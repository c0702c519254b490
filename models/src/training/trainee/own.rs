//! Losses, settings and passes of a task's own.

use super::carried::{Digits, Layered, Network, trainee};
use super::*;
use crate::OptimizerConfig;
use crate::data::Split;
use crate::{TargetBatch, TrainConfig, dropout, train};
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::Tensor;
use burn::tensor::activation::{log_softmax, relu};
use trimtab_env::{Budget, Domain, Initial, Knob, Moves, TuningConfig, TuningEnv};

#[derive(Clone, Copy)]
enum Loss {
    CrossEntropyPlus(f32),
    MinusProbability,
}

/// Digits with a loss of their own, and dropout whose probability is a setting.
struct Own(Digits<Layered>, Loss);

impl Task for Own {
    type Model = Layered;
    fn name(&self) -> String {
        "digits".to_owned()
    }
    fn split(&self) -> &Split {
        self.0.split()
    }
    fn model(&self, device: &Device) -> Layered {
        self.0.model(device)
    }
    fn forward(&self, model: &Layered, inputs: Tensor<2>) -> Tensor<2> {
        self.0.forward(model, inputs)
    }
    fn settings(&self) -> Vec<String> {
        vec!["dropout".to_owned()]
    }
    fn training_loss(&self, model: &Layered, batch: Batch, pass: &mut Pass) -> Tensor<1> {
        let inputs = dropout(batch.inputs, pass.number("dropout", 0.0), pass.rng());
        self.loss(self.forward(model, inputs), &batch.targets)
    }
    fn loss(&self, outputs: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
        let TargetBatch::Classes(labels) = targets else {
            panic!("digits have classes")
        };
        let right = log_softmax(outputs, 1).gather(1, labels.clone().unsqueeze_dim::<2>(1));
        match self.1 {
            Loss::CrossEntropyPlus(constant) => right.mean().neg().add_scalar(constant),
            Loss::MinusProbability => right.exp().mean().neg(),
        }
    }
}

/// A constant in a loss has no gradient, and changes no decision; a loss below 0 is one as any other.
#[test]
fn a_constant_in_the_loss_changes_nothing() {
    let run = |loss| {
        let task = Own(Digits::new(), loss);
        let trained = train(task, &TrainConfig::default(), &Device::flex()).unwrap();
        let segments = trained.segments.iter();
        let diverged = segments.clone().filter(|s| s.report.diverged).count();
        let rates: Vec<f64> = segments
            .map(|s| s.settings.learning_rate().unwrap())
            .collect();
        (diverged, rates, trained.test.metrics["accuracy"])
    };
    let (diverged, plain, accuracy) = run(Loss::CrossEntropyPlus(0.0));
    assert!(diverged == 0 && accuracy > 0.9);
    for constant in [-2.5, 1.0] {
        let (diverged, rates, shifted) = run(Loss::CrossEntropyPlus(constant));
        assert_eq!(diverged, 0);
        // Losses are rounded to other digits, which a training carries on.
        for (a, b) in plain.iter().zip(&rates) {
            assert!((a / b).ln().abs() < 0.1, "{constant}: {a} {b}");
        }
        assert!((shifted - accuracy).abs() < 0.02, "{shifted} {accuracy}");
    }
    let (diverged, _, accuracy) = run(Loss::MinusProbability);
    assert!(diverged == 0 && accuracy > 0.9, "{diverged} {accuracy}");
}

/// A setting of a task's own acts on the next update, draws from the training's own stream, and can be a knob; one that nothing
/// understands is refused wherever it comes from.
#[test]
fn a_task_has_settings_of_its_own() {
    let new = || {
        trainee(
            Own(Digits::new(), Loss::CrossEntropyPlus(0.0)),
            OptimizerConfig::adam(),
        )
    };
    let run = |probability: f64| {
        let mut trainee = new();
        trainee.start(1).unwrap();
        let settings = Settings::new(1e-3, 32).with("dropout", probability);
        trainee.advance(&settings, 0.02).unwrap()
    };
    assert_eq!(run(0.5), run(0.5));
    let [without, with] = [run(0.0), run(0.8)].map(|report| report.train.unwrap().mean);
    assert!(with > 1.1 * without, "{with} {without}");
    assert_eq!(new().spec().warnings, Vec::<String>::new());

    let environment = |name: &str| {
        let knob = Knob {
            name: name.to_owned(),
            domain: Domain::Values(vec![0.1, 0.3, 0.5]),
            initial: Initial::Fixed(0.3.into()),
            moves: Moves::Absolute,
        };
        let config = TuningConfig {
            knobs: vec![knob],
            base_controller: None,
            settings: Settings::new(1e-3, 32),
            segments: Default::default(),
            budget: Budget::Epochs(2.0),
            reward: Default::default(),
            observation: Default::default(),
            divergence: Default::default(),
            stop_at_target: false,
            objective: Default::default(),
        };
        let trainee: Box<dyn Trainee> = Box::new(new());
        TuningEnv::new(vec![trainee.into()], config)
    };
    assert!(environment("dropout").is_ok());
    let refused = environment("drop_out").err().unwrap().to_string();
    assert!(
        refused.contains("knobs[0]") && refused.contains("`dropout`"),
        "{refused}"
    );
    let mut trainee = new();
    trainee.start(1).unwrap();
    let unknown = Settings::new(1e-3, 32).with("momentum", 0.9);
    let refused = trainee.advance(&unknown, 0.02).unwrap_err().to_string();
    assert!(refused.contains("momentum"), "{refused}");
}

#[derive(Module, Debug)]
struct Dropping {
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

impl Network for Dropping {
    fn new(device: &Device) -> Self {
        Self {
            hidden: LinearConfig::new(64, 32).init(device),
            dropout: DropoutConfig::new(0.5).init(),
            output: LinearConfig::new(32, 10).init(device),
        }
    }
    fn outputs(&self, inputs: Tensor<2>) -> Tensor<2> {
        let hidden = self.dropout.forward(relu(self.hidden.forward(inputs)));
        self.output.forward(hidden)
    }
}

#[test]
fn dropout_that_draws_from_the_process_is_warned_of_by_name() {
    let trainee = trainee(Digits::<Dropping>::new(), OptimizerConfig::adam());
    let [warning] = &trainee.spec().warnings[..] else {
        panic!("{:?}", trainee.spec().warnings)
    };
    assert!(warning.starts_with("`dropout` draws"), "{warning}");
}

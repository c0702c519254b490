//! Training: losses fall, what is frozen stays, and gradients are those of finite differences.

use crate::{drawn, numbers, text};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use trimtab_llama::{GateKind, Llama, Trained};

/// The losses of some steps of Adam on the same texts.
fn steps(mut model: Llama, learning_rate: f64, count: usize) -> (Vec<f32>, Llama) {
    let texts = [text(16), text(32)[16..].to_vec()];
    let tokens = model.tokens(&texts).unwrap();
    let mut optimizer = AdamConfig::new().init();
    let mut losses = Vec::new();
    for _ in 0..count {
        let loss = model.loss(tokens.clone());
        losses.push(numbers(loss.clone())[0]);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(learning_rate, model, gradients);
    }
    losses.push(numbers(model.loss(tokens))[0]);
    (losses, model)
}

/// All numbers of a model, those of a parameter together.
fn parameters(model: &Llama) -> Vec<Vec<f32>> {
    struct All(Vec<Vec<f32>>);
    impl ModuleVisitor for All {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(numbers(param.val()));
        }
    }
    let mut all = All(Vec::new());
    model.visit(&mut all);
    all.0
}

#[test]
fn every_choice_of_parameters_lowers_the_loss_and_leaves_the_others() {
    let device = Device::flex().autodiff();
    let lora = Trained::Lora {
        rank: 4,
        alpha: 8.0,
    };
    // Parameters of a block: seven matrices, two norms, and two of the gate; beside them embeddings, the last norm and the outputs.
    for (trained, learning_rate, changed) in [
        (Trained::All, 0.003, 25),
        (Trained::Gates, 0.05, 4),
        (lora, 0.01, 2 * (2 * 2 + 2)),
    ] {
        let model = drawn(1, &device).with_gates(GateKind::Identity);
        let model = model.training(trained, 1).unwrap();
        let before = parameters(&model);
        let (losses, model) = steps(model, learning_rate, 12);
        for pair in losses.windows(2) {
            assert!(pair[1] < pair[0], "{trained:?}: {losses:?}");
        }
        let after = parameters(&model);
        let different = before
            .iter()
            .zip(&after)
            .filter(|(before, after)| before != after);
        assert_eq!(different.count(), changed, "{trained:?}");
    }
}

/// Nothing is drawn from the generator of the process.
#[test]
fn the_seed_of_adapters_decides() {
    let losses = |seed| {
        let model = drawn(1, &Device::flex().autodiff());
        let lora = Trained::Lora {
            rank: 4,
            alpha: 8.0,
        };
        steps(model.training(lora, seed).unwrap(), 0.01, 3).0
    };
    assert_eq!(losses(1), losses(1));
    assert_ne!(losses(1), losses(2));
    assert_eq!(losses(1)[0], losses(2)[0]);
}

#[test]
fn gates_of_a_model_without_any_cannot_train() {
    let message = |trained| {
        let model = drawn(1, &Device::flex().autodiff());
        model.training(trained, 1).unwrap_err().to_string()
    };
    assert!(message(Trained::Gates).contains("with_gates"));
    let rank = message(Trained::Lora {
        rank: 0,
        alpha: 1.0,
    });
    assert!(
        rank.contains("rank: 0") && rank.contains("from 1 to 32"),
        "{rank}"
    );
    let alpha = message(Trained::Lora {
        rank: 1,
        alpha: f64::NAN,
    });
    assert!(alpha.contains("alpha: NaN"), "{alpha}");
}

/// Moves every number of one parameter by `step` times a direction.
struct Moved<'a> {
    direction: &'a dyn Fn(usize, usize) -> f32,
    step: f32,
    parameter: usize,
}

impl ModuleMapper for Moved<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let parameter = self.parameter;
        self.parameter += 1;
        param.map(|tensor| {
            let (shape, device) = (tensor.shape(), tensor.device());
            let moved: Vec<f32> = numbers(tensor)
                .into_iter()
                .enumerate()
                .map(|(i, x)| x + self.step * (self.direction)(parameter, i))
                .collect();
            Tensor::from_data(TensorData::new(moved, shape), &device)
        })
    }
}

/// The product of all gradients and a direction.
struct Slope<'a> {
    direction: &'a dyn Fn(usize, usize) -> f32,
    gradients: &'a GradientsParams,
    parameter: usize,
    slope: f64,
}

impl ModuleVisitor for Slope<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = numbers(self.gradients.get::<D>(param.id).unwrap());
        for (i, gradient) in gradient.into_iter().enumerate() {
            self.slope += f64::from(gradient) * f64::from((self.direction)(self.parameter, i));
        }
        self.parameter += 1;
    }
}

/// One parameter at a time, gates too: the slope of the loss in a direction, from gradients and from differences.
#[test]
fn gradients_are_those_of_finite_differences() {
    let device = Device::flex().autodiff();
    let model = drawn(2, &device).with_gates(GateKind::Identity);
    let tokens = model.tokens(&[text(12)]).unwrap();
    let gradients = GradientsParams::from_grads(model.loss(tokens.clone()).backward(), &model);
    for chosen in 0..parameters(&model).len() {
        let direction = |parameter: usize, i: usize| {
            let sign = (i * 2_654_435_761) >> 7 & 1;
            if parameter == chosen {
                2.0 * sign as f32 - 1.0
            } else {
                0.0
            }
        };
        let mut slope = Slope {
            direction: &direction,
            gradients: &gradients,
            parameter: 0,
            slope: 0.0,
        };
        model.visit(&mut slope);
        const STEP: f32 = 2e-3;
        let loss = |step| {
            let mut moved = Moved {
                direction: &direction,
                step,
                parameter: 0,
            };
            f64::from(numbers(model.clone().map(&mut moved).loss(tokens.clone()))[0])
        };
        let difference = (loss(STEP) - loss(-STEP)) / f64::from(2.0 * STEP);
        let error = (difference - slope.slope).abs();
        assert!(
            error < 0.002 + 0.01 * slope.slope.abs(),
            "{chosen}: {difference} {}",
            slope.slope
        );
    }
}

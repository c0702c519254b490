//! What modules carry along beside their weights.

use super::*;
use crate::OptimizerConfig;
use crate::data::{Split, SplitConfig, Standardise, split};
use crate::{TrainConfig, Training, Tuner, train};
use burn::nn::{BatchNorm, BatchNormConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::optim::AdamConfig;
use burn::tensor::activation::relu;
use burn::tensor::{Tensor, TensorData};
use std::sync::Arc;

fn digits() -> Split {
    let config = SplitConfig {
        max_train: Some(400),
        ..Default::default()
    };
    split(&crate::data::Embedded::Digits.load().unwrap(), &config).unwrap()
}

/// A network that says what it makes of inputs.
pub(super) trait Network: Module + Sync + 'static {
    fn new(device: &Device) -> Self;
    fn outputs(&self, inputs: Tensor<2>) -> Tensor<2>;
}

/// Digits with some network.
pub(super) struct Digits<M>(Arc<Split>, std::marker::PhantomData<fn() -> M>);

impl<M> Digits<M> {
    pub(super) fn new() -> Self {
        Self::of(digits())
    }

    fn of(split: Split) -> Self {
        Self(Arc::new(split), std::marker::PhantomData)
    }
}

impl<M: Network> Task for Digits<M> {
    type Model = M;
    fn name(&self) -> String {
        "digits".to_owned()
    }
    fn split(&self) -> &Split {
        &self.0
    }
    fn model(&self, device: &Device) -> M {
        M::new(device)
    }
    fn forward(&self, model: &M, inputs: Tensor<2>) -> Tensor<2> {
        model.outputs(inputs)
    }
}

macro_rules! network {
    ($name:ident { $($field:ident: $kind:ty = $make:expr),* } $forward:expr) => {
        #[derive(Module, Debug)]
        pub(super) struct $name { $($field: $kind),* }
        impl Network for $name {
            fn new(device: &Device) -> Self {
                Self { $($field: $make.init(device)),* }
            }
            fn outputs(&self, inputs: Tensor<2>) -> Tensor<2> {
                let forward: fn(&Self, Tensor<2>) -> Tensor<2> = $forward;
                forward(self, inputs)
            }
        }
    };
}

network!(
    Normalised {
        hidden: Linear = LinearConfig::new(64, 32),
        norm: BatchNorm = BatchNormConfig::new(32),
        output: Linear = LinearConfig::new(32, 10)
    } | net,
    x | net
        .output
        .forward(relu(net.norm.forward(net.hidden.forward(x))))
);

network!(
    NormalisedFirst {
        norm: BatchNorm = BatchNormConfig::new(64),
        hidden: Linear = LinearConfig::new(64, 32),
        output: Linear = LinearConfig::new(32, 10)
    } | net,
    x | net
        .output
        .forward(relu(net.hidden.forward(net.norm.forward(x))))
);

network!(
    Layered {
        hidden: Linear = LinearConfig::new(64, 32),
        norm: LayerNorm = LayerNormConfig::new(32),
        output: Linear = LinearConfig::new(32, 10)
    } | net,
    x | net
        .output
        .forward(relu(net.norm.forward(net.hidden.forward(x))))
);

pub(super) fn trainee<T: Task>(task: T, optimizer: OptimizerConfig) -> TaskTrainee<T> {
    let config = TraineeConfig {
        optimizer,
        ..Default::default()
    };
    TaskTrainee::new(task, config, &Device::flex()).unwrap()
}

fn loss<T: Task>(task: &T, model: &T::Model, data: &Dataset) -> f64 {
    let rows: Vec<u32> = (0..data.rows() as u32).collect();
    let batch = Batch::gather(data, &rows, &Device::flex());
    let outputs = task.forward(&model.valid(), batch.inputs);
    task.loss(outputs, &batch.targets).into_scalar()
}

/// A snapshot is a copy: what is trained after it changes neither it nor a training that went on from it.
#[test]
fn running_statistics_of_a_snapshot_are_its_own() {
    for optimizer in [
        OptimizerConfig::adam(),
        OptimizerConfig::ScheduleFreeAdamW(Default::default()),
    ] {
        let mut first = trainee(Digits::<Normalised>::new(), optimizer);
        let mut second = trainee(Digits::<Normalised>::new(), optimizer);
        first.start(1).unwrap();
        second.start(1).unwrap();
        let settings = Settings::new(optimizer.default_learning_rate(), 32);
        let report = first.advance(&settings, 0.02).unwrap();
        let validated = report.validation.unwrap().loss;
        let again = loss(
            first.task(),
            &first.model().unwrap(),
            &first.task.split().validation,
        );
        assert!(
            (again / validated - 1.0).abs() < 1e-5,
            "{again} {validated}"
        );

        let (snapshot, before) = (first.snapshot(), first.test().unwrap());
        second.restore(&snapshot, Restore::Everything).unwrap();
        first.advance(&Settings::new(1.0, 32), 0.05).unwrap();
        assert_ne!(first.test().unwrap(), before);
        assert_eq!(second.test().unwrap(), before);
        first.restore(&snapshot, Restore::Everything).unwrap();
        assert_eq!(first.test().unwrap(), before);
        // And the two go on alike, as they draw the same minibatches.
        let both = [&mut first, &mut second].map(|one| one.advance(&settings, 0.02).unwrap());
        assert_eq!(both[0], both[1]);
    }
}

/// The statistics of averaged weights are averaged along: they are about those that a pass over the training rows would give.
#[test]
fn averaged_weights_have_statistics_of_their_own() {
    let mut trainee = trainee(Digits::<Normalised>::new(), OptimizerConfig::adam());
    trainee.start(1).unwrap();
    let settings = Settings::new(3e-3, 32).with(trimtab_env::settings::AVERAGING, 0.1);
    let mut last = 0.0;
    for _ in 0..4 {
        last = trainee
            .advance(&settings, 0.05)
            .unwrap()
            .validation
            .unwrap()
            .loss;
    }
    // What batch normalisation estimates anew on the training rows, many times over so that nothing of before is left.
    let model = trainee.model().unwrap();
    let train = &trainee.task.split().train;
    let rows: Vec<u32> = (0..train.rows() as u32).collect();
    for _ in 0..100 {
        let batch = Batch::gather(train, &rows, &Device::flex().autodiff());
        let _ = trainee.task.forward(&model, batch.inputs);
    }
    let estimated = loss(&trainee.task, &model, &trainee.task.split().validation);
    assert!((last / estimated - 1.0).abs() < 0.05, "{last} {estimated}");
    // Evaluating wrote nothing into the training.
    let network::Network::Module { model, .. } = &trainee.state.as_ref().unwrap().network else {
        panic!("batch normalisation has no program");
    };
    let (mut trained, mut averaged) = (Vec::new(), Vec::new());
    crate::network::weights::flat_state(model, &mut trained);
    crate::network::weights::flat_state(&trainee.model().unwrap(), &mut averaged);
    assert_ne!(trained, averaged);
}

/// Statistics are no weights: neither the network nor its updates are larger for them, whatever the scale of what they are of.
#[test]
fn statistics_are_no_part_of_the_size_of_anything() {
    let raw = SplitConfig {
        standardise: Standardise::None,
        max_train: Some(400),
        ..Default::default()
    };
    let mut all = Vec::new();
    for scale in [1.0, 1000.0] {
        let mut data = split(&crate::data::Embedded::Digits.load().unwrap(), &raw).unwrap();
        for part in [&mut data.train, &mut data.validation, &mut data.test] {
            part.inputs.iter_mut().for_each(|input| *input *= scale);
        }
        let task = Digits::<NormalisedFirst>::of(data);
        let mut trainee = trainee(task, OptimizerConfig::adam());
        let weights = 2 * 64 + 64 * 32 + 32 + 32 * 10 + 10;
        assert_eq!((trainee.spec.parameters, trainee.spec.layers), (weights, 2));
        trainee.start(1).unwrap();
        let report = trainee.advance(&Settings::new(1e-3, 32), 0.02).unwrap();
        all.push(report.gradients.unwrap().update_ratio);
    }
    assert!((all[0] / all[1] - 1.0).abs() < 0.02, "{all:?}");
}

/// A loop around a tuner with one batch that is no numbers: one segment is lost, not the training.
#[test]
fn a_damaged_batch_costs_one_segment() {
    fn diverged<M: Network>() -> (usize, f64, f64) {
        let task = Digits::<M>::new();
        let device = Device::flex().autodiff();
        let mut model = task.initialise(task.model(&device), &mut stream(1, "weights", 0));
        let data = task.split();
        let training = Training {
            examples: data.train.rows(),
            validation_examples: data.validation.rows(),
            epochs: 20.0,
            adaptive: true,
            learning_rate: 1e-3,
        };
        let optimizer = AdamConfig::new().with_epsilon(1e-8).init();
        let mut tuner = Tuner::new(&model, optimizer, training).unwrap();
        let mut sampler = crate::training::sampler::EpochSampler::new(400, stream(1, "sampler", 0));
        let (mut rows, mut update) = (Vec::new(), 0);
        while !tuner.is_over() {
            sampler.draw(tuner.batch_size(), &mut rows);
            let mut batch = Batch::gather(&data.train, &rows, &device);
            if update == 60 {
                batch.inputs = batch.inputs.mul_scalar(f32::NAN);
            }
            let loss = task.loss(task.forward(&model, batch.inputs), &batch.targets);
            let value = loss.clone().into_scalar();
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = tuner.step(model, gradients, value);
            if tuner.wants_validation() {
                let (mut before, mut after) = (Vec::new(), Vec::new());
                crate::network::weights::flat_state(&model, &mut before);
                let averaged = tuner.averaged(&model);
                crate::network::weights::flat_state(&model, &mut after);
                // It borrows the model and leaves it as it is.
                assert!(before == after || before.iter().any(|x| x.is_nan()));
                model = tuner.validated(model, self::loss(&task, &averaged, &data.validation));
            }
            update += 1;
        }
        let segments = tuner.segments().iter();
        let diverged = segments.filter(|segment| segment.report.diverged).count();
        (
            diverged,
            tuner.best_loss(),
            loss(&task, &tuner.best().unwrap(), &data.validation),
        )
    }
    for (diverged, best, again) in [diverged::<Layered>(), diverged::<Normalised>()] {
        assert_eq!(diverged, 1);
        assert!(
            (again / best - 1.0).abs() < 1e-5 && best < 0.5,
            "{best} {again}"
        );
    }
}

#[derive(Module, Debug)]
struct Head {
    features: Option<Linear>,
    head: Linear,
    /// Used nowhere.
    spare: Option<Linear>,
}

/// A head on frozen random features, or on the same features made beforehand.
struct OnFeatures {
    split: Split,
    frozen: bool,
    spare: bool,
}

const WIDTH: usize = 256;

fn features(device: &Device) -> Linear {
    let drawn = LinearConfig::new(64, WIDTH).init(device);
    crate::network::initializer::fresh_weights(drawn, &mut stream(7, "features", 0))
}

impl Task for OnFeatures {
    type Model = Head;
    fn name(&self) -> String {
        "head".to_owned()
    }
    fn split(&self) -> &Split {
        &self.split
    }
    fn model(&self, device: &Device) -> Head {
        Head {
            features: self.frozen.then(|| features(device).freeze()),
            head: LinearConfig::new(WIDTH, 10).init(device),
            spare: self.spare.then(|| LinearConfig::new(100, 100).init(device)),
        }
    }
    fn initialise(&self, mut model: Head, rng: &mut ChaCha8Rng) -> Head {
        model.head = crate::network::initializer::fresh_weights(model.head, rng);
        model
    }
    fn forward(&self, model: &Head, inputs: Tensor<2>) -> Tensor<2> {
        let inputs = match &model.features {
            Some(features) => relu(features.forward(inputs)),
            None => inputs,
        };
        model.head.forward(inputs)
    }
}

/// Frozen weights, and weights that are used nowhere, change nothing of a training.
#[test]
fn frozen_and_unused_weights_are_none() {
    let run = |frozen: bool, spare: bool| {
        let mut split = digits();
        if !frozen {
            let made = features(&Device::flex());
            for part in [&mut split.train, &mut split.validation, &mut split.test] {
                let inputs = TensorData::new(part.inputs.clone(), [part.rows(), 64]);
                let inputs = Tensor::<2>::from_data(inputs, &Device::flex());
                part.inputs = relu(made.forward(inputs))
                    .into_data()
                    .iter::<f32>()
                    .collect();
                (part.features, part.shape) = (WIDTH, [1, 1, WIDTH]);
            }
        }
        let task = OnFeatures {
            split,
            frozen,
            spare,
        };
        train(task, &TrainConfig::default(), &Device::flex()).unwrap()
    };
    let plain = run(false, false);
    for (frozen, spare) in [(true, false), (false, true)] {
        let other = run(frozen, spare);
        let rates = |trained: &crate::Trained<Head>| -> Vec<f64> {
            let segments = trained.segments.iter();
            segments
                .map(|s| s.settings.learning_rate().unwrap())
                .collect()
        };
        for (a, b) in rates(&plain).iter().zip(rates(&other)) {
            assert!((a / b - 1.0).abs() < 1e-3, "{a} {b}");
        }
        let [a, b] = [&plain, &other].map(|trained| trained.test.loss);
        assert!((a / b - 1.0).abs() < 1e-3, "{a} {b}");
    }
}

//! Trainings by a program against the same ones by burn's autodiff.

use super::*;
use crate::TargetBatch;
use crate::data::{Dataset, Embedded, SplitConfig, Targets, split};
use crate::network::mlp::Activation;
use crate::network::weights::{flat_gradients, flat_state};
use crate::tasks::mlp::MlpTask;
use crate::tasks::own::Own;
use crate::tasks::tabular::TabularTask;
use crate::training::loss::Loss;
use crate::training::loss::chosen::Chosen;
use crate::training::loss::sum::Sum;
use crate::training::optimizer::{FlatOptimizer, ProdigyConfig, ScheduleFreeConfig};
use crate::{EmbeddingConfig, OptimizerConfig, PartRates, TabularConfig};
use burn::tensor::Tensor;
use proptest::prelude::*;
use std::sync::Arc;
use trimtab_env::UpdateTime;
use trimtab_env::metrics::{Average, Metric};
use trimtab_env::settings::{AVERAGING, INDEPENDENT_WEIGHT_DECAY};
use trimtab_program::loss::{CrossEntropy, Focal, Huber, Quantile, Term};

/// A task whose program is not used.
#[derive(Clone)]
pub(crate) struct Differentiated<T>(pub T);

impl<T: Task> Task for Differentiated<T> {
    type Model = T::Model;

    fn name(&self) -> String {
        self.0.name()
    }

    fn split(&self) -> &Split {
        self.0.split()
    }

    fn model(&self, device: &Device) -> T::Model {
        self.0.model(device)
    }

    fn forward(&self, model: &T::Model, inputs: Tensor<2>) -> Tensor<2> {
        self.0.forward(model, inputs)
    }

    fn loss(&self, outputs: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
        self.0.loss(outputs, targets)
    }

    fn training_loss(&self, model: &T::Model, batch: Batch, pass: &mut Pass) -> Tensor<1> {
        self.0.training_loss(model, batch, pass)
    }

    fn settings(&self) -> Vec<String> {
        self.0.settings()
    }

    fn chosen_loss(&self, settings: &Settings) -> Result<Option<WeightedSum>> {
        self.0.chosen_loss(settings)
    }

    fn lowest_loss(&self) -> Option<f64> {
        self.0.lowest_loss()
    }

    fn initialise(&self, model: T::Model, rng: &mut ChaCha8Rng) -> T::Model {
        self.0.initialise(model, rng)
    }
}

/// The length of a vector.
fn length(numbers: impl Iterator<Item = f32>) -> f64 {
    numbers.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

/// A split of random numbers, of `classes` classes or of values if there are none.
fn random_split(rows: usize, features: usize, classes: usize, seed: u64) -> Arc<Split> {
    use rand::RngExt;
    let mut rng = stream(seed, "data", 0);
    let inputs = (0..rows * features).map(|_| rng.random_range(-2.0f32..2.0));
    let inputs = inputs.collect();
    let targets = match classes {
        0 => Targets::Values((0..rows).map(|_| rng.random_range(-2.0f32..2.0)).collect()),
        _ => Targets::Classes {
            labels: (0..rows).map(|row| (row % classes) as u32).collect(),
            names: (0..classes).map(|class| class.to_string()).collect(),
        },
    };
    let data = Dataset::new("random", [1, 1, features], inputs, targets).unwrap();
    Arc::new(split(&data, &SplitConfig::default()).unwrap())
}

fn activations() -> impl Strategy<Value = Activation> {
    prop_oneof![
        Just(Activation::Relu),
        Just(Activation::Tanh),
        Just(Activation::Gelu)
    ]
}

/// Compares loss and gradient of a task with random weights with those of burn's autodiff.
fn compare<T: Task>(
    task: &T,
    batch: usize,
    scale: f32,
    seed: u64,
    tolerance: f64,
) -> std::result::Result<(), TestCaseError> {
    compare_sum(
        task,
        std::slice::from_ref(task),
        batch,
        scale,
        seed,
        tolerance,
    )
}

/// The same for a task whose loss is the sum of those of `terms`.
fn compare_sum<T: Task>(
    task: &T,
    terms: &[T],
    batch: usize,
    scale: f32,
    seed: u64,
    tolerance: f64,
) -> std::result::Result<(), TestCaseError> {
    let device = Device::flex().autodiff();
    let model = task.initialise(task.model(&device), &mut stream(seed, "weights", 0));
    let mut weights = Vec::new();
    flat_state(&model, &mut weights);
    weights.iter_mut().for_each(|weight| *weight *= scale);
    let model = crate::network::weights::with_state(&model, &weights);

    let train = &task.split().train;
    let rows: Vec<u32> = (0..batch as u32)
        .map(|i| i * 7 % train.rows() as u32)
        .collect();
    let settings = Settings::default();
    let mut rng = stream(seed, "passes", 0);
    let gathered = Batch::gather(train, &rows, &device);
    let loss = task.training_loss(&model, gathered, &mut Pass::new(&settings, &mut rng));
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut wanted = Vec::new();
    flat_gradients(&model, &gradients, &mut wanted);

    let chosen = task.chosen_loss(&settings).unwrap();
    let mut written_out = WrittenOut::new(task.program().unwrap(), task, chosen.as_ref());
    let mut gradient = Vec::new();
    let got = written_out.differentiate(&weights, train, &rows, &mut gradient);
    let loss = f64::from(loss.into_scalar::<f32>());
    prop_assert!(
        (got - loss).abs() <= 1e-6 * (1.0 + loss.abs()),
        "{got} {loss}"
    );
    assert_eq!(gradient.len(), wanted.len());
    let pairs = gradient.iter().zip(&wanted);
    let difference = length(pairs.map(|(a, b)| a - b));
    // Relative to the gradients of the examples and the terms: their sum can be far smaller than what was added up and rounded.
    let mut each = 0.0;
    for term in terms {
        let chosen = term.chosen_loss(&settings).unwrap();
        let mut alone = WrittenOut::new(term.program().unwrap(), term, chosen.as_ref());
        for row in &rows {
            alone.differentiate(&weights, train, &[*row], &mut gradient);
            each += length(gradient.iter().copied()) / batch as f64;
        }
    }
    let difference = difference / each;
    prop_assert!(difference <= tolerance, "{difference:e}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// Loss and gradient are those of burn's autodiff.
    #[test]
    fn gradients_are_those_of_autodiff(
        features in 1usize..20,
        hidden in proptest::collection::vec(1usize..40, 0..4),
        classes in prop_oneof![Just(0usize), 2usize..12],
        activation in activations(),
        batch in 1usize..70,
        scale in 0.3f32..3.0,
        seed: u64,
    ) {
        let split = random_split(200, features, classes, seed);
        let task = MlpTask::new("random", split, &hidden, activation);
        compare(&task, batch, scale, seed, 1e-6)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// The same of convolutional networks. Sums over an image are longer, and so is what rounding leaves of their difference.
    #[test]
    fn gradients_of_images_are_those_of_autodiff(
        shape in (1usize..3, 1usize..12, 1usize..12),
        channels in proptest::collection::vec(1usize..10, 0..3),
        classes in prop_oneof![Just(0usize), 2usize..6],
        batch in 1usize..20,
        seed: u64,
    ) {
        let (depth, height, width) = shape;
        let mut split = Split::clone(&random_split(60, depth * height * width, classes, seed));
        for data in [&mut split.train, &mut split.validation, &mut split.test] {
            data.shape = [depth, height, width];
        }
        let task = crate::tasks::cnn::CnnTask::new("random", Arc::new(split), &channels);
        compare(&task, batch, 1.0, seed, 1e-5)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// The same of networks for tables, with every number embedded and none, and of what they predict.
    #[test]
    fn gradients_of_tables_are_those_of_autodiff(
        (features, numbers) in (1usize..12).prop_flat_map(|features| (Just(features), 0..=features)),
        hidden in proptest::collection::vec(1usize..30, 1..4),
        members in 1usize..6,
        embedding in proptest::option::of((1usize..9, 1usize..5)),
        classes in prop_oneof![Just(0usize), 2usize..9],
        activation in activations(),
        by_inputs: bool,
        batch in 1usize..40,
        seed: u64,
    ) {
        let split = random_split(200, features, classes, seed);
        let config = TabularConfig {
            hidden,
            activation,
            members,
            numbers: Some(numbers),
            embedding: embedding.map(|(waves, width)| EmbeddingConfig { waves, width, frequency: 0.5 }),
            label_smoothing: 0.1,
            rates: PartRates { embedding: 0.5, scales: 2.0, biases: 0.3, heads: 1.5, by_inputs },
        };
        let task = TabularTask::new("random", split, config);
        compare(&task, batch, 1.0, seed, 3e-6)?;
    }
}

fn terms(classes: usize) -> BoxedStrategy<Vec<(f64, Term)>> {
    let weights = || proptest::option::of(proptest::collection::vec(0.1f64..5.0, classes));
    let term = match classes {
        0 => prop_oneof![
            Just(Term::SquaredError),
            Just(Term::Poisson),
            (0.1f64..3.0).prop_map(|delta| Term::Huber(Huber { delta })),
            (0.05f64..0.95).prop_map(|quantile| Term::Quantile(Quantile { quantile })),
        ]
        .boxed(),
        _ => prop_oneof![
            (weights(), 0.0f64..1.0).prop_map(|(class_weights, label_smoothing)| {
                Term::CrossEntropy(CrossEntropy {
                    class_weights,
                    label_smoothing,
                })
            }),
            (weights(), 0.0f64..5.0).prop_map(|(alpha, gamma)| Term::Focal(Focal { alpha, gamma })),
        ]
        .boxed(),
    };
    proptest::collection::vec((0.1f64..3.0, term), 1..4).boxed()
}

/// Compares the sum of these terms.
fn compare_chosen<T: Task + Clone>(
    task: &T,
    terms: Vec<(f64, Term)>,
    batch: usize,
    seed: u64,
) -> std::result::Result<(), TestCaseError> {
    let each = terms
        .iter()
        .map(|term| with_loss(task.clone(), vec![term.clone()]));
    let each: Vec<Own<T>> = each.collect();
    compare_sum(
        &with_loss(task.clone(), terms),
        &each,
        batch,
        1.0,
        seed,
        3e-6,
    )
}

/// A task with a loss that a config has chosen.
fn with_loss<T: Task>(task: T, terms: Vec<(f64, Term)>) -> Own<T> {
    let classes = task.split().train.outputs();
    let named = terms
        .into_iter()
        .enumerate()
        .map(|(index, (weight, term))| {
            let chosen = Chosen::new(term, classes).unwrap();
            let chosen: Arc<dyn Loss> = Arc::new(chosen);
            (index.to_string(), weight, chosen)
        });
    Own {
        task,
        loss: Some(Arc::new(Sum::new(named.collect()).unwrap())),
        optimizer: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// Losses that a config chooses, alone and in sums, of one network and of several, are those of burn's autodiff.
    #[test]
    fn gradients_of_chosen_losses_are_those_of_autodiff(
        (classes, terms) in prop_oneof![Just(0usize), 2usize..6].prop_flat_map(|classes| (Just(classes), terms(classes))),
        members in 0usize..4,
        batch in 1usize..40,
        seed: u64,
    ) {
        let mut split = Split::clone(&random_split(200, 5, classes, seed));
        if let Targets::Values(values) = &mut split.train.targets {
            // Counts are at least 0.
            values.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        let split = Arc::new(split);
        if members == 0 {
            let task = MlpTask::new("random", split, &[12], Activation::Tanh);
            compare_chosen(&task, terms, batch, seed)?;
        } else {
            let config = TabularConfig { hidden: vec![12], members, ..TabularConfig::default() };
            compare_chosen(&TabularTask::new("random", split, config), terms, batch, seed)?;
        }
    }
}

pub(crate) fn digits() -> Arc<Split> {
    let config = SplitConfig {
        max_train: Some(300),
        ..Default::default()
    };
    Arc::new(split(&Embedded::Digits.load().unwrap(), &config).unwrap())
}

pub(crate) fn wine() -> Arc<Split> {
    let wine = Embedded::WineQuality.load().unwrap();
    Arc::new(split(&wine, &SplitConfig::default()).unwrap())
}

pub(crate) fn optimizers() -> Vec<OptimizerConfig> {
    let sgd = |momentum, nesterov, weight_decay| OptimizerConfig::Sgd {
        momentum,
        nesterov,
        weight_decay,
    };
    let adam = OptimizerConfig::Adam {
        beta_1: 0.8,
        beta_2: 0.99,
        epsilon: 1e-6,
        weight_decay: 0.01,
    };
    vec![
        sgd(0.0, false, 0.0),
        sgd(0.9, false, 0.0),
        sgd(0.9, true, 0.01),
        OptimizerConfig::adam(),
        adam,
        OptimizerConfig::adam_w(),
        OptimizerConfig::Prodigy(ProdigyConfig::default()),
        OptimizerConfig::ScheduleFreeAdamW(ScheduleFreeConfig::default()),
    ]
}

/// What a training reports of 50 updates and more: segments under several settings, a snapshot that is brought back in every way,
/// updates without an evaluation, and a test.
fn trace(trainee: &mut dyn Trainee, lr: f64) -> Vec<Report> {
    let time = UpdateTime::default();
    let rows = trainee.spec().validation_examples;
    let budget =
        |updates: usize, batch| updates as f64 * time.update(batch) + time.evaluation(rows);
    let settings = Settings::new(lr, 16)
        .with(AVERAGING, 0.1)
        .with(INDEPENDENT_WEIGHT_DECAY, 1e-3);
    let mut reports = vec![trainee.start(1).unwrap()];
    reports.push(trainee.advance(&settings, budget(12, 16)).unwrap());
    let saved = trainee.snapshot();
    for what in [Restore::Everything, Restore::AllButData, Restore::Weights] {
        reports.push(trainee.probe(&settings, 5).unwrap());
        trainee.restore(&saved, what).unwrap();
        let settings = Settings::new(0.5 * lr, 33);
        reports.push(trainee.advance(&settings, budget(9, 33)).unwrap());
    }
    let TestReport { loss, metrics } = trainee.test().unwrap();
    reports.push(Report {
        validation: Some(Validation { loss, metrics }),
        ..Default::default()
    });
    assert!(reports.iter().map(|report| report.updates).sum::<u64>() >= 50);
    reports
}

/// Whether two reports say the same, numbers to 1e-4.
fn alike(a: &Report, b: &Report) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-4 * (a.abs() + b.abs());
    let losses = match (&a.validation, &b.validation) {
        (Some(a), Some(b)) => near(a.loss, b.loss) && a.metrics.keys().eq(b.metrics.keys()),
        (a, b) => a.is_none() && b.is_none(),
    };
    let statistics = match (&a.gradients, &b.gradients) {
        (Some(a), Some(b)) => {
            near(a.mean_square_norm, b.mean_square_norm)
                && near(a.update_ratio, b.update_ratio)
                && a.samples == b.samples
        }
        (a, b) => a.is_none() && b.is_none(),
    };
    let train = match (&a.train, &b.train) {
        (Some(a), Some(b)) => near(a.mean, b.mean),
        (a, b) => a.is_none() && b.is_none(),
    };
    losses
        && statistics
        && train
        && (a.updates, a.examples, a.cost, a.diverged)
            == (b.updates, b.examples, b.cost, b.diverged)
}

/// Under every optimiser, for both kinds of targets, and through every way back.
#[test]
fn trainings_are_those_of_autodiff() {
    let wine = wine();
    let delayed_classes = crate::DelayedClasses {
        share: 0.5,
        after: 0.5,
    };
    let noise = crate::IntermittentLabelNoise {
        share: 1.0,
        every: 0.4,
        lasting: 0.2,
    };
    let tabular = TabularConfig {
        hidden: vec![12],
        members: 3,
        label_smoothing: 0.1,
        ..TabularConfig::default()
    };
    let digit_task = MlpTask::new("digits", digits(), &[19, 8], Activation::Tanh);
    same_under_all_optimizers(&digit_task, Some(delayed_classes), Some(noise));
    let wine_task = MlpTask::new("wine", Arc::clone(&wine), &[16], Activation::Gelu);
    same_under_all_optimizers(&wine_task, None, None);
    let embedded = TabularTask::new("wine", wine, tabular);
    same_under_all_optimizers(&embedded, None, None);
}

/// With a loss that a config chooses, whose mean is weighted: evaluations too are the same.
#[test]
fn trainings_with_chosen_losses_are_those_of_autodiff() {
    let weights: Vec<f64> = (1..=10).map(f64::from).collect();
    let terms = vec![
        (
            0.5,
            Term::CrossEntropy(CrossEntropy {
                class_weights: Some(weights.clone()),
                label_smoothing: 0.1,
            }),
        ),
        (
            2.0,
            Term::Focal(Focal {
                alpha: Some(weights),
                gamma: 2.0,
            }),
        ),
    ];
    let task = || {
        let task = MlpTask::new("digits", digits(), &[19, 8], Activation::Tanh);
        with_loss(task, terms.clone())
    };
    let config = TraineeConfig {
        optimizer: OptimizerConfig::adam(),
        gradient_samples: 3,
        ..Default::default()
    };
    let device = Device::flex();
    let mut program = TaskTrainee::new(task(), config.clone(), &device).unwrap();
    let mut autodiff = TaskTrainee::new(Differentiated(task()), config, &device).unwrap();
    assert!(program.written_out.is_some() && autodiff.written_out.is_none());
    assert_eq!(program.spec(), autodiff.spec());
    let (program, autodiff) = (trace(&mut program, 1e-3), trace(&mut autodiff, 1e-3));
    for (index, (a, b)) in program.iter().zip(&autodiff).enumerate() {
        assert!(alike(a, b), "{index}: {a:?} {b:?}");
    }
}

fn same_under_all_optimizers<T: Task + Clone>(
    task: &T,
    delayed_classes: Option<crate::DelayedClasses>,
    noise: Option<crate::IntermittentLabelNoise>,
) {
    for optimizer in optimizers() {
        let config = TraineeConfig {
            optimizer,
            gradient_samples: 3,
            validation_rows: Some(60),
            delayed_classes,
            intermittent_label_noise: noise,
            metrics: match task.split().train.targets {
                Targets::Classes { .. } => vec![Metric::F1(Average::Macro)],
                Targets::Values(_) => vec![Metric::R2],
            },
            ..Default::default()
        };
        let lr = optimizer.default_learning_rate();
        let device = Device::flex();
        let mut program = TaskTrainee::new(task.clone(), config.clone(), &device).unwrap();
        let mut autodiff = TaskTrainee::new(Differentiated(task.clone()), config, &device).unwrap();
        assert!(program.written_out.is_some() && autodiff.written_out.is_none());
        assert_eq!(program.spec(), autodiff.spec());
        let (program, autodiff) = (trace(&mut program, lr), trace(&mut autodiff, lr));
        for (index, (a, b)) in program.iter().zip(&autodiff).enumerate() {
            assert!(alike(a, b), "{optimizer:?} {index}: {a:?} {b:?}");
        }
    }
}

/// Given the same gradients, the optimisers of vectors give the bits of burn's.
#[test]
fn optimisers_of_vectors_are_burns() {
    let task = MlpTask::new("digits", digits(), &[19, 8], Activation::Relu);
    let device = Device::flex().autodiff();
    for config in optimizers() {
        let mut model = task.initialise(task.model(&device), &mut stream(1, "weights", 0));
        let (mut optimizer, mut flat) =
            (config.init().unwrap(), FlatOptimizer::new(&config).unwrap());
        let tensors = task.program().unwrap().tensors().to_vec();
        let (mut weights, mut gradient, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
        flat_state(&model, &mut weights);
        for step in 0..20u32 {
            let rows: Vec<u32> = (step * 5..step * 5 + 16).collect();
            let batch = Batch::gather(&task.split().train, &rows, &device);
            let loss = task.loss(task.forward(&model, batch.inputs), &batch.targets);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            flat_gradients(&model, &gradients, &mut gradient);
            let lr = config.default_learning_rate() * f64::from(1 + step % 3);
            model = optimizer.step(lr, model, gradients);
            flat.step(lr, &mut weights, &mut gradient, &tensors);
            flat_state(&model, &mut wanted);
            assert_eq!(weights, wanted, "{config:?} step {step}");
        }
    }
}

/// A program of another network is refused, and never trained in the model's place.
#[test]
fn a_program_that_does_not_fit_its_model_is_refused() {
    #[derive(Clone)]
    struct Other(MlpTask, MlpTask);
    impl Task for Other {
        type Model = crate::network::mlp::Mlp;
        fn name(&self) -> String {
            self.0.name()
        }
        fn split(&self) -> &Split {
            self.0.split()
        }
        fn model(&self, device: &Device) -> Self::Model {
            self.0.model(device)
        }
        fn forward(&self, model: &Self::Model, inputs: Tensor<2>) -> Tensor<2> {
            self.0.forward(model, inputs)
        }
        fn program(&self) -> Option<Box<dyn trimtab_program::Program>> {
            self.1.program()
        }
    }
    let task = |hidden| MlpTask::new("digits", digits(), &[hidden], Activation::Relu);
    let made = |other| {
        let task = Other(task(16), task(other));
        TaskTrainee::new(task, TraineeConfig::default(), &Device::flex())
    };
    assert!(made(16).is_ok());
    let message = made(8).err().unwrap().to_string();
    let counts = ["program", "610 weights", "1210"];
    assert!(
        counts.iter().all(|word| message.contains(word)),
        "{message}"
    );
}

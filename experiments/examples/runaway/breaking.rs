//! Trainings that are drawn to break a servo: where the size of the updates, or the validation loss, says the wrong thing.

use burn::tensor::Device;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal, StudentT};
use std::error::Error;
use std::sync::Arc;
use trimtab_env::servo::recorded_schedule::Entry;
use trimtab_env::{Segment, Settings, stream};
use trimtab_experiments::train::fit::{FIT, FitConfig};
use trimtab_models::data::{Dataset, Split, Standardise, Standardiser, Targets};
use trimtab_models::mlp::Activation;
use trimtab_models::{
    MlpTask, ModelConfig, OptimizerConfig, Result, TargetBatch, Task, TrainConfig, train,
};

/// Rows that the test loss is measured on: enough that 0.05 in its logarithm is seldom noise.
const TEST_ROWS: usize = 2000;
/// Rows, passes and weights multiplied are at most this: a training takes a second or so.
const MOST_WORK: f64 = 5e9;

/// What is wrong with a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Inputs far from 0, so that half of the units are dead at first and one large update kills the rest.
    DeadUnits,
    /// A linear target without noise: the loss vanishes, and gradients with it.
    VanishingLoss,
    /// Two classes far apart: the loss falls for as long as the weights grow.
    Separable,
    /// Targets that have nothing to do with the inputs.
    Noise,
    /// Inputs that are all the same, or targets that are.
    NoInformation,
    /// A pass of up to 10,000 updates at a batch size of 64.
    ManyUpdates,
    /// Targets with noise of Student's t with 1.5 degrees of freedom, which has no variance.
    HeavyTails,
    /// One training row whose target, or first input, is 10,000 times as large.
    Outlier,
    /// Inputs whose scales differ by up to four decades, not standardised.
    Scales,
    /// Each input several times, and constant ones.
    Duplicates,
    /// A hundred rows.
    Tiny,
    /// Up to 40 % of the labels are of another class.
    LabelNoise,
    /// Nothing: a training as the servo was fitted to, of 1 to 40 passes.
    Ordinary,
}

impl Kind {
    /// All but the ordinary, in the order in which they are drawn.
    pub const ALL: [Self; 12] = [
        Self::DeadUnits,
        Self::VanishingLoss,
        Self::Separable,
        Self::Noise,
        Self::NoInformation,
        Self::ManyUpdates,
        Self::HeavyTails,
        Self::Outlier,
        Self::Scales,
        Self::Duplicates,
        Self::Tiny,
        Self::LabelNoise,
    ];
}

/// A training that was drawn.
pub struct Breaking {
    /// What is wrong with it.
    pub kind: Kind,
    task: MlpTask,
    /// How the servo plays it.
    pub config: TrainConfig,
}

/// What the servo came to beside the optimiser's default.
pub struct Outcome {
    /// Natural logarithm of the test loss of the weights kept, over that of the default. To both losses a hundredth of what the best
    /// constant prediction loses is added, so that losses near 0 do not count.
    pub log_ratio: f64,
    /// Its standard error over the test rows, which are the same for both.
    pub error: f64,
    /// The same logarithm for the default with other initial weights and another order of the rows: what chance alone does.
    pub again: f64,
    /// The highest learning rate.
    pub highest: f64,
    /// Whether the optimiser is adaptive.
    pub adaptive: bool,
    /// The share of the cost at rates above 0.1; 0 unless the optimiser is adaptive.
    pub above: f64,
    /// The segments under the servo, and under the default.
    pub segments: [Vec<Segment>; 2],
}

/// No network lives long on more with an adaptive optimiser, whose updates move each weight by about the rate.
const TOO_HIGH: f64 = 0.1;

impl Breaking {
    /// Training number `index` of those that follow from `seed`; its kind is the next in turn.
    pub fn draw(seed: u64, index: u64) -> Result<Self> {
        let mut rng = stream(seed, "breaking", index);
        let kind = Kind::ALL[index as usize % Kind::ALL.len()];
        let shape = Shape::draw(kind, &mut rng);
        let split = Arc::new(split(kind, &shape, &mut rng)?);
        let activations = [
            Activation::Relu,
            Activation::Relu,
            Activation::Tanh,
            Activation::Gelu,
        ];
        let activation = match kind {
            Kind::DeadUnits => Activation::Relu,
            _ => activations[rng.random_range(0..4)],
        };
        let optimizer = [
            OptimizerConfig::sgd(),
            OptimizerConfig::adam(),
            OptimizerConfig::adam_w(),
        ][rng.random_range(0..3)];
        let hidden = vec![shape.width; shape.layers];
        let off = 10f64.powf(rng.random_range(-2.0..2.0));
        Ok(Self {
            kind,
            task: MlpTask::new(format!("{kind:?}"), split, &hidden, activation),
            config: TrainConfig {
                optimizer,
                learning_rate: Some(off * optimizer.default_learning_rate()),
                epochs: shape.epochs,
                seed: rng.random(),
                ..TrainConfig::default()
            },
        })
    }

    /// Training number `index` of the ordinary ones that follow from `seed`: data, network and optimiser are drawn as for the fit, without
    /// delayed classes, with 1 to 40 passes.
    pub fn ordinary(
        seed: u64,
        index: u64,
    ) -> std::result::Result<Self, Box<dyn Error + Send + Sync>> {
        let mut rng = stream(seed, "ordinary", index);
        let mut distribution = FitConfig::parse(FIT, "fit.ron")?.distribution;
        distribution.delayed_classes = 0.0;
        let config = distribution.draw(rng.random(), 1)?.remove(0);
        let split = config.prepare()?.split().clone();
        let ModelConfig::Mlp { hidden, activation } = config.model else {
            return Err("fit.ron draws perceptrons".into());
        };
        let off = 10f64.powf(rng.random_range(-2.0..2.0));
        Ok(Self {
            kind: Kind::Ordinary,
            task: MlpTask::new("ordinary", split, &hidden, activation),
            config: TrainConfig {
                optimizer: config.optimizer,
                learning_rate: Some(off * config.optimizer.default_learning_rate()),
                epochs: 40f64.powf(rng.random()),
                seed: rng.random(),
                ..TrainConfig::default()
            },
        })
    }

    /// What it is, in a line.
    pub fn describe(&self) -> String {
        let (train, config) = (&self.task.split().train, &self.config);
        format!(
            "{:?}: {} rows, {}, layers {:?}, {:?}, {}, {:.1} epochs, from {:.1e}",
            self.kind,
            train.rows(),
            if train.classes().is_some() {
                "classes"
            } else {
                "values"
            },
            self.task.widths(),
            self.task.activation(),
            config.optimizer.name(),
            config.epochs,
            config.learning_rate.unwrap_or_default(),
        )
    }

    /// Plays it under the servo and with the default.
    ///
    /// # Errors
    /// Those of [`train`].
    pub fn play(&self) -> trimtab_env::Result<Outcome> {
        let optimizer = self.config.optimizer;
        let batch = self.task.split().train.rows().min(64);
        let default = Entry {
            share: 0.0,
            settings: Settings::new(optimizer.default_learning_rate(), batch),
        };
        let default = TrainConfig {
            replay: Some(vec![default].try_into()?),
            ..self.config.clone()
        };
        let again = TrainConfig {
            seed: !self.config.seed,
            ..default.clone()
        };
        let [servo, default, again] = [&self.config, &default, &again].map(|config| {
            let trained = train(self.task.clone(), config, &Device::flex())?;
            trimtab_env::Result::Ok((self.losses(&trained.model), trained.segments))
        });
        let ((servo, segments), (default, others), (again, _)) = (servo?, default?, again?);
        let floor = 0.01 * constant_loss(&self.task.split().test.targets);
        let [of_servo, of_default, of_again] =
            [&servo, &default, &again].map(|losses| mean(losses) + floor);
        let differences: Vec<f64> = std::iter::zip(&servo, &default)
            .map(|(servo, default)| servo / of_servo - default / of_default)
            .collect();
        let squares: Vec<f64> = differences.iter().map(|each| each * each).collect();
        let rates = || {
            segments
                .iter()
                .map(|segment| (lr(segment), segment.report.cost))
        };
        let costs: f64 = rates().map(|(_, cost)| cost).sum();
        let above = rates().filter(|(lr, _)| optimizer.is_adaptive() && *lr > TOO_HIGH);
        Ok(Outcome {
            adaptive: optimizer.is_adaptive(),
            log_ratio: (of_servo / of_default).ln(),
            again: (of_again / of_default).ln(),
            error: (mean(&squares) / differences.len() as f64).sqrt(),
            highest: rates().map(|(lr, _)| lr).fold(0.0, f64::max),
            above: above.fold(0.0, |sum, (_, cost)| sum + cost) / costs,
            segments: [segments, others],
        })
    }

    /// The loss of each test row.
    fn losses(&self, model: &<MlpTask as Task>::Model) -> Vec<f64> {
        let test = &self.task.split().test;
        let rows: Vec<u32> = (0..test.rows() as u32).collect();
        let batch = trimtab_models::Batch::gather(test, &rows, &Device::flex());
        let outputs = self.task.forward(model, batch.inputs);
        let losses = match batch.targets {
            TargetBatch::Classes(labels) => burn::tensor::activation::log_softmax(outputs, 1)
                .gather(1, labels.unsqueeze_dim::<2>(1))
                .neg(),
            TargetBatch::Values(values) => (outputs - values).powi_scalar(2),
        };
        // A loss that is no number is as bad as can be.
        let losses = losses.into_data();
        losses
            .iter::<f64>()
            .map(|loss| loss.min(f64::from(f32::MAX)))
            .collect()
    }
}

/// The learning rate of a segment.
pub fn lr(segment: &Segment) -> f64 {
    segment.settings.learning_rate().unwrap_or_default()
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// What the best constant prediction loses: the entropy of the classes, or the variance; 1 if that is 0.
fn constant_loss(targets: &Targets) -> f64 {
    let loss = match targets {
        Targets::Classes { labels, names } => {
            let shares = (0..names.len() as u32).map(|class| {
                let of_it = labels.iter().filter(|label| **label == class).count();
                of_it as f64 / labels.len() as f64
            });
            shares
                .filter(|share| *share > 0.0)
                .map(|share| -share * share.ln())
                .sum()
        }
        Targets::Values(values) => {
            let values: Vec<f64> = values.iter().copied().map(f64::from).collect();
            let middle = mean(&values);
            let squares: Vec<f64> = values
                .iter()
                .map(|value| (value - middle).powi(2))
                .collect();
            mean(&squares)
        }
    };
    if loss > 0.0 { loss } else { 1.0 }
}

/// The sizes of a training.
struct Shape {
    rows: usize,
    features: usize,
    width: usize,
    layers: usize,
    epochs: f64,
}

impl Shape {
    fn draw(kind: Kind, rng: &mut ChaCha8Rng) -> Self {
        let (rows, features, width, epochs) = match kind {
            Kind::ManyUpdates => ((20_000.0, 640_000.0), (2.0, 8.0), (8.0, 16.0), (2.0, 4.0)),
            Kind::Tiny => ((100.0, 101.0), (2.0, 64.0), (8.0, 512.0), (2.0, 20.0)),
            _ => ((100.0, 20_000.0), (2.0, 64.0), (8.0, 512.0), (2.0, 20.0)),
        };
        loop {
            let mut log_uniform = |(low, high): (f64, f64)| {
                let between: f64 = rng.random_range(low.ln()..high.ln());
                between.exp()
            };
            let shape = Self {
                rows: log_uniform(rows) as usize,
                features: log_uniform(features) as usize,
                width: log_uniform(width) as usize,
                epochs: log_uniform(epochs),
                layers: rng.random_range(1..=4),
            };
            let weights = shape.width * (shape.features + (shape.layers - 1) * shape.width);
            if shape.epochs * (shape.rows * weights) as f64 <= MOST_WORK {
                return shape;
            }
        }
    }
}

/// The data: a function of two directions of the inputs, and what the kind does to it. Validation rows are a quarter of the training
/// rows, 25 to 2,000.
fn split(kind: Kind, shape: &Shape, rng: &mut ChaCha8Rng) -> Result<Split> {
    let normal = |rng: &mut ChaCha8Rng| -> f32 { StandardNormal.sample(rng) };
    let classes = match kind {
        Kind::Separable | Kind::LabelNoise => true,
        Kind::VanishingLoss | Kind::HeavyTails => false,
        _ => rng.random(),
    };
    let (features, validation) = (shape.features, (shape.rows / 4).clamp(25, 2000));
    let size = (features as f32).sqrt();
    let mut direction = || -> Vec<f32> { (0..features).map(|_| normal(rng) / size).collect() };
    let directions = [direction(), direction()];
    let scales: Vec<f32> = (0..features)
        .map(|_| 10f32.powf(rng.random_range(-2.0..2.0)))
        .collect();
    let flipped = rng.random_range(0.0..0.4);
    // Of no information, whether that is of the inputs; of an outlier, whether it is the input.
    let inputs_are = classes || rng.random();
    let tails = StudentT::new(1.5f32).expect("a positive number");

    let mut inputs = Vec::new();
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for row in 0..shape.rows + validation + TEST_ROWS {
        let mut x: Vec<f32> = (0..features).map(|_| normal(rng)).collect();
        if kind == Kind::Duplicates {
            (0..features).for_each(|at| x[at] = if at % 3 == 2 { 5.0 } else { x[at / 6] });
        }
        let [first, second] = directions.each_ref().map(|direction| {
            let products = std::iter::zip(direction, &x).map(|(direction, x)| direction * x);
            products.sum::<f32>()
        });
        let mut value = first + (2.0 * second).sin() + 0.3 * normal(rng);
        match kind {
            Kind::VanishingLoss => value = first,
            Kind::Separable => {
                value = first;
                let away = 3.0 * first.signum();
                std::iter::zip(&mut x, &directions[0]).for_each(|(x, by)| *x += away * by);
            }
            Kind::Noise => value = normal(rng),
            Kind::NoInformation if inputs_are => x.fill(1.0),
            Kind::NoInformation => value = 3.0,
            Kind::HeavyTails => value += tails.sample(rng),
            Kind::Outlier if row == 0 && inputs_are => x[0] = 1e4,
            Kind::Outlier if row == 0 => value = 1e4,
            Kind::Scales => std::iter::zip(&mut x, &scales).for_each(|(x, scale)| *x *= scale),
            Kind::DeadUnits => x.iter_mut().for_each(|x| *x += 10.0),
            _ => {}
        }
        // Four classes by quartiles, about, or two.
        let class = match kind {
            Kind::Separable => u32::from(value > 0.0),
            _ => (value / 0.8 + 2.0).clamp(0.0, 3.0) as u32,
        };
        let flips = kind == Kind::LabelNoise && rng.random::<f32>() < flipped;
        labels.push((class + u32::from(flips)) % 4);
        values.push(value);
        inputs.extend(x);
    }
    let targets = if classes {
        let names = (0..4).map(|class| class.to_string()).collect();
        Targets::Classes { labels, names }
    } else {
        Targets::Values(values)
    };
    let data = Dataset::new(format!("{kind:?}"), [1, 1, features], inputs, targets)?;
    let part = |from: usize, rows: usize| {
        let rows: Vec<usize> = (from..from + rows).collect();
        data.select(&rows)
    };
    let train = part(0, shape.rows);
    let standardise = match kind {
        Kind::Scales | Kind::DeadUnits => Standardise::None,
        _ => Standardise::PerFeature,
    };
    let standardiser = Standardiser::fit(&train, standardise);
    Ok(Split {
        validation: standardiser.apply(&part(shape.rows, validation)),
        test: standardiser.apply(&part(shape.rows + validation, TEST_ROWS)),
        train: standardiser.apply(&train),
        standardiser,
    })
}

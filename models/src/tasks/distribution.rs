//! A distribution over training tasks, from which as many different ones can be drawn as are wanted.

use crate::data::{Share, SplitConfig, Standardise, Teacher};
use crate::network::mlp::Activation;
use crate::network::transformer::TransformerConfig;
use crate::{
    DataConfig, DelayedClasses, Error, IntermittentLabelNoise, ModelConfig, OptimizerConfig,
    Pretraining, Result, TaskConfig,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use trimtab_env::bounds::{MOST_UNITS, check_count};
use trimtab_env::stream;

/// A distribution over the trainings of multilayer perceptrons and transformers. Everything is drawn independently, up to a bound on the work; pairs of
/// numbers are the ends of a range, which whole numbers are drawn from log-uniformly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskDistribution {
    /// Real data, all equally likely.
    pub sources: Vec<Source>,
    /// The share of tasks whose data a random teacher makes instead.
    #[serde(default)]
    pub synthetic: f64,
    /// Training rows, as far as the data have so many.
    pub train_rows: (usize, usize),
    /// Validation rows; test rows are as many. Small data sets give a fifth of theirs.
    pub validation_rows: usize,
    /// Hidden layers.
    pub layers: (usize, usize),
    /// Their width.
    pub width: (usize, usize),
    /// Nonlinearities.
    pub activations: Vec<Activation>,
    /// Optimisers.
    pub optimizers: Vec<OptimizerConfig>,
    /// Half of the tasks have noisy labels: a share up to this.
    #[serde(default)]
    pub label_noise: f64,
    /// The share of tasks with delayed classes: a fifth to four fifths of the data, log-uniformly after 2 to 30 passes.
    #[serde(default)]
    pub delayed_classes: f64,
    /// The share of tasks with intermittent label noise: 70 to 100 % of the labels, for a fifth to a half of the time, with
    /// log-uniformly 3 to 30 passes from one beginning to the next.
    #[serde(default)]
    pub intermittent_label_noise: f64,
    /// The share of tasks that are fine-tuned, after 20 to 100 passes over all but 3 to 30 % of the rows, both
    /// log-uniform.
    #[serde(default)]
    pub pretraining: f64,
    /// A quarter of the classification tasks have rare classes: with a ratio down to this.
    #[serde(default = "one")]
    pub imbalance: f64,
    /// Features of teachers, which are columns or, with levels, categories.
    #[serde(default = "usual_features")]
    pub features: (usize, usize),
    /// The share of teachers whose features are categories, of 2 to 16 levels: rows are mostly zeros.
    #[serde(default)]
    pub categories: f64,
    /// The share of regressions of teachers that have a heavy tail: with a [skew](Teacher::skew) of 0.3 to 1.5.
    #[serde(default)]
    pub tails: f64,
    /// Training rows, as drawn, times weights are at most about this, no bound by default: a task with more is drawn again. Real data count
    /// as 64 columns.
    #[serde(default)]
    pub most_work: Option<f64>,
    /// The share of tasks whose network is a transformer; then `layers` are its blocks, and `width`, rounded down to a multiple
    /// of its four heads, the numbers a token.
    #[serde(default)]
    pub transformers: f64,
}

/// Heads of the attention of a transformer that is drawn.
const HEADS: usize = 4;

/// Columns that real data count as; most have fewer.
const COLUMNS: usize = 64;
/// Draws of a task before it is given up.
const ATTEMPTS: usize = 1000;

fn one() -> f64 {
    1.0
}

fn usual_features() -> (usize, usize) {
    (4, 64)
}

/// Real data to draw tasks from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The data.
    pub data: DataConfig,
    /// Average pooling of images, 1 for none.
    #[serde(default = "one_pixel")]
    pub pool: usize,
    /// What is standardised.
    #[serde(default)]
    pub standardise: Standardise,
    /// Side of the patches into which a transformer cuts images; 1 for tables, whose columns are its tokens.
    #[serde(default = "one_pixel")]
    pub patch: usize,
    /// Rows of the data set, which bound validation and test.
    pub rows: usize,
}

fn one_pixel() -> usize {
    1
}

impl TaskDistribution {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first that is out of range.
    pub fn validate(&self) -> Result<()> {
        let fault = |field: &str, value: String, allowed: &str| {
            Err(Error::Config {
                field: format!("distribution.{field}"),
                given: value,
                allowed: allowed.to_owned(),
            })
        };
        let shares = [
            ("synthetic", self.synthetic),
            ("delayed_classes", self.delayed_classes),
            ("intermittent_label_noise", self.intermittent_label_noise),
            ("pretraining", self.pretraining),
            ("label_noise", self.label_noise),
            ("transformers", self.transformers),
            ("categories", self.categories),
            ("tails", self.tails),
        ];
        for (field, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return fault(field, share.to_string(), "a number from 0 to 1");
            }
        }
        if !(self.imbalance > 0.0 && self.imbalance <= 1.0) {
            let allowed = "a number above 0 and at most 1";
            return fault("imbalance", self.imbalance.to_string(), allowed);
        }
        if self.sources.is_empty() && self.synthetic < 1.0 {
            return fault("sources", "[]".to_owned(), "at least 1, or synthetic: 1");
        }
        for (field, (low, high)) in [
            ("train_rows", self.train_rows),
            ("layers", self.layers),
            ("width", self.width),
            ("features", self.features),
        ] {
            if low == 0 || low > high {
                let allowed = "two whole numbers from 1, the smaller one first";
                return fault(field, format!("({low}, {high})"), allowed);
            }
        }
        for (field, (_, high), most) in [
            ("layers", self.layers, 1000),
            ("width", self.width, MOST_UNITS),
        ] {
            check_count(&format!("distribution.{field}"), high, 1..=most)?;
        }
        if self.transformers > 0.0 && self.width.0 < HEADS {
            let allowed = "with transformers, whose heads are four, at least 4";
            return fault("width", format!("{:?}", self.width), allowed);
        }
        for (field, empty) in [
            ("activations", self.activations.is_empty()),
            ("optimizers", self.optimizers.is_empty()),
        ] {
            if empty {
                return fault(field, "[]".to_owned(), "at least 1");
            }
        }
        if let Some(most) = self.most_work.filter(|most| most.is_nan() || *most <= 0.0) {
            let allowed = "a number above 0, or None for no bound";
            return fault("most_work", most.to_string(), allowed);
        }
        if self.validation_rows == 0 {
            return fault("validation_rows", "0".to_owned(), "at least 1");
        }
        Ok(())
    }

    /// The first `count` tasks that follow from `seed`.
    ///
    /// # Errors
    /// As [`TaskDistribution::validate`].
    pub fn draw(&self, seed: u64, count: usize) -> Result<Vec<TaskConfig>> {
        self.validate()?;
        (0..count).map(|index| self.task(seed, index)).collect()
    }

    /// A task within the bounds, or the first after so many others that were not.
    fn task(&self, seed: u64, index: usize) -> Result<TaskConfig> {
        let mut rng = stream(seed, "task", index as u64);
        for _ in 0..ATTEMPTS {
            let task = self.any_task(index, &mut rng);
            let possible = match &task.data {
                DataConfig::Teacher(teacher) => teacher.validate().is_ok(),
                _ => true,
            };
            if possible && self.most_work.is_none_or(|most| work(&task) <= most) {
                return Ok(task);
            }
        }
        let most = self
            .most_work
            .map_or("None".to_owned(), |most| most.to_string());
        Err(Error::Config {
            field: "distribution.most_work".to_owned(),
            given: most,
            allowed: format!(
                "more, or smaller ranges of train_rows, features, layers and width: of {ATTEMPTS} tasks that were drawn none is within it, or has \
                 data of at most 100 million numbers"
            ),
        })
    }

    fn any_task(&self, index: usize, rng: &mut ChaCha8Rng) -> TaskConfig {
        let train_rows = whole(self.train_rows, rng);
        let real = rng.random::<f64>() >= self.synthetic;
        let source = if real {
            pick(&self.sources, rng).clone()
        } else {
            let teacher = teacher(train_rows + 2 * self.validation_rows, self.features, rng);
            Source {
                pool: 1,
                standardise: Standardise::PerFeature,
                patch: 1,
                rows: teacher.rows,
                data: DataConfig::Teacher(teacher),
            }
        };
        let imbalance = if rng.random::<f64>() < 0.25 {
            self.imbalance.powf(rng.random::<f64>())
        } else {
            1.0
        };
        let label_noise = if rng.random::<f64>() < 0.5 {
            self.label_noise * rng.random::<f64>()
        } else {
            0.0
        };
        let part = |rows: usize| {
            // Rare classes leave fewer rows, nobody knows exactly how many: fractions fit any number.
            if 5 * rows > source.rows || imbalance < 1.0 {
                Share::Fraction(0.2)
            } else {
                Share::Rows(rows)
            }
        };
        let split = SplitConfig {
            validation: part(self.validation_rows),
            test: part(self.validation_rows),
            max_train: Some(train_rows),
            standardise: source.standardise,
            seed: rng.random(),
        };
        let layers = whole(self.layers, rng);
        let width = whole(self.width, rng);
        let model = ModelConfig::Mlp {
            hidden: vec![width; layers],
            activation: *pick(&self.activations, rng),
        };
        let optimizer = *pick(&self.optimizers, rng);
        let mut task = TaskConfig {
            name: Some(format!("task {index}")),
            pool: source.pool,
            split,
            label_noise,
            imbalance,
            validation_rows: Some(self.validation_rows),
            ..TaskConfig::new(source.data, model, optimizer)
        };
        // Last, so that these shares change nothing else of the tasks.
        task.delayed_classes =
            (rng.random::<f64>() < self.delayed_classes).then(|| DelayedClasses {
                share: 0.2 + 0.6 * rng.random::<f64>(),
                after: 2.0 * 15f64.powf(rng.random::<f64>()),
            });
        task.intermittent_label_noise =
            (rng.random::<f64>() < self.intermittent_label_noise).then(|| {
                let every = 3.0 * 10f64.powf(rng.random::<f64>());
                IntermittentLabelNoise {
                    share: 0.7 + 0.3 * rng.random::<f64>(),
                    every,
                    lasting: every * (0.2 + 0.3 * rng.random::<f64>()),
                }
            });
        if rng.random::<f64>() < self.transformers {
            task.model = ModelConfig::Transformer(TransformerConfig {
                width: width - width % HEADS,
                heads: HEADS,
                blocks: layers,
                patch: source.patch,
            });
        }
        task.pretraining = (rng.random::<f64>() < self.pretraining).then(|| Pretraining {
            unseen: 0.03 * 10f64.powf(rng.random::<f64>()),
            passes: 20.0 * 5f64.powf(rng.random::<f64>()),
        });
        if let DataConfig::Teacher(teacher) = &mut task.data {
            if rng.random::<f64>() < self.categories {
                teacher.levels = whole((2, 16), rng);
            }
            if rng.random::<f64>() < self.tails {
                teacher.skew = 0.3 + 1.2 * rng.random::<f64>();
            }
        }
        task
    }
}

/// Training rows times weights, about.
fn work(task: &TaskConfig) -> f64 {
    let columns = match &task.data {
        DataConfig::Teacher(teacher) => teacher.columns(),
        _ => COLUMNS,
    };
    let weights = match &task.model {
        ModelConfig::Mlp { hidden, .. } => {
            let layers = std::iter::once(&columns).chain(hidden).zip(hidden);
            layers
                .map(|(inputs, outputs)| (inputs * outputs) as f64)
                .sum()
        }
        // Four square matrices for attention, and eight for the two layers after it.
        ModelConfig::Transformer(transformer) => {
            (12 * transformer.blocks * transformer.width.pow(2)) as f64
        }
        _ => 0.0,
    };
    task.split.max_train.unwrap_or_default() as f64 * weights
}

/// A teacher of any of many shapes: a regression or 2 to 16 classes, none to two hidden layers.
fn teacher(rows: usize, features: (usize, usize), rng: &mut ChaCha8Rng) -> Teacher {
    let classes = if rng.random::<f64>() < 0.3 {
        1
    } else {
        whole((2, 16), rng)
    };
    let layers = rng.random_range(0..3usize);
    let width = whole((4, 32), rng);
    Teacher {
        rows,
        features: whole(features, rng),
        classes,
        hidden: vec![width; layers],
        gain: 0.5 + 3.0 * rng.random::<f64>(),
        spectrum: 2.0 * rng.random::<f64>(),
        centres: if rng.random::<f64>() < 0.5 {
            1
        } else {
            whole((2, 30), rng)
        },
        // Not all data are noisy: with some, a loss can vanish.
        noise: if rng.random::<f64>() < 0.4 {
            0.0
        } else {
            0.5 * rng.random::<f64>()
        },
        levels: 0,
        skew: 0.0,
        seed: rng.random(),
    }
}

/// A whole number whose logarithm is about uniform from `low` to `high`, both included.
fn whole((low, high): (usize, usize), rng: &mut ChaCha8Rng) -> usize {
    let (from, to) = (low as f64 - 0.5, high as f64 + 0.5);
    let number = (from.ln() + (to / from).ln() * rng.random::<f64>()).exp();
    (number.round() as usize).clamp(low, high)
}

fn pick<'a, T>(items: &'a [T], rng: &mut ChaCha8Rng) -> &'a T {
    &items[rng.random_range(0..items.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Embedded;
    use burn::tensor::Device;
    use trimtab_env::CostModel;

    fn distribution() -> TaskDistribution {
        TaskDistribution {
            sources: vec![
                Source {
                    data: DataConfig::Embedded(Embedded::Digits),
                    pool: 1,
                    standardise: Standardise::Global,
                    patch: 4,
                    rows: 1797,
                },
                Source {
                    data: DataConfig::Embedded(Embedded::WineQuality),
                    pool: 1,
                    standardise: Standardise::PerFeature,
                    patch: 1,
                    rows: 1599,
                },
            ],
            synthetic: 0.5,
            train_rows: (100, 600),
            validation_rows: 100,
            layers: (1, 3),
            width: (8, 64),
            activations: vec![Activation::Relu, Activation::Tanh],
            optimizers: vec![OptimizerConfig::sgd(), OptimizerConfig::adam()],
            label_noise: 0.3,
            delayed_classes: 0.3,
            intermittent_label_noise: 0.3,
            pretraining: 0.3,
            imbalance: 0.1,
            features: (4, 64),
            categories: 0.0,
            tails: 0.0,
            most_work: None,
            transformers: 0.2,
        }
    }

    /// Every task that is drawn can be trained.
    #[test]
    fn tasks_are_many_and_possible() {
        let tasks = distribution().draw(1, 60).unwrap();
        let mut shapes = std::collections::BTreeSet::new();
        for task in &tasks {
            let prepared = task.prepare().unwrap();
            let trainee = prepared
                .trainee(CostModel::default(), &Device::flex())
                .unwrap();
            let spec = trainee.spec();
            assert!((60..=600).contains(&spec.train_examples), "{spec:?}");
            shapes.insert((spec.parameters, spec.train_examples));
        }
        assert!(shapes.len() > 50, "{}", shapes.len());
        let synthetic = tasks
            .iter()
            .filter(|t| matches!(t.data, DataConfig::Teacher(_)));
        assert!((15..45).contains(&synthetic.count()));
        assert!(tasks.iter().any(|task| task.label_noise > 0.0));
        assert!(tasks.iter().any(|task| task.imbalance < 1.0));
        assert!(tasks.iter().any(|task| task.delayed_classes.is_some()));
        assert!(
            tasks
                .iter()
                .any(|task| task.intermittent_label_noise.is_some())
        );
        assert!(tasks.iter().any(|task| task.pretraining.is_some()));
        let transformers = tasks
            .iter()
            .filter(|task| matches!(task.model, ModelConfig::Transformer(_)));
        assert!((4..25).contains(&transformers.count()));
    }

    #[test]
    fn a_task_depends_on_its_number_and_the_seed_alone() {
        let all = distribution().draw(1, 20).unwrap();
        assert_eq!(distribution().draw(1, 5).unwrap(), all[..5]);
        assert_ne!(distribution().draw(2, 5).unwrap(), all[..5]);
    }

    #[test]
    fn a_bound_on_the_work_keeps_every_shape_but_not_with_all_others() {
        let bounded = TaskDistribution {
            train_rows: (100, 50_000),
            width: (8, 2048),
            features: (4, 1000),
            categories: 0.3,
            tails: 0.5,
            most_work: Some(2e8),
            transformers: 0.0,
            ..distribution()
        };
        let tasks = bounded.draw(1, 300).unwrap();
        assert!(tasks.iter().all(|task| work(task) <= 2e8));
        let rows = |task: &&TaskConfig| task.split.max_train.unwrap() > 10_000;
        assert!(tasks.iter().filter(rows).count() > 20);
        let width = |task: &&TaskConfig| matches!(&task.model, ModelConfig::Mlp { hidden, .. } if hidden[0] > 512);
        assert!(tasks.iter().filter(width).count() > 10);
        let teachers = tasks.iter().filter_map(|task| match &task.data {
            DataConfig::Teacher(teacher) => Some(teacher),
            _ => None,
        });
        let teachers: Vec<_> = teachers.collect();
        let share = |of: fn(&Teacher) -> bool| {
            let count = teachers.iter().filter(|teacher| of(teacher)).count();
            count as f64 / teachers.len() as f64
        };
        // Those with many columns are dearer, so that fewer are left.
        let categories = share(|teacher| teacher.levels > 1);
        assert!((0.1..0.35).contains(&categories), "{categories}");
        let tails = share(|teacher| teacher.skew > 0.0);
        assert!((0.4..0.6).contains(&tails), "{tails}");
        assert!(share(|teacher| teacher.columns() > 200) > 0.1);
    }

    #[test]
    fn a_bound_that_no_task_reaches_changes_none() {
        let bounded = TaskDistribution {
            most_work: Some(1e30),
            ..distribution()
        };
        let drawn = bounded.draw(1, 20).unwrap();
        assert_eq!(drawn, distribution().draw(1, 20).unwrap());
    }

    #[test]
    fn impossible_distributions_are_named() {
        let refused = |change: fn(&mut TaskDistribution), field: &str| {
            let mut distribution = distribution();
            change(&mut distribution);
            let message = distribution.draw(1, 1).unwrap_err().to_string();
            assert!(message.contains(field), "{message}");
        };
        refused(|d| d.sources.clear(), "sources");
        refused(|d| d.width = (8, 4), "width");
        refused(|d| d.optimizers.clear(), "optimizers");
        refused(|d| d.imbalance = 0.0, "imbalance");
        refused(|d| d.synthetic = f64::NAN, "synthetic");
        refused(|d| d.width = (3, 4), "width");
        refused(|d| d.features = (0, 4), "features");
        refused(|d| d.categories = 2.0, "categories");
        refused(|d| d.tails = -1.0, "tails");
        refused(|d| d.most_work = Some(f64::NAN), "most_work");
        refused(|d| d.most_work = Some(1.0), "most_work");
        refused(
            |d| (d.synthetic, d.features) = (1.0, (50_000, 60_000)),
            "features",
        );
    }
}

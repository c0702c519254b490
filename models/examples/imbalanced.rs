//! Two classes of which one is rare, 1 to 50: plain cross-entropy, class weights and focal loss, five seeds each.
//!
//! ```text
//! cargo run --release -p trimtab-models --example imbalanced
//! ```

use burn::tensor::{Device, Tensor, TensorData};
use std::ops::ControlFlow;
use trimtab_env::metrics::{Metric, Predictions};
use trimtab_models::data::{Dataset, Embedded, SplitConfig, Targets, split, with_imbalance};
use trimtab_models::mlp::Activation;
use trimtab_models::tasks::config::PreparedTask;
use trimtab_models::tasks::custom::Extensions;
use trimtab_models::{DataConfig, ModelConfig, OptimizerConfig, TaskConfig, TrainConfig};

/// Rows of the first class for one of the second.
const TO_ONE: f64 = 50.0;
const SEEDS: u64 = 5;
const LOSSES: [&str; 6] = [
    "CrossEntropy()",
    "CrossEntropy(class_weights: Balanced)",
    "Focal(gamma: 2)",
    "Focal(gamma: 2, alpha: Second(0.25))",
    "Focal(gamma: 2, alpha: Second(0.75))",
    "Focal(gamma: 2, alpha: Balanced)",
];

/// A table with two classes, of which the second has one row for every fifty of the first.
fn rare(data: &Dataset, second: &str, seed: u64) -> Result<Dataset, Box<dyn std::error::Error>> {
    let Targets::Classes { labels, names } = &data.targets else {
        return Err("the data have no classes".into());
    };
    let is_second = |label: &u32| u32::from(names[*label as usize] == second);
    let labels: Vec<u32> = labels.iter().map(is_second).collect();
    let of_second = labels.iter().sum::<u32>() as f64;
    let of_first = labels.len() as f64 - of_second;
    let targets = Targets::Classes {
        labels,
        names: vec!["other".to_owned(), second.to_owned()],
    };
    let two = Dataset {
        targets,
        ..data.clone()
    };
    Ok(with_imbalance(&two, of_first / of_second / TO_ONE, seed)?)
}

/// Average precision and balanced accuracy on the test rows after a training under the servo.
fn figures(task: &PreparedTask, seed: u64) -> Result<[f64; 2], Box<dyn std::error::Error>> {
    let config = TrainConfig {
        seed,
        epochs: 20.0,
        ..TrainConfig::default()
    };
    let device = Device::flex();
    let trained = task.train(&config, 0, &device, &mut |_| ControlFlow::Continue(()))?;
    let any = task.task()?;
    let model = any.model_with(&trained.weights, &device)?;
    let test = &task.split().test;
    let inputs = TensorData::new(test.inputs.clone(), [test.rows(), test.features]);
    let outputs: Vec<f32> = model(Tensor::from_data(inputs, &device))
        .into_data()
        .iter()
        .collect();
    let second = outputs
        .chunks(2)
        .map(|z| 1.0 / (1.0 + f64::from(z[0] - z[1]).exp()));
    let probabilities: Vec<f64> = second.flat_map(|p| [1.0 - p, p]).collect();
    let Targets::Classes { labels, .. } = &test.targets else {
        return Err("the data have no classes".into());
    };
    let truth: Vec<usize> = labels.iter().map(|label| *label as usize).collect();
    let predictions = Predictions::Classes {
        truth: &truth,
        probabilities: &probabilities,
        classes: 2,
    };
    Ok([
        Metric::AveragePrecision.evaluate(&predictions)?,
        Metric::BalancedAccuracy.evaluate(&predictions)?,
    ])
}

/// Mean and standard deviation.
fn spread(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let squares: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (source, second) in [(Embedded::Magic, "hadron"), (Embedded::Letter, "H")] {
        let all = source.load()?;
        println!(
            "| {} | average precision | balanced accuracy |\n|---|---|---|",
            all.name
        );
        for loss in LOSSES {
            let model = ModelConfig::Mlp {
                hidden: vec![64, 64],
                activation: Activation::Relu,
            };
            let config = TaskConfig {
                loss: Some(ron::from_str(loss)?),
                ..TaskConfig::new(DataConfig::Embedded(source), model, OptimizerConfig::adam())
            };
            let mut all_figures = [Vec::new(), Vec::new()];
            for seed in 0..SEEDS {
                // Every seed has rows, a split and weights of its own, the same for all losses.
                let options = SplitConfig {
                    seed,
                    ..SplitConfig::default()
                };
                let data = split(&rare(&all, second, seed)?, &options)?;
                let task = config.with_split(data, &Extensions::default());
                for (all, figure) in all_figures.iter_mut().zip(figures(&task, seed)?) {
                    all.push(figure);
                }
            }
            let [precision, accuracy] = all_figures.map(|all| {
                let (mean, deviation) = spread(&all);
                format!("{mean:.3} ± {deviation:.3}")
            });
            println!("| `{loss}` | {precision} | {accuracy} |");
        }
    }
    Ok(())
}

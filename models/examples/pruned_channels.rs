//! What pruning saves and what it costs: the time of an update with a quarter, a half and three quarters fewer units or channels, and a
//! convolution that loses 16 of its 64 channels while 0.89 million weights become 0.67 million.
//!
//! ```text
//! cargo run --release -p trimtab-models --example pruned_channels
//! ```

use burn::tensor::Device;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;
use trimtab_env::settings::PRUNE;
use trimtab_env::{CostModel, Settings, Trainee, UpdateTime};
use trimtab_models::data::{Embedded, SplitConfig, split};
use trimtab_models::training::pruning::Measure;
use trimtab_models::{CnnTask, OptimizerConfig, Pruning, TaskTrainee, TraineeConfig};
use trimtab_program::{Activation, Adam, Cnn, Mlp, Program, loss};

const BATCH: usize = 64;
/// Timings of each network, in turns; the shortest counts, which other work on the machine disturbs the least.
const ROUNDS: usize = 200;
/// Passes over the training rows before channels leave, and after.
const PASSES: (usize, usize) = (4, 2);

/// A network with what an update needs.
struct Timed {
    program: Box<dyn Program>,
    weights: Vec<f32>,
    adam: Adam,
    seconds: Vec<f64>,
}

impl Timed {
    fn new(program: Box<dyn Program>) -> Self {
        let number = |i: usize| ((i * 7919) % 1009) as f32 / 1009.0 - 0.5;
        Self {
            weights: (0..program.weights()).map(|i| 0.1 * number(i)).collect(),
            program,
            adam: Adam::new(0.9, 0.999, 1e-8),
            seconds: Vec::new(),
        }
    }

    /// One update, whose time is noted.
    fn run(&mut self, inputs: &[f32], labels: &[u32]) {
        let mut gradient = vec![0.0; self.weights.len()];
        let mut slopes = Vec::new();
        let start = Instant::now();
        let outputs = self.program.forward(&self.weights, inputs);
        loss::cross_entropy(outputs, labels, &mut slopes);
        (self.program).backward(&self.weights, inputs, &slopes, &mut gradient);
        self.adam.step(1e-4, &mut self.weights, &gradient);
        self.seconds.push(start.elapsed().as_secs_f64());
    }

    fn shortest(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// A row of the table of update times, relative to that of the whole network. The networks take turns.
fn times(name: &str, inputs: usize, make: impl Fn(f64) -> Box<dyn Program>) {
    let shares = [1.0, 0.75, 0.5, 0.25];
    let mut all = shares.map(|share| Timed::new(make(share)));
    let x: Vec<f32> = (0..BATCH * inputs)
        .map(|i| ((i * 31) % 97) as f32 / 97.0)
        .collect();
    let labels: Vec<u32> = (0..BATCH as u32).map(|row| row % 10).collect();
    for _ in 0..ROUNDS {
        for network in &mut all {
            network.run(&x, &labels);
        }
    }
    let shortest = all.each_ref().map(Timed::shortest);
    let ratios = shortest.map(|seconds| format!("{:.2}", seconds / shortest[0]));
    println!(
        "| {name} | {:.2} ms | {} | {} | {} |",
        1e3 * shortest[0],
        ratios[1],
        ratios[2],
        ratios[3]
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "| an update of {BATCH} examples | whole | 25 % fewer | 50 % fewer | 75 % fewer |\n|---|---|---|---|---|"
    );
    let of = |count: usize, share: f64| (count as f64 * share) as usize;
    times("MLP 64-256-256-10", 64, |share| {
        let width = of(256, share);
        Box::new(Mlp::new(&[64, width, width, 10], Activation::Relu))
    });
    times("MLP 64-64-64-10", 64, |share| {
        let width = of(64, share);
        Box::new(Mlp::new(&[64, width, width, 10], Activation::Relu))
    });
    times("CNN 8x8, 64-64 channels", 64, |share| {
        let channels = of(64, share);
        Box::new(Cnn::new([1, 8, 8], &[channels, channels], 10))
    });

    let data = split(&*Embedded::Digits.load()?, &SplitConfig::default())?;
    let task = CnnTask::new("digits", Arc::new(data), &[760, 64, 760]);
    let per_example = UpdateTime {
        per_update: 0.0,
        per_example: 1.0,
        per_evaluation: 0.0,
    };
    let config = TraineeConfig {
        optimizer: OptimizerConfig::adam(),
        gradient_samples: 0,
        pruning: Some(Pruning {
            of: Measure::Units,
            layers: vec![1],
            ..Pruning::to(0.25)
        }),
        cost: CostModel::Modelled(per_example),
        ..TraineeConfig::default()
    };
    let mut trainee = TaskTrainee::new(task, config, &Device::flex())?;
    let pass = trainee.spec().train_examples as f64;
    let settings = Settings::new(1e-3, BATCH);
    println!("\n| | channels | weights | test accuracy | test loss |\n|---|---|---|---|---|");
    trainee.start(0)?;
    let row = |what: &str, trainee: &mut TaskTrainee<CnnTask>| -> Result<(), Box<dyn Error>> {
        let test = trainee.test()?;
        let pruned = trainee.pruned().ok_or("the training has begun")?;
        println!(
            "| {what} | {:?} | {:.2} million | {:.3} | {:.3} |",
            pruned.units,
            1e-6 * pruned.weights as f64,
            test.metrics["accuracy"],
            test.loss
        );
        Ok(())
    };
    let start = Instant::now();
    trainee.advance(&settings, PASSES.0 as f64 * pass)?;
    let before = start.elapsed().as_secs_f64() / PASSES.0 as f64;
    row(&format!("after {} passes", PASSES.0), &mut trainee)?;
    // An update at a rate of 0 changes nothing but the network.
    let still = Settings::new(0.0, BATCH).with(PRUNE, 1.0);
    trainee.advance(&still, 0.0)?;
    row("16 channels fewer", &mut trainee)?;
    let examples = trainee.advance(&settings, 0.0)?.examples;
    assert_eq!(examples as usize, BATCH);
    let start = Instant::now();
    let report = trainee.advance(&settings, PASSES.1 as f64 * pass)?;
    let after = start.elapsed().as_secs_f64() / report.examples as f64 * pass;
    row(
        &format!("after {} passes more", report.examples / pass as u64),
        &mut trainee,
    )?;
    println!("\ntime of a pass: {:.2} of what it was", after / before);
    Ok(())
}

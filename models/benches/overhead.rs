//! What it costs to train through [`TaskTrainee`] rather than in a plain burn loop.
//!
//! Both sides make the same updates on the same batches and evaluate the validation split after every segment; they end
//! at the same weights, which is checked. They take turns, and what is printed is the median of the ratios of
//! neighbouring times, which a machine that is busy with other things disturbs least.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor};
use std::sync::Arc;
use std::time::Instant;
use trimtab_env::{Settings, Trainee, UpdateTime, stream};
use trimtab_models::cnn::CnnTask;
use trimtab_models::data::{Embedded, Split, SplitConfig, pool, split};
use trimtab_models::mlp::{Activation, MlpTask};
use trimtab_models::sampler::EpochSampler;
use trimtab_models::weights::flat_weights;
use trimtab_models::{Batch, OptimizerConfig, TargetBatch, Task, TaskTrainee, TraineeConfig};

/// Segments a measurement and updates a segment: 96 updates.
const SEGMENTS: usize = 8;
const UPDATES: usize = 12;
const PAIRS: usize = 40;
const LEARNING_RATE: f64 = 0.01;
const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let digits = Arc::new(split(&*Embedded::Digits.load()?, &SplitConfig::default())?);
    let clothes = pool(&*Embedded::FashionMnist.load()?, 2)?;
    let clothes = Arc::new(split(&clothes, &SplitConfig::default())?);
    println!("time of TaskTrainee / time of a plain burn loop, median of {PAIRS} pairs");
    for batch_size in [16, 64] {
        for samples in [8, 0] {
            let task = MlpTask::new("mlp", Arc::clone(&digits), &[64, 64], Activation::Relu);
            compare("digits, mlp 64-64", task, &digits, batch_size, samples)?;
        }
    }
    for samples in [8, 0] {
        let task = CnnTask::new("cnn", Arc::clone(&clothes), &[8, 16]);
        compare("fashion-mnist 14x14, cnn 8-16", task, &clothes, 64, samples)?;
    }
    Ok(())
}

/// Prints the median ratio of one task. `samples` updates a segment are looked at for gradient statistics.
fn compare<T: Task + Clone>(
    what: &str,
    task: T,
    data: &Split,
    batch_size: usize,
    samples: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    let config = TraineeConfig {
        gradient_samples: samples,
        ..Default::default()
    };
    let mut trainee = TaskTrainee::new(task.clone(), config, &Device::flex())?;
    let (mut ratios, mut plain_times) = (Vec::new(), Vec::new());
    // The first pair warms up.
    for pair in 0..=PAIRS {
        let (steered, steered_weights) = steered(&mut trainee, data, batch_size)?;
        let (plain, plain_weights) = plain(&task, batch_size)?;
        assert_eq!(steered_weights, plain_weights, "not the same training");
        if pair > 0 {
            ratios.push(steered / plain);
            plain_times.push(plain);
        }
    }
    println!(
        "{what}, batch {batch_size}, {samples} gradient samples: {:.3} (quartiles {:.3} to {:.3}; plain {:.0} us an update)",
        quantile(&mut ratios, 0.5),
        quantile(&mut ratios, 0.25),
        quantile(&mut ratios, 0.75),
        1e6 * quantile(&mut plain_times, 0.5) / (SEGMENTS * UPDATES) as f64,
    );
    Ok(())
}

fn quantile(values: &mut [f64], at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * at).round() as usize]
}

/// Seconds of the segments of a trainee, and the weights after them.
fn steered<T: Task>(
    trainee: &mut TaskTrainee<T>,
    data: &Split,
    batch_size: usize,
) -> Result<(f64, Vec<f32>), Box<dyn std::error::Error>> {
    trainee.start(SEED)?;
    let time = UpdateTime::default();
    let budget = UPDATES as f64 * time.update(batch_size) + time.evaluation(data.validation.rows());
    let settings = Settings::new(LEARNING_RATE, batch_size);
    let clock = Instant::now();
    for _ in 0..SEGMENTS {
        trainee.advance(&settings, budget)?;
    }
    let seconds = clock.elapsed().as_secs_f64();
    let mut weights = Vec::new();
    if let Some(model) = trainee.model() {
        flat_weights(&model, &mut weights);
    }
    Ok((seconds, weights))
}

/// The same as one would write it by hand, without statistics, budgets or reports.
fn plain<T: Task>(
    task: &T,
    batch_size: usize,
) -> Result<(f64, Vec<f32>), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    let data = task.split();
    let mut model = task.initialise(task.model(&device), &mut stream(SEED, "weights", 0));
    let mut optimizer = OptimizerConfig::sgd().init()?;
    let mut sampler = EpochSampler::new(data.train.rows(), stream(SEED, "sampler", 0));
    let all: Vec<u32> = (0..data.validation.rows() as u32).collect();
    let validation = Batch::gather(&data.validation, &all, &device.clone().inner());
    let mut rows = Vec::new();
    let mut history = Vec::new();
    let clock = Instant::now();
    for _ in 0..SEGMENTS {
        for _ in 0..UPDATES {
            sampler.draw(batch_size, &mut rows);
            let batch = Batch::gather(&data.train, &rows, &device);
            let loss = task.loss(task.forward(&model, batch.inputs), &batch.targets);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            history.push(loss.into_scalar::<f32>());
            model = optimizer.step(LEARNING_RATE, model, gradients);
        }
        let outputs = task.forward(&model.valid(), validation.inputs.clone());
        history.push(
            task.loss(outputs.clone(), &validation.targets)
                .into_scalar::<f32>(),
        );
        if let TargetBatch::Classes(labels) = &validation.targets {
            let best: Tensor<1, Int> = outputs.argmax(1).flatten(0, 1);
            history.push(best.equal(labels.clone()).int().sum().into_scalar::<i32>() as f32);
        }
    }
    let seconds = clock.elapsed().as_secs_f64();
    std::hint::black_box(history);
    let mut weights = Vec::new();
    flat_weights(&model, &mut weights);
    Ok((seconds, weights))
}

//! What it costs to train through [`TaskTrainee`], or with a [`Tuner`], rather than in a plain burn loop.
//!
//! Both sides make the same updates on the same batches, by burn's autodiff, and evaluate the validation split after every segment. With a
//! trainee they end at the same weights, which is checked; a tuner also decays and averages the weights, and makes one
//! update more, that of the start probe. They take turns, and what is printed is the median of the ratios of
//! neighbouring times, which a machine that is busy with other things disturbs least. Of a tuner it also prints the share of time that is
//! spent in its calls, beyond that in the calls of the optimiser, which is far steadier. Words after `--` choose the rows
//! that have one of them: `cargo bench -p trimtab-models --bench overhead -- tuner`.

mod differentiated;
mod rows;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor};
use differentiated::Differentiated;
use rows::{is_wanted, quantile};
use std::sync::Arc;
use std::time::Instant;
use trimtab_env::servo::context_servo::{ContextServo, Terms};
use trimtab_env::{Settings, Trainee, UpdateTime, stream};
use trimtab_models::MlpTask;
use trimtab_models::data::{Embedded, Split, SplitConfig, pool, split};
use trimtab_models::mlp::Activation;
use trimtab_models::tasks::cnn::CnnTask;
use trimtab_models::training::sampler::EpochSampler;
use trimtab_models::weights::flat_state;
use trimtab_models::{
    Batch, Optimizer, OptimizerConfig, TargetBatch, Task, TaskTrainee, TraineeConfig, Training,
    Tuner,
};

/// Segments a measurement and updates a segment: 96 updates.
const SEGMENTS: usize = 8;
const UPDATES: usize = 12;
const PAIRS: usize = 40;
/// Pairs with a tuner, and with a CNN, which take longer.
const TUNER_PAIRS: usize = 20;
const CNN_PAIRS: usize = 10;
const BATCH_SIZE: usize = 64;
const LEARNING_RATE: f64 = 0.01;
const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let digits = Arc::new(split(&*Embedded::Digits.load()?, &SplitConfig::default())?);
    let clothes = pool(&*Embedded::FashionMnist.load()?, 2)?;
    let clothes = Arc::new(split(&clothes, &SplitConfig::default())?);
    println!("time of a steered loop / time of a plain burn loop, median of pairs");
    for (optimizer, epochs) in [
        (OptimizerConfig::adam(), 20.0),
        (OptimizerConfig::adam(), 100.0),
        (OptimizerConfig::sgd(), 100.0),
    ] {
        let task = MlpTask::new("mlp", Arc::clone(&digits), &[64, 64], Activation::Relu);
        compare_tuner("digits, mlp 64-64", task, optimizer, epochs, TUNER_PAIRS)?;
    }
    let task = CnnTask::new("cnn", Arc::clone(&clothes), &[8, 16]);
    compare_tuner(
        "fashion-mnist 14x14, cnn 8-16",
        task,
        OptimizerConfig::adam(),
        10.0,
        CNN_PAIRS,
    )?;
    for batch_size in [16, 64] {
        for samples in [8, 0] {
            let task = MlpTask::new("mlp", Arc::clone(&digits), &[64, 64], Activation::Relu);
            compare(
                "digits, mlp 64-64",
                task,
                &digits,
                (batch_size, samples),
                PAIRS,
            )?;
        }
    }
    for samples in [8, 0] {
        let task = CnnTask::new("cnn", Arc::clone(&clothes), &[8, 16]);
        compare(
            "fashion-mnist 14x14, cnn 8-16",
            task,
            &clothes,
            (64, samples),
            CNN_PAIRS,
        )?;
    }
    Ok(())
}

/// Prints the median ratio of one task. `samples` updates a segment are looked at for gradient statistics.
fn compare<T: Task + Clone>(
    what: &str,
    task: T,
    data: &Split,
    (batch_size, samples): (usize, u64),
    pairs: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let what = format!("{what}, batch {batch_size}, {samples} gradient samples");
    if !is_wanted(&what) {
        return Ok(());
    }
    let config = TraineeConfig {
        gradient_samples: samples,
        ..Default::default()
    };
    let mut trainee = TaskTrainee::new(Differentiated(task.clone()), config, &Device::flex())?;
    let (mut ratios, mut plain_times) = (Vec::new(), Vec::new());
    // The first pair warms up.
    for pair in 0..=pairs {
        let (steered, steered_weights) = steered(&mut trainee, data, batch_size)?;
        let optimizer = OptimizerConfig::sgd();
        let (plain, _, plain_weights) = plain(&task, optimizer, batch_size, &[UPDATES; SEGMENTS])?;
        assert_eq!(steered_weights, plain_weights, "not the same training");
        if pair > 0 {
            ratios.push(steered / plain);
            plain_times.push(plain);
        }
    }
    print(&what, ratios, plain_times, SEGMENTS * UPDATES);
    Ok(())
}

/// Prints the median ratio of a loop with a [`Tuner`], with batches of 64 throughout.
fn compare_tuner<T: Task>(
    what: &str,
    task: T,
    optimizer: OptimizerConfig,
    epochs: f64,
    pairs: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let what = format!("tuner, {what}, {}, {epochs} epochs", optimizer.name());
    if !is_wanted(&what) {
        return Ok(());
    }
    let (mut ratios, mut plain_times, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    let mut updates = 0;
    for pair in 0..=pairs {
        let (tuned, in_tuner, segments) = tuned(&task, optimizer, epochs)?;
        let (plain, in_optimizer, _) = plain(&task, optimizer, BATCH_SIZE, &segments)?;
        updates = segments.iter().sum();
        if pair > 0 {
            ratios.push(tuned / plain);
            plain_times.push(plain);
            shares.push((in_tuner - in_optimizer) / plain);
        }
    }
    let segments = trimtab_env::Segments::default().count();
    let each = updates as f64 / segments as f64;
    let what = format!("{what}, {segments} segments of {each:.1} updates on average");
    print(&what, ratios, plain_times, updates);
    println!(
        "    in the calls of the tuner, beyond those of the optimiser: {:.1} % (quartiles {:.1} to {:.1})",
        100.0 * quantile(&mut shares, 0.5),
        100.0 * quantile(&mut shares, 0.25),
        100.0 * quantile(&mut shares, 0.75),
    );
    Ok(())
}

fn print(what: &str, mut ratios: Vec<f64>, mut plain_times: Vec<f64>, updates: usize) {
    println!(
        "{what}: {:.3} (quartiles {:.3} to {:.3} of {} pairs; plain {:.0} us an update)",
        quantile(&mut ratios, 0.5),
        quantile(&mut ratios, 0.25),
        quantile(&mut ratios, 0.75),
        ratios.len(),
        1e6 * quantile(&mut plain_times, 0.5) / updates as f64,
    );
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
        flat_state(&model, &mut weights);
    }
    Ok((seconds, weights))
}

/// What both kinds of loop begin with.
struct Start<M> {
    device: Device,
    model: M,
    sampler: EpochSampler,
    validation: Batch,
}

impl<M: Module> Start<M> {
    fn new<T: Task<Model = M>>(task: &T) -> Self {
        let device = Device::flex().autodiff();
        let data = task.split();
        let all: Vec<u32> = (0..data.validation.rows() as u32).collect();
        Self {
            model: task.initialise(task.model(&device), &mut stream(SEED, "weights", 0)),
            sampler: EpochSampler::new(data.train.rows(), stream(SEED, "sampler", 0)),
            validation: Batch::gather(&data.validation, &all, &device.clone().inner()),
            device,
        }
    }
}

/// The loss of a model, and how many classes it has right.
fn validate<T: Task>(task: &T, model: &T::Model, validation: &Batch) -> [f32; 2] {
    let outputs = task.forward(model, validation.inputs.clone());
    let loss = task
        .loss(outputs.clone(), &validation.targets)
        .into_scalar();
    let right = match &validation.targets {
        TargetBatch::Classes(labels) => {
            let best: Tensor<1, Int> = outputs.argmax(1).flatten(0, 1);
            best.equal(labels.clone()).int().sum().into_scalar::<i32>() as f32
        }
        TargetBatch::Values(_) => 0.0,
    };
    [loss, right]
}

/// Seconds of a loop as one would write it by hand, without statistics, budgets or reports, those in its optimiser, and the weights
/// after it.
/// `segments` are updates between validations.
fn plain<T: Task>(
    task: &T,
    optimizer: OptimizerConfig,
    batch_size: usize,
    segments: &[usize],
) -> Result<(f64, f64, Vec<f32>), Box<dyn std::error::Error>> {
    let mut start = Start::new(task);
    let mut model = start.model;
    let mut optimizer = optimizer.init()?;
    let mut rows = Vec::new();
    let mut history = Vec::new();
    let mut in_optimizer = 0.0;
    let clock = Instant::now();
    for updates in segments {
        for _ in 0..*updates {
            start.sampler.draw(batch_size, &mut rows);
            let batch = Batch::gather(&task.split().train, &rows, &start.device);
            let loss = task.loss(task.forward(&model, batch.inputs), &batch.targets);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            history.push(loss.into_scalar::<f32>());
            let step = Instant::now();
            model = optimizer.step(LEARNING_RATE, model, gradients);
            in_optimizer += step.elapsed().as_secs_f64();
        }
        history.extend(validate(task, &model.valid(), &start.validation));
    }
    let seconds = clock.elapsed().as_secs_f64();
    std::hint::black_box(history);
    let mut weights = Vec::new();
    flat_state(&model, &mut weights);
    Ok((seconds, in_optimizer, weights))
}

/// Seconds of the same loop with a tuner in it, those in the tuner, and the updates between its validations.
fn tuned<T: Task>(
    task: &T,
    optimizer: OptimizerConfig,
    epochs: f64,
) -> Result<(f64, f64, Vec<usize>), Box<dyn std::error::Error>> {
    let mut start = Start::new(task);
    let mut model = start.model;
    let Optimizer::Burn(burns) = optimizer.init()? else {
        return Err("a tuner takes burn's optimisers".into());
    };
    let training = Training {
        examples: task.split().train.rows(),
        validation_examples: task.split().validation.rows(),
        epochs,
        adaptive: optimizer.is_adaptive(),
        learning_rate: LEARNING_RATE,
    };
    let servo = ContextServo {
        batch: Terms {
            base: (BATCH_SIZE as f64).log2(),
            ..Terms::default()
        },
        batch_growth: 0.0,
        ..ContextServo::default()
    };
    let mut rows = Vec::new();
    let mut history = Vec::new();
    let mut in_tuner = 0.0;
    let clock = Instant::now();
    let mut tuner = Tuner::with_servo(&model, burns, training, servo)?;
    while !tuner.is_over() {
        start.sampler.draw(tuner.batch_size(), &mut rows);
        let batch = Batch::gather(&task.split().train, &rows, &start.device);
        let loss = task.loss(task.forward(&model, batch.inputs), &batch.targets);
        let value = loss.clone().into_scalar();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let call = Instant::now();
        model = tuner.step(model, gradients, value);
        in_tuner += call.elapsed().as_secs_f64();
        if tuner.wants_validation() {
            let call = Instant::now();
            let averaged = tuner.averaged(&model);
            in_tuner += call.elapsed().as_secs_f64();
            let validation = validate(task, &averaged.valid(), &start.validation);
            history.extend(validation);
            let call = Instant::now();
            model = tuner.validated(model, validation[0].into());
            in_tuner += call.elapsed().as_secs_f64();
        }
    }
    let seconds = clock.elapsed().as_secs_f64();
    std::hint::black_box(history);
    let segments = tuner.segments().iter();
    let updates = segments.map(|segment| segment.report.updates as usize);
    Ok((seconds, in_tuner, updates.collect()))
}

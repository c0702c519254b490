//! Trains a network on the digits in a loop with a [`Tuner`], and prints what it was told and what it decided, as a line of JSON for each
//! training. The tests of the Python package tell the same and compare what is decided, bit for bit.
//!
//! ```text
//! cargo run --release -p trimtab-experiments --example tuner_trace
//! ```

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::Device;
use serde_json::json;
use std::sync::Arc;
use trimtab_env::stream;
use trimtab_models::data::{Embedded, SplitConfig, split};
use trimtab_models::mlp::Activation;
use trimtab_models::training::sampler::EpochSampler;
use trimtab_models::weights::size;
use trimtab_models::{Batch, MlpTask, Task, Training, Tuner};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let adam = || AdamConfig::new().with_epsilon(1e-8).init();
    let good = |_: usize, loss: f64| loss;
    train(adam(), true, 1e-3, good)?;
    train(SgdConfig::new().init(), false, 30.0, good)?;
    // Losses that are not finite, or far above the first, and a long time without progress, after which the best weights come back.
    train(adam(), true, 1e-2, |validation, loss| match validation {
        4 => f64::NAN,
        7 => 1e3,
        12.. => loss + 0.02 * validation as f64,
        _ => loss,
    })
}

/// One training, of whose validation losses the tuner is told what `spoil` makes of them.
fn train(
    optimizer: ModuleOptimizer,
    adaptive: bool,
    learning_rate: f64,
    spoil: impl Fn(usize, f64) -> f64,
) -> Result<()> {
    let data = Arc::new(split(&*Embedded::Digits.load()?, &SplitConfig::default())?);
    let task = MlpTask::new("digits", data.clone(), &[16], Activation::Relu);
    let device = Device::flex().autodiff();
    let mut model = task.initialise(task.model(&device), &mut stream(1, "weights", 0));
    let mut sampler = EpochSampler::new(data.train.rows(), stream(1, "sampler", 0));
    let training = Training {
        examples: data.train.rows(),
        validation_examples: data.validation.rows(),
        epochs: 8.0,
        adaptive,
        learning_rate,
    };
    let size = size(&model, None);
    let mut tuner = Tuner::new(&model, optimizer, training)?;
    let all: Vec<u32> = (0..data.validation.rows() as u32).collect();
    let validation = Batch::gather(&data.validation, &all, &device.clone().inner());
    let (mut rows, mut losses, mut validations) = (Vec::new(), Vec::new(), Vec::new());
    while !tuner.is_over() {
        sampler.draw(tuner.batch_size(), &mut rows);
        let batch = Batch::gather(&data.train, &rows, &device);
        let loss = task.loss(task.forward(&model, batch.inputs), &batch.targets);
        let value: f64 = loss.clone().into_scalar();
        losses.push(value);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = tuner.step(model, gradients, value);
        if tuner.wants_validation() {
            let averaged = tuner.averaged(&model).valid();
            let outputs = task.forward(&averaged, validation.inputs.clone());
            let loss: f64 = task.loss(outputs, &validation.targets).into_scalar();
            validations.push(spoil(validations.len(), loss));
            model = tuner.validated(model, validations[validations.len() - 1]);
        }
    }
    let line = json!({
        "training": training,
        "weights": size.weights,
        "layers": size.layers,
        "units": size.units,
        "losses": losses,
        "validations": validations.iter().map(|loss| loss.is_finite().then_some(loss)).collect::<Vec<_>>(),
        "probes": tuner.probes(),
        "segments": tuner.segments(),
        "best_loss": tuner.best_loss(),
    });
    println!("{line}");
    Ok(())
}

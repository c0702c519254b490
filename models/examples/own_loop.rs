//! A training loop of one's own, plain and steered: nine lines differ, and one says what is known of the training.
//!
//! ```text
//! cargo run --release -p trimtab-models --example own_loop
//! ```

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig, Relu};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use trimtab_env::stream;
use trimtab_models::data::{Dataset, Embedded, SplitConfig, Targets, split};
use trimtab_models::network::initializer::fresh_weights;
use trimtab_models::training::sampler::EpochSampler;
use trimtab_models::{Training, Tuner};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const EPOCHS: usize = 20;
const BATCH_SIZE: usize = 64;

#[derive(Module, Debug)]
struct Model {
    hidden: Linear,
    output: Linear,
    activation: Relu,
}

impl Model {
    fn new(device: &Device) -> Self {
        let model = Self {
            hidden: LinearConfig::new(64, 64).init(device),
            output: LinearConfig::new(64, 10).init(device),
            activation: Relu::new(),
        };
        fresh_weights(model, &mut stream(1, "weights", 0))
    }

    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        let hidden = self.activation.forward(self.hidden.forward(images));
        self.output.forward(hidden)
    }
}

/// Images `[batch, 64]` and their digits `[batch]`.
fn batch(data: &Dataset, rows: &[u32], device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
    let images: Vec<f32> = rows
        .iter()
        .flat_map(|row| data.row(*row as usize))
        .copied()
        .collect();
    let digits: Vec<i32> = match &data.targets {
        Targets::Classes { labels, .. } => rows
            .iter()
            .map(|row| labels[*row as usize] as i32)
            .collect(),
        Targets::Values(_) => Vec::new(),
    };
    let images = TensorData::new(images, [rows.len(), 64]);
    let digits = TensorData::new(digits, [rows.len()]);
    (
        Tensor::from_data(images, device),
        Tensor::from_data(digits, device),
    )
}

/// Mean loss and share of the digits that are recognised.
fn evaluate(model: &Model, data: &Dataset) -> (f64, f64) {
    let device = &Device::flex();
    let rows: Vec<u32> = (0..data.rows() as u32).collect();
    let (images, digits) = batch(data, &rows, device);
    let outputs = model.forward(images);
    let best = outputs.clone().argmax(1).flatten::<1>(0, 1);
    let right: f64 = best.equal(digits.clone()).float().mean().into_scalar();
    let loss = CrossEntropyLossConfig::new()
        .init(device)
        .forward(outputs, digits);
    (loss.into_scalar(), right)
}

fn plain(train: &Dataset, learning_rate: f64) -> Model {
    let device = Device::flex().autodiff();
    let mut model = Model::new(&device);
    let mut optim = AdamConfig::new().with_epsilon(1e-8).init();
    let mut sampler = EpochSampler::new(train.rows(), stream(1, "sampler", 0));
    let mut rows = Vec::new();
    for _ in 0..EPOCHS * train.rows().div_ceil(BATCH_SIZE) {
        sampler.draw(BATCH_SIZE, &mut rows);
        let (images, digits) = batch(train, &rows, &device);
        let output = model.forward(images);
        let loss = CrossEntropyLossConfig::new()
            .init(&output.device())
            .forward(output, digits);
        let grads = GradientsParams::from_grads(loss.backward(), &model);
        model = optim.step(learning_rate, model, grads);
    }
    model.valid()
}

fn steered(train: &Dataset, validation: &Dataset, learning_rate: f64) -> Result<Model> {
    let device = Device::flex().autodiff();
    let mut model = Model::new(&device);
    let optim = AdamConfig::new().with_epsilon(1e-8).init();
    let training = Training {
        examples: train.rows(),
        validation_examples: validation.rows(),
        epochs: EPOCHS as f64,
        adaptive: true,
        learning_rate,
    };
    // 1: the tuner has the optimiser.
    let mut tuner = Tuner::new(&model, optim, training)?;
    let mut sampler = EpochSampler::new(train.rows(), stream(1, "sampler", 0));
    let mut rows = Vec::new();
    // 2: it knows when the budget is used up,
    while !tuner.is_over() {
        // 3: and how large the next batch is to be.
        sampler.draw(tuner.batch_size(), &mut rows);
        let (images, digits) = batch(train, &rows, &device);
        let output = model.forward(images);
        let loss = CrossEntropyLossConfig::new()
            .init(&output.device())
            .forward(output, digits);
        // 4: it sees each loss,
        let value = loss.clone().into_scalar();
        let grads = GradientsParams::from_grads(loss.backward(), &model);
        // 5: and makes the step.
        model = tuner.step(model, grads, value);
        // 6 to 8: it is told how the averaged weights do, and brings back the best if training has diverged.
        if tuner.wants_validation() {
            let averaged = tuner.averaged(&model).valid();
            model = tuner.validated(model, evaluate(&averaged, validation).0);
        }
    }
    // 9: it has kept the best.
    Ok(tuner.best().unwrap_or(model).valid())
}

fn main() -> Result<()> {
    let data = split(&*Embedded::Digits.load()?, &SplitConfig::default())?;
    for (name, learning_rate) in [("Adam's default", 1e-3), ("a bad rate", 1e-5)] {
        let plain = plain(&data.train, learning_rate);
        let steered = steered(&data.train, &data.validation, learning_rate)?;
        let [plain, steered] = [plain, steered].map(|model| evaluate(&model, &data.test).1);
        println!(
            "from {name}, {learning_rate}: {:.1} % plain, {:.1} % steered",
            100.0 * plain,
            100.0 * steered
        );
    }
    Ok(())
}

//! The training of a LLaMA on text, as a task of [`trimtab_models`]: whatever steers trainings there steers this one.

mod parameters;

pub use parameters::from_parameters;

use crate::error::ensure;
use crate::{Llama, LlamaConfig, Result, Trained};
use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use trimtab_env::Settings;
use trimtab_models::data::{Split, Vocabulary};
use trimtab_models::{Batch, Pass, Task};
use trimtab_program::pruning::Prunable;

/// Name of the setting that says how many tokens an update's windows have, the one to predict last not counted: from 1 to the context of the
/// data, which it is if it is not set. An example of an update costs in proportion.
pub const SEQUENCE_LENGTH: &str = "sequence_length";

/// Tokens that are evaluated at once: what is kept of them grows with the length of their windows.
const EVALUATED_TOKENS: usize = 1 << 14;

/// A LLaMA and the windows of a text ([`trimtab_models::data::windows`]).
///
/// Losses are in nats a token. Evaluations have beside it `perplexity`, its exponential, and `bits_per_byte`, in which models with different tokens
/// can be compared; their `accuracy` is that of the last token of each window.
#[derive(Clone, Debug)]
pub struct LlamaTask {
    name: String,
    split: Arc<Split>,
    config: LlamaConfig,
    trained: Trained,
    bytes_per_token: f64,
}

impl LlamaTask {
    /// A model with new weights on the windows of `split`. A token is taken for as many bytes as a character has on average, or for one where class
    /// names are not those of characters.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a model that is not as the data call for, and those of [`LlamaConfig::validate`] and [`Llama::training`].
    pub fn new(
        name: impl Into<String>,
        split: Arc<Split>,
        config: LlamaConfig,
        trained: Trained,
    ) -> Result<Self> {
        const ORIGIN: &str = "LlamaTask";
        let (tokens, context) = (split.train.outputs(), split.train.features / 2);
        let good = tokens == config.vocab_size;
        let allowed = format!("{tokens}, as many tokens as the data have");
        ensure(good, ORIGIN, "vocab_size", config.vocab_size, allowed)?;
        let most = config.max_position_embeddings;
        let good = (1..=most).contains(&context);
        let allowed = format!("windows of 1 to {most} tokens, as the model has positions");
        ensure(good, ORIGIN, "context", context, allowed)?;
        // What a training would find.
        Llama::empty(config.clone(), &Device::flex())?.training(trained, 1)?;
        let task = Self {
            name: name.into(),
            bytes_per_token: bytes_per_token(&split),
            split,
            config,
            trained,
        };
        Ok(task)
    }

    /// The same, where a token is this many bytes on average: of a byte-pair encoding.
    #[must_use]
    pub fn with_bytes_per_token(mut self, bytes: f64) -> Self {
        self.bytes_per_token = bytes;
        self
    }

    /// Tokens of a window, the one to predict last not counted.
    pub fn context(&self) -> usize {
        self.split.train.features / 2
    }

    /// The length of the windows of an update under these settings.
    fn sequence_length(&self, settings: &Settings) -> trimtab_models::Result<usize> {
        let context = self.context();
        if settings.get(SEQUENCE_LENGTH).is_none() {
            return Ok(context);
        }
        let length = settings.number(SEQUENCE_LENGTH)?;
        if length.fract() == 0.0 && (1.0..=context as f64).contains(&length) {
            return Ok(length as usize);
        }
        Err(trimtab_models::Error::Config {
            field: SEQUENCE_LENGTH.to_owned(),
            given: length.to_string(),
            allowed: format!("a whole number from 1 to {context}, the context of the data"),
        })
    }

    /// A window of `length` tokens of each row, from the place that `start` says for each.
    fn windows(
        &self,
        rows: Tensor<2>,
        length: usize,
        mut start: impl FnMut() -> usize,
        device: &Device,
    ) -> Tensor<2, Int> {
        let [count, width] = rows.dims();
        let numbers: Vec<f32> = rows.into_data().iter::<f32>().collect();
        let mut tokens = Vec::with_capacity(count * length);
        for row in numbers.chunks_exact(width) {
            let window = row.iter().skip(start()).take(length);
            tokens.extend(window.map(|token| *token as i32));
        }
        Tensor::from_data(TensorData::new(tokens, [count, length]), device)
    }
}

impl Task for LlamaTask {
    type Model = Llama;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn split(&self) -> &Split {
        &self.split
    }

    /// # Panics
    /// Never: that there is such a model is checked where the task is made.
    fn model(&self, device: &Device) -> Llama {
        let model = Llama::empty(self.config.clone(), device);
        let model = model.and_then(|model| model.training(self.trained, 1));
        model.expect("the config was checked")
    }

    fn initialise(&self, model: Llama, rng: &mut ChaCha8Rng) -> Llama {
        model.with_new_weights(rng.random())
    }

    /// The logits of the last token of the first window.
    fn forward(&self, model: &Llama, inputs: Tensor<2>) -> Tensor<2> {
        let context = self.context();
        let tokens = self.windows(inputs, context, || 0, &model.device());
        let logits = model.forward(tokens);
        logits.narrow(1, context - 1, 1).squeeze_dim(1)
    }

    /// The loss of windows that begin anywhere.
    fn training_loss(&self, model: &Llama, batch: Batch, pass: &mut Pass) -> Tensor<1> {
        // Whoever trains has asked for the cost under these settings before, and was told what is wrong with them.
        let length = self.sequence_length(pass.settings());
        let (length, context) = (length.unwrap_or(self.context()), self.context());
        let start = || pass.rng().random_range(0..context);
        let tokens = self.windows(batch.inputs, length + 1, start, &model.device());
        model.loss(tokens)
    }

    /// The logits of the last token of the first window, and the loss of all its tokens.
    fn evaluate(&self, model: &Llama, batch: Batch) -> (Tensor<2>, Tensor<1>) {
        let context = self.context();
        let all = self.windows(batch.inputs, context + 1, || 0, &model.device());
        let rows = all.dims()[0];
        let (mut outputs, mut losses) = (Vec::new(), Vec::new());
        for tokens in all.split((EVALUATED_TOKENS / context).max(1), 0) {
            let logits = model.forward(tokens.clone().narrow(1, 0, context));
            outputs.push(logits.clone().narrow(1, context - 1, 1).squeeze_dim(1));
            let next = tokens.narrow(1, 1, context).unsqueeze_dim::<3>(2);
            losses.push(log_softmax(logits, 2).gather(2, next).sum().neg());
        }
        let loss = Tensor::cat(losses, 0).sum() / (rows * context) as f64;
        (Tensor::cat(outputs, 0), loss)
    }

    /// The units of the perceptrons, where all weights train: those of frozen weights have no gradients, and what adapters are added to is as large as it was.
    fn prunable(&self) -> Option<Prunable> {
        let all = self.trained == Trained::All;
        all.then(|| self.model(&Device::flex()).prunable())
    }

    /// As many units in every block; there is no model of other numbers.
    fn resized(&self, units: &[usize]) -> Option<Self> {
        let (first, rest) = units.split_first()?;
        let same = units.len() == self.config.num_hidden_layers && rest.iter().all(|n| n == first);
        (same && *first > 0).then(|| {
            let mut resized = self.clone();
            resized.config.intermediate_size = *first;
            resized
        })
    }

    fn targets_per_example(&self) -> usize {
        self.context()
    }

    fn settings(&self) -> Vec<String> {
        vec![SEQUENCE_LENGTH.to_owned()]
    }

    fn relative_cost(&self, settings: &Settings) -> trimtab_models::Result<f64> {
        Ok(self.sequence_length(settings)? as f64 / self.context() as f64)
    }

    fn figures(&self, loss: f64) -> BTreeMap<String, f64> {
        let bits = loss / std::f64::consts::LN_2 / self.bytes_per_token;
        BTreeMap::from([
            ("perplexity".to_owned(), loss.exp()),
            ("bits_per_byte".to_owned(), bits),
        ])
    }

    fn lowest_loss(&self) -> Option<f64> {
        Some(0.0)
    }
}

/// Bytes of a token, on average over the training rows.
fn bytes_per_token(split: &Split) -> f64 {
    let train = &split.train;
    let trimtab_models::data::Targets::Classes { names, .. } = &train.targets else {
        return 1.0;
    };
    match Vocabulary::named(names) {
        Some(vocabulary) if !train.inputs.is_empty() => {
            let bytes = |token: &f32| vocabulary.bytes(*token as u32);
            let all: usize = train.inputs.iter().map(bytes).sum();
            all as f64 / train.inputs.len() as f64
        }
        _ => 1.0,
    }
}

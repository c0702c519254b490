//! The whole model.

use crate::attention::KeyValues;
use crate::block::Block;
use crate::error::ensure;
use crate::gate::{Gate, GateKind};
use crate::parameters::{fill, matrix};
use crate::rms_norm::RmsNorm;
use crate::rotary::Rotation;
use crate::{LlamaConfig, Result};
use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Initializer, Linear};
use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};
use rand_distr::{Distribution, StandardNormal};

/// LLaMA (Touvron et al. 2023): from tokens to the logits of the token that follows each. Fields are called as the tensors in files.
#[derive(Module, Debug)]
pub struct Llama {
    model: Decoder,
    /// Absent if the embeddings are the output matrix too.
    lm_head: Option<Linear>,
    #[module(skip)]
    config: LlamaConfig,
}

/// Embeddings, blocks and the last normalisation.
#[derive(Module, Debug)]
struct Decoder {
    embed_tokens: Embedding,
    layers: Vec<Block>,
    norm: RmsNorm,
}

/// The keys and values of all positions so far, of all blocks. A new one is empty.
#[derive(Clone, Debug)]
pub struct Cache(Vec<KeyValues>);

impl Cache {
    /// How many positions are kept.
    pub fn positions(&self) -> usize {
        self.0.first().map_or(0, KeyValues::positions)
    }
}

impl Llama {
    /// A model with new weights: from `N(0, initializer_range^2)`, each parameter from a stream of its own of this `seed`; weights of
    /// normalisations are ones, gates zeros. It can be trained if the device has autodiff.
    ///
    /// # Errors
    /// See [`LlamaConfig::validate`].
    pub fn new(config: LlamaConfig, seed: u64, device: &Device) -> Result<Self> {
        Ok(Self::empty(config, device)?.with_new_weights(seed))
    }

    /// The same model with weights as [`Llama::new`] draws them; norms, gates and adapters stay.
    pub(crate) fn with_new_weights(self, seed: u64) -> Self {
        let range = self.config.initializer_range;
        fill(self, |name, shape| {
            let drawn = !(name.ends_with("norm.weight")
                || name.contains(".gate.")
                || name.contains(".lora."));
            drawn.then(|| {
                let rng = trimtab_env::stream(seed, name, 0);
                let normal = StandardNormal.sample_iter(rng);
                let count = shape.iter().product();
                let numbers = normal.take(count).map(|x: f64| (range * x) as f32);
                numbers.collect()
            })
        })
    }

    /// A model for whose weights nothing is allocated until they are filled or used.
    pub(crate) fn empty(config: LlamaConfig, device: &Device) -> Result<Self> {
        config.validate("LlamaConfig")?;
        let (vocabulary, hidden) = (config.vocab_size, config.hidden_size);
        let embeddings = EmbeddingConfig::new(vocabulary, hidden);
        let blocks = 0..config.num_hidden_layers;
        Ok(Self {
            model: Decoder {
                embed_tokens: embeddings.with_initializer(Initializer::Zeros).init(device),
                layers: blocks.map(|_| Block::new(&config, device)).collect(),
                norm: RmsNorm::new(hidden, config.rms_norm_eps, device),
            },
            lm_head: (!config.tie_word_embeddings).then(|| matrix(hidden, vocabulary, device)),
            config,
        })
    }

    /// The same model with new gates on the heads of all blocks, in place of any that it has.
    pub fn with_gates(mut self, kind: GateKind) -> Self {
        let device = self.device();
        self.config.gate = Some(kind);
        let (hidden, heads) = (self.config.hidden_size, self.config.num_attention_heads);
        for block in &mut self.model.layers {
            block.self_attn.gate = Some(Gate::new(kind, hidden, heads, &device));
        }
        self
    }

    /// The shape of the model.
    pub fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// Where the weights are.
    pub fn device(&self) -> Device {
        self.model.embed_tokens.weight.lazy_device()
    }

    /// A cache of no positions.
    pub fn cache(&self) -> Cache {
        Cache(vec![KeyValues::default(); self.model.layers.len()])
    }

    /// Texts of equal length as a tensor, checked.
    ///
    /// # Shapes
    /// - output: `[batch, positions]`
    ///
    /// # Errors
    /// [`crate::Error::Config`] if there is no text or an empty one, if lengths differ, if one is longer than `max_position_embeddings`, or for a
    /// token that is not in the vocabulary.
    pub fn tokens(&self, texts: &[Vec<u32>]) -> Result<Tensor<2, Int>> {
        let check =
            |good, given: String, allowed: String| ensure(good, "tokens", "text", given, allowed);
        let length = texts.first().map_or(0, Vec::len);
        let most = self.config.max_position_embeddings;
        let good = (1..=most).contains(&length);
        check(
            good,
            format!("{length} tokens"),
            format!("from 1 to {most} tokens"),
        )?;
        for text in texts {
            let given = format!("{} tokens", text.len());
            let allowed = format!("{length} tokens, as the first text has");
            check(text.len() == length, given, allowed)?;
        }
        let tokens: Vec<u32> = texts.concat();
        if let Some(token) = tokens.iter().find(|token| !self.config.has(**token)) {
            check(
                false,
                format!("token {token}"),
                self.config.tokens_allowed(),
            )?;
        }
        let tokens: Vec<i64> = tokens.into_iter().map(i64::from).collect();
        let data = TensorData::new(tokens, [texts.len(), length]);
        Ok(Tensor::from_data(data, &self.device()))
    }

    /// The logits of the token after each position.
    ///
    /// # Shapes
    /// - input: `[batch, positions]`, see [`Llama::tokens`]
    /// - output: `[batch, positions, vocab_size]`
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.forward_cached(tokens, &mut self.cache())
    }

    /// The same for tokens that come after those in the cache, to which they are added. Who calls it counts the positions: there should be
    /// no more than `max_position_embeddings`.
    pub fn forward_cached(&self, tokens: Tensor<2, Int>, cache: &mut Cache) -> Tensor<3> {
        self.logits(self.states(tokens, cache, |_| ()))
    }

    /// The embeddings, the states after each block but the last, and the normalised states after the last, as transformers counts them.
    ///
    /// # Shapes
    /// - input: `[batch, positions]`
    /// - output: `[batch, positions, hidden_size]` each
    pub fn hidden_states(&self, tokens: Tensor<2, Int>) -> Vec<Tensor<3>> {
        let mut states = Vec::new();
        let last = self.states(tokens, &mut self.cache(), |state| {
            states.push(state.clone())
        });
        states.push(last);
        states
    }

    /// The mean cross-entropy of each token but the first, given those before it, in nats.
    ///
    /// # Shapes
    /// - input: `[batch, positions]`, of at least two positions
    ///
    /// # Panics
    /// If there are fewer.
    pub fn loss(&self, tokens: Tensor<2, Int>) -> Tensor<1> {
        let [_, positions] = tokens.dims();
        let given = tokens.clone().narrow(1, 0, positions - 1);
        let next = tokens.narrow(1, 1, positions - 1).unsqueeze_dim(2);
        log_softmax(self.forward(given), 2)
            .gather(2, next)
            .mean()
            .neg()
    }

    /// The normalised states after the last block; `see` is shown what each block is given.
    fn states(
        &self,
        tokens: Tensor<2, Int>,
        cache: &mut Cache,
        mut see: impl FnMut(&Tensor<3>),
    ) -> Tensor<3> {
        let [_, positions] = tokens.dims();
        let before = cache.positions();
        let positions = before..before + positions;
        let config = &self.config;
        let rotation = Rotation::new(&config.rope, config.head_dim, positions, &tokens.device());
        let mut x = self.model.embed_tokens.forward(tokens);
        for (block, cache) in self.model.layers.iter().zip(&mut cache.0) {
            see(&x);
            x = block.forward(x, &rotation, cache);
        }
        self.model.norm.forward(x)
    }

    fn logits(&self, states: Tensor<3>) -> Tensor<3> {
        match &self.lm_head {
            Some(head) => head.forward(states),
            None => states.matmul(self.model.embed_tokens.weight.val().transpose().unsqueeze()),
        }
    }
}

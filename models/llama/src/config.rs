//! The shape of a model, from the `config.json` of transformers and back.

use crate::error::{ensure, ensure_count};
use crate::gate::GateKind;
use crate::rotary::{Llama3Scaling, MOST_POSITIONS, Rope};
use crate::{Error, Result};
use serde_json::{Map, Value, json};
use trimtab_env::bounds::{MOST_UNITS, check_memory};

/// The shape of a [`crate::Llama`]. Fields are called as in `config.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct LlamaConfig {
    /// How many tokens there are.
    pub vocab_size: usize,
    /// Numbers of a hidden state.
    pub hidden_size: usize,
    /// Numbers between the layers of a perceptron.
    pub intermediate_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Heads of queries.
    pub num_attention_heads: usize,
    /// Heads of keys and values, which divide those of queries.
    pub num_key_value_heads: usize,
    /// Numbers of a head, which are even.
    pub head_dim: usize,
    /// The longest text in tokens.
    pub max_position_embeddings: usize,
    /// What is added to the mean square of a hidden state.
    pub rms_norm_eps: f64,
    /// The frequencies of rotary positions: `rope_theta` and `rope_scaling`, or `rope_parameters`.
    pub rope: Rope,
    /// Whether the embeddings are the output matrix too.
    pub tie_word_embeddings: bool,
    /// Standard deviation of new weights.
    pub initializer_range: f64,
    /// Tokens that end a text.
    pub eos_token_id: Vec<u32>,
    /// The gate on the heads, in a field of its own (`trimtab_gate`).
    pub gate: Option<GateKind>,
    /// Fields of the file that do not change what the model computes; they are written back.
    pub others: Map<String, Value>,
}

/// Fields that do not change what the model computes.
const OTHERS: [&str; 20] = [
    "_name_or_path",
    "architectures",
    "bos_token_id",
    "chunk_size_feed_forward",
    "dtype",
    "id2label",
    "is_encoder_decoder",
    "label2id",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "pretraining_tp",
    "problem_type",
    "return_dict",
    "sep_token_id",
    "task_specific_params",
    "tokenizer_class",
    "torch_dtype",
    "transformers_version",
    "use_cache",
];

const MOST_TOKENS: usize = 1 << 24;
const MOST_LAYERS: usize = 1000;
const GATE: &str = "trimtab_gate";

impl LlamaConfig {
    /// A model with a perceptron of 8/3 of the width as in Touvron et al. 2023 (rounded up to a multiple of 8), as many heads of keys
    /// as of queries, and the defaults of transformers in all else. [`LlamaConfig::validate`] says whether the numbers fit.
    pub fn new(vocab_size: usize, hidden_size: usize, layers: usize, heads: usize) -> Self {
        let intermediate = hidden_size.saturating_mul(8).div_ceil(3);
        Self {
            vocab_size,
            hidden_size,
            intermediate_size: intermediate.div_ceil(8).saturating_mul(8),
            num_hidden_layers: layers,
            num_attention_heads: heads,
            num_key_value_heads: heads,
            head_dim: hidden_size.checked_div(heads).unwrap_or(0),
            max_position_embeddings: 2048,
            rms_norm_eps: 1e-6,
            rope: Rope {
                theta: 10000.0,
                scaling: None,
            },
            tie_word_embeddings: false,
            initializer_range: 0.02,
            eos_token_id: Vec::new(),
            gate: None,
            others: Map::new(),
        }
    }

    /// Reads the object of a `config.json`, as transformers 4 or 5 writes it; messages call it `origin`. The page of the crate says what
    /// may be left out.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Bounds`] naming the first field that is unknown, unsupported, inconsistent or out of bounds.
    pub fn from_json(value: Value, origin: &str) -> Result<Self> {
        let Value::Object(map) = value else {
            return Err(Error::config(origin, "config", value, "an object"));
        };
        let mut fields = Fields {
            origin,
            within: String::new(),
            map,
        };
        fields.must_be("model_type", &["llama".into()], false)?;
        fields.must_be("hidden_act", &["silu".into()], true)?;
        for field in ["attention_bias", "mlp_bias"] {
            fields.must_be(field, &[false.into()], true)?;
        }
        // Dropout would change a training without a word.
        fields.must_be("attention_dropout", &[0.into(), json!(0.0)], true)?;

        let heads = fields.count("num_attention_heads")?;
        let hidden_size = fields.count("hidden_size")?;
        let key_value_heads = fields.count_or("num_key_value_heads", heads)?;
        let divided = hidden_size.checked_div(heads).unwrap_or(0);
        let gate = match fields.take(GATE) {
            None => None,
            Some(Value::String(name)) => Some(GateKind::named(&name, origin, GATE)?),
            Some(given) => return Err(fields.wrong(GATE, given, "`sigmoid` or `identity`")),
        };
        let config = Self {
            vocab_size: fields.count("vocab_size")?,
            intermediate_size: fields.count("intermediate_size")?,
            num_hidden_layers: fields.count("num_hidden_layers")?,
            head_dim: fields.count_or("head_dim", divided)?,
            max_position_embeddings: fields.count_or("max_position_embeddings", 2048)?,
            rms_norm_eps: fields.number_or("rms_norm_eps", 1e-6)?,
            rope: fields.rope()?,
            tie_word_embeddings: fields.flag_or("tie_word_embeddings", false)?,
            initializer_range: fields.number_or("initializer_range", 0.02)?,
            eos_token_id: fields.tokens("eos_token_id")?,
            gate,
            hidden_size,
            num_attention_heads: heads,
            num_key_value_heads: key_value_heads,
            others: fields.rest(&OTHERS)?,
        };
        config.validate(origin)?;
        Ok(config)
    }

    /// The object of a `config.json` that transformers 4 and 5 read: rotary fields are written in the words of both.
    pub fn to_json(&self) -> Value {
        let mut map = self.others.clone();
        let mut put = |field: &str, value: Value| map.insert(field.to_owned(), value);
        put("model_type", "llama".into());
        put("architectures", json!(["LlamaForCausalLM"]));
        put("hidden_act", "silu".into());
        put("attention_bias", false.into());
        put("mlp_bias", false.into());
        put("vocab_size", self.vocab_size.into());
        put("hidden_size", self.hidden_size.into());
        put("intermediate_size", self.intermediate_size.into());
        put("num_hidden_layers", self.num_hidden_layers.into());
        put("num_attention_heads", self.num_attention_heads.into());
        put("num_key_value_heads", self.num_key_value_heads.into());
        put("head_dim", self.head_dim.into());
        put(
            "max_position_embeddings",
            self.max_position_embeddings.into(),
        );
        put("rms_norm_eps", self.rms_norm_eps.into());
        put("tie_word_embeddings", self.tie_word_embeddings.into());
        put("initializer_range", self.initializer_range.into());
        put("rope_theta", self.rope.theta.into());
        let scaling = self.rope.scaling.map(|scaling| {
            json!({
                "rope_type": "llama3",
                "factor": scaling.factor,
                "low_freq_factor": scaling.low_freq_factor,
                "high_freq_factor": scaling.high_freq_factor,
                "original_max_position_embeddings": scaling.original_max_position_embeddings,
            })
        });
        put("rope_scaling", scaling.clone().unwrap_or(Value::Null));
        let mut parameters = scaling.unwrap_or_else(|| json!({"rope_type": "default"}));
        parameters["rope_theta"] = self.rope.theta.into();
        put("rope_parameters", parameters);
        let eos = match self.eos_token_id[..] {
            [] => Value::Null,
            [token] => token.into(),
            _ => json!(self.eos_token_id),
        };
        put("eos_token_id", eos);
        if let Some(gate) = self.gate {
            put(GATE, gate.name().into());
        }
        // Weights are written in 32 bits.
        for field in ["dtype", "torch_dtype"] {
            if let Some(value) = map.get_mut(field) {
                *value = "float32".into();
            }
        }
        Value::Object(map)
    }

    /// Checks every number, and that the weights fit in memory, before anything is allocated. Messages begin with `origin`.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Bounds`] naming the first field at fault.
    pub fn validate(&self, origin: &str) -> Result<()> {
        for (field, given, most) in [
            ("vocab_size", self.vocab_size, MOST_TOKENS),
            ("hidden_size", self.hidden_size, MOST_UNITS),
            ("intermediate_size", self.intermediate_size, 4 * MOST_UNITS),
            ("num_hidden_layers", self.num_hidden_layers, MOST_LAYERS),
            ("num_attention_heads", self.num_attention_heads, MOST_UNITS),
            ("num_key_value_heads", self.num_key_value_heads, MOST_UNITS),
            ("head_dim", self.head_dim, MOST_UNITS),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                MOST_POSITIONS,
            ),
        ] {
            ensure_count(origin, field, given, 1..=most)?;
        }
        let heads = self.num_attention_heads;
        // Transformers refuses it too, even where `head_dim` is given.
        let good = self.hidden_size.is_multiple_of(heads);
        let allowed = format!("what divides hidden_size, {}", self.hidden_size);
        ensure(good, origin, "num_attention_heads", heads, allowed)?;
        let shared = self.num_key_value_heads;
        let good = heads.is_multiple_of(shared);
        let allowed = format!("what divides num_attention_heads, {heads}");
        ensure(good, origin, "num_key_value_heads", shared, allowed)?;
        let good = self.head_dim.is_multiple_of(2);
        let allowed = "an even number, since rotary positions turn pairs";
        ensure(good, origin, "head_dim", self.head_dim, allowed)?;
        for (field, given) in [
            ("rms_norm_eps", self.rms_norm_eps),
            ("initializer_range", self.initializer_range),
        ] {
            let good = (0.0..=1.0).contains(&given);
            ensure(good, origin, field, given, "a number from 0 to 1")?;
        }
        self.rope.validate(origin)?;
        for token in &self.eos_token_id {
            let good = self.has(*token);
            ensure(good, origin, "eos_token_id", token, self.tokens_allowed())?;
        }
        const BYTES: f64 = 4.0;
        let given = format!(
            "{} with {} layers",
            self.hidden_size, self.num_hidden_layers
        );
        check_memory("hidden_size", given, BYTES * self.weights()).map_err(|source| {
            let origin = origin.to_owned();
            Error::Bounds { origin, source }
        })
    }

    /// How many weights the model has, without its gates.
    pub fn weights(&self) -> f64 {
        let [vocabulary, hidden, inner, layers] = [
            self.vocab_size,
            self.hidden_size,
            self.intermediate_size,
            self.num_hidden_layers,
        ]
        .map(|size| size as f64);
        let heads = (self.num_attention_heads as f64 + self.num_key_value_heads as f64) * 2.0;
        let block = hidden * (heads * self.head_dim as f64 + 3.0 * inner + 2.0);
        let outputs = if self.tie_word_embeddings { 1.0 } else { 2.0 };
        outputs * vocabulary * hidden + layers * block + hidden
    }

    /// Whether this is a token of the vocabulary.
    pub(crate) fn has(&self, token: u32) -> bool {
        usize::try_from(token).is_ok_and(|token| token < self.vocab_size)
    }

    pub(crate) fn tokens_allowed(&self) -> String {
        format!("tokens from 0 to {}", self.vocab_size.saturating_sub(1))
    }
}

/// The fields of an object that are left to read. `null` counts as left out.
struct Fields<'a> {
    origin: &'a str,
    /// The path to the object, with a dot at its end unless it is empty.
    within: String,
    map: Map<String, Value>,
}

impl Fields<'_> {
    fn take(&mut self, field: &str) -> Option<Value> {
        self.map.remove(field).filter(|value| !value.is_null())
    }

    fn wrong(&self, field: &str, given: impl ToString, allowed: &str) -> Error {
        let path = format!("{}{field}", self.within);
        Error::config(self.origin, &path, given, allowed)
    }

    fn must_be(&mut self, field: &str, allowed: &[Value], optional: bool) -> Result<()> {
        match self.take(field) {
            None if optional => Ok(()),
            Some(given) if allowed.contains(&given) => Ok(()),
            given => {
                let given = given.map_or("nothing".to_owned(), |given| given.to_string());
                Err(self.wrong(field, given, &allowed[0].to_string()))
            }
        }
    }

    fn optional<T>(
        &mut self,
        field: &str,
        read: impl Fn(&Value) -> Option<T>,
        allowed: &str,
    ) -> Result<Option<T>> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        match read(&value) {
            Some(read) => Ok(Some(read)),
            None => Err(self.wrong(field, value, allowed)),
        }
    }

    fn required<T>(
        &mut self,
        field: &str,
        read: impl Fn(&Value) -> Option<T>,
        allowed: &str,
    ) -> Result<T> {
        self.optional(field, read, allowed)?
            .ok_or_else(|| self.wrong(field, "nothing", allowed))
    }

    fn count(&mut self, field: &str) -> Result<usize> {
        self.required(field, count, "a whole number from 1")
    }

    fn count_or(&mut self, field: &str, default: usize) -> Result<usize> {
        let given = self.optional(field, count, "a whole number from 1")?;
        Ok(given.unwrap_or(default))
    }

    fn number(&mut self, field: &str) -> Result<f64> {
        self.required(field, Value::as_f64, "a number")
    }

    fn number_or(&mut self, field: &str, default: f64) -> Result<f64> {
        let given = self.optional(field, Value::as_f64, "a number")?;
        Ok(given.unwrap_or(default))
    }

    fn flag_or(&mut self, field: &str, default: bool) -> Result<bool> {
        let given = self.optional(field, Value::as_bool, "true or false")?;
        Ok(given.unwrap_or(default))
    }

    /// One token, several, or none.
    fn tokens(&mut self, field: &str) -> Result<Vec<u32>> {
        let token = |value: &Value| value.as_u64().and_then(|token| u32::try_from(token).ok());
        let read = |value: &Value| match value {
            Value::Array(tokens) => tokens.iter().map(token).collect(),
            one => token(one).map(|token| vec![token]),
        };
        let given = self.optional(field, read, "a token or a list of tokens")?;
        Ok(given.unwrap_or_default())
    }

    /// Transformers 5 has all in `rope_parameters`; before it was `rope_theta` and, if scaled, `rope_scaling`. A file may have both if
    /// they say the same.
    fn rope(&mut self) -> Result<Rope> {
        const DEFAULT_THETA: f64 = 10000.0;
        let theta = self.optional("rope_theta", Value::as_f64, "a number above 0")?;
        let before = self.scaling("rope_scaling")?;
        let now = self.scaling("rope_parameters")?;
        let objects: Vec<_> = [before, now].into_iter().flatten().collect();
        let thetas: Vec<f64> = theta
            .into_iter()
            .chain(objects.iter().filter_map(|o| o.0))
            .collect();
        let theta = thetas.first().copied().unwrap_or(DEFAULT_THETA);
        if let Some(other) = thetas.iter().find(|other| **other != theta) {
            let allowed = format!("{theta} everywhere, or once");
            return Err(self.wrong("rope_theta", other, &allowed));
        }
        let scaling = objects.first().and_then(|object| object.1);
        if objects.iter().any(|object| object.1 != scaling) {
            let allowed = "what rope_parameters says, or leave it out";
            return Err(self.wrong("rope_scaling", "another scaling", allowed));
        }
        Ok(Rope { theta, scaling })
    }

    /// Of an object of rotary fields, if it is there: the base, if it is there, and the scaling, if it is not the default, which is none.
    fn scaling(&mut self, field: &str) -> Result<Option<(Option<f64>, Option<Llama3Scaling>)>> {
        let object = |value: &Value| value.as_object().cloned();
        let Some(map) = self.optional(field, object, "an object or null")? else {
            return Ok(None);
        };
        let mut fields = Fields {
            origin: self.origin,
            within: format!("{field}."),
            map,
        };
        let theta = fields.optional("rope_theta", Value::as_f64, "a number above 0")?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        const TYPES: &str = "`default` or `llama3`";
        let now = fields.optional("rope_type", text, TYPES)?;
        // Its name in old files.
        let before = fields.optional("type", text, TYPES)?;
        let scaling = match now.or(before).as_deref() {
            None | Some("default") => None,
            Some("llama3") => Some(Llama3Scaling {
                factor: fields.number("factor")?,
                low_freq_factor: fields.number("low_freq_factor")?,
                high_freq_factor: fields.number("high_freq_factor")?,
                original_max_position_embeddings: fields
                    .count("original_max_position_embeddings")?,
            }),
            Some(other) => return Err(fields.wrong("rope_type", format!("`{other}`"), TYPES)),
        };
        fields.rest(&[])?;
        Ok(Some((theta, scaling)))
    }

    /// What is left, which must be among `known`.
    fn rest(self, known: &[&str]) -> Result<Map<String, Value>> {
        let unknown = self
            .map
            .iter()
            .find(|(field, _)| !known.contains(&field.as_str()));
        match unknown {
            Some((field, given)) => {
                let allowed = "a model without this field, which is not supported";
                Err(self.wrong(field, given, allowed))
            }
            None => Ok(self.map),
        }
    }
}

fn count(value: &Value) -> Option<usize> {
    value
        .as_u64()
        .and_then(|number| usize::try_from(number).ok())
}

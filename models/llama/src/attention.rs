//! Attention whose queries share keys and values in groups (Ainslie et al. 2023, "GQA: training generalized multi-query
//! transformer models from multi-head checkpoints"), with a causal mask and a cache of keys and values.

use crate::LlamaConfig;
use crate::gate::Gate;
use crate::parameters::matrix;
use crate::rotary::Rotation;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Bool, Device, Tensor, activation::softmax};

/// `softmax(q k^T / sqrt(head_dim)) v` of each head, each scaled by the gate if there is one, then the output projection. Fields
/// are called as the tensors in files.
#[derive(Module, Debug)]
pub struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    pub(crate) gate: Option<Gate>,
    heads: usize,
    key_value_heads: usize,
    head_dim: usize,
}

/// The keys and values of all positions so far, of one block: `[batch, key_value_heads, positions, head_dim]` each.
#[derive(Clone, Debug, Default)]
pub struct KeyValues(Option<(Tensor<4>, Tensor<4>)>);

impl KeyValues {
    /// How many positions are kept.
    pub fn positions(&self) -> usize {
        self.0.as_ref().map_or(0, |(keys, _)| keys.dims()[2])
    }

    /// Keeps the keys and values of further positions, and gives those of all.
    fn append(&mut self, keys: Tensor<4>, values: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let all = match self.0.take() {
            None => (keys, values),
            Some((before_keys, before_values)) => (
                Tensor::cat(vec![before_keys, keys], 2),
                Tensor::cat(vec![before_values, values], 2),
            ),
        };
        self.0.insert(all).clone()
    }
}

impl Attention {
    /// The attention of a block, whose matrices are zeros.
    pub fn new(config: &LlamaConfig, device: &Device) -> Self {
        let (heads, key_value_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let (hidden, head) = (config.hidden_size, config.head_dim);
        Self {
            q_proj: matrix(hidden, heads * head, device),
            k_proj: matrix(hidden, key_value_heads * head, device),
            v_proj: matrix(hidden, key_value_heads * head, device),
            o_proj: matrix(heads * head, hidden, device),
            gate: config
                .gate
                .map(|kind| Gate::new(kind, hidden, heads, device)),
            heads,
            key_value_heads,
            head_dim: head,
        }
    }

    /// Attends from each position of `x` to itself and to all before it, those in the cache too, and adds its own to the cache.
    ///
    /// # Shapes
    /// - input and output: `[batch, positions, hidden_size]`
    pub fn forward(&self, x: Tensor<3>, rotation: &Rotation, cache: &mut KeyValues) -> Tensor<3> {
        let [batch, positions, _] = x.dims();
        let (heads, shared, dim) = (self.heads, self.key_value_heads, self.head_dim);
        let split =
            |x: Tensor<3>, heads: usize| x.reshape([batch, positions, heads, dim]).swap_dims(1, 2);
        let q = rotation.rotate(split(self.q_proj.forward(x.clone()), heads));
        let k = rotation.rotate(split(self.k_proj.forward(x.clone()), shared));
        let v = split(self.v_proj.forward(x.clone()), shared);
        let (k, v) = cache.append(k, v);
        let seen = k.dims()[2];

        // The queries that share a key are rows of one matrix, so that no key is copied.
        let group = heads / shared;
        let q = q.reshape([batch, shared, group * positions, dim]);
        let scores = q.matmul(k.swap_dims(2, 3)) / (dim as f64).sqrt();
        let scores = causal(scores.reshape([batch, shared, group, positions, seen]));
        let weights = softmax(scores, 4).reshape([batch, shared, group * positions, seen]);
        let output = weights.matmul(v).reshape([batch, heads, positions, dim]);
        let output = output.swap_dims(1, 2);

        let output = match &self.gate {
            None => output,
            Some(gate) => output * gate.coefficients(x).unsqueeze_dim(3),
        };
        self.o_proj
            .forward(output.reshape([batch, positions, heads * dim]))
    }
}

/// Scores of minus infinity from each position to those after it. The positions of the queries are the last of those seen.
///
/// # Shapes
/// - input and output: `[batch, key_value_heads, group, positions, seen]`
fn causal(scores: Tensor<5>) -> Tensor<5> {
    let [_, _, _, positions, seen] = scores.dims();
    if positions == 1 {
        return scores;
    }
    let before = (seen - positions) as i64;
    let later = Tensor::<2, Bool>::tril_mask([positions, seen], before, &scores.device());
    scores.mask_fill(later.unsqueeze(), f32::NEG_INFINITY)
}

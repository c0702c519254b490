//! Adapters of low rank (Hu et al. 2021, "LoRA: low-rank adaptation of large language models", equation 3).
//!
//! A matrix `W` becomes `W + alpha / rank * A B`, and only `A` and `B` train. `B` begins at zero, so the model is what it was; `A` is
//! drawn from `N(0, 1 / inputs)`. As in the paper's main experiments, queries and values are adapted.

use crate::error::{ensure, ensure_count};
use crate::parameters::fill;
use crate::{Llama, Result};
use burn::module::{Lora, Module, ParamGroup};
use rand_distr::{Distribution, StandardNormal};

/// The matrices that get an adapter.
const ADAPTED: [&str; 2] = ["self_attn.q_proj.weight", "self_attn.v_proj.weight"];

/// The model with its weights frozen and an adapter on each matrix that gets one.
pub(crate) fn with_adapters(model: Llama, rank: usize, alpha: f64, seed: u64) -> Result<Llama> {
    const ORIGIN: &str = "Trained::Lora";
    ensure_count(ORIGIN, "rank", rank, 1..=model.config().hidden_size)?;
    let good = alpha > 0.0 && alpha.is_finite();
    ensure(good, ORIGIN, "alpha", alpha, "a number above 0")?;
    let adapted = ParamGroup::from_any_predicates(ADAPTED.to_vec());
    let model = model.apply_lora(Lora::new(rank, alpha).set_param_group(adapted));
    // burn drew `A` from a generator of the whole process.
    Ok(fill(model, |name, shape| {
        if !name.ends_with(".lora.a") {
            return None;
        }
        let scale = 1.0 / (shape[0] as f64).sqrt();
        let normal = StandardNormal.sample_iter(trimtab_env::stream(seed, name, 0));
        let count = shape.iter().product();
        let numbers = normal.take(count).map(|x: f64| (scale * x) as f32);
        Some(numbers.collect())
    }))
}

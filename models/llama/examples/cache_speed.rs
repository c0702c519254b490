//! What the cache of keys and values saves: the time of greedy generation with it and without, on one small model.
//!
//! `cargo run --release -p trimtab-llama --example cache_speed`

use burn::tensor::Device;
use std::time::Instant;
use trimtab_llama::{Generation, Llama, LlamaConfig, Result, Sampling};

fn main() -> Result<()> {
    const TOKENS: usize = 256;
    const RUNS: usize = 3;
    let config = LlamaConfig {
        num_key_value_heads: 4,
        ..LlamaConfig::new(512, 256, 4, 8)
    };
    println!(
        "{:.1} million weights, {TOKENS} tokens",
        config.weights() / 1e6
    );
    let model = Llama::new(config, 1, &Device::flex())?;
    let seconds = |cache| -> Result<f64> {
        let generation = Generation {
            tokens: TOKENS,
            sampling: Sampling::Greedy,
            seed: 1,
            cache,
        };
        let mut fastest = f64::INFINITY;
        for _ in 0..RUNS {
            let start = Instant::now();
            model.generate(&[1, 2, 3], &generation)?;
            fastest = fastest.min(start.elapsed().as_secs_f64());
        }
        Ok(fastest)
    };
    let (with, without) = (seconds(true)?, seconds(false)?);
    println!(
        "with the cache {with:.2} s, without {without:.2} s: {:.1} times as fast",
        without / with
    );
    Ok(())
}

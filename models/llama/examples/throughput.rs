//! Tokens a second of a model of 0.8 million weights, forward and by whole updates with AdamW: the best and the median of sixty times. The script
//! `models/llama/fixtures/known_answer.py` measures the same in PyTorch (`speed`).
//!
//! `cargo run --release -p trimtab-llama --example throughput`
//!
//! With LibTorch, which takes `OMP_NUM_THREADS` threads:
//!
//! `LIBTORCH_USE_PYTORCH=1 cargo run --release -p trimtab-llama --features tch --example throughput -- libtorch`

use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor};
use std::error::Error;
use std::time::Instant;
use trimtab_llama::{Llama, LlamaConfig};

/// The allocator of the binaries.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// nanoGPT's setting of characters on a CPU, with as many characters as `shakespeare4.txt.gz` has.
const WINDOWS: usize = 12;
const CONTEXT: usize = 64;
const CHARACTERS: u32 = 73;
const TIMES: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1);
    let device = trimtab_models::device(name.as_deref().unwrap_or("flex"))?;
    let config = LlamaConfig {
        intermediate_size: 352,
        tie_word_embeddings: true,
        ..LlamaConfig::new(CHARACTERS as usize, 128, 4, 4)
    };
    println!(
        "{:.2} million weights, {WINDOWS} windows of {CONTEXT}",
        config.weights() / 1e6
    );
    forward(&Llama::new(config.clone(), 1, &device)?)?;
    updates(Llama::new(config, 1, &device.autodiff())?)
}

/// Windows of tokens, as good as random.
fn windows(length: usize) -> Vec<Vec<u32>> {
    let window = |n: usize| {
        let token = move |i: usize| (n * 31 + i * i * 7 + i * 3) as u32 % CHARACTERS;
        (0..length).map(token).collect()
    };
    (0..WINDOWS).map(window).collect()
}

fn forward(model: &Llama) -> Result<(), Box<dyn Error>> {
    let tokens = model.tokens(&windows(CONTEXT))?;
    time("forward", &model.device(), || {
        end(model.forward(tokens.clone()));
    })
}

fn updates(model: Llama) -> Result<(), Box<dyn Error>> {
    let tokens = model.tokens(&windows(CONTEXT + 1))?;
    let mut optimizer = AdamWConfig::new().with_weight_decay(0.01).init();
    let device = model.device();
    let mut model = Some(model);
    time("forward, backward and update", &device, || {
        if let Some(now) = model.take() {
            let loss = now.loss(tokens.clone());
            let gradients = GradientsParams::from_grads(loss.backward(), &now);
            model = Some(optimizer.step(1e-3, now, gradients));
        }
    })
}

/// A number is asked for, so that nothing is left undone.
fn end(logits: Tensor<3>) {
    let one: f32 = logits
        .narrow(0, 0, 1)
        .narrow(1, 0, 1)
        .narrow(2, 0, 1)
        .into_scalar();
    assert!(one.is_finite());
}

fn time(what: &str, device: &Device, mut once: impl FnMut()) -> Result<(), Box<dyn Error>> {
    let mut seconds = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        once();
        device.sync()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let rate = |seconds: f64| (WINDOWS * CONTEXT) as f64 / seconds;
    println!(
        "{what}: {:.0} tokens a second at best, {:.0} at the median",
        rate(seconds[0]),
        rate(seconds[TIMES / 2])
    );
    Ok(())
}

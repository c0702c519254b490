//! The model against transformers, its properties, its files and its binaries.

mod binary;
#[cfg(feature = "bpe")]
mod bpe;
mod files;
mod gates;
mod properties;
mod pruning;
mod refusals;
mod text;
mod training;
mod transformers;

use burn::tensor::{Device, Tensor};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use trimtab_llama::{Llama, LlamaConfig};

/// The tiny models of transformers.
const MODELS: [&str; 3] = ["tiny-llama", "tiny-llama-tied", "tiny-llama-llama3"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

fn tiny(name: &str) -> Llama {
    Llama::load(&fixture(name), &Device::flex()).unwrap()
}

/// A model of two blocks with grouped heads whose weights are large enough for every part to matter.
fn drawn(seed: u64, device: &Device) -> Llama {
    let config = LlamaConfig {
        num_key_value_heads: 2,
        initializer_range: 0.3,
        ..LlamaConfig::new(40, 32, 2, 4)
    };
    Llama::new(config, seed, device).unwrap()
}

/// A text of tokens below 40, as good as random.
fn text(length: usize) -> Vec<u32> {
    (0..length as u32)
        .map(|i| (i * i * 7 + i * 3 + 5) % 40)
        .collect()
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn bits<const D: usize>(tensor: Tensor<D>) -> Vec<u32> {
    numbers(tensor).into_iter().map(f32::to_bits).collect()
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

/// What a program wrote, to both of its outputs.
fn said(output: &Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(&[out.clone(), error.clone()].concat()).into_owned()
}

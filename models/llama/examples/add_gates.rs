//! Adds gates that change nothing yet to the model of a folder, and writes it to another.
//!
//! `cargo run --release -p trimtab-llama --example add_gates -- models/llama/fixtures/tiny-llama gated`

use burn::tensor::Device;
use std::error::Error;
use std::path::Path;
use trimtab_llama::{GateKind, Llama};

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = &folders[..] else {
        return Err("give two folders: one with a model, and one to write to".into());
    };
    let model = Llama::load(Path::new(from), &Device::flex())?;
    model.with_gates(GateKind::Identity).save(Path::new(to))?;
    Ok(())
}

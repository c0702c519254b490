#!/usr/bin/env bash
# burn 0.22.1: a clone of a module with running statistics is no copy of it.
#
# `Module` values are cloned to keep them, as a checkpoint, as the best model so far, or to train a second one from the same start.
# Weights of a clone are its own: an optimiser returns new ones. The running mean and variance of batch normalisation are behind a pointer
# that clones share, so that passes of the original in training change what the clone computes in evaluation, and one batch
# that is no number spoils both. `valid()` makes new ones, and `valid().train()` is a copy.
#
# Seen: the clone's running mean goes from 0.0 to about 0.1 though only the original saw a batch; that of `valid().train()` stays.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "shared"
version = "0.0.0"
edition = "2024"
[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "optim", "flex"] }
TOML
cat > src/main.rs <<'RUST'
use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::{Device, Tensor};

fn mean(norm: &BatchNorm) -> f32 {
    norm.running_mean.value_sync().into_data().iter::<f32>().next().unwrap()
}

fn main() {
    let device = Device::flex().autodiff();
    let original: BatchNorm = BatchNormConfig::new(1).init(&device);
    let clone = original.clone();
    let copy = original.valid().train();
    println!("before: clone {:.2}, copy {:.2}", mean(&clone), mean(&copy));
    original.forward(Tensor::<2>::ones([4, 1], &device));
    println!("after:  original {:.2}, clone {:.2}, copy {:.2}", mean(&original), mean(&clone), mean(&copy));
}
RUST
cargo run --quiet --release | tee seen.txt
diff seen.txt - <<'WANTED'
before: clone 0.00, copy 0.00
after:  original 0.10, clone 0.10, copy 0.00
WANTED

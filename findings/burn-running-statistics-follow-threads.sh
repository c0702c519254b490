#!/usr/bin/env bash
# burn 0.22.1: what batch normalisation has seen depends on which threads its passes were made on.
#
# A pass in training leaves its running statistics under the name of its thread, and they are taken over at the next pass on the same
# thread. If the next pass is on another, as in a pool that moves trainings between threads, it starts from the statistics before, and what both
# passes left is averaged: two batches then count as one, and the same batches in the same order give other statistics. `valid()` on the module in
# between takes over what is due.
#
# Seen: two batches of ones, momentum 0.1, give a running mean of 0.19 on one thread, 0.10 on two, and 0.19 on two with `valid()` in between.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "threads"
version = "0.0.0"
edition = "2024"
[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "optim", "flex"] }
TOML
cat > src/main.rs <<'RUST'
use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::{Device, Tensor};

fn pass(norm: &BatchNorm) {
    norm.forward(Tensor::<2>::ones([4, 1], &Device::flex().autodiff()));
}

fn two_passes(apart: bool, between: bool) -> f32 {
    let norm = BatchNormConfig::new(1).init(&Device::flex().autodiff());
    for _ in 0..2 {
        if apart {
            std::thread::scope(|scope| scope.spawn(|| pass(&norm)).join().unwrap());
        } else {
            pass(&norm);
        }
        if between {
            norm.valid();
        }
    }
    norm.valid().running_mean.value().into_data().iter::<f32>().next().unwrap()
}

fn main() {
    println!("one thread {:.2}", two_passes(false, false));
    println!("two threads {:.2}", two_passes(true, false));
    println!("two threads, valid() in between {:.2}", two_passes(true, true));
}
RUST
cargo run --quiet --release | tee seen.txt
diff seen.txt - <<'WANTED'
one thread 0.19
two threads 0.10
two threads, valid() in between 0.19
WANTED

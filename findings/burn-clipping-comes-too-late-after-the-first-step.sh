#!/usr/bin/env bash
# burn 0.22.1: gradient clipping given to an optimiser that has made a step, or that was loaded, clips nothing.
#
# `with_grad_clipping` is documented to set the clipping, and `has_gradient_clipping` says true after it. But an optimiser copies the
# clipping into the state of a parameter when it first steps that parameter, and when it loads a record, and from then on looks at the copy
# alone. The order of two calls of a builder decides: clipping then `load_record` clips, `load_record` then clipping does not. So a training that
# resumes may go on without the clipping that it began with, and a threshold that is changed between two steps stays as it was. Nothing says so. To
# change it, make a new optimiser with the clipping and load the record of the old one.
#
# Seen, for a gradient of 100, a rate of 1 and a norm clipped to 1: the weight moves by 1 where the clipping was there first, by 100 where a step
# or a load was, and `has_gradient_clipping` is true in all four.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "late"
version = "0.0.0"
edition = "2024"
[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "optim", "flex"] }
TOML
cat > src/main.rs <<'RUST'
use burn::grad_clipping::GradientClipping;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Tensor};

/// Steps a copy of the layer with a gradient of 100 and returns how far its weight moved.
fn step(optimizer: &mut ModuleOptimizer, layer: &Linear) -> f32 {
    let device = Device::flex().autodiff();
    let loss = layer.forward(Tensor::<2>::full([1, 1], 100.0, &device)).sum();
    let gradients = GradientsParams::from_grads(loss.backward(), layer);
    let after = optimizer.step(1.0, layer.clone(), gradients);
    (layer.weight.val() - after.weight.val()).abs().into_scalar()
}

fn main() {
    let clipping = || GradientClipping::Norm(1.0);
    let layer = LinearConfig::new(1, 1).with_bias(false).init(&Device::flex().autodiff());

    let fresh = SgdConfig::new().init().with_grad_clipping(clipping());

    let mut stepped = SgdConfig::new().init();
    step(&mut stepped, &layer);
    let record = || stepped.to_record();
    let before_load = SgdConfig::new().init().with_grad_clipping(clipping()).load_record(record());
    let after_load = SgdConfig::new().init().load_record(record()).with_grad_clipping(clipping());
    let after_step = stepped.with_grad_clipping(clipping());

    for (when, mut optimizer) in [
        ("before the first step", fresh),
        ("before a load", before_load),
        ("after a load", after_load),
        ("after a step", after_step),
    ] {
        let said = optimizer.has_gradient_clipping();
        let moved = step(&mut optimizer, &layer);
        println!("set {when}: has_gradient_clipping {said}, moved by {moved:.0}");
    }
}
RUST
cargo run --quiet --release | tee seen.txt
diff seen.txt - <<'WANTED'
set before the first step: has_gradient_clipping true, moved by 1
set before a load: has_gradient_clipping true, moved by 1
set after a load: has_gradient_clipping true, moved by 100
set after a step: has_gradient_clipping true, moved by 100
WANTED

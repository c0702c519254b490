#!/usr/bin/env bash
# burn 0.22.1: Muon raises the learning rate of the layers that narrow, where the rule that it cites raises that of the layers that widen.
#
# The rule, `AdjustLrFn::Original`, is the default: the rate times the root of rows over columns, if that is above one. It was written for weights
# of outputs by inputs, as PyTorch stores them, so that rows over columns is outputs over inputs. burn's own `Linear` is stored as inputs by outputs,
# and Muon takes rows and columns as they are stored: inputs over outputs. A rate or a schedule tuned elsewhere comes to other steps in every
# layer that is not square: a block of 512 to 2048 and back makes its first layer's steps half as long and its second layer's twice as long as
# meant. The other rule, `MatchRmsAdamW`, looks at the longer side and is the same either way.
#
# optax, whose layers are stored as burn's are, turned its ratio round for that reason (its pull request 1249).
#
# Seen: beside the step of a layer 1 to 1, that of 1 to 4 is as long, and that of 4 to 1 is twice as long. The gradients have one singular value, so
# that nothing else differs. By the rule it is 1 to 4 that takes the double step, and so it does with the Muon of PyTorch 2.9.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "narrow"
version = "0.0.0"
edition = "2024"
[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "optim", "flex"] }
TOML
cat > src/main.rs <<'RUST'
use burn::nn::LinearConfig;
use burn::optim::{AdjustLrFn, GradientsParams, MuonConfig};
use burn::tensor::{Device, Tensor};

/// The length of the first step of a layer, whose gradient is one in every place.
fn length(inputs: usize, outputs: usize, rule: AdjustLrFn) -> f32 {
    let device = Device::flex().autodiff();
    let layer = LinearConfig::new(inputs, outputs).with_bias(false).init(&device);
    let loss = layer.forward(Tensor::<2>::ones([1, inputs], &device)).sum();
    let gradients = GradientsParams::from_grads(loss.backward(), &layer);
    let before = layer.weight.val();
    let mut optimizer = MuonConfig::new().with_adjust_lr_fn(rule).init();
    let after = optimizer.step(0.1, layer, gradients).weight.val();
    (before - after).square().sum().sqrt().into_scalar()
}

fn main() {
    for (name, rule) in [("Original", AdjustLrFn::Original), ("MatchRmsAdamW", AdjustLrFn::MatchRmsAdamW)] {
        let square = length(1, 1, rule);
        for (inputs, outputs) in [(1, 4), (4, 1)] {
            println!("{name}: {inputs} to {outputs}: {:.2}", length(inputs, outputs, rule) / square);
        }
    }
}
RUST
cargo run --quiet --release | tee seen.txt
diff seen.txt - <<'WANTED'
Original: 1 to 4: 1.00
Original: 4 to 1: 2.00
MatchRmsAdamW: 1 to 4: 2.00
MatchRmsAdamW: 4 to 1: 2.00
WANTED

//! Pruning while one trains against its rivals: magnitude, random, the whole network, and the small network from the start. Two tables, five
//! seeds, the same cost for all.
//!
//! ```text
//! cargo run --release -p trimtab-experiments --example pruning -- pruning.png
//! ```

mod curves;

use burn::tensor::Device;
use curves::{Curve, draw, spread};
use indicatif::ProgressBar;
use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;
use trimtab_env::{Segment, UpdateTime};
use trimtab_models::data::{Embedded, SplitConfig};
use trimtab_models::mlp::Activation;
use trimtab_models::training::pruning::{Importance, Parts, Sum};
use trimtab_models::{DataConfig, ModelConfig, OptimizerConfig, Pruning, TaskConfig, TrainConfig};

const SEEDS: u64 = 5;
const EPOCHS: f64 = 20.0;
const HIDDEN: [usize; 2] = [128, 128];
/// The share of the weights that leaves.
const TARGET: f64 = 0.8;

/// A way to come to a network.
#[derive(Clone)]
enum Way {
    Whole,
    Small,
    Pruned(Importance),
}

fn ways() -> Vec<(&'static str, Way)> {
    let taylor = |sum, of| Way::Pruned(Importance::Taylor { sum, of });
    vec![
        ("whole network", Way::Whole),
        ("pruned: Taylor", taylor(Sum::Absolutes, Parts::Weights)),
        (
            "pruned: Taylor, biases too",
            taylor(Sum::Absolutes, Parts::All),
        ),
        (
            "pruned: Taylor, of what it puts out",
            taylor(Sum::Inside, Parts::Outgoing),
        ),
        (
            "pruned: Taylor, inside the bars",
            taylor(Sum::Inside, Parts::Weights),
        ),
        (
            "pruned: magnitude",
            Way::Pruned(Importance::Magnitude { power: 1 }),
        ),
        ("pruned: random", Way::Pruned(Importance::Random)),
        ("small from the start", Way::Small),
    ]
}

/// Weights of a network with these hidden widths.
fn weights(inputs: usize, hidden: &[usize], outputs: usize) -> usize {
    let widths = [&[inputs], hidden, &[outputs]].concat();
    widths.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum()
}

/// What one training came to.
struct Figures {
    weights: f64,
    validation: f64,
    accuracy: f64,
    segments: Vec<Segment>,
}

/// The task with an MLP of these hidden widths. Every seed has a split of its own.
fn task(data: Embedded, seed: u64, hidden: &[usize]) -> TaskConfig {
    let model = ModelConfig::Mlp {
        hidden: hidden.to_vec(),
        activation: Activation::Relu,
    };
    TaskConfig {
        split: SplitConfig {
            seed,
            max_train: Some(4000),
            ..SplitConfig::default()
        },
        ..TaskConfig::new(DataConfig::Embedded(data), model, OptimizerConfig::adam())
    }
}

fn run(data: Embedded, seed: u64, way: &Way) -> Result<Figures, Box<dyn Error>> {
    let mut prepared = task(data, seed, &HIDDEN).prepare()?;
    let mut config = TrainConfig {
        seed,
        epochs: EPOCHS,
        ..TrainConfig::default()
    };
    match way {
        Way::Whole => {}
        Way::Pruned(importance) => {
            config.pruning = Some(Pruning {
                importance: *importance,
                ..Pruning::to(TARGET)
            });
        }
        Way::Small => {
            let train = &prepared.split().train;
            let of = |hidden: &[usize]| weights(train.features, hidden, train.outputs()) as f64;
            let whole = of(&HIDDEN);
            // The widest of equal layers that has no more weights.
            let fits = |width: &usize| of(&[*width; 2]) <= (1.0 - TARGET) * whole;
            let hidden = [(1..HIDDEN[0]).rev().find(fits).unwrap_or(1); 2];
            // As many passes as cost the same.
            let time = UpdateTime::default();
            config.cost = time.scaled(of(&hidden) / whole);
            config.epochs *= time.update(64) / config.cost.update(64);
            prepared = task(data, seed, &hidden).prepare()?;
        }
    }
    let device = Device::flex();
    let trained = prepared.train(&config, 0, &device, &mut |_| ControlFlow::Continue(()))?;
    Ok(Figures {
        weights: trained.weights.len() as f64,
        validation: trained.outcome["best_validation_loss"],
        accuracy: trained.test.metrics["accuracy"],
        segments: trained.segments,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let picture = std::env::args_os().nth(1).map(PathBuf::from);
    let sets = [Embedded::Digits, Embedded::Letter];
    let bar = ProgressBar::new(sets.len() as u64 * SEEDS * ways().len() as u64);
    let mut panels = Vec::new();
    for data in sets {
        let mut table = format!(
            "| {} | weights | validation loss | test accuracy |\n|---|---|---|---|\n",
            data.name()
        );
        let mut curves = Vec::new();
        for (name, way) in ways() {
            let mut all = Vec::new();
            for seed in 0..SEEDS {
                all.push(run(data, seed, &way)?);
                bar.inc(1);
            }
            let of = |figure: fn(&Figures) -> f64| {
                let figures: Vec<f64> = all.iter().map(figure).collect();
                spread(&figures)
            };
            let (weights, _) = of(|figures| figures.weights);
            let (loss, by) = of(|figures| figures.validation);
            let (accuracy, off) = of(|figures| figures.accuracy);
            table += &format!(
                "| {name} | {weights:.0} | {loss:.3} ± {by:.3} | {accuracy:.4} ± {off:.4} |\n"
            );
            curves.push(Curve::of(
                name,
                all.iter().map(|figures| figures.segments.as_slice()),
            ));
        }
        bar.suspend(|| println!("{table}"));
        panels.push((data.name(), curves));
    }
    bar.finish_and_clear();
    match picture {
        Some(path) => draw(&path, &panels),
        None => Ok(()),
    }
}

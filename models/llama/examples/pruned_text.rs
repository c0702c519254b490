//! Half of the feed-forward units leave a model of 0.11 million weights while it trains: against the whole model, and against one that is as small from
//! the start, all under the servo at the same cost; and the time of an update before and after.
//!
//! `cargo run --release -p trimtab-llama --example pruned_text`
//!
//! Two numbers after it are the budget in passes of the whole model, 2 by default, and how many seeds there are, at least 2 and 3 by default.

use burn::optim::GradientsParams;
use burn::tensor::Device;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use trimtab_env::UpdateTime;
use trimtab_llama::{Llama, LlamaConfig, LlamaTask, Trained};
use trimtab_models::data::{Share, Split, SplitConfig, TokenKind, Vocabulary, read_text, windows};
use trimtab_models::training::pruning::{Importance, Measure};
use trimtab_models::{Optimizer, OptimizerConfig, Pruning, TrainConfig, train};

/// The allocator of the binaries.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TEXT: &str = "models/llama/data/shakespeare4.txt.gz";
const CONTEXT: usize = 32;
/// Feed-forward units of a block, and those that are left of them.
const UNITS: usize = 176;
const LEFT: usize = 88;
/// Windows of the updates that are timed, and how many these are.
const WINDOWS: usize = 12;
const TIMES: usize = 200;

type Answer<T> = Result<T, Box<dyn Error>>;

fn main() -> Answer<()> {
    let mut words = std::env::args().skip(1);
    let epochs: f64 = words.next().map_or(Ok(2.0), |word| word.parse())?;
    let seeds: u64 = words.next().map_or(Ok(3), |word| word.parse())?;
    if seeds < 2 {
        return Err(format!("seeds: {seeds} is not allowed; give 2 or more").into());
    }
    let text = read_text(Path::new(TEXT))?;
    let vocabulary = Vocabulary::of(&text, TokenKind::Characters);
    let tokens = vocabulary.encode(&text)?;
    let split = SplitConfig {
        validation: Share::Fraction(0.1),
        test: Share::Fraction(0.1),
        ..SplitConfig::default()
    };
    let split = Arc::new(windows(TEXT, &tokens, vocabulary.names(), CONTEXT, &split)?);
    times(vocabulary.len())?;
    let pruned = |importance| {
        Some(Pruning {
            of: Measure::Units,
            importance,
            ..Pruning::to(1.0 - LEFT as f64 / UNITS as f64)
        })
    };
    println!(
        "| | weights | updates | best validation loss | mean | test loss |\n|---|---|---|---|---|---|"
    );
    for (name, units, pruning) in [
        ("whole model", UNITS, None),
        ("`--prune 0.5`", UNITS, pruned(Importance::default())),
        ("units leave at random", UNITS, pruned(Importance::Random)),
        ("small from the start", LEFT, None),
    ] {
        method(name, units, pruning.as_ref(), &split, epochs, seeds)?;
    }
    Ok(())
}

fn shape(characters: usize, units: usize) -> LlamaConfig {
    LlamaConfig {
        intermediate_size: units,
        max_position_embeddings: CONTEXT,
        tie_word_embeddings: true,
        ..LlamaConfig::new(characters, 64, 2, 4)
    }
}

/// What updates cost, as in `tune-text`.
fn cost(config: &LlamaConfig) -> UpdateTime {
    let example = 6.0 * config.weights() * CONTEXT as f64 / 2e10;
    UpdateTime {
        per_update: 2e-3,
        per_example: example,
        per_evaluation: example / 3.0,
    }
}

/// Trains with every seed, and prints a row of the table.
fn method(
    name: &str,
    units: usize,
    pruning: Option<&Pruning>,
    split: &Arc<Split>,
    epochs: f64,
    seeds: u64,
) -> Answer<()> {
    let characters = split.train.outputs();
    let config = shape(characters, units);
    // The same cost for all.
    let pass = |config: &LlamaConfig| cost(config).update(64);
    let relative = pass(&shape(characters, UNITS)) / pass(&config);
    let (mut weights, mut updates) = (config.weights(), 0);
    let (mut losses, mut tests) = (Vec::new(), Vec::new());
    for seed in 0..seeds {
        let task = LlamaTask::new(TEXT, Arc::clone(split), config.clone(), Trained::All)?;
        let training = TrainConfig {
            optimizer: OptimizerConfig::adam_w(),
            epochs: epochs * relative,
            seed,
            validation_rows: Some(((epochs * split.train.rows() as f64 / 100.0) as usize).max(32)),
            pruning: pruning.cloned(),
            cost: cost(&config),
            ..TrainConfig::default()
        };
        let trained = train(task, &training, &Device::flex())?;
        weights = trained.model.config().weights();
        updates += trained
            .segments
            .iter()
            .map(|s| s.report.updates)
            .sum::<u64>();
        losses.push(trained.outcome["best_validation_loss"]);
        tests.push(trained.test.loss);
    }
    let all: Vec<String> = losses.iter().map(|loss| format!("{loss:.3}")).collect();
    println!(
        "| {name} | {weights:.0} | {} | {} | {} | {} |",
        updates / seeds,
        all.join(", "),
        mean(&losses),
        mean(&tests)
    );
    Ok(())
}

/// Mean and standard deviation, in words.
fn mean(numbers: &[f64]) -> String {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let squares = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    format!("{mean:.3} ± {:.3}", (squares / (count - 1.0)).sqrt())
}

/// Forward, backward and AdamW's update of the whole and of the smaller model, in turns: the median times.
fn times(characters: usize) -> Answer<()> {
    let device = Device::flex().autodiff();
    let window = |n: usize| {
        let token = move |i: usize| ((n * 31 + i * i * 7 + i * 3) % characters) as u32;
        (0..CONTEXT).map(token).collect()
    };
    let texts: Vec<Vec<u32>> = (0..WINDOWS).map(window).collect();
    let adam_w = OptimizerConfig::adam_w();
    let mut kinds: Vec<(Option<Llama>, Optimizer, Vec<f64>)> = Vec::new();
    for (units, optimizer) in [
        (UNITS, adam_w.init()?),
        (UNITS, adam_w.init_to_shrink()?),
        (LEFT, adam_w.init_to_shrink()?),
    ] {
        let model = Llama::new(shape(characters, units), 1, &device)?;
        kinds.push((Some(model), optimizer, Vec::new()));
    }
    for _ in 0..TIMES {
        for (model, optimizer, seconds) in &mut kinds {
            let Some(now) = model.take() else { continue };
            let tokens = now.tokens(&texts)?;
            let start = Instant::now();
            let loss = now.loss(tokens);
            let gradients = GradientsParams::from_grads(loss.backward(), &now);
            *model = Some(optimizer.step(1e-3, now, gradients));
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    let medians: Vec<f64> = kinds
        .iter_mut()
        .map(|(.., seconds)| {
            seconds.sort_by(f64::total_cmp);
            1e3 * seconds[TIMES / 2]
        })
        .collect();
    println!(
        "an update of {WINDOWS} windows: {UNITS} units {:.2} ms (with burn's AdamW {:.2}), {LEFT} units {:.2} ms: {:.2} of it\n",
        medians[1],
        medians[0],
        medians[2],
        medians[2] / medians[1]
    );
    Ok(())
}

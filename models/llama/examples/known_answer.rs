//! The known answer at 0.8 million weights: the same training as that of `models/llama/fixtures/known_answer.py`, under the same cosine, or under the
//! context servo for the same cost.
//!
//! `cargo run --release -p trimtab-llama --example known_answer -- cosine 0.001 600 1`
//!
//! `cargo run --release -p trimtab-llama --example known_answer -- servo 600 1`
//!
//! The last two numbers are the updates of 12 windows, or the cost of as many, and the seed. A folder after those of the cosine keeps the weights at the
//! start, the windows and the losses of all updates: `known_answer.py replay FOLDER` makes the same updates in PyTorch.

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::Device;
use rand::RngExt;
use rand::seq::SliceRandom;
use std::error::Error;
use std::f64::consts::PI;
use std::path::Path;
use std::sync::Arc;
use trimtab_env::UpdateTime;
use trimtab_llama::{Llama, LlamaConfig, LlamaTask, Trained};
use trimtab_models::data::{Share, Split, SplitConfig, TokenKind, Vocabulary, read_text, windows};
use trimtab_models::{Batch, OptimizerConfig, Task, TrainConfig, train};

/// The allocator of the binaries.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TEXT: &str = "models/llama/data/shakespeare4.txt.gz";
const CONTEXT: usize = 64;
const BATCH: usize = 12;
/// Windows of the validation part that an evaluation reads, and how many evaluations there are.
const EVALUATED: usize = 64;
const EVALUATIONS: usize = 10;
/// Cost is counted in tokens: an update is worth 64 beside its own, a token that is evaluated a third.
const COST: UpdateTime = UpdateTime {
    per_update: 64.0,
    per_example: 64.0,
    per_evaluation: 22.0,
};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let text = read_text(Path::new(TEXT))?;
    let vocabulary = Vocabulary::of(&text, TokenKind::Characters);
    let tokens = vocabulary.encode(&text)?;
    let split = SplitConfig {
        validation: Share::Fraction(0.1),
        test: Share::Fraction(0.1),
        ..SplitConfig::default()
    };
    let split = Arc::new(windows(TEXT, &tokens, vocabulary.names(), CONTEXT, &split)?);
    let config = LlamaConfig {
        intermediate_size: 352,
        max_position_embeddings: CONTEXT,
        tie_word_embeddings: true,
        ..LlamaConfig::new(vocabulary.len(), 128, 4, 4)
    };
    let task = LlamaTask::new(TEXT, Arc::clone(&split), config.clone(), Trained::All)?;
    let loss = match words[..] {
        ["cosine", rate, updates, seed, ref folder @ ..] if folder.len() < 2 => {
            let model = Llama::new(config, seed.parse()?, &Device::flex().autodiff())?;
            let folder = folder.first().map(Path::new);
            if let Some(folder) = folder {
                model.save(folder)?;
            }
            let (rate, updates) = (rate.parse()?, updates.parse()?);
            let (best, played) = cosine(&task, &split, model, rate, updates, seed.parse()?)?;
            if let Some(folder) = folder {
                let played = serde_json::to_vec(&played)?;
                std::fs::write(folder.join("played.json"), played)?;
            }
            best
        }
        ["servo", updates, seed] => servo(task, &split, updates.parse()?, seed.parse()?)?,
        _ => return Err("give `cosine RATE UPDATES SEED` or `servo UPDATES SEED`".into()),
    };
    println!("best validation loss {loss:.4} nats a character");
    Ok(())
}

/// What a training under the cosine has done.
#[derive(Default, serde::Serialize)]
struct Played {
    rate: f64,
    /// The tokens of each update's windows.
    windows: Vec<Vec<i64>>,
    /// The loss of each update before it was made, and of each evaluation, in nats a token.
    losses: Vec<f64>,
    evaluated: Vec<f64>,
}

/// AdamW with a linear warm-up over a twentieth of the updates and a cosine to nothing: the best validation loss.
fn cosine(
    task: &LlamaTask,
    split: &Split,
    mut model: Llama,
    rate: f64,
    updates: usize,
    seed: u64,
) -> Result<(f64, Played), Box<dyn Error>> {
    let mut rng = trimtab_env::stream(seed, "windows", 0);
    let mut played = Played {
        rate,
        ..Played::default()
    };
    let mut optimizer = AdamWConfig::new()
        .with_epsilon(1e-8)
        .with_weight_decay(0.01)
        .init();
    let rows: Vec<u32> = (0..EVALUATED as u32).collect();
    let evaluated = Batch::gather(&split.validation, &rows, &Device::flex());
    let mut order = Vec::new();
    let warm = (updates / 20).max(1);
    for update in 0..updates {
        let mut texts: Vec<Vec<u32>> = Vec::new();
        while texts.len() < BATCH {
            let Some(row) = order.pop() else {
                order = (0..split.train.rows()).collect();
                order.shuffle(&mut rng);
                continue;
            };
            let start = rng.random_range(0..CONTEXT);
            let window = split.train.row(row).iter().skip(start).take(CONTEXT + 1);
            texts.push(window.map(|token| *token as u32).collect());
        }
        let factor = if update < warm {
            (update + 1) as f64 / warm as f64
        } else {
            let done = (update - warm) as f64 / (updates - warm) as f64;
            0.5 * (1.0 + (PI * done).cos())
        };
        // A window has a token more than the context.
        let texts: Vec<i64> = texts.concat().into_iter().map(i64::from).collect();
        let data = burn::tensor::TensorData::new(texts.clone(), [BATCH, CONTEXT + 1]);
        let loss = model.loss(burn::tensor::Tensor::from_data(data, &model.device()));
        played.windows.push(texts);
        let number = loss.clone().into_scalar::<f32>();
        played.losses.push(f64::from(number));
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(rate * factor, model, gradients);
        if (update + 1) % (updates / EVALUATIONS).max(1) == 0 {
            let (_, loss) = task.evaluate(&model.valid(), evaluated.clone());
            played.evaluated.push(f64::from(loss.into_scalar::<f32>()));
        }
    }
    let best = played
        .evaluated
        .iter()
        .copied()
        .fold(f64::INFINITY, f64::min);
    Ok((best, played))
}

/// The whole of a training as `tune-text` has it, with the cost of these updates as its budget.
fn servo(task: LlamaTask, split: &Split, updates: usize, seed: u64) -> Result<f64, Box<dyn Error>> {
    let tokens = updates as f64 * (COST.per_update + BATCH as f64 * COST.per_example)
        + ((EVALUATIONS + 1) * EVALUATED) as f64 * COST.per_evaluation;
    // A budget is given in passes with batches of 64.
    let row = COST.per_example + COST.per_update / 64.0;
    let training = TrainConfig {
        optimizer: OptimizerConfig::adam_w(),
        epochs: tokens / (split.train.rows() as f64 * row),
        seed,
        validation_rows: Some(EVALUATED),
        cost: COST,
        ..TrainConfig::default()
    };
    let trained = train(task, &training, &Device::flex())?;
    for segment in &trained.segments {
        println!(
            "cost {:.0}, updates {}, learning rate {:.2e}, batch {}",
            segment.spent,
            segment.report.updates,
            segment.settings.number("learning_rate")?,
            segment.settings.number("batch_size")?
        );
    }
    Ok(trained.outcome["best_validation_loss"])
}

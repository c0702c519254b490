//! Tunes the training of a language model on a text of your own in one run, and leaves a folder that `generate` and transformers read.

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use std::error::Error;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use trimtab_agent::Policy;
use trimtab_env::files::write_whole;
use trimtab_env::{ResidualPolicy, Segment, TestReport, UpdateTime, interruption};
use trimtab_llama::{GateKind, Llama, LlamaConfig, LlamaTask, Tokenizer, Trained};
use trimtab_models::data::{Share, SplitConfig, TokenKind, Vocabulary, read_text, windows};
use trimtab_models::training::pruning::Measure;
use trimtab_models::{
    FineTuning, OptimizerConfig, Pruning, Task, TrainConfig, Underway, train_watched,
};

/// Tunes the training of a language model on a text in one run, and leaves the model.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  tune-text --text plays.txt                                characters, a new model of 0.8 million weights
  tune-text --text plays.txt --layers 2 --width 64 --epochs 1
  tune-text --text plays.txt --prune 0.5                    half of the feed-forward units leave on the way
  tune-text --text more.txt --from runs/text                all weights of that model go on
  tune-text --text more.txt --from FOLDER --gate identity --trained gates
  tune-text --text more.txt --from FOLDER --trained lora --rank 8
Ctrl-C ends the training after the update under way and keeps the best model so far; a second one stops at once."
)]
struct Arguments {
    /// The text, in UTF-8, gzipped or not
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
    /// Fine-tune the model of this folder, with its tokens; by default a new model is trained
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["tokens", "layers", "heads", "width", "units", "untied"])]
    from: Option<PathBuf>,
    /// What the tokens of a new model are
    #[arg(long, value_enum, default_value = "characters")]
    tokens: Tokens,
    /// Tokens that a new model is trained to look back, or windows of fine-tuning have; by default 64, or as many as the model of `--from`
    /// has positions if these are fewer
    #[arg(long)]
    context: Option<usize>,
    /// Blocks of a new model
    #[arg(long, default_value_t = 4)]
    layers: usize,
    /// Heads of attention of a new model
    #[arg(long, default_value_t = 4)]
    heads: usize,
    /// Width of a new model
    #[arg(long, default_value_t = 128)]
    width: usize,
    /// Feed-forward units of each block of a new model; by default 8/3 of the width, rounded up to a multiple of 8
    #[arg(long)]
    units: Option<usize>,
    /// An output matrix of its own, in place of the embeddings
    #[arg(long)]
    untied: bool,
    /// Gates on the heads of attention; in place of those that a model has
    #[arg(long, value_enum)]
    gate: Option<Gate>,
    /// What is trained
    #[arg(long, value_enum, default_value = "all")]
    trained: What,
    /// Rank of the adapters of `--trained lora`
    #[arg(long, default_value_t = 8)]
    rank: usize,
    /// Scale of the adapters: alpha / rank
    #[arg(long, default_value_t = 16.0)]
    alpha: f64,
    /// Let feed-forward units leave while it is trained, the least important first, until this share of them is gone, such as 0.5: as many of
    /// each block, so that what is left is a smaller model of transformers. Updates become cheaper on the way. With `--trained all`
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    prune: Option<f64>,
    /// Budget: the cost of this many passes over the text with batches of 64 windows
    #[arg(long, default_value_t = 3.0)]
    epochs: f64,
    /// Seed of the initial weights, the order of the windows and where they begin
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The policy that adds to what the servo wants: `none`, `shipped`, or the policy.json of a training under the servo
    #[arg(long, default_value = "none")]
    policy: PathBuf,
    /// Folder for the model and its curve; by default runs/text, or runs/text-2 and so on if that is there
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Tokens {
    Characters,
    Bytes,
}

#[derive(Clone, Copy, ValueEnum)]
enum Gate {
    Identity,
    Sigmoid,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum What {
    All,
    Gates,
    Lora,
}

type Answer<T> = Result<T, Box<dyn Error>>;

/// Tokens of a window where nothing else is said.
const CONTEXT: usize = 64;

/// The share of the text that decides during the training, and that which is kept for the report: the last of it.
const HELD_OUT: f64 = 0.1;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) if interruption::is_wished() => ExitCode::from(130),
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A line of output. Who closes the pipe has read enough, and the training goes on.
fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}

/// The folder for the model, which is not there yet.
fn out(given: Option<&Path>) -> Answer<PathBuf> {
    // A link that stands for nothing is there too, and would be replaced.
    let taken = |folder: &Path| folder.is_symlink() || folder.exists();
    let Some(given) = given else {
        let numbered = (2..).map(|number| PathBuf::from(format!("runs/text-{number}")));
        let mut folders = std::iter::once(PathBuf::from("runs/text")).chain(numbered);
        let free = folders.find(|folder| !taken(folder)).unwrap_or_default();
        if free != Path::new("runs/text") {
            let free = free.display();
            say(&format!(
                "runs/text is there already: this model goes to {free}"
            ));
        }
        return Ok(free);
    };
    if taken(given) {
        let given = given.display();
        let allowed = "it is there already; choose another folder";
        return Err(format!("--out: {given} is not allowed; {allowed}").into());
    }
    Ok(given.to_owned())
}

fn run(arguments: &Arguments) -> Answer<()> {
    if !(1e-6..=1e9).contains(&arguments.epochs) {
        let given = arguments.epochs;
        return Err(
            format!("--epochs: {given} is not allowed; give a number from 1e-6 to 1e9").into(),
        );
    }
    let out = &out(arguments.out.as_deref())?;
    let pruning = pruning(arguments)?;
    let device = burn::tensor::Device::flex();
    let text = read_text(&arguments.text)?;
    if text.is_empty() {
        let file = arguments.text.display();
        return Err(format!("{file}: it is empty; give a text to learn from").into());
    }
    let base = match &arguments.from {
        Some(folder) => Some((Llama::load(folder, &device)?, Tokenizer::load(folder)?)),
        None => None,
    };
    let tokenizer = match &base {
        Some((_, tokenizer)) => tokenizer.clone(),
        None => Tokenizer::Vocabulary(Vocabulary::of(
            &text,
            match arguments.tokens {
                Tokens::Characters => TokenKind::Characters,
                Tokens::Bytes => TokenKind::Bytes,
            },
        )),
    };
    let gate = arguments.gate.map(|gate| match gate {
        Gate::Identity => GateKind::Identity,
        Gate::Sigmoid => GateKind::Sigmoid,
    });
    let most = base
        .as_ref()
        .map(|(model, _)| model.config().max_position_embeddings);
    let context = match (arguments.context, most) {
        (Some(given), Some(most)) if given > most => {
            return Err(format!(
                "--context: {given} is not allowed; give 1 to {most}, as the model of --from has positions"
            )
            .into());
        }
        (given, most) => given.unwrap_or(most.map_or(CONTEXT, |most| most.min(CONTEXT))),
    };
    let base = base.map(|(model, _)| match gate {
        Some(kind) => model.with_gates(kind),
        None => model,
    });
    let config = match &base {
        Some(model) => model.config().clone(),
        None => {
            let Arguments {
                layers,
                heads,
                width,
                ..
            } = *arguments;
            let usual = LlamaConfig::new(tokenizer.len(), width, layers, heads);
            LlamaConfig {
                intermediate_size: arguments.units.unwrap_or(usual.intermediate_size),
                max_position_embeddings: context,
                tie_word_embeddings: !arguments.untied,
                gate,
                ..usual
            }
        }
    };
    if tokenizer.len() > config.vocab_size {
        let (given, most) = (tokenizer.len(), config.vocab_size);
        return Err(format!("the tokenizer has {given} tokens, the model {most}").into());
    }
    let tokens = tokenizer.encode(&text)?;
    let split = SplitConfig {
        validation: Share::Fraction(HELD_OUT),
        test: Share::Fraction(HELD_OUT),
        ..SplitConfig::default()
    };
    let names = tokenizer.names(config.vocab_size);
    let name = arguments.text.to_string_lossy();
    let split = Arc::new(windows(&name, &tokens, names, context, &split)?);
    let trained = match arguments.trained {
        What::All => Trained::All,
        What::Gates => Trained::Gates,
        What::Lora => Trained::Lora {
            rank: arguments.rank,
            alpha: arguments.alpha,
        },
    };
    let rows = split.train.rows() as f64;
    let bytes = text.len() as f64 / tokens.len() as f64;
    let task = LlamaTask::new(name, Arc::clone(&split), config.clone(), trained)?;
    let task = task.with_bytes_per_token(bytes);
    say(&format!(
        "{} tokens of {}, {:.2} bytes each; a model of {:.2} million weights",
        tokens.len(),
        tokenizer.len(),
        bytes,
        config.weights() / 1e6
    ));
    // The first signal keeps what there is, the second keeps nothing.
    ctrlc::set_handler(|| {
        if interruption::wish() {
            std::process::exit(130);
        }
    })?;
    let training = TrainConfig {
        optimizer: OptimizerConfig::adam_w(),
        epochs: arguments.epochs,
        seed: arguments.seed,
        // A window costs a third of one that is trained on, so that the evaluations of some thirty segments are a tenth of the budget.
        validation_rows: Some(((arguments.epochs * rows / 100.0) as usize).max(32)),
        policy: policy(&arguments.policy)?,
        pruning,
        cost: cost(&config, context),
        ..TrainConfig::default()
    };
    match base {
        None => tune(task, &training, &tokenizer, out),
        Some(model) => {
            let begin = model.training(trained, arguments.seed)?;
            let task = FineTuning::new(task, &begin)?;
            tune(task, &training, &tokenizer, out)
        }
    }
}

/// What updates cost, in seconds of a core that makes 2e10 operations in one: six for each weight and token, forward and backward, and a
/// third of that forward (Kaplan et al. 2020, "Scaling laws for neural language models", section 2.1).
fn cost(config: &LlamaConfig, context: usize) -> UpdateTime {
    let example = 6.0 * config.weights() * context as f64 / 2e10;
    UpdateTime {
        per_update: 2e-3,
        per_example: example,
        per_evaluation: example / 3.0,
    }
}

/// How the model is pruned, if it is.
fn pruning(arguments: &Arguments) -> Answer<Option<Pruning>> {
    let Some(share) = arguments.prune else {
        return Ok(None);
    };
    let fault = |given: String, allowed: &str| {
        Err(format!("--prune: {given} is not allowed; give {allowed}").into())
    };
    if !(share > 0.0 && share < 1.0) {
        return fault(share.to_string(), "a share above 0 and below 1");
    }
    if arguments.trained != What::All {
        let allowed = "`--trained all` with it: the units of frozen weights have no gradients to tell which matter";
        let trained = arguments.trained.to_possible_value();
        let trained = trained.map_or(String::new(), |value| value.get_name().to_owned());
        return fault(format!("{share} with `--trained {trained}`"), allowed);
    }
    Ok(Some(Pruning {
        of: Measure::Units,
        // What is asked for is what leaves.
        least: 0.0,
        ..Pruning::to(share)
    }))
}

fn policy(path: &Path) -> Answer<Option<ResidualPolicy>> {
    let policy = match path.to_str() {
        Some("none") => return Ok(None),
        Some("shipped") => Policy::shipped()?,
        _ => Policy::load(path)?,
    };
    Ok(Some(policy.residual()?))
}

/// Trains, and writes the model, its tokens and its curve.
fn tune(
    task: impl Task<Model = Llama>,
    training: &TrainConfig,
    tokenizer: &Tokenizer,
    out: &Path,
) -> Answer<()> {
    let bar = ProgressBar::new(1000).with_style(ProgressStyle::with_template(
        "[{elapsed}] {bar:30} {percent}% {msg}, {eta} left",
    )?);
    let device = burn::tensor::Device::flex();
    let trained = train_watched(task, training, &device, &mut |underway| {
        if let Underway::Ended(ended) = underway {
            bar.set_position((1000.0 * ended.segment.spent / ended.budget) as u64);
            let left = ended.segment.report.pruned.as_ref();
            let left = left.map_or(String::new(), |pruned| {
                format!("; {:.0} % of the units are left", 100.0 * pruned.left)
            });
            let best = ended.segment.best_loss;
            bar.set_message(format!("validation loss {best:.3}{left}"));
        }
        Ok::<_, trimtab_env::Error>(match interruption::is_wished() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    })?;
    bar.finish_and_clear();
    trained.model.save(out)?;
    tokenizer.save(out)?;
    let curve = out.join("training.csv");
    write_whole(&curve, curve_of(&trained.segments).as_bytes())
        .map_err(|error| format!("{}: cannot be written: {error}", curve.display()))?;
    for warning in &trained.warnings {
        say(&format!("warning: {warning}"));
    }
    if let Some(pruned) = &trained.pruned {
        say(&format!(
            "pruned: {:.1} % of the feed-forward units are left{}, {} of each block; {:.3} million weights",
            100.0 * pruned.left,
            if pruned.excess > 0.0 {
                ", more than asked for, since the training ended before"
            } else {
                ""
            },
            trained.model.config().intermediate_size,
            pruned.weights as f64 / 1e6
        ));
    }
    let best = trained.outcome["best_validation_loss"];
    say(&format!("best validation loss: {best:.4} nats a token"));
    say(&figures(&trained.test));
    say(&format!(
        "to generate: generate --model {} --prompt TEXT --tokens 200 --temperature 0.8",
        out.display()
    ));
    Ok(())
}

fn figures(test: &TestReport) -> String {
    let metrics = test.metrics.iter();
    let metrics = metrics.map(|(name, figure)| format!(", {} {figure:.4}", name.replace('_', " ")));
    format!("test: loss {:.4}{}", test.loss, metrics.collect::<String>())
}

/// The segments as a table.
fn curve_of(segments: &[Segment]) -> String {
    let mut table =
        "cost,updates,learning_rate,batch_size,train_loss,validation_loss,bits_per_byte\n"
            .to_owned();
    for segment in segments {
        let number = |name| segment.settings.number(name).ok();
        let validation = segment.report.validation.as_ref();
        let bits = validation.and_then(|v| v.metrics.get("bits_per_byte").copied());
        let cells = [
            Some(segment.spent),
            Some(segment.report.updates as f64),
            number("learning_rate"),
            number("batch_size"),
            segment.report.train.map(|train| train.mean),
            validation.map(|validation| validation.loss),
            bits,
        ];
        let cells = cells.map(|cell| cell.map_or_else(String::new, |cell| cell.to_string()));
        table += &format!("{}\n", cells.join(","));
    }
    table
}

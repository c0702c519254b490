//! Generates text or tokens with a LLaMA of transformers, or compares its logits with recorded ones.

use clap::{ArgGroup, Parser};
use std::error::Error;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use trimtab_llama::{Generation, Llama, Recorded, Sampling, Tokenizer};

/// The largest difference to recorded logits that `--check` lets pass.
const TOLERANCE: f64 = 1e-3;

/// Generates text or tokens with a LLaMA of transformers, or compares its logits with recorded ones.
#[derive(Parser)]
#[command(version, group(ArgGroup::new("what").required(true).args(["check", "ids", "prompt"])))]
struct Arguments {
    /// The folder of the model: config.json, and model.safetensors or its shards
    #[arg(long, value_name = "FOLDER")]
    model: PathBuf,
    /// Print the largest difference to these logits, which is an error above 1e-3
    #[arg(long, value_name = "LOGITS.JSON")]
    check: Option<PathBuf>,
    /// The text to begin with: tokens are those of vocabulary.json, or of tokenizer.json, in the folder of the model
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// The tokens to begin with, as numbers: 1,2,3
    #[arg(long, value_delimiter = ',')]
    ids: Vec<u32>,
    /// New tokens at most; of more than the model has positions it sees the last
    #[arg(long, default_value_t = 16)]
    tokens: usize,
    /// Draw from the probabilities with logits divided by this, instead of taking the most probable token
    #[arg(long)]
    temperature: Option<f64>,
    /// Draw from the fewest most probable tokens that have this probability together
    #[arg(long)]
    top_p: Option<f64>,
    /// The seed of what is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Compute all positions again for every token
    #[arg(long)]
    no_cache: bool,
}

fn main() -> ExitCode {
    let answer = match answer(&Arguments::parse()) {
        Ok(answer) => answer,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    match writeln!(std::io::stdout(), "{answer}") {
        // Who closes the pipe has read enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// What to print: a line of tokens, the text with its prompt, or the difference.
fn answer(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let model = Llama::load(&arguments.model, &burn::tensor::Device::flex())?;
    if let Some(path) = &arguments.check {
        let difference = Recorded::load(path)?.largest_difference(&model)?;
        let line = format!("largest difference of a logit: {difference:.2e}");
        return if difference <= TOLERANCE {
            Ok(line)
        } else {
            Err(format!("{}: {line}, more than {TOLERANCE:.0e}", path.display()).into())
        };
    }
    let sampling = match (arguments.temperature, arguments.top_p) {
        (None, None) => Sampling::Greedy,
        (temperature, top_p) => Sampling::Nucleus {
            temperature: temperature.unwrap_or(1.0),
            top_p: top_p.unwrap_or(1.0),
        },
    };
    let generation = Generation {
        tokens: arguments.tokens,
        sampling,
        seed: arguments.seed,
        cache: !arguments.no_cache,
    };
    let Some(prompt) = &arguments.prompt else {
        let tokens = model.generate(&arguments.ids, &generation)?;
        let words: Vec<String> = tokens.iter().map(u32::to_string).collect();
        return Ok(words.join(","));
    };
    let tokenizer = Tokenizer::load(&arguments.model)?;
    let begin = tokenizer.prompt(prompt)?;
    let tokens = model.generate(&begin, &generation)?;
    // Together: the pieces of a word may be on both sides of the seam.
    Ok(tokenizer.decode(&[begin, tokens].concat())?)
}

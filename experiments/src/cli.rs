//! The command lines of the binaries, and all of them as one program. Nothing else in the workspace prints.
//!
//! Input: words of a command line. Output: calls of the other rooms, a table, and an exit code. Each command has a file of its own.
//!
//! | to find | look in |
//! |---|---|
//! | the commands, and a program that has all of them | this file |
//! | options that several commands share | `options` |
//! | Ctrl-C and exit codes; what is printed | `ending`, `output` |
//! | workers on other machines; who watches a run | `server`, `telemetry` |
//! | where a config comes from: a file, `--seed`, `--set` | `source` |

mod benchmark;
mod calibrate;
mod compare;
mod ending;
mod evaluate;
mod explain;
mod fit;
mod options;
mod output;
mod plot;
mod predict;
mod server;
mod source;
#[cfg(feature = "cluster")]
mod status;
mod telemetry;
mod train;
mod tune;
mod words;
#[cfg(feature = "cluster")]
mod work;

use ending::{INTERRUPTED, exit, stop_on_ctrl_c};
use options::{Backend, Machine, Threads, run_folder};
use output::{note_renamed_fields, print_json, say, tell, write};
use words::Words;

use crate::record::run_directory::{program, program_of};
use crate::train::config::EnvironmentConfig;
use crate::{Config, Error, Registry, Result};
use std::path::Path;
use std::process::ExitCode;

/// What a program does. Each is a binary of this crate, and a word after the name of a program of your own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Trains an agent.
    Train,
    /// Evaluates a policy on fresh seeds.
    Evaluate,
    /// Draws pictures again.
    Plot,
    /// Says what a policy looks at.
    Explain,
    /// Runs learners on environments with known answers.
    Benchmark,
    /// Compares methods of tuning.
    Compare,
    /// Tunes a training of the user's own data.
    Tune,
    /// Predicts with a tuned model.
    Predict,
    /// Fits the servo.
    Fit,
    /// Fits the cost model to the machine.
    Calibrate,
    /// Does the work of runs elsewhere.
    #[cfg(feature = "cluster")]
    Work,
    /// Says how a cluster stands.
    #[cfg(feature = "cluster")]
    Status,
}

impl Command {
    /// All of them, with what they do in a line.
    const ALL: &[(&str, Command, &str)] = &[
        ("train", Command::Train, "trains an agent and compares it"),
        (
            "evaluate",
            Command::Evaluate,
            "evaluates the policy of a run on fresh seeds",
        ),
        ("plot", Command::Plot, "draws the pictures of runs again"),
        ("explain", Command::Explain, "says what moves a policy"),
        (
            "benchmark",
            Command::Benchmark,
            "runs learners on environments whose answers are known",
        ),
        ("compare", Command::Compare, "compares methods of tuning"),
        ("tune", Command::Tune, "tunes a training of your own data"),
        (
            "predict",
            Command::Predict,
            "predicts new rows with a tuned model",
        ),
        (
            "fit",
            Command::Fit,
            "fits the servo to a distribution over trainings",
        ),
        (
            "calibrate",
            Command::Calibrate,
            "fits the cost model to this machine",
        ),
        #[cfg(feature = "cluster")]
        ("work", Command::Work, "does the work of runs elsewhere"),
        #[cfg(feature = "cluster")]
        ("status", Command::Status, "says how a cluster stands"),
    ];

    fn run(self, words: &Words, registry: &Registry) -> ExitCode {
        exit(|| match self {
            Self::Train => train::train(words, registry),
            Self::Evaluate => evaluate::evaluate(words, registry),
            Self::Plot => plot::plot(words),
            Self::Explain => explain::explain(words, registry),
            Self::Benchmark => benchmark::benchmark(words, registry),
            Self::Compare => compare::compare(words, registry),
            Self::Tune => tune::tune(words, registry),
            Self::Predict => predict::predict(words, registry),
            Self::Fit => fit::fit(words, registry),
            Self::Calibrate => calibrate::calibrate(words, registry),
            #[cfg(feature = "cluster")]
            Self::Work => work::work(words, registry),
            #[cfg(feature = "cluster")]
            Self::Status => status::status(words),
        })
    }

    /// The command as a program of its own, with the environments of `registry`: the body of the binary of its name.
    pub fn main(self, registry: &Registry) -> ExitCode {
        self.run(&Words::of_process(), registry)
    }
}

/// A program with all commands, such as `corridor evaluate runs/corridor`, and the environments of `registry`: the body of a
/// program of your own. Without the name of a command it trains.
///
/// ```no_run
/// use trimtab_env::{Environment, suite::Identity};
/// use trimtab_experiments::{Registry, cli};
/// fn main() -> std::process::ExitCode {
///     cli::main(&Registry::default().with("my-identity", |_| {
///         Ok(Box::new(Identity::new(3, 10)) as Box<dyn Environment>)
///     }))
/// }
/// ```
pub fn main(registry: &Registry) -> ExitCode {
    let words = Words::of_process();
    let first = words.first().unwrap_or_default();
    if ["help", "--help", "-h"].contains(&first.as_str()) {
        return exit(|| write(help()));
    }
    match Command::ALL.iter().find(|(name, ..)| *name == first) {
        Some((name, command, _)) => command.run(&words.after(name), registry),
        None => Command::Train.run(&words, registry),
    }
}

/// What a program with all commands can do.
fn help() -> String {
    let program = program();
    let commands = Command::ALL
        .iter()
        .map(|(name, _, what)| format!("  {name:<10} {what}\n"));
    format!(
        "Usage: {program} <COMMAND> [..], or {program} [..] for `{program} train [..]`\n\nCommands:\n{}\n`{program} <COMMAND> --help` says more\n",
        commands.collect::<String>()
    )
}

/// Checks that the environment of a run is one that this program knows.
///
/// # Errors
/// [`Error::OtherProgram`] with the command line of the program that made the run.
fn known(command: &str, run: &Path, config: &Config, registry: &Registry) -> Result<()> {
    let EnvironmentConfig::Named { name, .. } = &config.environment else {
        return Ok(());
    };
    let shipped = |program: &String| Command::ALL.iter().any(|(name, ..)| name == program);
    match program_of(run) {
        Some(other) if !registry.knows(name) && !shipped(&other) && other != program() => {
            Err(Error::OtherProgram {
                environment: name.clone(),
                command: format!("{other} {command} {}", run.display()),
                program: other,
            })
        }
        _ => Ok(()),
    }
}

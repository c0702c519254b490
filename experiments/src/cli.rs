//! The command lines of the binaries, and all of them as one program. Nothing else in the workspace prints.
//!
//! Input: words of a command line. Output: calls of the other rooms, a table, and an exit code. Each command has a file of its own.
//!
//! | to find | look in |
//! |---|---|
//! | options that several commands share; Ctrl-C; exit codes | this file |
//! | where a config comes from: a file, `--seed`, `--set` | `source` |

mod benchmark;
mod calibrate;
mod compare;
mod evaluate;
mod explain;
mod fit;
mod plot;
mod source;
mod train;
mod tune;
mod words;

use words::Words;

use crate::record::run_directory::{program, program_of};
use crate::train::config::EnvironmentConfig;
use crate::{Config, Error, Registry, Result, Workers};
use burn::tensor::Device;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use trimtab_env::bounds::check_count;
use trimtab_env::files::{is_standard_output, renamed};
use trimtab_env::interruption;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Exit code after Ctrl-C, as shells have it: 128 + SIGINT.
const EXIT_INTERRUPTED: u8 = 130;

/// The most threads that are asked for.
const MOST_THREADS: usize = 4096;

/// Options that decide how a program runs, but not its results.
#[derive(clap::Args)]
struct Machine {
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    backend: Backend,
}

/// How much happens at once.
#[derive(clap::Args)]
struct Threads {
    /// Threads; by default one for each core
    #[arg(long)]
    jobs: Option<usize>,
}

/// Where tensors are.
#[derive(clap::Args)]
struct Backend {
    /// Backend: flex, libtorch (feature tch), cuda, wgpu
    #[arg(long, default_value = "flex")]
    device: String,
}

impl Backend {
    fn device(&self) -> Result<Device> {
        Ok(trimtab_models::device(&self.device)?)
    }
}

impl Machine {
    /// Workers on this device, which share the cores.
    fn workers<'a>(&self, registry: &'a Registry) -> Result<Workers<'a>> {
        let (device, jobs) = (self.backend.device()?, self.threads.jobs()?);
        trimtab_models::divide_cores(&self.backend.device, jobs);
        Ok(Workers::new(jobs, device, registry, &INTERRUPTED))
    }
}

impl Threads {
    fn jobs(&self) -> Result<usize> {
        match self.jobs {
            Some(jobs) => {
                check_count("--jobs", jobs, 1..=MOST_THREADS)?;
                Ok(jobs)
            }
            None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
        }
    }
}

/// Writes to the standard output, at once.
///
/// # Errors
/// [`Error::File`]; if nobody reads any more, [`exit`] ends quietly.
fn write(text: impl Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    write!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(Error::file(Path::new("the standard output")))
}

/// Writes a line to the standard output.
fn say(line: impl Display) -> Result<()> {
    write(format_args!("{line}\n"))
}

/// Writes a line about what is in the file `out`: to the standard output, unless the file itself went there.
fn tell(out: &Path, line: impl Display) -> Result<()> {
    if is_standard_output(out) {
        eprintln!("{line}");
        return Ok(());
    }
    say(line)
}

/// One JSON object a line.
fn print_json<T: serde::Serialize>(rows: &[T]) -> Result<()> {
    for row in rows {
        let line = trimtab_env::json::to_string(row)
            .map_err(|error| Error::config("--json", error, "the table has the figures too"))?;
        say(line)?;
    }
    Ok(())
}

/// Says which fields of a config have another name now. The file is read all the same, and what is wrong with it is said there.
fn note_renamed_fields(config: &Path) {
    let text = std::fs::read_to_string(config).unwrap_or_default();
    for note in renamed::fields(&text).1 {
        eprintln!("note: {}: {note}", config.display());
    }
}

/// The folder of a run: the one that is given, or that of its name.
fn run_folder(out: Option<&Path>, name: &str) -> PathBuf {
    out.map_or_else(|| PathBuf::from("runs").join(name), Path::to_owned)
}

/// Makes the first Ctrl-C a wish to stop: segments end after the update under way. A second one stops at once; what is on disk stays whole
/// either way.
fn stop_on_ctrl_c() -> Result<()> {
    ctrlc::set_handler(|| {
        // Before the segments under way end, so that nobody takes them for whole ones.
        INTERRUPTED.store(true, Ordering::SeqCst);
        if interruption::wish() {
            std::process::exit(EXIT_INTERRUPTED.into());
        }
    })
    .map_err(|error| Error::config("Ctrl-C", error, "the handler could not be set"))
}

/// Runs `work` and turns its end into an exit code; an error goes to the error output as one line.
fn exit(work: impl FnOnce() -> Result<()>) -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has had enough, as `head` has: no error, and nobody to tell.
        Err(Error::File { source, .. }) if source.kind() == ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error @ (Error::Interrupted(_) | Error::Stopped(_) | Error::Kept(_))) => {
            eprintln!("{error}");
            ExitCode::from(EXIT_INTERRUPTED)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

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
}

impl Command {
    /// All of them, with what they do in a line.
    const ALL: [(&str, Command, &str); 10] = [
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
            Self::Predict => tune::predict(words, registry),
            Self::Fit => fit::fit(words, registry),
            Self::Calibrate => calibrate::calibrate(words),
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

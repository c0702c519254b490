//! The command lines of the binaries.

mod explain;
mod fit;
mod tune;

pub use explain::explain;
pub use fit::fit;
pub use tune::{predict, tune};

use crate::compare::{self, CompareConfig};
use crate::config::QUICKSTART;
use crate::observer::{Both, Progress};
use crate::run_directory::{read_events, read_json, write_json};
use crate::runner::{self, Options, recorded_references};
use crate::summary::{self, Summary};
use crate::tensorboard::TensorBoard;
use crate::{Config, Error, Registry, Result, benchmark, calibrate, evaluation, pictures};
use burn::tensor::Device;
use clap::Parser;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use trimtab_agent::Policy;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Exit code after Ctrl-C, as shells have it: 128 + SIGINT.
const EXIT_INTERRUPTED: u8 = 130;

/// Options that decide how a program runs, but not its results.
#[derive(clap::Args)]
struct Machine {
    /// Threads; by default one for each core
    #[arg(long)]
    jobs: Option<usize>,
    #[command(flatten)]
    backend: Backend,
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
    fn jobs(&self) -> Result<usize> {
        match self.jobs {
            Some(0) => Err(Error::config("--jobs", 0, "give at least 1")),
            Some(jobs) => Ok(jobs),
            None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
        }
    }
}

/// Where a config comes from.
#[derive(clap::Args)]
struct ConfigSource {
    /// Config file; without one the quick-start runs
    config: Option<PathBuf>,
    /// Seed, instead of the config's
    #[arg(long)]
    seed: Option<u64>,
    /// Sets one field of the config, as in --set training.updates=50; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl ConfigSource {
    fn load(&self) -> Result<Config> {
        let mut config = match &self.config {
            Some(folder) if folder.is_dir() => {
                let allowed = "give a config file; the folder of a run is given with --out";
                return Err(Error::config("config", folder.display(), allowed));
            }
            Some(path) => Config::load(path)?,
            None => Config::parse(QUICKSTART, "quickstart.ron")?,
        };
        for assignment in &self.set {
            config.set(assignment)?;
        }
        if let Some(seed) = self.seed {
            config.seed = seed;
        }
        Ok(config)
    }

    fn is_given(&self) -> bool {
        self.config.is_some() || self.seed.is_some() || !self.set.is_empty()
    }
}

/// Trains an agent, compares it with fixed settings and draws the result.
#[derive(Parser)]
#[command(
    name = "train",
    version,
    after_help = "Examples:
  train                                         the quick-start, into runs/quickstart
  train --seed 2 --out runs/second              another seed
  train my.ron --set training.updates=50        a config of your own, with one change
  train --resume --out runs/quickstart          go on after Ctrl-C or a crash"
)]
struct Train {
    #[command(flatten)]
    source: ConfigSource,
    #[command(flatten)]
    machine: Machine,
    /// Run directory; by default runs/<name>
    #[arg(long)]
    out: Option<PathBuf>,
    /// Go on with the run in the run directory, from its last checkpoint
    #[arg(long)]
    resume: bool,
    /// Write curves for TensorBoard too, into the folder `tensorboard` of the run directory
    #[arg(long)]
    tensorboard: bool,
    /// Print the resolved config and stop
    #[arg(long)]
    print_config: bool,
}

/// Evaluates the policy of a run on fresh seeds.
#[derive(Parser)]
#[command(
    name = "evaluate",
    version,
    after_help = "Examples:
  evaluate runs/quickstart                      fresh seeds, not those of the run's own evaluation
  evaluate runs/quickstart --seeds 30           more of them
  evaluate runs/quickstart --policy other.json  another policy in the same environment"
)]
struct Evaluate {
    /// Run directory
    run: PathBuf,
    /// Policy; by default the run's own
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Seeds a controller and task
    #[arg(long)]
    seeds: Option<usize>,
    #[command(flatten)]
    machine: Machine,
}

/// Draws the pictures of runs again, from their records.
#[derive(Parser)]
#[command(
    name = "plot",
    version,
    after_help = "Examples:
  plot runs/quickstart                          everything, into runs/quickstart/plots
  plot runs/compare                             the same of a comparison
  plot runs/a runs/b runs/c --out curve.png     one reward curve over several runs, with its spread"
)]
struct Plot {
    /// Run directories
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// With several runs: the file of their joint reward curve
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Runs learners on environments whose answers are known.
#[derive(Parser)]
#[command(
    name = "benchmark",
    version,
    after_help = "Examples:
  benchmark                                     everything
  benchmark CartPole-v1 --algorithm ppo         one of them
  benchmark 'leading-ones*' --seeds 2 --json    all whose name begins so, as JSON lines"
)]
struct Benchmark {
    /// Environments, by default all; a name that ends with * stands for all that begin like it
    names: Vec<String>,
    /// Only this learning rule: ppo, a2c, reinforce
    #[arg(long)]
    algorithm: Option<String>,
    /// Seeds of each
    #[arg(long, default_value_t = 4)]
    seeds: u64,
    /// Benchmarks from a file, instead of the bundled ones
    #[arg(long)]
    config: Option<PathBuf>,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    machine: Machine,
}

/// Compares methods of tuning on the same work, with every cost counted.
#[derive(Parser)]
#[command(
    name = "compare",
    version,
    after_help = "Examples:
  compare                                       the bundled comparison, into runs/compare
  compare my.ron --out runs/mine                one of your own; run it again to go on after a kill"
)]
struct Compare {
    /// Config file; without one the bundled comparison runs
    config: Option<PathBuf>,
    /// Run directory; by default runs/<name>. Results that are there already are kept
    #[arg(long)]
    out: Option<PathBuf>,
    /// Seeds of each method on each task, instead of the config's
    #[arg(long)]
    seeds: Option<u64>,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    machine: Machine,
}

/// Fits the cost model to the machine at hand and prints it as RON.
#[derive(Parser)]
#[command(
    name = "calibrate",
    version,
    after_help = "Example:
  calibrate my.ron                              the first task of my.ron; paste the line into `cost:`"
)]
struct Calibrate {
    #[command(flatten)]
    source: ConfigSource,
    #[command(flatten)]
    backend: Backend,
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

/// One JSON object a line.
fn print_json<T: serde::Serialize>(rows: &[T]) -> Result<()> {
    for row in rows {
        let line = serde_json::to_string(row)
            .map_err(|error| Error::config("--json", error, "the table has the figures too"))?;
        say(line)?;
    }
    Ok(())
}

/// The folder of a run: the one that is given, or that of its name.
fn run_folder(out: Option<&Path>, name: &str) -> PathBuf {
    out.map_or_else(|| PathBuf::from("runs").join(name), Path::to_owned)
}

/// Makes the first Ctrl-C a wish to stop at the next checkpoint, or after the segment under way. A second one stops at once; what is on disk stays whole
/// either way.
fn stop_on_ctrl_c() -> Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
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

/// The `train` binary, with the environments of `registry`. A program of your own calls it to train on environments of
/// its own.
pub fn train(registry: &Registry) -> ExitCode {
    let arguments = Train::parse();
    exit(|| {
        let config = arguments.source.load()?;
        if arguments.print_config {
            config.validate()?;
            write(config.to_ron()?)?;
            return Ok(());
        }
        stop_on_ctrl_c()?;
        let out = run_folder(arguments.out.as_deref(), &config.name);
        let options = Options {
            out: out.clone(),
            jobs: arguments.machine.jobs()?,
            device: arguments.machine.backend.device()?,
            registry,
            interrupted: &INTERRUPTED,
        };
        let mut board = (arguments.tensorboard).then(|| TensorBoard::new(&out.join("tensorboard")));
        let mut observer = Both(Progress::default(), board.as_mut());
        let summary = if arguments.resume {
            if arguments.source.is_given() {
                return Err(Error::config(
                    "--resume",
                    "with a config",
                    "a resumed run goes on with its own config; name it with --out alone",
                ));
            }
            runner::resume(&options, &mut observer).map(|(_, summary)| summary)
        } else {
            runner::train(&config, &options, &mut observer)
        };
        // The run is whole without its curves.
        if let Some(Err(error)) = board.map(TensorBoard::finish) {
            eprintln!("warning: the curves for TensorBoard are not whole: {error}");
        }
        let summary = summary?;
        let references = recorded_references(&read_events(&out)?);
        write(summary::table(&summary, &references))?;
        let clock = std::time::Instant::now();
        pictures::draw(&out)?;
        say(phases(&summary, clock.elapsed().as_secs_f64()))?;
        say(format_args!("everything is in {}", out.display()))?;
        Ok(())
    })
}

fn phases(summary: &Summary, drawing: f64) -> String {
    let phases = &summary.phases;
    format!(
        "return {:.2} in the first tenth of {} episodes, {:.2} in the last; {:.0} s: fixed settings {:.0}, rollouts {:.0}, updates {:.0}, evaluation {:.0}, writing {:.1}, drawing {:.1}",
        summary.return_first,
        summary.episodes,
        summary.return_last,
        summary.wall_seconds + drawing,
        phases.reference,
        phases.rollout,
        phases.update,
        phases.evaluation,
        phases.writing,
        drawing
    )
}

/// The `evaluate` binary.
pub fn evaluate(registry: &Registry) -> ExitCode {
    let arguments = Evaluate::parse();
    exit(|| {
        let mut config = Config::load(&arguments.run.join("config.ron"))?;
        if let Some(seeds) = arguments.seeds {
            config.evaluation.seeds = seeds;
        }
        config.validate()?;
        let policy = Policy::load(
            arguments
                .policy
                .clone()
                .unwrap_or_else(|| arguments.run.join("policy.json")),
        )?;
        let device = arguments.machine.backend.device()?;
        let jobs = arguments.machine.jobs()?;
        let mut summary: Summary = read_json(&arguments.run.join("summary.json"))?;
        let references = recorded_references(&read_events(&arguments.run)?);
        // The run's own evaluation used the seeds before this one.
        const FIRST: u64 = 1_000_000;
        let mut progress = Progress::default();
        let records = match crate::environments::Tuning::prepare(&config, &device)? {
            Some(tuning) => evaluation::tuning(
                &config,
                &tuning,
                &references,
                &policy,
                FIRST,
                jobs,
                &mut progress,
            )?,
            None => evaluation::named(&config, registry, &policy, FIRST, &mut progress)?,
        };
        (summary.evaluation, summary.tasks) = summary::controllers(&records);
        summary.paired = summary::paired(&records);
        write(summary::table(&summary, &references))?;
        Ok(())
    })
}

/// The `plot` binary.
pub fn plot() -> ExitCode {
    let arguments = Plot::parse();
    exit(|| match (&arguments.out, arguments.runs.as_slice()) {
        (Some(out), runs) => {
            pictures::reward_curve_of(runs, out)?;
            say(out.display())?;
            Ok(())
        }
        (None, runs) => {
            for run in runs {
                let drawn = if pictures::is_comparison(run) {
                    pictures::draw_comparison(run)?
                } else {
                    pictures::draw(run)?
                };
                for path in drawn {
                    say(path.display())?;
                }
            }
            Ok(())
        }
    })
}

/// The `calibrate` binary.
pub fn calibrate() -> ExitCode {
    let arguments = Calibrate::parse();
    exit(|| {
        let config = arguments.source.load()?;
        config.validate()?;
        let device = arguments.backend.device()?;
        let (measured, time) = calibrate::calibrate(&config, &device)?;
        say(format_args!(
            "{:>10}  {:>18}  {:>18}",
            "batch size", "measured (us)", "fitted (us)"
        ))?;
        for (batch, seconds) in measured {
            say(format_args!(
                "{batch:>10}  {:>18.1}  {:>18.1}",
                seconds * 1e6,
                time.update(batch) * 1e6
            ))?;
        }
        say(format_args!(
            "cost: Modelled((per_update: {:.3e}, per_example: {:.3e}, per_evaluation: {:.3e})),",
            time.per_update, time.per_example, time.per_evaluation
        ))?;
        Ok(())
    })
}

/// The `benchmark` binary, with the environments of `registry`.
pub fn benchmark(registry: &Registry) -> ExitCode {
    let arguments = Benchmark::parse();
    exit(|| {
        let benchmarks = match &arguments.config {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
                benchmark::parse(&text, &path.display().to_string())?
            }
            None => benchmark::parse(benchmark::BENCHMARKS, "benchmark.ron")?,
        };
        let names = &arguments.names;
        let selected = benchmark::select(&benchmarks, names, arguments.algorithm.as_deref())?;
        let device = arguments.machine.backend.device()?;
        let jobs = arguments.machine.jobs()?;
        let mut progress = Progress::default();
        for (index, benchmark) in selected.iter().enumerate() {
            let records = benchmark.run(registry, arguments.seeds, jobs, &device, &mut progress)?;
            if arguments.json {
                print_json(&records)?;
                continue;
            }
            if index == 0 {
                say(benchmark::table_head())?;
            }
            say(benchmark::table_row(benchmark, &records))?;
        }
        Ok(())
    })
}

/// The `compare` binary.
pub fn compare() -> ExitCode {
    let arguments = Compare::parse();
    exit(|| {
        let mut config = match &arguments.config {
            Some(path) => CompareConfig::load(path)?,
            None => CompareConfig::parse(compare::config::COMPARE, "compare.ron")?,
        };
        if let Some(seeds) = arguments.seeds {
            config.seeds = seeds;
        }
        let file = arguments.config.as_deref();
        let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let config = config.with_policies(folder)?;
        stop_on_ctrl_c()?;
        let out = run_folder(arguments.out.as_deref(), &config.name);
        let device = arguments.machine.backend.device()?;
        let jobs = arguments.machine.jobs()?;
        let mut progress = Progress::default();
        let lines = compare::compare(&config, &out, jobs, &device, &INTERRUPTED, &mut progress)?;
        let report = compare::report(&config, &lines);
        write_json(&out.join("report.json"), &report)?;
        let drawn = pictures::draw_comparison(&out)?;
        if arguments.json {
            print_json(&report.methods)?;
        } else {
            write(compare::report::table(&report))?;
            for path in drawn {
                say(path.display())?;
            }
        }
        Ok(())
    })
}

//! The command line of `benchmark`.

use super::server::Elsewhere;
use super::telemetry::Watched;
use super::{INTERRUPTED, Threads, Words, print_json, say};
use crate::record::observer::Progress;
use crate::train::config::MOST_RUNS;
use crate::{Error, Registry, Result, Workers, train::benchmark};
use clap::Parser;
use std::path::PathBuf;
use trimtab_env::bounds::check_count;

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
    threads: Threads,
    #[command(flatten)]
    elsewhere: Elsewhere,
    #[command(flatten)]
    watched: Watched,
}

/// The command `benchmark`.
pub(super) fn benchmark(words: &Words, registry: &Registry) -> Result<()> {
    let arguments: Benchmark = words.parse();
    let benchmarks = match &arguments.config {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
            benchmark::parse(&text, &path.display().to_string())?
        }
        None => benchmark::parse(benchmark::BENCHMARKS, "benchmark.ron")?,
    };
    let names = &arguments.names;
    let selected = benchmark::select(&benchmarks, names, arguments.algorithm.as_deref())?;
    check_count("--seeds", arguments.seeds as usize, 1..=MOST_RUNS)?;
    let jobs = arguments.threads.jobs()?;
    let device = trimtab_models::device("flex")?;
    let _watch = arguments.watched.watch("benchmark")?;
    let workers = Workers::new(jobs, device, registry, &INTERRUPTED);
    let workers = arguments.elsewhere.join(workers, "flex", None)?;
    let mut progress = Progress::default();
    for (index, benchmark) in selected.iter().enumerate() {
        let records = benchmark.run(arguments.seeds, &workers, &mut progress)?;
        if arguments.json {
            print_json(&records)?;
            continue;
        }
        if index == 0 {
            say(benchmark::table_head())?;
        }
        say(benchmark::table_row(benchmark, &records))?;
    }
    workers.finish();
    Ok(())
}

//! The command line of `evaluate`.

use super::{Machine, Words, known, write};
use crate::record::observer::Progress;
use crate::record::run_directory::{read_events, read_json};
use crate::record::summary::{self, Summary};
use crate::train::rollouts::tuning;
use crate::train::runner::recorded_references;
use crate::{Config, Error, Registry, Result, train::evaluation};
use clap::Parser;
use std::path::PathBuf;
use trimtab_agent::Policy;

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

/// The command `evaluate`.
pub(super) fn evaluate(words: &Words, registry: &Registry) -> Result<()> {
    let arguments: Evaluate = words.parse();
    let mut config = Config::load(&arguments.run.join("config.ron"))?;
    if let Some(seeds) = arguments.seeds {
        config.evaluation.seeds = seeds;
    }
    config.validate()?;
    known("evaluate", &arguments.run, &config, registry)?;
    let own = arguments.run.join("policy.json");
    if !own.exists() {
        return Err(Error::NoRun {
            path: arguments.run.clone(),
            problem: format!(
                "its training has not come to its end, and there is no policy.json yet; go on with `train --resume --out {}`",
                arguments.run.display()
            ),
        });
    }
    let policy = Policy::load(arguments.policy.clone().unwrap_or(own))?;
    let _watch = arguments.machine.watched.watch("evaluate")?;
    let workers = arguments.machine.workers(registry, None)?;
    let mut summary: Summary = read_json(&arguments.run.join("summary.json"))?;
    let references = recorded_references(&read_events(&arguments.run)?);
    // The run's own evaluation used the seeds before this one.
    const FIRST: u64 = 1_000_000;
    let mut progress = Progress::default();
    let records = match tuning(&config, &workers)? {
        Some(tuning) => {
            let (references, progress) = (&references, &mut progress);
            evaluation::tuning(
                &config, &tuning, references, &policy, FIRST, &workers, progress,
            )?
        }
        None => evaluation::named(&config, &policy, FIRST, &workers, &mut progress)?,
    };
    workers.finish();
    (summary.evaluation, summary.tasks) = summary::controllers(&records);
    summary.paired = summary::paired(&records);
    write(summary::table(&summary, &references))?;
    Ok(())
}

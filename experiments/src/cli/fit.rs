//! The command line of `fit`.

use super::{Machine, Words, note_renamed_fields, run_folder, say, stop_on_ctrl_c};
use crate::record::observer::Progress;
use crate::train::fit::{self, FitConfig};
use crate::{Registry, Result};
use clap::Parser;
use std::path::PathBuf;
use trimtab_agent::searcher::optuna::Journal;

/// Fits the context servo to a distribution over training tasks.
#[derive(Parser)]
#[command(
    name = "fit",
    version,
    after_help = "Examples:
  fit                                           the bundled fit, into runs/fit
  fit my.ron --out runs/mine                    one of your own; run it again to go on after a kill"
)]
struct Fit {
    /// Config file; without one the bundled fit runs
    config: Option<PathBuf>,
    /// Run directory; by default runs/<name>. Generations that are there already are kept
    #[arg(long)]
    out: Option<PathBuf>,
    /// Journal of Optuna that shows the fit while it goes on, for optuna-dashboard and optuna.load_study
    #[arg(long, value_name = "JOURNAL")]
    optuna: Option<PathBuf>,
    #[command(flatten)]
    machine: Machine,
}

/// The command `fit`.
pub(super) fn fit(words: &Words, registry: &Registry) -> Result<()> {
    let arguments: Fit = words.parse();
    let config = match &arguments.config {
        Some(path) => {
            note_renamed_fields(path);
            FitConfig::load(path)?
        }
        None => FitConfig::parse(fit::FIT, "fit.ron")?,
    };
    stop_on_ctrl_c()?;
    let out = run_folder(arguments.out.as_deref(), &config.name);
    let _watch = arguments.machine.watched.watch("fit")?;
    let workers = arguments.machine.workers(registry, Some(&out))?;
    let journal = arguments.optuna.as_deref().map(Journal::open).transpose()?;
    let mut progress = Progress::default();
    let fit = fit::fit(&config, &out, &workers, journal.as_ref(), &mut progress)?;
    workers.finish();
    say(format_args!(
        "{} runs; on {} tasks that it has not played the fit is {:+.3} ± {:.3} from where it began (mean log ratio of the best validation loss), better on {:.0} %",
        fit.runs,
        config.check,
        fit.gain,
        fit.standard_error,
        100.0 * fit.wins
    ))?;
    say(out.join("context_servo.ron").display())
}

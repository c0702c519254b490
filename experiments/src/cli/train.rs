//! The command line of `train`.

use super::source::ConfigSource;
use super::{Machine, Words, known, output, run_folder, say, stop_on_ctrl_c, write};
use crate::record::observer::{Both, Progress};
use crate::record::run_directory::read_events;
use crate::record::summary::{self, Summary};
use crate::record::tensorboard::TensorBoard;
use crate::train::config::EnvironmentConfig;
use crate::train::runner::{self, recorded_references};
use crate::{Config, Error, Registry, Result, page, plot::pictures};
use clap::Parser;
use std::path::PathBuf;
use trimtab_env::Part;

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
    #[command(flatten)]
    machine: Machine,
}

/// The command `train`.
pub(super) fn train(words: &Words, registry: &Registry) -> Result<()> {
    let arguments: Train = words.parse();
    let config = arguments.source.load()?;
    if arguments.print_config {
        config.validate()?;
        if let EnvironmentConfig::Named { name, parameters } = &config.environment {
            registry.build(name, parameters, Part::Train)?;
        }
        write(config.to_ron()?)?;
        return Ok(());
    }
    stop_on_ctrl_c()?;
    let out = run_folder(arguments.out.as_deref(), &config.name);
    if arguments.resume
        && let Ok(config) = Config::load(&out.join("config.ron"))
    {
        known("train --resume --out", &out, &config, registry)?;
    }
    let _watch = arguments.machine.watched.watch("train")?;
    let workers = arguments.machine.workers(registry, Some(&out))?;
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
        runner::resume(&out, &workers, &mut observer).map(|(_, summary)| summary)
    } else {
        runner::train(&config, &out, &workers, &mut observer)
    };
    // The run is whole without its curves.
    if let Some(Err(error)) = board.map(TensorBoard::finish) {
        eprintln!("warning: the curves for TensorBoard are not whole: {error}");
    }
    let summary = summary?;
    workers.finish();
    let references = recorded_references(&read_events(&out)?);
    write(summary::table(&summary, &references))?;
    let clock = std::time::Instant::now();
    let drawn = pictures::draw(&out)?;
    output::page(page::experiment(&out, &drawn));
    say(phases(&summary, clock.elapsed().as_secs_f64()))?;
    say(format_args!("everything is in {}", out.display()))?;
    Ok(())
}

fn phases(summary: &Summary, drawing: f64) -> String {
    let phases = &summary.phases;
    let returns = match summary.episodes {
        0 => "no episode has ended".to_owned(),
        episodes => format!(
            "return {:.2} in the first tenth of {episodes} episodes, {:.2} in the last",
            summary.return_first, summary.return_last
        ),
    };
    format!(
        "{returns}; {:.0} s: fixed settings {:.0}, rollouts {:.0}, updates {:.0}, evaluation {:.0}, writing {:.1}, drawing {:.1}",
        summary.wall_seconds + drawing,
        phases.reference,
        phases.rollout,
        phases.update,
        phases.evaluation,
        phases.writing,
        drawing
    )
}

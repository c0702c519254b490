//! The command line of `calibrate`.

use super::source::ConfigSource;
use super::{Backend, Words, say, write};
use crate::record::columns::{self, PLAIN};
use crate::{Registry, Result, train::calibrate};
use clap::Parser;

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

/// The command `calibrate`.
pub(super) fn calibrate(words: &Words, registry: &Registry) -> Result<()> {
    let arguments: Calibrate = words.parse();
    let config = arguments.source.load()?;
    config.validate()?;
    let device = arguments.backend.device()?;
    let (measured, time) = calibrate::calibrate(&config, &device, registry.extensions())?;
    let headings = ["batch size", "measured (us)", "fitted (us)"];
    let rows = measured.iter().map(|(batch, seconds)| {
        let fitted = time.update(*batch);
        [
            batch.to_string(),
            format!("{:.1}", seconds * 1e6),
            format!("{:.1}", fitted * 1e6),
        ]
    });
    write(columns::table(PLAIN, &[], headings, rows))?;
    say(format_args!(
        "cost: Modelled((per_update: {:.3e}, per_example: {:.3e}, per_evaluation: {:.3e})),",
        time.per_update, time.per_example, time.per_evaluation
    ))?;
    Ok(())
}

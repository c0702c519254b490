//! The command line of `plot`.

use super::{Words, output, say, tell};
use crate::{Error, Result, page, plot::pictures};
use clap::Parser;
use std::path::PathBuf;

/// Draws the pictures of runs and writes their pages again, from their records.
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

/// The command `plot`.
pub(super) fn plot(words: &Words) -> Result<()> {
    let arguments: Plot = words.parse();
    match (&arguments.out, arguments.runs.as_slice()) {
        (Some(out), runs) => {
            if out.extension().is_none_or(|ending| ending != "png") {
                let allowed = "pictures are PNG: give a name that ends in .png";
                return Err(Error::config("--out", out.display(), allowed));
            }
            pictures::reward_curve_of(runs, out)?;
            tell(out, out.display())?;
            Ok(())
        }
        (None, runs) => {
            for run in runs {
                let (mut drawn, written) = if pictures::is_comparison(run) {
                    let drawn = pictures::draw_comparison(run)?;
                    let written = page::comparison(run, &drawn);
                    (drawn, written)
                } else {
                    let drawn = pictures::draw(run)?;
                    let written = page::experiment(run, &drawn);
                    (drawn, written)
                };
                drawn.extend(output::page(written));
                for path in drawn {
                    say(path.display())?;
                }
            }
            Ok(())
        }
    }
}

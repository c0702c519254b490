//! The command line of `compare`.

use super::{
    Machine, Words, note_renamed_fields, output, print_json, run_folder, say, stop_on_ctrl_c, write,
};
use crate::compare::{self, CompareConfig};
use crate::record::observer::Progress;
use crate::record::run_directory::write_json;
use crate::{Error, Registry, Result, page, plot::pictures};
use clap::Parser;
use std::path::{Path, PathBuf};
use trimtab_agent::searcher::optuna::Journal;
use trimtab_env::search::config_space;

/// Compares methods of tuning on the same work, with every cost counted.
#[derive(Parser)]
#[command(
    name = "compare",
    version,
    after_help = "Examples:
  compare                                       the bundled comparison, into runs/compare
  compare my.ron --out runs/mine                one of your own; run it again to go on after a kill
  compare my.ron --optuna study.log             its searches for optuna-dashboard, while they go on"
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
    /// Journal of Optuna that shows every search while it goes on, for optuna-dashboard and optuna.load_study
    #[arg(long, value_name = "JOURNAL")]
    optuna: Option<PathBuf>,
    /// Search space as JSON of ConfigSpace, instead of the config's
    #[arg(long, value_name = "JSON")]
    space: Option<PathBuf>,
    /// Print the search space as JSON of ConfigSpace and stop
    #[arg(long)]
    print_space: bool,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    machine: Machine,
}

/// The command `compare`.
pub(super) fn compare(words: &Words, registry: &Registry) -> Result<()> {
    let arguments: Compare = words.parse();
    let mut config = match &arguments.config {
        Some(path) => {
            note_renamed_fields(path);
            CompareConfig::load(path)?
        }
        None => CompareConfig::parse(compare::config::COMPARE, "compare.ron")?,
    };
    if let Some(seeds) = arguments.seeds {
        config.seeds = seeds;
    }
    let file = arguments.config.as_deref();
    let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
    if let Some(path) = &arguments.space {
        let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
        let read = config_space::read(&text);
        let (space, left_out) = read.map_err(|error| error.within(&path.display().to_string()))?;
        note_left_out(path.display(), left_out);
        config.space = space;
    }
    if arguments.print_space {
        let (text, left_out) = config_space::write(&config.space, &config.name);
        note_left_out("the space", left_out);
        return write(text);
    }
    let config = config.with_files(folder)?;
    note_left_out("warm starts", config.left_out_of_warm_starts()?);
    stop_on_ctrl_c()?;
    let out = run_folder(arguments.out.as_deref(), &config.name);
    let _watch = arguments.machine.watched.watch("compare")?;
    let workers = arguments.machine.workers(registry, Some(&out))?;
    let journal = arguments.optuna.as_deref().map(Journal::open).transpose()?;
    let mut progress = Progress::default();
    let lines = compare::compare(&config, &out, &workers, journal.as_ref(), &mut progress)?;
    workers.finish();
    let report = compare::report(&config, &lines);
    write_json(&out.join("report.json"), &report)?;
    let mut drawn = pictures::draw_comparison(&out)?;
    drawn.extend(output::page(page::comparison(&out, &drawn)));
    if arguments.json {
        print_json(&report.methods)?;
    } else {
        write(compare::table(&report))?;
        for path in drawn {
            say(path.display())?;
        }
    }
    Ok(())
}

/// Says what one side of a file cannot say, which is left out.
fn note_left_out(of: impl std::fmt::Display, lines: Vec<String>) {
    for line in lines {
        eprintln!("note: {of}: left out: {line}");
    }
}

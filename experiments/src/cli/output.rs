//! What is written to the standard output.

use crate::{Error, Result};
use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use trimtab_env::files::{is_standard_output, renamed};

/// Writes to the standard output, at once.
///
/// # Errors
/// [`Error::File`]; if nobody reads any more, [`exit`] ends quietly.
pub(super) fn write(text: impl Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    write!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(Error::file(Path::new("the standard output")))
}

/// Writes a line to the standard output.
pub(super) fn say(line: impl Display) -> Result<()> {
    write(format_args!("{line}\n"))
}

/// Writes a line about what is in the file `out`: to the standard output, unless the file itself went there.
pub(super) fn tell(out: &Path, line: impl Display) -> Result<()> {
    if is_standard_output(out) {
        eprintln!("{line}");
        return Ok(());
    }
    say(line)
}

/// The page of a run, if it could be written: the run is whole without it.
pub(super) fn page(written: Result<PathBuf>) -> Option<PathBuf> {
    written
        .inspect_err(|error| eprintln!("warning: the page is not written: {error}"))
        .ok()
}

/// One JSON object a line.
pub(super) fn print_json<T: serde::Serialize>(rows: &[T]) -> Result<()> {
    for row in rows {
        let line = trimtab_env::json::to_string(row)
            .map_err(|error| Error::config("--json", error, "the table has the figures too"))?;
        say(line)?;
    }
    Ok(())
}

/// Says which fields of a config have another name now. The file is read all the same, and what is wrong with it is said there.
pub(super) fn note_renamed_fields(config: &Path) {
    let text = std::fs::read_to_string(config).unwrap_or_default();
    for note in renamed::fields(&text).1 {
        eprintln!("note: {}: {note}", config.display());
    }
}

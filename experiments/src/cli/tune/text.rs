//! `tune --text`: a language model is tuned by a program of its own, `tune-text`, which takes over with the same words.
//!
//! It is of the crate `trimtab-llama`, which this one does without. As git and cargo have it with the programs of their subcommands, it
//! is looked for next to this program.

use crate::cli::Words;
use crate::{Error, Result};
use std::env::consts::EXE_SUFFIX;
use std::process::Command;

/// Becomes `tune-text` if the words have `--text`, and otherwise does nothing.
///
/// # Errors
/// If there is no such program, with how to build it.
pub(super) fn hand_over(words: &Words) -> Result<()> {
    if !words.have("--text") {
        return Ok(());
    }
    let this = std::env::current_exe().unwrap_or_default();
    let program = this.with_file_name(format!("tune-text{EXE_SUFFIX}"));
    if !program.is_file() {
        let allowed = "language models are tuned by the program tune-text, which is to be in the same folder: \
                       cargo build --release -p trimtab-llama --bin tune-text";
        return Err(Error::config("--text", program.display(), allowed));
    }
    let mut command = Command::new(&program);
    command.args(words.all());
    // In its place, so that signals and the exit code are those of the one program that there is.
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        Err(Error::file(&program)(command.exec()))
    }
    #[cfg(not(unix))]
    {
        let ended = command.status().map_err(Error::file(&program))?;
        std::process::exit(ended.code().unwrap_or(1))
    }
}

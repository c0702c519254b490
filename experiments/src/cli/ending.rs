//! How a command ends: Ctrl-C, and exit codes.

use crate::{Error, Result};
use std::io::ErrorKind;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use trimtab_env::interruption;

pub(super) static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Exit code after Ctrl-C, as shells have it: 128 + SIGINT.
const EXIT_INTERRUPTED: u8 = 130;

/// Makes the first Ctrl-C a wish to stop: segments end after the update under way. A second one stops at once; what is on disk stays whole
/// either way.
pub(super) fn stop_on_ctrl_c() -> Result<()> {
    ctrlc::set_handler(|| {
        // Before the segments under way end, so that nobody takes them for whole ones.
        INTERRUPTED.store(true, Ordering::SeqCst);
        if interruption::wish() {
            std::process::exit(EXIT_INTERRUPTED.into());
        }
    })
    .map_err(|error| Error::config("Ctrl-C", error, "the handler could not be set"))
}

/// Runs `work` and turns its end into an exit code; an error goes to the error output as one line.
pub(super) fn exit(work: impl FnOnce() -> Result<()>) -> ExitCode {
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

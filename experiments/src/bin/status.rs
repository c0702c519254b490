//! Shows how a cluster of workers stands.

use std::process::ExitCode;
use trimtab_experiments::Registry;
use trimtab_experiments::cli::Command;

/// Trainings this small spend much of their time in the allocator; this one is measured to be faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Command::Status.main(&Registry::default())
}

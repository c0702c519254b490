//! Predicts new rows with a model that `tune` trained.

use std::process::ExitCode;
use trimtab_experiments::cli;

/// Trainings this small spend much of their time in the allocator; this one is measured to be faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::predict()
}

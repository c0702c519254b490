//! Runs learners on environments whose answers are known.

use std::process::ExitCode;
use trimtab_experiments::{Registry, cli};

/// Policies this small spend much of their time in the allocator; this one is measured to be faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::benchmark(&Registry::default())
}

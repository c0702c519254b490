//! Options that several commands share: threads, backend, folders.

use super::ending::INTERRUPTED;
use super::server::Elsewhere;
use super::telemetry::Watched;
use crate::{Registry, Result, Workers};
use burn::tensor::Device;
use std::path::{Path, PathBuf};
use trimtab_env::bounds::check_count;

/// The most threads that are asked for.
const MOST_THREADS: usize = 4096;

/// Options that decide how a program runs, but not its results.
#[derive(clap::Args)]
pub(super) struct Machine {
    #[command(flatten)]
    pub(super) threads: Threads,
    #[command(flatten)]
    pub(super) backend: Backend,
    #[command(flatten)]
    pub(super) elsewhere: Elsewhere,
    #[command(flatten)]
    pub(super) watched: Watched,
}

/// How much happens at once.
#[derive(clap::Args)]
pub(super) struct Threads {
    /// Threads; by default one for each core
    #[arg(long)]
    pub(super) jobs: Option<usize>,
}

/// Where tensors are.
#[derive(clap::Args)]
pub(super) struct Backend {
    /// Backend: flex, libtorch (feature tch), cuda, wgpu
    #[arg(long, default_value = "flex")]
    pub(super) device: String,
}

impl Backend {
    pub(super) fn device(&self) -> Result<Device> {
        Ok(trimtab_models::device(&self.device)?)
    }
}

impl Machine {
    /// Workers on this device, which share the cores; or those of a cluster, for a run that writes to `folder`.
    pub(super) fn workers<'a>(
        &self,
        registry: &'a Registry,
        folder: Option<&Path>,
    ) -> Result<Workers<'a>> {
        let (device, jobs) = (self.backend.device()?, self.threads.jobs()?);
        trimtab_models::divide_cores(&self.backend.device, jobs);
        let workers = Workers::new(jobs, device, registry, &INTERRUPTED);
        self.elsewhere.join(workers, &self.backend.device, folder)
    }
}

impl Threads {
    pub(super) fn jobs(&self) -> Result<usize> {
        match self.jobs {
            Some(jobs) => {
                check_count("--jobs", jobs, 1..=MOST_THREADS)?;
                Ok(jobs)
            }
            None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
        }
    }
}

/// The folder of a run: the one that is given, or that of its name.
pub(super) fn run_folder(out: Option<&Path>, name: &str) -> PathBuf {
    out.map_or_else(|| PathBuf::from("runs").join(name), Path::to_owned)
}

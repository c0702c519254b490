//! The command line of `work`.

use super::options::{Backend, Threads};
use super::server::{Credentials, notice};
use super::telemetry::Watched;
use super::{INTERRUPTED, Words, say};
use crate::cluster::{Hands, fingerprint};
use crate::{Error, Registry, Result};
use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;
use trimtab_cluster::worker::{WorkerOptions, work as work_for};

/// Does the work of runs elsewhere, until it is told to stop.
#[derive(Parser)]
#[command(
    name = "work",
    version,
    after_help = "Examples:
  work                                          for a server on this machine, on all cores
  work --server nats://10.0.0.1:4222 --jobs 8   for one elsewhere, eight units at once

SIGTERM and Ctrl-C make it finish the units that it has, hand back the others, and leave; a second one ends it at once."
)]
struct Work {
    /// The server, such as nats://host:4222; several of a cluster with commas
    #[arg(long, default_value = "nats://127.0.0.1:4222")]
    server: String,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    backend: Backend,
    /// Where data are kept, and results while they cannot be delivered
    #[arg(long, default_value = "worker")]
    folder: PathBuf,
    /// Most GiB of data that it keeps below its folder for later jobs; what was not used for the longest leaves, and what open jobs use stays
    #[arg(long, value_name = "GIB", default_value_t = 6.0, value_parser = gib)]
    keep: f64,
    /// Seconds that it may finish what it has once it is told to stop
    #[arg(long, default_value_t = 30)]
    drain: u64,
    /// Seconds without the end of a segment, or another sign of progress, after which a unit hangs: others do it, and this worker leaves with
    /// exit code 75; by default it is waited for
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    unit_timeout: Option<u64>,
    #[command(flatten)]
    credentials: Credentials,
    #[command(flatten)]
    watched: Watched,
}

/// The command `work`.
pub(super) fn work(words: &Words, registry: &Registry) -> Result<()> {
    let arguments: Work = words.parse();
    let (jobs, device) = (arguments.threads.jobs()?, arguments.backend.device()?);
    let backend = &arguments.backend.device;
    trimtab_models::divide_cores(backend, jobs);
    let fingerprint = fingerprint(backend, &device, registry)?;
    let folder = arguments.folder;
    std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let hands = Hands::new(jobs, device, registry, &folder, bytes(arguments.keep));
    let options = WorkerOptions {
        drain: Duration::from_secs(arguments.drain),
        unit_timeout: arguments.unit_timeout.map(Duration::from_secs),
        ..WorkerOptions::new(jobs, folder, fingerprint, notice())
    };
    leave_when_told()?;
    let _watch = arguments.watched.watch("work")?;
    let server = arguments.credentials.server(&arguments.server);
    eprintln!(
        "worker {} works for {}, {jobs} at once",
        options.name,
        server.shown()
    );
    let summary = work_for(&server, &options, &hands, &INTERRUPTED)?;
    say(format_args!(
        "{} units done, {} failed, {} handed back",
        summary.done, summary.failed, summary.returned
    ))
}

/// A size in GiB.
fn gib(text: &str) -> std::result::Result<f64, String> {
    let size = text.parse().ok().filter(|size| (0.0..=1e6).contains(size));
    size.ok_or_else(|| "give a number of GiB from 0 to 1000000, such as 6 or 0.5".to_owned())
}

fn bytes(gib: f64) -> u64 {
    (gib * f64::from(1 << 30)) as u64
}

/// The first signal is a wish to leave, which lets units under way come to their end; a second one ends everything.
fn leave_when_told() -> Result<()> {
    use std::sync::atomic::Ordering;
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })
    .map_err(|error| Error::config("Ctrl-C", error, "the handler could not be set"))
}

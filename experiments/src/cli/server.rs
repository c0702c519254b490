//! Options of the commands that talk to a cluster of workers.

use crate::{Result, Workers};
use std::path::{Path, PathBuf};

/// How a server knows us.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub(super) struct Credentials {
    /// A .creds file for the server
    #[arg(long, conflicts_with_all = ["nkey", "token"])]
    credentials: Option<PathBuf>,
    /// A file with the seed of an nkey for the server
    #[arg(long, conflicts_with = "token")]
    nkey: Option<PathBuf>,
    /// A file with a token for the server
    #[arg(long)]
    token: Option<PathBuf>,
    /// A file with the certificates to trust; makes TLS a must
    #[arg(long)]
    ca: Option<PathBuf>,
    /// A file with a certificate of our own
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    /// The file with its key
    #[arg(long, requires = "certificate")]
    key: Option<PathBuf>,
    /// What the names of streams begin with; clusters of other names share the server
    #[arg(long, default_value = "trimtab")]
    namespace: String,
}

/// Workers on other machines.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Workers on other machines (feature cluster)")]
pub(super) struct Elsewhere {
    /// The server whose workers do the work, such as nats://host:4222; several of a cluster with commas
    #[arg(long, value_name = "ADDRESS")]
    workers: Option<String>,
    /// Name of the run on the server; by default one of the folder it writes to
    #[arg(long, requires = "workers")]
    run: Option<String>,
    /// Runs of higher priority have the workers first; those of the strategy priority are paused for them
    #[arg(
        long,
        default_value_t = 0,
        requires = "workers",
        allow_negative_numbers = true
    )]
    priority: i32,
    /// Its part of the workers, against other runs of its priority
    #[arg(long, default_value_t = 1.0, requires = "workers")]
    weight: f64,
    /// Which worker gets a unit: least-load, round-robin, priority, or one that the program has added
    #[arg(long, default_value = "least-load", requires = "workers")]
    strategy: String,
    #[command(flatten)]
    credentials: Credentials,
}

impl Elsewhere {
    /// The workers, if they are elsewhere.
    #[cfg(feature = "cluster")]
    pub(super) fn join<'a>(
        &self,
        mut workers: Workers<'a>,
        backend: &str,
        folder: Option<&Path>,
    ) -> Result<Workers<'a>> {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let Some(address) = &self.workers else {
            return Ok(workers);
        };
        let strategy = workers.registry.strategy(&self.strategy)?;
        let run = self.run.clone().unwrap_or_else(|| match folder {
            // Who goes on in a folder finds the answers that are there.
            Some(folder) => {
                let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
                let mut hash = DefaultHasher::new();
                (trimtab_cluster::worker::hostname(), &absolute).hash(&mut hash);
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                format!("{:.40}-{:08x}", name, hash.finish() as u32)
            }
            None => format!("run-{}", std::process::id()),
        });
        let fingerprint = crate::cluster::fingerprint(backend, &workers.device, workers.registry)?;
        let run = trimtab_cluster::Name::of(&run);
        let options = trimtab_cluster::coordinator::RunOptions {
            priority: self.priority,
            weight: self.weight,
            strategy,
            ..trimtab_cluster::coordinator::RunOptions::new(run, fingerprint, notice())
        };
        let server = self.credentials.server(address);
        let coordinator = trimtab_cluster::Coordinator::start(&server, options)?;
        let cluster = crate::cluster::Cluster::new(coordinator);
        workers.elsewhere = Some(std::sync::Arc::new(cluster));
        Ok(workers)
    }

    /// Without the feature there are none.
    #[cfg(not(feature = "cluster"))]
    pub(super) fn join<'a>(
        &self,
        workers: Workers<'a>,
        _backend: &str,
        _folder: Option<&Path>,
    ) -> Result<Workers<'a>> {
        match &self.workers {
            None => Ok(workers),
            Some(address) => Err(crate::Error::config(
                "--workers",
                address,
                "this program was built without clusters; build it with `--features cluster`",
            )),
        }
    }
}

/// Says a line on the error output, where a progress bar does not mind.
#[cfg(feature = "cluster")]
pub(super) fn notice() -> trimtab_cluster::Notice {
    std::sync::Arc::new(|line| eprintln!("{line}"))
}

#[cfg(feature = "cluster")]
impl Credentials {
    /// The server at this address.
    pub(super) fn server(&self, address: &str) -> trimtab_cluster::Server {
        let certificate = self.certificate.clone().zip(self.key.clone());
        trimtab_cluster::Server {
            credentials: self.credentials.clone(),
            nkey: self.nkey.clone(),
            token: self.token.clone(),
            ca: self.ca.clone(),
            certificate,
            namespace: self.namespace.clone(),
            ..trimtab_cluster::Server::at(address)
        }
    }
}

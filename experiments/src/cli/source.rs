//! Where a config comes from.

use super::note_renamed_fields;
use crate::train::config::QUICKSTART;
use crate::{Config, Error, Result};
use std::path::PathBuf;

/// Where a config comes from.
#[derive(clap::Args)]
pub(super) struct ConfigSource {
    /// Config file; without one the quick-start runs
    config: Option<PathBuf>,
    /// Seed, instead of the config's
    #[arg(long)]
    seed: Option<u64>,
    /// Sets one field of the config, as in --set training.updates=50; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl ConfigSource {
    pub(super) fn load(&self) -> Result<Config> {
        let mut config = match &self.config {
            Some(folder) if folder.is_dir() => {
                let allowed = "give a config file; the folder of a run is given with --out";
                return Err(Error::config("config", folder.display(), allowed));
            }
            Some(path) => {
                note_renamed_fields(path);
                Config::load(path)?
            }
            None => Config::parse(QUICKSTART, "quickstart.ron")?,
        };
        for assignment in &self.set {
            config.set(assignment)?;
        }
        if let Some(seed) = self.seed {
            config.seed = seed;
        }
        Ok(config)
    }

    pub(super) fn is_given(&self) -> bool {
        self.config.is_some() || self.seed.is_some() || !self.set.is_empty()
    }
}

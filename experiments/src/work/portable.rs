//! Work as plain data, from which another process makes it again.

use super::Work;
use crate::{Error, Registry, Result};
use burn::tensor::Device;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trimtab_env::json;

/// Work that another process can make again, to the same bits.
pub trait Portable<'r>: Work + Sized {
    /// All that it is made from, but the files and what a program adds by name.
    type Config: Serialize + DeserializeOwned;

    /// That, of this work.
    fn config(&self) -> Self::Config;

    /// The files that it reads.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// The work again.
    ///
    /// # Errors
    /// Whatever does not fit.
    fn make(config: Self::Config, place: &Place<'r>) -> Result<Self>;
}

/// Where work is made again.
pub struct Place<'r> {
    /// Where tensors are.
    pub device: Device,
    /// What a unit may call by its name.
    pub registry: &'r Registry,
    /// Where each file of [`Portable::files`] is here.
    pub files: BTreeMap<PathBuf, PathBuf>,
}

impl Place<'_> {
    /// Where this file is here.
    ///
    /// # Errors
    /// [`Error::Config`] for one that did not come with the work: what comes from elsewhere opens no other file.
    pub fn file(&self, path: &Path) -> Result<PathBuf> {
        self.files.get(path).cloned().ok_or_else(|| {
            let allowed = "a file that came with the work";
            Error::config("path", path.display(), allowed)
        })
    }
}

/// Work as plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// [`Work::KIND`].
    pub kind: String,
    /// [`Portable::config`], as JSON.
    pub config: Vec<u8>,
    /// [`Portable::files`].
    pub files: Vec<PathBuf>,
}

impl Recipe {
    /// That of this work.
    ///
    /// # Errors
    /// [`Error::Config`] if it cannot be written.
    pub fn of<'r, W: Portable<'r>>(work: &W) -> Result<Self> {
        Ok(Self {
            kind: W::KIND.to_owned(),
            config: json::to_vec(&work.config()).map_err(unreadable)?,
            files: work.files(),
        })
    }

    /// The work again.
    ///
    /// # Errors
    /// As [`Portable::make`], and a config that cannot be read.
    pub fn make<'r, W: Portable<'r>>(&self, place: &Place<'r>) -> Result<W> {
        let config = json::from_slice(&self.config).map_err(unreadable)?;
        W::make(config, place)
    }
}

fn unreadable(error: serde_json::Error) -> Error {
    let allowed = "work is handed to machines of the same program";
    Error::config("a kind of work", error, allowed)
}

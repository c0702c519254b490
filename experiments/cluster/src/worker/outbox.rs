//! Results on disk, while they cannot be delivered.

use crate::message::{Answer, Message, Payload};
use crate::{Error, Result};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of results that are on their way.
pub(super) struct Outbox(PathBuf);

impl Outbox {
    /// The one below `folder`, which is made if it is missing.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("outbox");
        fs::create_dir_all(&path).map_err(Error::file(&path))?;
        Ok(Self(path))
    }

    /// Writes a result, whole or not at all. Its name is made of names that hold no separator.
    pub(super) fn keep(&self, answer: &Answer, message: &Message) -> Result<PathBuf> {
        let path = self.0.join(format!("{}.{}", answer.run, answer.key));
        let unfinished = path.with_extension("unfinished");
        let write = || -> std::io::Result<()> {
            let bytes = message.encode().map_err(std::io::Error::other)?;
            let mut file = fs::File::create(&unfinished)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(Error::file(&path))?;
        Ok(path)
    }

    pub(super) fn drop(&self, path: &Path) {
        // If it stays it is delivered again, and does not count.
        fs::remove_file(path).ok();
    }

    /// What an earlier process left. Files that are no results are left alone.
    pub(super) fn earlier(&self) -> Vec<(PathBuf, Answer)> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let answers = entries.filter_map(|entry| {
            let message = Message::decode(&fs::read(entry.path()).ok()?).ok()?;
            match message.payload {
                Payload::Answer(answer) => Some((entry.path(), answer)),
                _ => None,
            }
        });
        answers.collect()
    }
}

//! A folder is written by one process at a time.

use crate::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// The file of a folder that is locked as long as a process writes into the folder.
const LOCK: &str = ".lock";

/// A lock on a folder, which is held until it is dropped, or the process ends: whoever else wants to write into the folder is refused.
pub(super) fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    // Open for writing, without which some network file systems give no lock.
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.map_err(Error::file(&path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::NoRun {
            path: folder.to_owned(),
            problem:
                "another process is writing it; wait for that, or choose another folder with --out"
                    .to_owned(),
        }),
        // Not every file system has locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

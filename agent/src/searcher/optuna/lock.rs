//! The lock that programs take which write to one journal.

use std::fs;
use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// After so long without a change, the lock is of a program that was killed: Optuna's `grace_period`.
const GRACE: Duration = Duration::from_secs(30);

/// The file `<journal>.lock`, held until it is dropped. It can be made by one program only: Optuna makes it as a link, or as a file
/// (`JournalFileSymlinkLock`, `JournalFileOpenLock`); here it is a file, which keeps out both and is kept out by both.
pub(super) struct Lock {
    file: PathBuf,
}

impl Lock {
    /// Waits for the lock.
    pub(super) fn take(journal: &Path) -> Result<Self> {
        Self::take_after(journal, GRACE)
    }

    fn take_after(journal: &Path, grace: Duration) -> Result<Self> {
        let mut name = journal.as_os_str().to_owned();
        name.push(".lock");
        let file = PathBuf::from(name);
        let mut pause = Duration::from_millis(1);
        let (mut seen, mut since) = (None, Instant::now());
        loop {
            match fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&file)
            {
                Ok(_) => return Ok(Self { file }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            // A link says when the journal was changed, a file when the lock was taken.
            let changed = fs::metadata(&file).or_else(|_| fs::symlink_metadata(&file));
            let changed = changed.and_then(|about| about.modified()).ok();
            if changed != seen {
                (seen, since) = (changed, Instant::now());
            }
            if since.elapsed() > grace {
                Self { file: file.clone() }.release();
                since = Instant::now();
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Under another name first: of two who remove it, one finds that it is gone, and not the lock of a third.
    fn release(&self) {
        let mut name = self.file.clone().into_os_string();
        name.push(format!(".{}.rename", std::process::id()));
        let part = PathBuf::from(name);
        // Where somebody has forced it open, there is nothing left to release.
        if fs::rename(&self.file, &part).is_ok() {
            let _ = fs::remove_file(&part);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_at_a_time_and_a_dead_one_gives_way() {
        let folder = std::env::temp_dir().join(format!("trimtab-lock-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let journal = folder.join("study.log");
        let inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let _lock = Lock::take(&journal).unwrap();
                        let others = inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        assert_eq!(others, 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    }
                });
            }
        });
        // Of a program that was killed.
        fs::write(folder.join("study.log.lock"), "").unwrap();
        drop(Lock::take_after(&journal, Duration::from_millis(20)).unwrap());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir(&folder).unwrap();
    }
}

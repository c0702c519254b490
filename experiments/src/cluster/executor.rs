//! Doing units that come from elsewhere.

use super::Job;
use super::kinds::{Opened, Units, may_succeed_elsewhere, open};
use crate::work::Place;
use crate::work::elsewhere::from_bytes;
use crate::{Error, Registry, Result};
use burn::tensor::Device;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use trimtab_cluster::worker::{Done, Order};
use trimtab_cluster::{Executor, Hash};
use trimtab_env::files::write_whole;
use trimtab_env::interruption;

/// So many jobs are kept open: their data are in memory.
const MOST_OPEN: usize = 4;

/// What a worker does units with.
pub struct Hands<'r> {
    slots: usize,
    device: Device,
    registry: &'r Registry,
    folder: PathBuf,
    /// The jobs that were opened last, the latest at the end.
    open: Mutex<Vec<(Hash, Arc<dyn Opened + 'r>)>>,
}

impl<'r> Hands<'r> {
    /// For so many units at once. Files that units need are kept below `folder`.
    pub fn new(slots: usize, device: Device, registry: &'r Registry, folder: &Path) -> Self {
        Self {
            slots,
            device,
            registry,
            folder: folder.join("files"),
            open: Mutex::default(),
        }
    }

    /// The job of this name, which is opened once for all slots.
    fn job(&self, order: &Order) -> Result<Arc<dyn Opened + 'r>> {
        let mut open_jobs = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open_jobs.iter().position(|(name, _)| name == order.job) {
            let found = open_jobs.remove(at);
            let job = found.1.clone();
            open_jobs.push(found);
            return Ok(job);
        }
        let job: Job = from_bytes(&order.content(order.job)?)?;
        let mut files = BTreeMap::new();
        for (path, name) in &job.files {
            files.insert(path.clone(), self.file(order, path, name)?);
        }
        let place = Place {
            device: self.device.clone(),
            registry: self.registry,
            files,
        };
        let opened: Arc<dyn Opened + 'r> = open(&job.kind, job.config, &place, self.slots)?.into();
        open_jobs.push((order.job.clone(), opened.clone()));
        if open_jobs.len() > MOST_OPEN {
            open_jobs.remove(0);
        }
        Ok(opened)
    }

    /// Where the content of this name is here. It is fetched once, and its name is checked whenever it is opened.
    fn file(&self, order: &Order, path: &Path, name: &Hash) -> Result<PathBuf> {
        let folder = self.folder.join(name.as_str());
        let here = folder.join(plain(path));
        if let Ok(content) = std::fs::read(&here)
            && Hash::of(&content) == *name
        {
            return Ok(here);
        }
        let content = order.content(name)?;
        std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        write_whole(&here, &content).map_err(Error::file(&here))?;
        Ok(here)
    }
}

/// The last part of a path from elsewhere, with nothing in it that means something to a file system. Its extension says what the file is.
fn plain(path: &Path) -> String {
    let name = path.to_string_lossy();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let letters = name
        .chars()
        .map(|letter| if allowed(letter) { letter } else { '_' });
    let name: String = letters.take(100).collect();
    // Not a hidden file, and neither this folder nor the one above.
    let name = name.trim_start_matches('.');
    if name.is_empty() { "file" } else { name }.to_owned()
}

impl Executor for Hands<'_> {
    fn execute(&self, slot: usize, order: &Order) -> Done {
        let done = self.job(order).and_then(|job| job.answer(slot, order));
        if interruption::is_wished() {
            // Its segments may have been cut short.
            return Done::Abandoned;
        }
        match done {
            Ok(Units::Done(answers)) => Done::Answer(answers),
            Ok(Units::Paused(answers)) => Done::Paused(answers),
            Err(error) if may_succeed_elsewhere(&error) => Done::Broken(error.to_string()),
            Err(error) => Done::Failed(error.to_string()),
        }
    }

    fn abandon(&self) {
        interruption::wish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_from_elsewhere_stays_in_its_folder() {
        for (given, wanted) in [
            ("data/houses.csv", "houses.csv"),
            ("../../etc/passwd", "passwd"),
            ("..", "file"),
            ("C:\\data\\a b.xlsx", "a_b.xlsx"),
            (".ssh/.authorized", "authorized"),
            ("a\u{0}b:c", "a_b_c"),
            ("", "file"),
        ] {
            assert_eq!(plain(Path::new(given)), wanted, "{given:?}");
        }
    }
}

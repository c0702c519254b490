//! Doing units that come from elsewhere.

use super::Job;
use super::kept::Kept;
use super::kinds::{Opened, Units, may_succeed_elsewhere, open};
use crate::work::Place;
use crate::work::elsewhere::from_bytes;
use crate::{Registry, Result};
use burn::tensor::Device;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use trimtab_cluster::worker::{Done, Order};
use trimtab_cluster::{Executor, Hash};
use trimtab_env::interruption;

/// So many jobs are kept open: their data are in memory.
const MOST_OPEN: usize = 4;

/// What a worker does units with.
pub struct Hands<'r> {
    slots: usize,
    device: Device,
    registry: &'r Registry,
    kept: Kept,
    open: Mutex<Open<'r>>,
}

/// Jobs, and who uses which files.
#[derive(Default)]
struct Open<'r> {
    /// Those that were opened last, the latest at the end.
    last: Vec<(Hash, Arc<dyn Opened + 'r>)>,
    /// The files of each that is open, also for a unit alone that still uses it.
    files: Vec<(Weak<dyn Opened + 'r>, Vec<Hash>)>,
}

impl Open<'_> {
    /// The files that open jobs use.
    fn used(&mut self) -> BTreeSet<Hash> {
        self.files.retain(|(job, _)| job.strong_count() > 0);
        let each = self.files.iter().flat_map(|(_, files)| files);
        each.cloned().collect()
    }
}

impl<'r> Hands<'r> {
    /// For so many units at once. Files that units need are kept below `folder`, for other jobs too, and leave when they take more than `most`
    /// bytes; those of open jobs stay.
    pub fn new(
        slots: usize,
        device: Device,
        registry: &'r Registry,
        folder: &Path,
        most: u64,
    ) -> Self {
        Self {
            slots,
            device,
            registry,
            kept: Kept::new(folder.join("files"), most),
            open: Mutex::default(),
        }
    }

    /// The job of this name, which is opened once for all slots.
    fn job(&self, order: &Order) -> Result<Arc<dyn Opened + 'r>> {
        let mut open_now = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let last = &mut open_now.last;
        if let Some(at) = last.iter().position(|(name, _)| name == order.job) {
            let found = last.remove(at);
            let job = found.1.clone();
            last.push(found);
            return Ok(job);
        }
        let job: Job = from_bytes(&order.content(order.job)?)?;
        let mut files = BTreeMap::new();
        for (path, name) in &job.files {
            let fetch = || Ok(order.content(name)?);
            files.insert(path.clone(), self.kept.file(path, name, fetch)?);
        }
        let place = Place {
            device: self.device.clone(),
            registry: self.registry,
            files,
        };
        let opened: Arc<dyn Opened + 'r> = open(&job.kind, job.config, &place, self.slots)?.into();
        last.push((order.job.clone(), opened.clone()));
        if last.len() > MOST_OPEN {
            last.remove(0);
        }
        let names = job.files.into_iter().map(|(_, name)| name).collect();
        open_now.files.push((Arc::downgrade(&opened), names));
        self.kept.clear(&open_now.used());
        Ok(opened)
    }
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

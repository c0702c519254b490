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

impl<'r> Open<'r> {
    /// The job of this name, if it is open; it is the latest from now on.
    fn found(&mut self, name: &Hash) -> Option<Arc<dyn Opened + 'r>> {
        let at = self.last.iter().position(|(known, _)| known == name)?;
        let found = self.last.remove(at);
        let job = found.1.clone();
        self.last.push(found);
        Some(job)
    }

    /// One more job, which reads these files. Whoever was not used for the longest is closed for it, once no unit uses it.
    fn add(&mut self, name: Hash, job: &Arc<dyn Opened + 'r>, files: Vec<Hash>) {
        self.last.push((name, job.clone()));
        if self.last.len() > MOST_OPEN {
            self.last.remove(0);
        }
        self.files.push((Arc::downgrade(job), files));
    }

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
        if let Some(job) = open_now.found(order.job) {
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
        let names = job.files.into_iter().map(|(_, name)| name).collect();
        open_now.add(order.job.clone(), &opened, names);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    struct Nothing;

    impl Opened for Nothing {
        fn answer(&self, _: usize, _: &Order) -> Result<Units> {
            Err(Error::Halted)
        }
    }

    #[test]
    fn a_job_keeps_its_files_while_a_unit_uses_it_though_it_is_no_longer_open_for_others() {
        let (mut open, name) = (Open::default(), |number: usize| Hash::of(&[number as u8]));
        let add = |open: &mut Open, number: usize| {
            let job: Arc<dyn Opened> = Arc::new(Nothing);
            open.add(name(number), &job, vec![name(100 + number)]);
            job
        };
        let in_use = add(&mut open, 0);
        for number in 1..MOST_OPEN {
            add(&mut open, number);
        }
        assert_eq!(open.used().len(), MOST_OPEN);
        // The first is the latest again, so the second is closed for one more, and nobody uses it.
        assert!(open.found(&name(0)).is_some());
        add(&mut open, MOST_OPEN);
        assert!(open.found(&name(1)).is_none() && !open.used().contains(&name(101)));
        for number in 5..9 {
            add(&mut open, number);
        }
        assert!(open.found(&name(0)).is_none());
        assert!(open.used().contains(&name(100)), "a unit uses it");
        drop(in_use);
        assert!(!open.used().contains(&name(100)));
        assert_eq!(open.used().len(), MOST_OPEN);
    }
}

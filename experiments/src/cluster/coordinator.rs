//! Handing units to workers elsewhere.

use super::Job;
use crate::work::Recipe;
use crate::work::elsewhere::{Elsewhere, Handed, to_bytes};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use trimtab_cluster::coordinator::Batch;
use trimtab_cluster::{Coordinator, Hash};

/// A run that workers elsewhere do the units of.
pub struct Cluster {
    coordinator: Coordinator,
    /// Jobs whose content is stored, by the hash of their recipe.
    jobs: Mutex<BTreeMap<Hash, Hash>>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.coordinator.run();
        formatter.debug_tuple("Cluster").field(run).finish()
    }
}

impl Cluster {
    /// Hands out by this coordinator.
    pub fn new(coordinator: Coordinator) -> Self {
        Self {
            coordinator,
            jobs: Mutex::default(),
        }
    }

    /// Stores a job and the files that it reads, once.
    fn job(&self, recipe: &Recipe) -> Result<Hash> {
        let name = Hash::of_parts(&[recipe.kind.as_bytes(), &recipe.config]);
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = jobs.get(&name) {
            return Ok(job.clone());
        }
        let mut files = Vec::with_capacity(recipe.files.len());
        for path in &recipe.files {
            let content = std::fs::read(path).map_err(Error::file(path))?;
            files.push((path.clone(), self.coordinator.put(&content)?));
        }
        let job = Job {
            kind: recipe.kind.clone(),
            config: recipe.config.clone(),
            files,
        };
        let job = self.coordinator.put(&to_bytes(&job)?)?;
        jobs.insert(name, job.clone());
        Ok(job)
    }
}

/// The trace that units belong to.
#[cfg(feature = "telemetry")]
fn trace() -> Option<String> {
    trimtab_telemetry::traceparent()
}

/// Without the feature there is none.
#[cfg(not(feature = "telemetry"))]
fn trace() -> Option<String> {
    None
}

impl Elsewhere for Cluster {
    fn finish(&self) {
        self.coordinator.finish();
    }

    fn each(
        &self,
        handed: &Handed,
        advance: &mut dyn FnMut(u64),
        each: &mut dyn FnMut(usize, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        // A unit that cannot be written ends the batch before it begins.
        let units = (0..handed.count).map(|index| (handed.unit)(index));
        let units = units.collect::<Result<Vec<_>>>()?;
        let batch = Batch {
            job: self.job(handed.recipe)?,
            shared: self.coordinator.put(&handed.shared)?,
            count: handed.count,
            unit: &|index| (units[index].clone(), 0),
            interrupted: handed.interrupted,
            trace: trace(),
        };
        self.coordinator.each(&batch, advance, each)
    }
}

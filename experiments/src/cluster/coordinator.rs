//! Handing units to workers elsewhere.

use super::Job;
use crate::work::Recipe;
use crate::work::elsewhere::{Elsewhere, Handed, to_bytes};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use trimtab_cluster::coordinator::Batch;
use trimtab_cluster::{Coordinator, Hash};

/// A run that workers elsewhere do the units of.
pub struct Cluster {
    coordinator: Coordinator,
    /// Jobs whose content is stored, by the hash of their recipe.
    jobs: Mutex<BTreeMap<Hash, Known>>,
}

struct Known {
    content: Hash,
    stored: Instant,
    seconds: Option<f64>,
}

/// Stored content is renewed after so long: a server drops it after seven days.
const RENEWED: Duration = Duration::from_secs(24 * 3600);

/// What is handed out together takes at least so long: a message and its answer take 2 ms of processors.
const SHORTEST: f64 = 0.02;

/// What is handed out together takes at most so long: it is lost together, too, and another run of the same finds answers only of the same chunks.
const LONGEST: f64 = 0.25;

/// The chunks of units that are handed out together, by guided self-scheduling (Polychronopoulos and Kuck, 1987): each time a half of what each of the
/// workers would still get, so that few messages are sent and all workers end at about the same time. Units of which nothing is known are
/// alone.
fn chunks(count: usize, slots: usize, seconds: Option<f64>) -> Vec<Range<usize>> {
    let together = |time: f64| seconds.map_or(1.0, |seconds| time / seconds.max(1e-6));
    let most = (together(LONGEST) as usize).max(1);
    let least = (together(SHORTEST).ceil() as usize).clamp(1, most);
    let mut chunks = Vec::new();
    let mut begun = 0;
    while begun < count {
        let left = count - begun;
        let size = (left / (2 * slots.max(1))).clamp(least, most).min(left);
        chunks.push(begun..begun + size);
        begun += size;
    }
    chunks
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

    /// Stores a job and the files that it reads; its name, its content, and the seconds that a unit of it took.
    fn job(&self, recipe: &Recipe) -> Result<(Hash, Hash, Option<f64>)> {
        let name = Hash::of_parts(&[recipe.kind.as_bytes(), &recipe.config]);
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = jobs.get(&name).and_then(|known| known.seconds);
        if let Some(known) = jobs.get(&name)
            && known.stored.elapsed() < RENEWED
        {
            return Ok((name, known.content.clone(), seconds));
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
        let content = self.coordinator.put(&to_bytes(&job)?)?;
        let known = Known {
            content: content.clone(),
            stored: Instant::now(),
            seconds,
        };
        jobs.insert(name.clone(), known);
        Ok((name, content, seconds))
    }

    /// A unit of this job took so long, in the mean of the last batch.
    fn took(&self, name: &Hash, seconds: f64) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = jobs.get_mut(name) {
            known.seconds = Some(seconds);
        }
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
        each: &mut dyn FnMut(Range<usize>, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let (name, job, seconds) = self.job(handed.recipe)?;
        let chunks = chunks(handed.count, self.coordinator.slots(), seconds);
        // A unit that cannot be written ends the batch before it begins.
        let units = chunks.iter().map(|range| (handed.units)(range.clone()));
        let units = units.collect::<Result<Vec<_>>>()?;
        let batch = Batch {
            job,
            shared: self.coordinator.put(&handed.shared)?,
            count: chunks.len(),
            unit: &|index| (units[index].clone(), 0),
            interrupted: handed.interrupted,
            trace: trace(),
        };
        let before = self.coordinator.counts().seconds;
        let done = (self.coordinator).each(&batch, advance, &mut |index, answers| {
            each(chunks[index].clone(), answers)
        });
        if done.is_ok() && handed.count > 0 {
            let spent = self.coordinator.counts().seconds - before;
            self.took(&name, spent / handed.count as f64);
        }
        done.map_err(|error| match error {
            // People count units, not chunks.
            Error::Cluster(trimtab_cluster::Error::Unit { index, reason })
                if index < chunks.len() =>
            {
                let index = chunks[index].start;
                Error::Cluster(trimtab_cluster::Error::Unit { index, reason })
            }
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sizes(count: usize, slots: usize, seconds: Option<f64>) -> Vec<usize> {
        let chunks = chunks(count, slots, seconds);
        chunks.iter().map(ExactSizeIterator::len).collect()
    }

    #[test]
    fn short_units_are_handed_out_together_and_long_ones_alone() {
        assert_eq!(sizes(32, 2, Some(0.011)), [8, 6, 4, 3, 2, 2, 2, 2, 2, 1]);
        assert_eq!(sizes(4, 2, Some(0.6)), [1; 4]);
        assert_eq!(sizes(4, 2, None), [1; 4]);
        // No more than a quarter of a second at once, whatever there is to do.
        assert_eq!(sizes(1000, 1, Some(0.01))[0], 25);
    }

    proptest! {
        #[test]
        fn every_unit_is_in_one_chunk_and_they_get_no_longer(
            count in 0usize..500,
            slots in 0usize..20,
            seconds in prop::option::of(0.0f64..3.0),
        ) {
            let chunks = chunks(count, slots, seconds);
            let all: Vec<usize> = chunks.iter().cloned().flatten().collect();
            prop_assert_eq!(all, (0..count).collect::<Vec<_>>());
            prop_assert!(chunks.windows(2).all(|pair| pair[0].len() >= pair[1].len()));
        }
    }
}

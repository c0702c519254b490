//! The records of a comparison, by method and task.

use super::record::CompareRecord;
use crate::record::summary::log_ratio;
use std::collections::BTreeMap;

/// The records of a comparison, by method and task.
pub(super) struct Runs<'a> {
    tasks: Vec<&'a str>,
    by: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a CompareRecord>>>,
}

impl<'a> Runs<'a> {
    /// Those of `records`.
    pub(super) fn new(records: &[&'a CompareRecord]) -> Self {
        let mut runs = Self {
            tasks: Vec::new(),
            by: BTreeMap::new(),
        };
        for record in records {
            let task = record.task.as_str();
            if !runs.tasks.contains(&task) {
                runs.tasks.push(task);
            }
            let own = runs.by.entry(&record.method).or_default();
            own.entry(task).or_default().push(record);
        }
        runs
    }

    /// The names of the tasks, in the order of the records.
    pub(super) fn tasks(&self) -> &[&'a str] {
        &self.tasks
    }

    /// The runs of a method on a task.
    pub(super) fn of(&self, method: &str, task: &str) -> &[&'a CompareRecord] {
        let own = self.by.get(method).and_then(|tasks| tasks.get(task));
        own.map_or(&[], Vec::as_slice)
    }

    /// The logarithms of a figure of one method over that of another with the same seed, a list for each task.
    pub(super) fn log_ratios(
        &self,
        method: &str,
        other: &str,
        figure: fn(&CompareRecord) -> f64,
    ) -> Vec<Vec<f64>> {
        let of_task = |task: &&str| {
            let theirs = self.of(other, task);
            let pairs = self.of(method, task).iter().filter_map(|record| {
                let other = theirs.iter().find(|other| other.seed == record.seed)?;
                Some(log_ratio(figure(record), figure(other)))
            });
            pairs.filter(|ratio| ratio.is_finite()).collect()
        };
        self.tasks.iter().map(of_task).collect()
    }
}

/// The best validation loss at the end.
pub(super) fn final_loss(record: &CompareRecord) -> f64 {
    record.ledger.best()
}

/// The test loss of what was kept.
pub(super) fn test_loss(record: &CompareRecord) -> f64 {
    record.outcome.get("test_loss").copied().unwrap_or(f64::NAN)
}

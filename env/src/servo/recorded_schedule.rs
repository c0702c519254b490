//! The schedule that a run chose, as data.

use crate::{Cost, Error, Result, Segment, Settings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The settings that held in a run, each from its share of what the run spent. It is written as a list, so that it can be
/// read, kept and replayed: as a controller, or as a schedule of the learning rate.
///
/// ```
/// use trimtab_env::{RecordedSchedule, Settings};
/// let text = r#"[
///     (share: 0.0, settings: {"learning_rate": 0.1}),
///     (share: 0.5, settings: {"learning_rate": 0.01}),
/// ]"#;
/// let schedule: RecordedSchedule = ron::from_str(text)?;
/// assert_eq!(schedule.at(0.7).learning_rate()?, 0.01);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct RecordedSchedule {
    first: Settings,
    entries: Vec<Entry>,
}

/// Settings and when they begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The share of the budget at which they begin, from 0 to below 1.
    pub share: f64,
    /// The settings from there on.
    pub settings: Settings,
}

impl RecordedSchedule {
    /// The names of all settings that it sets, each once.
    pub fn names(&self) -> BTreeSet<&str> {
        let settings = self.entries.iter().map(|entry| &entry.settings);
        settings
            .flat_map(|settings| settings.iter().map(|(name, _)| name))
            .collect()
    }

    /// The schedule of a run, from its segments. Shares are of what the run spent in all.
    ///
    /// # Errors
    /// [`Error::Config`] if there are no segments, or none that cost anything.
    pub fn of(segments: &[Segment]) -> Result<Self> {
        Self::within(
            segments,
            segments.last().map_or(0.0, |segment| segment.spent),
        )
    }

    /// The schedule of a run, from its segments. Shares are of `total`, such as the budget of the run. Played on the same
    /// budget, its segments are those of the run.
    ///
    /// # Errors
    /// As [`RecordedSchedule::of`]; also if the run spent more than `total` before its last segment.
    pub fn within(segments: &[Segment], total: Cost) -> Result<Self> {
        let entries = segments.iter().map(|segment| Entry {
            share: (segment.spent - segment.report.cost) / total,
            settings: segment.settings.clone(),
        });
        entries.collect::<Vec<_>>().try_into()
    }

    /// The settings where the share `f` of the budget is used; before the first entry those of the first.
    pub fn at(&self, f: f64) -> &Settings {
        let begun = self.entries.partition_point(|entry| entry.share <= f);
        self.entries[..begun]
            .last()
            .map_or(&self.first, |entry| &entry.settings)
    }

    /// The entries in their order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl TryFrom<Vec<Entry>> for RecordedSchedule {
    type Error = Error;

    fn try_from(entries: Vec<Entry>) -> Result<Self> {
        let Some(first) = entries.first() else {
            return Err(Error::config("entries", "[]", "give at least 1"));
        };
        let mut before = -f64::EPSILON;
        for (index, entry) in entries.iter().enumerate() {
            let within = |error: Error| error.within(&format!("entries[{index}]"));
            if !(entry.share > before && entry.share < 1.0) {
                let allowed = "shares rise from at least 0 to below 1";
                return Err(within(Error::config("share", entry.share, allowed)));
            }
            before = entry.share;
            entry.settings.learning_rate().map_err(|error| {
                within(Error::config("settings", error, "give a learning rate"))
            })?;
            if entry
                .settings
                .get(crate::tuning::settings::BATCH_SIZE)
                .is_some()
            {
                entry.settings.batch_size().map_err(|error| {
                    within(Error::config("settings", error, "give a batch size"))
                })?;
            }
        }
        Ok(Self {
            first: first.settings.clone(),
            entries,
        })
    }
}

impl From<RecordedSchedule> for Vec<Entry> {
    fn from(schedule: RecordedSchedule) -> Self {
        schedule.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Report;

    fn segment(spent: f64, cost: f64, lr: f64) -> Segment {
        Segment {
            index: 0,
            settings: Settings::new(lr, 32),
            report: Report {
                cost,
                ..Default::default()
            },
            spent,
            best_loss: 1.0,
            reward: 0.0,
        }
    }

    #[test]
    fn each_segment_begins_where_the_one_before_ends() {
        let run = [segment(1.0, 0.75, 0.1), segment(2.0, 1.0, 0.2)];
        let schedule = RecordedSchedule::of(&run).unwrap();
        let shares: Vec<f64> = schedule.entries().iter().map(|e| e.share).collect();
        assert_eq!(shares, [0.125, 0.5]);
        let half = RecordedSchedule::within(&run, 4.0).unwrap();
        assert_eq!([0, 1].map(|i| half.entries()[i].share), [0.0625, 0.25]);
        let rate = |f: f64| schedule.at(f).learning_rate().unwrap();
        assert_eq!([0.0, 0.3, 0.5, 1.0].map(rate), [0.1, 0.1, 0.2, 0.2]);
    }

    #[test]
    fn ron_brings_it_back_bit_for_bit() {
        let run = [
            segment(0.1, 0.1, 1e-3),
            segment(0.3, 0.2, 1.0 / 3.0),
            segment(0.7, 0.4, 0.1),
        ];
        let schedule = RecordedSchedule::of(&run).unwrap();
        let text = ron::to_string(&schedule).unwrap();
        assert_eq!(ron::from_str::<RecordedSchedule>(&text).unwrap(), schedule);
    }

    #[test]
    fn what_is_no_schedule_is_refused_by_name() {
        assert!(RecordedSchedule::of(&[]).is_err());
        assert!(RecordedSchedule::of(&[segment(0.0, 0.0, 0.1)]).is_err());
        let refused = |text: &str, name: &str| {
            let error = ron::from_str::<RecordedSchedule>(text).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        };
        refused("[]", "entries");
        let lr = r#"settings: {"learning_rate": 0.1}"#;
        refused(
            &format!("[(share: 0.5, {lr}), (share: 0.2, {lr})]"),
            "entries[1].share",
        );
        refused(&format!("[(share: 1.0, {lr})]"), "entries[0].share");
        refused("[(share: 0.0, settings: {})]", "learning_rate");
    }
}

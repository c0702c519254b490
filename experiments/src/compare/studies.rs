//! Searches as studies of a journal of Optuna.

use super::search::Search;
use crate::Result;
use trimtab_agent::searcher::optuna::{Journal, StudyWriter, TrialEvent};

/// Where it goes what happens in a search.
pub(super) enum Shown<'j> {
    /// Nowhere.
    Nowhere,
    /// To a journal, at once.
    Written(Box<StudyWriter<'j>>),
    /// To whoever has the journal, with the result of the search.
    Kept(Vec<TrialEvent>),
}

impl<'j> Shown<'j> {
    /// Begins to show a search.
    ///
    /// # Errors
    /// That of the journal.
    pub(super) fn begin(search: &Search, journal: Option<&'j Journal>) -> Result<Self> {
        Ok(match (&search.study, journal) {
            (None, _) => Self::Nowhere,
            (Some(title), Some(journal)) => Self::Written(Box::new(StudyWriter::begin(
                journal,
                title.clone(),
                search.space.clone(),
            )?)),
            (Some(_), None) => Self::Kept(Vec::new()),
        })
    }

    /// Says what happens.
    ///
    /// # Errors
    /// That of the journal.
    pub(super) fn say(&mut self, event: impl FnOnce() -> TrialEvent) -> Result<()> {
        match self {
            Self::Nowhere => {}
            Self::Written(study) => study.write(&event())?,
            Self::Kept(events) => events.push(event()),
        }
        Ok(())
    }

    /// What was not written.
    pub(super) fn kept(self) -> Vec<TrialEvent> {
        match self {
            Self::Nowhere | Self::Written(_) => Vec::new(),
            Self::Kept(events) => events,
        }
    }
}

/// Writes what happened in a search that was played elsewhere.
///
/// # Errors
/// That of the journal.
pub(super) fn write(search: &Search, events: Vec<TrialEvent>, journal: &Journal) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut shown = Shown::begin(search, Some(journal))?;
    events.into_iter().try_for_each(|event| shown.say(|| event))
}

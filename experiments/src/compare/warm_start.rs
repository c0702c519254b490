//! Studies of Optuna from which searches go on.

use super::config::CompareConfig;
use super::method::Method;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use trimtab_agent::searcher::SeenTrial;
use trimtab_agent::searcher::optuna::{Journal, seen};
use trimtab_env::{Objective, SearchSpace};

/// A study of Optuna whose finished trials a searcher has seen before its first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmStart {
    /// The journal, from the folder of the config or else from the current directory.
    pub journal: PathBuf,
    /// The study; it can be left out if the journal has one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<String>,
    /// Names of the study's parameters that are others in the space: `{"lr": "learning_rate"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
}

impl WarmStart {
    /// What a search over `space` has seen, and what is left out of the study, a line each.
    ///
    /// # Errors
    /// That of the journal; [`Error::Config`] if it has no such study, or one that is maximised where the objective is minimised.
    pub fn seen(
        &self,
        space: &SearchSpace,
        objective: Objective,
    ) -> Result<(Vec<SeenTrial>, Vec<String>)> {
        let studies = Journal::read(&self.journal)?.studies();
        let found = match (&self.study, &studies[..]) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(name), all) => all.iter().find(|(study, _)| study.name == *name),
        };
        let Some((study, trials)) = found else {
            let given = self.study.as_deref().unwrap_or("no name");
            let names: Vec<&str> = studies
                .iter()
                .map(|(study, _)| study.name.as_str())
                .collect();
            let allowed = format!("{} has {names:?}", self.journal.display());
            return Err(Error::config("warm_start.study", given, allowed));
        };
        Ok(seen((study, trials), space, objective, &self.names)?)
    }
}

impl CompareConfig {
    /// What is left out of the studies that searches go on from, a line each.
    ///
    /// # Errors
    /// As [`WarmStart::seen`].
    pub fn left_out_of_warm_starts(&self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for method in &self.methods {
            if let Method::Search {
                name,
                warm_start: Some(warm_start),
                steered,
                ..
            } = method
            {
                let space = steered
                    .as_ref()
                    .map_or(&self.space, |steered| &steered.space);
                let (_, left_out) = warm_start.seen(space, self.process.objective)?;
                lines.extend(left_out.iter().map(|line| format!("`{name}`: {line}")));
            }
        }
        Ok(lines)
    }
}

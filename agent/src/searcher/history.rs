//! What a searcher has proposed and been told.

use super::Trial;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use trimtab_env::{SearchSpace, Settings, stream};

/// All trials of a searcher with their outcomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    space: SearchSpace,
    /// The number of a trial is its place.
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    trial: Trial,
    outcome: Outcome,
}

/// What is known of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is under way.
    Outstanding,
    /// It ended with this finite loss.
    Loss(f64),
    /// It failed or diverged.
    Failed,
}

/// A trial that was run before a search began, by whomever.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeenTrial {
    /// What was trained with.
    pub configuration: Settings,
    /// Up to where it was trained; `None` is to the end.
    pub resource: Option<u64>,
    /// How it ended; not [`Outcome::Outstanding`].
    pub outcome: Outcome,
}

impl Outcome {
    /// The loss as something to rank by: what failed comes last.
    pub fn rank(self) -> f64 {
        match self {
            Self::Loss(loss) => loss,
            Self::Failed | Self::Outstanding => f64::INFINITY,
        }
    }
}

impl History {
    /// No trials yet.
    pub fn new(space: SearchSpace) -> Self {
        Self {
            space,
            entries: Vec::new(),
        }
    }

    /// Where the configurations come from.
    pub fn space(&self) -> &SearchSpace {
        &self.space
    }

    /// Number of trials so far, which is the number of the next one.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no trial yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All trials in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&Trial, Outcome)> {
        self.entries
            .iter()
            .map(|entry| (&entry.trial, entry.outcome))
    }

    /// The outcome of trial `id`; `None` if there is no such trial.
    pub fn outcome(&self, id: u64) -> Option<Outcome> {
        Some(self.entry(id)?.outcome)
    }

    /// The trial with this number.
    pub fn trial(&self, id: u64) -> Option<&Trial> {
        Some(&self.entry(id)?.trial)
    }

    fn entry(&self, id: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(id).ok()?)
    }

    /// Whether a trial with this configuration is under way.
    pub fn is_outstanding(&self, configuration: &Settings) -> bool {
        self.iter().any(|(trial, outcome)| {
            outcome == Outcome::Outstanding && trial.configuration == *configuration
        })
    }

    /// Whether there is a trial with this configuration, told or under way.
    pub fn is_tried(&self, configuration: &Settings) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.trial.configuration == *configuration)
    }

    /// The best trial with its loss: the smallest loss of those that were trained furthest, the first of several.
    pub fn best(&self) -> Option<(&Trial, f64)> {
        let mut best: Option<(&Trial, f64)> = None;
        for (trial, outcome) in self.iter() {
            let Outcome::Loss(loss) = outcome else {
                continue;
            };
            let resource = |trial: &Trial| trial.resource.unwrap_or(u64::MAX);
            let better = best.is_none_or(|(known, least)| {
                let (this, that) = (resource(trial), resource(known));
                this > that || (this == that && loss < least)
            });
            if better {
                best = Some((trial, loss));
            }
        }
        best
    }

    /// Enters a new trial: what a searcher proposes.
    pub fn propose(
        &mut self,
        configuration: Settings,
        resource: Option<u64>,
        continues: Option<u64>,
    ) -> Trial {
        let trial = Trial {
            id: self.entries.len() as u64,
            configuration,
            resource,
            continues,
        };
        self.entries.push(Entry {
            trial: trial.clone(),
            outcome: Outcome::Outstanding,
        });
        trial
    }

    /// Enters trials that were run before, as if they had been proposed and told.
    ///
    /// # Errors
    /// [`Error::Config`] if one of them is not a configuration of the space, or under way.
    pub fn see(&mut self, seen: &[SeenTrial]) -> Result<()> {
        for (index, trial) in seen.iter().enumerate() {
            let place = format!("seen[{index}]");
            if let Some(problem) = self.space.check(&trial.configuration).first() {
                return Err(Error::config(
                    place,
                    problem,
                    "give configurations of the space",
                ));
            }
            if trial.outcome == Outcome::Outstanding {
                return Err(Error::config(place, "under way", "give trials that ended"));
            }
        }
        for trial in seen {
            let proposed = self.propose(trial.configuration.clone(), trial.resource, None);
            self.tell(proposed.id, trial.outcome.rank())?;
        }
        Ok(())
    }

    /// Takes the loss of a trial.
    ///
    /// # Errors
    /// [`Error::Config`] if no trial of this number is under way.
    pub fn tell(&mut self, id: u64, loss: f64) -> Result<()> {
        let entry = usize::try_from(id)
            .ok()
            .and_then(|id| self.entries.get_mut(id))
            .filter(|entry| entry.outcome == Outcome::Outstanding)
            .ok_or_else(|| {
                Error::config(
                    "trial",
                    id,
                    "tell every trial that was asked for once, by its number",
                )
            })?;
        entry.outcome = if loss.is_finite() {
            Outcome::Loss(loss)
        } else {
            Outcome::Failed
        };
        Ok(())
    }

    /// The first of several draws that is not under way. After a hundred the last draw is taken: then there are about as
    /// many trials under way as configurations.
    pub(super) fn first_free(
        &self,
        mut draw: impl FnMut() -> Result<Settings>,
    ) -> Result<Settings> {
        let mut configuration = draw()?;
        for _ in 0..100 {
            if !self.is_outstanding(&configuration) {
                break;
            }
            configuration = draw()?;
        }
        Ok(configuration)
    }

    /// A random configuration for the next trial, not one that is under way.
    ///
    /// # Errors
    /// That of the space.
    pub fn random(&self, seed: u64) -> Result<Settings> {
        let mut rng = stream(seed, "random configurations", self.entries.len() as u64);
        self.first_free(|| Ok(self.space.sample(&mut rng)))
    }
}

/// The methods of [`super::Searcher`] that are the same for every searcher that has a `history`.
macro_rules! tell_history {
    () => {
        fn tell(&mut self, id: u64, loss: f64) -> crate::Result<()> {
            self.history.tell(id, loss)
        }

        fn history(&self) -> &crate::searcher::History {
            &self.history
        }
    };
}
pub(super) use tell_history;

/// [`super::Searcher::see`] of a searcher that makes of every trial in its `history` what it makes of its own.
macro_rules! see_history {
    () => {
        fn see(&mut self, seen: &[crate::searcher::SeenTrial]) -> crate::Result<()> {
            self.history.see(seen)
        }
    };
}
pub(super) use see_history;

//! What is handed out in a comparison: single trainings, and searches over several.

use super::search::{Search, Searched, search};
use super::trial::{ChainedTrial, TrialResult};
use crate::Result;
use crate::work::trainings::{Played, Training, Trainings, TrainingsRecipe};
use crate::work::{Place, Portable, Recipe, Work};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use trimtab_agent::searcher::optuna::Journal;
use trimtab_env::TuningEnv;

/// Trainings and searches.
pub(crate) struct Methods<'a> {
    pub(super) trainings: Trainings<'a>,
    /// What shows the searches, if it is on this machine.
    pub(super) journal: Option<&'a Journal>,
}

/// What one method does on one task with one seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Unit {
    /// One training.
    Training(Training),
    /// Several, one after the other.
    Search(Box<Search>),
    /// One of a search that plays several at a time.
    Trial(Box<ChainedTrial>),
}

/// Its result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Of one training.
    Training(Played),
    /// Of several.
    Search(Searched),
    /// Of one of several at a time.
    Trial(TrialResult),
}

impl Work for Methods<'_> {
    const KIND: &'static str = "methods";

    type Shared = ();
    type Unit = Unit;
    type Answer = Answer;
    type Bench = TuningEnv;

    fn bench(&self) -> Result<TuningEnv> {
        self.trainings.bench()
    }

    fn answer(
        &self,
        environment: &mut TuningEnv,
        (): &(),
        unit: &Unit,
        advance: &dyn Fn(u64),
    ) -> Result<Answer> {
        match unit {
            Unit::Training(training) => {
                let played = self.trainings.answer(environment, &(), training, advance)?;
                Ok(Answer::Training(played))
            }
            Unit::Search(unit) => {
                let searched = search(unit, environment, self.trainings.registry, self.journal)?;
                advance(1);
                Ok(Answer::Search(searched))
            }
            Unit::Trial(trial) => Ok(Answer::Trial(trial.play(environment, |_| Ok(()))?)),
        }
    }

    fn recipe(&self) -> Result<Option<Recipe>> {
        Recipe::of(self).map(Some)
    }
}

impl<'r> Portable<'r> for Methods<'r> {
    type Config = TrainingsRecipe;

    fn config(&self) -> TrainingsRecipe {
        self.trainings.config()
    }

    fn files(&self) -> Vec<PathBuf> {
        self.trainings.files()
    }

    fn make(config: TrainingsRecipe, place: &Place<'r>) -> Result<Self> {
        Ok(Self {
            trainings: Trainings::make(config, place)?,
            journal: None,
        })
    }
}

//! Asynchronous successive halving.

use super::history::tell_history;
use super::successive_halving::{ranked, rungs};
use super::{History, Outcome, Proposal, Searcher};
use crate::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use trimtab_env::SearchSpace;

/// Options of [`Asha`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AshaConfig {
    /// Least resource of the first rung.
    pub min_resource: u64,
    /// Resource of the last rung.
    pub max_resource: u64,
    /// One trial in this many goes on from each rung, and trains this many times further.
    pub reduction_factor: u64,
}

impl Default for AshaConfig {
    /// Rungs at 1, 4, 16 and 64, with the paper's factor of 4.
    fn default() -> Self {
        Self {
            min_resource: 1,
            max_resource: 64,
            reduction_factor: 4,
        }
    }
}

/// Successive halving that never waits (ASHA; Li et al. 2020, "A system for massively parallel hyperparameter tuning",
/// algorithm 2): whenever a worker is free, a trial among the best of its rung so far goes on to the next rung, from the
/// highest rung down, and if there is none, a new configuration begins. It is never done.
///
/// Rungs are counted down from `max_resource`, so that the last one trains that far. Ray Tune and Optuna count up from
/// `min_resource`, and their last rung may fall short of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asha {
    history: History,
    seed: u64,
    eta: u64,
    /// How far each rung trains.
    resources: Vec<u64>,
}

impl Asha {
    /// A search over `space`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the option that is not allowed.
    pub fn new(space: SearchSpace, config: &AshaConfig, seed: u64) -> Result<Self> {
        Ok(Self {
            history: History::new(space),
            seed,
            eta: config.reduction_factor,
            resources: rungs(
                config.min_resource,
                config.max_resource,
                config.reduction_factor,
            )?,
        })
    }

    /// The trial that goes on, with the number of its rung.
    fn promotable(&self) -> Option<(u64, usize)> {
        let promoted: BTreeSet<u64> = self
            .history
            .iter()
            .filter_map(|(trial, _)| trial.continues)
            .collect();
        (0..self.resources.len() - 1).rev().find_map(|rung| {
            let told = self.history.iter().filter(|(trial, outcome)| {
                trial.resource == Some(self.resources[rung]) && *outcome != Outcome::Outstanding
            });
            let ids: Vec<u64> = told.map(|(trial, _)| trial.id).collect();
            // A failed trial counts as told, and is never among the best.
            let best = ids.len() / self.eta as usize;
            let best = ranked(&self.history, ids.into_iter())
                .into_iter()
                .take(best);
            let first = best.into_iter().find(|id| !promoted.contains(id))?;
            Some((first, rung))
        })
    }
}

impl Searcher for Asha {
    fn ask(&mut self) -> Result<Proposal> {
        let promoted = self.promotable().and_then(|(id, rung)| {
            let configuration = self.history.trial(id)?.configuration.clone();
            Some((configuration, rung + 1, Some(id)))
        });
        let (configuration, rung, continues) = match promoted {
            Some(promoted) => promoted,
            None => (self.history.random(self.seed)?, 0, None),
        };
        let resource = Some(self.resources[rung]);
        Ok(Proposal::Trial(self.history.propose(
            configuration,
            resource,
            continues,
        )))
    }

    tell_history!();
}

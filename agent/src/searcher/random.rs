//! Random search.

use super::history::{see_history, tell_history};
use super::{History, Proposal, Searcher};
use crate::Result;
use serde::{Deserialize, Serialize};
use trimtab_env::SearchSpace;

/// Independent draws from the space (Bergstra and Bengio 2012, "Random search for hyper-parameter optimization").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomSearch {
    history: History,
    seed: u64,
}

impl RandomSearch {
    /// A search over `space`.
    pub fn new(space: SearchSpace, seed: u64) -> Self {
        Self {
            history: History::new(space),
            seed,
        }
    }
}

impl Searcher for RandomSearch {
    fn ask(&mut self) -> Result<Proposal> {
        let configuration = self.history.random(self.seed)?;
        Ok(Proposal::Trial(self.history.propose(
            configuration,
            None,
            None,
        )))
    }

    tell_history!();
    see_history!();
}

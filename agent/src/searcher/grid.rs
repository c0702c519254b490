//! Grid search.

use super::history::tell_history;
use super::{History, Proposal, Searcher, SeenTrial};
use crate::Result;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use trimtab_env::{SearchSpace, Settings, stream};

/// Every combination of values once, in random order, so that the search can be stopped at any time and has then seen
/// something of the whole grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GridSearch {
    history: History,
    /// Those to come, the next one last.
    left: Vec<Settings>,
}

impl GridSearch {
    /// A search over [`SearchSpace::grid`] with `points` for each continuous parameter.
    ///
    /// # Errors
    /// [`crate::Error::Environment`] if the grid is empty or has more than a million points.
    pub fn new(space: SearchSpace, points: usize, seed: u64) -> Result<Self> {
        let mut left = space.grid(points)?;
        left.shuffle(&mut stream(seed, "grid search", 0));
        Ok(Self {
            history: History::new(space),
            left,
        })
    }
}

impl Searcher for GridSearch {
    fn ask(&mut self) -> Result<Proposal> {
        Ok(match self.left.pop() {
            Some(configuration) => Proposal::Trial(self.history.propose(configuration, None, None)),
            None => Proposal::Done,
        })
    }

    /// What was seen is not run again.
    fn see(&mut self, seen: &[SeenTrial]) -> Result<()> {
        self.history.see(seen)?;
        let history = &self.history;
        self.left
            .retain(|configuration| !history.is_tried(configuration));
        Ok(())
    }

    tell_history!();
}

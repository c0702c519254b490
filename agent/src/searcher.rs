//! Searchers: what proposes whole configurations over many runs.
//!
//! A searcher is asked for trials and told their losses by the code that runs them: [`Searcher::ask`], [`Searcher::tell`].
//! [`search`] is the plain loop around the two. What a searcher does follows from its seed and from which losses it had
//! been told before which question; the order in which losses of the same batch come back does not matter, so neither does
//! the number of threads. Trials that are still under way are taken into account: no two of them are the same, unless there
//! are more of them than configurations.
//!
//! The state of every searcher is plain data. Written by serde and read back, it goes on with the same proposals.
//!
//! ```
//! use trimtab_agent::searcher::{Searcher, SearcherConfig, search};
//! use trimtab_env::{SearchSpace, suite};
//!
//! let table = &suite::hpobench()?[0];
//! let mut searcher = SearcherConfig::Bayesian(Default::default()).start(table.space().clone(), 1)?;
//! search(&mut searcher, 12, 4, |trial| {
//!     // One of the recorded repeats: which, follows from the number of the trial.
//!     let mut rng = trimtab_env::stream(1, "repeats", trial.id);
//!     Ok(table.direction().loss(table.evaluate(&trial.configuration, &mut rng)?.figure))
//! })?;
//! let (best, loss) = searcher.best().expect("trials were told");
//! assert!(loss < -0.8 && table.regret(&best.configuration)? < 0.3);
//!
//! // To a file and back between any two calls.
//! let text = serde_json::to_string(&searcher)?;
//! let mut again: trimtab_agent::searcher::AnySearcher = serde_json::from_str(&text)?;
//! assert_eq!(again.ask()?, searcher.ask()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to find | look in |
//! |---|---|
//! | which searcher, in a config | [`config`] |
//! | grid, random and quasi-random search | [`grid`], [`random`], [`quasi_random`] |
//! | Bayesian optimisation: the Gaussian process, acquisitions | [`bayesian`], [`gaussian_process`], [`acquisition`] |
//! | the tree-structured Parzen estimator | [`tpe`] |
//! | successive halving, ASHA, Hyperband | [`successive_halving`], [`asha`], [`hyperband`] |
//! | population-based training, the cross-entropy method | [`population`], [`cross_entropy`] |
//! | stopping runs early | [`pruning`] |
//! | studies of Optuna, written and read | [`optuna`] |
//! | what was proposed and told: what a searcher of your own keeps | [`history`] |
//!
//! **Why not a library.** `egobox-ego` brings some 150 crates into the build. The crate `tpe` optimises one parameter at a
//! time and knows no trials under way; `optimizer` does not fit the length scales of its Gaussian process. What is here is
//! small, fast and compared with recorded values of scikit-learn and Optuna.

pub mod acquisition;
pub mod asha;
pub mod bayesian;
pub mod config;
pub mod cross_entropy;
pub mod gaussian_process;
pub mod grid;
pub mod history;
pub mod hyperband;
mod linear_algebra;
pub mod optuna;
pub mod population;
pub mod pruning;
mod quasi_newton;
pub mod quasi_random;
pub mod random;
pub mod successive_halving;
#[cfg(test)]
mod tests;
pub mod tpe;

pub use asha::{Asha, AshaConfig};
pub use bayesian::{Bayesian, BayesianConfig};
pub use config::{AnySearcher, SearcherConfig};
pub use cross_entropy::{CrossEntropy, CrossEntropyConfig};
pub use grid::GridSearch;
pub use history::{History, Outcome, SeenTrial};
pub use hyperband::{Hyperband, HyperbandConfig};
pub use population::{Population, PopulationConfig};
pub use quasi_random::QuasiRandom;
pub use random::RandomSearch;
pub use successive_halving::{SuccessiveHalving, SuccessiveHalvingConfig};
pub use tpe::{Tpe, TpeConfig};

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use trimtab_env::Settings;
use trimtab_env::mdp::threads::in_order;

/// A training that a searcher wants to be run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its number: 0, 1, 2, ...
    pub id: u64,
    /// What to train with.
    pub configuration: Settings,
    /// Up to where to train, from the beginning of the training, in the unit of the searcher's options (epochs, segments,
    /// ...). `None` is to the end.
    pub resource: Option<u64>,
    /// The trial from whose last state the training goes on, perhaps with another configuration. `None` begins anew.
    pub continues: Option<u64>,
}

/// The answer of a searcher that is asked for a trial.
#[derive(Clone, Debug, PartialEq)]
pub enum Proposal {
    /// Run this.
    Trial(Trial),
    /// Nothing until a trial under way has been told.
    Wait,
    /// Nothing any more.
    Done,
}

/// Something that proposes whole configurations over many runs.
pub trait Searcher: Send {
    /// The next trial to run. Any number of trials may be under way.
    ///
    /// # Errors
    /// If the searcher's arithmetic breaks down.
    fn ask(&mut self) -> Result<Proposal>;

    /// Takes the loss of a trial, to be minimised. A trial that failed or diverged has one that is not finite.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if no trial of this number is under way.
    fn tell(&mut self, id: u64, loss: f64) -> Result<()>;

    /// Takes trials that were run before, by whomever, before it is asked for the first: a warm start. They count among the trials so
    /// far.
    ///
    /// # Errors
    /// [`Error::Config`] if one does not fit the space; of a searcher that makes nothing of trials of others, as by default.
    fn see(&mut self, seen: &[SeenTrial]) -> Result<()> {
        if seen.is_empty() {
            return Ok(());
        }
        let allowed =
            "it begins with its own; give them to Grid, Random, QuasiRandom, Bayesian or Tpe";
        Err(Error::config("trials that were seen", seen.len(), allowed))
    }

    /// All trials so far.
    fn history(&self) -> &History;

    /// The best trial told so far, with its loss: the one with the smallest loss of those that were trained furthest.
    fn best(&self) -> Option<(&Trial, f64)> {
        self.history().best()
    }
}

/// Checks how many candidates are looked at for each trial.
fn check_candidates(candidates: usize) -> Result<()> {
    if (1..=1_000_000).contains(&candidates) {
        return Ok(());
    }
    let allowed = "give 1 to 1,000,000";
    Err(Error::config("candidates", candidates, allowed))
}

/// Runs trials until there have been `trials` or the searcher is done: asks for up to `batch` of them at a time, runs these
/// on threads of their own, and tells their losses. The result depends on `batch` and not on the timing of the threads.
///
/// # Errors
/// The first error of the searcher or of a trial, in the order of the trials' numbers.
pub fn search<S: Searcher + ?Sized>(
    searcher: &mut S,
    trials: usize,
    batch: usize,
    objective: impl Fn(&Trial) -> Result<f64> + Sync,
) -> Result<()> {
    let mut run = 0;
    while run < trials {
        let mut asked = Vec::new();
        while asked.len() < batch.max(1).min(trials - run) {
            match searcher.ask()? {
                Proposal::Trial(trial) => asked.push(trial),
                Proposal::Wait | Proposal::Done => break,
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        run += asked.len();
        in_order(
            asked.len(),
            asked.len(),
            |_, index, _| objective(&asked[index]),
            |_| {},
            |index, loss| searcher.tell(asked[index].id, loss),
        )?;
    }
    Ok(())
}

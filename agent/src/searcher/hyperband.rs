//! Hyperband.

use super::history::tell_history;
use super::successive_halving::{Bracket, rungs};
use super::{History, Proposal, Searcher};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use trimtab_env::SearchSpace;

/// Options of [`Hyperband`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HyperbandConfig {
    /// Least resource of a trial.
    pub min_resource: u64,
    /// Resource of the last rung of every bracket.
    pub max_resource: u64,
    /// One trial in this many goes on from each rung, and trains this many times further.
    pub reduction_factor: u64,
    /// How many times all brackets are run.
    pub cycles: usize,
}

impl Default for HyperbandConfig {
    /// Brackets of 27, 12, 6 and 4 configurations over 27 units, once.
    fn default() -> Self {
        Self {
            min_resource: 1,
            max_resource: 27,
            reduction_factor: 3,
            cycles: 1,
        }
    }
}

/// Brackets of successive halving that begin with many configurations trained a little or few trained far (Li et al. 2018,
/// "Hyperband: a novel bandit-based approach to hyperparameter optimization", algorithm 1). While a bracket waits, the next
/// one goes on. Brackets and rungs are those of SMAC, with budgets that are rounded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hyperband {
    history: History,
    seed: u64,
    brackets: Vec<Bracket>,
}

impl Hyperband {
    /// A search over `space`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the option that is not allowed.
    pub fn new(space: SearchSpace, config: &HyperbandConfig, seed: u64) -> Result<Self> {
        let eta = config.reduction_factor;
        let resources = rungs(config.min_resource, config.max_resource, eta)?;
        if !(1..=10_000).contains(&config.cycles) {
            return Err(Error::config("cycles", config.cycles, "give 1 to 10,000"));
        }
        let brackets = (0..config.cycles).flat_map(|_| {
            (0..resources.len()).map(|bracket| {
                let width = bracket_width(resources.len(), bracket, eta);
                Bracket::new(width, resources[bracket..].to_vec(), eta)
            })
        });
        Ok(Self {
            history: History::new(space),
            seed,
            brackets: brackets.collect(),
        })
    }
}

/// Configurations of a bracket that leaves out the first `bracket` of `count` rungs: `ceil(count eta^s / (s + 1))` with
/// `s = count - 1 - bracket`, so that all brackets cost about the same.
pub(super) fn bracket_width(count: usize, bracket: usize, eta: u64) -> usize {
    let s = count - 1 - bracket;
    let widest = (count as u64).saturating_mul(eta.saturating_pow(s as u32));
    widest.div_ceil(s as u64 + 1) as usize
}

impl Searcher for Hyperband {
    fn ask(&mut self) -> Result<Proposal> {
        let mut answer = Proposal::Done;
        for bracket in &mut self.brackets {
            match bracket.ask(&mut self.history, self.seed)? {
                Proposal::Trial(trial) => return Ok(Proposal::Trial(trial)),
                Proposal::Wait => answer = Proposal::Wait,
                Proposal::Done => {}
            }
        }
        Ok(answer)
    }

    tell_history!();
}

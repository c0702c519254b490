//! Which searcher, with which options.

use super::{
    Asha, AshaConfig, Bayesian, BayesianConfig, CrossEntropy, CrossEntropyConfig, GridSearch,
    History, Hyperband, HyperbandConfig, Population, PopulationConfig, Proposal, QuasiRandom,
    RandomSearch, Searcher, SeenTrial, SuccessiveHalving, SuccessiveHalvingConfig, Tpe, TpeConfig,
};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trimtab_env::SearchSpace;
use trimtab_env::bounds::check_count;

/// A searcher by name, as in a config file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SearcherConfig {
    /// [`GridSearch`].
    Grid {
        /// Values of each continuous parameter.
        points: usize,
    },
    /// [`RandomSearch`].
    Random,
    /// [`QuasiRandom`].
    QuasiRandom,
    /// [`Bayesian`].
    Bayesian(BayesianConfig),
    /// [`Tpe`].
    Tpe(TpeConfig),
    /// [`SuccessiveHalving`].
    SuccessiveHalving(SuccessiveHalvingConfig),
    /// [`Asha`].
    Asha(AshaConfig),
    /// [`Hyperband`].
    Hyperband(HyperbandConfig),
    /// [`Population`].
    Population(PopulationConfig),
    /// [`CrossEntropy`].
    CrossEntropy(CrossEntropyConfig),
    /// One that a program has added by name; whoever reads the config starts it.
    Custom {
        /// Its name there.
        name: String,
        /// What its constructor reads.
        #[serde(default)]
        parameters: BTreeMap<String, f64>,
    },
}

/// The most things of one kind that a searcher makes, such as candidates for a trial.
const MOST: usize = 1_000_000;

impl SearcherConfig {
    /// Whether every trial is trained from its beginning to its end, which leaves stopping to a pruner.
    pub fn asks_for_whole_runs(&self) -> bool {
        match self {
            Self::Grid { .. }
            | Self::Random
            | Self::QuasiRandom
            | Self::Bayesian(_)
            | Self::Tpe(_)
            | Self::Custom { .. } => true,
            Self::SuccessiveHalving(_)
            | Self::Asha(_)
            | Self::Hyperband(_)
            | Self::Population(_)
            | Self::CrossEntropy(_) => false,
        }
    }

    /// Its options that say how many things it makes.
    fn counts(&self) -> Vec<(&'static str, usize)> {
        match self {
            Self::Grid { .. }
            | Self::Random
            | Self::QuasiRandom
            | Self::Asha(_)
            | Self::Custom { .. } => Vec::new(),
            Self::Bayesian(config) => {
                vec![
                    ("initial", config.initial),
                    ("candidates", config.candidates),
                ]
            }
            Self::Tpe(config) => {
                vec![
                    ("initial", config.initial),
                    ("candidates", config.candidates),
                ]
            }
            Self::SuccessiveHalving(config) => vec![("configurations", config.configurations)],
            Self::Hyperband(config) => vec![("cycles", config.cycles)],
            Self::Population(config) => vec![("members", config.members)],
            Self::CrossEntropy(config) => vec![("population", config.population)],
        }
    }

    /// A searcher of this kind that has not been asked anything yet.
    ///
    /// # Errors
    /// [`crate::Error::Config`] or [`crate::Error::Environment`] naming the option that is not allowed.
    pub fn start(&self, space: SearchSpace, seed: u64) -> Result<AnySearcher> {
        for (field, count) in self.counts() {
            check_count(field, count, 0..=MOST)?;
        }
        Ok(match self {
            Self::Grid { points } => AnySearcher::Grid(GridSearch::new(space, *points, seed)?),
            Self::Random => AnySearcher::Random(RandomSearch::new(space, seed)),
            Self::QuasiRandom => AnySearcher::QuasiRandom(QuasiRandom::new(space, seed)),
            Self::Bayesian(config) => {
                AnySearcher::Bayesian(Bayesian::new(space, config.clone(), seed)?)
            }
            Self::Tpe(config) => AnySearcher::Tpe(Tpe::new(space, config.clone(), seed)?),
            Self::SuccessiveHalving(config) => {
                AnySearcher::SuccessiveHalving(SuccessiveHalving::new(space, config, seed)?)
            }
            Self::Asha(config) => AnySearcher::Asha(Asha::new(space, config, seed)?),
            Self::Hyperband(config) => AnySearcher::Hyperband(Hyperband::new(space, config, seed)?),
            Self::Population(config) => {
                AnySearcher::Population(Population::new(space, config.clone(), seed)?)
            }
            Self::CrossEntropy(config) => {
                AnySearcher::CrossEntropy(CrossEntropy::new(space, config.clone(), seed)?)
            }
            Self::Custom { name, .. } => {
                let allowed = "no searcher of this crate; a program that adds it starts it";
                return Err(Error::config("searcher", name, allowed));
            }
        })
    }
}

/// Any searcher of this crate, with its whole state: what is written to resume a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AnySearcher {
    /// Grid search.
    Grid(GridSearch),
    /// Random search.
    Random(RandomSearch),
    /// Quasi-random search.
    QuasiRandom(QuasiRandom),
    /// Bayesian optimisation with a Gaussian process.
    Bayesian(Bayesian),
    /// The tree-structured Parzen estimator.
    Tpe(Tpe),
    /// Synchronous successive halving.
    SuccessiveHalving(SuccessiveHalving),
    /// Asynchronous successive halving.
    Asha(Asha),
    /// Hyperband.
    Hyperband(Hyperband),
    /// Population-based training.
    Population(Population),
    /// The cross-entropy method.
    CrossEntropy(CrossEntropy),
}

impl AnySearcher {
    fn inner(&self) -> &dyn Searcher {
        match self {
            Self::Grid(searcher) => searcher,
            Self::Random(searcher) => searcher,
            Self::QuasiRandom(searcher) => searcher,
            Self::Bayesian(searcher) => searcher,
            Self::Tpe(searcher) => searcher,
            Self::SuccessiveHalving(searcher) => searcher,
            Self::Asha(searcher) => searcher,
            Self::Hyperband(searcher) => searcher,
            Self::Population(searcher) => searcher,
            Self::CrossEntropy(searcher) => searcher,
        }
    }

    fn inner_mut(&mut self) -> &mut dyn Searcher {
        match self {
            Self::Grid(searcher) => searcher,
            Self::Random(searcher) => searcher,
            Self::QuasiRandom(searcher) => searcher,
            Self::Bayesian(searcher) => searcher,
            Self::Tpe(searcher) => searcher,
            Self::SuccessiveHalving(searcher) => searcher,
            Self::Asha(searcher) => searcher,
            Self::Hyperband(searcher) => searcher,
            Self::Population(searcher) => searcher,
            Self::CrossEntropy(searcher) => searcher,
        }
    }
}

impl Searcher for AnySearcher {
    fn ask(&mut self) -> Result<Proposal> {
        self.inner_mut().ask()
    }

    fn tell(&mut self, id: u64, loss: f64) -> Result<()> {
        self.inner_mut().tell(id, loss)
    }

    fn see(&mut self, seen: &[SeenTrial]) -> Result<()> {
        self.inner_mut().see(seen)
    }

    fn history(&self) -> &History {
        self.inner().history()
    }
}

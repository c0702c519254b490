//! Searches over several runs.

use super::ledger::Ledger;
use super::studies::Shown;
use super::trial::{ChainedTrial, Part, TrialResult};
use crate::{Registry, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trimtab_agent::searcher::optuna::{Ending, Journal, Title, TrialEvent};
use trimtab_agent::searcher::pruning::{Pruner, PrunerConfig};
use trimtab_agent::searcher::{Proposal, Searcher, SearcherConfig, SeenTrial, Trial};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::{ContextServo, Cost, Outcome, SearchSpace, Segments, TuningEnv};

/// A search on one task with one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Search {
    pub(super) task: usize,
    pub(super) seed: u64,
    pub(super) searcher: SearcherConfig,
    /// What is searched: settings, or where trials are steered, factors on what the servo wants.
    pub(super) space: SearchSpace,
    pub(super) pruner: Option<PrunerConfig>,
    /// How many whole runs it may spend.
    pub(super) runs: f64,
    /// How many trials are asked for at a time.
    pub(super) batch: usize,
    /// Under which servo its trials are, if they are steered.
    pub(super) servo: Option<ContextServo>,
    /// What its searcher has seen before its first trial.
    pub(super) seen: Vec<SeenTrial>,
    /// What it is as a study of a journal, if one is written.
    pub(super) study: Option<Title>,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Searched {
    pub(super) ledger: Ledger,
    /// Of the best trial.
    pub(super) outcome: Outcome,
    /// What one run may spend.
    pub(super) budget: Cost,
    /// What happened, if a journal is written that is not here.
    pub(super) events: Vec<TrialEvent>,
}

/// Plays a search whose trials are played one after the other. If they are shown, they are written to the journal as they go, or are
/// in the result.
pub(super) fn search(
    search: &Search,
    environment: &mut TuningEnv,
    registry: &Registry,
    journal: Option<&Journal>,
) -> Result<Searched> {
    let segments = environment.config().segments;
    let mut under_way = UnderWay::begin(search, segments, registry, journal)?;
    loop {
        let asked = under_way.ask()?;
        if asked.is_empty() {
            return under_way.finish();
        }
        for trial in asked {
            let result = trial.play(environment, |part| under_way.show(&trial, part))?;
            under_way.tell(&trial, &result)?;
        }
    }
}

/// A search under way.
pub(super) struct UnderWay<'a> {
    search: &'a Search,
    /// Those of a whole run.
    segments: Segments,
    searcher: Box<dyn Searcher>,
    pruner: Option<Pruner>,
    trials: BTreeMap<u64, Trial>,
    ledger: Ledger,
    best: (f64, Outcome),
    /// What one run may spend; 0 before the first.
    budget: Cost,
    shown: Shown<'a>,
}

impl<'a> UnderWay<'a> {
    /// Begins a search, and shows it in the journal.
    pub(super) fn begin(
        search: &'a Search,
        segments: Segments,
        registry: &Registry,
        journal: Option<&'a Journal>,
    ) -> Result<Self> {
        let seed = derived_seed(search.seed, "searcher", 0);
        let mut searcher = registry.searcher(&search.searcher, search.space.clone(), seed)?;
        searcher.see(&search.seen)?;
        Ok(Self {
            shown: Shown::begin(search, journal)?,
            search,
            segments,
            searcher,
            pruner: search.pruner.clone().map(Pruner::new).transpose()?,
            trials: BTreeMap::new(),
            ledger: Ledger::default(),
            best: (f64::INFINITY, Outcome::new()),
            budget: 0.0,
        })
    }

    /// The trials to play next, which know nothing of each other; none once as much is spent as the runs cost. All are to be told, in
    /// this order, before it is asked again.
    pub(super) fn ask(&mut self) -> Result<Vec<ChainedTrial>> {
        let mut asked = Vec::new();
        // What a run may spend is not known before the first has been played; then nothing is spent either.
        let budget = if self.budget > 0.0 { self.budget } else { 1.0 };
        let mut left = self.search.runs * budget - self.ledger.spent;
        // Another run begins if half a run or more is left.
        while asked.len() < self.search.batch && left >= 0.5 * budget {
            let trial = match self.searcher.ask()? {
                Proposal::Trial(trial) => self.chained(trial),
                Proposal::Wait | Proposal::Done => break,
            };
            left -= self.share(&trial) * budget;
            self.trials.insert(trial.trial.id, trial.trial.clone());
            self.shown.say(|| TrialEvent::Began(trial.trial.clone()))?;
            asked.push(trial);
        }
        Ok(asked)
    }

    /// The trial with those that it goes on from.
    fn chained(&self, trial: Trial) -> ChainedTrial {
        let earlier = |trial: &Trial| trial.continues.and_then(|id| self.trials.get(&id).cloned());
        let mut before: Vec<Trial> = std::iter::successors(earlier(&trial), earlier).collect();
        before.reverse();
        ChainedTrial {
            task: self.search.task,
            seed: self.search.seed,
            trial,
            before,
            servo: self.search.servo,
            pruner: self.pruner.clone(),
        }
    }

    /// The share of a whole run that a trial is meant to cost.
    fn share(&self, trial: &ChainedTrial) -> f64 {
        let after = |resource: Option<u64>| match resource {
            None => 1.0,
            Some(0) => 0.0,
            Some(segments) => self.segments.spent_after(segments as usize - 1),
        };
        after(trial.trial.resource) - after(Some(trial.known()))
    }

    /// Shows a part of a trial that is being played.
    pub(super) fn show(&mut self, trial: &ChainedTrial, part: &Part) -> Result<()> {
        self.shown.say(|| TrialEvent::Reported {
            trial: trial.trial.id,
            step: part.segment - 1,
            loss: part.loss.unwrap_or(f64::NAN),
        })
    }

    /// Takes the result of a trial, whose parts were shown.
    pub(super) fn tell(&mut self, trial: &ChainedTrial, result: &TrialResult) -> Result<()> {
        let id = trial.trial.id;
        if !trial.is_promoted() {
            self.ledger.begin_run();
        }
        for part in &result.parts {
            self.ledger.divergences += u64::from(part.diverged);
            self.ledger.spend(part.cost, part.loss);
        }
        if let Some(pruner) = &mut self.pruner {
            let whole = matches!(result.ending, Ending::Whole(_));
            // The end of a whole run is not judged.
            let judged = result.parts.len() - usize::from(whole && !result.parts.is_empty());
            for part in &result.parts[..judged] {
                pruner.report(id, part.segment, part.loss.unwrap_or(f64::NAN));
            }
            if whole {
                pruner.complete(id);
            }
        }
        self.shown.say(|| TrialEvent::Ended {
            trial: id,
            ending: result.ending,
        })?;
        self.budget = result.budget;
        if result.loss < self.best.0 {
            self.best = (result.loss, result.outcome.clone());
        }
        Ok(self.searcher.tell(id, result.loss)?)
    }

    /// Ends it.
    pub(super) fn finish(mut self) -> Result<Searched> {
        self.shown.say(|| TrialEvent::Finished)?;
        Ok(Searched {
            ledger: self.ledger,
            outcome: self.best.1,
            budget: self.budget,
            events: self.shown.kept(),
        })
    }
}

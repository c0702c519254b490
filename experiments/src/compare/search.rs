//! Searches over several runs.

use super::ledger::Ledger;
use super::method::Steered;
use super::studies::Shown;
use crate::work::environments::steered;
use crate::{Registry, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trimtab_agent::controller::{
    ContextServoController, Controller, Decision, Episode, Play, Situation,
};
use trimtab_agent::searcher::optuna::{Ending, Journal, Title, TrialEvent};
use trimtab_agent::searcher::pruning::{self, Pruner, PrunerConfig};
use trimtab_agent::searcher::{Proposal, SearcherConfig, SeenTrial, Trial};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::servo::context_servo::Offsets;
use trimtab_env::{ContextServo, Cost, Environment, Outcome, SearchSpace, Settings, TuningEnv};

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

/// Runs trials until as much is spent as `runs` whole runs cost. If they are shown, they are written to the journal as they go, or
/// are in the result.
pub(super) fn search(
    search: &Search,
    environment: &mut TuningEnv,
    registry: &Registry,
    journal: Option<&Journal>,
) -> Result<Searched> {
    environment.only(Some(search.task))?;
    let mut shown = Shown::begin(search, journal)?;
    let searcher_seed = derived_seed(search.seed, "searcher", 0);
    let mut searcher = registry.searcher(&search.searcher, search.space.clone(), searcher_seed)?;
    searcher.see(&search.seen)?;
    let mut pruner = search.pruner.clone().map(Pruner::new).transpose()?;
    let mut ledger = Ledger::default();
    let mut trials: BTreeMap<u64, Trial> = BTreeMap::new();
    let mut best = (f64::INFINITY, Outcome::new());
    let mut budget = 0.0;
    // Another run begins if half a run or more is left.
    while search.runs * budget - ledger.spent >= 0.5 * budget {
        let trial = match searcher.ask()? {
            Proposal::Trial(trial) => trial,
            Proposal::Wait | Proposal::Done => break,
        };
        // The settings from the first ancestor on, each up to its resource.
        let mut chain = vec![trial.clone()];
        while let Some(earlier) = chain.last().and_then(|t| t.continues) {
            match trials.get(&earlier) {
                Some(earlier) => chain.push(earlier.clone()),
                None => break,
            }
        }
        chain.reverse();
        trials.insert(trial.id, trial.clone());
        let _span = tracing::info_span!("trial", trial = trial.id as i64).entered();
        let training = derived_seed(search.seed, "trial", chain[0].id);
        let mut controller = Chain::new(environment, &chain, search.servo, training)?;
        let play = Play {
            environment: &mut *environment,
            controller: &mut controller,
            seed: training,
        };
        shown.say(|| TrialEvent::Began(trial.clone()))?;
        let (loss, ending) = play_trial(play, &chain, pruner.as_mut(), &mut ledger, &mut shown)?;
        shown.say(|| TrialEvent::Ended {
            trial: trial.id,
            ending,
        })?;
        budget = environment.budget();
        if loss < best.0 {
            best = (loss, environment.outcome()?);
        }
        searcher.tell(trial.id, loss)?;
    }
    shown.say(|| TrialEvent::Finished)?;
    Ok(Searched {
        ledger,
        outcome: best.1,
        budget: environment.budget(),
        events: shown.kept(),
    })
}

/// A chain of trials as a controller: each has its part of the run, up to its resource.
struct Chain {
    links: Vec<(Option<u64>, Settings)>,
    /// If trials are steered: the servo, and what each trial adds to it.
    servo: Option<(ContextServoController, Vec<Offsets>)>,
}

impl Chain {
    fn new(
        environment: &mut TuningEnv,
        trials: &[Trial],
        servo: Option<ContextServo>,
        seed: u64,
    ) -> Result<Self> {
        let base = environment.config().settings.clone();
        let link = |trial: &Trial| (trial.resource, base.joined(&trial.configuration));
        let servo = match servo {
            None => None,
            Some(servo) => {
                let controller = steered(environment, "servo", servo, seed)?;
                let offsets = trials
                    .iter()
                    .map(|trial| Steered::offsets(&trial.configuration));
                Some((controller, offsets.collect::<Result<Vec<_>>>()?))
            }
        };
        Ok(Self {
            links: trials.iter().map(link).collect(),
            servo,
        })
    }
}

impl Controller for Chain {
    fn name(&self) -> &str {
        "trial"
    }

    fn begin(&mut self, seed: u64) {
        if let Some((servo, _)) = &mut self.servo {
            servo.begin(seed);
        }
    }

    fn decide(&mut self, situation: &Situation) -> Decision {
        let segments = situation.segments.len() as u64;
        let last = self.links.len() - 1;
        let mut links = self.links.iter();
        let link = links
            .position(|(resource, _)| resource.is_none_or(|resource| segments < resource))
            .unwrap_or(last);
        match &mut self.servo {
            None => Decision::Set(self.links[link].1.clone()),
            Some((servo, offsets)) => {
                servo.add(offsets[link]);
                servo.decide(situation)
            }
        }
    }
}

/// Plays a chain of trials of which all but the last were played before: the same seed and settings lead to the same
/// state, so that only the last part is new, and only that is spent. Returns the best validation loss of the chain, and how it ended.
fn play_trial(
    play: Play,
    chain: &[Trial],
    mut pruner: Option<&mut Pruner>,
    ledger: &mut Ledger,
    shown: &mut Shown,
) -> Result<(f64, Ending)> {
    let (trial, before) = match chain {
        [before @ .., trial] => (trial, before.last().and_then(|before| before.resource)),
        [] => return Ok((f64::INFINITY, Ending::Whole(f64::INFINITY))),
    };
    let known = before.unwrap_or(0);
    if before.is_none() {
        ledger.begin_run();
    }
    let mut episode = Episode::begin(play)?;
    let objective = episode.environment().config().objective;
    let (mut segments, mut spent, mut best) = (0, 0.0, f64::INFINITY);
    // A run without a loss after any of its segments has failed, though the loss of the untrained network is its best.
    let mut evaluated = false;
    let shown_loss = |evaluated: bool, best: f64| if evaluated { best } else { f64::INFINITY };
    while trial.resource.is_none_or(|resource| segments < resource) {
        episode.step()?;
        segments += 1;
        let Some(segment) = episode.environment().segments().last() else {
            return Ok((best, Ending::Whole(shown_loss(evaluated, best))));
        };
        let loss = objective.of(&segment.report);
        best = segment.best_loss;
        evaluated |= loss.is_some_and(f64::is_finite);
        if segments > known {
            ledger.divergences += u64::from(segment.report.diverged);
            // With what is spent between segments, as in a single run.
            ledger.spend(segment.spent - spent, loss);
            shown.say(|| TrialEvent::Reported {
                trial: trial.id,
                step: segments - 1,
                loss: loss.unwrap_or(f64::NAN),
            })?;
        }
        spent = segment.spent;
        if episode.is_over() {
            if let Some(pruner) = &mut pruner {
                pruner.complete(trial.id);
            }
            return Ok((best, Ending::Whole(shown_loss(evaluated, best))));
        }
        if let Some(pruner) = &mut pruner {
            let loss = loss.unwrap_or(f64::NAN);
            if pruner.report(trial.id, segments, loss) == pruning::Decision::Stop {
                return Ok((best, Ending::Pruned));
            }
        }
    }
    Ok((best, Ending::Paused(shown_loss(evaluated, best))))
}

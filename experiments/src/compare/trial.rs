//! A trial of a search: one run, or a part of one.

use super::method::Steered;
use crate::Result;
use crate::work::environments::steered;
use serde::{Deserialize, Serialize};
use trimtab_agent::controller::{
    ContextServoController, Controller, Decision, Episode, Play, Situation,
};
use trimtab_agent::searcher::Trial;
use trimtab_agent::searcher::optuna::Ending;
use trimtab_agent::searcher::pruning::{self, Pruner};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::servo::context_servo::Offsets;
use trimtab_env::{ContextServo, Cost, Environment, Outcome, Settings, TuningEnv};

/// A trial to be played, with those that it goes on from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChainedTrial {
    /// Number of the task.
    pub(super) task: usize,
    /// The seed of the search.
    pub(super) seed: u64,
    /// What is to be played.
    pub(super) trial: Trial,
    /// What it goes on from, from the first trial on, each up to its resource.
    pub(super) before: Vec<Trial>,
    /// Under which servo it is, if it is steered.
    pub(super) servo: Option<ContextServo>,
    /// What may stop it, with all that was told before the trial began.
    pub(super) pruner: Option<Pruner>,
}

/// A segment of a trial that was not played before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Its number within the whole run, from 1.
    pub(super) segment: u64,
    /// What it cost, with what was spent between it and the segment before.
    pub(super) cost: Cost,
    /// The validation loss at its end.
    pub(super) loss: Option<f64>,
    /// Whether it diverged.
    pub(super) diverged: bool,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrialResult {
    /// What is new of it.
    pub(super) parts: Vec<Part>,
    /// The best validation loss of the chain.
    pub(super) loss: f64,
    /// How it ended.
    pub(super) ending: Ending,
    /// Its figures.
    pub(super) outcome: Outcome,
    /// What a whole run may spend.
    pub(super) budget: Cost,
}

impl ChainedTrial {
    /// Whether it goes on from another trial.
    pub(super) fn is_promoted(&self) -> bool {
        !self.before.is_empty()
    }

    /// Segments of the run that were played before.
    pub(super) fn known(&self) -> u64 {
        let before = self.before.last();
        before.and_then(|before| before.resource).unwrap_or(0)
    }

    /// Plays the trial after those that it goes on from: the same seed and settings lead to the same state, so that only its own part is
    /// new. `heard` is told of each segment of it.
    ///
    /// # Errors
    /// The environment's, and those of `heard`.
    pub(super) fn play(
        &self,
        environment: &mut TuningEnv,
        mut heard: impl FnMut(&Part) -> Result<()>,
    ) -> Result<TrialResult> {
        let _span = tracing::info_span!("trial", trial = self.trial.id as i64).entered();
        environment.only(Some(self.task))?;
        let first = self.before.first().unwrap_or(&self.trial);
        let training = derived_seed(self.seed, "trial", first.id);
        let all = self.before.iter().chain([&self.trial]);
        let mut controller = Chain::new(environment, all, self.servo, training)?;
        let play = Play {
            environment: &mut *environment,
            controller: &mut controller,
            seed: training,
        };
        let mut result = self.played(play, &mut heard)?;
        result.outcome = environment.outcome()?;
        result.budget = environment.budget();
        Ok(result)
    }

    fn played(
        &self,
        play: Play,
        heard: &mut dyn FnMut(&Part) -> Result<()>,
    ) -> Result<TrialResult> {
        let mut pruner = self.pruner.clone();
        let (trial, known) = (&self.trial, self.known());
        let mut episode = Episode::begin(play)?;
        let objective = episode.environment().config().objective;
        let (mut segments, mut spent) = (0, 0.0);
        let mut result = TrialResult {
            parts: Vec::new(),
            loss: f64::INFINITY,
            ending: Ending::Paused(f64::INFINITY),
            outcome: Outcome::new(),
            budget: 0.0,
        };
        // A run without a loss after any of its segments has failed, though the loss of the untrained network is its best.
        let mut evaluated = false;
        while trial.resource.is_none_or(|resource| segments < resource) {
            episode.step()?;
            segments += 1;
            let Some(segment) = episode.environment().segments().last() else {
                result.ending = Ending::Whole(f64::INFINITY);
                return Ok(result);
            };
            let loss = objective.of(&segment.report);
            result.loss = segment.best_loss;
            evaluated |= loss.is_some_and(f64::is_finite);
            if segments > known {
                let part = Part {
                    segment: segments,
                    cost: segment.spent - spent,
                    loss,
                    diverged: segment.report.diverged,
                };
                heard(&part)?;
                result.parts.push(part);
            }
            spent = segment.spent;
            let shown = if evaluated {
                result.loss
            } else {
                f64::INFINITY
            };
            if episode.is_over() {
                result.ending = Ending::Whole(shown);
                return Ok(result);
            }
            result.ending = Ending::Paused(shown);
            if let Some(pruner) = &mut pruner
                && pruner.report(trial.id, segments, loss.unwrap_or(f64::NAN))
                    == pruning::Decision::Stop
            {
                result.ending = Ending::Pruned;
                return Ok(result);
            }
        }
        Ok(result)
    }
}

/// A chain of trials as a controller: each has its part of the run, up to its resource.
struct Chain {
    links: Vec<(Option<u64>, Settings)>,
    /// If trials are steered: the servo, and what each trial adds to it.
    servo: Option<(ContextServoController, Vec<Offsets>)>,
}

impl Chain {
    fn new<'t>(
        environment: &mut TuningEnv,
        trials: impl Iterator<Item = &'t Trial> + Clone,
        servo: Option<ContextServo>,
        seed: u64,
    ) -> Result<Self> {
        let base = environment.config().settings.clone();
        let link = |trial: &Trial| (trial.resource, base.joined(&trial.configuration));
        let servo = match servo {
            None => None,
            Some(servo) => {
                let controller = steered(environment, "servo", servo, seed)?;
                let offsets = trials.clone();
                let offsets = offsets.map(|trial| Steered::offsets(&trial.configuration));
                Some((controller, offsets.collect::<Result<Vec<_>>>()?))
            }
        };
        Ok(Self {
            links: trials.map(link).collect(),
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

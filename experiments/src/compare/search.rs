//! Searches over several runs.

use super::ledger::Ledger;
use super::run::Comparison;
use crate::Result;
use std::collections::BTreeMap;
use trimtab_agent::searcher::pruning::{self, Pruner};
use trimtab_agent::searcher::{Proposal, Searcher, SearcherConfig, Trial};
use trimtab_env::stream::derived_seed;
use trimtab_env::{Environment, TuningEnv};

impl Comparison<'_> {
    /// Runs trials until as much is spent as `runs` whole runs cost. The outcome is of the best trial.
    pub(super) fn search(
        &self,
        environment: &mut TuningEnv,
        searcher: &SearcherConfig,
        mut pruner: Option<Pruner>,
        runs: f64,
        seed: u64,
    ) -> Result<(Ledger, trimtab_env::Outcome)> {
        let mut searcher =
            searcher.start(self.config.space.clone(), derived_seed(seed, "searcher", 0))?;
        let mut ledger = Ledger::default();
        let mut trials: BTreeMap<u64, Trial> = BTreeMap::new();
        let mut best = (f64::INFINITY, trimtab_env::Outcome::new());
        let mut budget = 0.0;
        // Half a run and more that is left begins another.
        while runs * budget - ledger.spent >= 0.5 * budget {
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
            let training = derived_seed(seed, "trial", chain[0].id);
            let loss = self.trial(environment, &chain, training, pruner.as_mut(), &mut ledger)?;
            budget = environment.budget();
            if loss < best.0 {
                best = (loss, environment.outcome()?);
            }
            searcher.tell(trial.id, loss)?;
        }
        Ok((ledger, best.1))
    }

    /// Plays a chain of trials of which all but the last were played before: the same seed and settings lead to the same
    /// state, so that only the last part is new, and only that is spent. Returns the best validation loss of the chain.
    fn trial(
        &self,
        environment: &mut TuningEnv,
        chain: &[Trial],
        seed: u64,
        mut pruner: Option<&mut Pruner>,
        ledger: &mut Ledger,
    ) -> Result<f64> {
        environment.reset(seed)?;
        let objective = environment.config().objective;
        let mut segments = 0;
        let mut new = chain.len() == 1;
        if new {
            ledger.begin_run();
        }
        for (index, trial) in chain.iter().enumerate() {
            new |= index + 1 == chain.len();
            let mut settings = self.base();
            for (name, value) in trial.configuration.iter() {
                settings.set(name, value.clone());
            }
            while trial.resource.is_none_or(|resource| segments < resource) {
                let step = environment.step_with(&settings)?;
                segments += 1;
                if let Some(segment) = environment.segments().last().filter(|_| new) {
                    let loss = objective.of(&segment.report);
                    ledger.divergences += u64::from(segment.report.diverged);
                    ledger.spend(segment.report.cost, loss);
                }
                if step.status.is_over() {
                    if let Some(pruner) = &mut pruner {
                        pruner.complete(trial.id);
                    }
                    break;
                }
                if let (Some(pruner), Some(segment)) = (&mut pruner, environment.segments().last())
                {
                    let loss = objective.of(&segment.report).unwrap_or(f64::NAN);
                    if pruner.report(trial.id, segments, loss) == pruning::Decision::Stop {
                        break;
                    }
                }
            }
        }
        let losses = environment
            .segments()
            .iter()
            .map(|segment| segment.best_loss);
        Ok(losses.fold(f64::INFINITY, f64::min))
    }
}

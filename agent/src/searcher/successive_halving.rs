//! Synchronous successive halving.

use super::history::tell_history;
use super::{History, Outcome, Proposal, Searcher};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use trimtab_env::SearchSpace;

/// Options of [`SuccessiveHalving`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SuccessiveHalvingConfig {
    /// Configurations that begin.
    pub configurations: usize,
    /// Least resource of the first rung.
    pub min_resource: u64,
    /// Resource of the last rung.
    pub max_resource: u64,
    /// One trial in this many goes on from each rung, and trains this many times further.
    pub reduction_factor: u64,
}

impl Default for SuccessiveHalvingConfig {
    /// 27 configurations over 27 units: rungs of 27, 9, 3 and 1.
    fn default() -> Self {
        Self {
            configurations: 27,
            min_resource: 1,
            max_resource: 27,
            reduction_factor: 3,
        }
    }
}

/// Many configurations are trained a little, the best of them further, and so on (Jamieson and Talwalkar 2016,
/// "Non-stochastic best arm identification and hyperparameter optimization"). A rung begins when the one before has been
/// told; until then the searcher may have to wait. At least one that has a loss goes on from every rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuccessiveHalving {
    history: History,
    seed: u64,
    bracket: Bracket,
}

impl SuccessiveHalving {
    /// A search over `space`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the option that is not allowed.
    pub fn new(space: SearchSpace, config: &SuccessiveHalvingConfig, seed: u64) -> Result<Self> {
        if config.configurations == 0 {
            return Err(Error::config("configurations", 0, "give at least 1"));
        }
        let resources = rungs(
            config.min_resource,
            config.max_resource,
            config.reduction_factor,
        )?;
        Ok(Self {
            history: History::new(space),
            seed,
            bracket: Bracket::new(config.configurations, resources, config.reduction_factor),
        })
    }
}

impl Searcher for SuccessiveHalving {
    fn ask(&mut self) -> Result<Proposal> {
        self.bracket.ask(&mut self.history, self.seed)
    }

    tell_history!();
}

/// How far each rung trains: `max / eta^s`, ..., `max / eta`, `max`, rounded, with the largest `s` for which the first is
/// not below `min`.
///
/// # Errors
/// [`Error::Config`] if the numbers make no rung.
pub(super) fn rungs(min: u64, max: u64, eta: u64) -> Result<Vec<u64>> {
    if min == 0 || max < min {
        return Err(Error::config(
            "min_resource",
            format!("{min}, with max_resource {max}"),
            "give at least 1, and at most max_resource",
        ));
    }
    if eta < 2 {
        return Err(Error::config("reduction_factor", eta, "give at least 2"));
    }
    let mut rungs = vec![max];
    let mut next = Some(eta);
    while let Some(divisor) = next.filter(|divisor| max / divisor >= min) {
        rungs.push(max.saturating_add(divisor / 2) / divisor);
        next = divisor.checked_mul(eta);
    }
    rungs.reverse();
    Ok(rungs)
}

/// One run of successive halving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Bracket {
    /// How far each rung trains.
    resources: Vec<u64>,
    eta: u64,
    /// Configurations that begin.
    width: usize,
    /// Which rung is under way.
    rung: usize,
    /// The trials whose training this rung takes further; none in the first rung.
    survivors: Vec<u64>,
    /// The trials of this rung so far.
    trials: Vec<u64>,
}

impl Bracket {
    pub(super) fn new(width: usize, resources: Vec<u64>, eta: u64) -> Self {
        Self {
            resources,
            eta,
            width,
            rung: 0,
            survivors: Vec::new(),
            trials: Vec::new(),
        }
    }

    pub(super) fn ask(&mut self, history: &mut History, seed: u64) -> Result<Proposal> {
        if self.trials.len() == self.rung_width() && !self.climb(history) {
            let over = self.rung + 1 == self.resources.len() || self.rung_width() == 0;
            let waits = self.trials.iter().any(|id| is_outstanding(history, *id));
            return Ok(if over && !waits {
                Proposal::Done
            } else {
                Proposal::Wait
            });
        }
        let resource = Some(self.resources[self.rung]);
        let (configuration, continues) = match self.survivors.get(self.trials.len()) {
            Some(id) => (
                history.trial(*id).map(|trial| trial.configuration.clone()),
                Some(*id),
            ),
            None => (None, None),
        };
        let configuration = match configuration {
            Some(configuration) => configuration,
            None => history.random(seed)?,
        };
        let trial = history.propose(configuration, resource, continues);
        self.trials.push(trial.id);
        Ok(Proposal::Trial(trial))
    }

    fn rung_width(&self) -> usize {
        if self.rung == 0 {
            self.width
        } else {
            self.survivors.len()
        }
    }

    /// Begins the next rung with the best of this one, if there is a next one and this one has been told.
    fn climb(&mut self, history: &History) -> bool {
        let told = !self.trials.iter().any(|id| is_outstanding(history, *id));
        if !told || self.rung + 1 == self.resources.len() {
            return false;
        }
        // However few began, one goes on: a bracket whose last rung no trial reaches is wasted.
        let keep = (self.width / self.eta.saturating_pow(self.rung as u32 + 1) as usize).max(1);
        let ranked = ranked(history, self.trials.iter().copied());
        self.survivors = ranked.into_iter().take(keep).collect();
        self.trials.clear();
        self.rung += 1;
        !self.survivors.is_empty()
    }
}

fn is_outstanding(history: &History, id: u64) -> bool {
    history.outcome(id) == Some(Outcome::Outstanding)
}

/// Those of the trials that came to a loss, the best first; of equals the one with the smaller number.
pub(super) fn ranked(history: &History, ids: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut losses: Vec<(f64, u64)> = ids
        .filter_map(|id| match history.outcome(id) {
            Some(Outcome::Loss(loss)) => Some((loss, id)),
            Some(Outcome::Failed | Outcome::Outstanding) | None => None,
        })
        .collect();
    losses.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    losses.into_iter().map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_end_at_the_largest_resource() {
        assert_eq!(rungs(1, 27, 3).unwrap(), [1, 3, 9, 27]);
        assert_eq!(rungs(2, 27, 3).unwrap(), [3, 9, 27]);
        // Even where the next power is no number any more.
        assert_eq!(rungs(1, u64::MAX, 2).unwrap().len(), 64);
        assert_eq!(rungs(1, 20, 2).unwrap(), [1, 3, 5, 10, 20]);
        assert_eq!(rungs(5, 5, 4).unwrap(), [5]);
        for (min, max, eta) in [(0, 9, 3), (10, 9, 3), (1, 9, 1)] {
            assert!(rungs(min, max, eta).is_err());
        }
    }

    /// The resource and the number of the trials of each rung, all told.
    fn climbed(mut bracket: Bracket) -> Vec<(u64, usize)> {
        let space: SearchSpace =
            ron::from_str(r#"[(name: "rate", domain: Uniform(0.0, 1.0))]"#).unwrap();
        let mut history = History::new(space);
        while let Proposal::Trial(trial) = bracket.ask(&mut history, 1).unwrap() {
            history.tell(trial.id, trial.id as f64).unwrap();
        }
        let mut rungs: Vec<(u64, usize)> = Vec::new();
        for (trial, _) in history.iter() {
            let resource = trial.resource.unwrap();
            match rungs.last_mut() {
                Some((last, count)) if *last == resource => *count += 1,
                _ => rungs.push((resource, 1)),
            }
        }
        rungs
    }

    #[test]
    fn one_reaches_the_last_rung_however_few_begin() {
        let resources = || rungs(1, 27, 3).unwrap();
        assert_eq!(
            climbed(Bracket::new(10, resources(), 3)),
            [(1, 10), (3, 3), (9, 1), (27, 1)]
        );
        assert_eq!(
            climbed(Bracket::new(1, resources(), 3)),
            [(1, 1), (3, 1), (9, 1), (27, 1)]
        );
        assert_eq!(
            climbed(Bracket::new(27, resources(), 3)),
            [(1, 27), (3, 9), (9, 3), (27, 1)]
        );
    }

    /// Ray's milestones are counted up from the least resource, ours down from the largest: the same where one is a power of the
    /// reduction factor times the other.
    #[test]
    fn rungs_equal_the_milestones_of_ray_where_both_ends_fit() {
        let text = include_str!("../../fixtures/searchers.json");
        let peers: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut equal = 0;
        for (arguments, milestones) in peers["milestones_of_ray"].as_object().unwrap() {
            let numbers: Vec<u64> = arguments.split(',').map(|n| n.parse().unwrap()).collect();
            let theirs: Vec<u64> = serde_json::from_value(milestones.clone()).unwrap();
            let ours = rungs(numbers[0], numbers[1], numbers[2]).unwrap();
            assert_eq!(ours.last(), Some(&numbers[1]));
            if theirs.last() == Some(&numbers[1]) {
                assert_eq!(ours, theirs);
                equal += 1;
            }
        }
        assert_eq!(equal, 2);
    }

    /// SMAC's budgets are not whole; ours are rounded.
    #[test]
    fn brackets_equal_those_of_smac() {
        let text = include_str!("../../fixtures/searchers.json");
        let smac: serde_json::Value = serde_json::from_str(text).unwrap();
        for (arguments, wanted) in smac["hyperband_of_smac"].as_object().unwrap() {
            let numbers: Vec<u64> = arguments.split(',').map(|n| n.parse().unwrap()).collect();
            let resources = rungs(numbers[0], numbers[1], numbers[2]).unwrap();
            let brackets = wanted["configurations"].as_array().unwrap();
            assert_eq!(brackets.len(), resources.len());
            for (index, configurations) in brackets.iter().enumerate() {
                let width =
                    super::super::hyperband::bracket_width(resources.len(), index, numbers[2]);
                let climbed = climbed(Bracket::new(width, resources[index..].to_vec(), numbers[2]));
                let budgets = wanted["budgets"][index].as_array().unwrap();
                let theirs: Vec<(u64, usize)> = budgets
                    .iter()
                    .zip(configurations.as_array().unwrap())
                    .map(|(budget, count)| {
                        (
                            budget.as_f64().unwrap().round() as u64,
                            count.as_u64().unwrap() as usize,
                        )
                    })
                    .collect();
                assert_eq!(climbed, theirs, "{arguments}");
            }
        }
    }
}

//! Searches that play several trials at a time.
//!
//! All of them go on together: each is asked for its next trials, all of these are handed out at once, and each search is told the losses
//! of its own in the order in which it asked. What it proposes follows from that alone, and not from who played what when.

use super::search::{Search, Searched, UnderWay};
use super::trial::{ChainedTrial, TrialResult};
use super::work::{Answer, Methods, Unit};
use crate::record::observer::Observer;
use crate::work::Session;
use crate::{Error, Registry, Result};
use std::collections::BTreeMap;
use trimtab_agent::searcher::optuna::Journal;
use trimtab_env::Segments;

/// Plays searches to their ends, and gives `each` what they found, with their numbers, as they end.
///
/// # Errors
/// Those of the searchers, the trials, the journal and `each`; [`crate::Error::Halted`] if it was interrupted.
pub(super) fn play(
    searches: &[Search],
    segments: Segments,
    session: &Session<Methods>,
    (registry, journal): (&Registry, Option<&Journal>),
    observer: &mut dyn Observer,
    mut each: impl FnMut(usize, Searched) -> Result<()>,
) -> Result<()> {
    let begun = searches.iter().enumerate().map(|(number, search)| {
        Ok((
            number,
            UnderWay::begin(search, segments, registry, journal)?,
        ))
    });
    let mut under_way = begun.collect::<Result<Vec<_>>>()?;
    while !under_way.is_empty() {
        let mut asked = Vec::with_capacity(under_way.len());
        let mut going_on = Vec::with_capacity(under_way.len());
        for (number, mut search) in under_way {
            let trials = search.ask()?;
            if trials.is_empty() {
                each(number, search.finish()?)?;
                observer.advance(1);
            } else {
                asked.push(trials);
                going_on.push((number, search));
            }
        }
        let results = results(&asked, session, observer)?;
        for (((_, search), trials), results) in going_on.iter_mut().zip(&asked).zip(results) {
            for (trial, result) in trials.iter().zip(results) {
                for part in &result.parts {
                    search.show(trial, part)?;
                }
                search.tell(trial, &result)?;
            }
        }
        under_way = going_on;
    }
    Ok(())
}

/// The results of all trials, as they were asked for.
fn results(
    asked: &[Vec<ChainedTrial>],
    session: &Session<Methods>,
    observer: &mut dyn Observer,
) -> Result<Vec<Vec<TrialResult>>> {
    let order = handed_out(asked);
    let unit = |(search, trial): &(usize, usize)| {
        let trial: &ChainedTrial = &asked[*search][*trial];
        Unit::Trial(Box::new(trial.clone()))
    };
    let units: Vec<Unit> = order.iter().map(unit).collect();
    let mut found = BTreeMap::new();
    session.each(&(), &units, observer, |index, answer| match answer {
        Answer::Trial(result) => {
            found.insert(order[index], result);
            Ok(())
        }
        Answer::Training(_) | Answer::Search(_) => Err(Error::Wire(
            "what came back is no result of a trial".to_owned(),
        )),
    })?;
    // In the order in which they were asked for.
    let mut results: Vec<Vec<TrialResult>> = asked.iter().map(|_| Vec::new()).collect();
    for ((search, _), result) in found {
        results[search].push(result);
    }
    Ok(results)
}

/// The trials in the order in which they are handed out, by the number of their search and theirs within it. Those that go on from another,
/// as promotions do, are before new ones: they are longer, and of what a searcher thinks best.
fn handed_out(asked: &[Vec<ChainedTrial>]) -> Vec<(usize, usize)> {
    let each = asked.iter().enumerate();
    let mut order: Vec<(usize, usize)> = each
        .flat_map(|(search, trials)| (0..trials.len()).map(move |trial| (search, trial)))
        .collect();
    order.sort_by_key(|(search, trial)| !asked[*search][*trial].is_promoted());
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_agent::searcher::Trial;

    #[test]
    fn promotions_are_handed_out_before_new_trials_and_what_is_level_as_it_was_asked_for() {
        let trial = |id: u64, continues: Option<u64>| {
            let trial = |id, continues| Trial {
                id,
                configuration: Default::default(),
                resource: Some(3),
                continues,
            };
            ChainedTrial {
                task: 0,
                seed: 1,
                trial: trial(id, continues),
                before: continues.map(|id| trial(id, None)).into_iter().collect(),
                servo: None,
                pruner: None,
            }
        };
        // ASHA, which promotes trial 0, and a population, all of whose members go on.
        let asked = [
            vec![trial(4, None), trial(5, Some(0)), trial(6, None)],
            vec![trial(2, Some(0)), trial(3, Some(1))],
        ];
        let wanted = [(0, 1), (1, 0), (1, 1), (0, 0), (0, 2)];
        assert_eq!(handed_out(&asked), wanted);
    }
}

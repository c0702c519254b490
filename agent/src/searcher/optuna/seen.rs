//! A study as what a searcher has seen.

use super::replay::{JournalTrial, Study, TrialState};
use crate::searcher::{Outcome, SeenTrial};
use crate::{Error, Result};
use std::collections::BTreeMap;
use trimtab_env::metrics::Direction;
use trimtab_env::{Objective, SearchSpace, Settings};

/// The finished trials of a study as trials of a search over `space`, and what is left out of it, a line each.
///
/// Parameters are taken by their names, after those in `names` have been changed from the study's to the space's. A parameter that
/// the space does not have is left out; a trial is, if a parameter is missing or outside its domain, and if it is not finished. A
/// pruned trial is seen with its last value, as far as it was trained.
///
/// # Errors
/// [`Error::Config`] if the study has several objectives, or is maximised where the objective is minimised, or the other way round.
pub fn seen(
    (study, trials): (&Study, &[JournalTrial]),
    space: &SearchSpace,
    objective: Objective,
    names: &BTreeMap<String, String>,
) -> Result<(Vec<SeenTrial>, Vec<String>)> {
    let rises = match objective {
        Objective::Loss => false,
        Objective::Metric(metric) => metric.direction() == Direction::Maximise,
    };
    if study.maximised != [rises] {
        let given = match &study.maximised[..] {
            [true] => "maximised".to_owned(),
            [false] => "minimised".to_owned(),
            several => format!("a study of {} objectives", several.len()),
        };
        let wanted = if rises { "maximised" } else { "minimised" };
        let allowed = format!(
            "`{}` is {wanted}; take a study of one value that is",
            objective.name()
        );
        return Err(Error::config(&study.name, given, allowed));
    }
    let known: Vec<&str> = space
        .coordinates()
        .iter()
        .map(|coordinate| coordinate.name)
        .collect();
    let mut seen = Vec::new();
    let mut left_out: BTreeMap<String, usize> = BTreeMap::new();
    let mut leave_out = |reason: String| *left_out.entry(reason).or_default() += 1;
    for trial in trials {
        let outcome = match (trial.state, &trial.values[..]) {
            (TrialState::Failed, _) => Outcome::Failed,
            (TrialState::Complete | TrialState::Pruned, [value]) => {
                match objective.figure(*value) {
                    loss if loss.is_finite() => Outcome::Loss(loss),
                    _ => Outcome::Failed,
                }
            }
            (TrialState::Running | TrialState::Waiting, _) => {
                leave_out("it is not finished".to_owned());
                continue;
            }
            _ => {
                leave_out("it has no value".to_owned());
                continue;
            }
        };
        let mut configuration = Settings::default();
        for (name, (value, _)) in &trial.parameters {
            let name = names.get(name).unwrap_or(name);
            match value {
                Some(value) if known.contains(&name.as_str()) => {
                    configuration.set(name, value.clone())
                }
                Some(_) => leave_out(format!("its `{name}`, which the space does not have")),
                None => leave_out(format!(
                    "its `{name}`, whose value is none of its distribution"
                )),
            }
        }
        if let Some(problem) = space.check(&configuration).first() {
            leave_out(problem.to_string());
            continue;
        }
        let steps = trial.intermediate.len() as u64;
        seen.push(SeenTrial {
            configuration,
            resource: (trial.state == TrialState::Pruned).then_some(steps),
            outcome,
        });
    }
    let line = |(reason, count): (String, usize)| match count {
        1 => format!("1 trial: {reason}"),
        count => format!("{count} trials: {reason}"),
    };
    Ok((seen, left_out.into_iter().map(line).collect()))
}

//! What a journal says happened.

use super::bare::Number;
use super::distribution::Distribution;
use super::line::{Line, operation};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use trimtab_env::Value;

/// A study of a journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Its name.
    pub name: String,
    /// Whether the value is to be maximised, for each objective.
    pub maximised: Vec<bool>,
    /// What users and programs noted of it.
    pub attributes: Map<String, Json>,
    /// The trials, by their number within the study: where they are among all trials of the journal.
    pub(super) trials: Vec<u64>,
    /// Whether somebody has deleted it.
    pub(super) deleted: bool,
}

/// How far a trial is, with Optuna's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialState {
    /// 0: under way.
    Running,
    /// 1: it ended with a value.
    Complete,
    /// 2: it was stopped before its end.
    Pruned,
    /// 3: it has no value.
    Failed,
    /// 4: it is to be run.
    Waiting,
}

impl TrialState {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Running => 0,
            Self::Complete => 1,
            Self::Pruned => 2,
            Self::Failed => 3,
            Self::Waiting => 4,
        }
    }

    fn of(number: u8) -> Option<Self> {
        let all = [
            Self::Running,
            Self::Complete,
            Self::Pruned,
            Self::Failed,
            Self::Waiting,
        ];
        all.get(usize::from(number)).copied()
    }

    /// Whether nothing about the trial changes any more.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Pruned | Self::Failed)
    }
}

/// A trial of a journal.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalTrial {
    /// How far it is.
    pub state: TrialState,
    /// Its values, one for each objective, if it has any.
    pub values: Vec<f64>,
    /// Its parameters, as they were drawn and where from. A value that its distribution does not have is absent.
    pub parameters: BTreeMap<String, (Option<Value>, Distribution)>,
    /// The values on the way, by step.
    pub intermediate: BTreeMap<i64, f64>,
    /// What users and programs noted of it.
    pub attributes: Map<String, Json>,
}

/// All studies and trials of a journal, by Optuna's rules: what is said of studies that are not there, of trials that are not there
/// and of those that are finished counts for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Replay {
    pub(super) studies: Vec<Study>,
    pub(super) trials: Vec<JournalTrial>,
}

impl Replay {
    /// Takes a line.
    ///
    /// # Errors
    /// What is missing or not understood.
    pub(super) fn apply(&mut self, line: Line) -> Result<(), String> {
        match line.op_code {
            operation::CREATE_STUDY => {
                let name = line.study_name.ok_or("no `study_name`")?;
                if self.study(&name).is_none() {
                    self.studies.push(Study {
                        name,
                        maximised: line.directions.iter().map(|way| *way == 2).collect(),
                        attributes: Map::new(),
                        trials: Vec::new(),
                        deleted: false,
                    });
                }
            }
            operation::DELETE_STUDY => {
                if let Some(study) = self.living(line.study_id) {
                    study.deleted = true;
                }
            }
            operation::STUDY_USER_ATTRIBUTE => {
                if let Some(study) = self.living(line.study_id) {
                    study.attributes.extend(line.user_attr.unwrap_or_default());
                }
            }
            operation::CREATE_TRIAL => {
                let number = self.trials.len() as u64;
                if self.living(line.study_id).is_some() {
                    let study = line.study_id;
                    self.trials.push(created(line)?);
                    if let Some(study) = self.living(study) {
                        study.trials.push(number);
                    }
                }
            }
            operation::PARAMETER => {
                let name = line.param_name.ok_or("no `param_name`")?;
                let internal = line
                    .param_value_internal
                    .ok_or("no `param_value_internal`")?;
                let distribution = line.distribution.ok_or("no `distribution`")?;
                let parameter = parameter(internal, &distribution)?;
                let fits = self.fits(line.trial_id, &name, &parameter.1);
                if let Some(trial) = self.unfinished(line.trial_id).filter(|_| fits) {
                    trial.parameters.insert(name, parameter);
                }
            }
            operation::STATE => {
                let state = state(line.state)?;
                if let Some(trial) = self.unfinished(line.trial_id) {
                    trial.state = state;
                    if let Some(values) = line.values.flatten() {
                        trial.values = values.into_iter().map(|value| value.0).collect();
                    }
                }
            }
            operation::INTERMEDIATE_VALUE => {
                let step = line.step.ok_or("no `step`")?;
                let value = line.intermediate_value.ok_or("no `intermediate_value`")?;
                if let Some(trial) = self.unfinished(line.trial_id) {
                    trial.intermediate.insert(step, value.0);
                }
            }
            operation::TRIAL_USER_ATTRIBUTE => {
                if let Some(trial) = self.unfinished(line.trial_id) {
                    trial.attributes.extend(line.user_attr.unwrap_or_default());
                }
            }
            // System attributes are notes of samplers and of the dashboard; later versions may have more.
            _ => {}
        }
        Ok(())
    }

    /// The number of the study of this name.
    pub(super) fn study(&self, name: &str) -> Option<u64> {
        let here = |study: &Study| !study.deleted && study.name == name;
        self.studies.iter().position(here).map(|study| study as u64)
    }

    /// Whether a parameter is of the same kind as it was in the first trial of the study that has it.
    fn fits(&self, trial: Option<u64>, name: &str, distribution: &Distribution) -> bool {
        let of_trial = |study: &&Study| trial.is_some_and(|trial| study.trials.contains(&trial));
        let study = self.studies.iter().rev().find(of_trial);
        let mut before = study.iter().flat_map(|study| &study.trials);
        let first = before.find_map(|trial| self.trials[*trial as usize].parameters.get(name));
        first.is_none_or(|(_, first)| first.is_compatible(distribution))
    }

    fn living(&mut self, study: Option<u64>) -> Option<&mut Study> {
        let study = self.studies.get_mut(usize::try_from(study?).ok()?)?;
        (!study.deleted).then_some(study)
    }

    fn unfinished(&mut self, trial: Option<u64>) -> Option<&mut JournalTrial> {
        let trial = self.trials.get_mut(usize::try_from(trial?).ok()?)?;
        (!trial.state.is_finished()).then_some(trial)
    }
}

fn state(number: Option<u8>) -> Result<TrialState, String> {
    let known = number.and_then(TrialState::of);
    known.ok_or_else(|| format!("`state` {number:?} is none of 0 to 4"))
}

fn parameter(
    internal: Number,
    distribution: &str,
) -> Result<(Option<Value>, Distribution), String> {
    let distribution = Distribution::parse(distribution)?;
    Ok((distribution.external(internal.0), distribution))
}

/// The trial that a line creates.
fn created(line: Line) -> Result<JournalTrial, String> {
    let several = line.values.flatten();
    let values = several.or(line.value.map(|value| vec![value]));
    let mut parameters = BTreeMap::new();
    for (name, internal) in line.params {
        let distribution = line
            .distributions
            .get(&name)
            .ok_or("a parameter without a distribution")?;
        parameters.insert(name, parameter(internal, distribution)?);
    }
    let mut intermediate = BTreeMap::new();
    for (step, value) in line.intermediate_values {
        let step = step.parse().map_err(|_| format!("a step `{step}`"))?;
        intermediate.insert(step, value.0);
    }
    Ok(JournalTrial {
        state: state(Some(line.state.unwrap_or(0)))?,
        values: values
            .unwrap_or_default()
            .into_iter()
            .map(|value| value.0)
            .collect(),
        parameters,
        intermediate,
        attributes: line.user_attrs,
    })
}

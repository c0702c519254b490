//! A search, written to a journal as it goes.

use super::bare::Number;
use super::distribution::Distribution;
use super::journal::Journal;
use super::line::{Line, operation};
use super::replay::{JournalTrial, Replay, Study, TrialState};
use crate::searcher::Trial;
use crate::{Error, Result};
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::time::SystemTime;
use trimtab_env::metrics::Direction;
use trimtab_env::{Objective, SearchSpace, Settings, interruption};

/// What is said of a study before its first trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Title {
    /// By what it is loaded: `optuna.load_study(study_name=...)`.
    pub name: String,
    /// What its values are called.
    pub metric: String,
    /// What makes a value of a loss: a metric that rises is shown as itself, and is maximised.
    pub objective: Objective,
    /// What else is known of the search. A study of the same name with others is of another search.
    pub attributes: Map<String, Json>,
}

/// What happens in a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TrialEvent {
    /// A trial begins, or goes on from another.
    Began(Trial),
    /// A part of it has ended.
    Reported {
        /// Its number.
        trial: u64,
        /// Number of the part within the whole run, from 0.
        step: u64,
        /// The loss then; not finite if it diverged or was not evaluated.
        loss: f64,
    },
    /// A trial has ended.
    Ended {
        /// Its number.
        trial: u64,
        /// How.
        ending: Ending,
    },
    /// There will be no more trials.
    Finished,
}

/// How a trial ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ending {
    /// It went as far as a run can go. A loss that is not finite is a failure.
    Whole(f64),
    /// A pruner stopped it.
    Pruned,
    /// It went as far as its searcher wanted, with this loss. Another trial may go on from it. If none does until the search is over, it
    /// was pruned; but those that were trained as far as any trial of the search are complete.
    Paused(f64),
}

/// A search as a study of a journal.
///
/// A trial that goes on from another with the same configuration is the same trial of the study, as searches are shown that stop
/// trials. With another configuration, as in population-based training, it is a new one that says which it `continues`.
///
/// A search that is played again, from its beginning, is recognised by the names of study and trials: what is there is not written
/// twice. Nothing is written once the process is asked to stop, since what is under way then is cut short.
#[derive(Debug)]
pub struct StudyWriter<'j> {
    journal: &'j Journal,
    title: Title,
    space: SearchSpace,
    /// By its number in the search.
    shown: BTreeMap<u64, Shown>,
}

/// A trial of a search that is in the journal.
#[derive(Debug)]
struct Shown {
    configuration: Settings,
    /// Its place among all trials of the journal.
    place: u64,
    /// Whether another has gone on from it.
    went_on: bool,
    /// Its loss, while it is paused.
    paused: Option<f64>,
}

/// The attribute that says which trial of the search it is.
const NUMBER: &str = "trial";

impl<'j> StudyWriter<'j> {
    /// Begins a study, or goes on with one.
    ///
    /// # Errors
    /// [`Error::Config`] if the journal has a study of the same name of another search, and that of the journal.
    pub fn begin(journal: &'j Journal, title: Title, space: SearchSpace) -> Result<Self> {
        let make = |replay: &Replay| match replay.study(&title.name) {
            None => Ok(title.lines(replay.studies.len() as u64)),
            Some(number) => {
                let study = &replay.studies[number as usize];
                let differs = |(name, value): (&String, &Json)| {
                    study
                        .attributes
                        .get(name)
                        .is_some_and(|there| there != value)
                };
                if title.attributes.iter().any(differs) {
                    let path = journal.path().display();
                    let allowed = format!(
                        "{path} has a study of that name that is of another search; choose another file"
                    );
                    return Err(Error::config("study", &title.name, allowed));
                }
                // A kill may have left only its first lines.
                let again = if study.trials.is_empty() {
                    1
                } else {
                    usize::MAX
                };
                Ok(title.lines(number).into_iter().skip(again).collect())
            }
        };
        journal.add(make, |_| ())?;
        Ok(Self {
            journal,
            title,
            space,
            shown: BTreeMap::new(),
        })
    }

    /// Writes what happened. A study that somebody has deleted is left alone.
    ///
    /// # Errors
    /// That of the journal.
    pub fn write(&mut self, event: &TrialEvent) -> Result<()> {
        if interruption::is_wished() {
            return Ok(());
        }
        match event {
            TrialEvent::Began(trial) => self.began(trial),
            TrialEvent::Reported { trial, step, loss } => {
                let value =
                    self.title
                        .objective
                        .figure(if loss.is_finite() { *loss } else { f64::NAN });
                self.say(*trial, |_| Line {
                    op_code: operation::INTERMEDIATE_VALUE,
                    step: Some(*step as i64),
                    intermediate_value: Some(Number(value)),
                    ..Line::default()
                })
            }
            TrialEvent::Ended { trial, ending } => match ending {
                Ending::Paused(loss) => {
                    if let Some(shown) = self.shown.get_mut(trial) {
                        shown.paused = Some(*loss);
                    }
                    Ok(())
                }
                Ending::Pruned => self.say(*trial, pruned),
                Ending::Whole(loss) => self.say(*trial, |_| self.whole(*loss)),
            },
            TrialEvent::Finished => self.finish(),
        }
    }

    fn whole(&self, loss: f64) -> Line {
        if loss.is_finite() {
            ended(
                TrialState::Complete,
                Some(self.title.objective.figure(loss)),
            )
        } else {
            ended(TrialState::Failed, None)
        }
    }

    fn finish(&mut self) -> Result<()> {
        let last_step = |replay: &Replay, shown: &Shown| {
            let trial = replay.trials.get(shown.place as usize)?;
            trial.intermediate.keys().next_back().copied()
        };
        let make = |replay: &Replay| {
            let all = self.shown.values();
            let furthest = all.filter_map(|shown| last_step(replay, shown)).max();
            let waiting = self.shown.values().filter(|shown| !shown.went_on);
            let lines = waiting.filter_map(|shown| match shown.paused {
                Some(loss) if last_step(replay, shown) == furthest => {
                    said(replay, shown.place, &|_: &JournalTrial| self.whole(loss))
                }
                _ => said(replay, shown.place, &pruned),
            });
            Ok(lines.collect())
        };
        self.journal.add(make, |_| ())
    }

    fn began(&mut self, trial: &Trial) -> Result<()> {
        let parent = trial
            .continues
            .and_then(|parent| self.shown.get_mut(&parent));
        let parent = match parent {
            Some(parent) if parent.configuration == trial.configuration && !parent.went_on => {
                parent.went_on = true;
                let shown = Shown {
                    configuration: trial.configuration.clone(),
                    place: parent.place,
                    went_on: false,
                    paused: None,
                };
                self.shown.insert(trial.id, shown);
                return Ok(());
            }
            parent => parent.map(|parent| parent.place),
        };
        let of_name = |replay: &Replay| replay.study(&self.title.name);
        let make = |replay: &Replay| match of_name(replay) {
            Some(study) if place(replay, study, trial.id).is_none() => {
                Ok(vec![created(replay, study, trial, parent, &self.space)])
            }
            _ => Ok(Vec::new()),
        };
        let then = |replay: &Replay| place(replay, of_name(replay)?, trial.id);
        if let Some(place) = self.journal.add(make, then)? {
            let shown = Shown {
                configuration: trial.configuration.clone(),
                place,
                went_on: false,
                paused: None,
            };
            self.shown.insert(trial.id, shown);
        }
        Ok(())
    }

    /// Says something of a trial that is shown and not finished.
    fn say(&self, trial: u64, line: impl Fn(&JournalTrial) -> Line) -> Result<()> {
        let Some(shown) = self.shown.get(&trial) else {
            return Ok(());
        };
        let make = |replay: &Replay| Ok(said(replay, shown.place, &line).into_iter().collect());
        self.journal.add(make, |_| ())
    }
}

impl Title {
    /// What creates the study with this number.
    fn lines(&self, study: u64) -> Vec<Line> {
        let rises = match self.objective {
            Objective::Loss => false,
            Objective::Metric(metric) => metric.direction() == Direction::Maximise,
        };
        let mut lines = vec![
            Line {
                op_code: operation::CREATE_STUDY,
                study_name: Some(self.name.clone()),
                directions: vec![1 + u8::from(rises)],
                ..Line::default()
            },
            Line {
                op_code: operation::STUDY_SYSTEM_ATTRIBUTE,
                study_id: Some(study),
                system_attr: Some(one("study:metric_names", json!([self.metric]))),
                ..Line::default()
            },
        ];
        lines.extend(self.attributes.iter().map(|(name, value)| Line {
            op_code: operation::STUDY_USER_ATTRIBUTE,
            study_id: Some(study),
            user_attr: Some(one(name, value.clone())),
            ..Line::default()
        }));
        lines
    }
}

/// Where the trial of a search is among all trials of the journal.
fn place(replay: &Replay, study: u64, trial: u64) -> Option<u64> {
    let mut own = replay.studies.get(study as usize)?.trials.iter().copied();
    own.find(|place| {
        let number = replay.trials[*place as usize].attributes.get(NUMBER);
        number.and_then(Json::as_u64) == Some(trial)
    })
}

/// What creates a trial with all its parameters: one line, so that a kill leaves all of it or nothing.
fn created(
    replay: &Replay,
    study: u64,
    trial: &Trial,
    parent: Option<u64>,
    space: &SearchSpace,
) -> Line {
    let mut line = Line {
        op_code: operation::CREATE_TRIAL,
        study_id: Some(study),
        datetime_start: Some(now()),
        user_attrs: one(NUMBER, json!(trial.id)),
        ..Line::default()
    };
    let number = |of: &Study| of.trials.iter().position(|place| Some(*place) == parent);
    if let Some(number) = replay.studies.get(study as usize).and_then(number) {
        line.user_attrs
            .insert("continues".to_owned(), json!(number));
    }
    for (coordinate, value) in space.active(&trial.configuration) {
        let distribution = Distribution::of(coordinate.domain);
        if let Some(internal) = distribution.internal(value) {
            line.params
                .insert(coordinate.name.to_owned(), Number(internal));
            line.distributions
                .insert(coordinate.name.to_owned(), distribution.text());
        }
    }
    line
}

/// The line about a trial, if it is not finished.
fn said(replay: &Replay, place: u64, line: &impl Fn(&JournalTrial) -> Line) -> Option<Line> {
    let trial = replay.trials.get(place as usize)?;
    let mut line = (!trial.state.is_finished()).then(|| line(trial))?;
    line.trial_id = Some(place);
    Some(line)
}

/// The value of a pruned trial is its last, if that is a number: the rule of Optuna's `Study.tell`.
fn pruned(trial: &JournalTrial) -> Line {
    let last = trial.intermediate.values().next_back().copied();
    ended(TrialState::Pruned, last.filter(|value| !value.is_nan()))
}

fn ended(state: TrialState, value: Option<f64>) -> Line {
    Line {
        op_code: operation::STATE,
        state: Some(state.number()),
        values: Some(value.map(|value| vec![Number(value)])),
        datetime_complete: Some(now()),
        ..Line::default()
    }
}

fn one(name: &str, value: Json) -> Map<String, Json> {
    Map::from_iter([(name.to_owned(), value)])
}

/// The time, as Python's `datetime.fromisoformat` reads it.
fn now() -> String {
    DateTime::<chrono::Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Micros, false)
}

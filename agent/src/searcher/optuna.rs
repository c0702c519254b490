//! Searches as studies of Optuna, which its dashboard shows and its `load_study` reads, and studies as what a searcher has seen.
//!
//! [`StudyWriter`] takes what happens in a search, one [`TrialEvent`] after the other, and writes it to a [`Journal`] at once. In
//! Python, while the search goes on:
//!
//! ```python
//! storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend("study.log"))
//! study = optuna.load_study(study_name="bowl", storage=storage)
//! ```
//!
//! and in a terminal `optuna-dashboard study.log`.
//!
//! ```
//! use trimtab_agent::searcher::optuna::{Ending, Journal, StudyWriter, Title, TrialEvent};
//! use trimtab_agent::searcher::{Proposal, RandomSearch, Searcher};
//! use trimtab_env::{Domain, Objective, Parameter, SearchSpace};
//!
//! let rate = Domain::LogUniform(1e-4, 1.0);
//! let space = SearchSpace::new(vec![Parameter::new("learning_rate", rate)])?;
//! # let path = std::env::temp_dir().join(format!("trimtab-optuna-{}.log", std::process::id()));
//! # let path = path.as_path();
//! // let path = "study.log".as_ref();
//! let journal = Journal::open(path)?;
//! let title = Title {
//!     name: "bowl".to_owned(),
//!     metric: "loss".to_owned(),
//!     objective: Objective::Loss,
//!     attributes: Default::default(),
//! };
//! let mut study = StudyWriter::begin(&journal, title, space.clone())?;
//! let mut searcher = RandomSearch::new(space, 1);
//! for _ in 0..3 {
//!     let Proposal::Trial(trial) = searcher.ask()? else { break };
//!     study.write(&TrialEvent::Began(trial.clone()))?;
//!     let loss = trial.configuration.learning_rate()?.ln().powi(2);
//!     study.write(&TrialEvent::Reported { trial: trial.id, step: 0, loss })?;
//!     study.write(&TrialEvent::Ended { trial: trial.id, ending: Ending::Whole(loss) })?;
//!     searcher.tell(trial.id, loss)?;
//! }
//! study.write(&TrialEvent::Finished)?;
//! let (study, trials) = &journal.studies()[0];
//! assert_eq!((study.name.as_str(), trials.len()), ("bowl", 3));
//! # std::fs::remove_file(path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to find | look in |
//! |---|---|
//! | a search, written as it goes | [`writer`] |
//! | a study as what a searcher has seen | [`seen()`] |
//! | the file, beside other programs that write to it | [`journal`], `lock` |
//! | what a journal says happened; a line of it; bare `NaN` | [`replay`], `line`, `bare` |
//! | domains as distributions and back | [`distribution`] |

mod bare;
pub mod distribution;
pub mod journal;
mod line;
mod lock;
pub mod replay;
mod seen;
#[cfg(test)]
mod tests;
pub mod writer;

pub use distribution::Distribution;
pub use journal::Journal;
pub use replay::{JournalTrial, Study, TrialState};
pub use seen::seen;
pub use writer::{Ending, StudyWriter, Title, TrialEvent};

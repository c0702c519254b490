//! Everything that can go wrong in an experiment, with what to do about it.

use std::path::{Path, PathBuf};
use trimtab_env::error::{clipped, shortened};

/// The result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the experiments crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A config file cannot be understood. The message has the line and the allowed names.
    #[error("{file}:{line}:{column}: {problem}", problem = clipped(.problem))]
    Parse {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A configuration field holds a value that is not allowed.
    #[error("{field}: {given} is not allowed; {allowed}", given = shortened(.given), allowed = clipped(.allowed))]
    Config {
        /// Path of the field.
        field: String,
        /// The value as given.
        given: String,
        /// What would be allowed.
        allowed: String,
    },
    /// A training task is not possible.
    #[error("{place}: {source}")]
    Task {
        /// Path of the task.
        place: String,
        /// What is wrong.
        source: Box<trimtab_models::Error>,
    },
    /// An option of a method of a comparison is not allowed.
    #[error("methods[{index}] ({name}): {source}")]
    Method {
        /// Place of the method, from 0.
        index: usize,
        /// Its name.
        name: String,
        /// What is wrong.
        source: Box<Error>,
    },
    /// The output folder is there already.
    #[error("{0} exists; go on with `--resume --out {0}`, or choose another folder with --out")]
    Exists(PathBuf),
    /// A run of an environment that another program added.
    #[error(
        "`{environment}` is no environment of this program; the run was made by `{program}`: run `{command}`"
    )]
    OtherProgram {
        /// The environment.
        environment: String,
        /// The program that made the run.
        program: String,
        /// The command line that does there what was asked for here.
        command: String,
    },
    /// There is nothing to resume.
    #[error("{path} cannot be resumed: {problem}")]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// A file or folder cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A record is damaged.
    #[error("{path}:{line}: not a record: {problem}", problem = clipped(.problem))]
    Record {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What does not fit.
        problem: String,
    },
    /// Weights cannot be read, or are those of another model.
    #[error("{path}: not the weights of this model: {problem}; tune it again")]
    Weights {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// What came over a wire is not what it should be.
    #[error("units and answers do not fit: {0}; run the same program everywhere")]
    Wire(String),
    /// Machines do not work together.
    #[cfg(feature = "cluster")]
    #[error(transparent)]
    Cluster(trimtab_cluster::Error),
    /// Nobody can be told of a run.
    #[cfg(feature = "telemetry")]
    #[error(transparent)]
    Telemetry(trimtab_telemetry::Error),
    /// Work was interrupted. Whoever handed it out says what was kept, and how to go on.
    #[error("interrupted")]
    Halted,
    /// Someone pressed Ctrl-C. Everything up to the last checkpoint is kept.
    #[error("interrupted; go on with `--resume --out {0}`")]
    Interrupted(PathBuf),
    /// Someone pressed Ctrl-C during a comparison. Every finished result is kept.
    #[error("interrupted; run the same command again to go on in {0}")]
    Stopped(PathBuf),
    /// Someone pressed Ctrl-C while something was tuned. The best so far is kept.
    #[error("interrupted; the best model so far and everything else are in {0}")]
    Kept(PathBuf),
    /// The environment failed.
    #[error(transparent)]
    Environment(#[from] trimtab_env::Error),
    /// A model or its data failed.
    #[error(transparent)]
    Models(#[from] trimtab_models::Error),
    /// The agent failed.
    #[error(transparent)]
    Agent(#[from] trimtab_agent::Error),
    /// A picture cannot be drawn.
    #[error(transparent)]
    Plot(#[from] crate::plot::Error),
}

impl Error {
    /// A [`Error::Config`] from anything printable.
    pub fn config(
        field: impl Into<String>,
        given: impl ToString,
        allowed: impl Into<String>,
    ) -> Self {
        Self::Config {
            field: field.into(),
            given: given.to_string(),
            allowed: allowed.into(),
        }
    }

    /// What it means here that work was interrupted.
    pub(crate) fn halted_as(self, meaning: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Halted => meaning(),
            other => other,
        }
    }

    /// Puts a file's name to what is wrong with the weights in it.
    pub(crate) fn weights(path: &Path) -> impl FnOnce(burn::store::RecordError) -> Self {
        let path = path.to_owned();
        move |error| Self::Weights {
            path,
            problem: error.to_string(),
        }
    }

    /// Puts a file's name to what the operating system said.
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

#[cfg(feature = "cluster")]
impl From<trimtab_cluster::Error> for Error {
    fn from(error: trimtab_cluster::Error) -> Self {
        match error {
            trimtab_cluster::Error::Interrupted => Self::Halted,
            other => Self::Cluster(other),
        }
    }
}

//! Everything that can go wrong between machines, with what to do about it.

use std::path::PathBuf;

/// The result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the cluster crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot be reached, or refuses. The problem says which.
    #[error("{address}: {problem}")]
    Connect {
        /// The address as given, without a password.
        address: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// An option holds a value that is not allowed.
    #[error("{field}: {given} is not allowed; {allowed}")]
    Option {
        /// The option.
        field: String,
        /// The value as given.
        given: String,
        /// What would be allowed.
        allowed: String,
    },
    /// The server answers, but does not do what was asked for.
    #[error("{what}: {problem}")]
    Server {
        /// What was asked for.
        what: String,
        /// What the server said.
        problem: String,
    },
    /// A message is not one of ours, or of another version.
    #[error("a message cannot be read: {0}")]
    Message(String),
    /// Another coordinator leads the run.
    #[error(
        "run {run} is led by {holder}; wait until it is done, or give this one another name with --run"
    )]
    Led {
        /// The run.
        run: String,
        /// Who leads it.
        holder: String,
    },
    /// This coordinator led the run, and another does now.
    #[error("run {run} is now led by {holder}; what was recorded so far is kept")]
    Deposed {
        /// The run.
        run: String,
        /// Who leads it.
        holder: String,
    },
    /// A unit failed, and will not be tried again.
    #[error("unit {index}: {reason}")]
    Unit {
        /// Its number among those that were handed out together.
        index: usize,
        /// Why.
        reason: String,
    },
    /// Content is not there, or not what its name says.
    #[error("content {hash}: {problem}")]
    Content {
        /// Its name: the SHA-256 of what it holds.
        hash: String,
        /// What is wrong.
        problem: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Someone wishes to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    pub(crate) fn server(what: impl Into<String>, problem: impl ToString) -> Self {
        Self::Server {
            what: what.into(),
            problem: problem.to_string(),
        }
    }

    pub(crate) fn option(field: &str, given: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Option {
            field: field.to_owned(),
            given: given.to_string(),
            allowed: allowed.into(),
        }
    }

    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

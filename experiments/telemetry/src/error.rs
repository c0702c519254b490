//! What can go wrong before a run begins. Afterwards nothing does: a collector that fails costs a warning.

/// The result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the telemetry crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option holds a value that is not allowed.
    #[error("{field}: {given} is not allowed; {allowed}")]
    Option {
        /// The option.
        field: &'static str,
        /// The value as given.
        given: String,
        /// What would be allowed.
        allowed: String,
    },
    /// Telemetry cannot be set up.
    #[error("telemetry: {0}")]
    Start(String),
}

impl Error {
    pub(crate) fn option(field: &'static str, given: &str, allowed: impl Into<String>) -> Self {
        Self::Option {
            field,
            given: given.to_owned(),
            allowed: allowed.into(),
        }
    }

    pub(crate) fn start(problem: impl ToString) -> Self {
        Self::Start(problem.to_string())
    }
}

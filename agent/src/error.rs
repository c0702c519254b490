//! Everything that can go wrong in this crate, with what to do about it.

use std::path::PathBuf;

/// The result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the agent crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration field holds a value that is not allowed.
    #[error("{field}: {given} is not allowed; {allowed}", given = trimtab_env::error::shortened(.given))]
    Config {
        /// Path of the field.
        field: String,
        /// The value as given.
        given: String,
        /// What would be allowed.
        allowed: String,
    },
    /// A policy is used in an environment that it was not trained for.
    #[error(
        "the policy (first) was trained for another environment than `{environment}` (second): {difference}"
    )]
    OtherSpec {
        /// Name of the environment.
        environment: String,
        /// How policy and environment differ.
        difference: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A policy, a checkpoint or a journal is damaged, or something else altogether.
    #[error(
        "{path}: not a whole {kind}: {problem}; the file is cut short or altered, take another copy"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// `policy`, `checkpoint` or `journal of Optuna`.
        kind: &'static str,
        /// What does not fit.
        problem: String,
    },
    /// A policy or checkpoint was written by another version of the format.
    #[error("{path}: {kind} of format version {found}; this build reads version {expected}")]
    Version {
        /// The file.
        path: PathBuf,
        /// `policy` or `checkpoint`.
        kind: &'static str,
        /// The version in the file.
        found: u64,
        /// The version that this build reads.
        expected: u64,
    },
    /// The environment failed.
    #[error(transparent)]
    Environment(#[from] trimtab_env::Error),
    /// An update had losses, or produced weights, logits or values, that are not finite.
    #[error(
        "update {update} made numbers of the policy or its critic not finite; lower the learning rate or the rewards' scale"
    )]
    NotFinite {
        /// Number of the update.
        update: u64,
    },
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
}

//! Everything that can go wrong in this crate, with what to do about it.

pub mod bounds;
pub mod nearest;

/// The result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the environment crate.
///
/// A training that diverges is *not* here: it is an outcome of an episode
/// ([`crate::Report::diverged`]), not a failure of the program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration field holds a value that is not allowed.
    #[error("{field}: {given} is not allowed; {allowed}", given = shortened(.given))]
    Config {
        /// Path of the field, for example `knobs[0].domain.low`.
        field: String,
        /// The value as given.
        given: String,
        /// What would be allowed.
        allowed: String,
    },
    /// The action has another number of heads than the specification.
    #[error(
        "the action has {given} choices but environment `{environment}` has {expected} heads ({heads}); give one choice a head"
    )]
    ActionHeads {
        /// Name of the environment.
        environment: String,
        /// Number of choices in the action.
        given: usize,
        /// Number of heads.
        expected: usize,
        /// Names of the heads.
        heads: String,
    },
    /// A choice is outside its head.
    #[error("head `{head}` has choices 0 to {last}, but the action chose {given}")]
    ActionChoice {
        /// Name of the head.
        head: String,
        /// The index chosen.
        given: usize,
        /// The last index allowed.
        last: usize,
    },
    /// A choice is forbidden by the mask of the last observation.
    #[error(
        "choice {given} of head `{head}` is masked now; take one that the observation's mask allows"
    )]
    ActionMasked {
        /// Name of the head.
        head: String,
        /// The index chosen.
        given: usize,
    },
    /// `step` was called before the first `reset`.
    #[error(
        "environment `{environment}` was stepped before its first reset; call reset(seed) first"
    )]
    NotReset {
        /// Name of the environment.
        environment: String,
    },
    /// `step` was called after the episode had ended.
    #[error(
        "the episode of environment `{environment}` is over; call reset(seed) to begin another"
    )]
    EpisodeOver {
        /// Name of the environment.
        environment: String,
    },
    /// A setting that the trainee needs is absent or of the wrong kind.
    #[error("setting `{name}`: {problem}")]
    Setting {
        /// Name of the hyperparameter.
        name: String,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// A snapshot was given to a trainee that did not make it.
    #[error("the snapshot was made by another kind of trainee than `{trainee}`")]
    ForeignSnapshot {
        /// Name of the trainee that refused it.
        trainee: String,
    },
    /// A trainee or a custom environment failed for a reason of its own.
    #[error("{context}: {source}")]
    Other {
        /// Who failed, doing what.
        context: String,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
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

    /// A [`Error::Other`] around the error of another library.
    pub fn other(
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Other {
            context: context.into(),
            source: source.into(),
        }
    }

    /// Puts `prefix` before the field of a [`Error::Config`], so that a nested check names the whole path.
    pub fn within(self, prefix: &str) -> Self {
        match self {
            Self::Config {
                field,
                given,
                allowed,
            } => Self::Config {
                field: if field.is_empty() {
                    prefix.to_owned()
                } else {
                    format!("{prefix}.{field}")
                },
                given,
                allowed,
            },
            other => other,
        }
    }
}

/// A user's word for a message: whole, or its beginning if it is long.
pub fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    let length = text.chars().count();
    if length <= LONGEST {
        return text.to_owned();
    }
    let start: String = text.chars().take(LONGEST / 2).collect();
    format!("{start}.. ({length} characters)")
}

/// Another library's message about a user's text, which may contain that text: whole, or its beginning if it is very long.
pub fn clipped(text: &str) -> String {
    const LONGEST: usize = 2000;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let start: String = text.chars().take(LONGEST / 2).collect();
    format!("{start}..")
}

/// Names for a message: all, or the first where there are many.
pub fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    let quoted = names
        .iter()
        .take(MOST)
        .map(|name| format!("`{}`", shortened(name)));
    let all = quoted.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST) {
        0 => all,
        more => format!("{all} and {more} more"),
    }
}

//! What can go wrong, with what to do about it.

use crate::command::Command;
use crate::unit::UnitId;

/// The result of a fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of this crate. After one, nothing has changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value is not allowed.
    #[error("{field}: {given} is not allowed; {allowed}")]
    Value {
        /// Name of the field or argument.
        field: String,
        /// The value as given.
        given: String,
        /// What would be allowed.
        allowed: &'static str,
    },
    /// An event about a unit that was never submitted here.
    #[error(
        "{0} was never submitted; submit it first, or leave the message to the scheduler that has it"
    )]
    UnknownUnit(UnitId),
}

impl Error {
    /// A value that is not allowed.
    pub(crate) fn value(
        field: impl Into<String>,
        given: impl ToString,
        allowed: &'static str,
    ) -> Self {
        Self::Value {
            field: field.into(),
            given: given.to_string(),
            allowed,
        }
    }
}

/// A decision of a strategy that makes no sense, and was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the strategy asked to {command}, which was skipped: {why}")]
pub struct Mistake {
    /// What it asked for.
    pub command: Command,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// There is no such unit, or it has ended.
    #[error("no such unit waits or is in hand")]
    NoSuchUnit,
    /// There is no such worker, or it is gone.
    #[error("no such worker is up")]
    NoSuchWorker,
    /// The unit is in hand already.
    #[error("the unit is in hand already")]
    InHand,
    /// The unit is not at that worker.
    #[error("the unit is not at that worker")]
    NotThere,
    /// The unit is being paused already.
    #[error("the unit is being paused already")]
    Pausing,
    /// As many units are in hand as the quota allows.
    #[error("the quota is used up; ask `State::first_waiting`, which knows it")]
    Quota,
    /// Strategies assign and preempt.
    #[error(
        "strategies assign and preempt; a unit that waits at a worker is moved by preempting it"
    )]
    Withdrawal,
}

/// A time that can be used.
pub(crate) fn finite(field: &str, seconds: f64) -> Result<f64> {
    if seconds.is_finite() {
        return Ok(seconds);
    }
    Err(Error::value(
        field,
        seconds,
        "give a finite number of seconds",
    ))
}

/// A number above 0 that can be used.
pub(crate) fn positive(field: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::value(field, value, "give a finite number above 0"))
}

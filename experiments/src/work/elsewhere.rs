//! Workers that are no threads of this process: units and answers go over a wire.

use super::{Recipe, Work};
use crate::record::observer::Observer;
use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

/// Units as bytes, from which workers elsewhere make answers as bytes.
pub struct Handed<'a> {
    /// What is to be done with them.
    pub recipe: &'a Recipe,
    /// What they share.
    pub shared: Vec<u8>,
    /// How many there are.
    pub count: usize,
    /// Those with these numbers, one after the other.
    pub units: &'a dyn Fn(Range<usize>) -> Result<Vec<u8>>,
    /// Set from outside to stop.
    pub interrupted: &'a AtomicBool,
}

/// Who hands units to workers elsewhere.
pub trait Elsewhere: Debug + Send + Sync {
    /// Everything is done: answers that are kept for whoever goes on may be dropped.
    fn finish(&self);

    /// Gives `each` the [`Answers`] as bytes, with the numbers of their units, in the order of the units; `advance` is told of progress.
    /// How many units are done together is up to who hands them out.
    ///
    /// # Errors
    /// The error of the first unit that fails, or of `each`; [`Error::Halted`] if it was interrupted.
    fn each(
        &self,
        handed: &Handed,
        advance: &mut dyn FnMut(u64),
        each: &mut dyn FnMut(Range<usize>, Vec<u8>) -> Result<()>,
    ) -> Result<()>;
}

/// Answers to units that were handed out together, in their order, up to the first that failed, with why it did.
pub type Answers<A> = Vec<std::result::Result<A, String>>;

/// As [`super::Session::each`].
pub(super) fn each<W: Work>(
    elsewhere: &dyn Elsewhere,
    (recipe, shared, units): (&Recipe, &W::Shared, &[W::Unit]),
    interrupted: &AtomicBool,
    observer: &mut dyn Observer,
    mut each: impl FnMut(usize, W::Answer) -> Result<()>,
) -> Result<()> {
    let handed = Handed {
        recipe,
        shared: to_bytes(shared)?,
        count: units.len(),
        units: &|range| to_bytes(&units[range]),
        interrupted,
    };
    let mut advance = |steps| observer.advance(steps);
    elsewhere.each(&handed, &mut advance, &mut |range, answers| {
        let answers: Answers<W::Answer> = from_bytes(&answers)?;
        check_number(range.len(), &answers)?;
        for (index, answer) in range.zip(answers) {
            each(index, answer.map_err(|reason| failed(index, reason))?)?;
        }
        Ok(())
    })
}

/// Whether there are as many answers as units, or the last says why there are fewer.
fn check_number<A>(units: usize, answers: &Answers<A>) -> Result<()> {
    let ends_early = answers.last().is_some_and(std::result::Result::is_err);
    if answers.len() == units || answers.len() < units && ends_early {
        return Ok(());
    }
    let given = answers.len();
    Err(Error::Wire(format!("{given} answers to {units} units")))
}

/// The error of a unit that failed elsewhere.
fn failed(index: usize, reason: String) -> Error {
    Error::Cluster(trimtab_cluster::Error::Unit { index, reason })
}

/// A value as bytes: MessagePack with the names of fields, so that defaults and aliases hold as in files.
///
/// # Errors
/// [`Error::Wire`] for what cannot be written.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(value).map_err(|error| Error::Wire(error.to_string()))
}

/// The value in these bytes.
///
/// # Errors
/// [`Error::Wire`] for what is no such value.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    rmp_serde::from_slice(bytes).map_err(|error| Error::Wire(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_missing_are_an_error_unless_the_last_says_why() {
        let failed = || Err("no such number".to_owned());
        for (answers, good) in [
            (vec![Ok(1), Ok(2)], true),
            (vec![Ok(1), failed()], true),
            (vec![failed()], true),
            (vec![Ok(1)], false),
            (vec![], false),
            (vec![Ok(1), Ok(2), Ok(3)], false),
        ] {
            assert_eq!(check_number(2, &answers).is_ok(), good, "{answers:?}");
        }
    }
}

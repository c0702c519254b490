//! Workers that are no threads of this process: units and answers go over a wire.

use super::{Recipe, Work};
use crate::record::observer::Observer;
use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::atomic::AtomicBool;

/// Units as bytes, from which workers elsewhere make answers as bytes.
pub struct Handed<'a> {
    /// What is to be done with them.
    pub recipe: &'a Recipe,
    /// What they share.
    pub shared: Vec<u8>,
    /// How many there are.
    pub count: usize,
    /// Each by its number.
    pub unit: &'a dyn Fn(usize) -> Result<Vec<u8>>,
    /// Set from outside to stop.
    pub interrupted: &'a AtomicBool,
}

/// Who hands units to workers elsewhere.
pub trait Elsewhere: Debug + Send + Sync {
    /// Everything is done: answers that are kept for whoever goes on may be dropped.
    fn finish(&self);

    /// Gives `each` the answers, with the number of the unit, in the order of the units; `advance` is told of progress.
    ///
    /// # Errors
    /// The error of the first unit that fails, or of `each`; [`Error::Halted`] if it was interrupted.
    fn each(
        &self,
        handed: &Handed,
        advance: &mut dyn FnMut(u64),
        each: &mut dyn FnMut(usize, Vec<u8>) -> Result<()>,
    ) -> Result<()>;
}

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
        unit: &|index| to_bytes(&units[index]),
        interrupted,
    };
    let mut advance = |steps| observer.advance(steps);
    elsewhere.each(&handed, &mut advance, &mut |index, answer| {
        each(index, from_bytes(&answer)?)
    })
}

/// A value as bytes: MessagePack with the names of fields, so that defaults and aliases hold as in files.
///
/// # Errors
/// [`Error::Wire`] for what cannot be written.
pub fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(value).map_err(|error| Error::Wire(error.to_string()))
}

/// The value in these bytes.
///
/// # Errors
/// [`Error::Wire`] for what is no such value.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    rmp_serde::from_slice(bytes).map_err(|error| Error::Wire(error.to_string()))
}

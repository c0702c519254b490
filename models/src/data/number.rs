//! The precision of numbers: 32 bits to train with, 64 as tables are read.

use std::{fmt, iter::Sum, ops::Div};

/// A number of a data set: `f32` or `f64`.
///
/// Numbers from a table have 64 bits until something is subtracted from them: of a time in milliseconds, 32 bits hold the day and
/// not the second.
pub trait Number:
    Copy
    + PartialEq
    + fmt::Debug
    + fmt::Display
    + Into<f64>
    + Sum
    + Div<Output = Self>
    + Send
    + Sync
    + 'static
{
    /// The nearest number of this precision; the largest one for what is above it.
    fn nearest(number: f64) -> Self;
}

impl Number for f32 {
    fn nearest(number: f64) -> Self {
        number.clamp(f32::MIN.into(), f32::MAX.into()) as f32
    }
}

impl Number for f64 {
    fn nearest(number: f64) -> Self {
        number
    }
}

//! Bounds on sizes and counts, checked before anything is allocated.

use crate::{Error, Result};
use std::ops::RangeInclusive;

/// The widest layer of a network.
pub const MOST_UNITS: usize = 65_536;

/// Checks that a size or a count is within its bounds.
///
/// # Errors
/// [`Error::Config`] with the bounds.
pub fn check_count(field: &str, given: usize, allowed: RangeInclusive<usize>) -> Result<()> {
    if allowed.contains(&given) {
        return Ok(());
    }
    let (low, high) = (allowed.start(), allowed.end());
    let allowed = format!("give a whole number from {low} to {high}");
    Err(Error::config(field, given, allowed))
}

/// Checks that what a field asks for fits in the memory of this machine, as far as that is known.
///
/// # Errors
/// [`Error::Config`] with what it would take.
pub fn check_memory(field: &str, given: impl ToString, bytes: f64) -> Result<()> {
    let there = memory();
    if bytes <= there {
        return Ok(());
    }
    const GIGABYTE: f64 = 1e9;
    let allowed = format!(
        "it would take {:.1} GB of memory, of which there are {:.1}",
        bytes / GIGABYTE,
        there / GIGABYTE
    );
    Err(Error::config(field, given, allowed))
}

/// Checks the widths of the hidden layers of a network that is trained: each, and what all weights take together with
/// their gradients and an optimiser's two numbers for each.
///
/// # Errors
/// [`Error::Config`] naming the layer.
pub fn check_widths(field: &str, inputs: usize, hidden: &[usize], kernel: usize) -> Result<()> {
    const NUMBERS: f64 = 4.0;
    const BYTES: f64 = 4.0;
    for (index, width) in hidden.iter().enumerate() {
        check_count(&format!("{field}[{index}]"), *width, 1..=MOST_UNITS)?;
    }
    let before = std::iter::once(&inputs).chain(hidden);
    let weights = before.zip(hidden);
    let weights: f64 = weights.map(|(a, b)| *a as f64 * *b as f64).sum();
    let bytes = weights * kernel as f64 * NUMBERS * BYTES;
    check_memory(field, format!("{hidden:?}"), bytes)
}

/// The memory of this machine in bytes; if unknown, more than any machine has.
fn memory() -> f64 {
    const UNKNOWN: f64 = 1e12;
    let told = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<f64>()
            .ok()
    });
    kilobytes.map_or(UNKNOWN, |kilobytes| kilobytes * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_said_with_its_bound() {
        check_count("reruns", 5, 1..=9).unwrap();
        for given in [0, 10, usize::MAX] {
            let message = check_count("reruns", given, 1..=9).unwrap_err().to_string();
            assert!(message.contains(&format!("reruns: {given}")), "{message}");
            assert!(message.contains("from 1 to 9"), "{message}");
        }
        check_widths("hidden", 784, &[64, 64], 1).unwrap();
        let message = |hidden: &[usize]| {
            let error = check_widths("hidden", usize::MAX, hidden, 9);
            error.unwrap_err().to_string()
        };
        assert!(message(&[64, usize::MAX]).contains("hidden[1]"));
        let whole = message(&[64, 64]);
        assert!(whole.contains("GB of memory"), "{whole}");
    }
}

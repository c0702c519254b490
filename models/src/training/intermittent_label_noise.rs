//! Intermittent label noise.

use crate::data::{Dataset, with_label_noise};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// A training that is not stationary: time and again its labels are noise for a while, as those of a careless annotator or of a
/// broken sensor are. Validation and test rows stay clean, so that a loss means the same all along.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntermittentLabelNoise {
    /// The share of labels, or of the standard deviation of values, that is noise while it lasts: above 0 and at most 1.
    pub share: f64,
    /// From one beginning to the next: as many examples as this many passes over the training rows have. The labels are clean
    /// at first.
    pub every: f64,
    /// How long it lasts, in passes, less than `every`.
    pub lasting: f64,
}

impl IntermittentLabelNoise {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Config`] naming the one that is out of range.
    pub fn validate(&self) -> Result<()> {
        let fault = |field: &str, value: f64, allowed: &str| {
            Err(Error::number(
                "intermittent_label_noise",
                field,
                value,
                allowed,
            ))
        };
        if !(self.share > 0.0 && self.share <= 1.0) {
            return fault("share", self.share, "a number above 0 and at most 1");
        }
        if !(self.every.is_finite() && self.every > 0.0) {
            return fault("every", self.every, "a finite number above 0");
        }
        if !(self.lasting > 0.0 && self.lasting < self.every) {
            let allowed = "a number above 0 and below `every`";
            return fault("lasting", self.lasting, allowed);
        }
        Ok(())
    }

    /// Whether it is there after `passes`.
    pub(crate) fn is_there(&self, passes: f64) -> bool {
        passes % self.every >= self.every - self.lasting
    }

    /// `train` with the labels that it has while the noise is there.
    pub(crate) fn noisy(&self, train: &Dataset, seed: u64) -> Result<Dataset> {
        with_label_noise(train, self.share, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_and_goes() {
        let noise = IntermittentLabelNoise {
            share: 1.0,
            every: 4.0,
            lasting: 1.0,
        };
        let there: Vec<bool> = (0..9).map(|pass| noise.is_there(pass.into())).collect();
        let wanted = [3, 7];
        assert!((0..9).all(|pass| there[pass] == wanted.contains(&pass)));
    }

    #[test]
    fn impossible_numbers_are_named() {
        for (share, every, lasting, field) in [
            (0.0, 4.0, 1.0, "intermittent_label_noise.share"),
            (1.0, f64::INFINITY, 1.0, "intermittent_label_noise.every"),
            (1.0, 4.0, 4.0, "intermittent_label_noise.lasting"),
        ] {
            let noise = IntermittentLabelNoise {
                share,
                every,
                lasting,
            };
            assert!(noise.validate().unwrap_err().to_string().contains(field));
        }
    }
}

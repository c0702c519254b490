//! Targets of networks that predict logarithms.

use super::{Dataset, Split, Standardiser, Targets};
use crate::error::{Error, Result};

/// A target that is so many standard deviations below 0 is 0 but for rounding.
const ROUNDING: f64 = 1e-5;

impl Split {
    /// The same rows for a network whose outputs are logarithms: targets are divided by their mean in the training rows, and nothing is taken
    /// off, so that 0 stays 0 and an output of 0 means that mean.
    ///
    /// # Errors
    /// [`Error::Config`] if a target is negative, or all of the training rows are 0.
    pub(crate) fn with_log_link(self) -> Result<Self> {
        let before = &self.standardiser;
        let restored = |data: &Dataset| -> Result<Vec<f64>> {
            let Targets::Values(values) = &data.targets else {
                return Ok(Vec::new());
            };
            let restore = |value: &f32| {
                let value = before.restore_target(*value);
                if value < -ROUNDING * before.target_scale {
                    return Err(fault(format!("a target of {value}")));
                }
                Ok(value.max(0.0))
            };
            values.iter().map(restore).collect()
        };
        let (train, validation) = (restored(&self.train)?, restored(&self.validation)?);
        let test = restored(&self.test)?;
        let mean = train.iter().sum::<f64>() / train.len() as f64;
        if mean.is_nan() || mean <= 0.0 {
            return Err(fault("training targets that are all 0".to_owned()));
        }
        let standardiser = Standardiser {
            target_mean: 0.0,
            target_scale: mean,
            target_log: None,
            log_link: true,
            ..self.standardiser.clone()
        };
        let part = |data: Dataset, values: &[f64]| Dataset {
            targets: Targets::Values(standardiser.standard_targets(values)),
            ..data
        };
        Ok(Self {
            train: part(self.train, &train),
            validation: part(self.validation, &validation),
            test: part(self.test, &test),
            standardiser,
        })
    }
}

fn fault(given: String) -> Error {
    Error::Config {
        field: "loss".to_owned(),
        given: format!("Poisson of {given}"),
        allowed: "targets of at least 0, not all of them 0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{SplitConfig, split};

    fn counts(values: Vec<f32>) -> Split {
        let rows = values.len();
        let data = Dataset::new("x", [1, 1, 1], vec![0.0; rows], Targets::Values(values)).unwrap();
        split(&data, &SplitConfig::default()).unwrap()
    }

    #[test]
    fn counts_are_divided_by_their_mean_and_come_back_from_logarithms() {
        let linked = counts((0..50).map(|row| (row * row % 17) as f32).collect());
        let linked = linked.with_log_link().unwrap();
        let Targets::Values(values) = &linked.train.targets else {
            panic!("not values")
        };
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        assert!((mean - 1.0).abs() < 1e-6, "{mean}");
        for value in values {
            let count = linked.standardiser.restore_target(*value);
            assert!((count - count.round()).abs() < 1e-5, "{count}");
            let again = linked.standardiser.restore_output(value.ln());
            assert!((again - count).abs() < 1e-5, "{again} {count}");
        }
    }

    #[test]
    fn what_is_no_count_is_refused() {
        for values in [vec![-1.0; 20], vec![0.0; 20]] {
            let message = counts(values).with_log_link().unwrap_err().to_string();
            assert!(message.contains("at least 0"), "{message}");
        }
    }
}

//! Whether the logarithm of a target is predicted.

use serde::{Deserialize, Serialize};

use crate::data::{Baseline, Dataset, Split, Standardiser, Targets};

/// Whether the logarithm of a target is predicted, or of the target and 1 where it can be 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogTarget {
    /// It is not.
    #[default]
    Never,
    /// It is, if the target is skewed to the right, never negative, and a linear model of the logarithm has a lower error on the validation
    /// rows than one of the target itself.
    Chosen,
}

impl LogTarget {
    /// By how much the error has to be lower: where it is as good, the target stays as it is.
    const BETTER: f64 = 0.97;

    /// The standardiser with the logarithm of the target, if it is chosen; `values` are those of the validation rows.
    pub(super) fn choose(
        self,
        split: &Split,
        train: &[f64],
        validation: &[f64],
    ) -> Option<Standardiser> {
        let lowest = train.iter().copied().fold(f64::INFINITY, f64::min);
        if self == Self::Never || lowest < 0.0 || skewness(train) < 1.0 {
            return None;
        }
        let shift = if lowest > 0.0 { 0.0 } else { 1.0 };
        let plain = &split.standardiser;
        let log = plain.clone().with_log_target(shift, train);
        let error = |standardiser: &Standardiser| -> f64 {
            let with = |data: &Dataset, values: &[f64]| Dataset {
                targets: standardiser.targets(&Targets::Values(values.to_vec())),
                ..data.clone()
            };
            let rows = with(&split.validation, validation);
            let linear = Baseline::Linear.predict(&with(&split.train, train), &rows, &rows);
            let errors = linear
                .iter()
                .zip(validation)
                .map(|(y, truth)| (standardiser.restore_prediction(*y as f32) - truth).powi(2));
            errors.sum::<f64>().sqrt()
        };
        (error(&log) < Self::BETTER * error(plain)).then_some(log)
    }
}

/// The third moment of some numbers about their mean, in standard deviations; 0 where they are all the same.
fn skewness(numbers: &[f64]) -> f64 {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let moment = |power| numbers.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / count;
    let skewness = moment(3) / moment(2).powf(1.5);
    if skewness.is_finite() { skewness } else { 0.0 }
}

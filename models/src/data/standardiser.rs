//! Inputs and targets of mean 0 and deviation 1, by what the training rows say alone.

use serde::{Deserialize, Serialize};

use super::{Dataset, Targets};

/// What is brought to mean 0 and deviation 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Standardise {
    /// Each feature by its own mean and deviation: for tables.
    #[default]
    PerFeature,
    /// All features by one mean and deviation, which keeps an image an image.
    Global,
    /// Nothing, the targets of a regression included.
    None,
}

/// A shift and a scale a feature, and for the targets of a regression: `(x - mean) / scale`.
///
/// The deviation is that of the population, divided by `n` and not `n - 1`. What does not vary is given a
/// scale of 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardiser {
    /// What is taken off each feature.
    pub mean: Vec<f64>,
    /// What each feature is then divided by.
    pub scale: Vec<f64>,
    /// What is taken off the targets of a regression; 0 for classes.
    pub target_mean: f64,
    /// What the targets of a regression are then divided by; 1 for classes.
    pub target_scale: f64,
}

impl Standardiser {
    /// The statistics of `train`.
    pub fn fit(train: &Dataset, standardise: Standardise) -> Self {
        let features = train.features;
        let (mean, scale) = match standardise {
            Standardise::PerFeature => (0..features)
                .map(|feature| statistics(train.inputs.iter().skip(feature).step_by(features)))
                .unzip(),
            Standardise::Global => {
                let (mean, scale) = statistics(train.inputs.iter());
                (vec![mean; features], vec![scale; features])
            }
            Standardise::None => (vec![0.; features], vec![1.; features]),
        };
        let (target_mean, target_scale) = match (&train.targets, standardise) {
            (Targets::Classes { .. }, _) | (_, Standardise::None) => (0., 1.),
            (Targets::Values(values), _) => statistics(values.iter()),
        };
        Standardiser {
            mean,
            scale,
            target_mean,
            target_scale,
        }
    }

    /// Standardises the inputs, and the targets of a regression, of a data set of the same features.
    pub fn apply(&self, dataset: &mut Dataset) {
        for row in dataset.inputs.chunks_exact_mut(self.mean.len().max(1)) {
            for ((input, mean), scale) in row.iter_mut().zip(&self.mean).zip(&self.scale) {
                *input = ((f64::from(*input) - mean) / scale) as f32;
            }
        }
        if let Targets::Values(values) = &mut dataset.targets {
            for value in values {
                *value = ((f64::from(*value) - self.target_mean) / self.target_scale) as f32;
            }
        }
    }

    /// A prediction of a standardised target, in the units that the target came in.
    pub fn restore_target(&self, prediction: f32) -> f32 {
        (f64::from(prediction) * self.target_scale + self.target_mean) as f32
    }
}

/// Mean and deviation; a deviation of 1 if all values are the same.
fn statistics<'a>(values: impl Iterator<Item = &'a f32> + Clone) -> (f64, f64) {
    let mut all = values.clone();
    let Some(&first) = all.next() else {
        return (0., 1.);
    };
    // Equality, not a deviation of 0: the mean of equal values is rounded, their deviation tiny.
    if all.all(|&value| value == first) {
        return (f64::from(first), 1.);
    }
    let count = values.clone().count() as f64;
    let values = values.map(|&value| f64::from(value));
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(inputs: &[f32], values: &[f32]) -> Dataset {
        let features = inputs.len() / values.len();
        let targets = Targets::Values(values.to_vec());
        Dataset::new("table", [1, 1, features], inputs.to_vec(), targets).unwrap()
    }

    #[test]
    fn each_feature_and_the_target_come_to_mean_0_and_deviation_1() {
        // Features 1, 3 (mean 2, deviation 1) and 10, 50 (30, 20); target -1, 5 (2, 3).
        let mut train = table(&[1., 10., 3., 50.], &[-1., 5.]);
        let standardiser = Standardiser::fit(&train, Standardise::PerFeature);
        standardiser.apply(&mut train);
        assert_eq!(train.inputs, [-1., -1., 1., 1.]);
        assert_eq!(train.targets, Targets::Values(vec![-1., 1.]));

        let mut other = table(&[4., 30.], &[8.]);
        standardiser.apply(&mut other);
        assert_eq!(other.inputs, [2., 0.]);
        assert_eq!(other.targets, Targets::Values(vec![2.]));
        assert_eq!(standardiser.restore_target(2.), 8.);
    }

    #[test]
    fn global_statistics_are_of_all_features_together() {
        let standardiser =
            Standardiser::fit(&table(&[1., 3., 1., 3.], &[0., 2.]), Standardise::Global);
        assert_eq!(standardiser.mean, [2., 2.]);
        assert_eq!(standardiser.scale, [1., 1.]);
        assert_eq!(
            (standardiser.target_mean, standardiser.target_scale),
            (1., 1.)
        );
    }

    #[test]
    fn none_leaves_everything_as_it_is() {
        let mut train = table(&[1., 10., 3., 50.], &[-1., 5.]);
        let before = train.clone();
        Standardiser::fit(&train, Standardise::None).apply(&mut train);
        assert_eq!(train, before);
    }

    #[test]
    fn a_constant_becomes_zero_and_keeps_its_scale() {
        // The mean of many 0.1 is not 0.1 in floating point.
        let mut train = table(&[0.1; 1001], &[0.7; 1001]);
        let standardiser = Standardiser::fit(&train, Standardise::PerFeature);
        assert_eq!((standardiser.scale[0], standardiser.target_scale), (1., 1.));
        standardiser.apply(&mut train);
        assert!(train.inputs.iter().all(|&input| input == 0.));
        assert_eq!(train.targets, Targets::Values(vec![0.; 1001]));
    }

    #[test]
    fn a_far_offset_costs_no_precision() {
        let mut train = table(&[16_777_212., 16_777_214.], &[0., 0.]);
        Standardiser::fit(&train, Standardise::PerFeature).apply(&mut train);
        assert_eq!(train.inputs, [-1., 1.]);
    }
}

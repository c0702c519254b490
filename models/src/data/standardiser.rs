//! Inputs and targets of mean 0 and standard deviation 1, by the statistics of the training rows alone.

mod statistics;
mod target_log;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{Dataset, Number, Targets};
use statistics::{from_0_to_1, of_numbers, robust, statistics};
pub use target_log::TargetLog;

/// What is brought to mean 0 and standard deviation 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Standardise {
    /// Each feature by its own mean and standard deviation: for tables.
    #[default]
    PerFeature,
    /// All features by one mean and standard deviation, which keeps an image an image.
    Global,
    /// Each feature by its own median and interquartile range, and then clipped smoothly: for tables whose columns have long tails.
    /// The targets of a regression as for `PerFeature`.
    ///
    /// From the middle `m` on, `z = (x - m) / (q75 - q25)`, or half of the range in place of that of the quartiles if they are the same; then
    /// `z / sqrt(1 + (z / 3)^2)`. Holzmüller, Grinsztajn and Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
    /// Tabular Data", 2024, section 3.
    Robust,
    /// Nothing, the targets of a regression included.
    None,
}

/// A shift and a scale a feature, and for the targets of a regression: `(x - mean) / scale`.
///
/// The standard deviation is that of the population, divided by `n` and not `n - 1`. A constant feature or target has a scale of 1.
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
    /// The logarithm that is taken of a target before it is standardised; without it the target itself is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_log: Option<TargetLog>,
    /// Whether a network predicts the logarithm of a standardised target, and not the target itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub log_link: bool,
    /// What no feature exceeds: `z` becomes `z / sqrt(1 + (z / clip)^2)`. Without it they stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
}

/// `serde` asks by reference.
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Standardiser {
    /// The statistics of `train`.
    pub fn fit<N: Number>(train: &Dataset<N>, standardise: Standardise) -> Self {
        let rows: Vec<usize> = (0..train.rows()).collect();
        Self::of_rows(train, &rows, standardise)
    }

    /// The statistics of some rows.
    pub(super) fn of_rows<N: Number>(
        data: &Dataset<N>,
        rows: &[usize],
        standardise: Standardise,
    ) -> Self {
        let inputs = rows.iter().map(|&row| data.row(row));
        let (mean, scale) = match standardise {
            Standardise::PerFeature => statistics(data.features, inputs).into_iter().unzip(),
            Standardise::Robust => (0..data.features)
                .map(|feature| robust(rows.iter().map(|&row| data.row(row)[feature].into())))
                .unzip(),
            Standardise::Global => {
                let all = inputs.flat_map(|row| row.chunks_exact(1));
                let (mean, scale) = statistics(1, all)[0];
                (vec![mean; data.features], vec![scale; data.features])
            }
            Standardise::None => (vec![0.; data.features], vec![1.; data.features]),
        };
        Self::with_inputs(mean, scale, (&data.targets, rows), standardise)
    }

    /// The statistics of features, each given as its numbers in the training rows, and of the targets of these rows. Those after the first
    /// `numbers_first` are indicators or have two numbers alone: `Robust` brings them to 0 and 1.
    pub(super) fn of_columns<I: Iterator<Item = f64> + Clone>(
        (features, numbers_first): (usize, usize),
        numbers: impl Fn(usize) -> I,
        targets: (&Targets<f64>, &[usize]),
        standardise: Standardise,
    ) -> Self {
        let (mean, scale): (Vec<f64>, Vec<f64>) = (0..features)
            .map(|feature| match standardise {
                Standardise::PerFeature => of_numbers(numbers(feature)),
                Standardise::Robust if feature >= numbers_first => from_0_to_1(numbers(feature)),
                Standardise::Robust => robust(numbers(feature)),
                Standardise::Global => of_numbers((0..features).flat_map(&numbers)),
                Standardise::None => (0., 1.),
            })
            .unzip();
        Self::with_inputs(mean, scale, targets, standardise)
    }

    fn with_inputs<N: Number>(
        mean: Vec<f64>,
        scale: Vec<f64>,
        (targets, rows): (&Targets<N>, &[usize]),
        standardise: Standardise,
    ) -> Self {
        /// "Better by Default", as for [`Standardise::Robust`].
        const CLIP: f64 = 3.0;
        let (target_mean, target_scale) = match (targets, standardise) {
            (Targets::Classes { .. }, _) | (_, Standardise::None) => (0., 1.),
            (Targets::Values(values), _) => of_numbers(rows.iter().map(|&row| values[row].into())),
        };
        Standardiser {
            mean,
            scale,
            target_mean,
            target_scale,
            target_log: None,
            log_link: false,
            clip: matches!(standardise, Standardise::Robust).then_some(CLIP),
        }
    }

    /// The data set with standardised inputs, and standardised targets if it is a regression.
    pub fn apply<N: Number>(&self, dataset: &Dataset<N>) -> Dataset {
        let rows: Vec<usize> = (0..dataset.rows()).collect();
        self.part(dataset, &rows)
    }

    /// Some rows of a data set, standardised.
    pub(super) fn part<N: Number>(&self, dataset: &Dataset<N>, rows: &[usize]) -> Dataset {
        let mut inputs = Vec::with_capacity(rows.len() * dataset.features);
        for &row in rows {
            self.extend(&mut inputs, dataset.row(row));
        }
        let target = |value: N| self.target(value.into());
        let targets = match &dataset.targets {
            Targets::Classes { labels, names } => Targets::Classes {
                labels: rows.iter().map(|&row| labels[row]).collect(),
                names: names.clone(),
            },
            Targets::Values(values) => {
                Targets::Values(rows.iter().map(|&row| target(values[row])).collect())
            }
        };
        Dataset {
            name: dataset.name.clone(),
            features: dataset.features,
            shape: dataset.shape,
            inputs,
            targets,
        }
    }

    /// Rows of inputs, one after the other, standardised.
    pub fn inputs<N: Number>(&self, rows: &[N]) -> Vec<f32> {
        let mut inputs = Vec::with_capacity(rows.len());
        for row in rows.chunks(self.mean.len().max(1)) {
            self.extend(&mut inputs, row);
        }
        inputs
    }

    fn extend<N: Number>(&self, inputs: &mut Vec<f32>, row: &[N]) {
        let each = row.iter().enumerate();
        inputs.extend(each.map(|(feature, &input)| self.input(feature, input.into())));
    }

    /// A number of a feature, standardised.
    pub(super) fn input(&self, feature: usize, number: f64) -> f32 {
        let z = standard(number, self.mean[feature], self.scale[feature]);
        match self.clip {
            None => f32::nearest(z),
            // What is so far off is at the clip, and its square a number.
            Some(clip) => {
                let z = z.clamp(-1e100, 1e100);
                f32::nearest(z / 1f64.hypot(z / clip))
            }
        }
    }

    /// The same, but for the logarithms of targets plus `shift`, which are all above 0 in the training rows `values`.
    pub(super) fn with_log_target(self, shift: f64, values: &[f64]) -> Self {
        let values = || values.iter().copied();
        let range = [
            values().fold(f64::INFINITY, f64::min),
            values().fold(f64::NEG_INFINITY, f64::max),
        ];
        let log = TargetLog { shift, range };
        let (target_mean, target_scale) = of_numbers(values().map(|value| log.of(value)));
        Self {
            target_mean,
            target_scale,
            target_log: Some(log),
            ..self
        }
    }

    /// A value of the target, standardised.
    pub(super) fn target(&self, value: f64) -> f32 {
        let value = self.target_log.map_or(value, |log| log.of(value));
        f32::nearest(standard(value, self.target_mean, self.target_scale))
    }

    /// Targets, standardised.
    pub(super) fn targets(&self, targets: &Targets<f64>) -> Targets {
        match targets {
            Targets::Classes { labels, names } => Targets::Classes {
                labels: labels.clone(),
                names: names.clone(),
            },
            Targets::Values(values) => {
                Targets::Values(values.iter().map(|value| self.target(*value)).collect())
            }
        }
    }

    /// Values in the units that the target came in, standardised.
    pub fn standard_targets(&self, values: &[f64]) -> Vec<f32> {
        values.iter().map(|value| self.target(*value)).collect()
    }

    /// A standardised target in the units that it came in.
    pub fn restore_target(&self, target: f32) -> f64 {
        let restored = f64::from(target) * self.target_scale + self.target_mean;
        self.target_log.map_or(restored, |log| log.back(restored))
    }

    /// An output of a network in the units that the target came in: a prediction of the standardised target, or its logarithm.
    pub fn restore_output(&self, output: f32) -> f64 {
        if self.log_link {
            return f64::from(output).exp() * self.target_scale + self.target_mean;
        }
        self.restore_prediction(output)
    }

    /// A prediction of a standardised target, in the units that the target came in: where it is of a logarithm, not beyond the targets of
    /// the training rows.
    pub fn restore_prediction(&self, prediction: f32) -> f64 {
        let restored = self.restore_target(prediction);
        match self.target_log {
            None => restored,
            Some(TargetLog {
                range: [low, high], ..
            }) => restored.max(low).min(high),
        }
    }
}

/// A number with its mean taken off, in standard deviations.
fn standard(number: f64, mean: f64, scale: f64) -> f64 {
    let difference = number - mean;
    if difference.is_finite() {
        difference / scale
    } else {
        number / scale - mean / scale
    }
}

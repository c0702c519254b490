//! Inputs and targets of mean 0 and standard deviation 1, by the statistics of the training rows alone.

use serde::{Deserialize, Serialize};

use super::{Dataset, Number, Targets};

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
    /// What no feature exceeds: `z` becomes `z / sqrt(1 + (z / clip)^2)`. Without it they stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
}

/// The logarithm of a target: `ln(y + shift)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetLog {
    /// What is added to the target.
    pub shift: f64,
    /// The lowest and the highest target of the training rows. Predictions stay between them: beyond, a small error of a logarithm is a
    /// large one of the target.
    pub range: [f64; 2],
}

impl TargetLog {
    fn of(self, target: f64) -> f64 {
        // A later target may be below those of the training rows.
        (target + self.shift).max(f64::MIN_POSITIVE).ln()
    }

    fn back(self, logarithm: f64) -> f64 {
        logarithm.min(f64::MAX.ln()).exp() - self.shift
    }
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

/// The middle of some numbers, and the range between their quartiles; half of the whole range if that is 0, and 1 if it is too.
fn robust(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut numbers: Vec<f64> = numbers.collect();
    if numbers.is_empty() {
        return (0., 1.);
    }
    numbers.sort_unstable_by(f64::total_cmp);
    let quantile = |share: f64| {
        let at = share * (numbers.len() - 1) as f64;
        let (low, high) = (numbers[at.floor() as usize], numbers[at.ceil() as usize]);
        low + at.fract() * (high / 2. - low / 2.) * 2.
    };
    let quartiles = quantile(0.75) - quantile(0.25);
    let half = numbers[numbers.len() - 1] / 2. - numbers[0] / 2.;
    let usable = |scale: &f64| *scale > 0. && scale.is_finite();
    let scale = [quartiles, half].into_iter().find(usable);
    (quantile(0.5), scale.unwrap_or(1.))
}

/// The lowest of some numbers, and their range; 1 if that is 0.
fn from_0_to_1(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    let ends = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = numbers.fold(ends, |(low, high), x| (low.min(x), high.max(x)));
    let range = high - low;
    if range.is_finite() && range > 0. {
        (low, range)
    } else {
        (if low.is_finite() { low } else { 0. }, 1.)
    }
}

/// Mean and standard deviation of some numbers, as those of a column of [`statistics`].
fn of_numbers(numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let Some(first) = numbers.clone().next() else {
        return (0., 1.);
    };
    let mut column = Column::of(first);
    numbers.clone().for_each(|number| column.see(number));
    column.choose_unit();
    if column.unit != 1. {
        numbers.clone().for_each(|number| column.add_again(number));
    }
    column.take_mean();
    numbers.for_each(|number| column.compare(number));
    column.mean_and_deviation()
}

/// Mean and standard deviation of each of `width` columns; 0 and 1 without rows, and a standard deviation of 1 if all values are
/// equal.
fn statistics<'a, N: Number>(
    width: usize,
    rows: impl Iterator<Item = &'a [N]> + Clone,
) -> Vec<(f64, f64)> {
    let Some(first) = rows.clone().next() else {
        return vec![(0., 1.); width];
    };
    let mut columns: Vec<Column> = (first.iter().map(|&value| Column::of(value.into()))).collect();
    // Rows are drawn from all over the table, which takes longer than the arithmetic: hence as few passes as can be.
    let pass = |columns: &mut [Column], see: fn(&mut Column, f64)| {
        for row in rows.clone() {
            for (column, &value) in columns.iter_mut().zip(row) {
                see(column, value.into());
            }
        }
    };
    pass(&mut columns, Column::see);
    columns.iter_mut().for_each(Column::choose_unit);
    if columns.iter().any(|column| column.unit != 1.) {
        pass(&mut columns, Column::add_again);
    }
    columns.iter_mut().for_each(Column::take_mean);
    pass(&mut columns, Column::compare);
    columns.iter().map(Column::mean_and_deviation).collect()
}

/// What is known of a column, gathered in two passes over it, three if its numbers are very large or small.
struct Column {
    low: f64,
    high: f64,
    count: f64,
    /// What values are divided by while they are summed.
    unit: f64,
    sum: f64,
    /// Of the values in units.
    mean: f64,
    differences: f64,
    squares: f64,
}

impl Column {
    fn of(first: f64) -> Self {
        Self {
            low: first,
            high: first,
            count: 0.,
            unit: 1.,
            sum: 0.,
            mean: 0.,
            differences: 0.,
            squares: 0.,
        }
    }

    /// The first pass.
    fn see(&mut self, value: f64) {
        self.low = self.low.min(value);
        self.high = self.high.max(value);
        self.count += 1.;
        self.sum += value;
    }

    /// The unit is 1, or the spread of the values if its square is no number.
    fn choose_unit(&mut self) {
        let half = self.high / 2. - self.low / 2.;
        if !(1e-140..=1e140).contains(&half) {
            self.unit = half.max(f64::MIN_POSITIVE);
            self.sum = 0.;
        }
    }

    /// The sum once more, where the unit is not 1.
    fn add_again(&mut self, value: f64) {
        if self.unit != 1. {
            self.sum += value / self.unit;
        }
    }

    fn take_mean(&mut self) {
        self.mean = self.sum / self.count;
    }

    fn compare(&mut self, value: f64) {
        let difference = value / self.unit - self.mean;
        self.differences += difference;
        self.squares += difference.powi(2);
    }

    fn mean_and_deviation(&self) -> (f64, f64) {
        /// What a mean may be off by, in standard deviations, without being seen in 32 bits.
        const UNSEEN: f64 = 1e-10;
        // Equality, not a standard deviation of 0: the mean of equal values is rounded, their standard deviation tiny.
        if self.low == self.high {
            return (self.low, 1.);
        }
        let mut mean = self.mean;
        let mut variance = self.squares / self.count;
        // The sum of many numbers far from 0 is rounded; the differences tell by how much.
        let off = self.differences / self.count;
        if off.abs() > UNSEEN * variance.sqrt() {
            mean += off;
            variance -= off.powi(2);
        }
        let deviation = variance.sqrt() * self.unit;
        (
            mean * self.unit,
            if deviation > 0. { deviation } else { 1. },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table<N: Number>(inputs: &[N], values: &[N]) -> Dataset<N> {
        let features = inputs.len() / values.len();
        let targets = Targets::Values(values.to_vec());
        Dataset::new("table", [1, 1, features], inputs.to_vec(), targets).unwrap()
    }

    #[test]
    fn each_feature_and_the_target_come_to_mean_0_and_deviation_1() {
        // Features 1, 3 (mean 2, standard deviation 1) and 10, 50 (30, 20); target -1, 5 (2, 3).
        let train = table(&[1., 10., 3., 50.], &[-1., 5.]);
        let standardiser = Standardiser::fit(&train, Standardise::PerFeature);
        let train = standardiser.apply(&train);
        assert_eq!(train.inputs, [-1., -1., 1., 1.]);
        assert_eq!(train.targets, Targets::Values(vec![-1., 1.]));

        let other = standardiser.apply(&table(&[4., 30.], &[8.]));
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
    fn robust_statistics_are_of_the_middle_and_what_is_far_off_is_clipped() {
        // Quartiles of 1, 2, 3, 4, 1000 are 2 and 4; those of 0, 0, 0, 0, 1 are the same.
        let train = table(&[1., 0., 2., 0., 3., 0., 4., 0., 1000., 1.], &[0.; 5]);
        let standardiser = Standardiser::fit(&train, Standardise::Robust);
        assert_eq!(standardiser.mean, [3., 0.]);
        assert_eq!(standardiser.scale, [2., 0.5]);
        let inputs = standardiser.apply(&train).inputs;
        // z = -1 becomes -1 / sqrt(1 + 1 / 9), and 2 becomes 2 / sqrt(1 + 4 / 9).
        assert!((inputs[0] + 0.9f32.sqrt()).abs() < 1e-6);
        assert!((inputs[9] - 2. / (13f32 / 9.).sqrt()).abs() < 1e-6);
        assert!(inputs[8] > 2.99 && inputs[8] < 3.);
    }

    #[test]
    fn the_logarithm_of_a_target_comes_back_as_the_target() {
        let values = [1.0, 10.0, 100.0, 1000.0];
        let plain = Standardiser::fit(&table(&values, &values), Standardise::PerFeature);
        let log = plain.clone().with_log_target(0.0, &values);
        // The logarithms are evenly spaced, and their mean is between the middle two.
        assert_eq!(log.target(10.0), -log.target(100.0));
        for value in values {
            assert!((log.restore_target(log.target(value)) / value - 1.0).abs() < 1e-6);
            let shifted = plain.clone().with_log_target(1.0, &values);
            assert!((shifted.restore_target(shifted.target(value)) / value - 1.0).abs() < 1e-6);
        }
        // Predictions do not leave the range of the training rows.
        assert_eq!(log.restore_prediction(1e30), 1000.0);
        assert_eq!(log.restore_prediction(-1e30), 1.0);
        assert!(log.restore_target(1e30).is_finite());
        assert!(log.target(-5.0).is_finite());
    }

    #[test]
    fn columns_and_rows_have_the_same_statistics() {
        let inputs: Vec<f64> = (0..60).map(|i| f64::from(i * i % 17) * 1e7 + 0.1).collect();
        let train = table(&inputs, &inputs[..20]);
        let rows: Vec<usize> = (0..20).collect();
        for standardise in [
            Standardise::PerFeature,
            Standardise::Robust,
            Standardise::Global,
        ] {
            let column = |feature: usize| inputs.iter().skip(feature).step_by(3).copied();
            let by_columns =
                Standardiser::of_columns((3, 3), column, (&train.targets, &rows), standardise);
            let by_rows = Standardiser::fit(&train, standardise);
            if standardise == Standardise::Global {
                assert!((by_columns.mean[0] / by_rows.mean[0] - 1.).abs() < 1e-12);
            } else {
                assert_eq!(by_columns, by_rows);
            }
        }
    }

    #[test]
    fn none_leaves_everything_as_it_is() {
        let train = table::<f32>(&[1., 10., 3., 50.], &[-1., 5.]);
        assert_eq!(
            Standardiser::fit(&train, Standardise::None).apply(&train),
            train
        );
    }

    #[test]
    fn a_constant_becomes_zero_and_keeps_its_scale() {
        // The mean of many 0.1 is not 0.1 in floating point.
        let train = table(&[0.1; 1001], &[0.7; 1001]);
        let standardiser = Standardiser::fit(&train, Standardise::PerFeature);
        assert_eq!((standardiser.scale[0], standardiser.target_scale), (1., 1.));
        let train = standardiser.apply(&train);
        assert!(train.inputs.iter().all(|&input| input == 0.));
        assert_eq!(train.targets, Targets::Values(vec![0.; 1001]));
    }

    #[test]
    fn a_far_offset_costs_no_precision() {
        let train = table(&[16_777_212., 16_777_214.], &[0., 0.]);
        let train = Standardiser::fit(&train, Standardise::PerFeature).apply(&train);
        assert_eq!(train.inputs, [-1., 1.]);
        // So far from 0 that the sum of a hundred of them is off by several standard deviations.
        let far: Vec<f64> = (0..100).map(|row| 4e15 + f64::from(row % 2)).collect();
        let far = table(&far, &far);
        let standardiser = Standardiser::fit(&far, Standardise::PerFeature);
        let train = standardiser.apply(&far);
        assert!(
            train
                .inputs
                .iter()
                .all(|input| (input.abs() - 1.).abs() < 1e-6)
        );
        assert_eq!(standardiser.restore_target(1.), 4e15 + 1.);
    }

    #[test]
    fn numbers_whose_squares_are_none_are_standardised_too() {
        for scale in [1e-310, 1e-200, 1e200, 8e307] {
            let train = table(
                &[scale, -scale, scale, -scale],
                &[0., scale, 2. * scale, 0.],
            );
            let standardiser = Standardiser::fit(&train, Standardise::PerFeature);
            let train = standardiser.apply(&train);
            assert_eq!(train.inputs, [1., -1., 1., -1.], "{scale}");
            let ratio = standardiser.target_scale / scale;
            assert!((ratio - 0.6875f64.sqrt()).abs() < 1e-6, "{ratio}");
        }
    }

    proptest::proptest! {
        /// Whatever the table and whatever is predicted after it: numbers, and none that is infinite.
        #[test]
        fn everything_finite_stays_finite(
            numbers in proptest::collection::vec(proptest::num::f64::ANY, 2..40),
            later in proptest::num::f64::ANY,
        ) {
            let finite: Vec<f64> = numbers.into_iter().filter(|number| number.is_finite()).collect();
            proptest::prop_assume!(!finite.is_empty() && later.is_finite());
            let data = table(&finite, &finite);
            for standardise in [Standardise::PerFeature, Standardise::Robust, Standardise::Global, Standardise::None] {
                let standardiser = Standardiser::fit(&data, standardise);
                standardiser.apply(&data).check().unwrap();
                standardiser.apply(&table(&[later], &[later])).check().unwrap();
            }
        }
    }
}

//! Middles and ranges of numbers.

use crate::data::Number;

/// The middle of some numbers, and the range between their quartiles; half of the whole range if that is 0, and 1 if it is too.
pub(super) fn robust(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
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
pub(super) fn from_0_to_1(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
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
pub(super) fn of_numbers(numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
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
pub(super) fn statistics<'a, N: Number>(
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

//! Means of rows, batch after batch.

/// The mean of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// What the batch counts: its rows, or the sum of their weights.
    pub weight: f64,
}

impl Mean {
    /// The mean of so many rows that weigh the same.
    pub(super) fn of(value: f64, rows: usize) -> Self {
        let weight = rows as f64;
        Self { value, weight }
    }
}

/// The mean of several batches, under way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Together {
    sum: f64,
    weight: f64,
}

impl Together {
    /// Takes in a batch.
    pub fn add(&mut self, batch: Mean) {
        self.sum += batch.value * batch.weight;
        self.weight += batch.weight;
    }

    /// The mean so far; NaN before the first batch.
    pub fn mean(&self) -> f64 {
        self.sum / self.weight
    }
}

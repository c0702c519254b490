//! Which columns a model looks at: permutation importance.

use super::{Inputs, TrainedModel, report::figures_of_copies};
use crate::Result;
use crate::work::Workers;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use trimtab_env::metrics::Metric;
use trimtab_env::stream;
use trimtab_models::data::{Dataset, Targets};

/// How often every column is shuffled: the default of scikit-learn.
const REPEATS: usize = 5;
/// The most rows that are predicted in all.
const MOST_ROWS: usize = 60_000;

/// How much worse a model is with the cells of a column shuffled among the rows (Breiman, "Random Forests", 2001, section 10).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnImportance {
    /// The column.
    pub column: String,
    /// By how much the figure is worse, on average.
    pub mean: f64,
    /// Its standard deviation over the shuffles.
    pub deviation: f64,
}

/// Numbers that are predicted from in all, at most: some seconds.
const MOST_NUMBERS: usize = 30_000_000;
/// Numbers that are predicted from, or predicted, at once.
const AT_ONCE: usize = 4_000_000;

/// The importance of the columns of a table, on test rows, by the log loss of classes or the root mean squared error of values; the largest
/// first. Of a table with very many columns it is that of those which say most of the target by themselves. Empty for images, and once the
/// workers are interrupted, unless what was `stopped` before was the training.
///
/// # Errors
/// Those of predictions.
pub(super) fn permutation_importance(
    model: &TrainedModel,
    test: &Dataset,
    seed: u64,
    workers: &Workers,
    stopped: bool,
) -> Result<Vec<ColumnImportance>> {
    let device = &workers.device;
    // A training that was cut short is to be looked at all the same.
    let interrupted = || !stopped && workers.interrupted.load(Ordering::SeqCst);
    let (names, of_feature): (Vec<String>, Vec<usize>) = match &model.inputs {
        Inputs::Images => return Ok(Vec::new()),
        Inputs::Columns(names) => (names.clone(), (0..names.len()).collect()),
        Inputs::Table { preprocessor, .. } => (
            preprocessor.columns().map(str::to_owned).collect(),
            preprocessor.column_of_features(),
        ),
    };
    let metric = match &model.classes {
        Some(_) => Metric::LogLoss,
        None => Metric::RootMeanSquaredError,
    };
    let rows = (MOST_ROWS / (REPEATS * names.len().max(1))).clamp(20, 1000);
    let all: Vec<usize> = (0..test.rows().min(rows)).collect();
    let test = test.select(&all);
    let before = figures_of_copies(model, &test, &test.inputs, metric, device)?[0];
    let mut columns: Vec<usize> = (0..names.len()).collect();
    let each = REPEATS * test.inputs.len();
    let outputs = REPEATS * test.rows() * model.classes.as_ref().map_or(1, Vec::len);
    if let Some(telling) = most_telling(&test, &of_feature, names.len(), MOST_NUMBERS / each.max(1))
    {
        columns.retain(|column| telling.contains(column));
    }
    let mut rng = stream(seed, "permutation", 0);
    let mut importances = Vec::with_capacity(columns.len());
    // A model is made ready for each prediction, so that they are of several columns at once.
    for columns in columns.chunks((AT_ONCE / each.max(outputs).max(1)).max(1)) {
        if interrupted() {
            return Ok(Vec::new());
        }
        let mut inputs = Vec::with_capacity(columns.len() * each);
        for column in columns {
            let of_column = |feature: &usize| of_feature[*feature] == *column;
            let features: Vec<usize> = (0..test.features).filter(of_column).collect();
            for _ in 0..REPEATS {
                let mut from = all.clone();
                from.shuffle(&mut rng);
                let start = inputs.len();
                inputs.extend_from_slice(&test.inputs);
                for (row, other) in from.iter().enumerate() {
                    for feature in &features {
                        inputs[start + row * test.features + feature] = test.row(*other)[*feature];
                    }
                }
            }
        }
        let figures = figures_of_copies(model, &test, &inputs, metric, device)?;
        for (column, figures) in columns.iter().zip(figures.chunks(REPEATS)) {
            let worse = || figures.iter().map(|figure| figure - before);
            let mean = worse().sum::<f64>() / REPEATS as f64;
            let squares = worse().map(|x| (x - mean).powi(2)).sum::<f64>();
            importances.push(ColumnImportance {
                column: names[*column].clone(),
                mean,
                deviation: (squares / REPEATS as f64).sqrt(),
            });
        }
    }
    importances.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    Ok(importances)
}

/// The `most` columns that say most of the target by themselves: by the largest correlation ratio, the share of a feature's variance that is
/// between the classes, or squared correlation with the values, among the features of a column. `None` if there are no more columns.
fn most_telling(
    data: &Dataset,
    of_feature: &[usize],
    columns: usize,
    most: usize,
) -> Option<BTreeSet<usize>> {
    if columns <= most.max(1) {
        return None;
    }
    let mut telling = vec![(0.0, 0); columns];
    for (feature, column) in of_feature.iter().enumerate() {
        let cells = (0..data.rows()).map(|row| f64::from(data.row(row)[feature]));
        let cells: Vec<f64> = cells.collect();
        let share = explained(&cells, &data.targets);
        let (best, _) = telling[*column];
        telling[*column] = (f64::max(best, share), *column);
    }
    telling.sort_by(|a, b| b.0.total_cmp(&a.0));
    let first = telling.iter().take(most.max(1));
    Some(first.map(|(_, column)| *column).collect())
}

/// The share of the variance of some cells that goes with the targets; 0 for constant cells.
fn explained(cells: &[f64], targets: &Targets) -> f64 {
    let n = cells.len() as f64;
    let mean = cells.iter().sum::<f64>() / n;
    let variance: f64 = cells.iter().map(|x| (x - mean).powi(2)).sum();
    if variance.is_nan() || variance <= 0.0 {
        return 0.0;
    }
    match targets {
        Targets::Classes { labels, names } => {
            let mut sums = vec![(0.0, 0.0); names.len()];
            for (cell, label) in cells.iter().zip(labels) {
                let (sum, count) = &mut sums[*label as usize];
                (*sum, *count) = (*sum + cell - mean, *count + 1.0);
            }
            let between = sums.iter().filter(|(_, count)| *count > 0.0);
            between.map(|(sum, count)| sum * sum / count).sum::<f64>() / variance
        }
        Targets::Values(values) => {
            let values: Vec<f64> = values.iter().copied().map(f64::from).collect();
            let middle = values.iter().sum::<f64>() / n;
            let of_values: f64 = values.iter().map(|y| (y - middle).powi(2)).sum();
            let both = cells.iter().zip(&values);
            let both: f64 = both.map(|(x, y)| (x - mean) * (y - middle)).sum();
            (both * both / (variance * of_values.max(f64::MIN_POSITIVE))).min(1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second column says which class it is, the third half of it, the first nothing, and the last is constant.
    #[test]
    fn of_many_columns_those_that_say_most_are_looked_at() {
        let inputs = [
            [1.0, 0.0, 0.0, 5.0],
            [2.0, 1.0, 1.0, 5.0],
            [1.0, 0.0, 1.0, 5.0],
            [2.0, 1.0, 1.0, 5.0],
            [2.0, 0.0, 0.0, 5.0],
            [1.0, 1.0, 1.0, 5.0],
        ];
        let labels: Vec<u32> = inputs.iter().map(|row| row[1] as u32).collect();
        let values = labels
            .iter()
            .map(|label| 3.0 - 2.0 * *label as f32)
            .collect();
        let names = ["a", "b"].map(str::to_owned).to_vec();
        for targets in [Targets::Classes { labels, names }, Targets::Values(values)] {
            let data = Dataset::new("x", [1, 1, 4], inputs.concat(), targets).unwrap();
            let columns = |most| most_telling(&data, &[0, 1, 2, 3], 4, most);
            assert_eq!(columns(4), None);
            assert_eq!(columns(1), Some(BTreeSet::from([1])));
            assert_eq!(columns(2), Some(BTreeSet::from([1, 2])));
            assert_eq!(columns(0), columns(1));
            // Two features of one column count as the better of them.
            let both = most_telling(&data, &[0, 0, 1, 1], 2, 1);
            assert_eq!(both, Some(BTreeSet::from([0])));
            let cells: Vec<f64> = inputs.iter().map(|row| f64::from(row[1])).collect();
            assert!((explained(&cells, &data.targets) - 1.0).abs() < 1e-12);
        }
    }
}

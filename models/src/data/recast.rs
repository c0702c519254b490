//! One table as many prediction problems: another column as the target, fewer columns as inputs.

use super::{Dataset, Targets};
use crate::Result;
use rand::RngExt;
use rand::seq::SliceRandom;
use std::collections::BTreeMap;
use trimtab_env::stream;

/// The most values of a column that are taken for classes.
const MOST_CLASSES: usize = 16;
/// A class with fewer rows than this makes the column numbers and no classes.
const FEWEST_ROWS: usize = 10;
/// A column that has the same value in more than this share of the rows is no target.
const MOST_COMMON: f64 = 0.95;

/// The data set as another prediction problem, drawn from `seed`: one of its features is to be predicted from the others and from
/// what was the target, of which half to all are kept. A feature of a few values makes a classification, another one a
/// regression. Real tables are few, and so are what controllers learn from; their columns are many.
///
/// A data set none of whose features would do stays as it is.
///
/// # Errors
/// Those of [`Dataset::check`].
pub fn recast(dataset: &Dataset, seed: u64) -> Result<Dataset> {
    dataset.check()?;
    let mut rng = stream(seed, "recast", 0);
    let mut columns: Vec<Vec<f32>> = (0..dataset.features)
        .map(|feature| column(dataset, feature))
        .collect();
    let possible: Vec<usize> = (0..columns.len())
        .filter(|feature| varies(&columns[*feature]))
        .collect();
    if possible.is_empty() {
        return Ok(dataset.clone());
    }
    let target = columns.swap_remove(possible[rng.random_range(0..possible.len())]);
    columns.push(match &dataset.targets {
        Targets::Classes { labels, .. } => labels.iter().map(|label| *label as f32).collect(),
        Targets::Values(values) => values.clone(),
    });
    columns.shuffle(&mut rng);
    let kept = columns.len() as f64 * (0.5 + 0.5 * rng.random::<f64>());
    columns.truncate((kept.round() as usize).max(1));
    let inputs = (0..dataset.rows())
        .flat_map(|row| columns.iter().map(move |column| column[row]))
        .collect();
    let name = format!("{}-recast", dataset.name);
    Dataset::new(name, [1, 1, columns.len()], inputs, targets(target))
}

fn column(dataset: &Dataset, feature: usize) -> Vec<f32> {
    let numbers = dataset.inputs.iter().skip(feature);
    numbers.step_by(dataset.features).copied().collect()
}

/// How often each value is there, in the order of the values.
fn counts(column: &[f32]) -> BTreeMap<i64, usize> {
    let mut counts = BTreeMap::new();
    for value in column {
        *counts.entry(key(*value)).or_insert(0) += 1;
    }
    counts
}

/// A whole number that is the same for equal values and in the order of the values.
fn key(value: f32) -> i64 {
    let bits = i64::from((value + 0.0).to_bits() as i32);
    if bits < 0 {
        i64::from(i32::MIN) - bits
    } else {
        bits
    }
}

fn varies(column: &[f32]) -> bool {
    let most = counts(column).into_values().max().unwrap_or(0);
    most as f64 <= MOST_COMMON * column.len() as f64
}

fn targets(column: Vec<f32>) -> Targets {
    let counts = counts(&column);
    if counts.len() > MOST_CLASSES || counts.values().any(|count| *count < FEWEST_ROWS) {
        return Targets::Values(column);
    }
    let classes: BTreeMap<i64, u32> = counts.into_keys().zip(0..).collect();
    let labels: Vec<u32> = column.iter().map(|value| classes[&key(*value)]).collect();
    let mut names = vec![String::new(); classes.len()];
    for (label, value) in labels.iter().zip(&column) {
        if names[*label as usize].is_empty() {
            names[*label as usize] = value.to_string();
        }
    }
    Targets::Classes { labels, names }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Embedded;

    /// 60 rows: a constant, a sign, and a number that is another in each row; the target is their product.
    fn table() -> Dataset {
        let mut inputs = Vec::new();
        let mut values = Vec::new();
        for row in 0..60 {
            let (sign, number) = ((-1.0f32).powi(row), row as f32);
            inputs.extend([7.0, sign, number]);
            values.push(1000.0 + sign * number);
        }
        Dataset::new("toy", [1, 1, 3], inputs, Targets::Values(values)).unwrap()
    }

    #[test]
    fn another_column_is_predicted_and_the_rows_stay_together() {
        let (mut classes, mut values) = (0, 0);
        for seed in 0..40 {
            let data = recast(&table(), seed).unwrap();
            assert_eq!(data.rows(), 60);
            // Of a constant, the old target, and the feature that is not the new target.
            assert!((2..=3).contains(&data.features), "{}", data.features);
            let old = (0..data.features).find(|f| data.row(0)[*f] == 1000.0);
            match &data.targets {
                Targets::Classes { labels, names } => {
                    classes += 1;
                    assert_eq!(*names, ["-1", "1"]);
                    for (row, label) in labels.iter().enumerate() {
                        assert_eq!(*label as usize, (row + 1) % 2);
                    }
                }
                Targets::Values(numbers) => {
                    values += 1;
                    for (row, number) in numbers.iter().enumerate() {
                        assert_eq!(*number, row as f32);
                        let sign = (-1.0f32).powi(row as i32);
                        if let Some(old) = old {
                            assert_eq!(data.row(row)[old], 1000.0 + sign * number);
                        }
                    }
                }
            }
            assert_eq!(recast(&table(), seed).unwrap(), data);
        }
        assert!(classes > 5 && values > 5, "{classes} {values}");
    }

    #[test]
    fn a_table_that_does_not_vary_stays() {
        let targets = Targets::Values((0..30).map(|row| row as f32).collect());
        let flat = Dataset::new("flat", [1, 1, 2], vec![1.0; 60], targets).unwrap();
        assert_eq!(recast(&flat, 1).unwrap(), flat);
    }

    #[test]
    fn every_embedded_table_is_many_problems() {
        for embedded in [Embedded::Letter, Embedded::Mushroom, Embedded::Airfoil] {
            let data = embedded.load().unwrap();
            let problems: Vec<Dataset> = (0..8).map(|s| recast(&data, s).unwrap()).collect();
            for problem in &problems {
                problem.check().unwrap();
            }
            assert!(problems.iter().any(|p| p.targets != problems[0].targets));
        }
    }

    #[test]
    fn keys_are_in_the_order_of_the_values() {
        let values = [f32::MIN, -2.5, -1.0, -0.0, 0.0, 1e-30, 3.0, f32::MAX];
        let keys = values.map(key);
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(key(0.0), key(-0.0));
        assert_eq!(counts(&values).len(), 7);
    }
}

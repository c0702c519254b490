//! What makes data harder: wrong labels and rare classes.

use super::{Dataset, Number, Targets};
use crate::{Error, Result};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use trimtab_env::stream;

/// Checks how much noise and how much rarer the last class is.
///
/// # Errors
/// [`Error::Config`] naming the one that is out of range.
pub(crate) fn validate(label_noise: f64, imbalance: f64) -> Result<()> {
    let (field, value, allowed) = if !(0.0..=1.0).contains(&label_noise) {
        ("label_noise", label_noise, "a number from 0 to 1")
    } else if !(imbalance > 0.0 && imbalance <= 1.0) {
        ("imbalance", imbalance, "a number above 0 and at most 1")
    } else {
        return Ok(());
    };
    Err(Error::Config {
        field: field.to_owned(),
        given: value.to_string(),
        allowed: allowed.to_owned(),
    })
}

/// The data set with the share `share` of its labels replaced by labels drawn at random, the right one among them. Values of a
/// regression get normal noise with `share` of their standard deviation instead.
///
/// # Errors
/// [`Error::Config`] unless `share` is from 0 to 1.
pub fn with_label_noise<N: Number>(
    dataset: &Dataset<N>,
    share: f64,
    seed: u64,
) -> Result<Dataset<N>> {
    validate(share, 1.0)?;
    let mut noisy = dataset.clone();
    let mut rng = stream(seed, "label noise", 0);
    match &mut noisy.targets {
        Targets::Classes { labels, names } => {
            for label in labels {
                if rng.random::<f64>() < share {
                    *label = rng.random_range(0..names.len() as u32);
                }
            }
        }
        Targets::Values(values) => {
            let n = values.len() as f64;
            let mean = values.iter().map(|x| (*x).into()).sum::<f64>() / n;
            let squares = values.iter().map(|x| ((*x).into() - mean).powi(2));
            let deviation = (squares.sum::<f64>() / n).sqrt() * share;
            for value in values {
                let z: f64 = StandardNormal.sample(&mut rng);
                let noise: f64 = N::nearest(deviation * z).into();
                *value = N::nearest((*value).into() + noise);
            }
        }
    }
    Ok(noisy)
}

/// The data set with classes of different size: a row of class `k` of `n` is kept with probability `ratio^(k / (n - 1))`, of
/// the last class thus with probability `ratio`; at least 3 rows of each class are kept. A regression is left alone.
///
/// # Errors
/// [`Error::Config`] unless `ratio` is above 0 and at most 1.
pub fn with_imbalance<N: Number>(
    dataset: &Dataset<N>,
    ratio: f64,
    seed: u64,
) -> Result<Dataset<N>> {
    validate(0.0, ratio)?;
    let Targets::Classes { labels, names } = &dataset.targets else {
        return Ok(dataset.clone());
    };
    const KEPT: usize = 3;
    let mut rng = stream(seed, "imbalance", 0);
    let last = names.len().saturating_sub(1).max(1) as f64;
    let mut kept = vec![0; names.len()];
    let mut rows = Vec::with_capacity(labels.len());
    for (row, label) in labels.iter().enumerate() {
        let class = *label as usize;
        let drawn = rng.random::<f64>() < ratio.powf(class as f64 / last);
        if drawn || kept[class] < KEPT {
            kept[class] += 1;
            rows.push(row);
        }
    }
    Ok(dataset.select(&rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(rows: usize, classes: u32) -> Dataset {
        let labels = (0..rows as u32).map(|row| row % classes).collect();
        let names = (0..classes).map(|class| class.to_string()).collect();
        let inputs = (0..rows).map(|row| row as f32).collect();
        Dataset::new("toy", [1, 1, 1], inputs, Targets::Classes { labels, names }).unwrap()
    }

    fn labels(dataset: &Dataset) -> &[u32] {
        match &dataset.targets {
            Targets::Classes { labels, .. } => labels,
            Targets::Values(_) => panic!("not classes"),
        }
    }

    #[test]
    fn the_share_of_wrong_labels_is_as_said() {
        let clean = dataset(10_000, 4);
        let noisy = with_label_noise(&clean, 0.4, 1).unwrap();
        let wrong = labels(&clean)
            .iter()
            .zip(labels(&noisy))
            .filter(|(a, b)| a != b);
        // A quarter of what is replaced happens to be right.
        let share = wrong.count() as f64 / 10_000.0;
        assert!((share - 0.3).abs() < 0.02, "{share}");
        assert_eq!(with_label_noise(&clean, 0.0, 1).unwrap(), clean);
        assert!(with_label_noise(&clean, 1.1, 1).is_err());
    }

    #[test]
    fn classes_shrink_geometrically() {
        let uneven = with_imbalance(&dataset(30_000, 3), 0.04, 1).unwrap();
        let count = |class: u32| labels(&uneven).iter().filter(|l| **l == class).count() as f64;
        assert_eq!(count(0), 10_000.0);
        assert!((count(1) / 2000.0 - 1.0).abs() < 0.1);
        assert!((count(2) / 400.0 - 1.0).abs() < 0.2);
        // Rows keep their inputs.
        for (row, label) in uneven.inputs.iter().zip(labels(&uneven)) {
            assert_eq!(*row as u32 % 3, *label);
        }
        assert!(with_imbalance(&dataset(30, 3), 0.0, 1).is_err());
    }
}

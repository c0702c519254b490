//! Training, validation and test rows: no row is in two of them.

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Dataset, Number, Standardise, Standardiser, Targets, apportion::apportion};
use crate::error::{Error, Result};

/// How a data set is split. What is neither validation nor test is for training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// The rows that decisions during a training are made on.
    pub validation: Share,
    /// The rows that are kept for reports only.
    pub test: Share,
    /// The most rows to train on; the rest of the training rows go unused. It changes neither the
    /// validation nor the test rows.
    pub max_train: Option<usize>,
    /// What is brought to mean 0 and standard deviation 1.
    pub standardise: Standardise,
    /// The seed of the shuffle.
    pub seed: u64,
}

impl Default for SplitConfig {
    fn default() -> Self {
        SplitConfig {
            validation: Share::Fraction(0.2),
            test: Share::Fraction(0.2),
            max_train: None,
            standardise: Standardise::PerFeature,
            seed: 0,
        }
    }
}

impl SplitConfig {
    /// Checks what can be checked without data; the share of the test only where there is no test of its own.
    ///
    /// # Errors
    /// [`Error::Config`] for a share or a `max_train` out of range.
    pub fn validate(&self, own_test: bool) -> Result<()> {
        self.validation.rows("validation", usize::MAX)?;
        if !own_test {
            self.test.rows("test", usize::MAX)?;
        }
        if self.max_train == Some(0) {
            return Err(Error::Config {
                field: "max_train".into(),
                given: "Some(0)".into(),
                allowed: "None or at least Some(1)".into(),
            });
        }
        Ok(())
    }
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Share {
    /// So many rows, at least 1.
    Rows(usize),
    /// This fraction of all rows, above 0 and below 1; rounded, and at least one row.
    Fraction(f64),
}

impl Share {
    /// How many of so many rows.
    pub(super) fn rows(self, field: &str, of: usize) -> Result<usize> {
        let fault = |value: String, allowed: &str| Error::Config {
            field: field.into(),
            given: value,
            allowed: allowed.into(),
        };
        match self {
            Share::Rows(0) => Err(fault("Rows(0)".into(), "at least Rows(1)")),
            Share::Rows(rows) => Ok(rows),
            Share::Fraction(fraction) if fraction > 0. && fraction < 1. => {
                Ok(((fraction * of as f64).round() as usize).max(1))
            }
            Share::Fraction(fraction) => Err(fault(
                format!("Fraction({fraction})"),
                "a fraction above 0 and below 1",
            )),
        }
    }
}

/// A data set in three, standardised by its training rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// What is trained on.
    pub train: Dataset,
    /// The rows that decisions during a training are made on.
    pub validation: Dataset,
    /// The rows that are kept for reports only.
    pub test: Dataset,
    /// What was done to the inputs and targets of all three, from the statistics of `train`.
    pub standardiser: Standardiser,
}

/// The rows of each part of a data set, in shuffled order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitRows {
    /// The rows to train on.
    pub train: Vec<usize>,
    /// The validation rows.
    pub validation: Vec<usize>,
    /// The test rows.
    pub test: Vec<usize>,
}

/// The data set in three by [`split_rows`], all three standardised by the statistics of the training rows.
///
/// # Errors
/// Those of [`split_rows`].
pub fn split<N: Number>(dataset: &Dataset<N>, config: &SplitConfig) -> Result<Split> {
    let rows = split_rows(dataset, config)?;
    let standardiser = Standardiser::of_rows(dataset, &rows.train, config.standardise);
    let test = standardiser.part(dataset, &rows.test);
    Ok(parts(dataset, &rows, test, standardiser))
}

/// The data set in three for a model that was trained on others: standardised as those were.
///
/// # Errors
/// Those of [`split_rows`].
pub fn split_for<N: Number>(
    dataset: &Dataset<N>,
    config: &SplitConfig,
    standardiser: &Standardiser,
) -> Result<Split> {
    let rows = split_rows(dataset, config)?;
    let test = standardiser.part(dataset, &rows.test);
    Ok(parts(dataset, &rows, test, standardiser.clone()))
}

fn parts<N: Number>(
    dataset: &Dataset<N>,
    rows: &SplitRows,
    test: Dataset,
    standardiser: Standardiser,
) -> Split {
    Split {
        train: standardiser.part(dataset, &rows.train),
        validation: standardiser.part(dataset, &rows.validation),
        test,
        standardiser,
    }
}

/// Shuffles the rows and deals them out: every row to one part, the same rows for the same seed.
///
/// A classification is stratified: each part has its share of every class, and at least one row of it as long as the sizes allow; a
/// class of one row goes to training, one of two rows to training and test.
///
/// # Errors
/// [`Error::Config`] for a share or a `max_train` out of range, [`Error::TooFewRows`] if nothing would
/// be left to train on, [`Error::OneClass`], and those of [`Dataset::check`].
pub fn split_rows<N: Number>(dataset: &Dataset<N>, config: &SplitConfig) -> Result<SplitRows> {
    dataset.check()?;
    let test = config.test.rows("test", dataset.rows())?;
    deal(dataset, config, test)
}

/// The same as [`split_rows`] where the test has rows of its own: all rows of `dataset` are for training and validation, and the share of
/// the test is ignored.
///
/// # Errors
/// Those of [`split_rows`].
pub(super) fn deal_apart<N: Number>(
    dataset: &Dataset<N>,
    config: &SplitConfig,
) -> Result<SplitRows> {
    dataset.check()?;
    deal(dataset, config, 0)
}

/// Deals out the rows of a data set that has been checked, `test` of them to the test.
fn deal<N: Number>(dataset: &Dataset<N>, config: &SplitConfig, test: usize) -> Result<SplitRows> {
    dataset.require_two_classes(&dataset.name)?;
    config.validate(test == 0)?;
    let rows = dataset.rows();
    let validation = config.validation.rows("validation", rows)?;
    if validation.saturating_add(test) >= rows {
        return Err(Error::TooFewRows {
            dataset: dataset.name.clone(),
            rows,
            validation,
            test,
        });
    }
    let train = (rows - validation - test).min(config.max_train.unwrap_or(usize::MAX));

    let class = |row: usize| match &dataset.targets {
        Targets::Classes { labels, .. } => labels[row] as usize,
        Targets::Values(_) => 0,
    };
    let mut left = vec![0; dataset.classes().unwrap_or(1)];
    for row in 0..rows {
        left[class(row)] += 1;
    }
    // A part leaves one row of each class, if it can, to each of the parts that come after it.
    let mut from_test = apportion(test, &mut left, 2);
    let mut from_validation = apportion(validation, &mut left, 1);
    let mut from_train = apportion(train, &mut left, 0);

    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(config.seed));
    let mut split = SplitRows {
        train: Vec::with_capacity(train),
        validation: Vec::with_capacity(validation),
        test: Vec::with_capacity(test),
    };
    for row in order {
        let parts = [
            (&mut from_test, &mut split.test),
            (&mut from_validation, &mut split.validation),
            (&mut from_train, &mut split.train),
        ];
        for (wanted, part) in parts {
            if wanted[class(row)] > 0 {
                wanted[class(row)] -= 1;
                part.push(row);
                break;
            }
        }
    }
    Ok(split)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One feature, the number of the row; as many rows of each class as `sizes` says.
    fn classes(sizes: &[usize]) -> Dataset {
        let labels: Vec<u32> = (0..)
            .zip(sizes)
            .flat_map(|(class, &size)| std::iter::repeat_n(class, size))
            .collect();
        let inputs = (0..labels.len()).map(|row| row as f32).collect();
        let names = (0..sizes.len()).map(|class| class.to_string()).collect();
        Dataset::new("toy", [1, 1, 1], inputs, Targets::Classes { labels, names }).unwrap()
    }

    fn values(rows: usize) -> Dataset {
        let inputs: Vec<f32> = (0..rows).map(|row| row as f32).collect();
        Dataset::new("line", [1, 1, 1], inputs.clone(), Targets::Values(inputs)).unwrap()
    }

    fn config(validation: Share, test: Share, seed: u64) -> SplitConfig {
        SplitConfig {
            validation,
            test,
            seed,
            ..SplitConfig::default()
        }
    }

    /// How many rows of each class.
    fn count(dataset: &Dataset, rows: &[usize]) -> Vec<usize> {
        let Targets::Classes { labels, names } = &dataset.targets else {
            panic!("not classes")
        };
        let mut count = vec![0; names.len()];
        rows.iter()
            .for_each(|&row| count[labels[row] as usize] += 1);
        count
    }

    #[test]
    fn each_part_has_its_share_of_each_class() {
        let dataset = classes(&[100, 50, 10]);
        let rows = split_rows(&dataset, &SplitConfig::default()).unwrap();
        assert_eq!(count(&dataset, &rows.train), [60, 30, 6]);
        assert_eq!(count(&dataset, &rows.validation), [20, 10, 2]);
        assert_eq!(count(&dataset, &rows.test), [20, 10, 2]);
    }

    #[test]
    fn rare_classes_are_kept_where_possible() {
        let dataset = classes(&[1, 2, 3, 94]);
        let rows = split_rows(&dataset, &SplitConfig::default()).unwrap();
        assert_eq!(count(&dataset, &rows.train), [1, 1, 1, 57]);
        assert_eq!(count(&dataset, &rows.validation), [0, 0, 1, 19]);
        assert_eq!(count(&dataset, &rows.test), [0, 1, 1, 18]);
    }

    #[test]
    fn shares_are_met_even_if_a_class_has_to_go() {
        let dataset = classes(&[1, 1, 1, 1, 1]);
        let rows = split_rows(&dataset, &config(Share::Rows(2), Share::Rows(2), 0)).unwrap();
        let sizes = [rows.train.len(), rows.validation.len(), rows.test.len()];
        assert_eq!(sizes, [1, 2, 2]);
    }

    #[test]
    fn max_train_leaves_the_other_parts_alone_and_stays_stratified() {
        let dataset = classes(&[100, 50, 10]);
        let all = split_rows(&dataset, &SplitConfig::default()).unwrap();
        let capped = SplitConfig {
            max_train: Some(32),
            ..SplitConfig::default()
        };
        let capped = split_rows(&dataset, &capped).unwrap();
        assert_eq!((capped.validation, capped.test), (all.validation, all.test));
        assert_eq!(count(&dataset, &capped.train), [20, 10, 2]);
        assert!(capped.train.iter().all(|row| all.train.contains(row)));
    }

    #[test]
    fn the_rows_of_a_seed_never_change() {
        let rows = split_rows(&values(10), &config(Share::Rows(2), Share::Rows(3), 7)).unwrap();
        assert_eq!(rows.test, [0, 7, 5]);
        assert_eq!(rows.validation, [2, 9]);
        assert_eq!(rows.train, [1, 6, 8, 3, 4]);
    }

    #[test]
    fn targets_of_a_regression_are_standardised_by_train() {
        let dataset = values(50);
        let config = SplitConfig::default();
        let split = split(&dataset, &config).unwrap();
        let rows = split_rows(&dataset, &config).unwrap();
        let Targets::Values(targets) = &split.test.targets else {
            panic!("not values")
        };
        for (&row, &target) in rows.test.iter().zip(targets) {
            // The target is the row's number, at most 49: f32 holds it to 4e-6.
            assert!((split.standardiser.restore_target(target) - row as f64).abs() < 1e-5);
        }
        let mean = rows.train.iter().sum::<usize>() as f64 / 30.;
        assert!((split.standardiser.target_mean - mean).abs() < 1e-12);
    }

    #[test]
    fn with_a_test_of_its_own_all_rows_are_for_training_and_validation() {
        let rows = deal_apart(&values(50), &SplitConfig::default()).unwrap();
        assert_eq!((rows.train.len(), rows.validation.len()), (40, 10));
        let mut all = [rows.train, rows.validation, rows.test].concat();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let message = |config: SplitConfig| {
            split_rows(&classes(&[4, 4]), &config)
                .unwrap_err()
                .to_string()
        };
        let half = Share::Rows(4);
        for (share, value) in [
            (Share::Rows(0), "Rows(0)"),
            (Share::Fraction(0.), "Fraction(0)"),
            (Share::Fraction(1.), "Fraction(1)"),
            (Share::Fraction(-0.5), "Fraction(-0.5)"),
            (Share::Fraction(f64::NAN), "Fraction(NaN)"),
        ] {
            let expected = format!("validation: {value} is not allowed");
            assert!(message(config(share, half, 0)).contains(&expected));
            assert!(
                message(config(half, share, 0)).contains(&format!("test: {value} is not allowed"))
            );
        }
        let too_few = message(config(half, half, 0));
        assert!(too_few.contains("`toy` has 8 rows: expected more than 4 for validation and 4"));
        message(config(Share::Rows(usize::MAX), Share::Rows(usize::MAX), 0));
        let none = SplitConfig {
            max_train: Some(0),
            ..SplitConfig::default()
        };
        assert!(message(none).contains("max_train: Some(0)"));
        let one = split_rows(&classes(&[0, 9]), &SplitConfig::default())
            .unwrap_err()
            .to_string();
        assert!(one.contains("toy: every row is of class `1`"), "{one}");
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let read = |text| ron::from_str::<SplitConfig>(text);
        let config =
            read("(validation: Rows(9), test: Fraction(0.1), max_train: Some(5), seed: 3)");
        assert_eq!(config.unwrap().validation, Share::Rows(9));
        assert!(
            read("(tests: Rows(9))")
                .unwrap_err()
                .to_string()
                .contains("tests")
        );
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_complete_and_the_same_for_the_same_seed(
            sizes in prop::collection::vec(1..30_usize, 2..6),
            (validation, test) in (0.05..0.45, 0.05..0.45),
            seed: u64,
        ) {
            let dataset = classes(&sizes);
            let config = config(Share::Fraction(validation), Share::Fraction(test), seed);
            prop_assume!(dataset.rows() >= 20);
            let rows = split_rows(&dataset, &config).unwrap();
            let mut all = [&rows.train[..], &rows.validation, &rows.test].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..dataset.rows()).collect::<Vec<_>>());
            let rounded = |share: f64| ((share * dataset.rows() as f64).round() as usize).max(1);
            prop_assert_eq!(rows.validation.len(), rounded(validation));
            prop_assert_eq!(rows.test.len(), rounded(test));
            if rows.train.len() >= 2 * sizes.len() {
                prop_assert!(count(&dataset, &rows.train).iter().all(|&rows| rows > 0));
            }
            prop_assert_eq!(&split_rows(&dataset, &config).unwrap(), &rows);
        }

        #[test]
        fn validation_and_test_rows_have_no_say_in_the_statistics(
            seed: u64, noise in -1e6..1e6_f32,
        ) {
            let config = config(Share::Rows(10), Share::Rows(10), seed);
            let mut dataset = values(40);
            let before = split(&dataset, &config).unwrap();
            let rows = split_rows(&dataset, &config).unwrap();
            let Targets::Values(targets) = &mut dataset.targets else { panic!("not values") };
            for row in rows.validation.into_iter().chain(rows.test) {
                dataset.inputs[row] = noise;
                targets[row] = noise;
            }
            let after = split(&dataset, &config).unwrap();
            prop_assert_eq!(&after.standardiser, &before.standardiser);
            prop_assert_eq!(&after.train, &before.train);
            let mean: f32 = after.train.inputs.iter().sum::<f32>() / 20.;
            // Twenty numbers of size 1, each rounded to 6e-8 and summed in f32.
            prop_assert!(mean.abs() < 1e-6);
        }
    }
}

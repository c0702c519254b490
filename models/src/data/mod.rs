//! Data sets as plain numbers: where they come from, how they are split and scaled. No tensors here.
//!
//! Input: files. Output: a [`Split`]: training, validation and test rows, standardised by the training rows alone.
//!
//! | to find | look in |
//! |---|---|
//! | tables as people have them | [`TableConfig`], [`split_table`], and the crate [`trimtab_table`] |
//! | IDX files; the data sets of this crate | [`read_idx`]; [`Embedded`] |
//! | data that a random network labels | [`Teacher`] |
//! | texts as tokens | [`TextConfig`], [`Vocabulary`] |
//! | training, validation and test rows | [`split()`](split()), [`SplitConfig`] |
//! | mean 0 and standard deviation 1 | [`Standardiser`] |
//! | what a model has to be better than | [`Baseline`] |
//! | noisy labels, rare classes, pooling of images | [`with_label_noise`], [`with_imbalance`], [`pool()`](pool()) |
//!
//! ```
//! use trimtab_models::data::{Embedded, SplitConfig, split};
//! let digits = split(&*Embedded::Digits.load()?, &SplitConfig::default())?;
//! assert_eq!(digits.train.features, 64);
//! assert!(digits.train.rows() > digits.test.rows());
//! # Ok::<(), trimtab_models::Error>(())
//! ```

mod apportion;
mod baseline;
pub(crate) mod corruption;
mod embedded;
mod gzip;
mod idx;
mod log_link;
mod number;
mod pool;
mod split;
mod standardiser;
mod table;
mod target;
mod teacher;
mod text;
mod vocabulary;

pub use baseline::Baseline;
pub use corruption::{with_imbalance, with_label_noise};
pub use embedded::Embedded;
pub use idx::{parse_idx, read_idx, read_images};
pub use number::Number;
pub use pool::pool;
pub use split::{Share, Split, SplitConfig, SplitRows, split, split_for, split_rows};
pub use standardiser::{Standardise, Standardiser, TargetLog};
pub use table::{LogTarget, NewRows, Read, TableConfig, read_inputs, split_table, split_table_for};
pub use target::TargetKind;
pub use teacher::Teacher;
pub use text::{TextConfig, read_text, split_text, windows};
pub use trimtab_table::{ColumnOptions, Preprocessor, ReadOptions, Understood};
pub use vocabulary::{TokenKind, Vocabulary};

use std::path::Path;

use crate::error::{Error, Result};

/// Rows of inputs and what is to be predicted from each: in the precision of what is trained on, or in that of a table
/// as it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset<N = f32> {
    /// The name that records and error messages call it by.
    pub name: String,
    /// Inputs a row: the product of `shape`.
    pub features: usize,
    /// Channels, height and width of an image; `[1, 1, features]` for a table.
    pub shape: [usize; 3],
    /// The inputs, row after row: `rows * features` numbers.
    pub inputs: Vec<N>,
    /// One target a row.
    pub targets: Targets<N>,
}

/// What is to be predicted, one a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets<N = f32> {
    /// Classification.
    Classes {
        /// The class of each row, an index into `names`.
        labels: Vec<u32>,
        /// The name of each class.
        names: Vec<String>,
    },
    /// Regression.
    Values(Vec<N>),
}

impl<N> Targets<N> {
    /// The number of targets, which is the number of rows.
    pub fn len(&self) -> usize {
        match self {
            Targets::Classes { labels, .. } => labels.len(),
            Targets::Values(values) => values.len(),
        }
    }

    /// Whether there are no targets.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<N: Number> Dataset<N> {
    /// A data set of its parts, the number of features following from `shape`.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn new(
        name: impl Into<String>,
        shape: [usize; 3],
        inputs: Vec<N>,
        targets: Targets<N>,
    ) -> Result<Self> {
        let dataset = Dataset {
            name: name.into(),
            features: shape.iter().product(),
            shape,
            inputs,
            targets,
        };
        dataset.check()?;
        Ok(dataset)
    }

    /// Whether the parts agree: `features` with `shape`, `inputs` and `targets` with each other, every
    /// label with the class names, and every number finite.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] names the first part that does not agree.
    pub fn check(&self) -> Result<()> {
        let fault = |field: String, found: String, expected: String| Error::Inconsistent {
            dataset: self.name.clone(),
            field,
            found,
            expected,
        };
        let [channels, height, width] = self.shape;
        let pixels = channels
            .checked_mul(height)
            .and_then(|pixels| pixels.checked_mul(width));
        if self.features == 0 || pixels != Some(self.features) {
            return Err(fault(
                "features".into(),
                self.features.to_string(),
                format!(
                    "channels * height * width of the shape {:?}, at least 1",
                    self.shape
                ),
            ));
        }
        if self.features.checked_mul(self.rows()) != Some(self.inputs.len()) {
            return Err(fault(
                "the number of inputs".into(),
                self.inputs.len().to_string(),
                format!("{} rows of {} features", self.rows(), self.features),
            ));
        }
        let not_finite = |value: &N| !(*value).into().is_finite();
        if let Some(at) = self.inputs.iter().position(not_finite) {
            let (row, feature) = (at / self.features, at % self.features);
            return Err(fault(
                format!("feature {feature} of row {row}"),
                self.inputs[at].to_string(),
                "a finite number".into(),
            ));
        }
        match &self.targets {
            Targets::Classes { labels, names } => {
                let unnamed = |&label: &u32| label as usize >= names.len();
                if let Some(row) = labels.iter().position(unnamed) {
                    return Err(fault(
                        format!("the label of row {row}"),
                        labels[row].to_string(),
                        format!("less than {}, the number of class names", names.len()),
                    ));
                }
            }
            Targets::Values(values) => {
                if let Some(row) = values.iter().position(not_finite) {
                    return Err(fault(
                        format!("the target of row {row}"),
                        values[row].to_string(),
                        "a finite number".into(),
                    ));
                }
            }
        }
        Ok(())
    }

    /// How many outputs a model of it has: one for each class, or a single value.
    pub fn outputs(&self) -> usize {
        match &self.targets {
            Targets::Classes { names, .. } => names.len(),
            Targets::Values(_) => 1,
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.targets.len()
    }

    /// The inputs of row `i`: `features` numbers.
    ///
    /// # Panics
    /// If there is no row `i`.
    pub fn row(&self, i: usize) -> &[N] {
        &self.inputs[i * self.features..(i + 1) * self.features]
    }

    /// The number of classes, those without a row included; `None` for regression.
    pub fn classes(&self) -> Option<usize> {
        match &self.targets {
            Targets::Classes { names, .. } => Some(names.len()),
            Targets::Values(_) => None,
        }
    }

    /// The given rows, in the given order; a row may be given more than once. All class names stay.
    ///
    /// # Panics
    /// If there is no row of a given number.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut inputs = Vec::with_capacity(rows.len() * self.features);
        for &row in rows {
            inputs.extend_from_slice(self.row(row));
        }
        let targets = match &self.targets {
            Targets::Classes { labels, names } => Targets::Classes {
                labels: rows.iter().map(|&row| labels[row]).collect(),
                names: names.clone(),
            },
            Targets::Values(values) => {
                Targets::Values(rows.iter().map(|&row| values[row]).collect())
            }
        };
        Dataset {
            name: self.name.clone(),
            features: self.features,
            shape: self.shape,
            inputs,
            targets,
        }
    }

    /// Refuses a classification with a single class.
    pub(crate) fn require_two_classes(&self, origin: &str) -> Result<()> {
        let Targets::Classes { labels, names } = &self.targets else {
            return Ok(());
        };
        match labels.first() {
            Some(first) if labels.iter().all(|label| label == first) => Err(Error::OneClass {
                origin: origin.into(),
                class: names[*first as usize].clone(),
            }),
            _ => Ok(()),
        }
    }
}

impl Dataset<f64> {
    /// The data set in the precision of what is trained on, as it is: for data whose numbers are small.
    pub(crate) fn rounded(&self) -> Dataset {
        let nearest =
            |numbers: &[f64]| numbers.iter().map(|number| f32::nearest(*number)).collect();
        Dataset {
            name: self.name.clone(),
            features: self.features,
            shape: self.shape,
            inputs: nearest(&self.inputs),
            targets: match &self.targets {
                Targets::Classes { labels, names } => Targets::Classes {
                    labels: labels.clone(),
                    names: names.clone(),
                },
                Targets::Values(values) => Targets::Values(nearest(values)),
            },
        }
    }
}

/// The name of a data set read from `path`: the file's, without `.gz` and the extension before it.
fn stem(path: &Path) -> String {
    let unpacked = if path.extension().is_some_and(|extension| extension == "gz") {
        path.with_extension("")
    } else {
        path.into()
    };
    unpacked
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_rows() -> Dataset {
        let targets = Targets::Classes {
            labels: vec![0, 1, 1],
            names: vec!["no".into(), "yes".into(), "never seen".into()],
        };
        Dataset::new("three", [1, 1, 2], vec![0., 1., 2., 3., 4., 5.], targets).unwrap()
    }

    fn inconsistent(change: impl FnOnce(&mut Dataset)) -> String {
        let mut dataset = three_rows();
        change(&mut dataset);
        dataset.check().unwrap_err().to_string()
    }

    #[test]
    fn rows_are_read_row_by_row() {
        let dataset = three_rows();
        assert_eq!(dataset.rows(), 3);
        assert_eq!(dataset.row(1), [2., 3.]);
        assert_eq!(dataset.classes(), Some(3));
    }

    #[test]
    fn select_takes_inputs_and_targets_together() {
        let picked = three_rows().select(&[2, 0, 2]);
        assert_eq!(picked.inputs, [4., 5., 0., 1., 4., 5.]);
        assert_eq!(picked.classes(), Some(3));
        assert!(matches!(picked.targets, Targets::Classes { labels, .. } if labels == [1, 0, 1]));

        let values = Dataset::new(
            "v",
            [1, 1, 1],
            vec![1., 2.],
            Targets::Values(vec![10., 20.]),
        );
        assert_eq!(
            values.unwrap().select(&[1]).targets,
            Targets::Values(vec![20.])
        );
    }

    #[test]
    fn parts_that_contradict_each_other_are_named() {
        let message = inconsistent(|dataset| dataset.shape = [1, 2, 2]);
        assert!(message.contains("`three`: features is 2") && message.contains("[1, 2, 2]"));
        let message = inconsistent(|dataset| dataset.inputs.truncate(5));
        assert!(message.contains("the number of inputs is 5: expected 3 rows of 2 features"));
        let message = inconsistent(|dataset| dataset.inputs[3] = f32::NAN);
        assert!(message.contains("feature 1 of row 1 is NaN: expected a finite number"));
        let message = inconsistent(|dataset| {
            dataset.targets = Targets::Classes {
                labels: vec![0, 1, 7],
                names: vec!["a".into(); 2],
            }
        });
        assert!(message.contains("the label of row 2 is 7: expected less than 2"));
        let message =
            inconsistent(|dataset| dataset.targets = Targets::Values(vec![0., f32::INFINITY, 0.]));
        assert!(message.contains("the target of row 1 is inf"));
        let message = inconsistent(|dataset| dataset.shape = [usize::MAX, 2, 2]);
        assert!(message.contains("features is 2"));
    }
}

//! Where data come from.

use crate::data::{Embedded, TargetKind, Teacher};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where data come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum DataConfig {
    /// A data set that is part of this crate.
    Embedded(Embedded),
    /// A CSV file with a header.
    Csv {
        /// The file; gzip is recognised.
        path: PathBuf,
        /// The column to predict.
        target: String,
        /// Classification, regression, or found out from the column.
        #[serde(default)]
        kind: TargetKind,
        /// A file of the same columns for the test, in place of a share of the rows. Its rows are taken as they are,
        /// without `label_noise` and `imbalance`.
        #[serde(default)]
        test: Option<PathBuf>,
    },
    /// Synthetic data.
    Teacher(Teacher),
    /// A pair of IDX files, as MNIST comes in.
    Idx {
        /// Images, `u8`.
        images: PathBuf,
        /// Labels, `u8`.
        labels: PathBuf,
    },
}

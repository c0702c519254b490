//! Where data come from.

use crate::data::{
    ColumnOptions, Embedded, LogTarget, ReadOptions, TableConfig, TargetKind, Teacher,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where data come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum DataConfig {
    /// A data set that is part of this crate.
    Embedded(Embedded),
    /// A table in a file. In configs its fields stand in the variant itself: `Table(path: "houses.csv", target: "price")`; files of
    /// earlier versions call it `Csv`.
    Table(TableConfig),
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

/// The same as it is written in configs.
#[derive(Serialize, Deserialize)]
#[serde(rename = "DataConfig", deny_unknown_fields)]
enum Written {
    Embedded(Embedded),
    #[serde(alias = "Csv")]
    Table {
        path: PathBuf,
        target: String,
        #[serde(default)]
        kind: TargetKind,
        #[serde(default)]
        test: Option<PathBuf>,
        #[serde(default)]
        log_target: LogTarget,
        #[serde(default)]
        columns: ColumnOptions,
        #[serde(default)]
        reading: ReadOptions,
    },
    Teacher(Teacher),
    Idx {
        images: PathBuf,
        labels: PathBuf,
    },
}

impl From<Written> for DataConfig {
    fn from(written: Written) -> Self {
        match written {
            Written::Embedded(embedded) => Self::Embedded(embedded),
            Written::Table {
                path,
                target,
                kind,
                test,
                log_target,
                columns,
                reading,
            } => Self::Table(TableConfig {
                path,
                target,
                kind,
                test,
                log_target,
                columns,
                reading,
            }),
            Written::Teacher(teacher) => Self::Teacher(teacher),
            Written::Idx { images, labels } => Self::Idx { images, labels },
        }
    }
}

impl From<DataConfig> for Written {
    fn from(config: DataConfig) -> Self {
        match config {
            DataConfig::Embedded(embedded) => Self::Embedded(embedded),
            DataConfig::Table(TableConfig {
                path,
                target,
                kind,
                test,
                log_target,
                columns,
                reading,
            }) => Self::Table {
                path,
                target,
                kind,
                test,
                log_target,
                columns,
                reading,
            },
            DataConfig::Teacher(teacher) => Self::Teacher(teacher),
            DataConfig::Idx { images, labels } => Self::Idx { images, labels },
        }
    }
}

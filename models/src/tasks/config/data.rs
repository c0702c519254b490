//! Where data come from.

use crate::data::{
    ColumnOptions, Embedded, LogTarget, ReadOptions, TableConfig, TargetKind, Teacher, TextConfig,
    TokenKind,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

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
    /// A text, for a language model that the program has added. In configs its fields stand in the variant itself.
    Text(TextConfig),
}

impl DataConfig {
    /// The files that it reads.
    pub fn files(&self) -> Vec<&Path> {
        match self {
            Self::Embedded(_) | Self::Teacher(_) => Vec::new(),
            Self::Table(table) => {
                let all = [Some(&table.path), table.test.as_ref()];
                all.into_iter().flatten().map(PathBuf::as_path).collect()
            }
            Self::Idx { images, labels } => vec![images, labels],
            Self::Text(text) => vec![&text.path],
        }
    }

    /// The same data, from files elsewhere.
    ///
    /// # Errors
    /// Those of `elsewhere`.
    pub fn with_files<E>(
        &self,
        elsewhere: impl Fn(&Path) -> std::result::Result<PathBuf, E>,
    ) -> std::result::Result<Self, E> {
        Ok(match self {
            Self::Embedded(_) | Self::Teacher(_) => self.clone(),
            Self::Table(table) => Self::Table(TableConfig {
                path: elsewhere(&table.path)?,
                test: table.test.as_deref().map(&elsewhere).transpose()?,
                ..table.clone()
            }),
            Self::Idx { images, labels } => Self::Idx {
                images: elsewhere(images)?,
                labels: elsewhere(labels)?,
            },
            Self::Text(text) => Self::Text(TextConfig {
                path: elsewhere(&text.path)?,
                ..text.clone()
            }),
        })
    }
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
    Text {
        path: PathBuf,
        #[serde(default)]
        tokens: TokenKind,
        context: usize,
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
            Written::Text {
                path,
                tokens,
                context,
            } => Self::Text(TextConfig {
                path,
                tokens,
                context,
            }),
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
            DataConfig::Text(TextConfig {
                path,
                tokens,
                context,
            }) => Self::Text {
                path,
                tokens,
                context,
            },
        }
    }
}

//! Tables of numbers with a header: comma-separated values.

mod rows;
mod window;

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    Dataset, Targets,
    gzip::Stream,
    target::{TargetColumn, TargetKind},
};
use crate::error::{Error, Result};
use rows::{named_columns, read_cells, read_header, read_with};

/// Which column of a CSV file to predict, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvOptions {
    /// The name of the target column, as in the header; every other column is a feature.
    pub target: String,
    /// Classes or values.
    #[serde(default)]
    pub kind: TargetKind,
}

/// What a CSV file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The rows that have a target.
    pub data: Dataset<f64>,
    /// The names of the features, in the order of the inputs.
    pub columns: Vec<String>,
    /// How many rows were left out, because their target is missing: empty, `NA`, `NaN`, `?`, `null` or `None`.
    pub without_target: usize,
}

/// A table from a CSV file: comma-separated, quoted as in RFC 4180, with a header row; gzip is undone.
///
/// Features must be finite numbers. The classes of a classification are sorted, by value if all are
/// numbers (`9` before `10`, and `1` the same as `1.0`), else as text. Rows without a target are left out. The file is
/// read once, so that it may be a pipe.
///
/// # Errors
/// The file cannot be read or is damaged, or it is not such a table: the message has the line and column.
pub fn read_csv(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Table> {
    let path = path.as_ref();
    parse(path, Stream::open(path)?, options)
}

/// The same as [`read_csv`], from bytes; `path` gives the data set its name and is said in errors.
///
/// # Errors
/// Those of [`read_csv`], but for reading.
pub fn parse_csv(path: &Path, bytes: &[u8], options: &CsvOptions) -> Result<Table> {
    parse(path, Stream::of_bytes(path, bytes), options)
}

fn parse(path: &Path, file: Stream, options: &CsvOptions) -> Result<Table> {
    let (columns, cells) = read_with(path, file, |reader| {
        let mut header = read_header(path, reader, |name| name == options.target)?;
        let Some(target) = header.iter().position(|name| *name == options.target) else {
            return Err(Error::MissingTarget {
                path: path.into(),
                target: options.target.clone(),
                columns: header,
            });
        };
        let features: Vec<usize> = (0..header.len()).filter(|at| *at != target).collect();
        if features.is_empty() {
            return Err(Error::NoFeatures {
                path: path.into(),
                target: options.target.clone(),
            });
        }
        let cells = read_cells(path, reader, &header, &features, Some(target))?;
        header.remove(target);
        Ok((header, cells))
    })?;
    let column = TargetColumn {
        path,
        name: &options.target,
        cells: cells.targets,
    };
    let data = Dataset::new(
        super::stem(path),
        [1, 1, columns.len()],
        cells.inputs,
        column.targets(options.kind)?,
    )?;
    data.require_two_classes(&path.display().to_string())?;
    Ok(Table {
        data,
        columns,
        without_target: cells.without_target,
    })
}

/// Rows of which nothing is known but the inputs: the columns `features` of a CSV file, found by their names and put in
/// this order, row after row. Other columns are not looked at; gzip is undone.
///
/// # Errors
/// As for [`read_csv`], and [`Error::MissingColumn`] for a feature that the file does not have.
pub fn read_rows(path: impl AsRef<Path>, features: &[String]) -> Result<Vec<f64>> {
    Ok(named_columns(path.as_ref(), features, None)?.inputs)
}

/// More rows like those read from another file: its `features` in this order as for [`read_rows`], and the column `target` in terms
/// of that file's `targets`: the same classes, or values. Rows without a target are left out.
///
/// # Errors
/// As for [`read_rows`], and [`Error::UnknownClass`] for a class that `targets` does not have.
pub fn read_more(
    path: impl AsRef<Path>,
    features: &[String],
    target: &str,
    targets: &Targets<f64>,
) -> Result<Table> {
    let path = path.as_ref();
    let cells = named_columns(path, features, Some(target))?;
    let column = TargetColumn {
        path,
        name: target,
        cells: cells.targets,
    };
    Ok(Table {
        data: Dataset::new(
            super::stem(path),
            [1, 1, features.len()],
            cells.inputs,
            column.targets_like(targets)?,
        )?,
        columns: features.to_vec(),
        without_target: cells.without_target,
    })
}

#[cfg(test)]
mod tests;

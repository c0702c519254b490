//! What can go wrong in this crate, said so that the reader can put it right.

use std::path::PathBuf;
use trimtab_env::error::{listed, shortened};

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong: each message names the file or the data set, the place in it, what was
/// given and what is allowed. Lines are counted from 1, the header being line 1; rows from 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be opened or read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// The file starts as gzip does, and then does not decompress.
    #[error("{path}: damaged gzip: {source}; the file is cut short or altered, fetch it again")]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decompressor said.
        source: std::io::Error,
    },

    /// The file is small and what it unpacks to is not.
    #[error("{path}: unpacks to more than {most} bytes; unpack it, and give a part of it")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is unpacked at most.
        most: u64,
    },

    /// The file holds nothing, or a header and no rows.
    #[error("{path}: empty file: expected {expected}")]
    EmptyFile {
        /// The file.
        path: PathBuf,
        /// What the file should have held.
        expected: &'static str,
    },

    /// An IDX file, or another file of raw bytes, that does not hold what its header or format says.
    #[error("{path}: truncated or corrupt: expected {expected}, found {found}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the format calls for.
        expected: String,
        /// What the file holds.
        found: String,
    },

    /// An image file and a label file that do not belong together.
    #[error(
        "{images_path} holds {images} images and {labels_path} holds {labels} labels: \
         expected one label an image"
    )]
    CountMismatch {
        /// The file of the images.
        images_path: PathBuf,
        /// How many images it holds.
        images: usize,
        /// The file of the labels.
        labels_path: PathBuf,
        /// How many labels it holds.
        labels: usize,
    },

    /// A table that cannot be read.
    #[error(transparent)]
    Table(#[from] trimtab_table::Error),

    /// The table has no column of the target's name, and as many columns not as its number.
    #[error(
        "{path}: no column is called `{target}`{near}: set the target to one of the {count} columns there \
         are, by name or number (-1 is the last): {}",
        listed(.columns), target = shortened(.target), count = .columns.len())]
    MissingTarget {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        target: String,
        /// Names that are nearly the same, in words.
        near: String,
        /// The columns there are.
        columns: Vec<String>,
    },

    /// The table does not have a column of the data that are trained on.
    #[error(
        "{path}: no column is called `{column}`, as one of the training data is: add it to the columns there \
         are: {}",
        listed(.columns), column = shortened(.column))]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column that is looked for.
        column: String,
        /// The columns there are.
        columns: Vec<String>,
    },

    /// The table has a target and nothing to predict it from.
    #[error(
        "{path}: `{target}` is the only column that can be used, and nothing is left to predict it from{left_out}", target = shortened(.target))]
    NoFeatures {
        /// The file.
        path: PathBuf,
        /// The target column.
        target: String,
        /// The other columns and why they are left out, as the end of the sentence.
        left_out: String,
    },

    /// A cell that should be a number.
    #[error(
        "{path}: {place}, column `{column}`: `{value}` is not a number: expected a finite number", value = shortened(.value), column = shortened(.column))]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// Where the row is: its line, or its number.
        place: String,
        /// The column's name.
        column: String,
        /// The cell as given.
        value: String,
    },

    /// A target that no loss can be taken of.
    #[error("{path}: {place}, column `{column}`: {problem}", column = shortened(.column))]
    LargeTarget {
        /// The file.
        path: PathBuf,
        /// Where the row is: its line, or its number.
        place: String,
        /// The column's name.
        column: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },

    /// A target column in which nothing is known.
    #[error(
        "{path}: column `{}`: the target is missing in all of the {rows} rows: expected a name or a number in some of them",
        shortened(.column)
    )]
    NoTargets {
        /// The file.
        path: PathBuf,
        /// The target column.
        column: String,
        /// The rows there are.
        rows: usize,
    },

    /// A cell that is no class of the column that it is to be told from.
    #[error(
        "{path}: {place}, column `{column}`: `{value}` is not among the classes of the data that are trained on: \
         expected one of {}",
        listed(.classes), value = shortened(.value), column = shortened(.column))]
    UnknownClass {
        /// The file.
        path: PathBuf,
        /// Where the row is: its line, or its number.
        place: String,
        /// The target column.
        column: String,
        /// The cell as given.
        value: String,
        /// The classes there are.
        classes: Vec<String>,
    },

    /// A target column with both numbers and text, where the kind was to be detected.
    #[error(
        "{path}: {place}, column `{column}`: `{value}` is not a number, and most cells of the \
         column are: correct the cell, name it as missing, or say that the column holds classes", value = shortened(.value), column = shortened(.column))]
    MixedTarget {
        /// The file.
        path: PathBuf,
        /// Where the first row is whose target is not a number.
        place: String,
        /// The target column.
        column: String,
        /// The cell as given.
        value: String,
    },

    /// A classification with nothing to tell apart.
    #[error("{origin}: every row is of class `{class}`: expected rows of at least two classes", class = shortened(.class))]
    OneClass {
        /// The file, or the name of the data set.
        origin: String,
        /// The one class there is.
        class: String,
    },

    /// A data set whose parts contradict each other.
    #[error("data set `{dataset}`: {field} is {found}: expected {expected}")]
    Inconsistent {
        /// The data set's name.
        dataset: String,
        /// The part at fault.
        field: String,
        /// What it is.
        found: String,
        /// What the other parts call for.
        expected: String,
    },

    /// A backend that this build does not have.
    #[error(
        "device `{device}` is not compiled in: build with `--features {feature}`, or use `flex`"
    )]
    DeviceNotCompiled {
        /// The device asked for.
        device: String,
        /// The feature that brings it.
        feature: String,
    },

    /// A size or a count out of bounds.
    #[error(transparent)]
    Bounds(#[from] trimtab_env::Error),

    /// A configuration field holds a value that is not allowed.
    #[error("{field}: {given} is not allowed; give {allowed}", given = shortened(.given))]
    Config {
        /// Path of the field.
        field: String,
        /// The value as given.
        given: String,
        /// What would be allowed.
        allowed: String,
    },

    /// A split that asks for more rows than the data set has.
    #[error(
        "data set `{dataset}` has {rows} rows: expected more than {validation} for validation and \
         {test} for test together, so that some are left to train on; give more rows"
    )]
    TooFewRows {
        /// The data set's name.
        dataset: String,
        /// The rows it has.
        rows: usize,
        /// The validation rows asked for.
        validation: usize,
        /// The test rows asked for.
        test: usize,
    },

    /// Images that do not divide into blocks of the pooling factor.
    #[error(
        "data set `{dataset}`: images of {height}x{width} cannot be pooled by {factor}: expected a \
         factor of at least 1 that divides both sides"
    )]
    PoolFactor {
        /// The data set's name.
        dataset: String,
        /// The images' height in pixels.
        height: usize,
        /// The images' width in pixels.
        width: usize,
        /// The factor given.
        factor: usize,
    },

    /// A name that no embedded data set has.
    #[error("`{given}` is not an embedded data set: expected one of {}", .allowed.join(", "))]
    UnknownDataset {
        /// The name given.
        given: String,
        /// The names there are.
        allowed: Vec<String>,
    },
}

impl Error {
    /// The number `field` of the setting `of` is out of range.
    pub(crate) fn number(of: &str, field: &str, value: f64, allowed: &str) -> Self {
        Self::Config {
            field: format!("{of}.{field}"),
            given: value.to_string(),
            allowed: allowed.to_owned(),
        }
    }
}

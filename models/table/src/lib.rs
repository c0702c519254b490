//! Tables as people have them: files read, columns understood.
//!
//! Input: a file of any kind. Output: a [`Frame`], columns of cells as they were read, with what a person should know of how.
//!
//! | to find | look in |
//! |---|---|
//! | a table from a file, or from bytes | [`read()`](read()), [`parse`] |
//! | what can be said where looking is not enough: separator, header, missing cells, sheet | [`ReadOptions`] |
//! | columns, cells, and the line of a row | [`Frame`], [`Column`], [`Cells`] |
//! | what can go wrong | [`Error`] |
//!
//! What a file is, is read off its first bytes: delimited text in every dialect, ARFF, svmlight, JSON lines; with the feature `excel`
//! workbooks, with `parquet` Parquet; as they are, packed with gzip, and with the feature `packed` with zip, bzip2, xz and zstd.
//!
//! ```
//! use std::path::Path;
//! use trimtab_table::{Cells, ReadOptions, parse};
//!
//! let text = b"price;kind\n$1,200;cat\n$900;?\n";
//! let frame = parse(Path::new("pets.csv"), text, &ReadOptions::default())?;
//! assert_eq!(frame.format, "CSV separated by `;`");
//! assert_eq!(frame.columns[0].cells, Cells::Numbers(vec![1200., 900.]));
//! assert!(frame.columns[1].cells.is_missing(1));
//! assert_eq!(frame.notes, ["column `price`: `$1,200` is read as 1200: `,` between thousands, `$`"]);
//! # Ok::<(), trimtab_table::Error>(())
//! ```

#[cfg(any(feature = "packed", feature = "excel"))]
mod archive;
mod arff;
mod charset;
mod column;
mod decide;
mod delimited;
mod error;
#[cfg(feature = "excel")]
mod excel;
mod frame;
mod json;
mod levels;
mod lines;
mod missing;
mod names;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
mod plain;
mod preprocessor;
mod read;
mod schema;
mod signature;
mod stream;
mod style;
mod svmlight;
mod table;
mod times;
#[cfg(feature = "packed")]
mod zstd;

pub use error::{Error, Result};
pub use frame::{Cells, Column, Frame, MISSING};
pub use options::ReadOptions;
pub use preprocessor::{Bound, Fit, Preprocessor};
pub use read::{parse, read};
pub use schema::{ColumnOptions, Understood};

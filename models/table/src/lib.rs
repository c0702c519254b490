//! Tables as people have them.
//!
//! Input: a file. Output: a [`Frame`], columns of cells as they were read.

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
mod read;
mod signature;
mod stream;
mod style;
mod svmlight;
mod table;
#[cfg(feature = "packed")]
mod zstd;

pub use error::{Error, Result};
pub use frame::{Cells, Column, Frame, MISSING};
pub use options::ReadOptions;
pub use read::{parse, read};

//! Tables as people have them.
//!
//! Input: a file. Output: a [`Frame`], columns of cells as they were read.

#[cfg(any(feature = "packed", feature = "excel"))]
mod archive;
mod charset;
mod column;
mod decide;
mod delimited;
mod error;
mod frame;
mod levels;
mod missing;
mod names;
mod options;
mod plain;
mod preprocessor;
mod read;
mod schema;
mod signature;
mod stream;
mod style;
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

//! Tables as people have them.
//!
//! Input: a file. Output: a [`Frame`], columns of cells as they were read.

mod frame;
mod preprocessor;
mod schema;
mod times;

pub use frame::{Cells, Column, Frame, MISSING};
pub use preprocessor::{Bound, Fit, Preprocessor};
pub use schema::{ColumnOptions, Understood};

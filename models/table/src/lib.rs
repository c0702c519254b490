//! Tables as people have them.
//!
//! Input: a file. Output: a [`Frame`], columns of cells as they were read.

mod frame;

pub use frame::{Cells, Column, Frame, MISSING};

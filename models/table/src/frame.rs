//! A table as it was read: columns of cells, none of which has a meaning yet.

use std::borrow::Cow;

/// The code of a text that is missing.
pub const MISSING: u32 = u32::MAX;

/// A table as it was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    /// What it is called: the file's name without its extensions.
    pub name: String,
    /// What kind of file it was, in words: "CSV separated by `;`, gzip".
    pub format: String,
    /// How many rows there are; every column has as many cells.
    pub rows: usize,
    /// The columns, in the order of the file; no two have the same name, and none an empty one.
    pub columns: Vec<Column>,
    /// What a person should know of how it was read, a sentence each: a column that was renamed, a header that was not found.
    pub notes: Vec<String>,
    /// Rows that are not on the line after the row before, with their line, both ascending; the first is row 0. Empty for files without lines.
    pub lines: Vec<(usize, u64)>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// One a row.
    pub cells: Cells,
}

/// The cells of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// Numbers; what is missing is not a number.
    Numbers(Vec<f64>),
    /// Moments, in seconds since the beginning of 1970 in UTC; what is missing is not a number.
    Times(Vec<f64>),
    /// Texts.
    Texts {
        /// One a row, the place of its text in `levels`; [`MISSING`] where there is none.
        codes: Vec<u32>,
        /// The texts that there are, each once, in the order in which they come first.
        levels: Vec<String>,
    },
}

impl Cells {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(cells) | Self::Times(cells) => cells.len(),
            Self::Texts { codes, .. } => codes.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a cell is missing.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Numbers(cells) | Self::Times(cells) => cells[row].is_nan(),
            Self::Texts { codes, .. } => codes[row] == MISSING,
        }
    }

    /// How many are missing.
    pub fn missing(&self) -> usize {
        (0..self.len()).filter(|&row| self.is_missing(row)).count()
    }

    /// A cell as text, a number in its shortest form; `None` where it is missing.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        match self {
            Self::Numbers(cells) | Self::Times(cells) => Some(cells[row])
                .filter(|cell| !cell.is_nan())
                .map(|cell| cell.to_string().into()),
            Self::Texts { codes, levels } => levels
                .get(codes[row] as usize)
                .map(|level| level.as_str().into()),
        }
    }
}

impl Frame {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Where a row is, for a message: its line, or its number from 1.
    pub fn place(&self, row: usize) -> String {
        let after = self.lines.partition_point(|(first, _)| *first <= row);
        match after.checked_sub(1).map(|at| self.lines[at]) {
            Some((first, line)) => format!("line {}", line + (row - first) as u64),
            None => format!("row {}", row + 1),
        }
    }
}

//! The beginning of a text, which is looked at before the text is read.

use super::{
    dialect::usual,
    records::{Dialect, Fault, Records},
};
use crate::{charset::windows_1252, table::MOST_COLUMNS};

/// How many rows are looked at.
const ROWS: usize = 200;

/// How many cells are looked at, in all.
const CELLS: usize = 200_000;

/// The beginning of a text.
#[derive(Clone, Copy)]
pub(crate) struct Sample<'a> {
    pub(crate) bytes: &'a [u8],
    /// It is all of the text.
    pub(crate) whole: bool,
    /// The line of the first byte.
    pub(crate) line: u64,
}

/// A row of it.
pub(crate) struct Row {
    pub(crate) cells: Vec<String>,
}

impl<'a> Sample<'a> {
    /// The first rows in this dialect, without comments between them; `None` if the text cannot be in it.
    pub(crate) fn rows(self, dialect: Dialect) -> Option<Vec<Row>> {
        let mut rows = self.all_rows(dialect)?;
        let cells = usual(&rows);
        rows.retain(|row| row.cells.len() == cells || !row.cells[0].starts_with('#'));
        Some(rows)
    }

    fn all_rows(self, dialect: Dialect) -> Option<Vec<Row>> {
        let mut records = Records::new(self.bytes, dialect, self.line, MOST_COLUMNS);
        let (mut rows, mut cells): (Vec<Row>, usize) = (Vec::new(), 0);
        loop {
            match records.advance() {
                Ok(true) if rows.len() < ROWS && (cells < CELLS || rows.len() < 3) => {
                    cells += records.len();
                    rows.push(Row {
                        cells: records.cells().map(text).collect(),
                    });
                }
                Ok(true) => return Some(rows),
                Ok(false) => {
                    // The last row may go on after the sample.
                    if !self.whole && rows.len() > 1 {
                        rows.pop();
                    }
                    return Some(rows);
                }
                Err(Fault::OpenQuote(_)) if !self.whole && rows.len() > 1 => return Some(rows),
                Err(_) => return None,
            }
        }
    }

    /// The lines that it begins with and that are comments, and what is after them. If there is nothing after them, they are none.
    pub(crate) fn without_comments(self) -> (Vec<&'a [u8]>, Self) {
        let (mut comments, mut rest, mut line) = (Vec::new(), self.bytes, self.line);
        loop {
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (first, after) = match end {
                Some(end) if rest[end..].starts_with(b"\r\n") => (&rest[..end], &rest[end + 2..]),
                Some(end) => (&rest[..end], &rest[end + 1..]),
                None => (rest, &rest[rest.len()..]),
            };
            match first.trim_ascii_start().first() {
                Some(b'#' | b'%') => comments.push(first.trim_ascii()),
                None if !after.is_empty() => {}
                Some(_) => {
                    return (
                        comments,
                        Self {
                            bytes: rest,
                            line,
                            ..self
                        },
                    );
                }
                None => return (Vec::new(), self),
            }
            if after.is_empty() {
                return (Vec::new(), self);
            }
            (rest, line) = (after, line + 1);
        }
    }
}

/// A cell as text.
pub(crate) fn text(cell: &[u8]) -> String {
    str::from_utf8(cell).map_or_else(|_| windows_1252(cell), str::to_owned)
}

//! A table that is being read, row after row.

use std::path::Path;

use crate::{
    column::ColumnBuilder,
    decide::Decided,
    error::{Error, Result, listed, shortened},
    frame::{Column, Frame},
    missing::Missing,
    names::distinct,
};

/// How many cells of numbers are kept as texts, until it is clear that the columns are of numbers.
const KEPT: usize = 1_000_000;

/// How many columns a table may have.
pub(crate) const MOST_COLUMNS: usize = 1_000_000;

/// A table that is being read.
pub(crate) struct Builder<'a> {
    pub(crate) path: &'a Path,
    pub(crate) missing: Missing,
    pub(crate) notes: Vec<String>,
    pub(crate) columns: Vec<ColumnBuilder>,
    names: Vec<String>,
    /// The rows that have been begun.
    rows: usize,
    lines: Vec<(usize, u64)>,
    next_line: u64,
    room: usize,
    /// How many rows are kept as they are written.
    kept: usize,
}

impl<'a> Builder<'a> {
    /// A table without rows, of columns with these names.
    pub(crate) fn new(
        path: &'a Path,
        missing: Missing,
        names: Vec<String>,
        columns: Vec<ColumnBuilder>,
    ) -> Self {
        Self {
            path,
            missing,
            notes: Vec::new(),
            kept: kept(columns.len()),
            columns,
            names,
            rows: 0,
            lines: Vec::new(),
            next_line: 0,
            room: 0,
        }
    }

    /// A table whose columns have all of their cells.
    #[cfg(feature = "parquet")]
    pub(crate) fn of_columns(
        path: &'a Path,
        missing: Missing,
        names: Vec<String>,
        columns: Vec<ColumnBuilder>,
    ) -> Self {
        let rows = columns.first().map_or(0, ColumnBuilder::len);
        Self {
            rows,
            ..Self::new(path, missing, names, columns)
        }
    }

    /// How many rows have been begun.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Begins a row, all cells of which are to be pushed; `line` is where it is.
    pub(crate) fn begin_row(&mut self, line: Option<u64>) {
        if let Some(line) = line {
            if line != self.next_line {
                self.lines.push((self.rows, line));
            }
            self.next_line = line + 1;
        }
        self.rows += 1;
    }

    /// Makes room for one more row, and for all rows if it is known how far the file has been read: a column that grows by doubling is
    /// there three times while it is copied.
    pub(crate) fn make_room(&mut self, share: Option<f64>) {
        /// The rows that room is made for at first, from which the length of a row is then told.
        const FIRST: usize = 100_000;
        if self.rows < self.room {
            return;
        }
        // A little more than it looks like: what is not written to takes no memory.
        let left = share
            .filter(|_| self.rows > 0)
            .map(|share| 1.03 * self.rows as f64 * (1. / share.max(1e-6) - 1.));
        let more = left
            .map_or(self.rows, |left| left.min(1e9) as usize)
            .max((FIRST / self.columns.len().max(1)).clamp(1, 1000));
        // As little as a quarter more: an estimate that is too low is made again.
        let more = more.max(self.rows / 4);
        self.room = self.rows + more;
        for column in &mut self.columns {
            column.reserve(more);
        }
    }

    /// Adds a cell of text to a column.
    pub(crate) fn push(&mut self, column: usize, text: &str) {
        self.columns[column].push(text, &self.missing, self.kept);
    }

    /// Adds a number to a column.
    pub(crate) fn push_number(&mut self, column: usize, number: f64) {
        self.columns[column].push_number(number, &self.missing, self.kept);
    }

    /// Adds a cell that is missing to a column.
    pub(crate) fn push_missing(&mut self, column: usize) {
        self.columns[column].push_missing(self.kept);
    }

    /// Adds a column, which is missing in all rows before the one under way.
    pub(crate) fn add_column(&mut self, name: String, mut column: ColumnBuilder) -> usize {
        for _ in 1..self.rows {
            column.push_missing(self.kept);
        }
        self.names.push(name);
        self.columns.push(column);
        self.kept = kept(self.columns.len());
        self.columns.len() - 1
    }

    /// Fills up the row under way: columns that have no cell in it are missing.
    pub(crate) fn end_row(&mut self) {
        let (rows, kept) = (self.rows, self.kept);
        for column in &mut self.columns {
            if column.len() < rows {
                column.push_missing(kept);
            }
        }
    }

    /// The table; `commas` says that the file has decimal commas.
    ///
    /// # Errors
    /// [`Error::Empty`] if there is no row.
    pub(crate) fn finish(self, format: String, commas: bool) -> Result<Frame> {
        if self.rows == 0 || self.columns.is_empty() {
            return Err(Error::Empty {
                path: self.path.into(),
                expected: if self.names.is_empty() {
                    "a header and rows"
                } else {
                    "rows after the header"
                },
            });
        }
        let missing = self.missing;
        let decided: Vec<Decided> = self
            .columns
            .into_iter()
            .map(|column| Decided::of(column, &missing))
            .collect();
        let commas = commas || decided.iter().any(Decided::commas);
        let (names, renamed) = distinct(self.names);
        let mut frame = Frame {
            name: stem(self.path),
            format,
            rows: self.rows,
            columns: Vec::new(),
            notes: [self.notes, renamed].concat(),
            lines: self.lines,
        };
        let mut with_commas = Vec::new();
        for (name, decided) in names.into_iter().zip(decided) {
            let (cells, remarks) = decided.cells(commas, &missing);
            if remarks.commas {
                with_commas.push(name.clone());
            }
            let notes = remarks.notes(&name, |row| frame.place(row));
            frame.notes.extend(notes);
            frame.columns.push(Column { name, cells });
        }
        if !with_commas.is_empty() {
            frame.notes.push(format!(
                "numbers have decimal commas in {}",
                listed(&with_commas)
            ));
        }
        Ok(frame)
    }
}

fn kept(columns: usize) -> usize {
    (KEPT / columns.max(1)).clamp(100, 50_000)
}

/// The name of a table read from `path`: the file's, without the extension and that of what it is packed with.
fn stem(path: &Path) -> String {
    const PACKED: [&str; 8] = ["gz", "zip", "bz2", "xz", "zst", "zstd", "lzma", "bz"];
    let extension = path
        .extension()
        .map(|extension| extension.to_ascii_lowercase());
    let packed =
        extension.is_some_and(|extension| PACKED.iter().any(|packed| extension == *packed));
    let unpacked = if packed {
        path.with_extension("")
    } else {
        path.into()
    };
    let stem = unpacked.file_stem();
    stem.map_or_else(String::new, |stem| shortened(&stem.to_string_lossy()))
}

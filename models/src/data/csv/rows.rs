//! The rows of a CSV file, cell by cell.

use super::window::{self, Window};
use crate::data::gzip::Stream;
use crate::data::target::{self, is_missing, number};
use crate::error::{Error, Result};
use ::csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};
use std::{collections::BTreeSet, path::Path};

/// The columns `features`, found by their names, row after row, and the cells of the column `target`.
pub(super) fn named_columns(
    path: &Path,
    features: &[String],
    target: Option<&str>,
) -> Result<Cells> {
    read_with(path, Stream::open(path)?, |reader| {
        let known = |name: &str| target == Some(name) || features.iter().any(|other| other == name);
        let header = read_header(path, reader, known)?;
        let place = |feature: &str| {
            let found = header.iter().position(|name| name == feature);
            found.ok_or_else(|| Error::MissingColumn {
                path: path.into(),
                column: feature.to_owned(),
                columns: header.clone(),
            })
        };
        let places = features.iter().map(|feature| place(feature));
        let places = places.collect::<Result<Vec<_>>>()?;
        let target = target.map(place).transpose()?;
        read_cells(path, reader, &header, &places, target)
    })
}

/// What was read from the rows of a file.
#[derive(Default)]
pub(super) struct Cells {
    pub(super) inputs: Vec<f64>,
    pub(super) targets: target::Cells,
    pub(super) without_target: usize,
}

impl Cells {
    /// Makes room for one more row of `features` numbers, and for all rows if the `length` of the file is known: a table that grows
    /// by doubling is there three times while it is copied. `place` is where in the file the rows so far end.
    pub(super) fn make_room(&mut self, features: usize, place: u64, length: Option<u64>) {
        /// The rows that room is made for at first, from which the length of a row is then told.
        const FIRST: usize = 1000;
        let numbers = self.inputs.len();
        if self.inputs.capacity() - numbers >= features {
            return;
        }
        let first = FIRST.saturating_mul(features);
        match length {
            // A little more than it looks like: what is not written to takes no memory.
            Some(length) if numbers > 0 => {
                let left = length.saturating_sub(place) as f64 / place.max(1) as f64;
                let more = (1.03 * left * numbers as f64) as usize;
                self.inputs.reserve_exact(more.max(first));
            }
            _ => self.inputs.reserve(first),
        }
    }
}

/// The columns `features` as numbers and the column `target` as it is written, of all rows that have a target.
pub(super) fn read_cells(
    path: &Path,
    reader: &mut Reader<Window>,
    header: &[String],
    features: &[usize],
    target: Option<usize>,
) -> Result<Cells> {
    let mut cells = Cells::default();
    let length = reader.get_ref().length();
    each_row(path, reader, header, |place, line, record| {
        if let Some(target) = target {
            let text = record[target].trim();
            if is_missing(text) {
                cells.without_target += 1;
                return Ok(());
            }
            cells.targets.push(line, text);
        }
        cells.make_room(features.len(), place, length);
        for &column in features {
            let number = input(path, line, &header[column], record[column].trim())?;
            cells.inputs.push(number);
        }
        Ok(())
    })?;
    match (target, cells.without_target) {
        _ if !cells.inputs.is_empty() => Ok(cells),
        (Some(target), rows) if rows > 0 => Err(Error::NoTargets {
            path: path.into(),
            column: header[target].clone(),
            rows,
        }),
        _ => Err(Error::EmptyFile {
            path: path.into(),
            expected: "rows after the header",
        }),
    }
}

/// What `take` makes of the rows of a file, in which there has to be something.
pub(super) fn read_with<T>(
    path: &Path,
    file: Stream,
    take: impl FnOnce(&mut Reader<Window>) -> Result<T>,
) -> Result<T> {
    let Some(file) = Window::new(file)? else {
        return Err(Error::EmptyFile {
            path: path.into(),
            expected: "a header and rows",
        });
    };
    // Cells are trimmed where they are taken: the reader would make a second record of every one.
    let mut reader = ReaderBuilder::new()
        .trim(Trim::Headers)
        .flexible(true)
        .buffer_capacity(window::CHUNK)
        .from_reader(file);
    take(&mut reader).map_err(|error| {
        let damaged = reader.into_inner().into_stream().check_rest();
        damaged.err().unwrap_or(error)
    })
}

/// Gives every row after the header to `take`, with its place and line.
pub(super) fn each_row(
    path: &Path,
    reader: &mut Reader<Window>,
    header: &[String],
    mut take: impl FnMut(u64, u64, &StringRecord) -> Result<()>,
) -> Result<()> {
    let mut record = StringRecord::new();
    loop {
        let (place, line) = (reader.position().byte(), reader.position().line());
        reader.get_mut().go_on_from(place);
        let more = reader.read_record(&mut record);
        // The reader counts the blank lines before a row as part of it.
        let line = line + reader.get_ref().blank_lines();
        let more = more.map_err(|source| unreadable(path, reader.get_ref(), line, source))?;
        if !more {
            return Ok(());
        }
        if record.len() != header.len() {
            return Err(Error::RaggedRow {
                path: path.into(),
                line,
                expected: header.len(),
                found: record.len(),
            });
        }
        take(place, line, &record)?;
    }
}

/// An input of the column `column`.
pub(super) fn input(path: &Path, line: u64, column: &str, value: &str) -> Result<f64> {
    number(value).ok_or_else(|| Error::NotANumber {
        path: path.into(),
        line,
        column: column.into(),
        value: value.into(),
    })
}

/// The names of the columns. They may all be numbers if one of them is a name that is `known`.
pub(super) fn read_header(
    path: &Path,
    reader: &mut Reader<Window>,
    known: impl Fn(&str) -> bool,
) -> Result<Vec<String>> {
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(source) => return Err(unreadable(path, reader.get_ref(), 1, source)),
    };
    if !header.iter().any(known) && header.iter().all(|name| number(name).is_some()) {
        let row = header.iter().collect::<Vec<_>>().join(",");
        return Err(Error::MissingHeader {
            path: path.into(),
            row,
        });
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = header.iter().find(|name| !seen.insert(*name)) {
        return Err(Error::DuplicateColumn {
            path: path.into(),
            column: twice.into(),
        });
    }
    Ok(header.iter().map(String::from).collect())
}

pub(super) fn unreadable(path: &Path, file: &Window, line: u64, source: ::csv::Error) -> Error {
    // The reader's own position may be that of the row before.
    let text = source.to_string();
    let reason = match source.into_kind() {
        ErrorKind::Io(source) => return file.fault(source),
        ErrorKind::Utf8 { err, .. } => format!("cell {}: {err}", err.field() + 1),
        _ => text,
    };
    Error::Csv {
        path: path.into(),
        line,
        reason,
    }
}

//! Text whose cells are separated: CSV in all of its dialects.

mod dialect;
mod fill;
mod header;
mod layout;
mod records;
mod sample;

use std::io::{Cursor, Read};

use crate::{
    column::ColumnBuilder,
    error::{Error, Result},
    frame::Frame,
    missing::Missing,
    options::ReadOptions,
    stream::Stream,
    style::{Amount, Style},
    table::{Builder, MOST_COLUMNS},
};
use fill::{Passed, fill};
pub(crate) use layout::Layout;
#[cfg(feature = "excel")]
pub(crate) use layout::passed_over;
use records::{Fault, Records};
pub(crate) use sample::Row;
use sample::Sample;

/// The table in a text, of which `start` has been read already; `whole` says that there is no more.
pub(crate) fn parse(
    stream: &mut Stream<'_>,
    start: &[u8],
    whole: bool,
    options: &ReadOptions,
) -> Result<Frame> {
    let path = stream.path;
    let missing = Missing::new(&options.missing);
    let (comments, sample) = Sample {
        bytes: start,
        whole,
        line: 1,
    }
    .without_comments();
    let dialect = dialect::find(sample, options.separator, &missing)?;
    let rows = sample.rows(dialect).unwrap_or_default();
    let comment = comments.last().and_then(|comment| {
        let text = comment
            .trim_ascii_start()
            .strip_prefix(b"#")
            .or_else(|| comment.strip_prefix(b"%"))?;
        let row = Sample {
            bytes: text,
            whole: true,
            line: 1,
        }
        .rows(dialect)?;
        row.into_iter().next().map(|row| row.cells)
    });
    let mut layout = Layout::of(&rows, comment, options.header, &missing);
    // Which cells are missing between blanks cannot be told.
    layout.short &= !dialect.is_blank();
    let rows = rows.get(layout.skip..).unwrap_or_default();
    let columns = layout.names.len();
    let read = read_by_column(rows, columns, &missing);
    let commas = read.iter().any(Style::needs_commas);
    let builders = (0..columns).map(|column| {
        let read = read.get(column).copied().unwrap_or_default();
        ColumnBuilder::new(Style::best(&read, commas).decimal)
    });
    let mut builder = Builder::new(path, missing, layout.names.clone(), builders.collect());
    if !comments.is_empty() {
        builder.notes.push(match comments.len() {
            1 => "a line of comments before the table was passed over".into(),
            lines => format!("{lines} lines of comments before the table were passed over"),
        });
    }
    if dialect.quote.is_none() {
        let note = "quotes are read as any other character: they are not in pairs";
        builder.notes.push(note.into());
    }
    builder.notes.extend(layout.notes.iter().cloned());

    let reach = stream.reach();
    let place = start.len() - sample.bytes.len();
    let bytes = Cursor::new(&start[place..]).chain(&mut *stream);
    let mut records = Records::new(bytes, dialect, sample.line, MOST_COLUMNS);
    let mut passed = Passed::default();
    let result = fill(&mut builder, &mut records, &layout, &reach, &mut passed);
    drop(records);
    match result {
        Ok(()) => {}
        Err(Fault::Read(source)) => return Err(stream.fault(source)),
        Err(Fault::OpenQuote(line)) => {
            return Err(Error::OpenQuote {
                path: path.into(),
                line,
                quote: dialect.quote.map_or('"', char::from),
            });
        }
        Err(Fault::TooMany(line)) => {
            return Err(Error::TooManyCells {
                path: path.into(),
                place: format!("line {line}"),
                found: MOST_COLUMNS as u64 + 1,
                most: MOST_COLUMNS as u64,
                advice: "give each example a row, or say the separator with `--separator`",
            });
        }
        Err(Fault::Ragged { line, found }) => {
            return Err(Error::RaggedRow {
                path: path.into(),
                line,
                found,
                expected: layout.cells,
                separator: dialect.words(),
            });
        }
    }
    builder.notes.extend(passed.notes());
    let format = match columns {
        1 => "text of one column".to_owned(),
        _ if dialect.separator == b',' => "CSV".to_owned(),
        _ => format!("CSV separated by {}", dialect.words()),
    };
    builder.finish(stream.described(&format), commas)
}

/// How many cells each style reads, column by column; none if the column has other texts.
fn read_by_column(rows: &[Row], columns: usize, missing: &Missing) -> Vec<[usize; 8]> {
    let column = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.cells.get(column))
            .filter(|cell| !missing.text(cell));
        let amounts: Option<Vec<_>> = cells
            .map(|cell| Amount::of(cell).map(|amount| (amount, 1)))
            .collect();
        amounts
            .map(|amounts| Style::read_by_each(&amounts))
            .unwrap_or_default()
    };
    (0..columns).map(column).collect()
}

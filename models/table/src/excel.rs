//! Sheets of workbooks: Excel of all ages, and OpenDocument.

use std::io::Cursor;

use calamine::{Data, ExcelDateTime, Range, Reader, Sheets, open_workbook_auto_from_rs};
use chrono::NaiveDate;

use crate::{
    column::ColumnBuilder,
    delimited::{Layout, Row, passed_over},
    error::{Error, Result, listed},
    frame::Frame,
    missing::Missing,
    options::ReadOptions,
    stream::Stream,
    table::Builder,
};

/// How many rows are looked at.
const LOOKED_AT: usize = 200;

/// The table in a workbook, of which these are the bytes.
pub(crate) fn parse(stream: &Stream<'_>, bytes: Vec<u8>, options: &ReadOptions) -> Result<Frame> {
    let path = stream.path;
    let damaged = |error: calamine::Error| Error::Damaged {
        path: path.into(),
        format: "Excel workbook",
        reason: error.to_string(),
    };
    let mut book = open_workbook_auto_from_rs(Cursor::new(bytes.as_slice())).map_err(damaged)?;
    let (name, range) = sheet(stream, &mut book, options)?;
    let missing = Missing::new(&options.missing);
    let rows: Vec<&[Data]> = range
        .rows()
        .filter(|row| row.iter().any(|cell| !is_empty(cell)))
        .collect();
    // A title is in one cell, above more.
    let filled = |row: &&[Data]| row.iter().filter(|cell| !is_empty(cell)).count();
    let titles = rows
        .iter()
        .take_while(|row| filled(row) == 1 && row.len() > 2)
        .count();
    let titles = if titles < rows.len() { titles } else { 0 };
    let table = &rows[titles..];
    let looked_at = table.iter().take(LOOKED_AT).map(|row| Row {
        cells: row.iter().map(words).collect(),
    });
    let looked_at: Vec<Row> = looked_at.collect();
    let cells = range.width();
    let layout = Layout::with_names_in(&looked_at, cells, None, options.header, &missing);
    let table = &table[layout.skip.min(table.len())..];
    let columns = layout.names.len();
    let builders = (0..columns).map(|column| match moments(table, column) {
        true => ColumnBuilder::of_numbers(true),
        false => ColumnBuilder::new(b'.'),
    });
    let mut builder = Builder::new(path, missing, layout.names.clone(), builders.collect());
    builder.notes.extend(layout.notes);
    if let Some(title) = rows[..titles]
        .first()
        .and_then(|row| row.iter().find(|cell| !is_empty(cell)))
    {
        builder.notes.push(passed_over(titles, &words(title)));
    }
    let others: Vec<String> = book
        .sheet_names()
        .into_iter()
        .filter(|other| *other != name)
        .collect();
    if options.sheet.is_none() && !others.is_empty() {
        builder.notes.push(format!(
            "the sheet `{name}` was read; `--sheet` says another: {}",
            listed(&others)
        ));
    }
    for row in table {
        builder.make_room(None);
        builder.begin_row(None);
        for (column, cell) in row.iter().take(columns).enumerate() {
            push(&mut builder, column, cell);
        }
    }
    builder.finish(
        stream.described(&format!("sheet `{name}` of a workbook")),
        false,
    )
}

/// The sheet that was asked for, or the first that has cells.
fn sheet(
    stream: &Stream<'_>,
    book: &mut Sheets<Cursor<&[u8]>>,
    options: &ReadOptions,
) -> Result<(String, Range<Data>)> {
    let path = stream.path;
    let names = book.sheet_names();
    let mut range = |name: &str| {
        book.worksheet_range(name).map_err(|error| Error::Damaged {
            path: path.into(),
            format: "Excel workbook",
            reason: error.to_string(),
        })
    };
    if let Some(asked) = &options.sheet {
        let found = names.iter().find(|name| name.eq_ignore_ascii_case(asked));
        let found = found.ok_or_else(|| Error::UnknownSheet {
            path: path.into(),
            sheet: asked.clone(),
            names: names.clone(),
        })?;
        return Ok((found.clone(), range(found)?));
    }
    for name in &names {
        let range = range(name)?;
        if !range.is_empty() {
            return Ok((name.clone(), range));
        }
    }
    Err(Error::Empty {
        path: path.into(),
        expected: "a sheet with a header and rows",
    })
}

fn is_empty(cell: &Data) -> bool {
    match cell {
        Data::Empty | Data::Error(_) => true,
        Data::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// Whether all cells of a column that are not empty are moments.
fn moments(rows: &[&[Data]], column: usize) -> bool {
    let mut cells = rows
        .iter()
        .map(|row| &row[column])
        .filter(|cell| !is_empty(cell))
        .peekable();
    cells.peek().is_some()
        && cells.all(|cell| matches!(cell, Data::DateTime(moment) if seconds(moment).is_some()))
}

/// Seconds since the beginning of 1970; `None` for a time of the day, or a duration.
fn seconds(moment: &ExcelDateTime) -> Option<f64> {
    if moment.is_duration() || moment.as_f64() < 1. {
        return None;
    }
    let (year, month, day, hour, minute, second, millisecond) = moment.to_ymd_hms_milli();
    let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())?;
    let time = date.and_hms_milli_opt(
        hour.into(),
        minute.into(),
        second.into(),
        millisecond.into(),
    )?;
    Some(time.and_utc().timestamp_millis() as f64 / 1000.)
}

fn push(builder: &mut Builder<'_>, column: usize, cell: &Data) {
    match cell {
        _ if is_empty(cell) => builder.push_missing(column),
        Data::Int(number) => builder.push_number(column, *number as f64),
        Data::Float(number) => builder.push_number(column, *number),
        Data::DateTime(moment) if moment.is_duration() => {
            builder.push_number(column, moment.as_f64() * 86400.)
        }
        Data::DateTime(moment)
            if matches!(builder.columns[column], ColumnBuilder::Typed { .. }) =>
        {
            builder.push_number(column, seconds(moment).unwrap_or(f64::NAN));
        }
        other => builder.push(column, words(other).trim()),
    }
}

/// A cell as text.
fn words(cell: &Data) -> String {
    match cell {
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
            text.trim().to_owned()
        }
        Data::Bool(truth) => truth.to_string(),
        Data::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            match moment.as_f64() {
                days if days < 1. => format!("{hour:02}:{minute:02}:{second:02}"),
                days if days.fract() == 0. => format!("{year:04}-{month:02}-{day:02}"),
                _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
            }
        }
        Data::Error(_) | Data::Empty => String::new(),
    }
}

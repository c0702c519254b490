//! JSON: an object a line, or one array of objects.

use std::{
    collections::HashMap,
    fmt,
    io::{self, BufRead, BufReader, Cursor, Read},
};

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, value::RawValue};

use crate::{
    column::ColumnBuilder,
    error::{Error, Result},
    frame::Frame,
    lines::Lines,
    missing::Missing,
    options::ReadOptions,
    stream::Stream,
    table::{Builder, MOST_COLUMNS},
};

/// Whether a text begins as an object or an array of objects does.
pub(crate) fn is_json(start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    let after = |text: &[u8]| {
        text.get(1..)
            .unwrap_or_default()
            .trim_ascii_start()
            .first()
            .copied()
    };
    match start.first() {
        Some(b'{') => matches!(after(start), Some(b'"' | b'}')),
        Some(b'[') => matches!(after(start), Some(b'{' | b']')),
        _ => false,
    }
}

/// The table in a text, of which `start` has been read already.
pub(crate) fn parse(stream: &mut Stream<'_>, start: &[u8], options: &ReadOptions) -> Result<Frame> {
    let path = stream.path;
    let array = start.trim_ascii_start().first() == Some(&b'[');
    let mut table = Table {
        builder: Builder::new(path, Missing::new(&options.missing), Vec::new(), Vec::new()),
        places: HashMap::new(),
    };
    let bytes = BufReader::new(Cursor::new(start).chain(&mut *stream));
    let result = match array {
        true => rows_of_array(bytes, &mut table),
        false => rows_of_lines(bytes, &mut table),
    };
    result.map_err(|stop| match stop {
        Stop::Read(source) => stream.fault(source),
        Stop::Line(line, reason) => Error::Line {
            path: path.into(),
            line,
            reason,
            expected: "an object in each line, or one array of objects, each of them a row: `{\"a\": 1, \"b\": \"x\"}`",
        },
    })?;
    let format = if array { "JSON" } else { "JSON lines" };
    table.builder.finish(stream.described(format), false)
}

/// What stops the reading.
enum Stop {
    Read(io::Error),
    Line(u64, String),
}

fn rows_of_array(bytes: impl Read, table: &mut Table<'_>) -> std::result::Result<(), Stop> {
    let mut json = Deserializer::from_reader(bytes);
    let read = json.deserialize_seq(Rows(table)).and_then(|()| json.end());
    read.map_err(|error| match error.is_io() {
        true => Stop::Read(error.into()),
        false => Stop::Line(error.line() as u64, error.to_string()),
    })
}

fn rows_of_lines(bytes: impl BufRead, table: &mut Table<'_>) -> std::result::Result<(), Stop> {
    let mut lines = Lines::new(bytes);
    while let Some(line) = lines.next().map_err(Stop::Read)? {
        let row = serde_json::from_str(&line);
        let pushed = row.and_then(|row| table.push(row, Some(lines.line)));
        // The line is in the message already.
        let reason =
            |error: serde_json::Error| error.to_string().replace(" at line 1 column", " at byte");
        pushed.map_err(|error| Stop::Line(lines.line, reason(error)))?;
    }
    Ok(())
}

/// A table that is being read.
struct Table<'a> {
    builder: Builder<'a>,
    /// The columns by their names.
    places: HashMap<String, usize>,
}

impl Table<'_> {
    fn push(&mut self, row: Row, line: Option<u64>) -> serde_json::Result<()> {
        use serde::de::Error as _;
        self.builder.begin_row(line);
        for (name, value) in row.0 {
            let place = match self.places.get(&name) {
                Some(place) => *place,
                None if self.places.len() == MOST_COLUMNS => {
                    return Err(serde_json::Error::custom(format!(
                        "there are more than {MOST_COLUMNS} different names"
                    )));
                }
                None => {
                    let place = self
                        .builder
                        .add_column(name.clone(), ColumnBuilder::new(b'.'));
                    self.places.insert(name.clone(), place);
                    place
                }
            };
            if self.builder.columns[place].len() == self.builder.rows() {
                return Err(serde_json::Error::custom(format!(
                    "`{name}` is twice in a row"
                )));
            }
            let text = value.get();
            match text.as_bytes().first() {
                Some(b'n') => self.builder.push_missing(place),
                Some(b'"') => self
                    .builder
                    .push(place, serde_json::from_str::<String>(text)?.trim()),
                // Numbers, true and false, and what is in a row as a whole.
                _ => self.builder.push(place, text),
            }
        }
        self.builder.end_row();
        Ok(())
    }
}

/// The cells of a row by the names of their columns, as they are written.
struct Row(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Row {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        struct Cells;
        impl<'de> Visitor<'de> for Cells {
            type Value = Row;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Row, A::Error> {
                let mut cells = Vec::new();
                while let Some(cell) = map.next_entry()? {
                    cells.push(cell);
                }
                Ok(Row(cells))
            }
        }
        deserializer.deserialize_map(Cells)
    }
}

/// The rows of an array.
struct Rows<'t, 'a>(&'t mut Table<'a>);

impl<'de> Visitor<'de> for Rows<'_, '_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of objects")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> std::result::Result<(), A::Error> {
        while let Some(row) = rows.next_element::<Row>()? {
            self.0.push(row, None).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}

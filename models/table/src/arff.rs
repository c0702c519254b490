//! ARFF: a text that says the type of each column, of Weka and OpenML, and as KEEL writes it.

use std::io::{BufReader, Cursor, Read};

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

/// What a column has.
#[derive(Debug, Clone, PartialEq)]
enum Type {
    Number,
    /// One of some texts, of which a sparse row leaves out the first.
    Nominal(Option<String>),
    /// Any text, dates too.
    Text,
}

/// Whether a text begins as ARFF does.
pub(crate) fn is_arff(start: &[u8]) -> bool {
    let mut lines = start.split(|byte| matches!(byte, b'\n' | b'\r'));
    let first = lines.find(|line| !matches!(line.trim_ascii_start().first(), None | Some(b'%')));
    first.is_some_and(|line| {
        let line = line.trim_ascii_start().to_ascii_lowercase();
        line.starts_with(b"@relation") || line.starts_with(b"@attribute")
    })
}

/// The table in a text, of which `start` has been read already.
pub(crate) fn parse(stream: &mut Stream<'_>, start: &[u8], options: &ReadOptions) -> Result<Frame> {
    let (path, reach) = (stream.path, stream.reach());
    let mut lines = Lines::new(BufReader::new(Cursor::new(start).chain(&mut *stream)));
    let fault = |line, reason: String, expected| Error::Line {
        path: path.into(),
        line,
        reason,
        expected,
    };
    let (mut names, mut types) = (Vec::new(), Vec::new());
    let mut read = || -> std::result::Result<_, Stop> {
        loop {
            let Some(line) = lines.next()? else {
                return Err(Stop::Line(lines.line, "there is no `@data`".into()));
            };
            let (word, rest) = split_word(&line);
            match word.to_ascii_lowercase().as_str() {
                _ if line.starts_with(['%', '#']) => {}
                // The files of KEEL say which attributes are to be predicted.
                "@relation" | "@input" | "@inputs" | "@output" | "@outputs" => {}
                "@data" => break,
                "@attribute" => {
                    let (name, kind) =
                        attribute(rest).map_err(|reason| Stop::Line(lines.line, reason))?;
                    if names.len() == MOST_COLUMNS {
                        return Err(Stop::Line(
                            lines.line,
                            format!("there are more than {MOST_COLUMNS} attributes"),
                        ));
                    }
                    names.push(name);
                    types.push(kind);
                }
                _ => {
                    return Err(Stop::Line(
                        lines.line,
                        format!("`{line}` is no declaration"),
                    ));
                }
            }
        }
        let columns = types.iter().map(|kind| match kind {
            Type::Number => ColumnBuilder::of_numbers(false),
            _ => ColumnBuilder::of_texts(),
        });
        let mut builder = Builder::new(
            path,
            Missing::new(&options.missing),
            names.clone(),
            columns.collect(),
        );
        while let Some(line) = lines.next()? {
            if !line.starts_with('%') {
                builder.make_room(reach.share());
                builder.begin_row(Some(lines.line));
                row(&mut builder, &line, &types, &names)
                    .map_err(|reason| Stop::Line(lines.line, reason))?;
            }
        }
        Ok(builder)
    };
    let read = read();
    drop(lines);
    let builder = read.map_err(|stop| match stop {
        Stop::Read(source) => stream.fault(source),
        Stop::Line(line, reason) => fault(
            line,
            reason,
            "`@attribute NAME TYPE` for each column with the type numeric, string, date or {a, b}, then `@data`, and a cell for each column in each row",
        ),
    })?;
    builder.finish(stream.described("ARFF"), false)
}

/// What stops the reading.
enum Stop {
    Read(std::io::Error),
    Line(u64, String),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error)
    }
}

/// A word, and what is after it.
fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// The name and type of a column.
fn attribute(text: &str) -> std::result::Result<(String, Type), String> {
    let (name, rest) = if text.starts_with(['\'', '"']) {
        quoted(text).ok_or_else(|| format!("a quote is not closed in `{text}`"))?
    } else {
        let end = text
            .find(|next: char| next.is_whitespace() || next == '{')
            .unwrap_or(text.len());
        (text[..end].to_owned(), &text[end..])
    };
    let kind = rest.trim();
    if let Some(list) = kind.strip_prefix('{') {
        let list = list
            .strip_suffix('}')
            .ok_or_else(|| format!("`}}` is missing at the end of `{kind}`"))?;
        let first = cells(list)?.into_iter().next();
        return Ok((name, Type::Nominal(first)));
    }
    // KEEL writes the range behind the type: `real[0.0, 1.0]`.
    let (word, _) = split_word(kind.split('[').next().unwrap_or(kind));
    match word.to_ascii_lowercase().as_str() {
        "numeric" | "real" | "integer" => Ok((name, Type::Number)),
        "string" | "date" => Ok((name, Type::Text)),
        "relational" => Err(format!(
            "the attribute `{name}` is a table of its own: leave it out"
        )),
        _ => Err(format!("the attribute `{name}` has the type `{word}`")),
    }
}

/// The text within quotes at the beginning of `text`, and what is after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut characters = text.char_indices();
    let (_, quote) = characters.next()?;
    let mut inner = String::new();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => inner.push(characters.next()?.1),
            _ if character == quote => {
                let rest = &text[at + character.len_utf8()..];
                // Two quotes are one within the text.
                if !rest.starts_with(quote) {
                    return Some((inner, rest));
                }
                characters.next();
                inner.push(quote);
            }
            _ => inner.push(character),
        }
    }
    None
}

/// The cells of a row, which are separated by commas.
fn cells(text: &str) -> std::result::Result<Vec<String>, String> {
    let (mut cells, mut rest) = (Vec::new(), text.trim());
    loop {
        rest = rest.trim_start();
        let cell = if rest.starts_with(['\'', '"']) {
            let (cell, after) = quoted(rest).ok_or("a quote is not closed")?;
            rest = after.trim_start();
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(format!("there is `{rest}` after a quote"));
            }
            cell
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let cell = rest[..end].trim_end().to_owned();
            rest = &rest[end..];
            cell
        };
        cells.push(cell);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => return Ok(cells),
        }
    }
}

/// Takes in a row.
fn row(
    builder: &mut Builder<'_>,
    line: &str,
    types: &[Type],
    names: &[String],
) -> std::result::Result<(), String> {
    if let Some(list) = line.strip_prefix('{') {
        let list = list
            .strip_suffix('}')
            .ok_or("`}` is missing at the end of a sparse row")?;
        return sparse(builder, list, types, names);
    }
    let mut cells = cells(line);
    if types.len() > 1 && cells.as_ref().is_ok_and(|cells| cells.len() == 1) {
        cells = Ok(line.split_whitespace().map(String::from).collect());
    }
    let cells = cells?;
    if cells.len() != types.len() {
        return Err(format!(
            "{} cells, and {} attributes",
            cells.len(),
            types.len()
        ));
    }
    for (column, (cell, kind)) in cells.iter().zip(types).enumerate() {
        push(builder, column, cell, kind, &names[column])?;
    }
    Ok(())
}

/// Takes in a row of which zeros are left out, and the first text of each column that has some.
fn sparse(
    builder: &mut Builder<'_>,
    list: &str,
    types: &[Type],
    names: &[String],
) -> std::result::Result<(), String> {
    let mut given: Vec<Option<String>> = vec![None; types.len()];
    let list = list.trim();
    let mut rest = list;
    while !rest.is_empty() {
        let (index, after) = split_word(rest);
        let place: Option<usize> = index.parse().ok();
        let place = place.filter(|place| *place < types.len()).ok_or_else(|| {
            format!(
                "`{index}` is no number of an attribute from 0 to {}",
                types.len() - 1
            )
        })?;
        let (cell, after) = if after.starts_with(['\'', '"']) {
            quoted(after).ok_or("a quote is not closed")?
        } else {
            let end = after.find(',').unwrap_or(after.len());
            (after[..end].trim_end().to_owned(), &after[end..])
        };
        given[place] = Some(cell);
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if after.is_empty() => after,
            None => return Err(format!("expected a comma before `{after}`")),
        };
    }
    for (column, (cell, kind)) in given.into_iter().zip(types).enumerate() {
        match (cell, kind) {
            (Some(cell), kind) => push(builder, column, &cell, kind, &names[column])?,
            (None, Type::Number) => builder.push_number(column, 0.),
            (None, Type::Nominal(Some(first))) => builder.push(column, first),
            (None, _) => builder.push_missing(column),
        }
    }
    Ok(())
}

fn push(
    builder: &mut Builder<'_>,
    column: usize,
    cell: &str,
    kind: &Type,
    name: &str,
) -> std::result::Result<(), String> {
    match kind {
        _ if matches!(cell, "" | "?" | "<null>") => builder.push_missing(column),
        Type::Number => match cell.parse() {
            Ok(number) => builder.push_number(column, number),
            Err(_) if builder.missing.text(cell) => builder.push_missing(column),
            Err(_) => {
                return Err(format!(
                    "`{cell}` is no number, and the attribute `{name}` is numeric"
                ));
            }
        },
        _ => builder.push(column, cell),
    }
    Ok(())
}

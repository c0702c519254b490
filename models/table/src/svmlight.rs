//! svmlight and LIBSVM: rows of a label and the features that are not zero, each by its number.

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

/// How many cells a table may have in all: those that are left out take their room here.
const MOST_CELLS: u64 = 1 << 30;

/// How many lines are looked at.
const LOOKED_AT: usize = 20;

/// Whether all lines that `start` begins with are such rows, and one of them has a feature.
pub(crate) fn is_svmlight(start: &[u8], whole: bool) -> bool {
    let mut lines: Vec<&[u8]> = start
        .split(|byte| *byte == b'\n')
        .take(LOOKED_AT + 1)
        .collect();
    if !whole && lines.len() <= LOOKED_AT && lines.len() > 1 {
        lines.pop();
    }
    let mut features = 0;
    let mut rows = 0;
    for line in lines {
        let Ok(line) = str::from_utf8(line) else {
            return false;
        };
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let mut words = line.split_whitespace();
        let label = words.next().unwrap_or_default();
        let is_label = label.split(',').all(|part| part.parse::<f64>().is_ok());
        let pair = |word: &str| {
            word.split_once(':').is_some_and(|(name, value)| {
                (name == "qid" || name.parse::<u32>().is_ok()) && value.parse::<f64>().is_ok()
            })
        };
        if !is_label || !words.clone().all(pair) {
            return false;
        }
        features += words.count();
        rows += 1;
    }
    features > 0 && features * 2 >= rows
}

/// A row: its line, and the features that are not zero.
struct Row {
    line: u64,
    end: usize,
}

/// The table in a text, of which `start` has been read already.
pub(crate) fn parse(stream: &mut Stream<'_>, start: &[u8], options: &ReadOptions) -> Result<Frame> {
    let path = stream.path;
    let mut lines = Lines::new(BufReader::new(Cursor::new(start).chain(&mut *stream)));
    let fault = |line, reason: String| Error::Line {
        path: path.into(),
        line,
        reason,
        expected: "a label and `NUMBER:VALUE` for each feature that is not zero",
    };
    let (mut labels, mut queries, mut rows, mut features) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut least, mut most) = (u32::MAX, 0);
    let failed = loop {
        let line = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => break None,
            Err(source) => break Some(source),
        };
        let text = line.split('#').next().unwrap_or_default();
        let mut words = text.split_whitespace();
        let Some(label) = words.next() else { continue };
        if label.contains(':') {
            return Err(fault(
                lines.line,
                format!("the label is missing before `{label}`"),
            ));
        }
        labels.push(label.to_owned());
        let mut query = None;
        for word in words {
            let (name, value) = word
                .split_once(':')
                .ok_or_else(|| fault(lines.line, format!("`{word}` has no `:`")))?;
            if name == "qid" {
                query = Some(value.to_owned());
                continue;
            }
            let number: u32 = name
                .parse()
                .map_err(|_| fault(lines.line, format!("`{name}` is no number of a feature")))?;
            let value: f64 = value
                .parse()
                .map_err(|_| fault(lines.line, format!("`{value}` is no number")))?;
            (least, most) = (least.min(number), most.max(number));
            features.push((number, value));
        }
        queries.push(query);
        rows.push(Row {
            line: lines.line,
            end: features.len(),
        });
    };
    drop(lines);
    if let Some(source) = failed {
        return Err(stream.fault(source));
    }
    let first = least.min(1);
    let count = if features.is_empty() {
        0
    } else {
        (most - first) as usize + 1
    };
    let cells = count as u64 * rows.len() as u64;
    if count > MOST_COLUMNS || cells > MOST_CELLS {
        let (found, most) = if count > MOST_COLUMNS {
            (count as u64, MOST_COLUMNS as u64)
        } else {
            (cells, MOST_CELLS)
        };
        return Err(Error::TooManyCells {
            path: path.into(),
            place: "with its zeros, the table".into(),
            found,
            most,
            advice: "give fewer features or rows",
        });
    }
    let with_queries = queries.iter().any(Option::is_some);
    let names = ["label".to_owned()]
        .into_iter()
        .chain(with_queries.then(|| "qid".to_owned()));
    let names = names.chain((0..count).map(|at| format!("feature_{}", at + first as usize)));
    let names: Vec<String> = names.collect();
    let before = names.len() - count;
    let columns = names.iter().map(|_| ColumnBuilder::new(b'.')).collect();
    let mut builder = Builder::new(path, Missing::new(&options.missing), names, columns);
    let mut begin = 0;
    for (at, row) in rows.iter().enumerate() {
        builder.make_room(Some(at as f64 / rows.len() as f64));
        builder.begin_row(Some(row.line));
        builder.push(0, &labels[at]);
        if with_queries {
            builder.push(1, queries[at].as_deref().unwrap_or_default());
        }
        let mut values = vec![0.; count];
        for (number, value) in &features[begin..row.end] {
            values[(number - first) as usize] = *value;
        }
        begin = row.end;
        for (column, value) in values.into_iter().enumerate() {
            builder.push_number(before + column, value);
        }
    }
    builder.finish(stream.described("svmlight"), false)
}

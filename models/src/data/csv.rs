//! Tables of numbers with a header: comma-separated values.

use std::{collections::BTreeSet, path::Path};

use ::csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};
use serde::{Deserialize, Serialize};

use super::{
    Dataset, Targets, gzip,
    target::{Cell, TargetColumn, TargetKind, number},
};
use crate::error::{Error, Result};

/// Which column of a CSV file to predict, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvOptions {
    /// The name of the target column, as in the header; every other column is a feature.
    pub target: String,
    /// Classes or values.
    #[serde(default)]
    pub kind: TargetKind,
}

/// A table from a CSV file: comma-separated, quoted as in RFC 4180, with a header row; gzip is undone.
///
/// Features must be finite numbers. The classes of a classification are sorted, by value if all are
/// numbers (`9` before `10`, and `1` the same as `1.0`), else as text.
///
/// # Errors
/// The file cannot be read or is damaged, or it is not such a table: the message has the line and column.
pub fn read_csv(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Dataset> {
    let path = path.as_ref();
    parse_csv(path, &gzip::read(path)?, options)
}

/// The same as [`read_csv`], from bytes; `path` gives the data set its name and is said in errors.
///
/// # Errors
/// Those of [`read_csv`], but for reading.
pub fn parse_csv(path: &Path, bytes: &[u8], options: &CsvOptions) -> Result<Dataset> {
    let bytes = gzip::decompress(path, bytes)?;
    let mut reader = reader(path, &bytes)?;
    let header = read_header(path, &mut reader)?;
    let Some(target) = header.iter().position(|name| *name == options.target) else {
        return Err(Error::MissingTarget {
            path: path.into(),
            target: options.target.clone(),
            columns: header,
        });
    };
    let features = header.len() - 1;
    if features == 0 {
        return Err(Error::NoFeatures {
            path: path.into(),
            target: options.target.clone(),
        });
    }

    let mut inputs = Vec::new();
    let mut cells = Vec::new();
    each_row(path, &bytes, &mut reader, &header, |line, record| {
        for (column, value) in record.iter().enumerate() {
            if column == target {
                cells.push(Cell {
                    line,
                    text: value.into(),
                });
                continue;
            }
            inputs.push(input(path, line, &header[column], value)?);
        }
        Ok(())
    })?;
    if cells.is_empty() {
        return Err(Error::EmptyFile {
            path: path.into(),
            expected: "rows after the header",
        });
    }

    let column = TargetColumn {
        path,
        name: &options.target,
        cells,
    };
    let dataset = Dataset::new(
        super::stem(path),
        [1, 1, features],
        inputs,
        column.targets(options.kind)?,
    )?;
    dataset.require_two_classes(&path.display().to_string())?;
    Ok(dataset)
}

/// The names of the columns of a CSV file, in their order; gzip is undone.
///
/// # Errors
/// The file cannot be read or has no header.
pub fn read_columns(path: impl AsRef<Path>) -> Result<Vec<String>> {
    let path = path.as_ref();
    let bytes = gzip::decompress(path, &gzip::read(path)?)?;
    read_header(path, &mut reader(path, &bytes)?)
}

/// Rows of which nothing is known but the inputs: the columns `features` of a CSV file, found by their names and put in
/// this order, row after row. Other columns are not looked at; gzip is undone.
///
/// # Errors
/// As for [`read_csv`], and [`Error::MissingColumn`] for a feature that the file does not have.
pub fn read_rows(path: impl AsRef<Path>, features: &[String]) -> Result<Vec<f32>> {
    Ok(named_columns(path.as_ref(), features, None)?.0)
}

/// More rows of what another file has been read of: its `features` in this order as for [`read_rows`], and the column
/// `target` in terms of `targets`, the other file's: the same classes, or values.
///
/// # Errors
/// As for [`read_rows`], and [`Error::UnknownClass`] for a class that `targets` does not have.
pub fn read_more(
    path: impl AsRef<Path>,
    features: &[String],
    target: &str,
    targets: &Targets,
) -> Result<Dataset> {
    let path = path.as_ref();
    let (inputs, cells) = named_columns(path, features, Some(target))?;
    let column = TargetColumn {
        path,
        name: target,
        cells,
    };
    Dataset::new(
        super::stem(path),
        [1, 1, features.len()],
        inputs,
        column.targets_like(targets)?,
    )
}

/// The columns `features`, found by their names, row after row, and the cells of the column `target`.
fn named_columns(
    path: &Path,
    features: &[String],
    target: Option<&str>,
) -> Result<(Vec<f32>, Vec<Cell>)> {
    let bytes = gzip::decompress(path, &gzip::read(path)?)?;
    let mut reader = reader(path, &bytes)?;
    let header = read_header(path, &mut reader)?;
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
    let (mut inputs, mut cells) = (Vec::new(), Vec::new());
    each_row(path, &bytes, &mut reader, &header, |line, record| {
        for &column in &places {
            inputs.push(input(path, line, &header[column], &record[column])?);
        }
        cells.extend(target.map(|column| Cell {
            line,
            text: record[column].into(),
        }));
        Ok(())
    })?;
    if inputs.is_empty() {
        return Err(Error::EmptyFile {
            path: path.into(),
            expected: "rows after the header",
        });
    }
    Ok((inputs, cells))
}

/// A reader of what is in a file, which has to be something.
fn reader<'a>(path: &Path, bytes: &'a [u8]) -> Result<Reader<&'a [u8]>> {
    if bytes.trim_ascii().is_empty() {
        return Err(Error::EmptyFile {
            path: path.into(),
            expected: "a header and rows",
        });
    }
    Ok(ReaderBuilder::new()
        .trim(Trim::All)
        .flexible(true)
        .from_reader(bytes))
}

/// Gives every row after the header to `take`, with its line.
fn each_row(
    path: &Path,
    bytes: &[u8],
    reader: &mut Reader<&[u8]>,
    header: &[String],
    mut take: impl FnMut(u64, &StringRecord) -> Result<()>,
) -> Result<()> {
    let mut record = StringRecord::new();
    loop {
        // The reader counts the blank lines before a row as part of it.
        let start = reader.position().byte() as usize;
        let rest = bytes.get(start..).unwrap_or_default();
        let line = reader.position().line() + blank_lines(rest);
        let more = reader
            .read_record(&mut record)
            .map_err(|source| unreadable(path, line, source))?;
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
        take(line, &record)?;
    }
}

/// An input of the column `column`.
fn input(path: &Path, line: u64, column: &str, value: &str) -> Result<f32> {
    number(value).ok_or_else(|| Error::NotANumber {
        path: path.into(),
        line,
        column: column.into(),
        value: value.into(),
    })
}

/// The names of the columns.
fn read_header(path: &Path, reader: &mut Reader<&[u8]>) -> Result<Vec<String>> {
    let header = reader
        .headers()
        .map_err(|source| unreadable(path, 1, source))?;
    if header.iter().all(|name| number(name).is_some()) {
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

/// How many lines at the start of `rest` are empty.
fn blank_lines(rest: &[u8]) -> u64 {
    let breaks = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    breaks.filter(|byte| **byte == b'\n').count() as u64
}

fn unreadable(path: &Path, line: u64, source: ::csv::Error) -> Error {
    // The reader's own position may be that of the row before.
    let reason = match source.kind() {
        ErrorKind::Utf8 { err, .. } => format!("cell {}: {err}", err.field() + 1),
        _ => source.to_string(),
    };
    Error::Csv {
        path: path.into(),
        line,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, kind: TargetKind) -> Result<Dataset> {
        let options = CsvOptions {
            target: "y".into(),
            kind,
        };
        parse_csv(Path::new("table.csv"), text.as_bytes(), &options)
    }

    /// Parsing must fail, with all of `parts` in the message.
    #[track_caller]
    fn fails(text: &str, kind: TargetKind, parts: &[&str]) {
        let message = parse(text, kind).unwrap_err().to_string();
        for part in parts.iter().chain(&["table.csv"]) {
            assert!(
                message.contains(part),
                "`{part}` is missing from: {message}"
            );
        }
    }

    #[test]
    fn the_target_is_taken_out_and_the_rest_kept_in_order() {
        let table = "a,y,\"b, quoted\"\r\n1,0.5,\" 2 \"\r\n\r\n-3e1,7,4\r\n";
        let dataset = parse(table, TargetKind::Regression).unwrap();
        assert_eq!(dataset.name, "table");
        assert_eq!(dataset.shape, [1, 1, 2]);
        assert_eq!(dataset.inputs, [1., 2., -30., 4.]);
        assert_eq!(dataset.targets, Targets::Values(vec![0.5, 7.]));
    }

    #[test]
    fn a_gzipped_file_is_read_like_a_plain_one() {
        let text = "x,y\n1,a\n2,b\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pets.csv.gz");
        std::fs::write(&path, gzip::compress(text.as_bytes())).unwrap();
        let options = CsvOptions {
            target: "y".into(),
            kind: TargetKind::Detect,
        };
        let dataset = read_csv(&path, &options).unwrap();
        assert_eq!(dataset.name, "pets");
        assert_eq!(
            dataset.targets,
            parse(text, TargetKind::Detect).unwrap().targets
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_name() {
        assert_eq!(
            parse("\u{feff}y,x\n1,2\n", TargetKind::Regression)
                .unwrap()
                .inputs,
            [2.]
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let options = CsvOptions {
            target: "y".into(),
            kind: TargetKind::Detect,
        };
        let message = read_csv("no/such.csv", &options).unwrap_err().to_string();
        assert!(message.contains("no/such.csv: cannot be read"), "{message}");
    }

    #[test]
    fn new_rows_are_found_by_the_names_of_their_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.csv");
        std::fs::write(&path, "c,note,a\n1,late,2\n\n3,,4\n").unwrap();
        assert_eq!(read_columns(&path).unwrap(), ["c", "note", "a"]);
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            read_rows(&path, &names(&["a", "c"])).unwrap(),
            [2., 1., 4., 3.]
        );
        let message = |columns: &[&str]| {
            let read = read_rows(&path, &names(columns));
            read.unwrap_err().to_string()
        };
        let missing = message(&["a", "b"]);
        assert!(
            missing.contains("`b`") && missing.contains("`c`, `note`, `a`"),
            "{missing}"
        );
        let text = message(&["note"]);
        assert!(text.contains("line 2, column `note`: `late`"), "{text}");
    }

    #[test]
    fn more_rows_take_the_classes_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("more.csv");
        let more = |text: &str, first: &Dataset| {
            std::fs::write(&path, text).unwrap();
            read_more(&path, &["a".into(), "b".into()], "y", &first.targets)
        };
        let first = parse("a,b,y\n1,2,pear\n3,4,fig\n5,6,plum\n", TargetKind::Detect).unwrap();
        let second = more("b,y,note,a\n2,plum,?,1\n4,pear,?,3\n", &first).unwrap();
        assert_eq!((second.name.as_str(), second.shape), ("more", [1, 1, 2]));
        assert_eq!(second.inputs, [1., 2., 3., 4.]);
        // Sorted as text: fig, pear, plum.
        let Targets::Classes { labels, names } = &second.targets else {
            panic!("not classes")
        };
        assert_eq!((labels.as_slice(), names.len()), (&[2, 1][..], 3));

        let numbers = parse("a,b,y\n1,2,9\n3,4,10\n", TargetKind::Detect).unwrap();
        let second = more("a,b,y\n1,2,10.0\n", &numbers).unwrap();
        assert!(matches!(second.targets, Targets::Classes { labels, .. } if labels == [1]));
        let values = parse("a,b,y\n1,2,9\n3,4,1.5\n", TargetKind::Detect).unwrap();
        let second = more("a,b,y\n1,2,10\n", &values).unwrap();
        assert_eq!(second.targets, Targets::Values(vec![10.]));

        for (text, first, words) in [
            (
                "a,b,y\n1,2,fig\n\n1,2,date\n",
                &first,
                ["line 4, column `y`: `date`", "`fig`, `pear`, `plum`"],
            ),
            (
                "a,b,y\n1,2,11\n",
                &numbers,
                ["line 2, column `y`: `11`", "`9`, `10`"],
            ),
            (
                "a,b,y\n1,2,many\n",
                &values,
                ["line 2, column `y`: `many`", "number"],
            ),
            ("a,b,z\n1,2,3\n", &values, ["`y`", "`a`, `b`, `z`"]),
            ("a,y\n1,2\n", &values, ["`b`", "`a`, `y`"]),
            ("a,b,y\n", &values, ["empty", "rows"]),
        ] {
            let message = more(text, first).unwrap_err().to_string();
            for word in words.iter().chain(&["more.csv"]) {
                assert!(message.contains(word), "`{word}`: {message}");
            }
        }
    }

    #[test]
    fn bad_headers_are_said_with_what_there_is() {
        use TargetKind::Detect;
        fails("", Detect, &["empty file"]);
        fails(" \n\n", Detect, &["empty file"]);
        fails("x,y\n", Detect, &["empty file", "rows after the header"]);
        fails("1,2\n3,4\n", Detect, &["line 1", "`1,2`", "header"]);
        fails("a,b\n3,4\n", Detect, &["line 1", "`y`", "`a`, `b`"]);
        fails("x,y,x\n3,4,5\n", Detect, &["line 1", "`x`"]);
        fails("y\n3\n", Detect, &["line 1", "`y` is the only column"]);
    }

    #[test]
    fn bad_rows_are_said_with_line_column_and_value() {
        use TargetKind::{Classification, Detect, Regression};
        fails(
            "x,y\n1,2\n\n\n3\n",
            Detect,
            &["line 5", "1 cells", "expected 2"],
        );
        fails("x,y\n1,2,3\n", Detect, &["line 2", "3 cells", "expected 2"]);
        fails(
            "a b,y\n1,2\n1.2.3,4\n",
            Detect,
            &["line 3", "column `a b`", "`1.2.3`"],
        );
        for value in ["NaN", "inf", "1e39", ""] {
            let text = format!("x,y\n\"1\",2\n{value},3\n");
            fails(
                &text,
                Detect,
                &["line 3", "column `x`", &format!("`{value}`")],
            );
        }
        fails(
            "x,y\n1,2\n3,four\n",
            Regression,
            &["line 3", "column `y`", "`four`"],
        );
        fails(
            "x,y\n1,a\n3,\n",
            Classification,
            &["line 3", "column `y`", "empty"],
        );
        fails(
            "x,y\n1,a\n3,a\n",
            Classification,
            &["class `a`", "at least two classes"],
        );
        // Line ends of two bytes, and a byte order mark before the first line.
        for start in ["", "\u{feff}"] {
            let text = format!("{start}x,y\r\n1,2\r\n\r\n\r\n3\r\n");
            fails(&text, Detect, &["line 5", "1 cells"]);
            let text = format!("{start}x,y\n1,2\n3\n");
            fails(&text, Detect, &["line 3", "1 cells"]);
        }
        // A quoted cell over two lines moves the rows below it down.
        fails("x,y\n1,\"a\nb\"\nz,c\n", Classification, &["line 4", "`z`"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error() {
        let options = CsvOptions {
            target: "y".into(),
            kind: TargetKind::Detect,
        };
        let bytes = b"x,y\n1,2\n\n3,\xff\n";
        let message = parse_csv(Path::new("t.csv"), bytes, &options)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("t.csv: line 4") && message.contains("cell 2"),
            "{message}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_brings_the_reader_down(text in "(x,y\n)?[-0-9xy,.\"\r\n\u{feff} ]{0,60}") {
            if let Ok(dataset) = parse(&text, TargetKind::Detect) {
                dataset.check().unwrap();
            }
        }
    }
}

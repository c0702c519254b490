//! Tables of numbers with a header: comma-separated values.

use std::{collections::BTreeSet, path::Path};

use ::csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};
use serde::{Deserialize, Serialize};

use super::{
    Dataset, Targets, gzip,
    target::{Cell, TargetColumn, TargetKind, is_missing, number},
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

/// What a CSV file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The rows that have a target.
    pub data: Dataset<f64>,
    /// The names of the features, in the order of the inputs.
    pub columns: Vec<String>,
    /// How many rows were left out, because their target is missing: empty, `NA`, `NaN`, `?`, `null` or `None`.
    pub without_target: usize,
}

/// A table from a CSV file: comma-separated, quoted as in RFC 4180, with a header row; gzip is undone.
///
/// Features must be finite numbers. The classes of a classification are sorted, by value if all are
/// numbers (`9` before `10`, and `1` the same as `1.0`), else as text. Rows without a target are left out. The file is
/// read once, so that it may be a pipe.
///
/// # Errors
/// The file cannot be read or is damaged, or it is not such a table: the message has the line and column.
pub fn read_csv(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Table> {
    let path = path.as_ref();
    parse_csv(path, &gzip::read(path)?, options)
}

/// The same as [`read_csv`], from bytes; `path` gives the data set its name and is said in errors.
///
/// # Errors
/// Those of [`read_csv`], but for reading.
pub fn parse_csv(path: &Path, bytes: &[u8], options: &CsvOptions) -> Result<Table> {
    let bytes = gzip::decompress(path, bytes)?;
    let mut reader = reader(path, &bytes)?;
    let header = read_header(path, &mut reader, |name| name == options.target)?;
    let Some(target) = header.iter().position(|name| *name == options.target) else {
        return Err(Error::MissingTarget {
            path: path.into(),
            target: options.target.clone(),
            columns: header,
        });
    };
    let features: Vec<usize> = (0..header.len()).filter(|at| *at != target).collect();
    if features.is_empty() {
        return Err(Error::NoFeatures {
            path: path.into(),
            target: options.target.clone(),
        });
    }
    let cells = read_cells(path, &bytes, reader, &header, &features, Some(target))?;
    let column = TargetColumn {
        path,
        name: &options.target,
        cells: cells.targets,
    };
    let data = Dataset::new(
        super::stem(path),
        [1, 1, features.len()],
        cells.inputs,
        column.targets(options.kind)?,
    )?;
    data.require_two_classes(&path.display().to_string())?;
    Ok(Table {
        data,
        columns: features.iter().map(|&at| header[at].clone()).collect(),
        without_target: cells.without_target,
    })
}

/// Rows of which nothing is known but the inputs: the columns `features` of a CSV file, found by their names and put in
/// this order, row after row. Other columns are not looked at; gzip is undone.
///
/// # Errors
/// As for [`read_csv`], and [`Error::MissingColumn`] for a feature that the file does not have.
pub fn read_rows(path: impl AsRef<Path>, features: &[String]) -> Result<Vec<f64>> {
    Ok(named_columns(path.as_ref(), features, None)?.inputs)
}

/// More rows of what another file has been read of: its `features` in this order as for [`read_rows`], and the column
/// `target` in terms of `targets`, the other file's: the same classes, or values. Rows without a target are left out.
///
/// # Errors
/// As for [`read_rows`], and [`Error::UnknownClass`] for a class that `targets` does not have.
pub fn read_more(
    path: impl AsRef<Path>,
    features: &[String],
    target: &str,
    targets: &Targets<f64>,
) -> Result<Table> {
    let path = path.as_ref();
    let cells = named_columns(path, features, Some(target))?;
    let column = TargetColumn {
        path,
        name: target,
        cells: cells.targets,
    };
    Ok(Table {
        data: Dataset::new(
            super::stem(path),
            [1, 1, features.len()],
            cells.inputs,
            column.targets_like(targets)?,
        )?,
        columns: features.to_vec(),
        without_target: cells.without_target,
    })
}

/// The columns `features`, found by their names, row after row, and the cells of the column `target`.
fn named_columns(path: &Path, features: &[String], target: Option<&str>) -> Result<Cells> {
    let file = gzip::read(path)?;
    let bytes = gzip::decompress(path, &file)?;
    let mut reader = reader(path, &bytes)?;
    let known = |name: &str| target == Some(name) || features.iter().any(|other| other == name);
    let header = read_header(path, &mut reader, known)?;
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
    read_cells(path, &bytes, reader, &header, &places, target)
}

/// What was read of the rows of a file.
#[derive(Default)]
struct Cells {
    inputs: Vec<f64>,
    targets: Vec<Cell>,
    without_target: usize,
}

/// The columns `features` as numbers and the column `target` as it is written, of all rows that have a target.
fn read_cells(
    path: &Path,
    bytes: &[u8],
    mut reader: Reader<&[u8]>,
    header: &[String],
    features: &[usize],
    target: Option<usize>,
) -> Result<Cells> {
    let mut cells = Cells::default();
    each_row(path, bytes, &mut reader, header, |line, record| {
        if let Some(target) = target {
            let text = &record[target];
            if is_missing(text) {
                cells.without_target += 1;
                return Ok(());
            }
            cells.targets.push(Cell {
                line,
                text: text.into(),
            });
        }
        for &column in features {
            let number = input(path, line, &header[column], &record[column])?;
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
fn input(path: &Path, line: u64, column: &str, value: &str) -> Result<f64> {
    number(value).ok_or_else(|| Error::NotANumber {
        path: path.into(),
        line,
        column: column.into(),
        value: value.into(),
    })
}

/// The names of the columns. They may all be numbers if one of them is a name that is `known`.
fn read_header(
    path: &Path,
    reader: &mut Reader<&[u8]>,
    known: impl Fn(&str) -> bool,
) -> Result<Vec<String>> {
    let header = reader
        .headers()
        .map_err(|source| unreadable(path, 1, source))?;
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

    fn parse(text: &str, kind: TargetKind) -> Result<Dataset<f64>> {
        Ok(table(text, kind)?.data)
    }

    fn table(text: &str, kind: TargetKind) -> Result<Table> {
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
        let dataset = read_csv(&path, &options).unwrap().data;
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
        let more = |text: &str, first: &Dataset<f64>| {
            std::fs::write(&path, text).unwrap();
            let table = read_more(&path, &["a".into(), "b".into()], "y", &first.targets)?;
            Ok::<_, Error>(table.data)
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
        for value in ["NaN", "inf", "1e309", ""] {
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
            "x,y\n1,\n3,NA\n",
            Classification,
            &["column `y`", "missing in all of the 2 rows"],
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
    fn rows_without_a_target_are_left_out_and_counted() {
        let text = "x,y\n1,a\n2,\n3,NA\nwhat,NaN\n5,b\n6,?\n7,null\n8,None\n9,n/a\n";
        let table = table(text, TargetKind::Detect).unwrap();
        assert_eq!(table.without_target, 7);
        assert_eq!(table.data.inputs, [1., 5.]);
        assert_eq!(table.data.classes(), Some(2));
        let values = parse("x,y\n1,0.5\n2,nan\n3,7\n", TargetKind::Detect).unwrap();
        assert_eq!(values.targets, Targets::Values(vec![0.5, 7.]));
        // Of the test file, and of the rows that a model is fine-tuned on, too.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("more.csv");
        std::fs::write(&path, "y,x\n8,1\n,2\n9,3\n").unwrap();
        let more = read_more(&path, &["x".into()], "y", &values.targets).unwrap();
        assert_eq!((more.without_target, more.data.rows()), (1, 2));
    }

    #[test]
    fn names_may_be_numbers_where_the_target_is_one_of_them() {
        let options = |target: &str| CsvOptions {
            target: target.into(),
            kind: TargetKind::Detect,
        };
        let text = b"0,1,2\n1.5,2.5,a\n3.5,4.5,b\n";
        let table = parse_csv(Path::new("t.csv"), text, &options("2")).unwrap();
        assert_eq!(table.columns, ["0", "1"]);
        assert_eq!(table.data.inputs, [1.5, 2.5, 3.5, 4.5]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.csv");
        std::fs::write(&path, "1,0\n7,8\n").unwrap();
        assert_eq!(read_rows(&path, &table.columns).unwrap(), [8., 7.]);
        let message = parse_csv(Path::new("t.csv"), text, &options("y")).unwrap_err();
        assert!(message.to_string().contains("all numbers"), "{message}");
    }

    #[test]
    fn cells_have_64_bits() {
        let text = "x,y\n1700000021321,1700000027\n1e300,0.1\n";
        let dataset = parse(text, TargetKind::Regression).unwrap();
        assert_eq!(dataset.inputs, [1_700_000_021_321., 1e300]);
        assert_eq!(dataset.targets, Targets::Values(vec![1_700_000_027., 0.1]));
    }

    #[test]
    fn a_long_cell_is_shortened() {
        let cell = "z".repeat(3_000_000);
        for text in [format!("x,y\n{cell},1\n"), format!("{cell},x\n1,2\n")] {
            let message = parse(&text, TargetKind::Detect).unwrap_err().to_string();
            assert!(message.len() < 400 && message.contains("zzz"), "{message}");
        }
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

//! What is refused, and that the message says where and what to do.

use std::path::Path;
use trimtab_table::{ReadOptions, parse, read};

#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, parts: &[&str]) {
    let message = parse(
        Path::new("table.csv"),
        bytes.as_ref(),
        &ReadOptions::default(),
    )
    .unwrap_err()
    .to_string();
    for part in parts.iter().chain(&["table.csv"]) {
        assert!(
            message.contains(part),
            "`{part}` is missing from: {message}"
        );
    }
    assert!(message.len() < 1000, "{message}");
}

#[test]
fn empty_files() {
    refused("", &["empty file", "a header and rows"]);
    refused(" \n\n", &["empty file"]);
    refused("x,y\n", &["empty file", "rows after the header"]);
    refused(
        "@relation x\n@attribute a numeric\n@data\n",
        &["empty file"],
    );
}

#[test]
fn ragged_rows() {
    refused(
        "x,y\n1,2\n\n\n3\n",
        &["line 5", "1 cells", "expected 2", "`,`"],
    );
    refused(
        "x,y,z\n1,2,3\n4,5\n6,7,8\n",
        &["line 3", "2 cells", "expected 3"],
    );
    refused(
        "x;y\r\n1;2\r\n1;2\r\n\r\n\r\n3\r\n",
        &["line 6", "1 cells", "`;`", "--separator"],
    );
    refused("x,y\n1,\"a\nb\"\n2,c\n3,4,5\n", &["line 5", "3 cells"]);
}

#[test]
fn open_quotes() {
    // At the beginning of a text, quotes that are not in pairs are taken as they are; further down they are refused.
    let text = "x,y\n1,2\n3,\"4\n5,6\n";
    let frame = parse(Path::new("t.csv"), text.as_bytes(), &ReadOptions::default()).unwrap();
    assert!(frame.notes[0].contains("not in pairs"), "{:?}", frame.notes);
    let rows = "1,\"2\"\n".repeat(100_000);
    refused(
        format!("x,y\n{rows}3,\"4\n5,6\n"),
        &["line 100002", "quote", "not closed"],
    );
}

#[test]
fn separators_that_cannot_be() {
    let options = ReadOptions {
        separator: Some('a'),
        ..ReadOptions::default()
    };
    let message = parse(Path::new("t.csv"), b"x,y\n1,2\n", &options)
        .unwrap_err()
        .to_string();
    assert!(message.contains("'a'"), "{message}");
}

#[test]
fn known_kinds_that_are_not_read() {
    for (start, words) in [
        (&b"SQLite format 3\0"[..], "SQLite"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"RDX3\nX\n", "RData"),
        (b"<stata_dta>", "Stata"),
        (b"\x93NUMPY\x01\0", "NumPy"),
        (b"\x80\x04\x95\0\0\0\0", "pickle"),
        (b"%PDF-1.4\n", "PDF"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
    ] {
        refused(start, &[words, "not read"]);
    }
    refused(b"a,b\n1,\0\n", &["line 2", "0x00", "Parquet"]);
}

#[test]
fn lines_that_are_not_as_their_format_has_them() {
    refused(
        "@relation x\n@attribute a numeric\n@data\n1\nx\n",
        &["line 5", "`x`", "`a`"],
    );
    refused(
        "@relation x\n@attribute a numeric\n@data\n1,2\n",
        &["line 4", "2 cells"],
    );
    refused("@relation x\n@attribute a relational\n", &["line 2", "`a`"]);
    refused("@relation x\n@attribute a numeric\n", &["`@data`"]);
    refused(
        "@relation x\n@attribute a numeric\n@data\n{5 1}\n",
        &["line 4", "`5`"],
    );
    refused("{\"a\": 1}\n{\"a\": }\n", &["line 2"]);
    refused("{\"a\": 1}\n[1]\n", &["line 2", "object"]);
    refused("[{\"a\": 1},\n{\"a\" 2}]", &["line 2"]);
    refused("{\"a\": 1}\n{\"a\": 1, \"a\": 2}\n", &["line 2", "twice"]);
    let rows = "1 1:2\n".repeat(30);
    refused(format!("{rows}1 x:2\n"), &["line 31", "`x`"]);
    refused(
        format!("{rows}1 4000000000:2\n"),
        &["4000000000 cells", "at most"],
    );
}

#[test]
fn long_cells_are_shortened() {
    let cell = "z".repeat(3_000_000);
    refused(
        format!("@relation x\n@attribute a numeric\n@data\n{cell}\n"),
        &["zzz"],
    );
    let frame = parse(
        Path::new("t.csv"),
        format!("5,{cell}\n6,7\n8,9").as_bytes(),
        &ReadOptions::default(),
    )
    .unwrap();
    assert!(frame.notes.iter().all(|note| note.len() < 1000));
}

#[test]
fn files_that_are_not_there() {
    let message = read("no/such.csv", &ReadOptions::default())
        .unwrap_err()
        .to_string();
    assert!(message.contains("no/such.csv: cannot be read"), "{message}");
    let message = read("src", &ReadOptions::default())
        .unwrap_err()
        .to_string();
    assert!(message.contains("src: cannot be read"), "{message}");
}

#[cfg(not(feature = "parquet"))]
#[test]
fn what_is_not_built_in_is_named() {
    refused(b"PAR1", &["Parquet", "without the feature `parquet`"]);
}

#[cfg(not(feature = "excel"))]
#[test]
fn workbooks_are_named_where_they_are_not_built_in() {
    refused(
        include_bytes!("../../fixtures/people.xlsx"),
        &["workbook", "without the feature `excel`"],
    );
}

//! Delimited texts of every dialect, in closed form.

use std::path::Path;
use trimtab_table::{Cells, Frame, ReadOptions, parse};

fn with(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Frame {
    parse(Path::new("t.csv"), bytes.as_ref(), options).unwrap()
}

fn frame(bytes: impl AsRef<[u8]>) -> Frame {
    with(bytes, &ReadOptions::default())
}

/// Names, and the cells of each row; `~` is missing.
fn cells(frame: &Frame) -> Vec<String> {
    let row = |row| {
        let cells = frame
            .columns
            .iter()
            .map(|column| column.cells.text(row).unwrap_or("~".into()).into_owned());
        cells.collect::<Vec<_>>().join("|")
    };
    let names: Vec<&str> = frame
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    std::iter::once(names.join("|"))
        .chain((0..frame.rows).map(row))
        .collect()
}

fn is_number(frame: &Frame, column: usize) -> bool {
    matches!(frame.columns[column].cells, Cells::Numbers(_))
}

#[test]
fn the_same_table_is_read_from_every_dialect() {
    let wanted = ["a|b|c", "1.5|x y|~", "2|z|4"];
    for text in [
        "a,b,c\n1.5,x y,\n2,z,4\n",
        "a;b;c\r\n1.5;x y;\r\n2;z;4",
        "a\tb\tc\n1.5\tx y\tNA\n2\tz\t4\n",
        "a|b|c\r1.5|x y|?\r2|z|4\r",
        "a b c\n1.5 \"x y\" NA\n2 z 4\n",
        "  a    b   c\n1.5 'x y'  NA\n  2   'z'   4\n",
        "\u{feff}a, b , c\n\n 1.5 ,\"x y\", \n\n2, z , 4\n",
        "# made by hand\n# twice\na,b,c\n1.5,x y,null\n2,z,4\n",
        "a;b;c\n1,5;x y;\n2;z;4\n",
        "a,b,c,\n1.5,x y,,\n2,z,4,\n",
        "a,b,c\n1.5,x y,,\n2,z,4,\n",
        "a,b,c,\n1.5,x y,\n2,z,4\n",
        "'a','b','c'\n1.5,'x y',\n'2','z',4\n",
        "Sales\n\na,b,c\n1.5,x y,\n2,z,4\n",
    ] {
        assert_eq!(cells(&frame(text)), wanted, "{text}");
    }
}

#[test]
fn other_charsets_are_read() {
    let text = "größe,ort\n1,Köln\n2,Łódź\n";
    let wanted = cells(&frame(text));
    assert_eq!(wanted[2], "2|Łódź");
    let little: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let big: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(text.encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    for bytes in [little, big] {
        let frame = frame(bytes);
        assert_eq!(
            (cells(&frame), frame.format.as_str()),
            (wanted.clone(), "CSV, UTF-16")
        );
    }
    let frame = frame(b"gr\xf6\xdfe,ort\n1,K\xf6ln\n2,x\n");
    assert_eq!(cells(&frame)[..2], ["größe|ort", "1|Köln"]);
    assert!(frame.notes[0].contains("Windows-1252"), "{:?}", frame.notes);
}

#[test]
fn a_header_is_found_or_said() {
    let numbers = "5,3\n1,2\n";
    assert_eq!(cells(&frame(numbers)), ["column_1|column_2", "5|3", "1|2"]);
    let said = |header| ReadOptions {
        header: Some(header),
        ..ReadOptions::default()
    };
    assert_eq!(cells(&with(numbers, &said(true))), ["5|3", "1|2"]);
    assert_eq!(
        cells(&with("a,b\n1,2\n", &said(false))),
        ["column_1|column_2", "a|b", "1|2"]
    );
    assert_eq!(cells(&frame("0,1,2\n1.5,2.5,a\n")), ["0|1|2", "1.5|2.5|a"]);
    assert_eq!(
        cells(&frame("5,6.5,7\n")),
        ["column_1|column_2|column_3", "5|6.5|7"]
    );
    assert_eq!(
        cells(&frame("# a,b\n1,2.5\n7,4\n")),
        ["a|b", "1|2.5", "7|4"]
    );
}

#[test]
fn the_names_of_rows_have_no_name() {
    let table = frame("\"mpg\" \"cyl\"\n\"Mazda RX4\" 21 6\n\"Datsun 710\" 22.8 4\n");
    assert_eq!(
        cells(&table),
        ["rownames|mpg|cyl", "Mazda RX4|21|6", "Datsun 710|22.8|4"]
    );
    assert_eq!(cells(&frame("x,y\n1,2,3\n")), ["rownames|x|y", "1|2|3"]);
}

#[test]
fn a_single_column_is_a_table() {
    assert_eq!(cells(&frame("y\n3\n5\n")), ["y", "3", "5"]);
    assert_eq!(
        cells(&frame("text\nan apple a day\nfoo\nbar baz\n")),
        ["text", "an apple a day", "foo", "bar baz"]
    );
}

#[test]
fn what_is_no_row_is_passed_over() {
    let wanted = ["a|b|c", "1.5|x|2", "3.5|y|4"];
    for text in [
        "a,b,c\n# first\n1.5,x,2\n# second\n3.5,y,4\n",
        "a\tb\tc\nc\td\tc\n\t\tclass\n1.5\tx\t2\n3.5\ty\t4\n",
    ] {
        let frame = frame(text);
        assert_eq!(cells(&frame), wanted, "{text}");
        assert_eq!(frame.notes.len(), 1, "{:?}", frame.notes);
    }
    let rows = "1.5,x,2\n".repeat(9);
    let after = frame(format!(
        "a,b,c\n{rows}\nSource: made up\nAll rights reserved\n"
    ));
    assert_eq!(after.rows, 9);
    assert!(
        after.notes[0].contains("2 lines after the table"),
        "{:?}",
        after.notes
    );
    // A column without a name, whose first cell is far down.
    let rows = "1.5,x,\n".repeat(300);
    let late = frame(format!("a,b,\n{rows}2.5,y,7\n3.5,z,\n"));
    assert_eq!(
        cells(&late)[299..],
        ["1.5|x|~", "1.5|x|~", "2.5|y|7", "3.5|z|~"]
    );
    // Rows that are written as far as there is something in them.
    let rows = "1,x,2\n".repeat(9);
    let short = frame(format!("a,b,c\n{rows}3\n5,y\n7,z,8\n"));
    assert_eq!(cells(&short)[10..], ["3|~|~", "5|y|~", "7|z|8"]);
    assert!(
        short.notes[0].contains("2 rows have fewer cells"),
        "{:?}",
        short.notes
    );
}

#[test]
fn numbers_are_read_in_the_style_of_their_column() {
    let table = frame("a;b;c;d;e\n1.234;(5,00 €);12%;1 234;+3\n1.234.567,8;7,50 €;-3 %;5;4\n");
    assert_eq!(
        cells(&table)[1..],
        ["1234|-5|12|1234|3", "1234567.8|7.5|-3|5|4"]
    );
    assert_eq!(table.notes.len(), 5, "{:?}", table.notes);
    // Decided by the file.
    assert_eq!(
        cells(&frame("a;b\n1,234;0,5\n5,678;1,5\n"))[1..],
        ["1.234|0.5", "5.678|1.5"]
    );
    assert_eq!(
        cells(&frame("a;b\n1,234;0.5\n5,678;1.5\n"))[1..],
        ["1234|0.5", "5678|1.5"]
    );
    assert_eq!(
        cells(&frame("a;b\n1.234;0,5\n5.678;1,5\n"))[1..],
        ["1234|0.5", "5678|1.5"]
    );
    // A style that is seen only after thousands of rows.
    let plain: String = (0..3000).map(|row| format!("{}.50\n", row % 900)).collect();
    let late = frame(format!("a\n{plain}\"1,234.5\"\n\"2,345.5\"\n"));
    assert!(is_number(&late, 0));
    assert_eq!(late.columns[0].cells.text(3001).as_deref(), Some("2345.5"));
}

#[test]
fn what_looks_like_a_number_may_be_a_text() {
    for column in [
        ["00501", "10001", "90210"],
        ["1", "x", "3"],
        ["555-1234", "555-1235", "555-1236"],
        ["$5", "€6", "7"],
        ["(1)", "(2)", "3"],
        [
            "12345678901234567890",
            "12345678901234567891",
            "12345678901234567892",
        ],
        ["2012-01-05", "2012-01-06", "2012-01-07"],
    ] {
        let text = format!("a;b\n{};1\n{};2\n{};3\n", column[0], column[1], column[2]);
        let table = frame(text);
        assert!(!is_number(&table, 0), "{column:?}");
        for (row, cell) in column.iter().enumerate() {
            assert_eq!(table.columns[0].cells.text(row).as_deref(), Some(*cell));
        }
    }
    assert!(is_number(&frame("a,b\n007,1\n12,2\n5,3\n"), 0));
}

#[test]
fn a_few_odd_cells_among_numbers_are_missing() {
    let rows: String = (0..300).map(|row| format!("{row}.0,1\n")).collect();
    let table = frame(format!("a,b\n{rows}unknown,2\n5,3\nInf,4\n"));
    assert!(is_number(&table, 0));
    assert_eq!(table.columns[0].cells.missing(), 2);
    assert!(
        table.notes[0].contains("2 other cells")
            && table.notes[0].contains("`unknown`, `Inf`, the first in line 302"),
        "{:?}",
        table.notes
    );

    // Of more, the column is one of texts, with its numbers as they are written.
    let more: String = ["unknown", "many", "few", "some"]
        .map(|odd| format!("{odd},2\n"))
        .concat();
    let table = frame(format!("a,b\n{rows}{more}"));
    assert!(!is_number(&table, 0));
    assert_eq!(table.columns[0].cells.text(7).as_deref(), Some("7.0"));
    assert_eq!(table.columns[0].cells.text(300).as_deref(), Some("unknown"));
}

#[test]
fn missing_cells_may_be_said() {
    let options = ReadOptions {
        missing: vec!["-999".into(), "unbekannt".into()],
        ..ReadOptions::default()
    };
    let table = with("a,b,c\n1,x,-999\n-999.0,unbekannt,y\n3,-999,z\n", &options);
    assert_eq!(cells(&table)[1..], ["1|x|~", "~|~|y", "3|~|z"]);
    assert!(is_number(&table, 0));
}

#[test]
fn lines_are_those_of_the_file() {
    let table = frame("a,b\n\n1,\"x\ny\"\n2,z\n\n\n3,z\n");
    let lines: Vec<String> = (0..3).map(|row| table.place(row)).collect();
    assert_eq!(lines, ["line 3", "line 5", "line 8"]);
    assert_eq!(
        frame("# a comment\n\nTitle\na,b,c\n1,2,3\n4,5,6\n").place(1),
        "line 6"
    );
}

/// What a short table does not show: rows over the ends of what is read at once, and columns that change late.
#[test]
fn a_long_table_is_read_whole() {
    use std::fmt::Write as _;
    let mut text = String::from("number,text,late\r\n");
    for row in 0..120_000 {
        let late = if row == 119_999 { "a1,b2,c3,d4" } else { "" };
        let gap = if row % 97 == 0 { "\r\n\r\n" } else { "" };
        let _ = write!(
            text,
            "{gap}{},\"t\n{}\",{}{}\r\n",
            f64::from(row) / 8.,
            row % 7,
            row % 50,
            late.len()
        );
    }
    for odd in ["a", "b", "c", "d", "e"] {
        let _ = write!(text, "1,x,{odd}\r\n");
    }
    let table = frame(&text);
    assert_eq!(table.rows, 120_005);
    let Cells::Numbers(numbers) = &table.columns[0].cells else {
        panic!("not numbers")
    };
    assert!((0..120_000).all(|row| numbers[row] == row as f64 / 8.));
    assert_eq!(table.columns[1].cells.text(8).as_deref(), Some("t\n1"));
    assert!(!is_number(&table, 2));
    assert_eq!(table.columns[2].cells.text(100_049).as_deref(), Some("490"));
}

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
    std::fs::write(&path, crate::data::gzip::compress(text.as_bytes())).unwrap();
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

/// What a short table does not show: rows over the ends of what is read at once, cells of many lines, blank lines.
#[test]
fn a_file_that_is_read_bit_by_bit_is_read_whole() {
    use std::fmt::Write as _;
    let mut text = String::from("\u{feff}a,y,b\r\n");
    let mut inputs = Vec::new();
    for row in 0..40_000u32 {
        let value = f64::from(row) / 7.;
        let gap = if row % 97 == 0 { "\r\n\n\r\n" } else { "" };
        let class = ["one", "\"two\nand more\"", "three"][row as usize % 3];
        let _ = write!(text, "{gap} {value} ,{class},\"{row}\"\r\n");
        inputs.extend([value, f64::from(row)]);
    }
    assert!(text.len() > 10 * window::CHUNK);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let options = CsvOptions {
        target: "y".into(),
        kind: TargetKind::Detect,
    };
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        read_csv(&path, &options)
    };
    let table = read(text.as_bytes()).unwrap();
    assert_eq!(table.data.inputs, inputs);
    assert_eq!(table.columns, ["a", "b"]);
    let Targets::Classes { labels, names } = &table.data.targets else {
        panic!("not classes")
    };
    assert_eq!(names, &["one", "three", "two\nand more"]);
    assert!(
        (0..)
            .zip(labels)
            .all(|(row, &label)| label == [0, 2, 1][row % 3])
    );
    let packed = crate::data::gzip::compress(text.as_bytes());
    assert_eq!(read(&packed).unwrap(), table);

    // A fault far down has its line, and damage of a packed file is said before what it leads to.
    let lines = text.matches('\n').count();
    text += "\n\n1,one\n";
    let message = read(text.as_bytes()).unwrap_err().to_string();
    let place = format!("line {}", lines + 3);
    assert!(message.contains(&place), "{place}: {message}");
    let mut packed = crate::data::gzip::compress(text.as_bytes());
    let message = read(&packed).unwrap_err().to_string();
    assert!(message.contains(&place), "{place}: {message}");
    let checksum = packed.len() - 8;
    packed[checksum] ^= 1;
    let message = read(&packed).unwrap_err().to_string();
    assert!(message.contains("damaged gzip"), "{message}");
}

/// The numbers of a table are put where they stay: there is no room for twice as many.
#[test]
fn a_table_takes_the_room_that_it_needs() {
    let rows: String = (0..50_000).map(|row| format!("{row:05},0.5,2\n")).collect();
    let inputs = parse(&format!("a,y,b\n{rows}"), TargetKind::Regression);
    let inputs = inputs.unwrap().inputs;
    assert_eq!(inputs.len(), 100_000);
    assert!(inputs.capacity() < 120_000, "{}", inputs.capacity());
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

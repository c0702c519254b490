//! The files of `fixtures/`, each of which stands for a kind, and what is to become of it.

use std::path::Path;
use trimtab_table::{Cells, Frame, ReadOptions, read};

fn frame(file: &str) -> Frame {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(file);
    read(path, &ReadOptions::default()).unwrap()
}

/// The names of the columns of numbers.
fn numbers(frame: &Frame) -> Vec<&str> {
    let numbers = frame
        .columns
        .iter()
        .filter(|column| matches!(column.cells, Cells::Numbers(_)));
    numbers.map(|column| column.name.as_str()).collect()
}

fn texts(frame: &Frame) -> Vec<&str> {
    let texts = frame
        .columns
        .iter()
        .filter(|column| matches!(column.cells, Cells::Texts { .. }));
    texts.map(|column| column.name.as_str()).collect()
}

fn cell<'a>(frame: &'a Frame, column: &str, row: usize) -> std::borrow::Cow<'a, str> {
    frame
        .column(column)
        .unwrap()
        .cells
        .text(row)
        .unwrap_or("missing".into())
}

fn missing(frame: &Frame, column: &str) -> usize {
    frame.column(column).unwrap().cells.missing()
}

#[test]
fn titanic_has_texts_and_gaps() {
    let frame = frame("titanic.csv");
    assert_eq!(
        (frame.name.as_str(), frame.format.as_str(), frame.rows),
        ("titanic", "CSV", 30)
    );
    assert_eq!(texts(&frame), ["Name", "Sex", "Cabin", "Embarked"]);
    assert_eq!(cell(&frame, "Name", 0), "Berg, Mr. Alex");
    assert_eq!(missing(&frame, "Cabin"), 22);
    assert_eq!(frame.place(29), "line 31");
    assert!(frame.notes.is_empty(), "{:?}", frame.notes);
}

#[test]
fn na_is_missing_in_texts_and_numbers_of_house_prices() {
    let frame = frame("house-prices.csv");
    assert_eq!((frame.rows, frame.columns.len()), (30, 81));
    assert!(numbers(&frame).contains(&"LotFrontage") && texts(&frame).contains(&"FireplaceQu"));
    assert!(missing(&frame, "FireplaceQu") > 5);
    assert_eq!(missing(&frame, "SalePrice"), 0);
}

#[test]
fn adult_has_no_header() {
    let frame = frame("adult.data");
    assert_eq!((frame.rows, frame.columns.len()), (40, 15));
    assert_eq!(frame.columns[14].name, "column_15");
    assert_eq!(cell(&frame, "column_15", 0), "<=50K");
    assert!(missing(&frame, "column_2") > 0);
    assert!(
        frame.notes[0].contains("no header") && frame.notes[0].contains("--header"),
        "{:?}",
        frame.notes
    );
}

#[test]
fn semicolons_are_found() {
    let frame = frame("modechoice.csv");
    assert_eq!(frame.format, "CSV separated by `;`");
    assert_eq!(numbers(&frame).len(), 9);
}

#[test]
fn the_second_of_two_names_is_changed() {
    let frame = frame("compas.csv");
    assert_eq!(frame.rows, 30);
    assert!(
        numbers(&frame).contains(&"decile_score_2") && numbers(&frame).contains(&"priors_count_2")
    );
    assert!(
        frame.notes[0].contains("`decile_score_2`, `priors_count_2`"),
        "{:?}",
        frame.notes
    );
    assert_eq!(cell(&frame, "c_jail_in", 0), "2014-12-01 07:27:40");
}

#[test]
fn a_column_without_a_name_gets_one() {
    let frame = frame("iris.csv");
    assert_eq!(frame.columns[0].name, "column_1");
    assert!(
        frame.notes[0].contains("without a name"),
        "{:?}",
        frame.notes
    );
}

#[test]
fn a_target_may_be_missing() {
    let frame = frame("penguins.csv");
    assert_eq!(texts(&frame), ["sex"]);
    assert!(missing(&frame, "sex") >= 4);
}

#[test]
fn arff_says_its_types() {
    let frame = frame("credit-g.arff");
    assert_eq!(
        (frame.format.as_str(), frame.rows, frame.columns.len()),
        ("ARFF", 39, 21)
    );
    assert_eq!(numbers(&frame).len(), 7);
    assert_eq!(cell(&frame, "checking_status", 0), "<0");
    assert_eq!(cell(&frame, "other_parties", 0), "none");
    assert_eq!(frame.place(0), "line 24");
}

#[test]
fn dollars_are_numbers() {
    let frame = frame("boston-dollars.csv");
    assert_eq!(numbers(&frame).len(), 13);
    assert_eq!(cell(&frame, "medv", 0), "24000");
    assert_eq!(
        frame.notes,
        ["column `medv`: `$24,000` is read as 24000: `,` between thousands, `$`"]
    );
}

#[test]
fn dates_are_texts() {
    assert_eq!(texts(&frame("seattle-weather.csv")), ["date", "weather"]);
}

#[test]
fn the_first_row_of_magic_is_kept() {
    let frame = frame("magic.dat");
    assert_eq!((frame.rows, frame.columns.len()), (31, 11));
    assert_eq!(cell(&frame, "column_1", 0), "17.8912");
}

#[test]
fn gzip_is_undone() {
    let frame = frame("fair.csv.gz");
    assert_eq!(
        (frame.name.as_str(), frame.format.as_str(), frame.rows),
        ("fair", "CSV, gzip", 30)
    );
    assert_eq!(frame.columns[0].name, "rate_marriage");
}

#[test]
fn thousands_and_exponents_are_numbers() {
    let frame = frame("ssa.csv");
    assert_eq!(texts(&frame), ["Sex"]);
    assert_eq!(cell(&frame, "NumberOfLives", 1), "99362");
    assert_eq!(cell(&frame, "DeathProb", 10), "0.000094");
}

#[test]
fn runs_of_blanks_are_one_separator() {
    let frame = frame("Auto.data");
    assert_eq!((frame.rows, frame.columns.len()), (39, 9));
    assert_eq!(texts(&frame), ["name"]);
    assert_eq!(missing(&frame, "horsepower"), 1);
    assert_eq!(cell(&frame, "weight", 0), "3504");
    assert_eq!(cell(&frame, "name", 0), "chevrolet chevelle malibu");
}

#[test]
fn decimal_commas_are_points() {
    let frame = frame("boston-commas.csv");
    assert_eq!(numbers(&frame).len(), 13);
    assert_eq!(cell(&frame, "crim", 0), "0.00632");
    assert_eq!(cell(&frame, "tax", 0), "296");
    assert!(
        frame.notes[0].contains("decimal commas in `crim`"),
        "{:?}",
        frame.notes
    );
}

/// What the rows of `people` are in every format.
#[cfg(any(feature = "excel", feature = "parquet"))]
fn people(file: &str) -> Frame {
    let frame = frame(file);
    assert_eq!(frame.rows, 4);
    assert_eq!(missing(&frame, "size"), 1);
    assert_eq!(cell(&frame, "size", 3), "4.25");
    assert_eq!(cell(&frame, "count", 3), "4");
    assert_eq!(
        (cell(&frame, "kind", 1).as_ref(), missing(&frame, "kind")),
        ("b", 1)
    );
    assert_eq!(cell(&frame, "ok", 1), "false");
    assert_eq!(missing(&frame, "day"), 1);
    frame
}

#[cfg(feature = "excel")]
#[test]
fn workbooks_are_read() {
    let frame = people("people.xlsx");
    assert_eq!(cell(&frame, "day", 0), (15344 * 86400).to_string());
    assert!(matches!(
        frame.column("day").unwrap().cells,
        Cells::Times(_)
    ));
    assert!(frame.notes[0].contains("`second`"), "{:?}", frame.notes);
    people("people.ods");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/people.xlsx");
    let options = |sheet: &str| ReadOptions {
        sheet: Some(sheet.into()),
        ..ReadOptions::default()
    };
    assert_eq!(read(&path, &options("second")).unwrap().rows, 2);
    let message = read(&path, &options("third")).unwrap_err().to_string();
    assert!(
        message.contains("`third`") && message.contains("`first`, `second`"),
        "{message}"
    );
}

#[cfg(feature = "excel")]
#[test]
fn a_title_above_the_table_is_passed_over() {
    let frame = frame("sales.xlsx");
    assert_eq!((frame.rows, frame.columns[0].name.as_str()), (3, "name"));
    assert_eq!(cell(&frame, "share", 1), "3400");
    assert_eq!(missing(&frame, "units"), 1);
    assert!(
        frame.notes[0].contains("`Sales of 2019`"),
        "{:?}",
        frame.notes
    );
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_is_read() {
    people("people-zstd.parquet");
    let frame = people("people.parquet");
    for (column, wanted) in [
        ("day", "1325721600"),
        ("day2", "1325721600"),
        ("id", "1152921504606846977"),
        ("f", "1.5"),
        ("cat", "a"),
        ("dec", "1.25"),
        ("h", "1"),
        ("u8", "1"),
        ("t", "23400"),
    ] {
        assert_eq!(cell(&frame, column, 0), wanted, "{column}");
    }
    assert_eq!(cell(&frame, "h", 3), "-0.25");
    assert_eq!(cell(&frame, "u8", 1), "200");
    assert_eq!(
        frame.notes,
        ["columns of lists or bytes are left out: `tags`"]
    );
}

use super::period::DAY;
use super::*;
use crate::MISSING;
use proptest::prelude::*;

fn numbers(name: &str, cells: &[f64]) -> Column {
    Column {
        name: name.to_owned(),
        cells: Cells::Numbers(cells.to_vec()),
    }
}

/// A column of texts; an empty one is missing.
fn texts(name: &str, cells: &[&str]) -> Column {
    let mut levels: Vec<String> = Vec::new();
    let code = |cell: &&str| {
        if cell.is_empty() {
            return MISSING;
        }
        let known = levels.iter().position(|level| level == cell);
        known.unwrap_or_else(|| {
            levels.push((*cell).to_owned());
            levels.len() - 1
        }) as u32
    };
    let codes = cells.iter().map(code).collect();
    Column {
        name: name.to_owned(),
        cells: Cells::Texts { codes, levels },
    }
}

fn frame(columns: Vec<Column>) -> Frame {
    Frame {
        rows: columns[0].cells.len(),
        columns,
        ..Frame::default()
    }
}

fn fit(frame: &Frame, rows: &[usize]) -> Fit {
    Preprocessor::fit(frame, rows, "y", &ColumnOptions::default())
}

fn rows(bound: &Bound, rows: usize) -> Vec<Vec<f64>> {
    let row = |row| {
        (0..bound.features())
            .map(|feature| bound.value(feature, row))
            .collect()
    };
    (0..rows).map(row).collect()
}

/// What becomes of each column.
fn becomes(fit: &Fit) -> Vec<&str> {
    fit.columns
        .iter()
        .map(|column| column.becomes.as_str())
        .collect()
}

#[test]
fn numbers_come_first_and_gaps_are_told() {
    let table = frame(vec![
        texts("port", &["S", "C", "", "S", "Q"]),
        numbers("age", &[20.0, f64::NAN, 40.0, 30.0, 90.0]),
        texts("sex", &["male", "female", "male", "male", "female"]),
        numbers("y", &[0.0, 1.0, 0.0, 1.0, 1.0]),
    ]);
    let fit = fit(&table, &[0, 1, 2, 3]);
    // The last row is none to learn from: 90 does not move the median, and `Q` is not known.
    assert_eq!(
        becomes(&fit),
        [
            "one of 3 levels, missing as one",
            "a number, and whether it is missing",
            "whether it is `female`",
            "the target"
        ]
    );
    let bound = fit.preprocessor.bind(&table).unwrap();
    assert_eq!(fit.preprocessor.numbers(), 1);
    // Age, then S, C, missing; age is missing; female.
    assert_eq!(
        rows(&bound, 5),
        [
            [20.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            [30.0, 0.0, 1.0, 0.0, 1.0, 1.0],
            [40.0, 0.0, 0.0, 1.0, 0.0, 0.0],
            [30.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            [90.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        ]
    );
    assert_eq!(bound.notes().len(), 1);
    assert!(
        bound.notes()[0].starts_with("`port` has levels in 1 rows that no training row has (`Q`)")
    );
}

#[test]
fn new_levels_and_new_gaps_are_taken_at_prediction() {
    let table = frame(vec![
        numbers("size", &[1.0, 2.0, 3.0]),
        texts("kind", &["a", "b", "a"]),
        texts("place", &["n", "s", "w"]),
    ]);
    let fit = fit(&table, &[0, 1, 2]);
    let new = frame(vec![
        texts("kind", &["", "c", "b"]),
        // Other columns, in another order, and numbers that came as texts.
        numbers("more", &[0.0; 3]),
        texts("size", &["2.50", "", "large"]),
        texts("place", &["", "e", "s"]),
    ]);
    let bound = fit.preprocessor.bind(&new).unwrap();
    assert_eq!(
        rows(&bound, 3),
        [
            [2.5, 0.5, 0.0, 0.0, 0.0],
            [2.0, 0.5, 0.0, 0.0, 0.0],
            [2.0, 1.0, 0.0, 1.0, 0.0]
        ]
    );
    assert_eq!(bound.notes().len(), 3);
    let none = frame(vec![numbers("size", &[1.0])]);
    assert_eq!(fit.preprocessor.bind(&none).unwrap_err(), "kind");
}

#[test]
fn levels_are_the_same_however_a_number_is_written() {
    let table = frame(vec![numbers("month", &[1.0, 2.0, 3.0, 3.0])]);
    let options = ColumnOptions {
        categorical: vec!["month".to_owned()],
        ..ColumnOptions::default()
    };
    let fit = Preprocessor::fit(&table, &[0, 1, 2, 3], "y", &options);
    assert_eq!(becomes(&fit), ["one of 3 levels"]);
    let text = frame(vec![texts("month", &["3.0", "1", "x"])]);
    let bound = fit.preprocessor.bind(&text).unwrap();
    // The most frequent level is the first.
    assert_eq!(
        rows(&bound, 3),
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0; 3]]
    );
}

#[test]
fn rare_levels_share_a_feature() {
    let mut cells: Vec<String> = (0..60).map(|row| format!("town {}", row % 15)).collect();
    cells.extend((0..9).map(|row| format!("village {row}")));
    let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    let table = frame(vec![texts("place", &cells)]);
    let all: Vec<usize> = (0..69).collect();
    let fit = fit(&table, &all);
    assert_eq!(becomes(&fit), ["one of 16 levels, rare ones together"]);
    let new = frame(vec![texts("place", &["village 3", "town 0", "Atlantis"])]);
    let bound = fit.preprocessor.bind(&new).unwrap();
    let values = rows(&bound, 3);
    assert_eq!(
        (values[0][15], values[1][15], values[2][15]),
        (1.0, 0.0, 1.0)
    );
    assert_eq!(values[1].iter().sum::<f64>(), 1.0);
}

#[test]
fn moments_are_a_number_and_points_on_circles() {
    let table = frame(vec![texts(
        "date",
        &["2012-01-01", "2012-04-01", "2012-07-02", "2012-09-30"],
    )]);
    let fit = fit(&table, &[0, 1, 2, 3]);
    assert_eq!(becomes(&fit), ["seconds, and its place in the year, week"]);
    let bound = fit.preprocessor.bind(&table).unwrap();
    assert_eq!(bound.features(), 5);
    assert_eq!(bound.value(0, 0), 15340.0 * DAY);
    // The first of January is at the top of the circle, half a year later at its bottom.
    assert!((bound.value(2, 0) - 1.0).abs() < 0.01 && (bound.value(2, 2) + 1.0).abs() < 0.01);
}

#[test]
fn what_cannot_be_learned_from_is_left_out_with_a_word() {
    let rows: Vec<usize> = (0..30).collect();
    let counted: Vec<f64> = (1..=30).map(f64::from).collect();
    let tickets: Vec<f64> = (0..30).map(|row| f64::from((row * 7919) % 1000)).collect();
    let names: Vec<String> = (0..30).map(|row| format!("Mr {row}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let codes: Vec<String> = (0..30).map(|row| format!("A{row}")).collect();
    let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
    let table = frame(vec![
        numbers("rownames", &counted),
        numbers("year", &counted),
        numbers("PassengerId", &tickets),
        numbers("constant", &[3.0; 30]),
        numbers("nothing", &[f64::NAN; 30]),
        texts("name", &names),
        texts("ticket", &codes),
    ]);
    assert_eq!(
        becomes(&fit(&table, &rows)),
        [
            "left out: counts the rows",
            "a number",
            "left out: an identifier: every row has another",
            "left out: the same in every row",
            "left out: empty",
            "left out: free text: 30 values in 30 rows",
            "left out: an identifier: 30 values in 30 rows",
        ]
    );
}

#[test]
fn what_a_person_says_comes_first() {
    let table = frame(vec![
        numbers("key", &[3.0, 1.0, 2.0]),
        numbers("leak", &[1.0, 2.0, 4.0]),
        numbers("x", &[1.0, 5.0, 2.0]),
    ]);
    let options = ColumnOptions {
        ignore: vec!["leak".to_owned()],
        id: Some("key".to_owned()),
        ..ColumnOptions::default()
    };
    let fit = Preprocessor::fit(&table, &[0, 1, 2], "y", &options);
    assert_eq!(
        becomes(&fit),
        [
            "kept beside predictions (--id)",
            "left out (--ignore)",
            "a number"
        ]
    );
    assert_eq!(fit.preprocessor.id(), Some("key"));
}

#[test]
fn a_constant_far_off_is_mentioned() {
    let mut cells: Vec<f64> = (0..98).map(f64::from).collect();
    cells.extend([-999.0, -999.0]);
    let rows: Vec<usize> = (0..100).collect();
    let notes = fit(&frame(vec![numbers("x", &cells)]), &rows).notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("`x` is -999 in 2 rows") && notes[0].ends_with("--missing -999"));
    // A lowest value near the others is none.
    let mut cells: Vec<f64> = (0..98).map(f64::from).collect();
    cells.extend([-1.0, -1.0]);
    assert!(
        fit(&frame(vec![numbers("x", &cells)]), &rows)
            .notes
            .is_empty()
    );
}

#[test]
fn a_saved_preprocessor_is_the_same() {
    let table = frame(vec![
        numbers("a", &[0.1, f64::NAN, 1e300]),
        texts("b", &["2012-01-05 10:00", "2013-01-05 11:00", ""]),
        texts("c", &["x", "", "y"]),
    ]);
    let fit = fit(&table, &[0, 1, 2]).preprocessor;
    let text = serde_json::to_string(&fit).unwrap();
    assert_eq!(serde_json::from_str::<Preprocessor>(&text).unwrap(), fit);
}

fn cell() -> impl Strategy<Value = Option<u8>> {
    proptest::option::weighted(0.8, 0..30u8)
}

proptest! {
    /// What validation and test rows hold changes nothing of what is fitted, and everything is finite.
    #[test]
    fn other_rows_have_no_say(
        seen in proptest::collection::vec((cell(), cell()), 2..60),
        (unseen, others) in (1..30usize).prop_flat_map(|n| (
            proptest::collection::vec((cell(), cell()), n),
            proptest::collection::vec((cell(), cell()), n),
        )),
    ) {
        let table = |rest: &[(Option<u8>, Option<u8>)]| {
            let all: Vec<_> = seen.iter().chain(rest).copied().collect();
            let numbers_: Vec<f64> = all.iter().map(|(a, _)| a.map_or(f64::NAN, f64::from)).collect();
            let words: Vec<String> = all.iter().map(|(_, b)| b.map_or(String::new(), |b| format!("w{b}"))).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            frame(vec![numbers("n", &numbers_), texts("w", &words)])
        };
        let rows: Vec<usize> = (0..seen.len()).collect();
        let (one, other) = (table(&unseen), table(&others));
        let fitted = fit(&one, &rows).preprocessor;
        prop_assert_eq!(&fitted, &fit(&other, &rows).preprocessor);
        let bound = fitted.bind(&other).unwrap();
        for row in 0..other.rows {
            for feature in 0..bound.features() {
                prop_assert!(bound.value(feature, row).is_finite());
            }
        }
    }
}

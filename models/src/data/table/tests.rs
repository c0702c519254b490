use super::*;
use crate::data::{Share, Standardise};
use proptest::prelude::*;

/// A folder of files by their names.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn rows(validation: usize, test: usize) -> SplitConfig {
    SplitConfig {
        validation: Share::Rows(validation),
        test: Share::Rows(test),
        standardise: Standardise::None,
        ..SplitConfig::default()
    }
}

/// What becomes of a table with the target `y`, and one row of validation and test each.
fn prepared(text: &str) -> Result<(Split, Read)> {
    let folder = folder(&[("table.csv", text)]);
    let config = TableConfig::new(folder.path().join("table.csv"), "y");
    split_table(&config, &rows(1, 1), Ok)
}

/// It must fail, with all of `parts` in the message.
#[track_caller]
fn fails(text: &str, kind: TargetKind, parts: &[&str]) {
    let folder = folder(&[("table.csv", text)]);
    let config = TableConfig {
        kind,
        ..TableConfig::new(folder.path().join("table.csv"), "y")
    };
    let message = split_table(&config, &rows(1, 1), Ok)
        .unwrap_err()
        .to_string();
    for part in parts.iter().chain(&["table.csv"]) {
        assert!(
            message.contains(part),
            "`{part}` is missing from: {message}"
        );
    }
}

/// All rows of a split by their first input, with the other inputs and the target.
fn all_rows(split: &Split) -> Vec<Vec<f32>> {
    let mut rows = Vec::new();
    for part in [&split.train, &split.validation, &split.test] {
        for row in 0..part.rows() {
            let target = match &part.targets {
                Targets::Classes { labels, .. } => labels[row] as f32,
                Targets::Values(values) => values[row],
            };
            rows.push([part.row(row), &[target]].concat());
        }
    }
    rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
    rows
}

#[test]
fn the_target_is_taken_out_and_rows_without_it_left_out() {
    let text = "a,y,\"b, quoted\"\n1,0.5, 2 \n2,NA,3\n3,7,4\n4,8,5\n5,?,6\n6,9,7\n";
    let (split, read) = prepared(text).unwrap();
    assert_eq!(split.train.name, "table");
    assert_eq!(
        all_rows(&split),
        [
            [1.0, 2.0, 0.5],
            [3.0, 4.0, 7.0],
            [4.0, 5.0, 8.0],
            [6.0, 7.0, 9.0]
        ]
    );
    assert_eq!((read.rows, read.without_target), (6, 2));
    assert_eq!(read.why, "it holds numbers");
}

#[test]
fn a_target_is_found_by_name_or_number() {
    let folder = folder(&[("t.csv", "a,Price,7\n1,2,3.5\n4,5,6\n7,8,1\n2,3,4\n")]);
    let named = |target: &str| {
        let config = TableConfig::new(folder.path().join("t.csv"), target);
        split_table(&config, &rows(1, 1), Ok).map(|(_, read)| read.target)
    };
    assert_eq!(named("Price").unwrap(), "Price");
    assert_eq!(named("2").unwrap(), "Price");
    assert_eq!(named("-1").unwrap(), "7");
    assert_eq!(named("-3").unwrap(), "a");
    // A column of that name comes before a column of that number.
    assert_eq!(named("7").unwrap(), "7");
    for wrong in ["price", "4", "0", "-4"] {
        let message = named(wrong).unwrap_err().to_string();
        assert!(message.contains("`a`, `Price`, `7`"), "{message}");
    }
    let message = named("price").unwrap_err().to_string();
    assert!(message.contains("did you mean `Price`"), "{message}");
}

#[test]
fn test_rows_have_the_classes_and_columns_of_the_training_rows() {
    let folder = folder(&[
        (
            "t.csv",
            "a,b,y\n1,x,pear\n3,y,fig\n5,x,plum\n4,y,fig\n6,x,plum\n8,x,pear\n9,x,fig\n",
        ),
        ("more.csv", "b,y,note,a\ny,plum,?,1\nz,,?,2\n,pear,?,3\n"),
        ("unknown.csv", "a,b,y\n1,x,fig\n\n1,x,date\n"),
        ("narrow.csv", "a,y\n1,fig\n"),
    ]);
    let with_test = |name: &str| {
        let config = TableConfig {
            test: Some(folder.path().join(name)),
            ..TableConfig::new(folder.path().join("t.csv"), "y")
        };
        split_table(&config, &rows(1, 1), Ok)
    };
    let (split, read) = with_test("more.csv").unwrap();
    assert_eq!(split.train.rows() + split.validation.rows(), 7);
    // Its own rows do not move the statistics, and there is one of them for each that has a target. The level `y`, then one that is missing: half way between the two there are.
    assert_eq!(split.test.inputs, [1.0, 1.0, 3.0, 0.5]);
    // Sorted as text: fig, pear, plum.
    assert!(matches!(&split.test.targets, Targets::Classes { labels, .. } if *labels == [2, 1]));
    assert_eq!(read.without_target, 1);
    let message = with_test("unknown.csv").unwrap_err().to_string();
    for part in [
        "unknown.csv: line 4, column `y`: `date`",
        "`fig`, `pear`, `plum`",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let message = with_test("narrow.csv").unwrap_err().to_string();
    assert!(
        message.contains("`b`") && message.contains("`a`, `y`"),
        "{message}"
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    use TargetKind::{Classification, Detect, Regression};
    fails("a,b\n3,4\n", Detect, &["`y`", "`a`, `b`"]);
    fails("y\n3\n4\n5\n6\n", Detect, &["`y` is the only column"]);
    fails(
        "x,y\n1,2\n3,four\n1,6\n1,8\n",
        Regression,
        &["line 3", "column `y`", "`four`"],
    );
    fails(
        "x,y\n1,2.5\n3,four\n1,6\n1,8\n",
        Detect,
        &["line 3", "column `y`", "`four`", "most cells"],
    );
    fails(
        "x,y\n1,\n3,NA\n",
        Classification,
        &["column `y`", "missing in all of the 2 rows"],
    );
    fails(
        "x,y\n1,a\n3,a\n4,a\n",
        Classification,
        &["class `a`", "at least two classes"],
    );
    let folder = folder(&[("t.csv", "age,name,y\n1,a,2.5\n2,b,3\n3,c,4\n")]);
    let config = TableConfig {
        columns: ColumnOptions {
            ignore: vec!["nam".to_owned()],
            ..ColumnOptions::default()
        },
        ..TableConfig::new(folder.path().join("t.csv"), "y")
    };
    let message = split_table(&config, &rows(1, 1), Ok)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("ignore: nam") && message.contains("did you mean `name`"),
        "{message}"
    );
}

#[test]
fn new_rows_become_what_the_training_rows_were() {
    let text = "id,a,b,y\nr1,1,x,0.5\nr2,2,z,1.5\nr3,,x,2.5\nr4,4,z,3.5\nr5,5,x,4\nr6,6,z,5\n";
    let folder = folder(&[("t.csv", text), ("new.csv", "b,id,a\nx,n1,3\nnew,n2,\n")]);
    let config = TableConfig {
        columns: ColumnOptions {
            id: Some("id".to_owned()),
            ..ColumnOptions::default()
        },
        ..TableConfig::new(folder.path().join("t.csv"), "y")
    };
    let (split, read) = split_table(&config, &rows(1, 1), Ok).unwrap();
    assert_eq!(read.test_ids.as_ref().map(Vec::len), Some(1));
    let new = |name: &str| {
        let path = folder.path().join(name);
        read_inputs(
            &path,
            &read.reading,
            &read.preprocessor,
            &split.standardiser,
        )
        .unwrap()
    };
    let rows = new("new.csv");
    assert_eq!(rows.ids, Some(vec!["n1".to_owned(), "n2".to_owned()]));
    assert_eq!(rows.notes.len(), 1);
    // The rows of the split are found again in the file that they came from.
    let again = new("t.csv");
    for part in [&split.train, &split.validation, &split.test] {
        for row in 0..part.rows() {
            let found = again
                .inputs
                .chunks(part.features)
                .any(|other| other == part.row(row));
            assert!(found, "{:?}", part.row(row));
        }
    }
}

#[test]
fn cells_have_64_bits() {
    let text = "x,y\n1700000021321,1700000027\n1700000021322,1700000028.5\n1700000021323,1700000029\n1700000021324,1700000030\n";
    let folder = folder(&[("t.csv", text)]);
    let config = TableConfig::new(folder.path().join("t.csv"), "y");
    let split_config = SplitConfig {
        standardise: Standardise::PerFeature,
        ..rows(1, 1)
    };
    let (split, _) = split_table(&config, &split_config, Ok).unwrap();
    let distinct = |numbers: &[f32]| {
        numbers
            .iter()
            .map(|n| n.to_bits())
            .collect::<std::collections::BTreeSet<_>>()
            .len()
    };
    assert_eq!(distinct(&split.train.inputs), 2);
    assert!(
        split
            .train
            .inputs
            .iter()
            .all(|input| (input.abs() - 1.0).abs() < 1e-6)
    );
}

proptest! {
    /// The numbers, levels and statistics of a model do not change with what validation and test rows hold.
    #[test]
    fn validation_and_test_rows_have_no_say(seed in any::<u64>(), noise in 0..1000i32) {
        let config = SplitConfig { seed, standardise: Standardise::Robust, ..rows(8, 8) };
        let text = |changed: &[usize]| {
            let mut text = "a,b,y\n".to_owned();
            for row in 0..40 {
                let odd = changed.contains(&row);
                let number = if odd { noise * 1000 } else { row as i32 % 7 };
                let level = if odd { format!("new{noise}") } else { format!("l{}", row % 3) };
                let gap = if !odd && row % 5 == 0 { String::new() } else { number.to_string() };
                let target = if odd { f64::from(noise) } else { 0.5 + row as f64 };
                text += &format!("{gap},{level},{target}\n");
            }
            text
        };
        // Targets are values, so that the rows of each part follow from their count alone.
        let numbered = Dataset::new("n", [1, 1, 1], vec![0.0; 40], Targets::Values(vec![0.5; 40])).unwrap();
        let parts = split_rows(&numbered, &config).unwrap();
        let changed = [parts.validation, parts.test].concat();
        let folder = folder(&[("before.csv", &text(&[])), ("after.csv", &text(&changed))]);
        let of = |name: &str| split_table(&TableConfig::new(folder.path().join(name), "y"), &config, Ok).unwrap();
        let ((before, read), (after, read_after)) = (of("before.csv"), of("after.csv"));
        prop_assert_eq!(&read.preprocessor, &read_after.preprocessor);
        prop_assert_eq!(&before.standardiser, &after.standardiser);
        prop_assert_eq!(&before.train.inputs, &after.train.inputs);
    }

    #[test]
    fn no_text_brings_it_down(text in "(x,y\n)?[-0-9xy,.\"\r\n\u{feff} ]{0,60}") {
        if let Ok((split, _)) = prepared(&text) {
            split.train.check().unwrap();
        }
    }
}

#[test]
fn the_logarithm_is_predicted_where_it_is_better() {
    let table = |of: &dyn Fn(f64) -> f64| {
        let mut text = "x,y\n".to_owned();
        for row in 0..200 {
            let x = f64::from((row * 37) % 200) / 20.0;
            text += &format!("{x},{}\n", of(x));
        }
        let folder = folder(&[("t.csv", &text)]);
        let config = TableConfig {
            log_target: LogTarget::Chosen,
            ..TableConfig::new(folder.path().join("t.csv"), "y")
        };
        split_table(&config, &SplitConfig::default(), Ok).unwrap()
    };
    let (split, read) = table(&|x| x.exp());
    assert_eq!(
        split.standardiser.target_log.map(|log| log.shift),
        Some(0.0)
    );
    assert!(
        read.notes
            .iter()
            .any(|note| note.contains("logarithm of `y`"))
    );
    let Targets::Values(test) = &split.test.targets else {
        panic!("not values")
    };
    // The logarithm is the feature.
    for (row, value) in test.iter().enumerate() {
        let x = f64::from(split.test.row(row)[0]) * split.standardiser.scale[0]
            + split.standardiser.mean[0];
        assert!((split.standardiser.restore_target(*value).ln() - x).abs() < 1e-4);
    }
    // A line, and what is skewed and yet one.
    assert_eq!(table(&|x| 3.0 * x + 1.0).0.standardiser.target_log, None);
    assert_eq!(table(&|x| -x.exp()).0.standardiser.target_log, None);
}

//! Tables as people have them, and what is said of them.

use super::{json, predict, report, tune};
use crate::{Folder, bad, good};
use std::fmt::Write as _;

/// Text, gaps, a date, a number with a sign of money, an identifier, and a target that is missing twice.
fn houses() -> String {
    let mut text = "House Id;sold;area;town;price\n".to_owned();
    for i in 0..150 {
        let (month, area) = (1 + i % 12, 40 + (i * 37) % 100);
        let town = ["Ulm", "Bonn", "Kiel"][i % 3];
        let shown = if i % 10 == 0 {
            "NA".to_owned()
        } else {
            format!("{area},5")
        };
        let price = 1000 * (area + 30 * (i % 3)) + 500;
        let price = if i == 7 || i == 8 {
            String::new()
        } else {
            format!("${price}")
        };
        let _ = writeln!(text, "h{i};2021-{month:02}-15;{shown};{town};{price}");
    }
    text
}

#[test]
fn what_was_understood_is_shown_and_reported_first() {
    let folder = Folder::new("tune-tables");
    std::fs::write(folder.0.join("houses.txt"), houses()).unwrap();
    let table = [
        "--data",
        "houses.txt",
        "--target",
        "price",
        "--id",
        "House Id",
    ];
    let output = tune(&folder, &[&table[..], &["--dry-run"]].concat());
    good(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in [
        "houses.txt: CSV separated by `;`, 150 rows",
        "`price` is predicted: regression, it holds numbers",
        "2 rows are left out: `price` is missing there",
        "kept beside predictions (--id)",
        "seconds, and its place in the year",
        "a number, and whether it is missing",
        "one of 3 levels",
    ] {
        assert!(said.contains(words), "`{words}`: {said}");
    }
    assert!(!folder.0.join("runs").exists());

    let trained = [&table[..], &["--epochs", "20"]].concat();
    good(&tune(&folder, &trained));
    let report = report(&folder, "runs/tune");
    assert_eq!(report["data"]["file"], "houses.txt");
    assert_eq!(report["data"]["table"]["without_target"], 2);
    assert_eq!(report["data"]["kind"], "regression");
    let rmse = |of: &serde_json::Value| of["rmse"].as_f64().unwrap();
    assert!(rmse(&report["tuned"]["metrics"]) < rmse(&report["baselines"]["mean"]));
    assert_eq!(report["baselines"].as_object().unwrap().len(), 3);
    // The area decides most of the price, and the day it was sold nothing.
    assert_eq!(report["importance"][0]["column"], "area");
    let page = folder.read("runs/tune/report.html");
    for words in [
        "houses.txt",
        "data:image/png;base64,",
        "what becomes of it",
        "nearest neighbours",
    ] {
        assert!(page.contains(words), "{words}");
    }
    for outside in ["http://", "https://", "src=\"/", "@import"] {
        assert!(!page.contains(outside), "the page needs {outside}");
    }

    // The next run has a folder of its own, and predictions have the identifiers.
    let output = tune(&folder, &trained);
    good(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("this run goes to runs/tune-2"), "{said}");
    assert_eq!(
        json(&folder, "runs/tune/model.json"),
        json(&folder, "runs/tune-2/model.json")
    );
    let arguments = ["--model", "runs/tune/model.json", "--data", "houses.txt"];
    good(&predict(&folder, &arguments));
    let predictions = folder.read("predictions.csv");
    assert!(
        predictions.starts_with("House Id,price\nh0,"),
        "{predictions}"
    );
    assert_eq!(predictions.lines().count(), 151);

    // What is read is not written over.
    for out in ["houses.txt", "runs/tune/model.json", "runs/tune/model.bpk"] {
        let before = std::fs::read(folder.0.join(out)).unwrap();
        let message = bad(&predict(
            &folder,
            &[&arguments[..], &["--out", out]].concat(),
        ));
        assert!(
            message.contains("--out") && message.contains(out),
            "{message}"
        );
        assert_eq!(std::fs::read(folder.0.join(out)).unwrap(), before);
    }
    let message = bad(&predict(
        &folder,
        &["--model", "runs/tune", "--data", "houses.txt"],
    ));
    assert!(message.contains("give the model.json in it"), "{message}");
    let message = bad(&predict(
        &folder,
        &["--model", "houses.txt", "--data", "houses.txt"],
    ));
    assert!(message.contains("houses.bpk"), "{message}");
}

/// A column of dates of which one cell is none: it is missing, like a number that is none.
#[test]
fn one_bad_date_leaves_the_others_dates() {
    let folder = Folder::new("tune-dates");
    let mut text = "when,y\n".to_owned();
    for i in 0..400 {
        let _ = writeln!(text, "2024-{:02}-{:02},{}", 1 + i % 12, 1 + i % 28, i % 12);
    }
    // Among the training rows is one of them at least.
    text.push_str(&"2024-02-30,3\n".repeat(4));
    std::fs::write(folder.0.join("dates.csv"), text).unwrap();
    let table = ["--data", "dates.csv", "--target", "y", "--dry-run"];
    let output = tune(&folder, &table);
    good(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("seconds, and its place in the year"),
        "{said}"
    );
    assert!(
        said.contains("`when`: `2024-02-30` is no date, and taken as missing"),
        "{said}"
    );
}

/// What is wrong is found before the training, and says what to do.
#[test]
fn tables_that_nothing_can_be_learned_from_are_explained() {
    let folder = Folder::new("tune-hopeless");
    let refused = |name: &str, text: &str, more: &[&str]| {
        std::fs::write(folder.0.join(name), text).unwrap();
        let table = ["--data", name, "--target", "y"];
        let message = bad(&tune(&folder, &[&table[..], more].concat()));
        assert!(!folder.0.join("runs").exists(), "{message}");
        message
    };
    let rows = |row: &dyn Fn(usize) -> String| (0..60).map(|i| row(i) + "\n").collect::<String>();
    let outlier = rows(&|i| {
        format!(
            "{i},{}",
            if i == 40 {
                "1e200".into()
            } else {
                format!("{i}.5")
            }
        )
    });
    let message = refused("outlier.csv", &format!("x,y\n{outlier}"), &[]);
    assert!(
        message.contains("line 42, column `y`: `1e200` is too large"),
        "{message}"
    );
    let same = rows(&|i| format!("7,{}.5", i));
    let message = refused("same.csv", &format!("x,y\n{same}"), &[]);
    assert!(message.contains("`x`: the same in every row"), "{message}");
    let message = refused(
        "alone.csv",
        &format!("y\n{}", rows(&|i| format!("{i}.5"))),
        &[],
    );
    assert!(message.contains("no other column"), "{message}");
    let message = refused("some.csv", &format!("x,y\n{outlier}"), &["--epochs", "-1"]);
    assert!(message.contains("--epochs"), "{message}");
    let message = refused("some.csv", &format!("x,y\n{outlier}"), &["--model", "Cnn"]);
    assert!(message.contains("--channels"), "{message}");
}

#[test]
fn what_is_said_of_columns_is_done() {
    let folder = Folder::new("tune-columns");
    let mut text = String::new();
    for i in 0..90 {
        let _ = writeln!(
            text,
            "{} {} {}",
            i % 5,
            if i % 9 == 0 { -999 } else { i },
            i % 2
        );
    }
    std::fs::write(folder.0.join("bare.dat"), text).unwrap();
    let dry = |arguments: &[&str]| {
        let output = tune(
            &folder,
            &[&["--data", "bare.dat", "--dry-run"], arguments].concat(),
        );
        good(&output);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = dry(&["--target", "-1"]);
    assert!(
        said.contains("`column_3` is predicted: classification into 2"),
        "{said}"
    );
    assert!(said.contains("say --missing -999"), "{said}");
    let said = dry(&[
        "--target",
        "3",
        "--missing",
        "-999",
        "--categorical",
        "column_1",
    ]);
    assert!(
        said.contains("one of 5 levels") && said.contains("whether it is missing"),
        "{said}"
    );
    let said = dry(&["--target", "3", "--ignore", "column_2"]);
    assert!(said.contains("left out (--ignore)"), "{said}");
    let message = bad(&tune(&folder, &["--data", "bare.dat", "--target", "kind"]));
    for words in [
        "bare.dat",
        "`kind`",
        "--header",
        "`column_1`, `column_2`, `column_3`",
    ] {
        assert!(message.contains(words), "`{words}`: {message}");
    }
    let message = bad(&tune(
        &folder,
        &["--data", "bare.dat", "--target", "3", "--ignore", "colum_1"],
    ));
    assert!(message.contains("did you mean `column_1`"), "{message}");
}

#[test]
fn a_budget_can_be_time() {
    let folder = Folder::new("tune-time");
    std::fs::write(folder.0.join("houses.txt"), houses()).unwrap();
    let table = ["--data", "houses.txt", "--target", "price", "--time", "1s"];
    let output = tune(&folder, &table);
    good(&output);
    assert!(report(&folder, "runs/tune")["epochs"].as_f64().unwrap() > 1.0);
    let both = tune(&folder, &[&table[..], &["--epochs", "3"]].concat());
    assert_eq!(both.status.code(), Some(2));
}

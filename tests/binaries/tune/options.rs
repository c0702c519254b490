//! Options of `tune`: a schedule to replay, the kind of the target, a file to test on.

use super::{bad, classes, good, predicted, report, rows, table, tune};
use crate::Folder;
use serde_json::Value;
use std::fmt::Write as _;

#[test]
fn a_replay_is_the_run_again() {
    let folder = Folder::new("tune-replay");
    std::fs::write(folder.0.join("data.csv"), classes()).unwrap();
    let with = |arguments: &[&str]| {
        let table = ["--data", "data.csv", "--target", "answer", "--hidden", "8"];
        tune(&folder, &[&table[..], arguments].concat())
    };
    good(&with(&["--out", "first"]));
    let replay = ["--replay", "first/schedule.ron"];
    let output = with(&[&replay[..], &["--out", "again"]].concat());
    good(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("as recorded") && !said.contains("probe"),
        "{said}"
    );
    assert_eq!(predicted(&folder, "again"), predicted(&folder, "first"));
    assert_eq!(report(&folder, "again"), report(&folder, "first"));
    for file in ["model.bpk", "schedule.ron", "segments.jsonl", "tune.png"] {
        assert!(folder.0.join("again").join(file).exists(), "{file}");
    }
    // On another seed they are the same settings and another run.
    good(&with(
        &[&replay[..], &["--seed", "1", "--out", "other"]].concat(),
    ));
    assert_ne!(predicted(&folder, "other"), predicted(&folder, "first"));
    let first_rate = |out: &str| {
        let lines = folder.read(&format!("{out}/segments.jsonl"));
        let segment: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        segment["settings"]["learning_rate"].clone()
    };
    assert!(first_rate("first").is_number());
    assert_eq!(first_rate("other"), first_rate("first"));

    let wrong = |schedule: Option<&str>, words: &[&str]| {
        let _ = std::fs::remove_file(folder.0.join("bad.ron"));
        if let Some(schedule) = schedule {
            std::fs::write(folder.0.join("bad.ron"), schedule).unwrap();
        }
        let message = bad(&with(&["--replay", "bad.ron", "--out", "bad"]));
        for word in words {
            assert!(message.contains(word), "`{word}`: {message}");
        }
        assert!(!folder.0.join("bad").exists() && !folder.0.join("bad.part").exists());
    };
    wrong(None, &["bad.ron"]);
    wrong(Some("[(share: 0.0,"), &["bad.ron:1"]);
    wrong(Some("[]"), &["bad.ron", "at least 1"]);
    wrong(
        Some(r#"[(share: 0.0, settings: {"learning_rate": 0.1, "droput": 0.5})]"#),
        &["bad.ron", "`droput`", "weight_decay"],
    );
    wrong(
        Some("[(share: 0.0, settings: {})]"),
        &["bad.ron", "entries[0]", "learning_rate"],
    );
    wrong(
        Some("[(share: 0.0, settings: {\"learning_rate\": 0.1, \"batch_size\": 500})]"),
        &["replay[0].settings", "500", "240 examples"],
    );
    let both = with(&["--replay", "first/schedule.ron", "--learning-rate", "0.1"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn a_start_probe_says_where_it_diverged() {
    let folder = Folder::new("tune-probe");
    let rate = ["--learning-rate", "1e30", "--optimizer", "sgd"];
    let output = tune(&folder, &[&rate[..], &["--epochs", "1"]].concat());
    good(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = "start probe: at a rate of 1.00e30 it diverged: try again at 1.00e29";
    assert_eq!(said.lines().nth(2), Some(line), "{said}");
}

#[test]
fn the_kind_can_be_given_and_must_not_contradict_the_data() {
    let folder = Folder::new("tune-kind");
    let whole = |x: f64, n: f64| ((x + 1.0) / 2.0 * (n - 1.0)).round();
    for (name, text) in [
        ("two.csv", table(|x, _| whole(x, 2.0).to_string())),
        // One more than is taken for classes unasked.
        (
            "many.csv",
            table(|x, y| (whole(x, 20.0) + whole(y, 2.0)).to_string()),
        ),
        ("classes.csv", classes()),
        ("values.csv", table(|x, y| (x + 0.001 * y).to_string())),
        ("names.csv", table(|x, y| format!("row {x} {y}"))),
    ] {
        std::fs::write(folder.0.join(name), text).unwrap();
    }
    let with = |data: &str, kind: &[&str], out: &str| {
        let fixed = [
            "--data", data, "--target", "answer", "--epochs", "1", "--out", out,
        ];
        tune(&folder, &[&fixed[..], kind].concat())
    };
    let regression = ["--kind", "regression"];
    let classification = ["--kind", "classification"];
    for (data, kind, words) in [
        ("two.csv", &[][..], "classification into 2"),
        ("two.csv", &regression, "regression"),
        ("many.csv", &[], "regression"),
        ("many.csv", &classification, "classification into 21"),
    ] {
        let out = format!("{data}-out{}", kind.concat());
        let output = with(data, kind, &out);
        good(&output);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(words), "{said}");
        let metrics = report(&folder, &out)["tuned"]["metrics"].clone();
        assert_eq!(
            metrics.get("rmse").is_some(),
            words == "regression",
            "{metrics}"
        );
    }
    for (data, kind, words) in [
        (
            "classes.csv",
            &regression[..],
            &["classes.csv", "column `answer`", "not a number"][..],
        ),
        (
            "values.csv",
            &classification,
            &[
                "--kind",
                "`answer`",
                "400 different values in 400 rows",
                "--kind regression",
            ],
        ),
        ("names.csv", &[], &["400 different values", "--target"]),
    ] {
        let message = bad(&with(data, kind, "bad"));
        for word in words {
            assert!(message.contains(word), "`{word}`: {message}");
        }
    }
    assert!(!folder.0.join("bad").exists());
    // It is about a column.
    assert_eq!(tune(&folder, &regression).status.code(), Some(2));
    let odd = with("two.csv", &["--kind", "ordinal"], "bad");
    assert_eq!(odd.status.code(), Some(2));
}

#[test]
fn a_test_file_takes_the_place_of_a_share_of_the_data() {
    let folder = Folder::new("tune-test");
    std::fs::write(folder.0.join("data.csv"), classes()).unwrap();
    // Forty rows, columns in another order, and every answer is the wrong one.
    let mut wrong = "answer,note,\"height, mm\",width\n".to_owned();
    for row in rows(&classes()).iter().step_by(10) {
        let cells: Vec<&str> = row.splitn(3, ',').collect();
        let answer = if cells[2] == "in" {
            "\"out, far\""
        } else {
            "in"
        };
        let _ = writeln!(wrong, "{answer},?,{},{}", cells[1], cells[0]);
    }
    std::fs::write(folder.0.join("wrong.csv"), &wrong).unwrap();
    let with = |test: &str, out: &str| {
        let fixed = [
            "--data", "data.csv", "--target", "answer", "--epochs", "100",
        ];
        tune(
            &folder,
            &[&fixed[..], &["--test", test, "--out", out]].concat(),
        )
    };
    let output = with("wrong.csv", "one");
    good(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let counts = "320 rows to train on, 80 for validation, 40 for the test";
    assert!(said.contains(counts), "{said}");
    let accuracy = |out: &str| {
        let report = report(&folder, out);
        report["tuned"]["metrics"]["accuracy"].as_f64().unwrap()
    };
    assert!(accuracy("one") < 0.2, "{}", accuracy("one"));
    // The test has no say: the same training on the right answers.
    std::fs::write(folder.0.join("right.csv"), classes()).unwrap();
    good(&with("right.csv", "two"));
    assert!(accuracy("two") > 0.9, "{}", accuracy("two"));
    assert_eq!(
        std::fs::read(folder.0.join("one/model.bpk")).unwrap(),
        std::fs::read(folder.0.join("two/model.bpk")).unwrap()
    );

    for (text, words) in [
        (None, &["bad.csv"][..]),
        (
            Some(wrong.replace("width", "depth")),
            &["bad.csv", "`width`", "`depth`"],
        ),
        (
            Some(wrong.replace("answer", "reply")),
            &["bad.csv", "`answer`", "`reply`"],
        ),
        (
            Some(wrong.replacen("\nin,", "\non the line,", 1)),
            &["bad.csv", "column `answer`", "`on the line`", "`in`"],
        ),
        (
            Some("answer,width,\"height, mm\"\n".to_owned()),
            &["bad.csv", "rows"],
        ),
    ] {
        if let Some(text) = text {
            std::fs::write(folder.0.join("bad.csv"), text).unwrap();
        }
        let message = bad(&with("bad.csv", "bad"));
        for word in words {
            assert!(message.contains(word), "`{word}`: {message}");
        }
        assert!(!folder.0.join("bad").exists());
    }
    assert_eq!(
        tune(&folder, &["--test", "wrong.csv"]).status.code(),
        Some(2)
    );
}

#[test]
fn the_best_of_several_runs_is_kept() {
    let folder = Folder::new("tune-runs");
    std::fs::write(folder.0.join("data.csv"), classes()).unwrap();
    let with = |arguments: &[&str]| {
        let table = ["--data", "data.csv", "--target", "answer", "--hidden", "8"];
        tune(&folder, &[&table[..], arguments].concat())
    };
    good(&with(&["--out", "one"]));
    let output = with(&["--runs", "3", "--out", "three"]);
    good(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in ["run 2 of 3", "run 3 of 3", "the best so far"] {
        assert!(said.contains(words), "{said}");
    }
    let best = |out: &str| {
        let lines = folder.read(&format!("{out}/segments.jsonl"));
        let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        last["best_loss"].as_f64().unwrap()
    };
    assert!(best("three") <= best("one"));
    assert!(bad(&with(&["--runs", "0", "--out", "none"])).contains("runs"));
    let both = ["--runs", "2", "--replay", "one/schedule.ron"];
    assert!(!with(&both).status.success());
}

//! The binary `compare`.

use super::{Folder, bad, good};
use serde_json::Value;
use std::process::Command;

/// Every kind of method, on two small tasks.
const SMALL: &str = r#"(
    name: "small",
    seed: 3,
    tasks: [
        (
            data: Embedded("digits"),
            split: (validation: Rows(100), test: Rows(100), max_train: 200),
            model: Mlp(hidden: [8]),
            optimizer: Sgd(),
        ),
        (
            data: Embedded("wine-quality"),
            split: (validation: Rows(100), test: Rows(100), max_train: 200),
            model: Mlp(hidden: [8]),
            optimizer: Sgd(),
        ),
    ],
    process: (
        knobs: [(
            name: "learning_rate",
            domain: LogUniform(1e-5, 10.0),
            initial: LogUniform(1e-3, 1.0),
            moves: Servo(()),
        )],
        settings: { "batch_size": 32 },
        segments: (short: 1, short_share: 0.5, full: 6),
        budget: Epochs(3),
    ),
    seeds: 2,
    space: [
        (name: "learning_rate", domain: LogUniform(1e-3, 1.0)),
        (name: "batch_size", domain: Values([16, 32])),
    ],
    methods: [
        Schedule(name: "default", schedule: Constant, peak: Default),
        Schedule(name: "universal", schedule: Constant, peak: Universal),
        Schedule(name: "best_cosine", schedule: Cosine(warmup: 0.05), peak: Hindsight),
        Schedule(name: "grow", schedule: GrowBatch(at: [0.5], factor: 4, largest: 64), peak: Random),
        Optimizer(name: "same", optimizer: Sgd()),
        Optimizer(name: "prodigy", optimizer: Prodigy((d0: 1e-3)), schedule: Cosine(warmup: 0.0)),
        Optimizer(name: "schedule_free", optimizer: ScheduleFreeAdamW(())),
        ReduceOnPlateau(factor: 0.3, patience: 1),
        Hypergradient(rate: 4),
        RangeTest(name: "range_test", test: (share: 0.3, points: 8), schedule: OneCycle(up: 0.3)),
        Servo(name: "servo"),
        FittedServo(name: "fitted", generations: 1),
        Search(name: "random", searcher: Random, runs: 3),
        Search(name: "population", searcher: Population((members: 2, interval: 3, generations: 2)), runs: 3),
        Search(name: "steered", searcher: Random, runs: 3, steered: (space: [(name: "update_ratio", domain: LogUniform(0.5, 2))])),
        Search(name: "steered_asha", searcher: Asha((min_resource: 3, max_resource: 7, reduction_factor: 2)), runs: 3,
            steered: (space: [(name: "weight_decay", domain: LogUniform(0.1, 10)), (name: "batch_size", domain: LogUniform(0.7, 1.4))])),
        Search(name: "median", searcher: Random, pruner: Percentile((startup_trials: 1)), runs: 3),
        Search(name: "three_at_a_time", searcher: Random, runs: 3, batch: 3),
        Search(name: "asha_of_two", searcher: Asha((min_resource: 3, max_resource: 7, reduction_factor: 2)), runs: 3, batch: 2),
        Search(name: "median_of_two", searcher: Random, pruner: Percentile((startup_trials: 1)), runs: 3, batch: 2),
    ],
    grid: (learning_rates: [0.01, 0.1], batch_sizes: [32], reruns: 2),
)"#;

pub(crate) fn compare(folder: &Folder, arguments: &[&str]) -> Command {
    std::fs::write(folder.0.join("compare.ron"), SMALL).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
    command.current_dir(&folder.0).args(arguments);
    command
}

#[test]
fn a_killed_comparison_goes_on_to_the_same_bits_and_every_cost_is_counted() {
    let folder = Folder::new("compare");
    let output = compare(&folder, &["compare.ron", "--out", "whole", "--jobs", "1"])
        .output()
        .unwrap();
    good(&output);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    for name in ["best_cosine *", "fitted", "population", "verdict"] {
        assert!(table.contains(name), "{table}");
    }
    let whole = folder.read("whole/records.jsonl");

    // A kill can leave half a line behind, and anything up to it.
    std::fs::create_dir_all(folder.0.join("killed")).unwrap();
    std::fs::copy(
        folder.0.join("whole/config.json"),
        folder.0.join("killed/config.json"),
    )
    .unwrap();
    // The second cut is within the grids, of which what is finished stays too.
    let first = whole.find('\n').unwrap();
    for cut in [whole.len() * 2 / 3, first + 20] {
        std::fs::write(folder.0.join("killed/records.jsonl"), &whole[..cut]).unwrap();
        good(
            &compare(&folder, &["compare.ron", "--out", "killed"])
                .output()
                .unwrap(),
        );
        assert_eq!(folder.read("killed/records.jsonl"), whole);
    }
    assert_eq!(
        folder.read("killed/report.json"),
        folder.read("whole/report.json")
    );

    let report: Value = serde_json::from_str(&folder.read("whole/report.json")).unwrap();
    let row = |name: &str| {
        let rows = report["methods"].as_array().unwrap();
        rows.iter()
            .find(|row| row["method"] == name)
            .unwrap()
            .clone()
    };
    // One run costs one budget, with or without a range test; three runs cost three.
    for (name, wanted) in [
        ("default", 1.0),
        ("schedule_free", 1.0),
        ("range_test", 1.0),
        ("random", 3.0),
        ("steered", 3.0),
        ("steered_asha", 3.0),
        ("asha_of_two", 3.0),
    ] {
        let spent = row(name)["budgets"].as_f64().unwrap();
        assert!((spent / wanted - 1.0).abs() < 0.15, "{name}: {spent}");
    }
    assert_eq!(row("random")["runs"], 3.0);
    assert_eq!(row("steered")["runs"], 3.0);
    assert!(row("steered_asha")["runs"].as_f64().unwrap() > 3.0);

    // In the stead of the task's optimiser: the same one leads to the same training, another one to another.
    let trainings = |name: &str| -> Vec<Value> {
        let lines = whole.lines().map(serde_json::from_str);
        let of_method = |mut line: Value| (line["method"].take() == name).then_some(line);
        lines.filter_map(|line| of_method(line.unwrap())).collect()
    };
    assert_eq!(trainings("same").len(), 4);
    assert_eq!(trainings("same"), trainings("default"));
    for other in ["prodigy", "schedule_free"] {
        for (result, default) in trainings(other).iter().zip(trainings("default")) {
            assert_eq!(result["task"], default["task"]);
            assert_ne!(result["outcome"], default["outcome"], "{other}");
        }
    }
    // Random trials do not depend on each other: it is the same search, played together.
    assert_eq!(trainings("three_at_a_time"), trainings("random"));
    // What a pruner saves goes into more runs.
    for name in ["median", "median_of_two"] {
        let median = row(name);
        assert!(median["runs"].as_f64().unwrap() > 3.0, "{median}");
        assert!(
            (median["budgets"].as_f64().unwrap() / 3.0 - 1.0).abs() < 0.15,
            "{median}"
        );
    }
    let median = row("median");
    assert_eq!(median["ruleset"], "external_tuning");
    assert!(whole.contains("\"range_test\":{\"rates\":["));
    assert_eq!(row("best_cosine")["hindsight"], true);
    assert_eq!(row("default")["verdict"], "baseline");
    // Two points and two reruns of the grid on each of two tasks, and the fit of 16 trials on one task.
    for (name, wanted) in [
        ("default", 0.0),
        ("best_cosine", 4.0),
        ("universal", 8.0),
        ("fitted", 24.0),
    ] {
        let earlier = row(name)["earlier"].as_f64().unwrap();
        assert!(
            (earlier - wanted).abs() <= 0.1 * wanted,
            "{name}: {earlier}"
        );
    }
    for picture in ["anytime", "range_test_1", "range_test_2"] {
        let path = folder.0.join(format!("whole/plots/{picture}.png"));
        assert!(path.exists(), "{picture}");
    }

    // A damaged line is named, by whoever reads it.
    let line = whole.find('\n').unwrap() + 1;
    let mut damaged = whole.clone().into_bytes();
    damaged[line] = 0xff;
    std::fs::write(folder.0.join("whole/records.jsonl"), damaged).unwrap();
    let again = compare(&folder, &["compare.ron", "--out", "whole"]).output();
    let drawn = Command::new(env!("CARGO_BIN_EXE_plot"))
        .current_dir(&folder.0)
        .arg("whole")
        .output();
    for output in [again, drawn] {
        let message = bad(&output.unwrap());
        assert!(
            message.contains("records.jsonl:2: not a record"),
            "{message}"
        );
    }
}

#[test]
fn another_config_in_the_folder_and_equal_names_are_explained() {
    let folder = Folder::new("compare-bad");
    std::fs::create_dir_all(folder.0.join("old")).unwrap();
    for (there, wanted) in [
        (
            r#"{"methods": [], "name": "small", "seed": 4}"#,
            "a comparison with another config",
        ),
        (r#"{"distribution": {}}"#, "it holds a fit"),
        ("{}", "config.json"),
    ] {
        std::fs::write(folder.0.join("old/config.json"), there).unwrap();
        let message = bad(&compare(&folder, &["compare.ron", "--out", "old"])
            .output()
            .unwrap());
        assert!(message.contains(wanted), "{message}");
        // What differs is named, and what does not is not.
        let seed = message.contains("`methods`") && message.contains("`seed`");
        assert!(seed == there.contains("seed"), "{message}");
        assert!(!message.contains("`name`"), "{message}");
    }
    for damaged in [&b"{\n\"name\": \"sm"[..], b"\n\xff\xfe{}"] {
        std::fs::write(folder.0.join("old/config.json"), damaged).unwrap();
        let message = bad(&compare(&folder, &["compare.ron", "--out", "old"])
            .output()
            .unwrap());
        assert!(message.contains("config.json:2: not a record"), "{message}");
    }
    let twice = SMALL.replace("\"grow\"", "\"default\"");
    let mut command = compare(&folder, &["twice.ron"]);
    std::fs::write(folder.0.join("twice.ron"), twice).unwrap();
    let message = bad(&command.output().unwrap());
    assert!(message.contains("methods[3]: default"), "{message}");

    // Whatever is wrong is said before the first run.
    for (from, to, wanted) in [
        (
            "warmup: 0.05",
            "warmup: 1.0",
            "methods[2] (best_cosine): schedule.warmup: 1",
        ),
        ("largest: 64", "largest: 6400", "schedule.largest: 6400"),
        ("d0: 1e-3", "d0: 0.0", "methods[5] (prodigy)"),
        (
            "Cosine(warmup: 0.0)",
            "GrowBatch(at: [0.5], factor: 4, largest: 6400)",
            "schedule.largest: 6400",
        ),
        (
            "up: 0.3",
            "up: 0.0",
            "methods[9] (range_test): schedule.up: 0",
        ),
        (
            "share: 0.3",
            "share: 2.0",
            "methods[9] (range_test): test.share: 2",
        ),
        (
            "rate: 4",
            "rate: inf",
            "methods[8] (hypergradient): rate: inf",
        ),
        ("runs: 3)", "runs: 0)", "runs: 0"),
        (
            "batch: 3",
            "batch: 0",
            "methods[17] (three_at_a_time): batch: 0",
        ),
        ("generations: 1)", "generations: 0)", "generations: 0"),
        ("members: 2", "members: 1", "members: 1"),
        (
            "searcher: Random, pruner: Percentile((startup_trials: 1))",
            "searcher: Asha((min_resource: 2, max_resource: 7)), pruner: Percentile(())",
            "methods[16] (median): pruner",
        ),
        (
            "batch_sizes: [32]",
            "batch_sizes: [3200]",
            "grid.batch_sizes: 3200",
        ),
        (
            "Embedded(\"wine-quality\")",
            "Embedded(\"digits\")",
            "at least 2",
        ),
        (
            "(name: \"batch_size\", domain: Values([16, 32]))",
            "(name: \"batchsize\", domain: Values([16]))",
            "`batchsize`",
        ),
    ] {
        let wrong = SMALL.replacen(from, to, 1);
        assert_ne!(wrong, SMALL, "{from}");
        let mut command = compare(&folder, &["wrong.ron", "--out", "wrong"]);
        std::fs::write(folder.0.join("wrong.ron"), wrong).unwrap();
        let message = bad(&command.output().unwrap());
        assert!(message.contains(wanted), "{message}");
        assert!(!folder.0.join("wrong").exists(), "{from}");
    }
}

/// The studies of a journal but for the times, as text: what is not a number does not equal itself.
pub(crate) fn studies(folder: &Folder, file: &str) -> Vec<String> {
    use trimtab_agent::searcher::optuna::Journal;
    let studies = Journal::read(&folder.0.join(file)).unwrap().studies();
    let mut all: Vec<String> = studies
        .iter()
        .map(|(study, trials)| format!("{} {:?} {trials:?}", study.name, study.attributes))
        .collect();
    // Their order depends on the threads.
    all.sort();
    all
}

#[test]
fn searches_are_shown_once_and_change_no_record() {
    let folder = Folder::new("compare-optuna");
    let run = |arguments: &[&str]| {
        let output = compare(&folder, arguments).output().unwrap();
        good(&output);
        output
    };
    run(&["compare.ron", "--out", "plain"]);
    let shown = ["compare.ron", "--out", "shown", "--optuna", "study.log"];
    run(&shown);
    let records = folder.read("shown/records.jsonl");
    assert_eq!(records, folder.read("plain/records.jsonl"));
    let wanted = studies(&folder, "study.log");
    // Eight searches on two tasks with two seeds, and a fit on each task.
    assert_eq!(wanted.len(), 8 * 2 * 2 + 2);
    assert!(wanted.iter().any(|study| study.contains("state: Pruned")));

    // A kill leaves any part of both files.
    let journal = folder.read("study.log");
    for (records_kept, journal_kept) in [(0.5, 0.4), (0.9, 0.97), (0.4, 0.5)] {
        for (file, text, share) in [
            ("shown/records.jsonl", &records, records_kept),
            ("study.log", &journal, journal_kept),
        ] {
            let kept = (share * text.len() as f64) as usize;
            std::fs::write(folder.0.join(file), &text.as_bytes()[..kept]).unwrap();
        }
        run(&shown);
        assert_eq!(folder.read("shown/records.jsonl"), records);
        let found = studies(&folder, "study.log");
        // What the records had already is not played again.
        let lost = wanted.iter().filter(|study| !found.contains(study));
        let lost: Vec<&String> = lost.collect();
        assert!(journal_kept < records_kept || lost.is_empty(), "{lost:?}");
    }

    // From nothing but the journal, under another folder.
    std::fs::write(folder.0.join("study.log"), &journal).unwrap();
    run(&["compare.ron", "--out", "again", "--optuna", "study.log"]);
    assert_eq!(folder.read("study.log"), journal);

    let space = run(&["compare.ron", "--print-space"]);
    std::fs::write(folder.0.join("space.json"), &space.stdout).unwrap();
    let back = run(&["compare.ron", "--space", "space.json", "--print-space"]);
    assert_eq!(back.stdout, space.stdout);

    for (arguments, word) in [
        (["--space", "gone.json"], "gone.json"),
        (["--space", "compare.ron"], "to_json"),
        (["--optuna", "compare.ron"], "journal"),
        (["--optuna", "gone/study.log"], "gone"),
    ] {
        let mut command = compare(&folder, &["compare.ron", "--out", "wrong"]);
        let message = bad(&command.args(arguments).output().unwrap());
        assert!(message.contains(word), "{message}");
    }
}

//! The real binaries, as a user runs them: bad input, interruption, resumption, threads.

mod benchmark;
#[cfg(feature = "cluster")]
mod cluster;
mod compare;
mod damaged;
mod places;
mod telemetry;
mod tune;
mod wrong;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Small enough to run in a second: two small tasks, three updates.
const SMALL: &str = r#"(
    name: "small",
    seed: 3,
    environment: Tuning(
        tasks: [
            (
                data: Embedded("digits"),
                split: (validation: Rows(100), test: Rows(100), max_train: 200),
                model: Mlp(hidden: [8]),
                optimizer: Sgd(momentum: 0.9),
            ),
            (
                data: Embedded("wine-quality"),
                split: (validation: Rows(100), test: Rows(100), max_train: 200),
                model: Mlp(hidden: [8]),
                optimizer: Adam(),
            ),
        ],
        process: (
            knobs: [
                (
                    name: "learning_rate",
                    domain: LogUniform(1e-5, 10.0),
                    initial: LogUniform(1e-3, 1.0),
                    moves: Relative([0.25, 0.5, 1, 2, 4]),
                ),
                (
                    name: "batch_size",
                    domain: Values([16, 32, 64]),
                    initial: Fixed(32),
                    moves: Absolute,
                ),
            ],
            segments: (short: 1, short_share: 0.5, full: 4),
            budget: EpochsBetween(1, 3),
        ),
    ),
    algorithm: Ppo(()),
    training: (updates: 3, rollout: Episodes(4)),
    evaluation: (seeds: 2, learning_rates: [0.01, 0.1], batch_sizes: [32], reruns: 2),
)"#;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trimtab-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("small.ron"), SMALL).unwrap();
        Self(path)
    }

    fn train(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command.current_dir(&self.0).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.train(arguments).output().unwrap()
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.join(file)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn good(output: &Output) {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The message of a run that must fail: one line, no panic.
fn bad(output: &Output) -> String {
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// The records and the policy of a run: what must be the same bits.
fn bits(folder: &Folder, run: &str) -> (String, String) {
    (
        folder.read(&format!("{run}/events.jsonl")),
        folder.read(&format!("{run}/policy.json")),
    )
}

#[test]
fn a_run_leaves_everything_and_does_not_depend_on_the_number_of_threads() {
    let folder = Folder::new("threads");
    let output = folder.run(&["small.ron", "--jobs", "1", "--out", "one"]);
    good(&output);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    for word in [
        "policy",
        "default",
        "best_static",
        "random",
        "validation loss",
    ] {
        assert!(table.contains(word), "{table}");
    }
    good(&folder.run(&["small.ron", "--jobs", "2", "--out", "two"]));
    assert_eq!(bits(&folder, "one"), bits(&folder, "two"));
    good(&folder.run(&["small.ron", "--jobs", "2", "--out", "other", "--seed", "4"]));
    assert_ne!(bits(&folder, "one"), bits(&folder, "other"));

    let summary: serde_json::Value =
        serde_json::from_str(&folder.read("one/summary.json")).unwrap();
    // The policy says what it cost: its episodes, and the grids behind its reward.
    let policy: serde_json::Value = serde_json::from_str(&folder.read("one/policy.json")).unwrap();
    let cost = |value: &serde_json::Value, field: &str| value[field].as_f64().unwrap();
    let (episodes, grids) = (
        cost(&summary, "training_cost"),
        cost(&summary, "reference_cost"),
    );
    assert!((cost(&policy, "training_cost") - episodes - grids).abs() < 1e-9);
    // Twelve episodes of one to three epochs, each of 7 updates of 32 to 4 of 64 examples and some evaluations.
    assert!(
        episodes > 12.0 * 4.0 * 134e-6 && episodes < 12.0 * 3.0 * 4.0 * 134e-6 * 1.5,
        "{episodes}"
    );
    for field in [
        "name",
        "seed",
        "episodes",
        "segments",
        "return_first",
        "return_last",
        "wall_seconds",
    ] {
        assert!(!summary[field].is_null(), "{field}");
    }
    let evaluation = summary["evaluation"].as_array().unwrap();
    let names: Vec<_> = evaluation
        .iter()
        .map(|row| row["controller"].as_str().unwrap())
        .collect();
    // Absolute choices have none that leaves a knob alone, so `no_op` is not among them.
    assert_eq!(names, ["policy", "default", "best_static", "random"]);
    for row in evaluation {
        let outcome = &row["outcome"];
        for figure in [
            &row["validation_loss"],
            &row["test_accuracy"],
            &outcome["cost"],
        ] {
            assert!(figure["mean"].as_f64().unwrap() > 0.0, "{row}");
            assert!(figure["standard_error"].is_number());
        }
        // The cost to the target is of the runs that reached it.
        let reached = row["reached"].as_f64().unwrap() > 0.0;
        assert_eq!(row["median_cost_to_target"].is_number(), reached, "{row}");
    }
    for picture in [
        "reward_curve",
        "actions",
        "comparison",
        "training_1",
        "training_2",
    ] {
        let path = folder.0.join(format!("one/plots/{picture}.png"));
        let png = std::fs::read(&path).unwrap();
        assert_eq!(&png[1..4], b"PNG", "{picture}");
    }
    // Pictures come from the records alone.
    let message = bad(&Command::new(env!("CARGO_BIN_EXE_plot"))
        .current_dir(&folder.0)
        .args(["one", "--out", "small.ron"])
        .output()
        .unwrap());
    assert!(message.contains("ends in .png"), "{message}");
    std::fs::remove_dir_all(folder.0.join("one/plots")).unwrap();
    good(
        &Command::new(env!("CARGO_BIN_EXE_plot"))
            .current_dir(&folder.0)
            .arg("one")
            .output()
            .unwrap(),
    );
    assert!(folder.0.join("one/plots/reward_curve.png").exists());
    let evaluate = Command::new(env!("CARGO_BIN_EXE_evaluate"))
        .current_dir(&folder.0)
        .arg("one")
        .output()
        .unwrap();
    good(&evaluate);
    assert!(String::from_utf8_lossy(&evaluate.stdout).contains("policy against default"));
}

#[test]
fn a_killed_run_is_resumed_to_the_same_bits() {
    let folder = Folder::new("killed");
    let long = ["small.ron", "--set", "training.updates=12"];
    good(&folder.run(&[&long[..], &["--out", "whole"]].concat()));
    for (attempt, updates) in [1u64, 4, 9].into_iter().enumerate() {
        let out = format!("killed{attempt}");
        let mut child = folder
            .train(&[&long[..], &["--out", &out]].concat())
            .spawn()
            .unwrap();
        let progress = folder.0.join(&out).join("progress.json");
        wait_for(&progress, updates);
        child.kill().unwrap();
        child.wait().unwrap();
        good(&folder.run(&["--resume", "--out", &out]));
        assert_eq!(
            bits(&folder, "whole"),
            bits(&folder, &out),
            "killed after {updates} updates"
        );
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on() {
    let folder = Folder::new("interrupted");
    let long = ["small.ron", "--set", "training.updates=12"];
    good(&folder.run(&[&long[..], &["--out", "whole"]].concat()));
    let child = folder
        .train(&[&long[..], &["--out", "stopped"]].concat())
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&folder.0.join("stopped/progress.json"), 2);
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{message}");
    // A run is not given in the place of a config.
    let refused = bad(&folder.run(&["--resume", "stopped"]));
    assert!(refused.contains("--out"), "{refused}");
    // What it says to do is what goes on.
    let command = message.split('`').nth(1).unwrap();
    good(&folder.run(&command.split(' ').collect::<Vec<_>>()));
    assert_eq!(bits(&folder, "whole"), bits(&folder, "stopped"));
}

/// Waits until a run has this many updates in its checkpoint.
fn wait_for(progress: &Path, updates: u64) {
    for _ in 0..6000 {
        let done = std::fs::read(progress)
            .ok()
            .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
            .and_then(|value| value["updates"].as_u64());
        if done.is_some_and(|done| done >= updates) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("no checkpoint after 30 s");
}

/// The default's batches are no larger than the data.
#[test]
fn fewer_rows_than_the_default_batch_are_enough() {
    let folder = Folder::new("few");
    let text = SMALL
        .replace("max_train: 200", "max_train: 40")
        .replace("Values([16, 32, 64])", "Values([16, 32])");
    std::fs::write(folder.0.join("few.ron"), text).unwrap();
    good(&folder.run(&["few.ron", "--out", "few"]));
    assert!(folder.read("few/summary.json").contains("\"default\""));

    // Records say which burn they are of.
    let versions: serde_json::Value =
        serde_json::from_str(&folder.read("few/versions.json")).unwrap();
    let pinned = format!(
        "burn = {{ version = \"={}\"",
        versions["burn"].as_str().unwrap()
    );
    let workspace = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    assert!(workspace.contains(&pinned), "{pinned}");
}

/// Squares of such values are no numbers of 32 bits any more.
#[test]
fn data_without_a_finite_loss_are_named() {
    let folder = Folder::new("huge");
    let rows: String = (0..300)
        .map(|i| format!("{},{}e24\n", i % 7, 1 + i))
        .collect();
    std::fs::write(folder.0.join("huge.csv"), format!("x,y\n{rows}")).unwrap();
    let data = "Csv(path: \"huge.csv\", target: \"y\", kind: Regression)";
    let text = SMALL
        .replace("Embedded(\"digits\")", data)
        .replace("max_train: 200", "max_train: 100, standardise: None");
    std::fs::write(folder.0.join("huge.ron"), text).unwrap();
    let message = bad(&folder.run(&["huge.ron", "--out", "huge"]));
    assert!(
        message.contains("huge mlp 8 sgd") && message.contains("finite loss"),
        "{message}"
    );
}

/// A learning rate of 1e6 makes every loss infinite: divergences are outcomes.
#[test]
fn a_diverging_training_is_reported_and_recovered_from() {
    let folder = Folder::new("diverging");
    let text = SMALL
        .replace("LogUniform(1e-5, 10.0)", "LogUniform(1e-5, 1e8)")
        .replace("LogUniform(1e-3, 1.0)", "Fixed(1e6)");
    std::fs::write(folder.0.join("wild.ron"), text).unwrap();
    good(&folder.run(&["wild.ron", "--out", "wild"]));
    let records = folder.read("wild/events.jsonl");
    assert!(records.contains("\"diverged\":true"));
    assert!(!records.contains("NaN") && !records.contains("inf"));
}

/// As `benchmark | head` does: whoever read has had enough.
#[test]
fn a_closed_pipe_ends_a_program_quietly() {
    let folder = Folder::new("pipe");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = folder.train(&["small.ron", "--print-config"]);
    let output = command.stdout(writer).output().unwrap();
    good(&output);
    assert!(output.stderr.is_empty());
}

#[test]
fn the_resolved_config_is_printed_and_can_be_used_again() {
    let folder = Folder::new("print");
    let printed = folder.run(&["small.ron", "--seed", "9", "--print-config"]);
    good(&printed);
    std::fs::write(folder.0.join("printed.ron"), &printed.stdout).unwrap();
    let again = folder.run(&["printed.ron", "--print-config"]);
    assert_eq!(printed.stdout, again.stdout);
    assert!(String::from_utf8_lossy(&again.stdout).contains("seed: 9"));
}

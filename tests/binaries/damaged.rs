//! Damaged run directories and hostile options: refused at once, by name, with nothing changed.

use crate::{Folder, bad, good};
use std::process::Command;

/// What resuming says after `damage` was done to a run of two updates, and that it left the records as they were.
fn resumed(name: &str, damage: impl Fn(&Folder)) -> String {
    let folder = Folder::new(name);
    good(&folder.run(&["small.ron", "--out", "run", "--set", "training.updates=2"]));
    damage(&folder);
    let events = folder.0.join("run/events.jsonl");
    let length = || std::fs::metadata(&events).map_or(0, |there| there.len());
    let before = length();
    let message = bad(&folder.run(&["--resume", "--out", "run"]));
    assert_eq!(length(), before, "{message}");
    message
}

/// One number of `progress.json` becomes another.
fn lying(folder: &Folder, field: &str, number: u64) {
    let mut progress: serde_json::Value =
        serde_json::from_str(&folder.read("run/progress.json")).unwrap();
    progress[field] = number.into();
    std::fs::write(folder.0.join("run/progress.json"), progress.to_string()).unwrap();
}

#[test]
fn records_that_are_too_short_are_not_padded() {
    let events = |folder: &Folder| folder.0.join("run/events.jsonl");
    let message = resumed("shortened", |folder| {
        let text = folder.read("run/events.jsonl");
        std::fs::write(events(folder), &text[..100]).unwrap();
    });
    assert!(
        message.contains("events.jsonl is") && message.contains("progress.json"),
        "{message}"
    );
    let message = resumed("missing", |folder| {
        std::fs::remove_file(events(folder)).unwrap()
    });
    assert!(message.contains("events.jsonl is missing"), "{message}");
    let message = resumed("sparse", |folder| lying(folder, "bytes", 6_000_000_000));
    assert!(message.contains("6000000000"), "{message}");
    let message = resumed("updates", |folder| lying(folder, "updates", 9));
    assert!(
        message.contains("2 updates") && message.contains("says 9"),
        "{message}"
    );
    let message = resumed("checkpoint", |folder| {
        std::fs::remove_file(folder.0.join("run/checkpoint-2.json")).unwrap();
    });
    assert!(message.contains("checkpoint-2.json"), "{message}");
    let message = resumed("progress", |folder| {
        std::fs::remove_file(folder.0.join("run/progress.json")).unwrap();
    });
    assert!(message.contains("progress.json is missing"), "{message}");
    let message = resumed("byte", |folder| {
        let file = folder.0.join("run/checkpoint-2.json");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen("0.1", "0.2", 1)).unwrap();
    });
    assert!(
        message.contains("checkpoint-2.json") && message.contains("checksum"),
        "{message}"
    );
}

#[test]
fn hostile_numbers_are_named_before_anything_is_done() {
    let folder = Folder::new("hostile");
    let refused = |set: &str| {
        let output = folder.run(&["small.ron", "--print-config", "--set", set]);
        let printed = bad(&output);
        let run = bad(&folder.run(&["small.ron", "--out", "hostile", "--set", set]));
        assert_eq!(printed, run);
        assert!(!folder.0.join("hostile").exists(), "{set}");
        printed
    };
    let huge = u64::MAX;
    for (set, word) in [
        (
            "environment.Tuning.cost.Modelled.per_example=1e307".to_owned(),
            "cost.per_example",
        ),
        (
            "environment.Tuning.cost.Modelled.per_update=NaN".to_owned(),
            "cost.per_update",
        ),
        (
            "environment.Tuning.process.observation.history=100000".to_owned(),
            "observation.history",
        ),
        (
            "environment.Tuning.process.segments.full=0".to_owned(),
            "segments.full",
        ),
        (
            "environment.Tuning.process.budget=Epochs(0)".to_owned(),
            "budget",
        ),
        ("environment.Tuning.process.knobs=[]".to_owned(), "knobs"),
        (
            "environment.Tuning.process.reward.anytime=inf".to_owned(),
            "reward.anytime",
        ),
        (format!("evaluation.reruns={huge}"), "evaluation.reruns"),
        (format!("policy.hidden=[{huge}]"), "policy.hidden[0]"),
        (
            format!("environment.Tuning.tasks.0.model.Mlp.hidden=[{huge}]"),
            "model.hidden[0]",
        ),
        (
            format!("training.rollout=Episodes({huge})"),
            "rollout.Episodes",
        ),
        (
            "environment.Tuning.tasks.1.label_noise=2".to_owned(),
            "label_noise",
        ),
        ("training.self_critical=true".to_owned(), "self_critical"),
    ] {
        let message = refused(&set);
        assert!(message.contains(word), "{set}: {message}");
    }
}

#[test]
fn a_reward_without_bounds_ends_the_training_and_leaves_records_that_read_back() {
    let folder = Folder::new("infinite");
    let run = folder.run(&[
        "small.ron",
        "--out",
        "run",
        "--set",
        "training.updates=2",
        "--set",
        "environment.Tuning.process.reward.anytime=1e20",
    ]);
    let message = bad(&run);
    assert!(
        message.contains("update 1") && message.contains("not finite"),
        "{message}"
    );
    let events = folder.read("run/events.jsonl");
    for line in events.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            event["event"].is_string() && !line.contains("null"),
            "{line}"
        );
    }
}

#[test]
fn a_run_of_another_program_is_sent_back_to_it() {
    let folder = Folder::new("other-program");
    let run = folder.0.join("run");
    std::fs::create_dir(&run).unwrap();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/corridor.ron");
    std::fs::copy(config, run.join("config.ron")).unwrap();
    std::fs::write(run.join("versions.json"), r#"{"program": "corridor"}"#).unwrap();
    for (binary, command) in [
        (env!("CARGO_BIN_EXE_evaluate"), "evaluate run"),
        (env!("CARGO_BIN_EXE_explain"), "explain run"),
    ] {
        let output = Command::new(binary)
            .current_dir(&folder.0)
            .arg("run")
            .output();
        let message = bad(&output.unwrap());
        assert!(
            message.contains(&format!("`corridor {command}`")),
            "{message}"
        );
        assert!(message.len() < 300, "{message}");
    }
    let message = bad(&folder.run(&["--resume", "--out", "run"]));
    assert!(
        message.contains("`corridor train --resume --out run`"),
        "{message}"
    );
}

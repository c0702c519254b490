//! The binary `benchmark`, and runs on environments that are no trainings.

use super::{Folder, bad, bits, good, wait_for};
use serde_json::Value;
use std::process::{Command, Output};

/// Learners in small: each has to get well above chance, which has 22 on CartPole, 0 % of the way on Sigmoid, about -6.9 on
/// Luby and the cutoff of 2,000 evaluations mostly unsolved on LeadingOnes.
const SMALL: &str = r#"[
    (
        environment: "CartPole-v1",
        algorithm: Ppo((common: (gamma: 0.98, entropy: 0.0), lambda: 0.9, epochs: 10)),
        policy: (activation: Relu),
        rollout: Steps(environments: 8, steps: 64),
        steps: 20_000, episodes: 10, score: Return, target: AtLeast(150),
    ),
    (
        environment: "sigmoid-2d-engineered",
        algorithm: Reinforce(()),
        rollout: Episodes(16),
        steps: 3_000, episodes: 300, score: Share, target: AtLeast(1),
    ),
    (
        environment: "CartPole-v1",
        algorithm: A2c((common: (learning_rate: 0.002, entropy: 0.0), lambda: 1.0, normalise_advantages: false)),
        rollout: Steps(environments: 8, steps: 5),
        steps: 30_000, episodes: 10, score: Return, target: AtLeast(60),
    ),
    (
        environment: "luby-shifted-8-engineered",
        algorithm: Ppo((common: (gamma: 0.0, learning_rate: 0.003), lambda: 0.0)),
        policy: (activation: Relu),
        rollout: Steps(environments: 16, steps: 64),
        steps: 60_000, episodes: 200, score: Return, target: AtLeast(-3),
    ),
    (
        environment: "leading-ones-50-123-normalised",
        algorithm: Ppo((common: (gamma: 0.5, scale_rewards: true))),
        policy: (activation: Relu),
        rollout: Steps(environments: 16, steps: 128),
        steps: 100_000, episodes: 50, limit: 10_000, score: Evaluations, target: AtMost(1300),
    ),
]"#;

fn benchmark(folder: &Folder, arguments: &[&str]) -> Output {
    std::fs::write(folder.0.join("benchmark.ron"), SMALL).unwrap();
    Command::new(env!("CARGO_BIN_EXE_benchmark"))
        .current_dir(&folder.0)
        .args(arguments)
        .output()
        .unwrap()
}

fn records(output: &Output) -> Vec<Value> {
    good(output);
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn learners_reach_their_targets_and_do_not_depend_on_the_number_of_threads() {
    let folder = Folder::new("benchmark");
    let run = |jobs: &str| {
        let arguments = [
            "--config",
            "benchmark.ron",
            "--seeds",
            "2",
            "--json",
            "--jobs",
            jobs,
        ];
        let mut records = records(&benchmark(&folder, &arguments));
        assert_eq!(records.len(), 10);
        for record in &mut records {
            let fields: Vec<&String> = record.as_object().unwrap().keys().collect();
            let mut named = [
                "environment",
                "algorithm",
                "seed",
                "steps",
                "score",
                "standard_error",
                "target",
                "reached",
                "wall_seconds",
                "steps_per_second",
            ];
            named.sort_unstable();
            assert_eq!(fields, named);
            assert_eq!(record["reached"], true, "{record}");
            for time in ["wall_seconds", "steps_per_second"] {
                assert!(record[time].as_f64().unwrap() > 0.0);
                record[time] = Value::Null;
            }
        }
        assert!(records[0]["steps"].as_u64().unwrap() <= 20_000);
        records
    };
    assert_eq!(run("1"), run("2"));
}

#[test]
fn names_select_and_unknown_ones_are_explained() {
    let folder = Folder::new("benchmark-names");
    let table = benchmark(
        &folder,
        &["sigmoid*", "--config", "benchmark.ron", "--seeds", "1"],
    );
    good(&table);
    let text = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(
        text.contains("sigmoid-2d-engineered") && !text.contains("CartPole"),
        "{text}"
    );
    assert!(text.contains("1 of 1"), "{text}");
    // As it is called where names are refused.
    let label = "sigmoid-2d-engineered (reinforce)";
    let arguments = [label, "--config", "benchmark.ron", "--seeds", "1", "--json"];
    assert_eq!(records(&benchmark(&folder, &arguments)).len(), 1);
    let message = bad(&benchmark(&folder, &["CartPole-v2"]));
    assert!(message.contains("CartPole-v1 (ppo)"), "{message}");
    let message = bad(&benchmark(&folder, &["CartPole-v1", "--algorithm", "dqn"]));
    assert!(message.contains("CartPole-v1 (a2c)"), "{message}");
}

/// Episodes go on from one rollout to the next, and so they do after a kill.
#[test]
fn a_killed_run_of_steps_is_resumed_to_the_same_bits() {
    let folder = Folder::new("killed-steps");
    let config = r#"(
        name: "steps",
        seed: 1,
        environment: Named(name: "CartPole-v1"),
        algorithm: Ppo((common: (scale_rewards: true))),
        policy: (normalise_observations: true),
        training: (updates: 60, rollout: Steps(environments: 4, steps: 32)),
        evaluation: (seeds: 2),
    )"#;
    std::fs::write(folder.0.join("steps.ron"), config).unwrap();
    good(&folder.run(&["steps.ron", "--out", "whole", "--jobs", "1"]));
    let mut child = folder
        .train(&["steps.ron", "--out", "killed"])
        .spawn()
        .unwrap();
    wait_for(&folder.0.join("killed/progress.json"), 7);
    child.kill().unwrap();
    child.wait().unwrap();
    good(&folder.run(&["--resume", "--out", "killed"]));
    assert_eq!(bits(&folder, "whole"), bits(&folder, "killed"));
}

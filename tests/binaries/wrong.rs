//! Wrong configs, command lines and files: each is explained, and leaves nothing behind.

use crate::{Folder, SMALL, bad, good};
use std::process::Command;

#[test]
fn bad_configs_are_explained_and_leave_nothing_behind() {
    let folder = Folder::new("bad");
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "updates: 3",
            "update: 3",
            &["bad.ron:", "update", "updates"],
        ),
        ("seed: 3,", "", &["bad.ron:", "seed"]),
        ("seed: 3", "seed: \"three\"", &["bad.ron:"]),
        ("Values([16, 32, 64])", "Values([])", &["knobs[1]", "empty"]),
        (
            "Values([16, 32, 64])",
            "Values([0, 32, 64])",
            &["knobs[1]", "above 0"],
        ),
        (
            "Values([16, 32, 64])",
            "Values([16, 32, 640])",
            &["knobs[1]", "640", "200 examples"],
        ),
        (
            "LogUniform(1e-5, 10.0)",
            "LogUniform(-1e-5, 10.0)",
            &["knobs[0]", "above 0"],
        ),
        (
            "LogUniform(1e-5, 10.0)",
            "LogUniform(1e-5, inf)",
            &["knobs[0]", "finite"],
        ),
        (
            "Embedded(\"digits\")",
            "Embedded(\"digit\")",
            &["bad.ron:", "digits"],
        ),
        (
            "Embedded(\"digits\")",
            "Csv(path: \"none.csv\", target: \"y\")",
            &["none.csv"],
        ),
        (
            "Embedded(\"digits\")",
            "Csv(path: \"ragged.csv\", target: \"y\")",
            &["ragged.csv", "line 3"],
        ),
        (
            "Embedded(\"digits\")",
            "Csv(path: \"text.csv\", target: \"y\", kind: Regression)",
            &["text.csv", "line 2", "column `y`", "`u`"],
        ),
        (
            "Embedded(\"digits\")",
            "Csv(path: \"single.csv\", target: \"y\")",
            &["single.csv"],
        ),
        (
            "Embedded(\"digits\")",
            "Idx(images: \"cut.idx\", labels: \"cut.idx\")",
            &["cut.idx"],
        ),
        (
            "data: Embedded(\"digits\")",
            "name: Some(\"wine-quality mlp 8 adam\"), data: Embedded(\"digits\")",
            &["tasks[1]", "tasks[0]", "wine-quality mlp 8 adam"],
        ),
        (
            "learning_rates: [0.01, 0.1]",
            "learning_rates: [0.0]",
            &["learning_rates"],
        ),
        (
            "updates: 3, rollout: Episodes(4)",
            "updates: 3, rollout: Episodes(0)",
            &["rollout.Episodes"],
        ),
        (
            "algorithm: Ppo(())",
            "algorithm: Ppo((clip: -1))",
            &["clip"],
        ),
    ];
    std::fs::write(folder.0.join("ragged.csv"), "a,y\n1,u\n2\n3,v\n").unwrap();
    std::fs::write(folder.0.join("text.csv"), "a,y\n1,u\nabc,v\n3,v\n").unwrap();
    std::fs::write(folder.0.join("single.csv"), "a,y\n1,u\n2,u\n3,u\n").unwrap();
    std::fs::write(folder.0.join("cut.idx"), [0, 0, 8, 3, 0, 0]).unwrap();
    for (from, to, words) in cases {
        let text = SMALL.replacen(from, to, 1);
        assert_ne!(text, SMALL, "{from}");
        std::fs::write(folder.0.join("bad.ron"), text).unwrap();
        let message = bad(&folder.run(&["bad.ron", "--out", "out"]));
        for word in *words {
            assert!(
                message.contains(word),
                "{to}: `{word}` is not in: {message}"
            );
        }
        assert!(!folder.0.join("out").exists(), "{to}");
    }
}

#[test]
fn bad_command_lines_and_files_are_explained() {
    let folder = Folder::new("lines");
    let explain = |arguments: &[&str], words: &[&str]| {
        let message = bad(&folder.run(arguments));
        for word in words {
            assert!(
                message.contains(word),
                "{arguments:?}: `{word}` is not in: {message}"
            );
        }
    };
    explain(&["none.ron"], &["none.ron"]);
    explain(&["small.ron", "--device", "gpu"], &["gpu", "flex"]);
    #[cfg(not(feature = "tch"))]
    explain(&["small.ron", "--device", "libtorch"], &["--features tch"]);
    explain(&["small.ron", "--jobs", "0"], &["--jobs"]);
    explain(&["small.ron", "--set", "training.rounds=3"], &["updates"]);
    explain(
        &["--resume", "--out", "nothing"],
        &["nothing", "config.ron"],
    );
    let unknown = folder.run(&["--colour"]);
    assert_eq!(unknown.status.code(), Some(2));

    good(&folder.run(&["small.ron", "--out", "run", "--set", "training.updates=1"]));
    explain(&["small.ron", "--out", "run"], &["run exists", "--resume"]);
    #[cfg(unix)]
    explain(
        &["small.ron", "--out", "/proc/nowhere/run"],
        &["/proc/nowhere"],
    );

    // A checkpoint cut short, one of another version, a policy of another environment.
    let checkpoint = folder.read("run/checkpoint-1.json");
    std::fs::write(
        folder.0.join("run/checkpoint-1.json"),
        &checkpoint[..checkpoint.len() / 2],
    )
    .unwrap();
    explain(
        &["--resume", "--out", "run"],
        &["checkpoint-1.json", "cut short"],
    );
    let other = checkpoint.replacen("\"version\":3", "\"version\":9", 1);
    std::fs::write(folder.0.join("run/checkpoint-1.json"), other).unwrap();
    explain(&["--resume", "--out", "run"], &["version 9"]);
    let policy = folder.read("run/policy.json");
    let policy = trimtab_env::seal::unseal(policy.as_bytes(), &[]).unwrap();
    let policy = std::str::from_utf8(&policy)
        .unwrap()
        .replace("\"x4\"", "\"x5\"");
    std::fs::write(folder.0.join("other.json"), policy).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_evaluate"))
        .current_dir(&folder.0)
        .args(["run", "--policy", "other.json"])
        .output()
        .unwrap();
    let message = bad(&output);
    assert!(message.contains("x5"), "{message}");
}

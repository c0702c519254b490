//! The real binaries on a cluster: the same bits as on one machine, whoever does the work and whatever happens to them. They need
//! `nats-server` in the path or in `NATS_SERVER`, and pass without it with a word; with `NATS_SERVER_REQUIRED` set they fail.

mod paused;

use super::compare::{compare, studies};
use super::{Folder, bits, good};
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that ends with the test.
pub(crate) struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        )
    }

    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        Command::new("kill").args([signal, &pid]).status().unwrap();
    }

    fn kill(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A server of the folder's own, and its address.
pub(crate) fn server(folder: &Folder) -> Option<(Running, String)> {
    let named = std::env::var_os("NATS_SERVER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|place| place.join("nats-server"));
    let program = named.or_else(|| places.find(|file| file.is_file()));
    let Some(program) = program else {
        assert!(std::env::var_os("NATS_SERVER_REQUIRED").is_none());
        eprintln!("skipped: there is no nats-server in the path");
        return None;
    };
    // It takes a port of its own and writes it down once it listens. A port that is found for it may be anybody's by then, even that of whoever
    // asks whether somebody listens there.
    let mut command = Command::new(program);
    command.args(["-js", "-a", "127.0.0.1", "-p", "-1", "-sd"]);
    command.arg(folder.0.join("store"));
    command.arg("--ports_file_dir").arg(&folder.0);
    let running = Running(command.stderr(Stdio::null()).spawn().unwrap());
    let ports = format!("nats-server_{}.ports", running.0.id());
    let ports = folder.0.join(ports);
    let begun = Instant::now();
    loop {
        let written = std::fs::read(&ports).unwrap_or_default();
        let written: serde_json::Value = serde_json::from_slice(&written).unwrap_or_default();
        if let Some(address) = written["nats"][0].as_str() {
            return Some((running, address.to_owned()));
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "no server");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn worker(folder: &Folder, address: &str, name: &str) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_work"));
    command.current_dir(&folder.0);
    Running::start(command.args(["--server", address, "--jobs", "1", "--folder", name]))
}

#[test]
fn a_run_on_a_cluster_is_the_same_bits_as_on_one_machine_and_workers_leave_when_told() {
    let folder = Folder::new("cluster");
    let Some((_server, address)) = server(&folder) else {
        return;
    };
    good(&folder.run(&["small.ron", "--jobs", "2", "--out", "here"]));
    let mut lost = worker(&folder, &address, "lost");
    let mut kept = worker(&folder, &address, "kept");
    let run = folder
        .train(&["small.ron", "--workers", &address, "--out", "there"])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // One of the workers is killed in the middle of it.
    let begun = Instant::now();
    while !folder.0.join("there/events.jsonl").exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it does not begin"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    lost.kill();
    good(&run.wait_with_output().unwrap());
    assert_eq!(bits(&folder, "here"), bits(&folder, "there"));

    kept.signal("-TERM");
    let begun = Instant::now();
    while kept.0.try_wait().unwrap().is_none() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it does not leave"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(kept.0.wait().unwrap().success());
}

#[test]
fn a_killed_run_on_a_cluster_goes_on_to_the_same_bits() {
    let folder = Folder::new("cluster-resumed");
    let Some((_server, address)) = server(&folder) else {
        return;
    };
    good(&folder.run(&["small.ron", "--jobs", "2", "--out", "here"]));
    let _worker = worker(&folder, &address, "worker");
    let mut run =
        Running::start(&mut folder.train(&["small.ron", "--workers", &address, "--out", "there"]));
    let begun = Instant::now();
    while !folder.0.join("there/progress.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(90), "no checkpoint");
        std::thread::sleep(Duration::from_millis(10));
    }
    run.kill();
    good(&folder.run(&["--resume", "--out", "there", "--workers", &address]));
    assert_eq!(bits(&folder, "here"), bits(&folder, "there"));
}

/// Data travel by their content: the worker has only what it was sent.
#[test]
fn tables_comparisons_and_runs_travel() {
    let folder = Folder::new("cluster-tables");
    let Some((_server, address)) = server(&folder) else {
        return;
    };
    let mut rows = String::from("a,b,y\n");
    for row in 0_u32..240 {
        let (a, b) = (row * 7 % 31, row * 13 % 17);
        rows.push_str(&format!(
            "{a},{b},{}\n",
            if a > b { "more" } else { "less" }
        ));
    }
    std::fs::write(folder.0.join("rows.csv"), rows).unwrap();
    std::fs::create_dir(folder.0.join("far")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_work"));
    command.current_dir(folder.0.join("far"));
    // Nothing is kept for later jobs; what an open job reads stays.
    let options = ["--server", &address, "--jobs", "2", "--keep", "0"];
    let _worker = Running::start(command.args(options));
    let tune = |out: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tune"));
        command.current_dir(&folder.0);
        command.args(["--data", "rows.csv", "--target", "y", "--model", "mlp"]);
        command
            .args(["--epochs", "2", "--runs", "3", "--out", out])
            .args(more);
        good(&command.output().unwrap());
        std::fs::read(folder.0.join(out).join("model.bpk")).unwrap()
    };
    assert_eq!(tune("here", &[]), tune("there", &["--workers", &address]));
    let sent = std::fs::read_dir(folder.0.join("far/worker/files")).unwrap();
    assert_eq!(sent.count(), 1);

    let compare = |out: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
        command.current_dir(&folder.0);
        command.args(["--seeds", "1", "--out", out]).args(more);
        good(&command.output().unwrap());
        std::fs::read_to_string(folder.0.join(out).join("records.jsonl")).unwrap()
    };
    assert_eq!(
        compare("compared", &[]),
        compare("compared-there", &["--workers", &address])
    );
}

/// A fit of two generations on tiny trainings.
const FIT: &str = r#"(
    name: "small_fit",
    seed: 1,
    distribution: (
        sources: [(data: Embedded("digits"), standardise: Global, rows: 600)],
        synthetic: 0.5,
        train_rows: (100, 200),
        validation_rows: 50,
        layers: (1, 1),
        width: (8, 16),
        activations: [Relu],
        optimizers: [Sgd(momentum: 0.9), Adam()],
    ),
    tasks: 4,
    episodes: 3,
    cost: Modelled((per_update: 7e-5, per_example: 1e-6, per_evaluation: 3.3e-7)),
    process: (
        knobs: [(name: "learning_rate", domain: LogUniform(1e-9, 1e3), initial: LogUniform(1e-4, 1), moves: Relative([1]))],
        budget: EpochsBetween(2, 4),
    ),
    space: [(name: "start.base", domain: Uniform(-2.7, -0.9))],
    searcher: (population: 6, elite: 2),
    generations: 2,
    check: 2,
)"#;

/// A learner on Sigmoid, in a few updates.
const LEARNER: &str = r#"[(
    environment: "sigmoid-2d-engineered",
    algorithm: Reinforce(()),
    rollout: Episodes(16),
    steps: 640, episodes: 20, score: Share, target: AtLeast(0),
)]"#;

#[test]
fn fits_and_benchmarks_travel() {
    let folder = Folder::new("cluster-fit");
    let Some((_server, address)) = server(&folder) else {
        return;
    };
    std::fs::write(folder.0.join("fit.ron"), FIT).unwrap();
    std::fs::write(folder.0.join("learner.ron"), LEARNER).unwrap();
    let only = worker(&folder, &address, "only");
    let run = |program: &str, arguments: &[&str], elsewhere: bool| {
        let mut command = Command::new(program);
        command.current_dir(&folder.0).args(arguments);
        if elsewhere {
            command.args(["--workers", &address]);
        }
        let output = command.output().unwrap();
        good(&output);
        String::from_utf8(output.stdout).unwrap()
    };
    for (out, elsewhere) in [("here", false), ("there", true)] {
        run(
            env!("CARGO_BIN_EXE_fit"),
            &["fit.ron", "--out", out],
            elsewhere,
        );
    }
    for file in ["records.jsonl", "fit.json", "context_servo.ron"] {
        let read = |out: &str| folder.read(&format!("{out}/{file}"));
        assert_eq!(read("here"), read("there"), "{file}");
    }
    // All but the time that it takes.
    let scores = |elsewhere: bool| -> Vec<serde_json::Value> {
        let arguments = ["--config", "learner.ron", "--seeds", "3", "--json"];
        let printed = run(env!("CARGO_BIN_EXE_benchmark"), &arguments, elsewhere);
        let lines = printed.lines().map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            let fields = line.as_object_mut().unwrap();
            fields.retain(|name, _| name != "wall_seconds" && name != "steps_per_second");
            line
        });
        lines.collect()
    };
    let here = scores(false);
    assert_eq!(here.len(), 3);
    assert_eq!(here, scores(true));
    // Nothing of that was done here: the worker had units of both.
    only.signal("-TERM");
    let mut only = only;
    let mut summary = String::new();
    let stdout = only.0.stdout.as_mut().unwrap();
    stdout.read_to_string(&mut summary).unwrap();
    let done: usize = summary
        .lines()
        .find_map(|line| line.split_once(" units done"))
        .and_then(|(count, _)| count.rsplit(' ').next()?.parse().ok())
        .unwrap();
    assert!(done > 3, "{summary}");
}

/// What a user gets wrong, before anybody is asked.
#[test]
fn options_of_a_cluster_that_do_not_fit_are_said_to_be_wrong() {
    let folder = Folder::new("cluster-options");
    let said = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let output = command.current_dir(&folder.0).args(arguments).output();
        let output = output.unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let nobody = "nats://127.0.0.1:1";
    let status = env!("CARGO_BIN_EXE_status");
    let strategy = ["--server", nobody, "--run", "x", "--strategy", "foo"];
    let wrong = said(status, &strategy);
    assert!(
        wrong.contains("'foo'") && wrong.contains("least-load, priority, round-robin"),
        "{wrong}"
    );
    let both = said(status, &["--server", nobody, "--token", "t", "--nkey", "n"]);
    assert!(
        both.contains("'--token <TOKEN>' cannot be used with"),
        "{both}"
    );
    let work = said(env!("CARGO_BIN_EXE_work"), &["--keep=-1"]);
    assert!(work.contains("a number of GiB"), "{work}");
    let train = ["small.ron", "--workers", nobody, "--strategy", "least-lode"];
    let near = said(env!("CARGO_BIN_EXE_train"), &train);
    assert!(near.contains("did you mean `least-load`?"), "{near}");
}

/// What happened in searches comes with their results, whoever played them, and is written once.
#[test]
fn searches_that_are_played_elsewhere_are_shown_as_if_they_were_here() {
    let folder = Folder::new("cluster-optuna");
    let Some((_server, address)) = server(&folder) else {
        return;
    };
    let run = |arguments: &[&str]| good(&compare(&folder, arguments).output().unwrap());
    let _kept = worker(&folder, &address, "kept");
    let mut lost = worker(&folder, &address, "lost");
    run(&["compare.ron", "--out", "here", "--optuna", "here.log"]);
    let elsewhere = [
        "--out",
        "there",
        "--optuna",
        "there.log",
        "--workers",
        &address,
    ];
    let arguments = [&["compare.ron"], &elsewhere[..]].concat();
    let playing = Running::start(&mut compare(&folder, &arguments));
    let records = folder.0.join("there/records.jsonl");
    let begun = Instant::now();
    while std::fs::read_to_string(&records).map_or(0, |text| text.lines().count()) < 5 {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it does not begin"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    // A worker is killed, then whoever hands out the searches; the next goes on.
    lost.kill();
    drop(playing);
    run(&arguments);
    assert_eq!(
        folder.read("there/records.jsonl"),
        folder.read("here/records.jsonl")
    );
    let wanted = studies(&folder, "here.log");
    assert_eq!(studies(&folder, "there.log"), wanted);
    assert!(wanted.iter().any(|study| study.contains("state: Pruned")));
}

#[test]
fn a_server_that_is_not_there_is_said_before_anything_is_written() {
    let folder = Folder::new("cluster-nobody");
    let output = folder.run(&[
        "small.ron",
        "--workers",
        "nats://127.0.0.1:1",
        "--out",
        "no",
    ]);
    let said = super::bad(&output);
    assert!(said.contains("nobody listens"), "{said}");
    assert!(!folder.0.join("no").exists());
}

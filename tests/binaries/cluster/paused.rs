//! Trainings that are paused, or whose worker leaves, and go on.

use super::{Running, server, worker};
use crate::{Folder, good};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use trimtab_cluster::status::Watcher;

/// A comparison whose first unit is two trainings of so many passes, and its second one.
fn long_trainings(passes: &str) -> String {
    format!(
        r#"(
    name: "long",
    seed: 3,
    tasks: [(
        data: Embedded("digits"),
        split: (validation: Rows(100), test: Rows(100), max_train: 200),
        model: Mlp(hidden: [8]),
        optimizer: Sgd(),
    )],
    process: (
        knobs: [(
            name: "learning_rate",
            domain: LogUniform(1e-5, 10.0),
            initial: LogUniform(1e-3, 1.0),
            moves: Servo(()),
        )],
        settings: {{ "batch_size": 32 }},
        segments: (short: 1, short_share: 0.5, full: 60),
        budget: Epochs({passes}),
    ),
    seeds: 1,
    space: [
        (name: "learning_rate", domain: LogUniform(1e-3, 1.0)),
        (name: "batch_size", domain: Values([32])),
    ],
    methods: [Schedule(name: "default", schedule: Constant, peak: Default)],
    grid: (learning_rates: [0.01], batch_sizes: [32], reruns: 1),
)"#
    )
}

/// Comparisons of one long training, by workers or here.
struct Long<'a> {
    folder: &'a Folder,
    address: &'a str,
    watcher: Watcher,
}

impl<'a> Long<'a> {
    fn new(folder: &'a Folder, address: &'a str) -> Self {
        let server = trimtab_cluster::Server::at(address.to_owned());
        Self {
            folder,
            address,
            watcher: Watcher::connect(&server, std::sync::Arc::new(|_: &str| {})).unwrap(),
        }
    }

    fn compare(&self, passes: &str, out: &str, more: &[&str]) -> Command {
        let config = format!("{passes}.ron");
        std::fs::write(self.folder.0.join(&config), long_trainings(passes)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
        command.current_dir(&self.folder.0);
        command.args([&config, "--out", out]).args(more);
        command
    }

    /// The run of so many passes, once a worker has said that it does it, or once it is over.
    fn begun(&self, passes: &str) -> Running {
        let out = format!("long-{passes}");
        let workers = ["--workers", self.address, "--strategy", "priority"];
        let mut command = self.compare(passes, &out, &workers);
        command.stderr(std::fs::File::create(self.said()).unwrap());
        let mut long = Running(command.stdout(Stdio::null()).spawn().unwrap());
        let begun = Instant::now();
        let is_running = || {
            let workers = self.watcher.status().unwrap().workers;
            let mut units = workers.iter().flat_map(|worker| &worker.heartbeat.in_hand);
            units.any(|unit| unit.running && unit.run.as_str().starts_with(&out))
        };
        while long.0.try_wait().unwrap().is_none() && !is_running() {
            let seconds = begun.elapsed().as_secs();
            assert!(seconds < 60, "nobody does it");
            std::thread::sleep(Duration::from_millis(20));
        }
        long
    }

    fn said(&self) -> std::path::PathBuf {
        self.folder.0.join("long.txt")
    }

    /// Whether its coordinator said that the training goes on from where it was.
    fn went_on(&self) -> bool {
        let said = std::fs::read_to_string(self.said()).unwrap();
        said.contains("goes on from there wherever a worker is free")
    }

    fn records(&self, out: &str) -> String {
        self.folder.read(&format!("{out}/records.jsonl"))
    }

    fn is_the_same_here(&self, passes: &str, out: &str) {
        good(&self.compare(passes, "here", &[]).output().unwrap());
        assert_eq!(self.records(out), self.records("here"));
        std::fs::remove_dir_all(self.folder.0.join("here")).unwrap();
    }
}

/// A unit can be paused once its worker has said that it runs, within three seconds. On a fast machine it may have ended: a longer one follows.
const PASSES: [&str; 2] = ["200000", "500000"];

/// A run of higher priority takes the only worker of a training that is under way, which goes on afterwards.
#[test]
fn a_training_is_paused_for_an_urgent_run_and_is_the_same_bits() {
    let folder = Folder::new("cluster-paused");
    let Some((_server, address)) = server(&folder) else {
        return;
    };
    let mut only = worker(&folder, &address, "only");
    let runs = Long::new(&folder, &address);
    let long = PASSES.into_iter().find(|passes| {
        let mut long = runs.begun(passes);
        let urgent = ["--workers", &address, "--priority", "1"];
        let urgent = runs.compare("20", &format!("urgent-{passes}"), &urgent);
        good(&{ urgent }.output().unwrap());
        let goes_on = long.0.try_wait().unwrap().is_none();
        assert!(long.0.wait().unwrap().success());
        goes_on && runs.went_on()
    });
    let long = long.expect("it is paused, and the urgent run does not wait for it");
    only.signal("-TERM");
    let mut summary = String::new();
    let stdout = only.0.stdout.as_mut().unwrap();
    stdout.read_to_string(&mut summary).unwrap();
    assert!(summary.contains(" 0 failed"), "{summary}");
    runs.is_the_same_here(long, &format!("long-{long}"));
    runs.is_the_same_here("20", &format!("urgent-{long}"));
}

#[test]
fn a_training_whose_worker_leaves_goes_on_at_another_and_is_the_same_bits() {
    let folder = Folder::new("cluster-handed");
    let Some((_server, address)) = server(&folder) else {
        return;
    };
    let runs = Long::new(&folder, &address);
    let long = PASSES.into_iter().find(|passes| {
        let mut leaving = worker(&folder, &address, &format!("leaving-{passes}"));
        let mut long = runs.begun(passes);
        leaving.signal("-TERM");
        assert!(leaving.0.wait().unwrap().success());
        let _other = worker(&folder, &address, &format!("other-{passes}"));
        assert!(long.0.wait().unwrap().success());
        runs.went_on()
    });
    let long = long.expect("it is handed over in its middle");
    runs.is_the_same_here(long, &format!("long-{long}"));
}

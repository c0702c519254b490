//! Ctrl-C while something is tuned.

use super::{classes, good, json, predicted, report, rows, tune};
use crate::Folder;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A training of many epochs under way, and what it says.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
    said: String,
}

impl Running {
    fn begin(folder: &Folder, epochs: &str, arguments: &[&str]) -> Self {
        std::fs::write(folder.0.join("data.csv"), classes()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tune"))
            .current_dir(&folder.0)
            .args(["--data", "data.csv", "--target", "answer", "--hidden", "8"])
            .args(["--epochs", epochs, "--out", "out"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            output,
            said: String::new(),
        }
    }

    /// Waits for a line with these words.
    fn says(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            let read = self.output.read_line(&mut line).unwrap();
            assert!(read > 0, "`{words}` was not said: {}", self.said);
            self.said += &line;
        }
    }

    fn interrupt(&self) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(killed.success());
    }

    /// Waits for the end: everything that was said, and the message.
    fn end(mut self) -> (String, String) {
        self.output.read_to_string(&mut self.said).unwrap();
        let output = self.child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{message}");
        assert!(!message.contains("panicked"), "{message}");
        (self.said, message)
    }
}

#[test]
fn it_ends_after_the_update_under_way_and_keeps_the_best_so_far() {
    let folder = Folder::new("tune-interrupted");
    // Segments of a fraction of a second.
    let mut running = Running::begin(&folder, "20000", &["--compare-defaults"]);
    running.says("wanted: start at");
    for _ in 0..6 {
        running.says("%");
    }
    running.interrupt();
    let (said, message) = running.end();
    assert!(
        message.contains("interrupted") && message.contains("out"),
        "{message}"
    );
    assert!(!said.contains("the budget is spent"), "{said}");
    assert!(
        said.contains("test, tuned: loss") && !said.contains("default settings"),
        "{said}"
    );

    let segments = folder.read("out/segments.jsonl");
    let told = said.lines().filter(|line| line.contains("% ")).count();
    assert_eq!(segments.lines().count(), told, "{said}");
    assert!((6..29).contains(&told), "{told}");
    let report = report(&folder, "out");
    assert_eq!(report["interrupted"], true);
    assert!(
        report["tuned"]["metrics"]["accuracy"].as_f64().unwrap() > 0.8,
        "{report}"
    );
    assert!(report["defaults"].is_null());
    let png = std::fs::read(folder.0.join("out/tune.png")).unwrap();
    assert_eq!(&png[1..4], b"PNG");
    assert!(json(&folder, "out/model.json").is_object());
    assert_eq!(rows(&predicted(&folder, "out")).len(), 400);

    // Its schedule is one of what was spent, and can be replayed.
    let schedule = folder.read("out/schedule.ron");
    assert_eq!(schedule.matches("share:").count(), told);
    let table = ["--data", "data.csv", "--target", "answer", "--epochs", "2"];
    let replay = ["--replay", "out/schedule.ron", "--out", "again"];
    good(&tune(&folder, &[&table[..], &replay].concat()));
}

#[test]
fn during_a_comparison_what_was_tuned_is_kept() {
    let folder = Folder::new("tune-interrupted-comparison");
    let mut running = Running::begin(&folder, "6000", &["--compare-defaults"]);
    running.says("the budget is spent");
    running.interrupt();
    let (said, message) = running.end();
    assert!(message.contains("interrupted"), "{message}");
    assert!(
        said.contains("test, tuned: loss") && !said.contains("default settings"),
        "{said}"
    );
    let report = report(&folder, "out");
    assert_eq!(report["interrupted"], true);
    assert!(report["defaults"].is_null() && report["tuned"]["loss"].is_number());
    assert_eq!(rows(&predicted(&folder, "out")).len(), 400);
}

#[test]
fn a_long_segment_ends_after_the_update_under_way() {
    let folder = Folder::new("tune-interrupted-long");
    // Segments of half a minute and more.
    let mut running = Running::begin(&folder, "10000000", &[]);
    running.says("start at");
    let clock = Instant::now();
    running.interrupt();
    while running.child.try_wait().unwrap().is_none() {
        if clock.elapsed() > Duration::from_secs(10) {
            running.child.kill().unwrap();
            panic!("it goes on");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    running.end();
    let report = report(&folder, "out");
    assert_eq!(report["interrupted"], true);
    assert_eq!(folder.read("out/segments.jsonl").lines().count(), 1);
    assert_eq!(rows(&predicted(&folder, "out")).len(), 400);
}

//! Where data come from and results go that are no plain files: pipes, links, devices.

use crate::Folder;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Two well-separated classes of 60 rows.
fn table() -> String {
    let row = |i: usize| format!("{}.{i},{}\n", i % 2, ["a", "b"][i % 2]);
    format!("x,y\n{}", (0..60).map(row).collect::<String>())
}

/// A binary with these words, fed by `input` through a pipe.
fn fed(folder: &Folder, binary: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(binary)
        .current_dir(&folder.0)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(input.as_bytes()).unwrap();
    drop(pipe);
    child.wait_with_output().unwrap()
}

/// A model in `folder`, trained on data that come through a pipe, which can be read once.
fn tuned(folder: &Folder) {
    let arguments = [
        "--data",
        "/dev/stdin",
        "--target",
        "y",
        "--epochs",
        "5",
        "--out",
        "model",
        "--compare-defaults",
    ];
    crate::good(&fed(
        folder,
        env!("CARGO_BIN_EXE_tune"),
        &arguments,
        &table(),
    ));
}

fn predict(folder: &Folder, out: &str) -> Output {
    let binary = env!("CARGO_BIN_EXE_predict");
    let arguments = [
        "--model",
        "model/model.json",
        "--data",
        "/dev/stdin",
        "--out",
        out,
    ];
    fed(folder, binary, &arguments, &table())
}

#[cfg(unix)]
#[test]
fn data_come_from_pipes_and_results_go_through_links_pipes_and_devices() {
    let folder = Folder::new("places");
    tuned(&folder);
    crate::good(&predict(&folder, "plain.csv"));
    let plain = folder.read("plain.csv");
    assert_eq!(plain.lines().count(), 61);

    std::fs::write(folder.0.join("real.csv"), "old").unwrap();
    std::os::unix::fs::symlink("real.csv", folder.0.join("link.csv")).unwrap();
    crate::good(&predict(&folder, "link.csv"));
    assert!(folder.0.join("link.csv").is_symlink());
    assert_eq!(folder.read("real.csv"), plain);

    let made = Command::new("mkfifo").arg(folder.0.join("pipe")).status();
    assert!(made.unwrap().success());
    let pipe = folder.0.join("pipe");
    let reader = std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap());
    crate::good(&predict(&folder, "pipe"));
    assert_eq!(reader.join().unwrap(), plain);

    crate::good(&predict(&folder, "/dev/null"));
    assert!(!Path::new("/dev/null").is_file());
    // The sentence about them is no part of predictions that go to the standard output.
    let output = predict(&folder, "/dev/stdout");
    crate::good(&output);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), plain);
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_is_not_replaced_by_a_folder() {
    let folder = Folder::new("dangling");
    std::os::unix::fs::symlink("nothing", folder.0.join("link")).unwrap();
    let output = folder.run(&["small.ron", "--out", "link"]);
    assert!(crate::bad(&output).contains("link exists"));
    assert!(folder.0.join("link").is_symlink());
}

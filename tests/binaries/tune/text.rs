//! `tune --text`, for which `tune-text` takes over.

use super::{Folder, bad};
use std::os::unix::fs::symlink;
use std::process::{Command, Output};

/// The neighbour of a program takes over with all words, and its exit code is that of the whole; without one it is said how to get it.
#[test]
fn another_program_takes_over() {
    let folder = Folder::new("tune-text");
    let tune = folder.0.join("tune");
    // By another process: what this one has open for writing, the children of other tests may have too, and it could not be run.
    let mut copy = Command::new("cp");
    let copied = copy.args([env!("CARGO_BIN_EXE_tune").as_ref(), tune.as_os_str()]);
    assert!(copied.status().unwrap().success());
    let run = |words: &[&str]| -> Output { Command::new(&tune).args(words).output().unwrap() };
    let alone = bad(&run(&["--text", "plays.txt"]));
    for part in [
        folder.0.join("tune-text").to_str().unwrap(),
        "-p trimtab-llama",
    ] {
        assert!(alone.contains(part), "{alone}");
    }

    let neighbour = folder.0.join("tune-text");
    symlink("/bin/echo", &neighbour).unwrap();
    let said = run(&["--epochs", "2", "--text=my plays.txt"]);
    assert_eq!(said.stdout, b"--epochs 2 --text=my plays.txt\n");
    std::fs::remove_file(&neighbour).unwrap();
    symlink("/bin/false", &neighbour).unwrap();
    assert_eq!(run(&["--text", "plays.txt"]).status.code(), Some(1));
    // Another option that begins like it is none of `tune-text`.
    assert_eq!(run(&["--texture", "1"]).status.code(), Some(2));
}

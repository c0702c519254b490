//! Shows what is read from files: `cargo run --release -p trimtab-table --example show -- FILE..`

use std::{env, time::Instant};
use trimtab_table::{Cells, ReadOptions, read};

fn main() {
    for path in env::args().skip(1) {
        let start = Instant::now();
        match read(&path, &ReadOptions::default()) {
            Err(error) => println!("{error}\n"),
            Ok(frame) => {
                let seconds = start.elapsed().as_secs_f64();
                println!(
                    "{}: {}, {} rows, {seconds:.3} s",
                    frame.name, frame.format, frame.rows
                );
                for column in frame.columns.iter().take(20) {
                    let kind = match &column.cells {
                        Cells::Numbers(_) => "numbers".to_owned(),
                        Cells::Times(_) => "times".to_owned(),
                        Cells::Texts { levels, .. } => format!("{} texts", levels.len()),
                    };
                    let first = column.cells.text(0).unwrap_or("missing".into());
                    let missing = column.cells.missing();
                    println!(
                        "  {:30} {kind:12} {missing:6} missing, first {first}",
                        column.name
                    );
                }
                for note in &frame.notes {
                    println!("  ! {note}");
                }
                println!();
            }
        }
    }
    // Where the system says it, how much memory was held at most.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!("{peak}");
    }
}

//! What is shown, as cells of text.

use crate::lead::RunState;
use crate::status::{Status, WorkerState};

/// Headings, and rows below them. The first columns are text, the others numbers.
pub(super) struct Rows<const COLUMNS: usize> {
    pub(super) headings: [&'static str; COLUMNS],
    /// How many columns are text.
    pub(super) text: usize,
    pub(super) rows: Vec<[String; COLUMNS]>,
}

/// The cluster in a line.
pub(super) fn headline(status: &Status) -> String {
    let slots = status.workers.iter();
    let slots: u64 = slots
        .map(|worker| u64::from(worker.heartbeat.hello.slots))
        .sum();
    let (workers, runs) = (status.workers.len() as u64, status.runs.len() as u64);
    format!(
        "{} (NATS {}): {} with {}, {}; {} in the queue, {}",
        status.server,
        status.version,
        counted(workers, "worker"),
        counted(slots, "slot"),
        counted(runs, "run"),
        counted(status.queue, "unit"),
        counted(status.results, "result"),
    )
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

pub(super) fn workers(status: &Status, before: Option<&Status>) -> Rows<10> {
    let row = |worker: &WorkerState| {
        let beat = &worker.heartbeat;
        let hello = &beat.hello;
        let earlier = before.and_then(|status| {
            let mut workers = status.workers.iter().map(|worker| &worker.heartbeat);
            workers.find(|earlier| earlier.hello.worker == hello.worker)
        });
        let state = match (beat.leaving, beat.in_hand.is_empty()) {
            (true, _) => "leaving",
            (false, true) => "idle",
            (false, false) => "working",
        };
        let used = beat.busy_seconds / (beat.seconds * f64::from(hello.slots));
        [
            hello.worker.to_string(),
            plain(&hello.host),
            state.to_owned(),
            hello.slots.to_string(),
            beat.in_hand.len().to_string(),
            beat.parked.len().to_string(),
            beat.done.to_string(),
            rate(
                (beat.done, beat.seconds),
                earlier.map(|earlier| (earlier.done, earlier.seconds)),
            ),
            finite(used, |used| format!("{:.0} %", used * 100.0)),
            format!("{:.0} s", worker.silence),
        ]
    };
    Rows {
        headings: [
            "worker",
            "host",
            "state",
            "slots",
            "in hand",
            "paused",
            "done",
            "units/s",
            "used",
            "last sign",
        ],
        text: 3,
        rows: status.workers.iter().map(row).collect(),
    }
}

pub(super) fn runs(status: &Status, before: Option<&Status>) -> Rows<12> {
    let row = |run: &RunState| {
        // Whoever leads now counts from its own beginning.
        let earlier = before.and_then(|status| {
            let mut runs = status.runs.iter();
            runs.find(|earlier| earlier.run == run.run && earlier.holder == run.holder)
        });
        [
            run.run.to_string(),
            plain(&run.holder),
            plain(&run.strategy),
            run.priority.to_string(),
            run.weight.to_string(),
            run.quota.to_string(),
            run.waiting.to_string(),
            run.in_hand.to_string(),
            run.done.to_string(),
            run.failed.to_string(),
            run.lost.to_string(),
            rate(
                (run.done, run.seconds),
                earlier.map(|earlier| (earlier.done, earlier.seconds)),
            ),
        ]
    };
    Rows {
        headings: [
            "run", "held by", "strategy", "priority", "weight", "quota", "waiting", "in hand",
            "done", "failed", "lost", "units/s",
        ],
        text: 3,
        rows: status.runs.iter().map(row).collect(),
    }
}

/// Units a second, from units done and the second in which they were counted, and both earlier if there is an earlier count.
fn rate((done, seconds): (u64, f64), earlier: Option<(u64, f64)>) -> String {
    let (before, since) = earlier
        .filter(|(_, since)| *since < seconds)
        .unwrap_or((0, 0.0));
    let rate = done.saturating_sub(before) as f64 / (seconds - since);
    finite(rate, |rate| match rate {
        100.0.. => format!("{rate:.0}"),
        10.0.. => format!("{rate:.1}"),
        _ => format!("{rate:.2}"),
    })
}

/// A number, if it is one: nothing is known of somebody who began just now.
fn finite(number: f64, shown: impl Fn(f64) -> String) -> String {
    if number.is_finite() {
        shown(number)
    } else {
        "-".to_owned()
    }
}

/// Text from outside, without what would mean something to a terminal.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "?")
}

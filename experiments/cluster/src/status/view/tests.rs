use super::rows::{runs, workers};
use super::table;
use super::terminal::{Shown, Wish, wish};
use crate::lead::RunState;
use crate::message::{Fingerprint, Heartbeat, Hello, Taken};
use crate::name::{Hash, Name};
use crate::status::{Status, WorkerState};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

fn fingerprint() -> Fingerprint {
    Fingerprint {
        version: "1".to_owned(),
        build: "a".to_owned(),
        backend: "flex".to_owned(),
        probe: "0".to_owned(),
    }
}

fn worker(name: &str, in_hand: usize, done: u64, seconds: f64) -> WorkerState {
    let taken = Taken {
        run: Name::of("a"),
        key: Hash::of(b""),
        running: true,
    };
    WorkerState {
        heartbeat: Heartbeat {
            hello: Hello {
                worker: Name::of(name),
                host: "oak".to_owned(),
                slots: 4,
                fingerprint: fingerprint(),
            },
            in_hand: vec![taken; in_hand],
            parked: vec![Hash::of(b""); in_hand / 4],
            done,
            seconds,
            busy_seconds: 3.0 * seconds,
            leaving: false,
        },
        silence: 1.6,
    }
}

/// A cluster whose clocks stand at `seconds`, with one run and these workers.
fn status(seconds: f64, done: u64, workers: Vec<WorkerState>) -> Status {
    Status {
        server: "nats://oak:4222".to_owned(),
        version: "2.11.0".to_owned(),
        queue: 9,
        results: 70,
        workers,
        runs: vec![RunState {
            run: Name::of("quickstart"),
            holder: "elm (process 7)".to_owned(),
            fingerprint: fingerprint(),
            priority: -1,
            weight: 1.5,
            strategy: "least-load".to_owned(),
            quota: 8,
            waiting: 50,
            in_hand: 9,
            done,
            failed: 1,
            lost: 2,
            paused: 3,
            seconds,
        }],
    }
}

fn now() -> Status {
    let mut leaving = worker("oak-2", 0, 0, 0.0);
    leaving.heartbeat.leaving = true;
    status(110.0, 70, vec![worker("oak-1", 5, 60, 100.0), leaving])
}

fn earlier() -> Status {
    status(100.0, 50, vec![worker("oak-1", 5, 45, 90.0)])
}

/// What a terminal of this size shows.
fn drawn(shown: &mut Shown, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| shown.draw(frame)).unwrap();
    let screen = terminal.backend().to_string();
    let lines = screen.lines().map(|line| line.trim_matches('"').trim_end());
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn as_text() {
    let text = "\
nats://oak:4222 (NATS 2.11.0): 2 workers with 8 slots, 1 run; 9 units in the queue, 70 results

worker  host  state    slots  in hand  paused  done  units/s  used  last sign
-----------------------------------------------------------------------------
oak-1   oak   working      4        5       1    60     1.50  75 %        2 s
oak-2   oak   leaving      4        0       0     0        -     -        2 s

run         held by          strategy    priority  weight  quota  waiting  in hand  done  failed  lost  units/s
---------------------------------------------------------------------------------------------------------------
quickstart  elm (process 7)  least-load        -1     1.5      8       50        9    70       1     2     2.00
";
    assert_eq!(table(&now(), Some(&earlier())), text);
}

#[test]
fn on_a_screen() {
    let mut shown = Shown::default();
    shown.take(Ok(earlier()));
    shown.take(Ok(now()));
    let screen = "\
nats://oak:4222 (NATS 2.11.0): 2 workers with 8 slots, 1 run; 9 units in the queue, 70 results

run         held by          strategy    priority  weight  quota  waiting  in hand  done  failed  lost  units/s
quickstart  elm (process 7)  least-load        -1     1.5      8       50        9    70       1     2     2.00

worker  host  state    slots  in hand  paused  done  units/s  used  last sign
oak-1   oak   working      4        5       1    60     1.50  75 %        2 s
oak-2   oak   leaving      4        0       0     0        -     -        2 s


q ends
";
    assert_eq!(drawn(&mut shown, 116, 11), screen);
}

/// Heartbeats come more seldom than snapshots: the same one twice is no standstill, and another coordinator counts from its own beginning.
#[test]
fn rates_are_between_two_signs_of_the_same_sender() {
    let (now, earlier) = (now(), earlier());
    assert_eq!(workers(&now, Some(&earlier)).rows[0][7], "1.50");
    assert_eq!(workers(&now, Some(&now)).rows[0][7], "0.60");
    assert_eq!(workers(&now, None).rows[0][7], "0.60");
    assert_eq!(workers(&now, None).rows[1][7], "-");
    assert_eq!(runs(&now, Some(&earlier)).rows[0][11], "2.00");
    let mut other = earlier;
    other.runs[0].holder = "ash (process 8)".to_owned();
    assert_eq!(runs(&now, Some(&other)).rows[0][11], "0.64");
}

#[test]
fn what_is_known_stays_while_the_server_is_away() {
    let mut shown = Shown::default();
    let away = || Err(crate::Error::server("status", "timed out"));
    shown.take(away());
    assert!(drawn(&mut shown, 116, 12).contains("status: timed out"));
    shown.take(Ok(now()));
    shown.take(away());
    let screen = drawn(&mut shown, 116, 12);
    assert!(screen.contains("oak-1") && screen.contains("it is tried again: status: timed out"));
}

/// The last of them can be seen, and nothing lies beyond.
#[test]
fn more_workers_than_fit_can_be_moved_through() {
    let many = (0..100).map(|number| worker(&format!("w-{number:03}"), 0, 0, 1.0));
    let mut shown = Shown::default();
    shown.take(Ok(status(1.0, 0, many.collect())));
    shown.first = 1000;
    let screen = drawn(&mut shown, 116, 20);
    assert!(
        screen.contains("w-099") && screen.contains("to 100 of 100"),
        "{screen}"
    );
    assert_eq!(shown.first, 87);
}

#[test]
fn a_screen_too_small_for_anything_is_no_panic() {
    for (width, height) in [(1, 1), (10, 3), (40, 6), (500, 2)] {
        let mut shown = Shown::default();
        drawn(&mut shown, width, height);
        shown.take(Ok(now()));
        drawn(&mut shown, width, height);
    }
}

#[test]
fn text_from_outside_does_not_speak_to_the_terminal() {
    let mut status = now();
    status.workers[0].heartbeat.hello.host = "a\u{1b}[2Jb\nc".to_owned();
    assert!(table(&status, None).contains("a?[2Jb?c"));
}

#[test]
fn q_escape_and_control_c_end_it() {
    let key = |code, modifiers| wish(KeyEvent::new(code, modifiers));
    assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Wish::End);
    assert_eq!(key(KeyCode::Esc, KeyModifiers::NONE), Wish::End);
    assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Wish::End);
    assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), Wish::Nothing);
    assert_eq!(key(KeyCode::Down, KeyModifiers::NONE), Wish::Move(1));
}

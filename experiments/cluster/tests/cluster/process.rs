//! Workers and coordinators as processes of their own, which can be killed and stopped: this test binary starts itself again.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use trimtab_cluster::coordinator::{Batch, RunOptions};
use trimtab_cluster::message::Fingerprint;
use trimtab_cluster::worker::{Done, Executor, Order, WorkerOptions, work};
use trimtab_cluster::{Coordinator, Error, Name, Notice, Server, StrategyConfig};

/// Short, so that tests need not wait for long.
pub const LEASE: Duration = Duration::from_millis(1500);

/// After so long a unit can stand still.
pub const SLICE: Duration = Duration::from_millis(20);

pub fn fingerprint() -> Fingerprint {
    Fingerprint {
        version: "1".to_owned(),
        build: "a".to_owned(),
        backend: "none".to_owned(),
        probe: "0".to_owned(),
    }
}

pub fn notice() -> Notice {
    let told = std::env::var_os("TRIMTAB_TEST_NOTICES").is_some();
    Arc::new(move |line| {
        if told {
            eprintln!("[{}] {line}", std::process::id());
        }
    })
}

/// Stops workers at the end of a scope, which would wait for them, also when a test fails.
pub struct AtEnd<'a>(pub &'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Squares a number, after so many milliseconds as the job says. A `b` breaks down, an `f` fails, an `h` hangs.
pub struct Squares;

pub fn square(unit: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(unit).unwrap();
    let number: u64 = text.parse().unwrap();
    (number * number).to_string().into_bytes()
}

impl Executor for Squares {
    fn execute(&self, _: usize, order: &Order) -> Done {
        let job = match order.content(order.job) {
            Ok(job) => job,
            Err(error) => return Done::Broken(error.to_string()),
        };
        let wait: u64 = std::str::from_utf8(&job).unwrap().parse().unwrap();
        let wait = Duration::from_millis(wait);
        let begun = Instant::now();
        while let Some(left) = wait.checked_sub(begun.elapsed()) {
            std::thread::sleep(left.min(SLICE));
            order.halt.here();
        }
        match order.unit {
            b"h" => loop {
                std::thread::park();
            },
            b"b" => panic!("a broken unit"),
            b"x" => std::process::abort(),
            b"f" => return Done::Failed("no such number".to_owned()),
            _ => {}
        }
        (order.progress)(1);
        Done::Answer(square(order.unit))
    }
}

pub fn worker_options(folder: &Path, slots: usize) -> WorkerOptions {
    WorkerOptions {
        ack_wait: Duration::from_secs(6),
        drain: Duration::from_secs(5),
        ..WorkerOptions::new(slots, folder.to_owned(), fingerprint(), notice())
    }
}

pub fn run_options(run: &str) -> RunOptions {
    RunOptions::new(Name::of(run), fingerprint(), notice())
}

/// The units, in their order, and what they took.
pub fn squares(
    coordinator: &Coordinator,
    milliseconds: u64,
    units: &[String],
) -> Result<Vec<Vec<u8>>, Error> {
    let batch = Batch {
        job: coordinator.put(milliseconds.to_string().as_bytes())?,
        shared: coordinator.put(b"")?,
        count: units.len(),
        unit: &|index| (units[index].clone().into_bytes(), 0),
        interrupted: &AtomicBool::new(false),
        trace: None,
    };
    let mut answers = Vec::new();
    coordinator.each(&batch, &mut |_| {}, &mut |index, answer| {
        assert_eq!(index, answers.len());
        answers.push(answer);
        Ok::<(), Error>(())
    })?;
    Ok(answers)
}

pub fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// What a process of its own does, from its environment.
#[test]
fn process() {
    let Ok(address) = std::env::var("TRIMTAB_TEST_SERVER") else {
        return;
    };
    let server = Server {
        lease: LEASE,
        ..Server::at(address)
    };
    let folder = std::env::var("TRIMTAB_TEST_FOLDER").unwrap();
    let get = |name: &str| std::env::var(name).unwrap().parse::<usize>().unwrap();
    match std::env::var("TRIMTAB_TEST_ROLE").unwrap().as_str() {
        "worker" => {
            let timeout = std::env::var("TRIMTAB_TEST_UNIT_TIMEOUT").ok();
            let options = WorkerOptions {
                unit_timeout: timeout.map(|it| Duration::from_secs(it.parse().unwrap())),
                ..worker_options(Path::new(&folder), get("TRIMTAB_TEST_SLOTS"))
            };
            work(&server, &options, &Squares, &AtomicBool::new(false)).unwrap();
        }
        "coordinator" => {
            let mut options = run_options("chaos");
            if std::env::var("TRIMTAB_TEST_PREEMPT").is_ok_and(|it| it == "1") {
                options.strategy = Arc::new(|| StrategyConfig::Priority { preempt: true }.build());
            }
            let coordinator = Coordinator::start(&server, options).unwrap();
            let units = numbers(get("TRIMTAB_TEST_UNITS"));
            let answers = squares(&coordinator, get("TRIMTAB_TEST_WAIT") as u64, &units).unwrap();
            let lines: Vec<String> = answers
                .into_iter()
                .map(|answer| String::from_utf8(answer).unwrap())
                .collect();
            let path = Path::new(&folder).join("answers");
            std::fs::write(path.with_extension("new"), lines.join("\n")).unwrap();
            std::fs::rename(path.with_extension("new"), path).unwrap();
        }
        // Small batches of a run of higher priority, one after the other. What goes wrong while servers are away is tried again.
        "urgent" => loop {
            let options = RunOptions {
                priority: 1,
                ..run_options("urgent")
            };
            if let Ok(coordinator) = Coordinator::start(&server, options) {
                squares(&coordinator, 30, &numbers(3)).ok();
                coordinator.finish();
            }
            std::thread::sleep(Duration::from_millis(200));
        },
        other => panic!("{other}"),
    }
}

/// A process that is killed when it goes out of scope.
pub struct Process(pub Child);

impl Process {
    pub fn start(role: &str, server: &Server, folder: &Path, more: &[(&str, usize)]) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process::process", "--nocapture"])
            .env("TRIMTAB_TEST_ROLE", role)
            .env("TRIMTAB_TEST_SERVER", &server.address)
            .env("TRIMTAB_TEST_FOLDER", folder)
            .envs(more.iter().map(|(name, value)| (*name, value.to_string())))
            .stdout(Stdio::null())
            .stderr(match std::env::var_os("TRIMTAB_TEST_NOTICES") {
                Some(_) => Stdio::inherit(),
                None => Stdio::null(),
            })
            .spawn();
        Self(child.unwrap())
    }

    pub fn worker(server: &Server, folder: &Path, slots: usize) -> Self {
        Self::start("worker", server, folder, &[("TRIMTAB_TEST_SLOTS", slots)])
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        Command::new("kill").args([signal, &pid]).status().unwrap();
    }

    pub fn kill(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }

    pub fn is_over(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that was stopped could not be killed by a polite signal.
        self.kill();
    }
}

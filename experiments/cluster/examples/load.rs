//! What a cluster costs: the time that a unit takes beside its work, and what the coordinator needs.
//!
//! ```text
//! nats-server -js -sd /tmp/store &
//! load workers --count 200 --milliseconds 50 &        200 connections, one unit at a time each
//! load units 20000                                    units a second, processor and memory of the coordinator
//! load one 2000                                       one unit at a time: the time from asking to the answer
//! ```
//!
//! All take `--server ADDRESS`, and the files of `work` for a secured server: `--credentials`, `--nkey`, `--token`, `--ca`, `--certificate`
//! and `--key`, and `--namespace`. Processor and memory are read from `/proc`, so they are there on Linux alone.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use trimtab_cluster::coordinator::{Batch, RunOptions};
use trimtab_cluster::message::Fingerprint;
use trimtab_cluster::worker::{Done, Executor, Order, WorkerOptions, work};
use trimtab_cluster::{Coordinator, Name, Notice, Server};

/// Waits as long as a unit would take, and gives it back.
struct Wait(Duration);

impl Executor for Wait {
    fn execute(&self, _: usize, order: &Order) -> Done {
        if !self.0.is_zero() {
            std::thread::sleep(self.0);
        }
        (order.progress)(1);
        Done::Answer(order.unit.to_vec())
    }
}

fn fingerprint() -> Fingerprint {
    Fingerprint {
        version: "load".to_owned(),
        build: String::new(),
        backend: String::new(),
        probe: String::new(),
    }
}

fn quiet() -> Notice {
    Arc::new(|_| {})
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).cloned()
    };
    let file = |name: &str| option(name).map(PathBuf::from);
    let certificate = match (file("--certificate"), file("--key")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => return Err("--certificate and --key go together".into()),
    };
    let plain = Server::default();
    let server = Server {
        address: option("--server").unwrap_or(plain.address),
        credentials: file("--credentials"),
        nkey: file("--nkey"),
        token: file("--token"),
        ca: file("--ca"),
        certificate,
        namespace: option("--namespace").unwrap_or(plain.namespace),
        lease: plain.lease,
    };
    let number = |text: Option<&String>| -> Result<usize, Box<dyn Error>> {
        Ok(text.ok_or("how many?")?.parse()?)
    };
    match words.first().map(String::as_str) {
        Some("workers") => {
            let count = number(option("--count").as_ref())?;
            let wait = number(option("--milliseconds").as_ref())? as u64;
            workers(&server, count, Duration::from_millis(wait));
            Ok(())
        }
        Some("units") => units(&server, number(words.get(1))?),
        Some("one") => one(&server, number(words.get(1))?),
        _ => Err("give `workers`, `units` or `one`; the head of this file says how".into()),
    }
}

/// So many workers, each with a connection and a thread of its own, until the process is killed.
fn workers(server: &Server, count: usize, wait: Duration) {
    let folder: PathBuf = std::env::temp_dir().join(format!("load-{}", std::process::id()));
    std::thread::scope(|scope| {
        for index in 0..count {
            let options =
                WorkerOptions::new(1, folder.join(index.to_string()), fingerprint(), quiet());
            scope.spawn(move || {
                let outcome = work(server, &options, &Wait(wait), &AtomicBool::new(false));
                if let Err(error) = outcome {
                    eprintln!("worker {index}: {error}");
                }
            });
        }
    });
}

fn start(server: &Server) -> Result<Coordinator, Box<dyn Error>> {
    let run = Name::of(&format!("load-{}", std::process::id()));
    Ok(Coordinator::start(
        server,
        RunOptions::new(run, fingerprint(), quiet()),
    )?)
}

/// All at once.
fn units(server: &Server, count: usize) -> Result<(), Box<dyn Error>> {
    let coordinator = start(server)?;
    let batch = Batch {
        job: coordinator.put(b"load")?,
        shared: coordinator.put(b"")?,
        count,
        unit: &|index| (index.to_string().into_bytes(), 0),
        interrupted: &AtomicBool::new(false),
        trace: None,
    };
    let (mut begun, mut spent, mut next) = (Instant::now(), processor_seconds(), 0);
    println!(
        "| answers | units a second | processor of the coordinator | memory, MB |\n|---:|---:|---:|---:|"
    );
    coordinator.each(&batch, &mut |_| {}, &mut |index, answer| {
        assert_eq!(answer, index.to_string().into_bytes());
        if index == 0 {
            // From the first answer on: workers that are still on their way are no cost.
            (begun, spent) = (Instant::now(), processor_seconds());
        }
        if index >= next {
            next += count.div_ceil(10);
            let seconds = begun.elapsed().as_secs_f64();
            println!(
                "| {index} | {:.0} | {:.0} % | {:.1} |",
                index as f64 / seconds,
                100.0 * (processor_seconds() - spent) / seconds,
                memory()
            );
        }
        Ok::<(), trimtab_cluster::Error>(())
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "| {count} | {:.0} | {:.0} % | {:.1} |",
        count as f64 / seconds,
        100.0 * (processor_seconds() - spent) / seconds,
        memory()
    );
    println!("{:?}", coordinator.counts());
    coordinator.finish();
    Ok(())
}

/// One after the other.
fn one(server: &Server, count: usize) -> Result<(), Box<dyn Error>> {
    let coordinator = start(server)?;
    let (job, shared) = (coordinator.put(b"load")?, coordinator.put(b"")?);
    let mut times = Vec::with_capacity(count);
    for index in 0..count {
        let batch = Batch {
            job: job.clone(),
            shared: shared.clone(),
            count: 1,
            unit: &|_| (index.to_string().into_bytes(), 0),
            interrupted: &AtomicBool::new(false),
            trace: None,
        };
        let begun = Instant::now();
        coordinator.each(&batch, &mut |_| {}, &mut |_, _| {
            Ok::<(), trimtab_cluster::Error>(())
        })?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    coordinator.finish();
    times.sort_by(f64::total_cmp);
    let quantile = |share: f64| times[((count - 1) as f64 * share) as usize];
    println!(
        "milliseconds from asking to the answer: p50 {:.2}, p90 {:.2}, p99 {:.2}",
        quantile(0.5),
        quantile(0.9),
        quantile(0.99)
    );
    Ok(())
}

/// Processor seconds of this process: fields 14 and 15 of `/proc/self/stat`, in hundredths.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<f64> = after
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    (fields.get(11).unwrap_or(&0.0) + fields.get(12).unwrap_or(&0.0)) / 100.0
}

/// Resident memory of this process, in MB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes
        .and_then(|text| text.parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1e3
}

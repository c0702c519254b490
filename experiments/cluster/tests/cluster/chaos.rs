//! Everything is killed under load, and units are paused for another run meanwhile: every unit counts once.

use crate::link::Link;
use crate::process::{
    AtEnd, LEASE, Process, Squares, numbers, run_options, square, squares, worker_options,
};
use crate::servers::{Running, at, leader_of_results, one, three};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use trimtab_cluster::status::Watcher;
use trimtab_cluster::worker::work;
use trimtab_cluster::{Coordinator, Server};

/// How many processes are killed. More with `TRIMTAB_TEST_KILLS`, as for the figures in the docs.
fn kills() -> usize {
    let asked = std::env::var("TRIMTAB_TEST_KILLS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(12)
}

/// Enough that they last as long as the kills.
fn units() -> usize {
    600.max(20 * kills())
}

/// A worker whose link is cut finishes what it has, keeps it on disk, and delivers it when the link is back.
#[test]
fn a_result_outlives_a_cut_link() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let link = Link::to(running[0].port);
    let far = Server {
        address: format!("nats://127.0.0.1:{}", link.port),
        ..server.clone()
    };
    let stop = AtomicBool::new(false);
    let (own, units) = (folder.path().join("far"), numbers(1));
    std::thread::scope(|scope| {
        let _end = AtEnd(&stop);
        let worker = scope.spawn(|| work(&far, &worker_options(&own, 1), &Squares, &stop).unwrap());
        let played = scope.spawn(|| {
            let coordinator = Coordinator::start(&server, run_options("cut")).unwrap();
            let answers = squares(&coordinator, 1500, &units).unwrap();
            (answers, coordinator.counts())
        });
        std::thread::sleep(Duration::from_millis(1000));
        link.cut();
        // The unit ends meanwhile, and its result goes to disk.
        let begun = Instant::now();
        let outbox = own.join("outbox");
        while fs::read_dir(&outbox).unwrap().count() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "nothing is kept");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(!played.is_finished());
        link.mend();
        let (answers, counts) = played.join().unwrap();
        assert_eq!(answers, [b"0".to_vec()]);
        assert_eq!(counts.done, 1);
        // What is delivered is not kept.
        let begun = Instant::now();
        while fs::read_dir(&outbox).unwrap().count() > 0 {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "it is still kept"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        stop.store(true, Ordering::SeqCst);
        assert_eq!(worker.join().unwrap().done, 1);
    });
}

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Worker,
    Coordinator,
    /// The coordinator of the run of higher priority.
    Urgent,
    /// Any of the servers.
    Server,
    /// The server that leads the stream of results.
    Leader,
}

const KINDS: [Kind; 5] = [
    Kind::Worker,
    Kind::Coordinator,
    Kind::Urgent,
    Kind::Server,
    Kind::Leader,
];

/// What is killed when: each kind once in every five kills, in an order that is drawn anew each time.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        // Xorshift: which moments these are does not matter, but a failure has to come again.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn kinds(&mut self, count: usize) -> Vec<Kind> {
        let mut kinds = Vec::new();
        while kinds.len() < count {
            let mut five = KINDS;
            for last in (1..five.len()).rev() {
                five.swap(last, self.below(last as u64 + 1) as usize);
            }
            kinds.extend(five);
        }
        kinds.truncate(count);
        kinds
    }
}

/// Kills workers, coordinators and servers at random moments, and starts each again, until the coordinator has written its answers. Another
/// run of higher priority comes and goes meanwhile, and with `preempt` its units pause those of the first.
fn play(servers: &mut [Running], folder: &Path, preempt: bool) {
    let server = at(servers);
    let more = [
        ("TRIMTAB_TEST_UNITS", units()),
        ("TRIMTAB_TEST_WAIT", 30),
        ("TRIMTAB_TEST_PREEMPT", usize::from(preempt)),
    ];
    let urgent = || Process::start("urgent", &server, folder, &[]);
    let coordinator = || Process::start("coordinator", &server, folder, &more);
    let worker = |index: usize| Process::worker(&server, &folder.join(format!("w{index}")), 1);
    let (mut leading, mut pausing) = (coordinator(), urgent());
    let mut workers: Vec<Process> = (0..3).map(worker).collect();
    let answers = folder.join("answers");
    let mut draws = Draws(0x9e37_79b9_7f4a_7c15);
    let mut kinds = draws.kinds(kills()).into_iter();
    let mut killed: BTreeMap<Kind, usize> = BTreeMap::new();
    let begun = Instant::now();
    let most = Duration::from_secs(60 + 20 * kills() as u64);
    while !answers.exists() {
        assert!(begun.elapsed() < most, "stuck after {killed:?}");
        std::thread::sleep(Duration::from_millis(200 + draws.below(800)));
        if let Some(kind) = kinds.next() {
            match kind {
                Kind::Worker => {
                    let index = draws.below(3) as usize;
                    workers[index].kill();
                    workers[index] = worker(index);
                }
                Kind::Coordinator => leading.kill(),
                Kind::Urgent => {
                    pausing.kill();
                    pausing = urgent();
                }
                Kind::Server | Kind::Leader => {
                    let index = match kind {
                        Kind::Leader => leader_of_results(servers),
                        _ => draws.below(servers.len() as u64) as usize,
                    };
                    servers[index].kill();
                    std::thread::sleep(Duration::from_millis(draws.below(500)));
                    servers[index].again();
                }
            }
            *killed.entry(kind).or_default() += 1;
        }
        // Whoever ended without an answer, as after a long outage, is started again, as a supervisor would.
        if !answers.exists() && leading.is_over() {
            leading = coordinator();
        }
        for (index, one) in workers.iter_mut().enumerate() {
            if one.is_over() {
                *one = worker(index);
            }
        }
    }
    // The first five are one of each kind.
    assert_eq!(killed.len(), KINDS.len().min(kills()), "{killed:?}");
    let lines = fs::read_to_string(&answers).unwrap();
    let wanted = numbers(units());
    let wanted = wanted
        .iter()
        .map(|unit| String::from_utf8(square(unit.as_bytes())).unwrap());
    assert_eq!(lines, wanted.collect::<Vec<_>>().join("\n"));
    eprintln!(
        "killed {killed:?}; {} units, {:.0} s: each answer there, in order",
        units(),
        begun.elapsed().as_secs_f64()
    );
    // Nothing is left in the queue, taken or not.
    drop((leading, pausing));
    std::thread::sleep(LEASE);
    for run in ["chaos", "urgent"] {
        let end = Coordinator::start(&server, run_options(run)).unwrap();
        end.finish();
    }
    let status = Watcher::connect(&server, crate::process::notice())
        .unwrap()
        .status()
        .unwrap();
    assert_eq!((status.queue, status.results), (0, 0));
}

#[test]
fn workers_coordinator_and_the_only_server_are_killed_and_every_unit_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    play(&mut [running], folder.path(), true);
}

#[test]
fn workers_coordinator_and_the_leader_of_three_servers_are_killed_and_every_unit_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut running) = three(folder.path()) else {
        return;
    };
    play(&mut running, folder.path(), false);
}

//! Units that hang in a process that is alive.

use crate::process::{AtEnd, Process, numbers, run_options, square, squares, worker_options};
use crate::servers::{at, one};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use trimtab_cluster::worker::{Done, Executor, HANGS, Order, WorkerOptions, work};
use trimtab_cluster::{Coordinator, Error};

/// Squares a number; the first one hangs until the test ends. Long ones say that they go on.
#[derive(Default)]
struct HangsOnce {
    begun: AtomicU64,
    released: Arc<AtomicBool>,
}

impl Executor for HangsOnce {
    fn execute(&self, _: usize, order: &Order) -> Done {
        if self.begun.fetch_add(1, Ordering::SeqCst) == 0 {
            while !self.released.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        for _ in 0..15 {
            std::thread::sleep(Duration::from_millis(100));
            order.halt.here();
        }
        Done::Answer(square(order.unit))
    }
}

#[test]
fn a_unit_that_hangs_goes_to_another_worker_and_its_own_leaves_with_what_else_it_has_done() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let (stop, left) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let (first, second) = (HangsOnce::default(), HangsOnce::default());
    second.begun.store(1, Ordering::SeqCst);
    let options = |name: &str| {
        let (left, released) = (left.clone(), first.released.clone());
        WorkerOptions {
            unit_timeout: Some(Duration::from_secs(1)),
            // In place of the end of the process.
            hangs: Arc::new(move || {
                left.store(true, Ordering::SeqCst);
                released.store(true, Ordering::SeqCst);
            }),
            ..worker_options(&folder.path().join(name), 2)
        }
    };
    std::thread::scope(|scope| {
        let _end = (AtEnd(&stop), AtEnd(&first.released));
        let hung = scope.spawn(|| work(&server, &options("first"), &first, &stop).unwrap());
        let played = scope.spawn(|| {
            let coordinator = Coordinator::start(&server, run_options("hangs")).unwrap();
            let answers = squares(&coordinator, 0, &numbers(2)).unwrap();
            (answers, coordinator.counts())
        });
        let begun = Instant::now();
        while !left.load(Ordering::SeqCst) {
            assert!(begun.elapsed() < Duration::from_secs(20), "not noticed");
            std::thread::sleep(Duration::from_millis(20));
        }
        // A unit of 1.5 s that goes on does not hang, and was finished.
        let summary = hung.join().unwrap();
        assert_eq!(summary.done, 1);
        assert!(summary.returned >= 1, "{summary:?}");
        scope.spawn(|| work(&server, &options("second"), &second, &stop).unwrap());
        let (answers, counts) = played.join().unwrap();
        assert_eq!(answers, [square(b"0"), square(b"1")]);
        assert_eq!((counts.done, counts.lost), (2, 1));
        stop.store(true, Ordering::SeqCst);
    });
}

/// Their processes end by themselves, for whoever starts them again, and the unit is given up.
#[test]
fn a_unit_that_hangs_everywhere_fails_and_its_workers_end_with_their_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let start = |index: usize| {
        let more = [("TRIMTAB_TEST_SLOTS", 1), ("TRIMTAB_TEST_UNIT_TIMEOUT", 1)];
        Process::start(
            "worker",
            &server,
            &folder.path().join(format!("w{index}")),
            &more,
        )
    };
    let mut workers: Vec<Process> = (0..4).map(start).collect();
    let coordinator = Coordinator::start(&server, run_options("hangs")).unwrap();
    match squares(&coordinator, 1, &["h".to_owned()]) {
        Err(Error::Unit { index: 0, reason }) => {
            assert!(reason.contains("lost each of the 4"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    // A unit that got lost on its way to a worker counts as an attempt as well, so that not all of them need have had it.
    let begun = Instant::now();
    let mut ended = Vec::new();
    while ended.len() < workers.len() && begun.elapsed() < Duration::from_secs(20) {
        let over = workers
            .iter_mut()
            .map(|worker| worker.0.try_wait().unwrap());
        ended = over.flatten().map(|status| status.code()).collect();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!ended.is_empty(), "no worker has ended");
    assert!(ended.iter().all(|code| *code == Some(HANGS)), "{ended:?}");
}

/// The whole process stood still, and not its unit.
#[test]
fn a_worker_that_was_stopped_does_not_take_its_unit_for_one_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let more = [("TRIMTAB_TEST_SLOTS", 1), ("TRIMTAB_TEST_UNIT_TIMEOUT", 2)];
    let mut stopped = Process::start("worker", &server, &folder.path().join("w"), &more);
    std::thread::scope(|scope| {
        let played = scope.spawn(|| {
            let coordinator = Coordinator::start(&server, run_options("stopped")).unwrap();
            squares(&coordinator, 1500, &numbers(2)).unwrap()
        });
        std::thread::sleep(Duration::from_millis(1000));
        stopped.signal("-STOP");
        std::thread::sleep(Duration::from_millis(3500));
        stopped.signal("-CONT");
        assert_eq!(played.join().unwrap(), [square(b"0"), square(b"1")]);
    });
    assert!(!stopped.is_over());
}

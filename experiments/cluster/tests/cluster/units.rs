//! Units on one server: the order of answers, workers that come and go, units that fail.

use crate::process::{
    AtEnd, LEASE, Process, Squares, numbers, run_options, square, squares, worker_options,
};
use crate::servers::{Raw, alone, at, one};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use trimtab_cluster::coordinator::RunOptions;
use trimtab_cluster::status::Watcher;
use trimtab_cluster::worker::{Done, Executor, Order, Summary, work};
use trimtab_cluster::{Command, Coordinator, Error, Server, State, Strategy};

/// Plays `play` while workers with so many slots each are here.
fn with_workers<T>(
    server: &Server,
    folder: &Path,
    slots: &[usize],
    play: impl FnOnce() -> T,
) -> (T, Vec<Summary>) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = AtEnd(&stop);
        let start = |(index, slots): (usize, &usize)| {
            let options = worker_options(&folder.join(format!("w{index}")), *slots);
            let stop = &stop;
            scope.spawn(move || work(server, &options, &Squares, stop).unwrap())
        };
        let workers: Vec<_> = slots.iter().enumerate().map(start).collect();
        let outcome = play();
        stop.store(true, Ordering::SeqCst);
        let summaries = workers.into_iter().map(|worker| worker.join().unwrap());
        (outcome, summaries.collect())
    })
}

fn wanted(units: &[String]) -> Vec<Vec<u8>> {
    units.iter().map(|unit| square(unit.as_bytes())).collect()
}

#[test]
fn answers_come_in_order_and_each_unit_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let units = numbers(300);
    let (answers, summaries) = with_workers(&server, folder.path(), &[1, 3], || {
        let coordinator = Coordinator::start(&server, run_options("order")).unwrap();
        let answers = squares(&coordinator, 1, &units).unwrap();
        assert_eq!(coordinator.counts().done, 300);
        coordinator.finish();
        answers
    });
    assert_eq!(answers, wanted(&units));
    let done: u64 = summaries.iter().map(|summary| summary.done).sum();
    assert_eq!(done, 300);
    assert!(summaries.iter().all(|summary| summary.done > 0));
}

#[test]
fn the_same_asked_twice_is_done_once_and_what_was_answered_is_not_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let units: Vec<String> = (0..60).map(|index| (index % 7).to_string()).collect();
    let ((), summaries) = with_workers(&server, folder.path(), &[2], || {
        for _ in 0..2 {
            // Without `finish`, as if it had been killed after the last answer.
            let coordinator = Coordinator::start(&server, run_options("twice")).unwrap();
            assert_eq!(squares(&coordinator, 1, &units).unwrap(), wanted(&units));
        }
    });
    assert_eq!(summaries[0].done, 7);
}

#[test]
fn a_unit_that_fails_is_the_error_of_the_first_and_is_tried_again_by_the_next_coordinator() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let mut units = numbers(20);
    units[5] = "f".to_owned();
    units[11] = "f".to_owned();
    let ((), summaries) = with_workers(&server, folder.path(), &[2], || {
        for _ in 0..2 {
            let coordinator = Coordinator::start(&server, run_options("fails")).unwrap();
            match squares(&coordinator, 1, &units) {
                Err(Error::Unit { index: 5, reason }) => assert_eq!(reason, "no such number"),
                other => panic!("{other:?}"),
            }
            // The coordinator is still good.
            assert_eq!(
                squares(&coordinator, 1, &numbers(3)).unwrap(),
                wanted(&numbers(3))
            );
        }
    });
    assert!(summaries[0].failed >= 2, "{summaries:?}");
}

#[test]
fn a_unit_that_breaks_down_is_given_up_after_three_more_tries_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let units = vec!["3".to_owned(), "b".to_owned(), "4".to_owned()];
    let (outcome, summaries) = with_workers(&server, folder.path(), &[1, 1], || {
        let coordinator = Coordinator::start(&server, run_options("breaks")).unwrap();
        squares(&coordinator, 1, &units)
    });
    match outcome {
        Err(Error::Unit { index: 1, reason }) => assert!(reason.contains("lost"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let returned: u64 = summaries.iter().map(|summary| summary.returned).sum();
    assert_eq!(returned, 4);
}

/// Content is used by its name, and has to be what its name says.
#[test]
fn content_that_is_not_what_its_name_says_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut options = run_options("content");
    let listener = told.clone();
    options.notice = Arc::new(move |line| listener.lock().unwrap().push(line.to_owned()));
    let (outcome, summaries) = with_workers(&server, folder.path(), &[1], || {
        let coordinator = Coordinator::start(&server, options).unwrap();
        let batch = trimtab_cluster::coordinator::Batch {
            job: coordinator.put(b"1").unwrap(),
            shared: coordinator.put(b"").unwrap(),
            count: 1,
            unit: &|_| (b"3".to_vec(), 0),
            interrupted: &AtomicBool::new(false),
            trace: None,
        };
        let job = batch.job.to_string();
        Raw::connect(&server).run(async |context| {
            let small = context.get_key_value("trimtab_small").await.unwrap();
            small.put(job, "2".into()).await.unwrap();
        });
        coordinator.each(&batch, &mut |_| {}, &mut |_, _| Ok::<(), Error>(()))
    });
    assert!(
        matches!(outcome, Err(Error::Unit { index: 0, .. })),
        "{outcome:?}"
    );
    assert_eq!(summaries[0].done, 0);
    let told = told.lock().unwrap().join("\n");
    assert!(
        told.contains("what is stored there is something else"),
        "{told}"
    );
}

/// What does not fit into a message travels beside it, there and back.
#[test]
fn units_and_answers_of_megabytes_travel() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let padded = |number: &str| "0".repeat(3_000_000) + number;
    let unit = padded("12");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = AtEnd(&stop);
        let options = worker_options(&folder.path().join("w"), 1);
        let (server, stop) = (&server, &stop);
        scope.spawn(move || work(server, &options, &Padded, stop).unwrap());
        let coordinator = Coordinator::start(server, run_options("large")).unwrap();
        let answers = squares(&coordinator, 1, std::slice::from_ref(&unit)).unwrap();
        stop.store(true, Ordering::SeqCst);
        assert_eq!(answers[0], padded("144").into_bytes());
    });
}

/// Squares a number, and pads it as it was padded.
struct Padded;

impl Executor for Padded {
    fn execute(&self, _: usize, order: &Order) -> Done {
        let zeros = order
            .unit
            .iter()
            .take_while(|digit| **digit == b'0')
            .count();
        let (zeros, number) = order.unit.split_at(zeros);
        Done::Answer([zeros, &square(number)].concat())
    }
}

/// A unit that kills every process that touches it does not take the whole cluster down with it.
#[test]
fn a_unit_that_kills_its_worker_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let _workers: Vec<Process> = (0..5)
        .map(|index| Process::worker(&server, &folder.path().join(format!("w{index}")), 1))
        .collect();
    let coordinator = Coordinator::start(&server, run_options("kills")).unwrap();
    match squares(&coordinator, 1, &["x".to_owned()]) {
        Err(Error::Unit { index: 0, reason }) => assert!(reason.contains('4'), "{reason}"),
        other => panic!("{other:?}"),
    }
    // One worker is left, and good.
    assert_eq!(
        squares(&coordinator, 1, &numbers(3)).unwrap(),
        wanted(&numbers(3))
    );
}

/// Once; more often with `TRIMTAB_TEST_STOPS`, as for the figures in the docs.
#[test]
fn a_worker_that_is_stopped_past_its_lease_and_woken_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let stopped = Process::worker(&server, &folder.path().join("stopped"), 1);
    let _other = Process::worker(&server, &folder.path().join("other"), 1);
    let stops = std::env::var("TRIMTAB_TEST_STOPS").ok();
    let stops: usize = stops.and_then(|text| text.parse().ok()).unwrap_or(1);
    let cycle = LEASE + Duration::from_millis(2300);
    let milliseconds = 400;
    // Two workers for a part of the time, one for the rest.
    let units = numbers(stops * cycle.as_millis() as usize / milliseconds as usize);
    std::thread::scope(|scope| {
        let played = scope.spawn(|| {
            let coordinator = Coordinator::start(&server, run_options("stopped")).unwrap();
            let answers = squares(&coordinator, milliseconds, &units).unwrap();
            (answers, coordinator.counts())
        });
        // On a busy machine a process takes its time to join, and one that has no units loses none.
        let joined = folder.path().join("stopped/joined");
        while !joined.exists() && !played.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
        }
        for _ in 0..stops {
            std::thread::sleep(Duration::from_millis(1500));
            stopped.signal("-STOP");
            std::thread::sleep(LEASE + Duration::from_millis(800));
            stopped.signal("-CONT");
        }
        let (answers, counts) = played.join().unwrap();
        assert_eq!(answers, wanted(&units));
        assert_eq!(counts.done as usize, units.len());
        assert!(counts.lost as usize >= stops.div_ceil(2), "{counts:?}");
        eprintln!("{stops} stops, {} units: {counts:?}", units.len());
    });
}

#[test]
fn a_worker_that_leaves_finishes_what_it_has_and_hands_back_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let stop = AtomicBool::new(false);
    let units = numbers(8);
    std::thread::scope(|scope| {
        let _end = AtEnd(&stop);
        let leaving = {
            let (server, stop) = (&server, &stop);
            let options = worker_options(&folder.path().join("leaving"), 1);
            scope.spawn(move || work(server, &options, &Squares, stop).unwrap())
        };
        let played = scope.spawn(|| {
            let coordinator = Coordinator::start(&server, run_options("leaves")).unwrap();
            let answers = squares(&coordinator, 300, &units).unwrap();
            (answers, coordinator.counts())
        });
        std::thread::sleep(Duration::from_millis(1000));
        stop.store(true, Ordering::SeqCst);
        let summary = leaving.join().unwrap();
        assert!(summary.done >= 1, "{summary:?}");
        let _other = Process::worker(&server, &folder.path().join("other"), 1);
        let (answers, counts) = played.join().unwrap();
        assert_eq!(answers, wanted(&units));
        assert_eq!(counts.lost, 0, "nothing was lost by leaving");
    });
}

#[test]
fn work_ends_when_it_is_interrupted_and_the_next_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let units = numbers(40);
    let ((), summaries) = with_workers(&server, folder.path(), &[1], || {
        let interrupted = AtomicBool::new(false);
        let coordinator = Coordinator::start(&server, run_options("interrupted")).unwrap();
        let batch = trimtab_cluster::coordinator::Batch {
            job: coordinator.put(b"20").unwrap(),
            shared: coordinator.put(b"").unwrap(),
            count: units.len(),
            unit: &|index| (units[index].clone().into_bytes(), 0),
            interrupted: &interrupted,
            trace: None,
        };
        let outcome = coordinator.each(&batch, &mut |_| {}, &mut |index, _| {
            interrupted.store(index >= 5, Ordering::SeqCst);
            Ok::<(), Error>(())
        });
        assert!(matches!(outcome, Err(Error::Interrupted)), "{outcome:?}");
        drop(coordinator);
        let coordinator = Coordinator::start(&server, run_options("interrupted")).unwrap();
        assert_eq!(squares(&coordinator, 20, &units).unwrap(), wanted(&units));
    });
    // What was done before the interruption was not done again, but for what was in hand just then.
    assert!((40..=42).contains(&summaries[0].done), "{summaries:?}");
}

/// Units go to the worker with the most slots, and wait for it.
struct Largest;

impl Strategy for Largest {
    fn name(&self) -> &str {
        "largest"
    }

    fn next(&mut self, state: &State) -> Option<Command> {
        let unit = state.first_waiting()?.id;
        let largest = state.workers().max_by_key(|worker| worker.slots())?;
        let worker = largest.id();
        (largest.free() > 0).then_some(Command::Assign { unit, worker })
    }
}

#[test]
fn a_strategy_of_a_programs_own_decides_where_units_go() {
    let Some((folder, _running, server)) = alone() else {
        return;
    };
    let watcher = Watcher::connect(&server, crate::process::notice()).unwrap();
    let play = || {
        let begun = std::time::Instant::now();
        while watcher.status().unwrap().workers.len() < 3 {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "they do not join"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        let options = RunOptions {
            strategy: Arc::new(|| Box::new(Largest)),
            ..run_options("largest")
        };
        let coordinator = Coordinator::start(&server, options).unwrap();
        let units = numbers(40);
        squares(&coordinator, 5, &units).unwrap();
        watcher.status().unwrap().runs[0].strategy.clone()
    };
    let (strategy, summaries) = with_workers(&server, folder.path(), &[1, 2, 1], play);
    assert_eq!(strategy, "largest");
    let done: Vec<u64> = summaries.iter().map(|it| it.done).collect();
    assert_eq!(done, [0, 40, 0]);
}

//! Who leads a run, and which workers it takes.

use crate::process::{LEASE, Process, Squares, numbers, run_options, squares, worker_options};
use crate::servers::{at, one};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use trimtab_cluster::message::Fingerprint;
use trimtab_cluster::status::Watcher;
use trimtab_cluster::worker::work;
use trimtab_cluster::{Coordinator, Error, Name};

#[test]
fn two_coordinators_of_one_run_cannot_both_lead() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let first = Coordinator::start(&server, run_options("led")).unwrap();
    match Coordinator::start(&server, run_options("led")) {
        Err(Error::Led { run, holder }) => {
            assert_eq!(run, "led");
            assert!(holder.contains(&std::process::id().to_string()), "{holder}");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it leads too"),
    }
    // Another run is another matter, and once the first is gone its name is free.
    Coordinator::start(&server, run_options("other")).unwrap();
    drop(first);
    Coordinator::start(&server, run_options("led")).unwrap();
}

#[test]
fn the_lead_of_a_dead_coordinator_runs_out() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let more = [("TRIMTAB_TEST_UNITS", 1), ("TRIMTAB_TEST_WAIT", 1)];
    let mut dead = Process::start("coordinator", &server, folder.path(), &more);
    let watcher = Watcher::connect(&server, crate::process::notice()).unwrap();
    while watcher.status().unwrap().runs.is_empty() {
        std::thread::sleep(Duration::from_millis(50));
    }
    dead.kill();
    let begun = std::time::Instant::now();
    Coordinator::start(&server, run_options("chaos")).unwrap();
    assert!(begun.elapsed() < LEASE * 4, "{:?}", begun.elapsed());
}

#[test]
fn a_worker_of_another_kind_gets_no_units_and_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let (stop, told) = (AtomicBool::new(false), Arc::new(Mutex::new(Vec::new())));
    let listener = told.clone();
    let mut options = worker_options(&folder.path().join("other"), 1);
    options.fingerprint = Fingerprint {
        backend: "libtorch".to_owned(),
        ..options.fingerprint
    };
    options.notice = Arc::new(move |line| listener.lock().unwrap().push(line.to_owned()));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| work(&server, &options, &Squares, &stop).unwrap());
        let good = worker_options(&folder.path().join("good"), 1);
        let good = scope.spawn({
            let (server, stop) = (&server, &stop);
            move || work(server, &good, &Squares, stop).unwrap()
        });
        let coordinator = Coordinator::start(&server, run_options("kinds")).unwrap();
        squares(&coordinator, 5, &numbers(30)).unwrap();
        stop.store(true, Ordering::SeqCst);
        assert_eq!(other.join().unwrap().done, 0);
        assert_eq!(good.join().unwrap().done, 30);
    });
    let told = told.lock().unwrap().join("\n");
    assert!(
        told.contains("its backend is libtorch, here it is none"),
        "{told}"
    );
}

#[test]
fn runs_share_the_workers_by_their_weights_and_a_strategy_is_changed_while_one_runs() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let stop = AtomicBool::new(false);
    let (heavy, light) = std::thread::scope(|scope| {
        let options = worker_options(&folder.path().join("w"), 4);
        let (server, stop) = (&server, &stop);
        scope.spawn(move || work(server, &options, &Squares, stop).unwrap());
        let run = |name: &'static str, weight: f64| {
            scope.spawn(move || {
                let mut options = run_options(name);
                options.weight = weight;
                let coordinator = Coordinator::start(server, options).unwrap();
                let interrupted = AtomicBool::new(false);
                let begun = std::time::Instant::now();
                let batch = trimtab_cluster::coordinator::Batch {
                    job: coordinator.put(b"40").unwrap(),
                    shared: coordinator.put(name.as_bytes()).unwrap(),
                    count: 100_000,
                    unit: &|index| (index.to_string().into_bytes(), 0),
                    interrupted: &interrupted,
                    trace: None,
                };
                // Shares are known to all after a few heartbeats; then the answers of three seconds are counted.
                let mut counted = 0;
                let outcome = coordinator.each(&batch, &mut |_| {}, &mut |_, _| {
                    let time = begun.elapsed();
                    counted += usize::from(time > Duration::from_secs(3));
                    interrupted.store(time > Duration::from_secs(7), Ordering::SeqCst);
                    Ok::<(), Error>(())
                });
                assert!(matches!(outcome, Err(Error::Interrupted)), "{outcome:?}");
                counted
            })
        };
        let (heavy, light) = (run("heavy", 3.0), run("light", 1.0));
        std::thread::sleep(Duration::from_secs(2));
        let watcher = Watcher::connect(server, crate::process::notice()).unwrap();
        let status = watcher.status().unwrap();
        assert_eq!(status.runs.len(), 2);
        assert_eq!(status.workers.len(), 1);
        // A worker is heard of four times in a lease.
        assert!(status.workers[0].silence < LEASE.as_secs_f64());
        let wish = watcher.wish_strategy(&Name::of("heavy"), "best");
        assert!(wish.unwrap_err().to_string().contains("round-robin"));
        watcher
            .wish_strategy(&Name::of("light"), "round-robin")
            .unwrap();
        std::thread::sleep(LEASE);
        let status = watcher.status().unwrap();
        let strategy = |run: &str| {
            let found = status.runs.iter().find(|state| state.run.as_str() == run);
            found.unwrap().strategy.clone()
        };
        assert_eq!(strategy("light"), "round-robin");
        assert_eq!(strategy("heavy"), "least-load");
        let counted = (heavy.join().unwrap(), light.join().unwrap());
        stop.store(true, Ordering::SeqCst);
        counted
    });
    let ratio = heavy as f64 / light as f64;
    assert!((2.0..4.0).contains(&ratio), "{heavy} to {light}");
}

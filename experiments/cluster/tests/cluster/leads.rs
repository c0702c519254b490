//! Who leads a run, and which workers it takes.

use crate::process::{
    AtEnd, LEASE, Process, Squares, fingerprint, numbers, run_options, squares, worker_options,
};
use crate::servers::{Raw, at, one};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use trimtab_cluster::message::{Content, Fingerprint, Message, Payload, Task};
use trimtab_cluster::status::Watcher;
use trimtab_cluster::worker::work;
use trimtab_cluster::{Coordinator, Error, Hash, Name, Server};

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

/// A coordinator that was stopped for longer than its lease finds that another leads, and says so instead of going on.
#[test]
fn a_coordinator_whose_lead_was_taken_ends_with_the_name_of_who_leads() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let deposed = Coordinator::start(&server, run_options("deposed")).unwrap();
    // The server drops a key that was not renewed; here it is dropped by hand.
    let raw = Raw::connect(&server);
    raw.run(async |context| {
        let leases = context.get_key_value("trimtab_leases").await.unwrap();
        leases.purge("lead.deposed").await.unwrap();
    });
    let leading = Coordinator::start(&server, run_options("deposed")).unwrap();
    match squares(&deposed, 1, &numbers(3)) {
        Err(Error::Deposed { run, holder }) => {
            assert_eq!(run, "deposed");
            assert!(holder.contains(&std::process::id().to_string()), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    // Its end does not take the lead from who has it.
    drop(deposed);
    std::thread::sleep(LEASE);
    match Coordinator::start(&server, run_options("deposed")) {
        Err(Error::Led { .. }) => {}
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("two lead"),
    }
    drop(leading);
}

/// What a coordinator hands out that no longer leads is done by nobody.
#[test]
fn a_unit_of_an_earlier_lead_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    let server = at(&running);
    let stop = AtomicBool::new(false);
    let options = worker_options(&folder.path().join("w"), 1);
    let name = options.name.clone();
    std::thread::scope(|scope| {
        let _end = AtEnd(&stop);
        let worker = scope.spawn(|| work(&server, &options, &Squares, &stop).unwrap());
        let coordinator = Coordinator::start(&server, run_options("led")).unwrap();
        squares(&coordinator, 1, &numbers(1)).unwrap();
        let task = |number: &str, lead: u64| Task {
            run: Name::of("led"),
            key: Hash::of(number.as_bytes()),
            attempt: 0,
            lead,
            fingerprint: fingerprint(),
            job: coordinator.put(b"1").unwrap(),
            shared: coordinator.put(b"").unwrap(),
            unit: Content::Inline(number.as_bytes().to_vec()),
            continuation: None,
            trace: None,
        };
        let (earlier, later) = (task("7", 0), task("8", 1 << 40));
        let raw = Raw::connect(&server);
        raw.run(async |context| {
            for task in [&earlier, &later] {
                let subject = format!("trimtab.task.{name}.led.{}", task.key);
                let payload = Payload::Task(task.clone());
                let message = Message {
                    sequence: 0,
                    payload,
                };
                let bytes = message.encode().unwrap();
                let sent = context.publish(subject, bytes.into()).await.unwrap();
                sent.await.unwrap();
            }
            let results = context.get_stream("trimtab_results").await.unwrap();
            let subject = |task: &Task| format!("trimtab.result.led.{}", task.key);
            // Units are taken in their order: once the later one is done the earlier one was dropped.
            while results
                .get_last_raw_message_by_subject(&subject(&later))
                .await
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let subject = subject(&earlier);
            let dropped = results.get_last_raw_message_by_subject(&subject).await;
            assert!(dropped.is_err(), "it was done");
        });
        stop.store(true, Ordering::SeqCst);
        assert_eq!(worker.join().unwrap().done, 2);
    });
}

/// What a worker did for one run keeps it from none of the next.
#[test]
fn the_next_run_begins_at_once_with_workers_that_were_busy_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let Some(running) = one(folder.path()) else {
        return;
    };
    let running = [running];
    // Heartbeats are so rare here that the run would wait for the next.
    let server = Server {
        lease: Duration::from_secs(120),
        ..at(&running)
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = AtEnd(&stop);
        let options = worker_options(&folder.path().join("w"), 1);
        let (server, stop) = (&server, &stop);
        scope.spawn(move || work(server, &options, &Squares, stop).unwrap());
        let begun = std::time::Instant::now();
        for run in ["first", "second", "third"] {
            let coordinator = Coordinator::start(server, run_options(run)).unwrap();
            squares(&coordinator, 30, &numbers(20)).unwrap();
        }
        assert!(begun.elapsed() < server.lease / 4, "{:?}", begun.elapsed());
    });
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
        let _end = AtEnd(&stop);
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
        let _end = AtEnd(&stop);
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

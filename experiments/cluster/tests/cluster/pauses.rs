//! Long units that are paused in their middle for a run of higher priority, and go on.

use crate::process::{
    AtEnd, LEASE, Process, SLICE, numbers, run_options, square, squares, worker_options,
};
use crate::servers::alone;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use trimtab_cluster::coordinator::{Batch, Counts, RunOptions};
use trimtab_cluster::status::Watcher;
use trimtab_cluster::worker::{Done, Executor, Order, Summary, work};
use trimtab_cluster::{Coordinator, Error, Server, StrategyConfig};

/// Squares a number in slices, after each of which it can stand still, and counts them.
#[derive(Default)]
struct Slices {
    done: AtomicU64,
    /// Units that ended before their end.
    let_go: AtomicU64,
    /// Whether units say what is done of them, and go on from that.
    written_down: bool,
}

impl Executor for Slices {
    fn execute(&self, _: usize, order: &Order) -> Done {
        struct Unfinished<'a>(Option<&'a AtomicU64>);
        impl Drop for Unfinished<'_> {
            fn drop(&mut self) {
                self.0.inspect(|count| {
                    count.fetch_add(1, Ordering::SeqCst);
                });
            }
        }
        let job = order.content(order.job).unwrap();
        let milliseconds: u64 = std::str::from_utf8(&job).unwrap().parse().unwrap();
        let mut unfinished = Unfinished(Some(&self.let_go));
        let before = order
            .continuation
            .map_or("0", |before| std::str::from_utf8(before).unwrap());
        for slice in before.parse().unwrap()..milliseconds / SLICE.as_millis() as u64 {
            sleep(SLICE);
            self.done.fetch_add(1, Ordering::SeqCst);
            if self.written_down && order.halt.is_wished() {
                unfinished.0 = None;
                return Done::Paused((slice + 1).to_string().into_bytes());
            }
            order.halt.here();
        }
        unfinished.0 = None;
        (order.progress)(1);
        Done::Answer(square(order.unit))
    }
}

impl Slices {
    fn written_down() -> Self {
        Self {
            written_down: true,
            ..Default::default()
        }
    }

    fn slices(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    fn let_go(&self) -> u64 {
        self.let_go.load(Ordering::SeqCst)
    }
}

fn options(run: &str, priority: i32) -> RunOptions {
    RunOptions {
        priority,
        strategy: Arc::new(|| StrategyConfig::Priority { preempt: true }.build()),
        ..run_options(run)
    }
}

/// Answers of a run of its own, to so many units of so many milliseconds.
fn play(server: &Server, run: &str, priority: i32, (units, milliseconds): (usize, u64)) -> Counts {
    let coordinator = Coordinator::start(server, options(run, priority)).unwrap();
    let units = numbers(units);
    let answers = squares(&coordinator, milliseconds, &units).unwrap();
    let wanted: Vec<_> = units.iter().map(|unit| square(unit.as_bytes())).collect();
    assert_eq!(answers, wanted);
    coordinator.finish();
    coordinator.counts()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}");
        sleep(Duration::from_millis(5));
    }
}

/// A worker with this many slots, until `stop` is set.
fn worker(server: &Server, folder: &Path, slots: usize, by: &Slices, stop: &AtomicBool) -> Summary {
    work(server, &worker_options(folder, slots), by, stop).unwrap()
}

/// How many units stand still at all workers together, as they say themselves.
fn parked(watcher: &Watcher) -> usize {
    let workers = watcher.status().unwrap().workers;
    workers.iter().map(|it| it.heartbeat.parked.len()).sum()
}

fn watcher(server: &Server) -> Watcher {
    Watcher::connect(server, crate::process::notice()).unwrap()
}

#[test]
fn a_long_unit_is_paused_for_an_urgent_run_and_goes_on_where_it_was() {
    let Some((folder, _running, server)) = alone() else {
        return;
    };
    let (stop, slices) = (AtomicBool::new(false), Slices::default());
    std::thread::scope(|scope| {
        let _end = AtEnd(&stop);
        let only = scope.spawn(|| worker(&server, &folder.path().join("w"), 1, &slices, &stop));
        let long = scope.spawn(|| play(&server, "long", 0, (1, 4000)));
        until("it began", || slices.slices() >= 20);
        // Three times, and each time the only slot is free at the end of a slice.
        for _ in 0..3 {
            let urgent = play(&server, "urgent", 1, (2, 200));
            assert!(!long.is_finished(), "it was not paused");
            assert_eq!((urgent.done, urgent.paused), (2, 0));
            let before = slices.slices();
            until("it goes on", || slices.slices() >= before + 5);
        }
        let counts = long.join().unwrap();
        assert_eq!((counts.done, counts.lost, counts.paused), (1, 0, 3));
        // Nothing was done again.
        assert_eq!(slices.slices(), 4000 / 20 + 3 * 2 * 200 / 20);
        assert_eq!(slices.let_go(), 0);
        stop.store(true, Ordering::SeqCst);
        let summary = only.join().unwrap();
        assert_eq!((summary.done, summary.returned), (7, 3));
    });
}

/// Its own worker is busy for long with what it was paused for.
#[test]
fn a_paused_unit_that_is_written_down_goes_on_at_another_worker() {
    let Some((folder, _running, server)) = alone() else {
        return;
    };
    let stop = AtomicBool::new(false);
    let (first, other) = (Slices::written_down(), Slices::written_down());
    std::thread::scope(|scope| {
        let _end = AtEnd(&stop);
        scope.spawn(|| worker(&server, &folder.path().join("w0"), 1, &first, &stop));
        let long = scope.spawn(|| play(&server, "long", 0, (1, 2000)));
        until("it began", || first.slices() >= 20);
        let urgent = scope.spawn(|| play(&server, "urgent", 1, (1, 8000)));
        until("the other runs", || first.slices() > 100);
        scope.spawn(|| worker(&server, &folder.path().join("w1"), 1, &other, &stop));
        let counts = long.join().unwrap();
        assert_eq!((counts.done, counts.lost, counts.paused), (1, 0, 1));
        assert!(!urgent.is_finished(), "it waited for its worker");
        assert!((1..=80).contains(&other.slices()), "{}", other.slices());
        urgent.join().unwrap();
        // Nothing was done again.
        assert_eq!(first.slices() + other.slices(), 100 + 400);
        stop.store(true, Ordering::SeqCst);
    });
}

#[test]
fn a_worker_that_leaves_hands_back_what_it_has_done_of_a_unit() {
    let Some((folder, _running, server)) = alone() else {
        return;
    };
    let (leave, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let (leaving, staying) = (Slices::written_down(), Slices::written_down());
    std::thread::scope(|scope| {
        let (_end, _stop) = (AtEnd(&leave), AtEnd(&stop));
        let first = scope.spawn(|| worker(&server, &folder.path().join("w0"), 1, &leaving, &leave));
        let long = scope.spawn(|| play(&server, "long", 0, (1, 4000)));
        until("it began", || leaving.slices() >= 20);
        leave.store(true, Ordering::SeqCst);
        let summary = first.join().unwrap();
        assert_eq!((summary.done, summary.returned), (0, 1));
        scope.spawn(|| worker(&server, &folder.path().join("w1"), 1, &staying, &stop));
        let counts = long.join().unwrap();
        assert_eq!((counts.done, counts.lost), (1, 0));
        // Nothing was done again.
        assert_eq!(leaving.slices() + staying.slices(), 200);
        assert!(staying.slices() > 0);
        stop.store(true, Ordering::SeqCst);
    });
}

/// In their threads, and from what is written down.
#[test]
fn many_preemptions_at_random_change_no_answer() {
    for slices in [Slices::default(), Slices::written_down()] {
        many_preemptions(&slices);
    }
}

fn many_preemptions(slices: &Slices) {
    let Some((folder, _running, server)) = alone() else {
        return;
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = AtEnd(&stop);
        for (index, slots) in [1, 2].into_iter().enumerate() {
            let folder = folder.path().join(format!("w{index}"));
            let (server, stop) = (&server, &stop);
            scope.spawn(move || worker(server, &folder, slots, slices, stop));
        }
        let long = scope.spawn(|| play(&server, "long", -1, (24, 1000)));
        until("it began", || slices.slices() >= 10);
        let mut drawn = 0x2545_f491_4f6c_dd1d_u64;
        while !long.is_finished() {
            drawn ^= drawn << 13;
            drawn ^= drawn >> 7;
            drawn ^= drawn << 17;
            let units = 1 + drawn as usize % 4;
            play(&server, "urgent", (drawn % 3) as i32, (units, 60));
            sleep(Duration::from_millis(drawn % 400));
        }
        let counts = long.join().unwrap();
        assert_eq!((counts.done, counts.lost), (24, 0));
        assert!(counts.paused >= 3, "{counts:?}");
        stop.store(true, Ordering::SeqCst);
    });
}

/// What it had done is lost with the worker, and done again by another.
#[test]
fn a_unit_that_is_paused_at_a_worker_that_is_killed_begins_anew() {
    let Some((folder, _running, server)) = alone() else {
        return;
    };
    let mut killed = Process::worker(&server, &folder.path().join("killed"), 1);
    let watch = watcher(&server);
    std::thread::scope(|scope| {
        let long = scope.spawn(|| play(&server, "long", 0, (1, 3000)));
        until("it began", || {
            let workers = watch.status().unwrap().workers;
            workers.iter().any(|it| !it.heartbeat.in_hand.is_empty())
        });
        let urgent = scope.spawn(|| play(&server, "urgent", 1, (1, 4000)));
        until("it is paused", || parked(&watch) == 1);
        killed.kill();
        until("that is noticed", || {
            watch.status().unwrap().workers.is_empty()
        });
        sleep(LEASE);
        let _other = Process::worker(&server, &folder.path().join("other"), 1);
        assert_eq!(urgent.join().unwrap().lost, 1);
        let counts = long.join().unwrap();
        // A unit that only stood still there was not lost there.
        assert_eq!((counts.done, counts.lost), (1, 0));
    });
}

#[test]
fn a_unit_that_stands_still_at_a_worker_that_leaves_begins_anew_and_its_thread_ends() {
    let Some((folder, _running, server)) = alone() else {
        return;
    };
    let (leave, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let (leaving, staying) = (Slices::default(), Slices::default());
    let watch = watcher(&server);
    std::thread::scope(|scope| {
        let (_end, _stop) = (AtEnd(&leave), AtEnd(&stop));
        let first = scope.spawn(|| worker(&server, &folder.path().join("w0"), 1, &leaving, &leave));
        let long = scope.spawn(|| play(&server, "long", 0, (1, 2000)));
        until("it began", || leaving.slices() >= 10);
        let urgent = scope.spawn(|| play(&server, "urgent", 1, (1, 2000)));
        until("it is paused", || parked(&watch) == 1);
        let before = leaving.slices();
        until("the other began", || leaving.slices() >= before + 5);
        leave.store(true, Ordering::SeqCst);
        // It finishes what runs, and its threads end.
        assert_eq!(first.join().unwrap().done, 1);
        assert_eq!(leaving.let_go(), 1);
        urgent.join().unwrap();
        scope.spawn(|| worker(&server, &folder.path().join("w1"), 1, &staying, &stop));
        let counts = long.join().unwrap();
        assert_eq!((counts.done, counts.lost, counts.paused), (1, 0, 1));
        assert_eq!(staying.slices(), 100);
        stop.store(true, Ordering::SeqCst);
    });
}

/// By its coordinator, which says so, and by the death of its coordinator, which says nothing.
#[test]
fn the_thread_of_a_paused_unit_ends_when_its_run_does() {
    let Some((folder, _running, server)) = alone() else {
        return;
    };
    let (stop, slices) = (AtomicBool::new(false), Slices::default());
    let (watch, interrupted) = (watcher(&server), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let _end = AtEnd(&stop);
        scope.spawn(|| worker(&server, &folder.path().join("w"), 1, &slices, &stop));
        let cancelled = scope.spawn(|| {
            let coordinator = Coordinator::start(&server, options("cancelled", 0)).unwrap();
            let batch = Batch {
                job: coordinator.put(b"60000").unwrap(),
                shared: coordinator.put(b"").unwrap(),
                count: 1,
                unit: &|_| (b"3".to_vec(), 0),
                interrupted: &interrupted,
                trace: None,
            };
            coordinator.each(&batch, &mut |_| {}, &mut |_, _| Ok::<(), Error>(()))
        });
        until("it began", || slices.slices() >= 10);
        let urgent = scope.spawn(|| play(&server, "urgent", 2, (1, 9000)));
        until("it is paused", || parked(&watch) == 1);
        interrupted.store(true, Ordering::SeqCst);
        let outcome = cancelled.join().unwrap();
        assert!(matches!(outcome, Err(Error::Interrupted)), "{outcome:?}");
        until("it is let go", || slices.let_go() == 1);
        assert!(!urgent.is_finished());
        urgent.join().unwrap();

        // The one that leads this run is killed while its unit stands still.
        let before = slices.slices();
        let more = [
            ("TRIMTAB_TEST_UNITS", 1),
            ("TRIMTAB_TEST_WAIT", 60_000),
            ("TRIMTAB_TEST_PREEMPT", 1),
        ];
        let mut leader = Process::start("coordinator", &server, folder.path(), &more);
        until("it began", || slices.slices() >= before + 10);
        let urgent = scope.spawn(|| play(&server, "urgent", 2, (1, 12_000)));
        until("it is paused", || parked(&watch) == 1);
        leader.kill();
        until("it is let go", || slices.let_go() == 2);
        assert!(!urgent.is_finished());
        urgent.join().unwrap();
        stop.store(true, Ordering::SeqCst);
    });
}

/// Each run pauses the one before: three would stand still in one slot, and the first of them begins anew.
#[test]
fn no_more_than_two_units_are_kept_for_a_slot() {
    let Some((folder, _running, server)) = alone() else {
        return;
    };
    let (stop, slices) = (AtomicBool::new(false), Slices::default());
    std::thread::scope(|scope| {
        let _end = AtEnd(&stop);
        scope.spawn(|| worker(&server, &folder.path().join("w"), 1, &slices, &stop));
        let mut runs = Vec::new();
        for priority in 0..4 {
            let (server, begun) = (&server, slices.slices());
            let run = move || play(server, &format!("run-{priority}"), priority, (1, 5000));
            runs.push(scope.spawn(run));
            until("it began", || slices.slices() >= begun + 30);
        }
        let counts: Vec<Counts> = runs.into_iter().map(|run| run.join().unwrap()).collect();
        assert!(counts.iter().all(|it| (it.done, it.lost) == (1, 0)));
        assert_eq!(slices.let_go(), 1);
        let paused: Vec<u64> = counts.iter().map(|it| it.paused).collect();
        assert_eq!(paused, [1, 1, 1, 0]);
        // The first did its slices again, and nobody else.
        let again = slices.slices() - 4 * 250;
        assert!((20..=250).contains(&again), "{again}");
        stop.store(true, Ordering::SeqCst);
    });
}

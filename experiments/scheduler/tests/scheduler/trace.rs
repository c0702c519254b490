//! Pinned traces: what is asked and told, in which order, and the rules that hold whatever the strategy.

use std::sync::mpsc::{Receiver, channel};
use trimtab_scheduler::strategy::{LeastLoad, Priority, RoundRobin};
use trimtab_scheduler::{
    Change, Command, Error, Limits, Scheduler, State, Strategy, StrategyConfig, Unit, UnitId, Why,
    WorkerId,
};

fn unit(id: u64, priority: i32) -> Unit {
    let id = UnitId(id);
    Unit { id, priority }
}

fn assign(unit: u64, worker: u64) -> Command {
    let (unit, worker) = (UnitId(unit), WorkerId(worker));
    Command::Assign { unit, worker }
}

fn preempt(unit: u64, worker: u64) -> Command {
    let (unit, worker) = (UnitId(unit), WorkerId(worker));
    Command::Preempt { unit, worker }
}

/// A scheduler with workers 0, 1, … and all that it tells.
fn scheduler(
    strategy: impl Strategy + 'static,
    workers: u64,
) -> (Scheduler, Receiver<(f64, Change)>) {
    let mut scheduler = Scheduler::new(Box::new(strategy), Limits::default());
    let (sender, told) = channel();
    scheduler.observe(Box::new(move |at: f64, change: &Change| {
        sender.send((at, change.clone())).expect("it is read");
    }));
    for worker in 0..workers {
        assert!(scheduler.worker_up(WorkerId(worker), 1, 0.0).unwrap());
    }
    (scheduler, told)
}

#[test]
fn observers_are_told_everything_in_order() {
    let (mut scheduler, told) = scheduler(Priority::new(true), 1);
    let (low, high, worker) = (UnitId(1), UnitId(2), WorkerId(0));
    scheduler.submit(unit(1, 0), 1.0).unwrap();
    assert_eq!(scheduler.commands(1.0).unwrap(), [assign(1, 0)]);
    scheduler.started(low, worker, 2.0).unwrap();
    scheduler.progressed(low, worker, 3.0).unwrap();
    scheduler.submit(unit(2, 5), 4.0).unwrap();
    assert_eq!(scheduler.commands(4.0).unwrap(), [preempt(1, 0)]);
    assert_eq!(scheduler.commands(4.5).unwrap(), []);
    scheduler.preempted(low, worker, 5.0).unwrap();
    assert_eq!(scheduler.commands(5.0).unwrap(), [assign(2, 0)]);
    scheduler.worker_down(worker, 6.0).unwrap();
    scheduler.worker_up(worker, 2, 7.0).unwrap();
    assert_eq!(
        scheduler.commands(7.0).unwrap(),
        [assign(2, 0), assign(1, 0)]
    );
    scheduler
        .set_strategy(Box::new(RoundRobin::default()), 8.0)
        .unwrap();
    scheduler.done(high, worker, 9.0).unwrap();
    scheduler.failed(low, worker, "no data", 10.0).unwrap();

    let expected = [
        (0.0, Change::WorkerUp { worker, slots: 1 }),
        (1.0, Change::Queued { unit: low }),
        (1.0, Change::Assigned { unit: low, worker }),
        (2.0, Change::Started { unit: low, worker }),
        (3.0, Change::Progressed { unit: low, worker }),
        (4.0, Change::Queued { unit: high }),
        (5.0, Change::Preempted { unit: low, worker }),
        (5.0, Change::Queued { unit: low }),
        (5.0, Change::Assigned { unit: high, worker }),
        (6.0, Change::WorkerDown { worker }),
        (6.0, Change::Lost { unit: high, worker }),
        (6.0, Change::Queued { unit: high }),
        (7.0, Change::WorkerUp { worker, slots: 2 }),
        (7.0, Change::Assigned { unit: high, worker }),
        (7.0, Change::Assigned { unit: low, worker }),
        (
            8.0,
            Change::Strategy {
                name: "round-robin".into(),
            },
        ),
        (9.0, Change::Done { unit: high, worker }),
        (
            10.0,
            Change::Failed {
                unit: low,
                reason: "no data".into(),
            },
        ),
    ];
    assert_eq!(told.try_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn round_robin_takes_turns_and_skips_the_dead() {
    let (mut scheduler, _told) = scheduler(RoundRobin::default(), 3);
    for id in 0..4 {
        scheduler.submit(unit(id, 0), 0.0).unwrap();
    }
    let turns = [assign(0, 0), assign(1, 1), assign(2, 2), assign(3, 0)];
    assert_eq!(scheduler.commands(0.0).unwrap(), turns);
    // Unit 1 comes back, and goes to the one whose turn it would be if worker 1 were there.
    scheduler.worker_down(WorkerId(1), 1.0).unwrap();
    assert_eq!(scheduler.commands(1.0).unwrap(), [assign(1, 2)]);
}

#[test]
fn least_load_counts_units_for_each_slot() {
    let (mut scheduler, _told) = scheduler(LeastLoad::new(Some(1)), 1);
    scheduler.worker_up(WorkerId(1), 3, 0.0).unwrap();
    for id in 0..10 {
        scheduler.submit(unit(id, 0), 0.0).unwrap();
    }
    // Loads 0/1 and 0/3, 1/1 and 0/3, …; at 1/1 and 3/3 the lowest number is first again. One for each slot waits there.
    let workers = [0, 1, 1, 1, 0, 1, 1, 1];
    let expected: Vec<_> = (0..)
        .zip(workers)
        .map(|(id, worker)| assign(id, worker))
        .collect();
    assert_eq!(scheduler.commands(0.0).unwrap(), expected);
    // Others' units count.
    scheduler.worker_up(WorkerId(2), 1, 1.0).unwrap();
    scheduler.elsewhere(WorkerId(2), 1, 1.0).unwrap();
    assert_eq!(scheduler.commands(1.0).unwrap(), [assign(8, 2)]);
}

#[test]
fn priorities_go_first_and_arrivals_keep_their_order() {
    let (mut scheduler, _told) = scheduler(Priority::new(false), 0);
    for (id, priority) in [(0, 1), (1, 2), (2, 1), (3, i32::MAX), (4, i32::MIN)] {
        scheduler.submit(unit(id, priority), 0.0).unwrap();
    }
    scheduler.worker_up(WorkerId(0), 5, 1.0).unwrap();
    let expected = [3, 1, 0, 2, 4].map(|id| assign(id, 0));
    assert_eq!(scheduler.commands(1.0).unwrap(), expected);
}

#[test]
fn preemption_takes_the_lowest_and_no_more_than_it_needs() {
    let (mut scheduler, _told) = scheduler(Priority::new(true), 3);
    for (id, priority) in [(0, 2), (1, 1), (2, 1)] {
        scheduler.submit(unit(id, priority), 0.0).unwrap();
    }
    for command in scheduler.commands(0.0).unwrap() {
        let Command::Assign { unit, worker } = command else {
            panic!("{command}")
        };
        scheduler.started(unit, worker, 0.0).unwrap();
    }
    // The latest of the lowest has the least to lose.
    scheduler.submit(unit(3, 2), 1.0).unwrap();
    assert_eq!(scheduler.commands(1.0).unwrap(), [preempt(2, 2)]);
    // Three now wait for one slot and a second one: priority 2 does not displace priority 2.
    scheduler.submit(unit(4, 2), 2.0).unwrap();
    scheduler.submit(unit(5, 2), 2.0).unwrap();
    assert_eq!(scheduler.commands(2.0).unwrap(), [preempt(1, 1)]);
    scheduler.preempted(UnitId(1), WorkerId(1), 3.0).unwrap();
    assert_eq!(scheduler.commands(3.0).unwrap(), [assign(3, 1)]);
    // It was done before the message that should pause it arrived.
    scheduler.done(UnitId(2), WorkerId(2), 4.0).unwrap();
    assert_eq!(scheduler.commands(4.0).unwrap(), [assign(4, 2)]);
}

/// A paused unit goes on where its work is kept, and does not wait for that for longer than its work took.
#[test]
fn a_paused_unit_goes_on_where_its_work_is_kept() {
    let (low, high) = (UnitId(1), UnitId(2));
    let begin = || {
        let (mut scheduler, told) = scheduler(Priority::new(true), 2);
        scheduler.elsewhere(WorkerId(0), 1, 0.0).unwrap();
        scheduler.submit(unit(1, 0), 0.0).unwrap();
        assert_eq!(scheduler.commands(0.0).unwrap(), [assign(1, 1)]);
        scheduler.started(low, WorkerId(1), 0.0).unwrap();
        scheduler.submit(unit(2, 1), 10.0).unwrap();
        assert_eq!(scheduler.commands(10.0).unwrap(), [preempt(1, 1)]);
        assert!(scheduler.parked(low, WorkerId(1), 10.0, 11.0).unwrap());
        assert_eq!(scheduler.commands(11.0).unwrap(), [assign(2, 1)]);
        // The other worker is free, and is left free.
        scheduler.elsewhere(WorkerId(0), 0, 12.0).unwrap();
        assert_eq!(scheduler.commands(12.0).unwrap(), []);
        assert_eq!(scheduler.state().first_waiting(), None);
        assert_eq!(scheduler.state().counts().waiting, 1);
        (scheduler, told)
    };
    // Its own worker is free again, and is chosen though both are.
    let (mut home, _told) = begin();
    home.done(high, WorkerId(1), 13.0).unwrap();
    home.elsewhere(WorkerId(0), 0, 13.0).unwrap();
    assert_eq!(home.commands(13.0).unwrap(), [assign(1, 1)]);
    // It has waited for as long as its work took.
    let (mut later, _told) = begin();
    assert_eq!(later.commands(20.9).unwrap(), []);
    assert_eq!(later.commands(21.0).unwrap(), [assign(1, 0)]);
    // Nobody keeps it any more.
    let (mut dropped, _told) = begin();
    assert!(dropped.let_go(low, 13.0).unwrap());
    assert!(!dropped.let_go(low, 13.0).unwrap());
    assert_eq!(dropped.commands(13.0).unwrap(), [assign(1, 0)]);
    let (mut gone, _told) = begin();
    gone.worker_down(WorkerId(1), 13.0).unwrap();
    assert_eq!(gone.commands(13.0).unwrap(), [assign(2, 0)]);
    gone.done(high, WorkerId(0), 14.0).unwrap();
    assert_eq!(gone.commands(14.0).unwrap(), [assign(1, 0)]);
    // Neither a unit that another worker has, nor work of a length that is no number.
    let (mut odd, _told) = begin();
    assert!(!odd.parked(high, WorkerId(0), 5.0, 13.0).unwrap());
    assert!(odd.parked(high, WorkerId(1), f64::NAN, 13.0).is_err());
}

/// Somebody more urgent needs the slots: what goes on beyond the ceiling is paused, and goes on under it again.
#[test]
fn a_ceiling_pauses_what_goes_on_beyond_it() {
    let (mut scheduler, _told) = scheduler(Priority::new(true), 2);
    for (id, priority) in [(1, 3), (2, 0), (3, 0)] {
        scheduler.submit(unit(id, priority), 0.0).unwrap();
    }
    let assigned = scheduler.commands(0.0).unwrap();
    assert_eq!(assigned, [assign(1, 0), assign(2, 1)]);
    scheduler.started(UnitId(1), WorkerId(0), 0.0).unwrap();
    scheduler.started(UnitId(2), WorkerId(1), 0.0).unwrap();
    scheduler.set_quota(1);
    assert_eq!(scheduler.commands(1.0).unwrap(), []);
    scheduler.set_ceiling(1);
    assert_eq!(scheduler.commands(1.0).unwrap(), [preempt(2, 1)]);
    assert_eq!(scheduler.commands(1.0).unwrap(), []);
    scheduler.parked(UnitId(2), WorkerId(1), 1.0, 2.0).unwrap();
    assert_eq!(scheduler.commands(2.0).unwrap(), []);
    scheduler.set_ceiling(usize::MAX);
    scheduler.set_quota(2);
    assert_eq!(scheduler.commands(3.0).unwrap(), [assign(2, 1)]);
}

#[test]
fn a_unit_lost_too_often_has_failed_and_says_with_whom() {
    let (mut scheduler, told) = scheduler(LeastLoad::new(Some(0)), 0);
    scheduler.submit(unit(7, 0), 0.0).unwrap();
    for worker in [3, 5, 5, 9] {
        scheduler.worker_up(WorkerId(worker), 1, 1.0).unwrap();
        assert_eq!(scheduler.commands(1.0).unwrap(), [assign(7, worker)]);
        // Being paused is no loss.
        scheduler
            .preempted(UnitId(7), WorkerId(worker), 1.0)
            .unwrap();
        assert_eq!(scheduler.commands(1.0).unwrap(), [assign(7, worker)]);
        scheduler.worker_down(WorkerId(worker), 2.0).unwrap();
    }
    let reason = "lost each of the 4 times that it was given out, with workers 3, 5, 5 and 9";
    let (_, last) = told.try_iter().last().unwrap();
    assert_eq!(
        last,
        Change::Failed {
            unit: UnitId(7),
            reason: reason.into()
        }
    );
    let counts = scheduler.state().counts();
    assert_eq!((counts.failed, counts.lost, counts.in_hand), (1, 4, 0));
    // Its answer is too late.
    assert!(!scheduler.done(UnitId(7), WorkerId(3), 3.0).unwrap());
}

#[test]
fn a_lost_unit_keeps_its_place() {
    let (mut scheduler, _told) = scheduler(LeastLoad::new(Some(0)), 1);
    for id in 0..3 {
        scheduler.submit(unit(id, 0), 0.0).unwrap();
    }
    assert_eq!(scheduler.commands(0.0).unwrap(), [assign(0, 0)]);
    assert!(scheduler.lost(UnitId(0), WorkerId(0), 1.0).unwrap());
    assert_eq!(scheduler.commands(1.0).unwrap(), [assign(0, 0)]);
}

#[test]
fn the_first_answer_counts_whoever_sends_it() {
    let (mut scheduler, _told) = scheduler(LeastLoad::new(Some(0)), 2);
    scheduler.submit(unit(1, 0), 0.0).unwrap();
    assert_eq!(scheduler.commands(0.0).unwrap(), [assign(1, 0)]);
    scheduler.worker_down(WorkerId(0), 1.0).unwrap();
    assert_eq!(scheduler.commands(1.0).unwrap(), [assign(1, 1)]);
    scheduler.started(UnitId(1), WorkerId(1), 1.0).unwrap();
    // Nothing that a worker thought dead says ends or moves what another one has, but for the answer.
    assert!(
        !scheduler
            .failed(UnitId(1), WorkerId(0), "shut down", 2.0)
            .unwrap()
    );
    assert!(!scheduler.preempted(UnitId(1), WorkerId(0), 2.0).unwrap());
    assert!(!scheduler.progressed(UnitId(1), WorkerId(0), 2.0).unwrap());
    assert!(scheduler.done(UnitId(1), WorkerId(0), 3.0).unwrap());
    let (unit, worker) = (UnitId(1), WorkerId(1));
    assert_eq!(
        scheduler.commands(3.0).unwrap(),
        [Command::Withdraw { unit, worker }]
    );
    assert_eq!(scheduler.commands(3.0).unwrap(), []);
    assert!(!scheduler.done(UnitId(1), WorkerId(1), 4.0).unwrap());
    assert_eq!(scheduler.state().counts().done, 1);
    assert_eq!(scheduler.state().worker(WorkerId(1)).unwrap().load(), 0);
}

#[test]
fn an_answer_to_a_waiting_unit_takes_it_from_the_queue() {
    let (mut scheduler, _told) = scheduler(LeastLoad::new(Some(0)), 1);
    scheduler.submit(unit(1, 0), 0.0).unwrap();
    scheduler.commands(0.0).unwrap();
    scheduler.worker_down(WorkerId(0), 1.0).unwrap();
    assert!(scheduler.done(UnitId(1), WorkerId(0), 2.0).unwrap());
    scheduler.worker_up(WorkerId(0), 1, 3.0).unwrap();
    assert_eq!(scheduler.commands(3.0).unwrap(), []);
}

#[test]
fn the_quota_bounds_what_is_in_hand() {
    let (mut scheduler, _told) = scheduler(RoundRobin::default(), 2);
    for id in 0..5 {
        scheduler.submit(unit(id, 0), 0.0).unwrap();
    }
    scheduler.set_quota(3);
    assert_eq!(scheduler.commands(0.0).unwrap().len(), 3);
    scheduler.set_quota(2);
    scheduler.done(UnitId(0), WorkerId(0), 1.0).unwrap();
    assert_eq!(scheduler.commands(1.0).unwrap(), []);
    scheduler.set_quota(3);
    // The turn was not lost.
    assert_eq!(scheduler.commands(1.0).unwrap(), [assign(3, 1)]);
}

/// Says the same for ever.
struct Stubborn(Command);

impl Strategy for Stubborn {
    fn name(&self) -> &str {
        "stubborn"
    }

    fn next(&mut self, _: &State) -> Option<Command> {
        Some(self.0)
    }
}

#[test]
fn nonsense_is_skipped_and_named() {
    let (unit_1, worker) = (UnitId(1), WorkerId(0));
    let withdraw = Command::Withdraw {
        unit: unit_1,
        worker,
    };
    let cases = [
        (assign(9, 0), Why::NoSuchUnit),
        (assign(1, 9), Why::NoSuchWorker),
        (assign(2, 0), Why::InHand),
        (preempt(1, 0), Why::NotThere),
        (preempt(2, 1), Why::NotThere),
        (withdraw, Why::Withdrawal),
        (assign(1, 0), Why::Quota),
    ];
    for (command, why) in cases {
        let (mut scheduler, _told) = scheduler(LeastLoad::new(Some(0)), 2);
        scheduler.submit(unit(2, 0), 0.0).unwrap();
        scheduler.commands(0.0).unwrap();
        scheduler.submit(unit(1, 0), 0.0).unwrap();
        scheduler.set_quota(1 + usize::from(why != Why::Quota));
        scheduler
            .set_strategy(Box::new(Stubborn(command)), 0.0)
            .unwrap();
        assert_eq!(scheduler.commands(0.0).unwrap(), []);
        let first = scheduler.mistakes()[0];
        assert_eq!((first.command, first.why), (command, why));
        // It goes on once the strategy makes sense.
        scheduler.set_quota(2);
        scheduler
            .set_strategy(StrategyConfig::default().build(), 0.0)
            .unwrap();
        assert_eq!(scheduler.commands(0.0).unwrap(), [assign(1, 1)]);
        assert!(scheduler.mistakes().is_empty());
    }
    let (mut scheduler, _told) = scheduler(Stubborn(preempt(1, 0)), 1);
    scheduler
        .set_strategy(StrategyConfig::default().build(), 0.0)
        .unwrap();
    scheduler.submit(unit(1, 0), 0.0).unwrap();
    scheduler.commands(0.0).unwrap();
    scheduler
        .set_strategy(Box::new(Stubborn(preempt(1, 0))), 0.0)
        .unwrap();
    assert_eq!(scheduler.commands(0.0).unwrap(), [preempt(1, 0)]);
    assert_eq!(scheduler.mistakes()[0].why, Why::Pausing);
}

#[test]
fn bad_input_is_an_error_that_names_it() {
    let (mut scheduler, _told) = scheduler(RoundRobin::default(), 1);
    let slots = scheduler.worker_up(WorkerId(0), 0, 0.0).unwrap_err();
    assert_eq!(
        slots.to_string(),
        "slots: 0 is not allowed; give at least 1"
    );
    for at in [f64::NAN, f64::INFINITY] {
        let error = scheduler.submit(unit(1, 0), at).unwrap_err();
        assert!(error.to_string().starts_with("at: "), "{error}");
        assert!(scheduler.commands(at).is_err());
        assert!(scheduler.done(UnitId(1), WorkerId(0), at).is_err());
    }
    assert_eq!(scheduler.state().counts().submitted, 0);
    let unknown = scheduler.done(UnitId(8), WorkerId(0), 0.0).unwrap_err();
    assert_eq!(unknown, Error::UnknownUnit(UnitId(8)));
    // Time does not go back.
    scheduler.submit(unit(1, 0), 5.0).unwrap();
    scheduler.submit(unit(2, 0), 4.0).unwrap();
    assert_eq!(scheduler.state().now(), 5.0);
}

#[test]
fn strategies_have_names() {
    let read = |text: &str| {
        ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
            .from_str::<StrategyConfig>(text)
    };
    let ahead = |ahead| StrategyConfig::LeastLoad { ahead };
    assert_eq!(read("RoundRobin"), Ok(StrategyConfig::RoundRobin));
    assert_eq!(read("LeastLoad(ahead: 2)"), Ok(ahead(Some(2))));
    assert_eq!(read("LeastLoad(ahead: None)"), Ok(ahead(None)));
    assert_eq!(read("LeastLoad()"), Ok(ahead(Some(1))));
    let preemptive = StrategyConfig::Priority { preempt: true };
    assert_eq!("priority".parse(), Ok(preemptive));
    assert_eq!(read("Priority()"), Ok(preemptive));
    assert_eq!(read("Priority(preempt: true)"), Ok(preemptive));
    assert!(read("Priority(preemptive: true)").is_err());
    for name in ["round-robin", "least-load", "priority"] {
        assert_eq!(name.parse::<StrategyConfig>().unwrap().build().name(), name);
    }
    let error = "fifo".parse::<StrategyConfig>().unwrap_err().to_string();
    let allowed = "give `round-robin`, `least-load` or `priority`";
    assert_eq!(error, format!("strategy: `fifo` is not allowed; {allowed}"));
}

//! Whatever events come, in whatever order, no unit is lost and the counts add up.

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use trimtab_scheduler::shares::{ranked, shares};
use trimtab_scheduler::{
    Change, Command, Limits, Scheduler, Stage, StrategyConfig, Unit, UnitId, WorkerId,
};

const UNITS: u64 = 12;
const WORKERS: u64 = 4;

/// Something that a driver may say, sense or nonsense.
#[derive(Clone, Debug)]
enum Event {
    Submit(u64, i32),
    Up(u64, usize),
    Down(u64),
    Started(u64, u64),
    Progressed(u64, u64),
    Preempted(u64, u64),
    Parked(u64, u64, u32),
    LetGo(u64),
    Ceiling(usize),
    Done(u64, u64),
    Failed(u64, u64),
    Lost(u64, u64),
    Elsewhere(u64, usize),
    Quota(usize),
    Strategy(StrategyConfig),
    /// What workers would say of all that is in hand: started, paused if asked.
    Obey,
}

fn strategies() -> impl Strategy<Value = StrategyConfig> {
    prop_oneof![
        Just(StrategyConfig::RoundRobin),
        (0..3_usize).prop_map(|ahead| StrategyConfig::LeastLoad { ahead: Some(ahead) }),
        Just(StrategyConfig::LeastLoad { ahead: None }),
        any::<bool>().prop_map(|preempt| StrategyConfig::Priority { preempt }),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    let unit = || 0..UNITS;
    let worker = || 0..WORKERS;
    let both = move || (unit(), worker());
    prop_oneof![
        4 => (unit(), -1..2_i32).prop_map(|(unit, priority)| Event::Submit(unit, priority)),
        2 => (worker(), 1..4_usize).prop_map(|(worker, slots)| Event::Up(worker, slots)),
        1 => worker().prop_map(Event::Down),
        2 => both().prop_map(|(unit, worker)| Event::Started(unit, worker)),
        1 => both().prop_map(|(unit, worker)| Event::Progressed(unit, worker)),
        2 => both().prop_map(|(unit, worker)| Event::Preempted(unit, worker)),
        2 => (both(), 0..9_u32)
            .prop_map(|((unit, worker), seconds)| Event::Parked(unit, worker, seconds)),
        1 => unit().prop_map(Event::LetGo),
        1 => (0..4_usize).prop_map(Event::Ceiling),
        1 => both().prop_map(|(unit, worker)| Event::Done(unit, worker)),
        1 => both().prop_map(|(unit, worker)| Event::Failed(unit, worker)),
        1 => both().prop_map(|(unit, worker)| Event::Lost(unit, worker)),
        1 => (worker(), 0..3_usize).prop_map(|(worker, units)| Event::Elsewhere(worker, units)),
        1 => (0..8_usize).prop_map(Event::Quota),
        1 => strategies().prop_map(Event::Strategy),
        3 => Just(Event::Obey),
    ]
}

fn happen(scheduler: &mut Scheduler, event: &Event, at: f64) {
    let pair = |unit: u64, worker: u64| (UnitId(unit), WorkerId(worker));
    // Whether it is an error is no matter here: about units that were never submitted, it is.
    let _ = match *event {
        Event::Submit(id, priority) => {
            let id = UnitId(id);
            scheduler.submit(Unit { id, priority }, at)
        }
        Event::Up(worker, slots) => scheduler.worker_up(WorkerId(worker), slots, at),
        Event::Down(worker) => scheduler.worker_down(WorkerId(worker), at),
        Event::Started(unit, worker) => {
            scheduler.started(pair(unit, worker).0, pair(unit, worker).1, at)
        }
        Event::Progressed(unit, worker) => scheduler.progressed(UnitId(unit), WorkerId(worker), at),
        Event::Preempted(unit, worker) => scheduler.preempted(UnitId(unit), WorkerId(worker), at),
        Event::Parked(unit, worker, seconds) => {
            scheduler.parked(UnitId(unit), WorkerId(worker), f64::from(seconds), at)
        }
        Event::LetGo(unit) => scheduler.let_go(UnitId(unit), at),
        Event::Ceiling(ceiling) => {
            scheduler.set_ceiling(ceiling);
            Ok(true)
        }
        Event::Done(unit, worker) => scheduler.done(UnitId(unit), WorkerId(worker), at),
        Event::Failed(unit, worker) => scheduler.failed(UnitId(unit), WorkerId(worker), "", at),
        Event::Lost(unit, worker) => scheduler.lost(UnitId(unit), WorkerId(worker), at),
        Event::Elsewhere(worker, units) => scheduler
            .elsewhere(WorkerId(worker), units, at)
            .map(|()| true),
        Event::Quota(quota) => {
            scheduler.set_quota(quota);
            Ok(true)
        }
        Event::Strategy(strategy) => scheduler.set_strategy(strategy.build(), at).map(|()| true),
        Event::Obey => {
            obey(scheduler, at);
            Ok(true)
        }
    };
}

fn in_hand(scheduler: &Scheduler) -> Vec<(UnitId, WorkerId, Stage)> {
    (0..UNITS)
        .map(UnitId)
        .filter_map(|unit| {
            let (worker, stage) = scheduler.state().holder(unit)?;
            Some((unit, worker, stage))
        })
        .collect()
}

fn obey(scheduler: &mut Scheduler, at: f64) {
    for (unit, worker, stage) in in_hand(scheduler) {
        let heard = match stage {
            Stage::Assigned => scheduler.started(unit, worker, at),
            Stage::Running => scheduler.progressed(unit, worker, at),
            Stage::Pausing => scheduler.preempted(unit, worker, at),
        };
        assert_eq!(heard, Ok(true));
    }
}

/// What an observer makes of the changes alone.
#[derive(Default)]
struct Account {
    waiting: BTreeSet<UnitId>,
    held: BTreeMap<UnitId, WorkerId>,
    ended: BTreeMap<UnitId, bool>,
    workers: BTreeSet<WorkerId>,
    lost: usize,
}

impl Account {
    fn changed(&mut self, change: &Change) {
        match change {
            Change::Queued { unit } => assert!(self.waiting.insert(*unit), "{unit} waits twice"),
            Change::Assigned { unit, worker } => {
                assert!(self.waiting.remove(unit), "{unit} did not wait");
                assert!(self.workers.contains(worker), "{worker} is not up");
                assert_eq!(self.held.insert(*unit, *worker), None);
            }
            Change::Started { unit, worker } | Change::Progressed { unit, worker } => {
                assert_eq!(self.held.get(unit), Some(worker));
            }
            Change::Preempted { unit, worker } => assert_eq!(self.held.remove(unit), Some(*worker)),
            Change::Lost { unit, worker } => {
                self.lost += 1;
                assert_eq!(self.held.remove(unit), Some(*worker));
            }
            Change::Done { unit, .. } => self.end(*unit, true),
            Change::Failed { unit, .. } => self.end(*unit, false),
            Change::WorkerUp { worker, .. } => {
                self.workers.insert(*worker);
            }
            Change::WorkerDown { worker } => assert!(self.workers.remove(worker)),
            _ => {}
        }
    }

    fn end(&mut self, unit: UnitId, done: bool) {
        self.waiting.remove(&unit);
        self.held.remove(&unit);
        assert_eq!(self.ended.insert(unit, done), None, "{unit} ended twice");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_unit_is_lost(first in strategies(), events in vec(events(), 0..120)) {
        let mut scheduler = Scheduler::new(first.build(), Limits::default());
        let account = Arc::new(Mutex::new(Account::default()));
        let sees = Arc::clone(&account);
        scheduler.observe(Box::new(move |_: f64, change: &Change| {
            sees.lock().expect("an account").changed(change);
        }));
        let mut withdrawn = Vec::new();
        for (at, event) in events.iter().enumerate() {
            happen(&mut scheduler, event, at as f64);
            for command in scheduler.commands(at as f64).expect("commands") {
                if let Command::Withdraw { unit, .. } = command {
                    withdrawn.push(unit);
                }
            }
            prop_assert!(scheduler.mistakes().is_empty(), "{:?}", scheduler.mistakes());
            let (state, counts) = (scheduler.state(), scheduler.state().counts());
            let account = account.lock().expect("an account");
            let ended = |done: bool| account.ended.values().filter(|&&it| it == done).count();
            prop_assert_eq!(counts.submitted, counts.waiting + counts.in_hand + counts.done + counts.failed);
            prop_assert_eq!(counts.waiting, account.waiting.len());
            prop_assert_eq!(counts.in_hand, account.held.len());
            prop_assert_eq!((counts.done, counts.failed), (ended(true), ended(false)));
            prop_assert_eq!((counts.lost, counts.workers), (account.lost, account.workers.len()));
            let here: usize = state.workers().map(|worker| worker.units().len()).sum();
            prop_assert_eq!(here, counts.in_hand);
            let held = in_hand(&scheduler);
            for &(unit, worker, _) in &held {
                prop_assert_eq!(account.held.get(&unit), Some(&worker));
            }
            let stages = |stage| held.iter().filter(|it| it.2 == stage).count();
            prop_assert_eq!(state.running().count(), stages(Stage::Running));
            prop_assert_eq!(state.pausing(), stages(Stage::Pausing));
            let least = state.workers().map(|it| it.load() as f64 / it.slots() as f64).reduce(f64::min);
            let found = state.least_loaded().map(|it| it.load() as f64 / it.slots() as f64);
            prop_assert_eq!(found, least);
        }
        let account = account.lock().expect("an account");
        prop_assert!(withdrawn.iter().all(|unit| account.ended.get(unit) == Some(&true)));
    }

    /// With a central queue, whatever happens to the units, a worker never has more than its slots.
    #[test]
    fn no_slot_has_two_units(
        preempt in any::<bool>(),
        central in any::<bool>(),
        slots in vec(1..4_usize, WORKERS as usize),
        events in vec(events(), 0..120),
    ) {
        let strategy = if central {
            StrategyConfig::LeastLoad { ahead: Some(0) }
        } else {
            StrategyConfig::Priority { preempt }
        };
        let mut scheduler = Scheduler::new(strategy.build(), Limits::default());
        for (at, event) in events.iter().enumerate() {
            match event {
                Event::Strategy(_) => {}
                Event::Up(worker, _) => {
                    let slots = slots[*worker as usize];
                    happen(&mut scheduler, &Event::Up(*worker, slots), at as f64);
                }
                event => happen(&mut scheduler, event, at as f64),
            }
            scheduler.commands(at as f64).expect("commands");
            for worker in scheduler.state().workers() {
                prop_assert!(worker.units().len() <= slots[worker.id().0 as usize]);
            }
            // No slot is free while a unit waits that may be given out.
            let free = scheduler.state().workers().any(|worker| worker.free() > 0);
            prop_assert!(!free || scheduler.state().first_waiting().is_none());
        }
    }

    /// Events that come twice change nothing the second time.
    #[test]
    fn duplicates_are_ignored(first in strategies(), events in vec(events(), 0..80)) {
        let run = |times: usize| {
            let mut scheduler = Scheduler::new(first.build(), Limits::default());
            let told = Arc::new(Mutex::new(Vec::new()));
            let sees = Arc::clone(&told);
            scheduler.observe(Box::new(move |_: f64, change: &Change| {
                // That it goes on may be said any number of times.
                if !matches!(change, Change::Progressed { .. } | Change::Strategy { .. }) {
                    sees.lock().expect("changes").push(change.clone());
                }
            }));
            for (at, event) in events.iter().enumerate() {
                let times = if matches!(event, Event::Obey | Event::Strategy(_)) { 1 } else { times };
                for _ in 0..times {
                    happen(&mut scheduler, event, at as f64);
                }
                scheduler.commands(at as f64).expect("commands");
            }
            let told = told.lock().expect("changes");
            told.clone()
        };
        prop_assert_eq!(run(1), run(2));
    }

    /// Whatever was kept where: once its time is over, what waits is given out as long as a slot is free.
    #[test]
    fn work_that_is_kept_keeps_nothing_waiting_for_ever(events in vec(events(), 0..80)) {
        let strategy = StrategyConfig::LeastLoad { ahead: Some(0) };
        let mut scheduler = Scheduler::new(strategy.build(), Limits::default());
        for (at, event) in events.iter().enumerate() {
            if !matches!(event, Event::Strategy(_) | Event::Quota(_)) {
                happen(&mut scheduler, event, at as f64);
            }
            scheduler.commands(at as f64).expect("commands");
        }
        let later = events.len() as f64 + 9.0;
        scheduler.commands(later).expect("commands");
        let free = scheduler.state().workers().any(|worker| worker.free() > 0);
        prop_assert!(!free || scheduler.state().counts().waiting == 0);
    }

    #[test]
    fn who_is_more_urgent_is_served_first(
        slots in 0..50_usize,
        claims in vec((-1..2_i32, 0.1..10.0, 0..30_usize), 0..8),
    ) {
        let given = ranked(slots, &claims).expect("shares");
        let demand: usize = claims.iter().map(|claim| claim.2).sum();
        let shared: usize = given.iter().map(|share| share.0).sum();
        prop_assert_eq!(shared, slots.min(demand));
        for (&(share, left), claim) in given.iter().zip(&claims) {
            let above: usize = claims.iter().filter(|it| it.0 > claim.0).map(|it| it.2).sum();
            prop_assert_eq!(left, slots.saturating_sub(above));
            prop_assert!(share <= left.min(claim.2));
        }
    }

    #[test]
    fn shares_are_fair(
        slots in 0..200_usize,
        claims in vec((prop_oneof![(1..10_u32).prop_map(f64::from), 0.001..1000.0], 0..100_usize), 0..8),
        whose in any::<prop::sample::Index>(),
        heavier in 1.0..10.0,
    ) {
        let given = shares(slots, &claims).expect("shares");
        let demand: usize = claims.iter().map(|claim| claim.1).sum();
        prop_assert_eq!(given.iter().sum::<usize>(), slots.min(demand));
        let wanting = claims.iter().filter(|claim| claim.1 > 0).count();
        for (&share, claim) in given.iter().zip(&claims) {
            prop_assert!(share <= claim.1);
            prop_assert!(wanting > slots || claim.1 == 0 || share > 0, "{given:?}");
        }
        // Max-min: nobody who wants more has less for its weight than another one, but for whole slots.
        for (&one, first) in given.iter().zip(&claims) {
            for (&other, second) in given.iter().zip(&claims) {
                let more = other > 1 && one < first.1;
                prop_assert!(!more || (other - 1) as f64 / second.0 <= (one + 1) as f64 / first.0 * (1.0 + 1e-9), "{given:?}");
            }
        }
        if !claims.is_empty() {
            let whose = whose.index(claims.len());
            let mut more = claims.clone();
            more[whose].0 *= heavier;
            prop_assert!(shares(slots, &more).expect("shares")[whose] >= given[whose]);
        }
    }
}

#[test]
fn shares_of_any_weight_and_demand() {
    let all = |claims: &[(f64, usize)], slots| shares(slots, claims).expect("shares");
    assert_eq!(all(&[(1.0, 9), (1.0, 9)], 3), [2, 1]);
    assert_eq!(all(&[(2.0, 1), (1.0, 9), (1.0, 9)], 7), [1, 3, 3]);
    // One slot for each comes before weights.
    assert_eq!(all(&[(1000.0, 9), (1.0, 9)], 4), [3, 1]);
    // With fewer slots than claims, the heavier go first.
    assert_eq!(all(&[(1.0, 9), (2.0, 9), (3.0, 9)], 2), [0, 1, 1]);
    assert_eq!(all(&[(1e-300, 9), (1e300, 9)], 9), [1, 8]);
    assert_eq!(all(&[(1.0, usize::MAX), (1.0, usize::MAX)], 5), [3, 2]);
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = shares(1, &[(1.0, 1), (weight, 1)]).unwrap_err().to_string();
        assert!(error.starts_with("claims[1].weight: "), "{error}");
    }
}

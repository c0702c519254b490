//! What the simulation promises, apart from the known answers.

use std::sync::{Arc, Mutex};
use trimtab_scheduler::simulation::{
    Arrivals, Coordinator, Failures, Figures, Service, Simulation, Stream,
};
use trimtab_scheduler::strategy::{LeastLoad, Priority, RoundRobin};
use trimtab_scheduler::{Change, Strategy, StrategyConfig, UnitId};

fn at_once(units: usize, service: Service) -> Stream {
    let (arrivals, priority) = (Arrivals::AtOnce, 0);
    Stream {
        units,
        arrivals,
        service,
        priority,
    }
}

fn poisson(units: usize, rate: f64) -> Stream {
    let service = Service::Exponential { mean: 1.0 };
    let (arrivals, priority) = (Arrivals::Poisson { rate }, 0);
    Stream {
        units,
        arrivals,
        service,
        priority,
    }
}

fn second() -> Service {
    Service::Fixed { seconds: 1.0 }
}

fn central() -> Box<dyn Strategy> {
    Box::new(LeastLoad::new(Some(0)))
}

#[test]
fn shares_hold_while_both_have_demand_and_all_goes_to_who_is_alone() {
    let simulation = Simulation {
        workers: 8,
        ..Simulation::default()
    };
    let coordinator = |weight: f64, units: usize| {
        let service = Service::Exponential { mean: 1.0 };
        let mut coordinator = Coordinator::new(vec![at_once(units, service)], central());
        coordinator.weight = weight;
        coordinator
    };
    // Neither comes to its end.
    let until = Simulation {
        until: 1000.0,
        ..simulation.clone()
    };
    let both = until
        .run_shared(vec![coordinator(3.0, 20_000), coordinator(1.0, 20_000)])
        .unwrap();
    assert!((both[0].mean_in_hand - 6.0).abs() < 0.01);
    assert!((both[1].mean_in_hand - 2.0).abs() < 0.01);
    let ratio = both[0].utilisation / both[1].utilisation;
    assert!((ratio - 3.0).abs() < 0.01, "{ratio}");
    assert!(both[0].utilisation + both[1].utilisation > 0.999);
    // The same of units done, whose number over 1000 s has a standard deviation of sqrt(6000) and sqrt(2000).
    let ratio = both[0].throughput / both[1].throughput;
    assert!(
        (ratio - 3.0).abs() < 3.0 * 3.0 * (1.0 / 6000.0_f64 + 1.0 / 2000.0).sqrt(),
        "{ratio}"
    );
    // The light one goes on alone, with all slots.
    let ends = simulation
        .run_shared(vec![coordinator(3.0, 600), coordinator(1.0, 8000)])
        .unwrap();
    assert_eq!(
        (ends[0].streams[0].done, ends[1].streams[0].done),
        (600, 8000)
    );
    assert_eq!(ends[1].most_in_hand, 8);
    assert!(ends[0].utilisation + ends[1].utilisation > 0.99);
    let alone = simulation.run_shared(vec![coordinator(1.0, 800)]).unwrap();
    assert_eq!(alone[0].most_in_hand, 8);
}

/// The integral over time of units in the system is the sum of their times in it, exactly (Little's law).
#[test]
fn little_s_law_holds() {
    let simulation = Simulation {
        workers: 3,
        warm_up: 0.0,
        ..Simulation::default()
    };
    let figures = simulation
        .run(vec![poisson(20_000, 2.4)], Box::new(LeastLoad::new(None)))
        .unwrap();
    let seconds = figures.streams[0].response.mean * 20_000.0;
    assert!((figures.mean_in_hand * figures.seconds / seconds - 1.0).abs() < 1e-9);
    // Work is done once, in 1 s on average: busy seconds are units times the mean.
    let busy = figures.utilisation * 3.0 * figures.seconds;
    assert!((busy / 20_000.0 - 1.0).abs() < 0.03, "{busy}");
}

#[test]
fn one_seed_one_outcome() {
    let run = |seed| {
        let failures = Some(Failures {
            mean_up: 20.0,
            mean_down: 5.0,
        });
        let simulation = Simulation {
            workers: 3,
            failures,
            seed,
            ..Simulation::default()
        };
        simulation.run(vec![poisson(2000, 1.5)], central()).unwrap()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn slots_do_their_units_at_once() {
    let simulation = Simulation {
        workers: 2,
        slots: 3,
        ..Simulation::default()
    };
    let figures = simulation
        .run(vec![at_once(12, second())], central())
        .unwrap();
    assert_eq!(
        (figures.seconds, figures.throughput, figures.utilisation),
        (2.0, 6.0, 1.0)
    );
    assert_eq!((figures.most_in_hand, figures.mean_in_hand), (6, 6.0));
}

/// A message takes a quarter of a second, a unit one. From the central queue a slot idles for a round trip after each; with one unit
/// ahead, for one at the beginning alone.
#[test]
fn a_unit_ahead_hides_the_round_trip() {
    let simulation = Simulation {
        workers: 4,
        delay: 0.25,
        ..Simulation::default()
    };
    let seconds = |ahead| {
        let strategy = Box::new(LeastLoad::new(Some(ahead)));
        simulation
            .run(vec![at_once(400, second())], strategy)
            .unwrap()
            .seconds
    };
    assert_eq!(seconds(0), 100.0 * 1.5);
    assert_eq!(seconds(1), 100.0 + 0.5);
}

/// A failing worker throws work away; preemption keeps it.
#[test]
fn paused_work_goes_on_where_it_was_and_lost_work_begins_anew() {
    let changes = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&changes);
    let mut low = at_once(1, Service::Fixed { seconds: 10.0 });
    low.priority = -1;
    let mut high = poisson(1, 0.5);
    high.service = second();
    let mut coordinator = Coordinator::new(vec![low, high], Box::new(Priority::new(true)));
    coordinator.observer = Some(Box::new(move |at: f64, change: &Change| {
        sees.lock().unwrap().push((at, change.clone()));
    }));
    let figures = Simulation::default()
        .run_shared(vec![coordinator])
        .unwrap()
        .remove(0);
    assert!((figures.seconds - 11.0).abs() < 1e-9, "{}", figures.seconds);
    let changes = changes.lock().unwrap();
    let preempted = |change: &Change| {
        matches!(
            change,
            Change::Preempted {
                unit: UnitId(0),
                ..
            }
        )
    };
    assert_eq!(
        changes
            .iter()
            .filter(|(_, change)| preempted(change))
            .count(),
        1
    );

    // Up for an exponential time of mean 2, a unit of 1 s begins anew after each outage: exp(1/2) beginnings are expected.
    let failures = Some(Failures {
        mean_up: 2.0,
        mean_down: 0.5,
    });
    let simulation = Simulation {
        failures,
        ..Simulation::default()
    };
    let mut coordinator = Coordinator::new(vec![at_once(10_000, second())], central());
    coordinator.limits.redeliveries = 1000;
    let figures = simulation.run_shared(vec![coordinator]).unwrap().remove(0);
    assert_eq!(figures.streams[0].done, 10_000);
    let beginnings = 1.0 + figures.lost as f64 / 10_000.0;
    // The number of beginnings is geometric, with variance (1 - p) / p^2.
    let p = (-0.5_f64).exp();
    let error = (1.0 - p).sqrt() / p / 100.0;
    assert!((beginnings - 1.0 / p).abs() < 3.0 * error, "{beginnings}");
}

/// With messages that are late, commands reach workers that were down in between, and answers come from workers thought dead.
#[test]
fn no_unit_is_lost_in_failures_and_delays() {
    let strategies = [
        StrategyConfig::RoundRobin,
        StrategyConfig::LeastLoad { ahead: None },
        StrategyConfig::LeastLoad { ahead: Some(1) },
        StrategyConfig::Priority { preempt: true },
    ];
    for (seed, strategy) in (0..).zip(strategies) {
        let simulation = Simulation {
            workers: 5,
            slots: 2,
            delay: 0.3,
            failures: Some(Failures {
                mean_up: 10.0,
                mean_down: 0.4,
            }),
            seed,
            ..Simulation::default()
        };
        let mut high = poisson(2000, 2.0);
        high.priority = 1;
        let figures = simulation
            .run(vec![poisson(2000, 2.0), high], strategy.build())
            .unwrap();
        assert!(figures.lost > 500, "{strategy:?}: {}", figures.lost);
        for stream in figures.streams {
            assert_eq!(stream.done + stream.failed, 2000, "{strategy:?}");
            assert!(stream.failed < 100, "{strategy:?}: {}", stream.failed);
        }
    }
}

/// Units of very different lengths behind each other: the queue that knows where a slot is free is faster than turns.
#[test]
fn measured_times_are_drawn() {
    let stream = |service| at_once(1000, service);
    let run = |strategy: Box<dyn Strategy>| -> Figures {
        let times = Service::Measured(vec![1.0, 1.0, 1.0, 17.0]);
        let simulation = Simulation {
            workers: 10,
            ..Simulation::default()
        };
        simulation.run(vec![stream(times)], strategy).unwrap()
    };
    let (least_load, round_robin) = (run(central()), run(Box::<RoundRobin>::default()));
    // The same units: 1000 s, and 16 s more for each long one, of which there are 250 with a standard deviation of 13.7.
    let busy = |figures: &Figures| figures.utilisation * 10.0 * figures.seconds;
    assert!((busy(&least_load) - busy(&round_robin)).abs() < 1e-6);
    let long = (busy(&least_load) - 1000.0) / 16.0;
    assert!((long - long.round()).abs() < 1e-6, "{long}");
    assert!((long - 250.0).abs() < 3.0 * 13.7, "{long}");
    assert!(least_load.seconds < round_robin.seconds);
}

/// Never assigns.
struct Idle;

impl Strategy for Idle {
    fn name(&self) -> &str {
        "idle"
    }

    fn next(&mut self, _: &trimtab_scheduler::State) -> Option<trimtab_scheduler::Command> {
        None
    }
}

#[test]
fn a_strategy_that_does_nothing_comes_to_an_end() {
    let failures = Some(Failures {
        mean_up: 2.0,
        mean_down: 0.5,
    });
    for failures in [None, failures] {
        let simulation = Simulation {
            failures,
            ..Simulation::default()
        };
        let figures = simulation
            .run(vec![poisson(10, 1.0)], Box::new(Idle))
            .unwrap();
        assert_eq!((figures.streams[0].done, figures.streams[0].failed), (0, 0));
    }
}

#[test]
fn bad_values_are_errors_that_name_the_field() {
    let error = |simulation: Simulation, stream: Stream| {
        simulation
            .run(vec![stream], central())
            .unwrap_err()
            .to_string()
    };
    let simulation = Simulation::default;
    let cases = [
        (
            Simulation {
                workers: 0,
                ..simulation()
            },
            "workers: 0",
        ),
        (
            Simulation {
                slots: 0,
                ..simulation()
            },
            "slots: 0",
        ),
        (
            Simulation {
                delay: f64::NAN,
                ..simulation()
            },
            "delay: NaN",
        ),
        (
            Simulation {
                until: 0.0,
                ..simulation()
            },
            "until: 0",
        ),
        (
            Simulation {
                warm_up: 1.0,
                ..simulation()
            },
            "warm_up: 1",
        ),
    ];
    for (simulation, start) in cases {
        let error = error(simulation, poisson(1, 1.0));
        assert!(error.starts_with(start), "{error}");
    }
    let cases = [
        (poisson(1, -1.0), "arrivals.rate: -1"),
        (
            at_once(1, Service::Fixed { seconds: f64::NAN }),
            "service.seconds: NaN",
        ),
        (
            at_once(1, Service::Measured(Vec::new())),
            "service: an empty list",
        ),
        (
            at_once(1, Service::Measured(vec![1.0, 0.0])),
            "service[1]: 0",
        ),
        (
            at_once(
                1,
                Service::LogNormal {
                    mean: 1.0,
                    sigma: 0.0,
                },
            ),
            "service.sigma: 0",
        ),
    ];
    for (stream, end) in cases {
        let error = error(simulation(), stream);
        assert!(
            error.starts_with(&format!("coordinators[0].streams[0].{end}")),
            "{error}"
        );
    }
}

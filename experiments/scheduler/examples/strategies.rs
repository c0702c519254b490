//! What a strategy is worth: mean response and throughput of round robin and least load, for 2 to 1,000 workers.
//!
//! `cargo run --release -p trimtab-scheduler --example strategies`, and with `-- 100000` so many units instead of a million.

use std::time::Instant;
use trimtab_scheduler::simulation::{Arrivals, Figures, Service, Simulation, Stream};
use trimtab_scheduler::{Error, StrategyConfig};

/// Fraction of the slots that the arrivals keep busy.
const UTILISATION: f64 = 0.9;

/// Units for each worker when all are there at once.
const EACH: usize = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let units = std::env::args()
        .nth(1)
        .map_or(Ok(1_000_000), |given| given.parse())?;
    let begun = Instant::now();
    let services = [
        ("exponential", Service::Exponential { mean: 1.0 }),
        (
            "lognormal",
            Service::LogNormal {
                mean: 1.0,
                sigma: 1.5,
            },
        ),
    ];
    let strategies = [
        ("round robin", StrategyConfig::RoundRobin),
        (
            "least load, at once",
            StrategyConfig::LeastLoad { ahead: None },
        ),
        (
            "least load, ahead 1",
            StrategyConfig::LeastLoad { ahead: Some(1) },
        ),
        (
            "least load, ahead 0",
            StrategyConfig::LeastLoad { ahead: Some(0) },
        ),
    ];
    println!(
        "Service takes 1 s on average. Response: Poisson arrivals at {UTILISATION} of capacity, {units} units, ± standard error."
    );
    println!(
        "Throughput: {EACH} units for each worker, all there at second 0, as a fraction of capacity.\n"
    );
    println!("| service | workers | strategy | mean response, s | throughput |");
    println!("|---|---:|---|---:|---:|");
    for (service_name, service) in &services {
        for workers in [2, 10, 100, 1000] {
            for (strategy_name, strategy) in strategies {
                let open = Arrivals::Poisson {
                    rate: UTILISATION * workers as f64,
                };
                let open = simulate(workers, units, open, service, strategy)?;
                let response = open.streams[0].response;
                let throughput = mean_throughput(workers, service, strategy)?;
                println!(
                    "| {service_name} | {workers} | {strategy_name} | {:.2} ± {:.2} | {throughput:.2} |",
                    response.mean, response.standard_error
                );
            }
        }
    }
    println!("\n{:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}

fn simulate(
    workers: usize,
    units: usize,
    arrivals: Arrivals,
    service: &Service,
    strategy: StrategyConfig,
) -> Result<Figures, Error> {
    let service = service.clone();
    let stream = Stream {
        units,
        arrivals,
        service,
        priority: 0,
    };
    let simulation = Simulation {
        workers,
        ..Simulation::default()
    };
    simulation.run(vec![stream], strategy.build())
}

/// Busy seconds over seconds of all slots until the last unit is done, over seeds with 10,000 units in all, at least 10.
fn mean_throughput(
    workers: usize,
    service: &Service,
    strategy: StrategyConfig,
) -> Result<f64, Error> {
    let units = EACH * workers;
    let seeds = (10_000 / units as u64).max(10);
    let (mut busy, mut all) = (0.0, 0.0);
    for seed in 0..seeds {
        let service = service.clone();
        let stream = Stream {
            units,
            arrivals: Arrivals::AtOnce,
            service,
            priority: 0,
        };
        let simulation = Simulation {
            workers,
            seed,
            ..Simulation::default()
        };
        let figures = simulation.run(vec![stream], strategy.build())?;
        busy += figures.utilisation * figures.seconds;
        all += figures.seconds;
    }
    Ok(busy / all)
}

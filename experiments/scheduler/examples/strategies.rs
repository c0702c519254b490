//! What a strategy is worth: mean response and throughput of round robin and least load, for 2 to 1,000 workers.
//!
//! `cargo run --release -p trimtab-scheduler --example strategies`

use std::time::Instant;
use trimtab_scheduler::simulation::{Arrivals, Estimate, Figures, Service, Simulation, Stream};
use trimtab_scheduler::{Error, StrategyConfig};

/// Workers, and units that arrive while they work.
const SIZES: [(usize, usize); 4] = [
    (2, 300_000),
    (10, 300_000),
    (100, 300_000),
    (1000, 1_000_000),
];

/// Fraction of the slots that the arrivals keep busy.
const UTILISATION: f64 = 0.9;

/// Units for each worker when all are there at once.
const EACH: usize = 10;

fn main() -> Result<(), Error> {
    let begun = Instant::now();
    let (mean, sigma) = (1.0, 1.5);
    let services = [
        ("exponential", Service::Exponential { mean }),
        ("lognormal", Service::LogNormal { mean, sigma }),
    ];
    let ahead = |ahead| StrategyConfig::LeastLoad { ahead: Some(ahead) };
    let strategies = [
        ("round robin", StrategyConfig::RoundRobin),
        ("least load, ahead 1", ahead(1)),
        ("least load, ahead 0", ahead(0)),
    ];
    println!(
        "Service takes 1 s on average. Response: Poisson arrivals at {UTILISATION} of capacity, 300,000 units, and 1,000,000 for 1,000 workers; ± standard error."
    );
    println!(
        "Throughput: {EACH} units for each worker, all there at second 0, as a fraction of capacity.\n"
    );
    println!("| service | workers | strategy | mean response, s | throughput |");
    println!("|---|---:|---|---:|---:|");
    let rows = |name: &str, service: &Service| {
        let mut rows = String::new();
        for (workers, units) in SIZES {
            for (strategy_name, strategy) in strategies {
                let open = Arrivals::Poisson {
                    rate: UTILISATION * workers as f64,
                };
                let open = simulate(workers, units, open, service, strategy)?;
                let Estimate {
                    mean,
                    standard_error,
                } = open.streams[0].response;
                let throughput = mean_throughput(workers, service, strategy)?;
                rows += &format!("| {name} | {workers} | {strategy_name} ");
                rows += &format!("| {mean:.2} ± {standard_error:.2} | {throughput:.2} |\n");
            }
        }
        Ok::<_, Error>(rows)
    };
    std::thread::scope(|scope| {
        let rows = &rows;
        let threads = (services.iter())
            .map(|(name, service)| scope.spawn(move || rows(name, service)))
            .collect::<Vec<_>>();
        for thread in threads {
            print!("{}", thread.join().expect("no panic")?);
        }
        Ok::<_, Error>(())
    })?;
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

/// Busy slots until the last unit is done, as a fraction of all: over so many seeds that 10,000 units are done, at least 10.
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

//! Units a second that the scheduler hands out and counts in, messages of simulated workers included.

use divan::{Bencher, counter::ItemsCount};
use trimtab_scheduler::StrategyConfig;
use trimtab_scheduler::simulation::{Arrivals, Service, Simulation, Stream};

const UNITS: usize = 100_000;

fn main() {
    divan::main();
}

#[divan::bench(args = [10, 1000], consts = [0, 1])]
fn least_load<const AHEAD: usize>(bencher: Bencher, workers: usize) {
    let ahead = Some(AHEAD);
    units(bencher, workers, StrategyConfig::LeastLoad { ahead });
}

#[divan::bench(args = [10, 1000])]
fn round_robin(bencher: Bencher, workers: usize) {
    units(bencher, workers, StrategyConfig::RoundRobin);
}

#[divan::bench(args = [10, 1000])]
fn priority(bencher: Bencher, workers: usize) {
    units(bencher, workers, StrategyConfig::Priority { preempt: true });
}

fn units(bencher: Bencher, workers: usize, strategy: StrategyConfig) {
    let rate = 0.9 * workers as f64;
    let stream = |priority| Stream {
        units: UNITS / 2,
        arrivals: Arrivals::Poisson { rate: rate / 2.0 },
        service: Service::Exponential { mean: 1.0 },
        priority,
    };
    let simulation = Simulation {
        workers,
        ..Simulation::default()
    };
    bencher.counter(ItemsCount::new(UNITS)).bench_local(|| {
        let streams = vec![stream(0), stream(1)];
        simulation.run(streams, strategy.build()).expect("figures")
    });
}

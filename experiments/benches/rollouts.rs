//! How many episodes a second two threads collect, relative to one, for the smallest MLP. Pairs are measured in turn, so
//! that a drift of the machine cancels; the median of their ratios is printed.

use std::time::Instant;
use trimtab_agent::{Collector, Learner, RolloutConfig};
use trimtab_experiments::train::environments::{Tuning, rollout_environments};
use trimtab_experiments::{Config, Registry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> trimtab_experiments::Result<()> {
    let config = Config::parse(
        trimtab_experiments::train::config::QUICKSTART,
        "quickstart.ron",
    )?;
    let device = trimtab_models::device("flex")?;
    let registry = Registry::default();
    let tuning = Tuning::prepare(&config, &device)?;
    let one = rollout_environments(&config, tuning.as_ref(), &[], &registry, 1)?;
    let two = rollout_environments(&config, tuning.as_ref(), &[], &registry, 2)?;
    let learner = Learner::new(one.spec(), &config.policy, config.algorithm.clone(), 1)?;
    let policy = learner.policy();
    let episodes = 48;
    let rollout = RolloutConfig::Episodes(episodes);
    let mut one = Collector::new(one, rollout, 1)?;
    let mut two = Collector::new(two, rollout, 1)?;
    let mut ratios = Vec::new();
    for pair in 0..9 {
        let mut seconds = [0.0; 2];
        for (time, collector) in seconds.iter_mut().zip([&mut one, &mut two]) {
            let clock = Instant::now();
            collector.collect(&policy)?;
            *time = clock.elapsed().as_secs_f64();
        }
        let rate = |seconds: f64| episodes as f64 / seconds;
        println!(
            "pair {pair}: {:.1} episodes/s on one thread, {:.1} on two",
            rate(seconds[0]),
            rate(seconds[1])
        );
        if pair > 0 {
            ratios.push(seconds[0] / seconds[1]);
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2}", ratios[ratios.len() / 2]);
    Ok(())
}

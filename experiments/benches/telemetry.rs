//! What telemetry costs the rollouts of the quick-start: the time with metrics alone, and with everything sent to a collector, relative to
//! the time without. They are measured in turn, forwards and backwards, so that a drift of the machine cancels; medians of the ratios are
//! printed. The time without is measured twice: its own ratio says how far the others can be trusted.

use std::borrow::Cow;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use trimtab_agent::rollout::plan::Plan;
use trimtab_agent::{Learner, RolloutConfig};
use trimtab_experiments::record::observer::Quiet;
use trimtab_experiments::train::config::QUICKSTART;
use trimtab_experiments::train::rollouts::{Rollouts, tuning};
use trimtab_experiments::{Config, Registry, Workers};
use trimtab_telemetry::{Options, Receiver, Telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WAYS: [&str; 4] = [
    "nobody watches",
    "nobody watches, again",
    "metrics",
    "metrics and traces over OTLP",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::parse(QUICKSTART, "quickstart.ron")?;
    let (registry, interrupted) = (Registry::default(), AtomicBool::new(false));
    let device = trimtab_models::device("flex")?;
    // One thread: what is watched is a matter of the thread here.
    let workers = Workers::new(1, device, &registry, &interrupted);
    let tuning = tuning(&config, &workers)?;
    let work = Rollouts {
        config: Cow::Borrowed(&config),
        tuning: tuning.as_ref().map(Cow::Borrowed),
        goals: Vec::new(),
        registry: &registry,
    };
    let spec = work.environment()?.spec().clone();
    let learner = Learner::new(&spec, &config.policy, config.algorithm.clone(), 1)?;
    let policy = learner.policy();
    let episodes = RolloutConfig::Episodes(24);
    let parts = Plan::resume(episodes, 1, &Default::default())?.parts();
    let session = workers.begin(&work);
    let receiver = Receiver::start()?;
    let rollout = || -> trimtab_experiments::Result<f64> {
        let clock = Instant::now();
        let _span = tracing::info_span!("rollout").entered();
        session.all(&policy, &parts, &mut Quiet)?;
        Ok(clock.elapsed().as_secs_f64())
    };
    let measure = |way: usize| -> Result<f64, Box<dyn std::error::Error>> {
        if way < 2 {
            return Ok(rollout()?);
        }
        let telemetry = Telemetry::start(Options {
            otlp: (way == 3).then(|| receiver.address()),
            ..Options::new("bench")
        })?;
        Ok(tracing::dispatcher::with_default(
            telemetry.dispatch(),
            rollout,
        )?)
    };
    let rounds = std::env::var("ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok());
    let rounds: usize = rounds.unwrap_or(60);
    let mut ratios = [const { Vec::new() }; 4];
    for round in 0..rounds {
        let mut seconds = [0.0; 4];
        for turn in 0..4 {
            let way = if round % 2 == 0 { turn } else { 3 - turn };
            seconds[way] = measure(way)?;
        }
        // The first one also warms up.
        if round > 0 {
            (1..4).for_each(|way| ratios[way].push(seconds[way] / seconds[0]));
        }
    }
    for (way, ratios) in WAYS.iter().zip(&mut ratios).skip(1) {
        ratios.sort_by(f64::total_cmp);
        let quartile = |share: usize| (ratios[ratios.len() * share / 4] - 1.0) * 100.0;
        println!(
            "{way}: {:+.2} % in the median of {} rounds, quartiles {:+.2} % and {:+.2} %",
            quartile(2),
            ratios.len(),
            quartile(1),
            quartile(3)
        );
    }
    println!("{} spans received", receiver.spans().len());
    Ok(())
}

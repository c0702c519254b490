//! How many episodes a second two threads collect, relative to one, for the smallest MLP. Pairs are measured in turn, so
//! that a drift of the machine cancels; the median of their ratios is printed.

use std::borrow::Cow;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use trimtab_agent::rollout::plan::Plan;
use trimtab_agent::{Learner, RolloutConfig};
use trimtab_experiments::record::observer::Quiet;
use trimtab_experiments::train::config::QUICKSTART;
use trimtab_experiments::train::rollouts::{Rollouts, tuning};
use trimtab_experiments::{Config, Registry, Workers};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> trimtab_experiments::Result<()> {
    let config = Config::parse(QUICKSTART, "quickstart.ron")?;
    let (registry, interrupted) = (Registry::default(), AtomicBool::new(false));
    let workers = |jobs| {
        let device = trimtab_models::device("flex")?;
        trimtab_experiments::Result::Ok(Workers::new(jobs, device, &registry, &interrupted))
    };
    let (one, two) = (workers(1)?, workers(2)?);
    let tuning = tuning(&config, &one)?;
    let work = Rollouts {
        config: Cow::Borrowed(&config),
        tuning: tuning.as_ref().map(Cow::Borrowed),
        goals: Vec::new(),
        registry: &registry,
    };
    let spec = work.environment()?.spec().clone();
    let learner = Learner::new(&spec, &config.policy, config.algorithm.clone(), 1)?;
    let policy = learner.policy();
    let episodes = 48;
    let plan = Plan::resume(RolloutConfig::Episodes(episodes), 1, &Default::default())?;
    let parts = plan.parts();
    let sessions = [one.begin(&work), two.begin(&work)];
    let mut ratios = Vec::new();
    for pair in 0..9 {
        let mut seconds = [0.0; 2];
        for (time, session) in seconds.iter_mut().zip(&sessions) {
            let clock = Instant::now();
            session.all(&policy, &parts, &mut Quiet)?;
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

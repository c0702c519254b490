//! Where the time goes in PPO on CartPole-v1: one decision, one rollout, one update, and all of it until the mean return
//! of the last 20 episodes is 475.

use divan::Bencher;
use divan::counter::ItemsCount;
use trimtab_agent::learner::PpoConfig;
use trimtab_agent::policy::Scratch;
use trimtab_agent::{
    Activation, Algorithm, Collector, Common, Learner, Policy, PolicyConfig, RolloutConfig,
    Selection,
};
use trimtab_env::suite::CartPole;
use trimtab_env::vector::VectorEnvironment;
use trimtab_env::{Environment, stream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENVIRONMENTS: usize = 8;
const STEPS: usize = 64;

fn main() {
    divan::main();
}

/// The settings of the benchmark `CartPole-v1` with PPO.
fn ppo() -> Algorithm {
    Algorithm::Ppo(PpoConfig {
        common: Common {
            gamma: 0.98,
            learning_rate: 2e-3,
            entropy: 0.0,
            ..Default::default()
        },
        lambda: 0.9,
        epochs: 8,
        minibatch: 128,
        ..Default::default()
    })
}

fn environments() -> VectorEnvironment {
    let poles = (0..ENVIRONMENTS).map(|_| Box::new(CartPole::new()) as Box<dyn Environment>);
    VectorEnvironment::new(poles.collect(), 1).expect("equal environments")
}

fn learner(seed: u64) -> Learner {
    let config = PolicyConfig {
        activation: Activation::Relu,
        ..Default::default()
    };
    Learner::new(environments().spec(), &config, ppo(), seed).expect("valid")
}

fn collector(seed: u64) -> Collector {
    let rollout = RolloutConfig::Steps {
        environments: ENVIRONMENTS,
        steps: STEPS,
    };
    Collector::new(environments(), rollout, seed).expect("valid")
}

fn policy() -> Policy {
    learner(1).policy()
}

#[divan::bench]
fn decision(bencher: Bencher) {
    let policy = policy();
    let observation = CartPole::new().reset(1).expect("a first state");
    let mut rng = stream(1, "actions", 0);
    let mut scratch = Scratch::default();
    bencher.bench_local(|| policy.act(&observation, Selection::Sampled, &mut rng, &mut scratch));
}

#[divan::bench]
fn rollout(bencher: Bencher) {
    let (policy, mut collector) = (policy(), collector(1));
    bencher
        .counter(ItemsCount::new(ENVIRONMENTS * STEPS))
        .bench_local(|| collector.collect(&policy));
}

/// Thirty-two gradient steps, of 128 samples each.
#[divan::bench]
fn update(bencher: Bencher) {
    let mut learner = learner(1);
    let trajectories = collector(1).collect(&policy()).expect("a rollout");
    bencher
        .counter(ItemsCount::new(32usize))
        .bench_local(|| learner.update(&trajectories, 0.5).expect("finite"));
}

/// Steps until the mean return of the last 20 episodes is 475, at most 100,000.
#[divan::bench(args = [1, 2, 3, 4], sample_count = 3, sample_size = 1)]
fn solved(seed: u64) -> u64 {
    let (mut learner, mut collector) = (learner(seed), collector(seed));
    let mut returns = Vec::new();
    let mut steps = 0;
    while steps < 100_000 {
        let policy = learner.policy();
        let trajectories = collector.collect(&policy).expect("a rollout");
        steps += (ENVIRONMENTS * STEPS) as u64;
        let over = trajectories.iter().filter(|part| part.status.is_over());
        returns.extend(over.map(|part| part.episode_return()));
        let late = &returns[returns.len().saturating_sub(20)..];
        if late.len() == 20 && late.iter().sum::<f64>() >= 20.0 * 475.0 {
            break;
        }
        learner
            .update(&trajectories, steps as f64 / 100_000.0)
            .expect("finite");
    }
    eprintln!("seed {seed}: {steps} steps");
    steps
}

//! Steps a second of the suite's environments, without a policy.

use divan::{Bencher, counter::ItemsCount};
use trimtab_env::{Action, suite};

const STEPS: u64 = 10_000;

fn main() {
    divan::main();
}

#[divan::bench(args = [
    "CartPole-v1",
    "Acrobot-v1",
    "MountainCar-v0",
    "sigmoid-1d",
    "sigmoid-5d",
    "luby-8",
    "leading-ones-50",
    "leading-ones-200",
])]
fn steps(bencher: Bencher, name: &str) {
    let mut environment = suite::by_name(name).expect("a name of the suite");
    let spec = environment.spec().clone();
    // The first and the second choice take turns, so that a pole stays up for a while.
    let actions = [0, 1].map(|choice| Action::new(vec![choice; spec.heads.len()]));
    let mut seed = 0;
    bencher.counter(ItemsCount::new(STEPS)).bench_local(|| {
        environment.reset(seed).expect("it resets");
        for step in 0..STEPS as usize {
            let answer = environment
                .step(divan::black_box(&actions[step % 2]))
                .expect("the choices exist");
            if divan::black_box(answer).status.is_over() {
                seed += 1;
                environment.reset(seed).expect("it resets");
            }
        }
    });
}

//! Trainings in which the size of the updates misleads a servo.

use super::*;
use crate::OptimizerConfig;
use crate::data::{Dataset, Split, SplitConfig, Targets, split};
use crate::network::mlp::Activation;
use crate::tasks::mlp::MlpTask;
use rand::Rng;
use rand_distr::{Cauchy, Distribution, StandardNormal};
use std::sync::Arc;
use trimtab_env::servo::context_servo::Guard;
use trimtab_env::servo::recorded_schedule::Entry;
use trimtab_env::{ContextServo, Settings, stream};

/// Adam's rate must not be above this anywhere: no network lives on it.
const TOO_HIGH: f64 = 0.3;
/// How much higher the test loss may be than that of the optimiser's defaults.
const TOLERANCE: f64 = 0.02;
const FEATURES: usize = 8;

/// Standardised rows, as a table of `rows` whose features and target are drawn by `row`.
fn table(rows: usize, mut row: impl FnMut(&mut dyn Rng, &mut [f32]) -> f32) -> Arc<Split> {
    let mut rng = stream(1, "table", 0);
    let mut inputs = vec![0.0; rows * FEATURES];
    let values = inputs
        .chunks_mut(FEATURES)
        .map(|features| row(&mut rng, features))
        .collect();
    let shape = [1, 1, FEATURES];
    let data = Dataset::new("synthetic", shape, inputs, Targets::Values(values)).unwrap();
    Arc::new(split(&data, &SplitConfig::default()).unwrap())
}

fn normal(rng: &mut dyn Rng) -> f32 {
    StandardNormal.sample(rng)
}

/// Few people do it at all, those who do vary by orders of magnitude, and the features say little of who and nothing of how much: like
/// the tables of surveys on which the rate ran away.
fn survey(rng: &mut dyn Rng, features: &mut [f32]) -> f32 {
    features
        .iter_mut()
        .for_each(|x| *x = (normal(rng) * 1.5).round());
    let inclined = 0.3 * features[0] - 0.2 * features[1] + 0.15 * features[2] * features[3];
    if normal(rng) + inclined > 1.0 {
        (1.5 * normal(rng)).exp()
    } else {
        0.0
    }
}

/// The target has nothing to do with the features.
fn noise(rng: &mut dyn Rng, features: &mut [f32]) -> f32 {
    features.iter_mut().for_each(|x| *x = normal(rng));
    normal(rng)
}

/// Features without a variance: the few rows that are far out make updates that kill units.
fn outliers(rng: &mut dyn Rng, features: &mut [f32]) -> f32 {
    let heavy = Cauchy::new(0.0, 1.0).unwrap();
    features.iter_mut().for_each(|x| *x = heavy.sample(rng));
    features[0].clamp(-3.0, 3.0) - features[1].clamp(-3.0, 3.0) + 0.3 * normal(rng)
}

/// A loss that vanishes: the target is a plain function of few features.
fn exact(rng: &mut dyn Rng, features: &mut [f32]) -> f32 {
    features.iter_mut().for_each(|x| *x = normal(rng));
    features[0] - 0.5 * features[1]
}

fn task(data: &Arc<Split>) -> MlpTask {
    MlpTask::new("synthetic", Arc::clone(data), &[32, 32], Activation::Relu)
}

/// The highest rate of a training under the servo, and its test loss.
fn steered(data: &Arc<Split>, seed: u64, guard: Guard) -> (f64, f64) {
    let config = TrainConfig {
        seed,
        servo: ContextServo {
            guard,
            ..Default::default()
        },
        ..Default::default()
    };
    let trained = train(task(data), &config, &Device::flex()).unwrap();
    let rates = trained.segments.iter().map(|segment| {
        let settings = &segment.settings;
        settings.learning_rate().unwrap()
    });
    (rates.fold(0.0, f64::max), trained.test.loss)
}

/// The test loss with Adam's defaults.
fn default(data: &Arc<Split>, seed: u64) -> f64 {
    let settings = Settings::new(OptimizerConfig::adam().default_learning_rate(), 64);
    let all = Entry {
        share: 0.0,
        settings,
    };
    let config = TrainConfig {
        seed,
        replay: Some(vec![all].try_into().unwrap()),
        ..Default::default()
    };
    train(task(data), &config, &Device::flex())
        .unwrap()
        .test
        .loss
}

#[test]
fn the_rate_does_not_run_away_where_updates_shrink_for_a_bad_reason() {
    for (name, data) in [
        ("survey", table(6000, survey)),
        ("noise", table(3000, noise)),
        ("outliers", table(3000, outliers)),
        ("exact", table(2000, exact)),
        ("many updates", table(20_000, survey)),
    ] {
        for seed in 0..2 {
            let (rate, loss) = steered(&data, seed, Guard::default());
            let usual = default(&data, seed);
            assert!(rate <= TOO_HIGH, "{name}, seed {seed}: a rate of {rate}");
            assert!(
                loss <= usual + TOLERANCE,
                "{name}, seed {seed}: {loss} and {usual}"
            );
        }
    }
}

/// It is the guard that keeps it.
#[test]
fn without_a_guard_the_rate_runs_away() {
    let data = table(6000, survey);
    let (free, _) = steered(&data, 0, Guard::OFF);
    let (guarded, _) = steered(&data, 0, Guard::default());
    assert!(
        free > 3.0 * TOO_HIGH && guarded < TOO_HIGH,
        "{free} {guarded}"
    );
}

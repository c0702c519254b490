//! What a policy looks at: permutation importance.

use crate::record::columns::{self, PLAIN};
use crate::record::observer::{Observer, Phase};
use crate::train::config::EnvironmentConfig;
use crate::train::rollouts::tuning;
use crate::work::Workers;
use crate::{Config, Result};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use trimtab_agent::Policy;
use trimtab_agent::policy::{Scratch, Selection};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::{Environment, Observation, Part, stream};

/// How much the choices of a policy depend on one feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// For each head, in their order, how far its distribution moves when the feature is taken from another observation: the
    /// mean total variation, from 0, not at all, to 1, to other choices altogether.
    pub heads: Vec<f64>,
}

impl Importance {
    /// The sum over the heads.
    pub fn total(&self) -> f64 {
        self.heads.iter().sum()
    }
}

/// The permutation importance (Breiman 2001, section 10, with the policy's own distribution in place of an error) of every
/// feature over `observations`, the largest first. The permutations follow from `seed`. Masks stay with their observations.
pub fn importances(policy: &Policy, observations: &[Observation], seed: u64) -> Vec<Importance> {
    let mut scratch = Scratch::default();
    let mut distributions = |observation: &Observation| -> Vec<Vec<f64>> {
        let probability = |log: f32| f64::from(log).exp();
        let heads = policy.log_probs(observation, &mut scratch);
        let each = heads.into_iter();
        each.map(|head| head.into_iter().map(probability).collect())
            .collect()
    };
    let plain: Vec<Vec<Vec<f64>>> = observations.iter().map(&mut distributions).collect();
    let spec = policy.spec();
    let mut all: Vec<Importance> = spec
        .features
        .iter()
        .enumerate()
        .map(|(index, feature)| {
            let order = permutation(observations.len(), seed, index as u64);
            let mut heads = vec![0.0; spec.heads.len()];
            for (row, other) in order.into_iter().enumerate() {
                let mut moved = observations[row].clone();
                moved.features[index] = observations[other].features[index];
                let moved = distributions(&moved);
                for (head, total) in heads.iter_mut().enumerate() {
                    *total += total_variation(&plain[row][head], &moved[head]);
                }
            }
            let n = observations.len().max(1) as f64;
            heads.iter_mut().for_each(|total| *total /= n);
            Importance {
                feature: feature.name.clone(),
                heads,
            }
        })
        .collect();
    all.sort_by(|a, b| b.total().total_cmp(&a.total()));
    all
}

/// Half the sum of the differences.
fn total_variation(a: &[f64], b: &[f64]) -> f64 {
    0.5 * a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>()
}

/// A random order of `count` things.
fn permutation(count: usize, seed: u64, number: u64) -> Vec<usize> {
    let mut rng = stream(seed, "permutation", number);
    let mut order: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        order.swap(i, rng.random_range(0..=i));
    }
    order
}

/// What the policy sees in `episodes` episodes that it plays greedily in the experiment's environment, and what it chooses.
///
/// # Errors
/// The environment's; [`trimtab_agent::Error::OtherSpec`] if the policy does not fit.
pub fn play(
    config: &Config,
    policy: &Policy,
    episodes: u64,
    workers: &Workers,
    observer: &mut dyn Observer,
) -> Result<Vec<Observation>> {
    let tuning = tuning(config, workers)?;
    let mut environment: Box<dyn Environment> = match (&tuning, &config.environment) {
        (Some(tuning), _) => Box::new(tuning.environment(&[])?),
        (None, EnvironmentConfig::Named { name, parameters }) => {
            workers.registry.build(name, parameters, Part::Test)?
        }
        (None, EnvironmentConfig::Tuning { .. }) => return Ok(Vec::new()),
    };
    policy.check(environment.spec())?;
    let mut seen = Vec::new();
    let mut scratch = Scratch::default();
    observer.begin(Phase::Evaluation, episodes, 0);
    for episode in 0..episodes {
        let seed = derived_seed(config.seed, "explanation", episode);
        let mut rng = stream(seed, "actions", 0);
        let mut observation = environment.reset(seed)?;
        loop {
            let (action, _) =
                policy.act(&observation, Selection::Greedy, &mut rng, &mut scratch)?;
            seen.push(observation);
            let step = environment.step(&action)?;
            if step.status.is_over() {
                break;
            }
            observation = step.observation;
        }
        observer.advance(1);
    }
    observer.end();
    Ok(seen)
}

/// The importances as a table.
pub fn table(policy: &Policy, importances: &[Importance]) -> String {
    let spec = policy.spec();
    let heads = spec.heads.iter().map(|head| head.name.clone());
    let headings: Vec<String> = std::iter::once("feature".to_owned()).chain(heads).collect();
    let row = |importance: &Importance| -> Vec<String> {
        let heads = importance.heads.iter().map(|head| format!("{head:.3}"));
        std::iter::once(importance.feature.clone())
            .chain(heads)
            .collect()
    };
    columns::table(PLAIN, &[0], headings, importances.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_agent::policy::perceptron::{Activation, Layer, Perceptron};
    use trimtab_env::{EnvironmentSpec, Feature, Head};

    /// A policy whose one head chooses by the sign of the second of three features.
    fn policy() -> Policy {
        let spec = EnvironmentSpec {
            name: "toy".to_owned(),
            features: ["a", "b", "c"]
                .map(|name| Feature::new(name, -3.0, 3.0))
                .to_vec(),
            heads: vec![Head::new("choice", ["no", "yes"].map(str::to_owned))],
            horizon: 1,
        };
        let layer = Layer {
            weight: vec![0.0, 0.0, -20.0, 20.0, 0.0, 0.0],
            bias: vec![0.0, 0.0],
        };
        let actor = Perceptron {
            activation: Activation::Tanh,
            layers: vec![layer],
        };
        Policy::new(spec, None, actor)
    }

    #[test]
    fn only_what_decides_is_important() {
        let observations: Vec<Observation> = (0..200)
            .map(|row| Observation {
                features: vec![
                    row as f32 / 100.0,
                    if row % 2 == 0 { 1.0 } else { -1.0 },
                    0.5,
                ],
                mask: None,
            })
            .collect();
        let importances = importances(&policy(), &observations, 1);
        assert_eq!(importances[0].feature, "b");
        // Half of the observations get the other sign.
        assert!((importances[0].total() - 0.5).abs() < 0.1);
        assert!(
            importances[1..]
                .iter()
                .all(|importance| importance.total() < 1e-9)
        );
    }
}

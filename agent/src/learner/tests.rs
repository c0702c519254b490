//! Every algorithm learns what can be learned, with a stated threshold, and goes on from a checkpoint in the same bits.

use super::*;
use crate::learner::batch::Estimator;
use crate::{Collector, RolloutConfig, Selection};
use trimtab_env::suite::{Identity, NoisyQuadratic};
use trimtab_env::vector::VectorEnvironment;
use trimtab_env::{Environment, TuningEnv};

fn algorithms() -> Vec<Algorithm> {
    vec![
        Algorithm::Reinforce(Default::default()),
        Algorithm::A2c(Default::default()),
        Algorithm::Ppo(Default::default()),
    ]
}

fn train(
    make: impl Fn() -> Box<dyn Environment>,
    algorithm: Algorithm,
    updates: u64,
    episodes: usize,
) -> (Learner, Vec<f64>) {
    let environments = VectorEnvironment::new((0..2).map(|_| make()).collect(), 2).unwrap();
    let spec = environments.spec().clone();
    let mut learner = Learner::new(&spec, &PolicyConfig::default(), algorithm, 1).unwrap();
    let mut means = Vec::new();
    let mut collector = Collector::new(environments, RolloutConfig::Episodes(episodes), 1).unwrap();
    for update in 0..updates {
        let rollout = collector.collect(&learner.policy()).unwrap();
        means.push(rollout.iter().map(Trajectory::episode_return).sum::<f64>() / episodes as f64);
        learner
            .update(&rollout, update as f64 / updates as f64)
            .unwrap();
    }
    (learner, means)
}

/// The best return is 16, that of a random policy 4: at least 15.5 at the end.
#[test]
fn every_algorithm_learns_the_identity() {
    for algorithm in algorithms() {
        let name = algorithm.name();
        let (_, means) = train(|| Box::new(Identity::new(4, 16)), algorithm, 150, 16);
        assert!(means[0] < 6.0, "{name} begins with {}", means[0]);
        let last = means[140..].iter().sum::<f64>() / 10.0;
        assert!(last > 15.5, "{name} ends with {last}");
    }
}

/// The noisy quadratic: the greedy policy's final loss, on seeds it has not trained on, is within twice the least loss
/// that any schedule can expect; an untrained policy, which leaves a random rate alone, is three times worse than that.
#[test]
fn every_algorithm_learns_to_tune_the_noisy_quadratic() {
    let make = || {
        TuningEnv::new(
            vec![NoisyQuadratic::default().into()],
            NoisyQuadratic::tuning(),
        )
        .unwrap()
    };
    let geometric_mean_loss = |learner: &Learner| {
        let mut environment = make();
        let mut controller = crate::PolicyController::new(learner.policy(), Selection::Greedy);
        let seeds = 20;
        let total: f64 = (0..seeds)
            .map(|seed| {
                crate::controller::run(&mut environment, &mut controller, 1_000_000 + seed)
                    .unwrap();
                environment.outcome().unwrap()["best_validation_loss"].ln()
            })
            .sum();
        (total / seeds as f64).exp()
    };
    let optimum = NoisyQuadratic::default().optimal_loss(160, 64);
    for algorithm in algorithms() {
        let name = algorithm.name();
        let (untrained, _) = train(|| Box::new(make()), algorithm.clone(), 0, 1);
        let before = geometric_mean_loss(&untrained);
        let (learner, _) = train(|| Box::new(make()), algorithm, 60, 32);
        let after = geometric_mean_loss(&learner);
        assert!(
            before > 3.0 * optimum,
            "{name} begins with {before}, the optimum is {optimum}"
        );
        assert!(
            after < 2.0 * optimum,
            "{name} ends with {after}, the optimum is {optimum}"
        );
    }
}

/// Rewards by the choice; the first is never allowed.
struct Masked(trimtab_env::EnvironmentSpec, usize);

impl Masked {
    fn new() -> Self {
        let spec = trimtab_env::EnvironmentSpec {
            name: "masked".to_owned(),
            features: vec![trimtab_env::Feature::new("time", 0.0, 8.0)],
            heads: vec![trimtab_env::Head::new("move", ["a", "b", "c"])],
            horizon: 8,
        };
        Self(spec, 0)
    }

    fn observation(&self) -> trimtab_env::Observation {
        trimtab_env::Observation {
            features: vec![self.1 as f32],
            mask: Some(trimtab_env::ActionMask {
                allowed: vec![vec![false, true, true]],
            }),
        }
    }
}

impl Environment for Masked {
    fn spec(&self) -> &EnvironmentSpec {
        &self.0
    }

    fn reset(&mut self, _seed: u64) -> trimtab_env::Result<trimtab_env::Observation> {
        self.1 = 0;
        Ok(self.observation())
    }

    fn step(&mut self, action: &trimtab_env::Action) -> trimtab_env::Result<trimtab_env::Step> {
        let mask = self.observation().mask.unwrap();
        mask.check(&self.0, action)?;
        self.1 += 1;
        let over = trimtab_env::Status::Terminated(trimtab_env::Termination::Finished);
        Ok(trimtab_env::Step {
            observation: self.observation(),
            reward: action.choices[0] as f32,
            status: if self.1 < 8 {
                trimtab_env::Status::Running
            } else {
                over
            },
        })
    }
}

/// A learning rate of 1e9: the training ends with an error that names the update, and until then no masked choice is made.
#[test]
fn an_update_that_makes_numbers_not_finite_ends_the_training() {
    let mut ended = 0;
    for mut algorithm in algorithms() {
        for activation in [crate::Activation::Tanh, crate::Activation::Relu] {
            for learning_rate in [1e9, 1e30] {
                let common = match &mut algorithm {
                    Algorithm::Reinforce(config) => &mut config.common,
                    Algorithm::A2c(config) => &mut config.common,
                    Algorithm::Ppo(config) => &mut config.common,
                };
                common.learning_rate = learning_rate;
                let config = PolicyConfig {
                    activation,
                    ..Default::default()
                };
                let environments: Vec<Box<dyn Environment>> = vec![Box::new(Masked::new())];
                let environments = VectorEnvironment::new(environments, 1).unwrap();
                let spec = environments.spec().clone();
                let mut learner = Learner::new(&spec, &config, algorithm.clone(), 1).unwrap();
                let mut collector =
                    Collector::new(environments, RolloutConfig::Episodes(4), 1).unwrap();
                for update in 1..=20 {
                    // What is handed out can act.
                    let rollout = collector.collect(&learner.policy()).unwrap();
                    match learner.update(&rollout, 0.0) {
                        Ok(metrics) => assert!(metrics.values().all(|x| x.is_finite())),
                        Err(Error::NotFinite { update: named }) => {
                            assert!(named == update || named + 1 == update);
                            ended += 1;
                            break;
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
            }
        }
    }
    assert!(ended >= 6, "{ended}");
}

#[test]
fn networks_that_fit_nowhere_are_refused_before_they_are_made() {
    let config = |text: &str| -> PolicyConfig { ron::from_str(text).unwrap() };
    for (text, field) in [
        ("(hidden: [0])", "policy.hidden[0]: 0"),
        (
            "(hidden: [18446744073709551615, 18446744073709551615])",
            "policy.hidden",
        ),
        ("(hidden: [100000000000])", "policy.hidden"),
        ("(no_op_bias: NaN)", "policy.no_op_bias: NaN"),
    ] {
        let algorithm = Algorithm::Ppo(Default::default());
        let made = Learner::new(&Masked::new().0, &config(text), algorithm, 1);
        let error = made.err().unwrap().to_string();
        assert!(error.starts_with(field), "{error}");
    }
}

#[test]
fn rewards_that_are_not_finite_are_named() {
    let environments: Vec<Box<dyn Environment>> = vec![Box::new(Masked::new())];
    let environments = VectorEnvironment::new(environments, 1).unwrap();
    for algorithm in algorithms() {
        let config = PolicyConfig::default();
        let spec = environments.spec();
        let mut learner = Learner::new(spec, &config, algorithm, 1).unwrap();
        let policy = learner.policy();
        let mut rollout = vec![crate::rollout::plan::play(&mut Masked::new(), &policy, 1).unwrap()];
        rollout[0].rewards[3] = f32::NAN;
        let error = learner.update(&rollout, 0.0).unwrap_err().to_string();
        assert!(error.starts_with("reward: NaN"), "{error}");
    }
}

/// One-step episodes of almost equal rewards: scaled they are bounded, and the bound is an option.
#[test]
fn scaled_rewards_are_clipped() {
    let largest_return = |clip_rewards: Option<f32>| {
        let common = Common {
            scale_rewards: true,
            clip_rewards,
            ..Default::default()
        };
        let algorithm = Algorithm::Reinforce(crate::learner::ReinforceConfig {
            common: common.clone(),
            ..Default::default()
        });
        let spec = Masked::new().0;
        let config = PolicyConfig::default();
        let mut learner = Learner::new(&spec, &config, algorithm, 1).unwrap();
        let mut rollout = Vec::new();
        for (seed, reward) in [1.0, 1.0, 1.0, 1.0001, 1.0].into_iter().enumerate() {
            let policy = learner.policy();
            let mut whole =
                crate::rollout::plan::play(&mut Masked::new(), &policy, seed as u64).unwrap();
            whole.observations.truncate(1);
            whole.allowed.truncate(3);
            whole.actions.truncate(1);
            whole.log_probs.truncate(1);
            whole.rewards = vec![reward];
            rollout.push(whole);
        }
        let samples = learner
            .core
            .samples(&rollout, &common, &Estimator::MonteCarlo)
            .unwrap();
        samples.returns.into_iter().fold(0.0, f32::max)
    };
    assert_eq!(largest_return(Some(10.0)), 10.0);
    assert_eq!(largest_return(Some(2.5)), 2.5);
    assert!(largest_return(None) > 20_000.0);
    let refused = Common {
        clip_rewards: Some(0.0),
        ..Default::default()
    };
    let error = refused.validate().unwrap_err().to_string();
    assert!(error.starts_with("clip_rewards: 0"), "{error}");
}

#[test]
fn a_checkpoint_goes_on_in_the_same_bits() {
    for algorithm in algorithms() {
        let (mut whole, _) = train(|| Box::new(Identity::new(3, 8)), algorithm, 3, 4);
        let folder =
            std::env::temp_dir().join(format!("trimtab-checkpoint-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("checkpoint.json");
        whole.checkpoint().save(&path).unwrap();
        let mut resumed = Learner::resume(&Checkpoint::load(&path).unwrap()).unwrap();
        let environments = VectorEnvironment::new(
            vec![Box::new(Identity::new(3, 8)) as Box<dyn Environment>],
            1,
        )
        .unwrap();
        let mut collector = Collector::new(environments, RolloutConfig::Episodes(4), 1).unwrap();
        let rollout = collector.collect(&whole.policy()).unwrap();
        for learner in [&mut whole, &mut resumed] {
            for _ in 0..3 {
                learner.update(&rollout, 0.5).unwrap();
            }
        }
        assert_eq!(whole.policy(), resumed.policy());
        assert_eq!(whole.updates(), resumed.updates());

        // Damaged copies are refused with the file's name.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() / 2]).unwrap();
        let message = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(
            message.contains("checkpoint.json") && message.contains("cut short"),
            "{message}"
        );
        std::fs::write(&path, text.replacen("\"version\":3", "\"version\":7", 1)).unwrap();
        let message = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(message.contains("version 7"), "{message}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn a_policy_knows_what_it_was_trained_for() {
    let (learner, _) = train(
        || Box::new(Identity::new(3, 8)),
        Algorithm::Ppo(Default::default()),
        1,
        2,
    );
    let policy = learner.policy();
    let other = Identity::new(4, 8);
    let message = policy.check(other.spec()).unwrap_err().to_string();
    assert!(message.contains("symbol_3"), "{message}");
    let path = std::env::temp_dir().join(format!("trimtab-policy-{}.json", std::process::id()));
    policy.save(&path).unwrap();
    assert_eq!(Policy::load(&path).unwrap(), policy);
    std::fs::remove_file(&path).unwrap();
    assert!(
        Policy::load(&path)
            .unwrap_err()
            .to_string()
            .contains("trimtab-policy-")
    );
}

#[test]
fn impossible_options_are_named() {
    let spec = Identity::new(3, 8).spec().clone();
    let refuse = |algorithm: Algorithm, field: &str| {
        let result = Learner::new(&spec, &PolicyConfig::default(), algorithm, 1);
        let message = result
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(message.contains(field), "{message}");
    };
    let common = |common: Common| {
        Algorithm::A2c(A2cConfig {
            common,
            ..Default::default()
        })
    };
    refuse(
        common(Common {
            gamma: 1.5,
            ..Default::default()
        }),
        "gamma",
    );
    refuse(
        common(Common {
            learning_rate: f64::NAN,
            ..Default::default()
        }),
        "learning_rate",
    );
    refuse(
        Algorithm::Ppo(PpoConfig {
            minibatch: 0,
            ..Default::default()
        }),
        "minibatch",
    );
    refuse(
        Algorithm::Ppo(PpoConfig {
            clip: 0.0,
            ..Default::default()
        }),
        "clip",
    );
}

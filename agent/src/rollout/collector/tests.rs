use super::*;
use crate::rollout::plan::play;
use crate::{Algorithm, Learner, PolicyConfig};
use proptest::prelude::*;
use trimtab_env::Environment;
use trimtab_env::suite::{CartPole, Identity};

const STEPS: RolloutConfig = RolloutConfig::Steps {
    environments: 3,
    steps: 17,
};

fn poles(threads: usize) -> VectorEnvironment {
    let environments = (0..3).map(|_| Box::new(CartPole::new()) as Box<dyn Environment>);
    VectorEnvironment::new(environments.collect(), threads).unwrap()
}

fn policy(seed: u64) -> Policy {
    let algorithm = Algorithm::Ppo(Default::default());
    let config = PolicyConfig::default();
    let spec = poles(1).spec().clone();
    let learner = Learner::new(&spec, &config, algorithm, seed).unwrap();
    learner.policy()
}

#[test]
fn steps_do_not_depend_on_threads_nor_on_a_restart() {
    let policies: Vec<Policy> = (0..6).map(policy).collect();
    let run = |threads| -> Vec<Vec<Trajectory>> {
        let mut collector = Collector::new(poles(threads), STEPS, 5).unwrap();
        policies
            .iter()
            .map(|p| collector.collect(p).unwrap())
            .collect()
    };
    let whole = run(1);
    assert_eq!(whole, run(2));

    let mut collector = Collector::new(poles(1), STEPS, 5).unwrap();
    for (policy, wanted) in policies.iter().zip(&whole) {
        assert_eq!(&collector.collect(policy).unwrap(), wanted);
        let state = serde_json::to_string(&collector.state()).unwrap();
        let state = serde_json::from_str(&state).unwrap();
        collector = Collector::resume(poles(1), STEPS, 5, &state).unwrap();
    }
}

#[test]
fn parts_join_to_whole_episodes() {
    let policy = policy(1);
    let mut collector = Collector::new(poles(1), STEPS, 5).unwrap();
    let mut trajectories = Vec::new();
    for _ in 0..20 {
        let rollout = collector.collect(&policy).unwrap();
        assert_eq!(rollout.iter().map(Trajectory::len).sum::<usize>(), 3 * 17);
        trajectories.extend(rollout);
    }
    let over = trajectories.iter().filter(|t| t.status.is_over());
    let mut checked = 0;
    for last in over {
        let whole = play(&mut CartPole::new(), &policy, last.seed).unwrap();
        assert_eq!(whole.episode_return(), last.episode_return());
        assert_eq!(whole.episode_length(), last.episode_length());
        let parts = trajectories.iter().filter(|t| t.seed == last.seed);
        let rewards: Vec<f32> = parts.clone().flat_map(|t| t.rewards.clone()).collect();
        let log_probs: Vec<f32> = parts.flat_map(|t| t.log_probs.clone()).collect();
        assert_eq!((rewards, log_probs), (whole.rewards, whole.log_probs));
        checked += 1;
    }
    assert!(checked > 20, "{checked}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// However a rollout is cut, the same episodes are played under the same policy.
    #[test]
    fn the_length_of_rollouts_does_not_change_the_episodes(steps in 1usize..60) {
        let policy = policy(2);
        let first_returns = |steps: usize| {
            let rollout = RolloutConfig::Steps { environments: 3, steps };
            let mut collector = Collector::new(poles(1), rollout, 9).unwrap();
            let mut returns = Vec::new();
            for _ in 0..240usize.div_ceil(steps) {
                for trajectory in collector.collect(&policy).unwrap() {
                    if trajectory.status.is_over() {
                        returns.push((trajectory.seed, trajectory.episode_length()));
                    }
                }
            }
            returns.sort_unstable();
            returns
        };
        let (cut, long) = (first_returns(steps), first_returns(240));
        prop_assert!(long.iter().all(|episode| cut.contains(episode)));
    }
}

#[test]
fn impossible_rollouts_are_refused_by_name() {
    let refused = |rollout| {
        Collector::new(poles(1), rollout, 1)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert!(refused(RolloutConfig::Episodes(0)).contains("rollout.Episodes: 0"));
    let steps = |environments, steps| RolloutConfig::Steps {
        environments,
        steps,
    };
    assert!(refused(steps(3, 0)).contains("rollout.Steps.steps: 0"));
    assert!(refused(RolloutConfig::Episodes(usize::MAX)).contains("rollout.Episodes: 1844"));
    assert!(refused(steps(4, 8)).contains("give 3"));

    let other = VectorEnvironment::new(vec![Box::new(Identity::new(2, 4))], 1).unwrap();
    let mut collector = Collector::new(other, RolloutConfig::Episodes(1), 1).unwrap();
    assert!(collector.collect(&policy(1)).is_err());
}

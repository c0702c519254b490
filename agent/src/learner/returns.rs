//! Returns and advantages of one trajectory: plain arithmetic on plain arrays.

/// Discounted rewards to go, `G_t = r_t + gamma G_{t+1}` with `G_T = last_value` (Sutton and Barto 2018, eq. 3.9).
///
/// ```
/// use trimtab_agent::learner::returns::discounted_returns;
/// assert_eq!(discounted_returns(&[1.0, 2.0], 4.0, 0.5), [3.0, 4.0]);
/// ```
pub fn discounted_returns(rewards: &[f32], last_value: f32, gamma: f32) -> Vec<f32> {
    let mut returns = vec![0.0; rewards.len()];
    let mut next = last_value;
    for (value, reward) in returns.iter_mut().zip(rewards).rev() {
        next = reward + gamma * next;
        *value = next;
    }
    returns
}

/// Generalised advantage estimation (Schulman et al. 2016, eq. 16):
/// `A_t = delta_t + gamma lambda A_{t+1}` with `delta_t = r_t + gamma V_{t+1} - V_t`, where `V_T = last_value`.
///
/// `values` has one entry a step. With `lambda = 1` the advantage is the discounted return less the value, with
/// `lambda = 0` it is the one-step temporal difference.
pub fn gae(rewards: &[f32], values: &[f32], last_value: f32, gamma: f32, lambda: f32) -> Vec<f32> {
    let mut advantages = vec![0.0; rewards.len()];
    let (mut next_value, mut next_advantage) = (last_value, 0.0);
    for ((advantage, reward), value) in advantages.iter_mut().zip(rewards).zip(values).rev() {
        let delta = reward + gamma * next_value - value;
        next_advantage = delta + gamma * lambda * next_advantage;
        next_value = *value;
        *advantage = next_advantage;
    }
    advantages
}

/// Standardises to mean 0 and sample standard deviation 1 (PPO's advantage normalisation, detail 7 of CleanRL's list). One value
/// alone stays as it is.
pub fn standardise(values: &mut [f32]) {
    let n = values.len() as f64;
    if values.len() < 2 {
        return;
    }
    let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let variance = values
        .iter()
        .map(|x| (f64::from(*x) - mean).powi(2))
        .sum::<f64>()
        / (n - 1.0);
    let deviation = variance.sqrt() + 1e-8;
    for value in values {
        *value = ((f64::from(*value) - mean) / deviation) as f32;
    }
}

/// `1 - Var(returns - values) / Var(returns)`: 1 for a perfect critic, 0 for a constant one, below 0 for a worse one.
pub fn explained_variance(values: &[f32], returns: &[f32]) -> f64 {
    let variance = |numbers: &[f64]| {
        let n = numbers.len().max(1) as f64;
        let mean = numbers.iter().sum::<f64>() / n;
        numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n
    };
    let all: Vec<f64> = returns.iter().map(|x| f64::from(*x)).collect();
    let errors: Vec<f64> = returns
        .iter()
        .zip(values)
        .map(|(r, v)| f64::from(*r) - f64::from(*v))
        .collect();
    let total = variance(&all);
    if total > 0.0 {
        1.0 - variance(&errors) / total
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::trajectory::bootstrap;
    use proptest::prelude::*;
    use serde_json::Value;
    use trimtab_env::{Status, Termination, Truncation};

    fn column(case: &Value, name: &str, env: usize) -> Vec<f64> {
        let rows = case[name].as_array().unwrap();
        rows.iter().map(|row| row[env].as_f64().unwrap()).collect()
    }

    fn flags(case: &Value, name: &str, env: usize) -> Vec<bool> {
        let rows = case[name].as_array().unwrap();
        rows.iter()
            .map(|row| row[env].as_bool().unwrap_or(row[env].as_f64() == Some(1.0)))
            .collect()
    }

    /// Stable-Baselines3's rollout buffer, cut into trajectories where an episode ends.
    #[test]
    fn advantages_and_returns_equal_stable_baselines() {
        let (mut trajectories, mut truncations) = (0, 0);
        for line in include_str!("../../fixtures/gae.jsonl").lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let number = |name: &str| case[name].as_f64().unwrap() as f32;
            let (gamma, lambda) = (number("gamma"), number("gae_lambda"));
            for env in 0..case["n_envs"].as_u64().unwrap() as usize {
                let single =
                    |values: Vec<f64>| values.into_iter().map(|x| x as f32).collect::<Vec<_>>();
                let rewards = single(column(&case, "rewards", env));
                let values = single(column(&case, "values", env));
                let finals = single(column(&case, "terminal_values", env));
                let wanted = column(&case, "advantages", env);
                let wanted_returns = column(&case, "discounted_rewards_to_go_bootstrap", env);
                let terminated = flags(&case, "terminated", env);
                let truncated = flags(&case, "truncated", env);
                let last = case["last_values"][env].as_f64().unwrap() as f32;
                let mut start = 0;
                for t in 0..rewards.len() {
                    let over = terminated[t] || truncated[t];
                    if !over && t + 1 < rewards.len() {
                        continue;
                    }
                    let (status, value) = if terminated[t] {
                        (Status::Terminated(Termination::Failed), finals[t])
                    } else if truncated[t] {
                        truncations += 1;
                        (Status::Truncated(Truncation::TimeLimit), finals[t])
                    } else {
                        (Status::Running, last)
                    };
                    let last_value = bootstrap(status, value);
                    let part = start..t + 1;
                    let close = |got: &[f32], wanted: &[f64]| {
                        for (g, w) in got.iter().zip(wanted) {
                            let error = (f64::from(*g) - w).abs();
                            assert!(
                                error <= 1e-5 * (1.0 + w.abs()),
                                "case {}: {g} against {w}",
                                case["case"]
                            );
                        }
                    };
                    let got = gae(
                        &rewards[part.clone()],
                        &values[part.clone()],
                        last_value,
                        gamma,
                        lambda,
                    );
                    close(&got, &wanted[part.clone()]);
                    let got = discounted_returns(&rewards[part.clone()], last_value, gamma);
                    close(&got, &wanted_returns[part]);
                    trajectories += 1;
                    start = t + 1;
                }
            }
        }
        assert!(
            trajectories > 100 && truncations > 10,
            "{trajectories} {truncations}"
        );
    }

    proptest! {
        /// The two ends of lambda: the one-step temporal difference, and the return less the value.
        #[test]
        fn ends_of_lambda_are_the_known_estimates(
            steps in proptest::collection::vec((-2f32..2.0, -2f32..2.0), 1..30),
            last in -2f32..2.0,
            gamma in 0f32..1.0,
        ) {
            let (rewards, values): (Vec<f32>, Vec<f32>) = steps.into_iter().unzip();
            let returns = discounted_returns(&rewards, last, gamma);
            let monte_carlo = gae(&rewards, &values, last, gamma, 1.0);
            let one_step = gae(&rewards, &values, last, gamma, 0.0);
            for t in 0..rewards.len() {
                prop_assert!((monte_carlo[t] - (returns[t] - values[t])).abs() < 1e-4);
                let next = values.get(t + 1).copied().unwrap_or(last);
                prop_assert!((one_step[t] - (rewards[t] + gamma * next - values[t])).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn explained_variance_of_good_and_bad_critics() {
        assert_eq!(explained_variance(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), 1.0);
        assert_eq!(explained_variance(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0]), 0.0);
        assert!(explained_variance(&[3.0, 2.0, 1.0], &[1.0, 2.0, 3.0]) < 0.0);
    }
}

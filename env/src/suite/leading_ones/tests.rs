//! Comparison with recorded episodes of DACBench, with exact run times, and of measured with exact run times.

use super::run_time::expected_steps;
use super::*;
use crate::suite::replay::{assert_close, features, read_lines};
use crate::{CheckOptions, Status, Truncation, check_environment};
use serde::Deserialize;

fn environment(n: usize, start: Start, config: LeadingOnesConfig) -> LeadingOnes {
    let set = InstanceSet::new(vec![LeadingOnesInstance { n, start }], vec![]);
    let source = InstanceSource::new(set, Part::Train, Order::Random).unwrap();
    LeadingOnes::new(source, config).unwrap()
}

#[derive(Deserialize)]
struct Trace {
    n: usize,
    portfolio: Vec<usize>,
    policy: String,
    reward_choice: String,
    test_env: bool,
    max_evals: usize,
    initial_bits: String,
    reset_state: Vec<f64>,
    actions: Vec<usize>,
    flips: Vec<Vec<usize>>,
    fx: Vec<usize>,
    rewards: Vec<f64>,
    final_bits: String,
    total_evals: usize,
    terminated_last: bool,
    truncated_last: bool,
    #[serde(rename = "return")]
    total: f64,
}

fn config(trace: &Trace) -> LeadingOnesConfig {
    use LeadingOnesReward::*;
    LeadingOnesConfig {
        portfolio: trace.portfolio.clone(),
        reward: match trace.reward_choice.as_str() {
            "imp_minus_evals" => ImprovementMinusEvaluations,
            "minus_evals" => MinusEvaluations,
            "imp" | "imp_div_evals" => Improvement,
            "minus_evals_normalised" => MinusEvaluationsNormalised,
            "imp_minus_evals_normalised" => ImprovementMinusEvaluationsNormalised,
            other => panic!("{other}"),
        },
        cutoff: if trace.test_env {
            Cutoff::Test
        } else {
            Cutoff::Training
        },
        encoding: Encoding::Raw,
    }
}

fn write_bits(text: &str, bits: &mut [u64]) {
    bits.fill(0);
    for (position, _) in text.chars().enumerate().filter(|(_, bit)| *bit == '1') {
        bits[position / 64] |= 1 << (position % 64);
    }
}

fn read_bits(environment: &LeadingOnes) -> String {
    let bit = |position: usize| environment.bits[position / 64] >> (position % 64) & 1;
    (0..environment.instance().n)
        .map(|position| if bit(position) == 1 { '1' } else { '0' })
        .collect()
}

/// The positions are those recorded; everything else is the environment's own.
#[test]
fn replays_the_reference() {
    let traces: Vec<Trace> = read_lines("dac/leadingones_traces.jsonl.gz");
    assert_eq!(traces.len(), 18);
    for trace in &traces {
        let mut environment = environment(trace.n, Start::Random, config(trace));
        assert_eq!(
            environment.config.cutoff.evaluations(trace.n),
            trace.max_evals
        );
        write_bits(&trace.initial_bits, &mut environment.bits);
        environment.begin();
        assert_eq!(features(&environment.observation()), trace.reset_state);
        let mut total = 0.0;
        for (t, &action) in trace.actions.iter().enumerate() {
            let context = format!("{} {} step {t}", trace.n, trace.policy);
            let action = Action::from(action);
            if trace.policy == "optimal" {
                assert_eq!(environment.optimal_action(), action, "{context}");
            }
            environment
                .episode
                .advance(&environment.spec, &action)
                .unwrap();
            let before = environment.fitness;
            assert_eq!(trace.flips[t].len(), trace.portfolio[action.choices[0]]);
            environment.flips.fill(0);
            for position in &trace.flips[t] {
                environment.flips[position / 64] |= 1 << (position % 64);
            }
            if trace.flips[t].iter().all(|position| *position >= before) {
                environment.keep_flips();
            }
            let step = environment.finish_step(before);
            let n = trace.n as f64;
            assert_eq!(features(&step.observation), [n, trace.fx[t] as f64]);
            let reward = f64::from(step.reward);
            assert_close(&[reward], &[trace.rewards[t]], 1e-6, &context);
            total += reward;
            let expected = match (
                t + 1 == trace.actions.len(),
                trace.terminated_last,
                trace.truncated_last,
            ) {
                (true, true, false) => Status::Terminated(Termination::Reached),
                (true, false, true) => Status::Truncated(Truncation::TimeLimit),
                _ => Status::Running,
            };
            assert_eq!(step.status, expected, "{context}");
        }
        assert_eq!(environment.episode.steps() + 1, trace.total_evals);
        assert_eq!(read_bits(&environment), trace.final_bits);
        assert_close(&[total], &[trace.total], 1e-4, "return");
    }
}

#[derive(Deserialize)]
struct ClosedForm {
    n: usize,
    portfolio_name: String,
    portfolio: serde_json::Value,
    optimal_r_for_fx: Vec<usize>,
    expected_steps_optimal: f64,
    /// Absent for the portfolio of all numbers.
    expected_steps_uniform_random: Option<f64>,
    expected_steps_from_fx: Vec<f64>,
}

#[test]
fn run_times_equal_exact_rational_arithmetic() {
    let cases: Vec<ClosedForm> = read_lines("dac/leadingones_closed_form.jsonl.gz");
    assert_eq!(cases.len(), 24);
    for case in cases {
        let n = case.n;
        let context = format!("{n} {}", case.portfolio_name);
        // The portfolio of all numbers is written as text.
        let portfolio: Vec<usize> =
            serde_json::from_value(case.portfolio).unwrap_or_else(|_| (1..=n).collect());
        let best: Vec<usize> = (0..n)
            .map(|i| portfolio[optimal_choice(n, i, &portfolio)])
            .collect();
        assert_eq!(best, case.optimal_r_for_fx, "{context}");
        let p = |i: usize| improvement_probability(n, i, best[i]);
        let relative = |ours: f64, exact: f64| {
            assert!(
                (ours - exact).abs() <= 1e-9 * exact,
                "{context}: {ours} {exact}"
            );
        };
        relative(expected_steps(n, p), case.expected_steps_optimal);
        assert_eq!(case.expected_steps_from_fx.len(), n + 1);
        let optimum = Optimum::new(n, &portfolio);
        for (i, exact) in case.expected_steps_from_fx.iter().enumerate() {
            relative(expected_steps_from(n, i, p), *exact);
            relative(optimum.steps_from[i], *exact);
        }
        let uniform = |i: usize| {
            let sum: f64 = portfolio
                .iter()
                .map(|r| improvement_probability(n, i, *r))
                .sum();
            sum / portfolio.len() as f64
        };
        assert_eq!(
            case.expected_steps_uniform_random.is_none(),
            case.portfolio_name == "full"
        );
        if let Some(exact) = case.expected_steps_uniform_random {
            relative(expected_steps(n, uniform), exact);
        }
    }
}

type Policy = fn(&LeadingOnes) -> Action;

/// Mean of some numbers and its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

/// Steps and regret of one episode.
fn play(environment: &mut LeadingOnes, seed: u64, policy: Policy) -> [f64; 2] {
    environment.reset(seed).unwrap();
    loop {
        let step = environment.step(&policy(environment)).unwrap();
        if step.status.is_over() {
            assert_eq!(step.status, Status::Terminated(Termination::Reached));
            let regret = environment.outcome().unwrap()["regret"];
            return [environment.episode.steps() as f64, regret];
        }
    }
}

/// The seeds are fixed, so that three standard errors hold for ever or never.
#[test]
fn measured_run_times_are_within_three_standard_errors() {
    let test = LeadingOnesConfig {
        cutoff: Cutoff::Test,
        ..Default::default()
    };
    for n in [50, 100] {
        let mut environment = environment(n, Start::Random, test.clone());
        let policies: [(Policy, f64); 2] = [
            (LeadingOnes::optimal_action, {
                let optimum = &environment.optima[&n];
                let r = |i: usize| environment.portfolio()[optimum.choices[i]];
                expected_steps(n, |i| improvement_probability(n, i, r(i)))
            }),
            (|_| Action::from(0), (n * n) as f64 / 2.0),
        ];
        let optimal = policies[0].1;
        for (policy, expected) in policies {
            let episodes: Vec<_> = (0..2000)
                .map(|seed| play(&mut environment, seed, policy))
                .collect();
            let steps: Vec<f64> = episodes.iter().map(|[steps, _]| *steps).collect();
            let (measured, error) = mean(&steps);
            assert!(
                (measured - expected).abs() < 3.0 * error,
                "{measured} ± {error} against {expected}"
            );
            let regrets: Vec<f64> = episodes.iter().map(|[_, regret]| *regret).collect();
            let (measured, error) = mean(&regrets);
            assert!(
                (measured - (expected - optimal)).abs() < 3.0 * error,
                "regret {measured} ± {error}"
            );
        }
    }
}

/// At fitness 20 of 50 an improvement by 4 flips has probability C(29, 3) / C(50, 4).
#[test]
fn flips_are_distinct_and_uniform() {
    let mut environment = environment(50, Start::Ones(0), LeadingOnesConfig::default());
    environment.reset(0).unwrap();
    environment.fitness = 0;
    let (draws, r) = (20_000, 4);
    let mut counts = [0_u32; 50];
    for _ in 0..draws {
        assert!(environment.draw_flips(r));
        assert_eq!(environment.flips[0].count_ones(), 4);
        for (position, count) in counts.iter_mut().enumerate() {
            *count += u32::from(environment.flips[0] >> position & 1 == 1);
        }
    }
    // Binomial(20 000, 4/50): mean 1600, standard deviation 38; five standard deviations.
    assert!(counts.iter().all(|n| n.abs_diff(1600) < 192), "{counts:?}");
    environment.fitness = 20;
    let kept = (0..draws).filter(|_| environment.draw_flips(r)).count();
    // All four among the last 30 bits: C(30, 4) / C(50, 4) = 0.118997, standard deviation of the count 45.8; five standard deviations.
    assert!(kept.abs_diff(2380) < 229, "{kept}");
}

#[test]
fn starts_are_as_asked_for() {
    for (n, ones) in [(50, 0), (128, 63), (128, 64), (200, 199)] {
        let mut environment = environment(n, Start::Ones(ones), LeadingOnesConfig::default());
        let strings: Vec<String> = (0..20)
            .map(|seed| {
                environment.reset(seed).unwrap();
                assert_eq!(environment.fitness(), ones);
                read_bits(&environment)
            })
            .collect();
        let different = strings.iter().any(|string| *string != strings[0]);
        assert_eq!(different, ones + 1 < n, "the rest is drawn");
    }
    let mut random = environment(200, Start::Random, LeadingOnesConfig::default());
    let ones: usize = (0..100)
        .map(|seed| {
            random.reset(seed).unwrap();
            assert_eq!(random.bits[3] >> 8, 0, "nothing behind the end");
            read_bits(&random).matches('1').count()
        })
        .sum();
    // Binomial(20 000, 1/2): standard deviation 71; five standard deviations.
    assert!(ones.abs_diff(10_000) < 354, "{ones}");
}

#[test]
fn without_single_flips_there_is_no_expected_end_and_no_regret() {
    let config = LeadingOnesConfig {
        portfolio: vec![2, 3],
        ..Default::default()
    };
    let mut environment = environment(20, Start::Random, config);
    environment.reset(0).unwrap();
    environment.step(&Action::from(0)).unwrap();
    assert_eq!(environment.outcome().unwrap(), Outcome::new());
}

#[test]
fn keeps_the_contract() {
    let instances = [
        (16, Start::Random),
        (64, Start::Ones(60)),
        (70, Start::Random),
    ];
    let train = instances
        .map(|(n, start)| LeadingOnesInstance { n, start })
        .to_vec();
    for encoding in [Encoding::Raw, Encoding::Normalised] {
        let set = InstanceSet::new(train.clone(), vec![]);
        let source = InstanceSource::new(set, Part::Train, Order::Random).unwrap();
        let config = LeadingOnesConfig {
            encoding,
            ..Default::default()
        };
        let mut environment = LeadingOnes::new(source, config).unwrap();
        let options = CheckOptions {
            episodes: 10,
            ..Default::default()
        };
        assert_eq!(check_environment(&mut environment, &options), []);
    }
}

#[test]
fn what_is_not_allowed_is_named() {
    let build = |n, start, portfolio: &[usize]| {
        let set = InstanceSet::new(vec![LeadingOnesInstance { n, start }], vec![]);
        let source = InstanceSource::new(set, Part::Train, Order::Random).unwrap();
        let config = LeadingOnesConfig {
            portfolio: portfolio.to_vec(),
            ..Default::default()
        };
        LeadingOnes::new(source, config).unwrap_err().to_string()
    };
    assert!(build(1, Start::Random, &[1]).starts_with("instances[0].n: 1"));
    assert!(build(9, Start::Ones(9), &[1]).starts_with("instances[0].start: 9 leading ones"));
    assert!(build(9, Start::Random, &[]).starts_with("portfolio: []"));
    for portfolio in [[1, 10], [1, 0], [1, 1]] {
        assert!(build(9, Start::Random, &portfolio).starts_with("portfolio[1]"));
    }
}

use super::*;
use serde_json::Value as Json;
use std::io::Read;

/// Optuna's decisions; see `fixtures/README.md`.
fn oracle() -> Vec<Json> {
    let compressed = include_bytes!("../../../fixtures/pruners.jsonl.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(compressed.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn config(case: &Json) -> PrunerConfig {
    let params = &case["params"];
    // Absent and "auto" are both no number.
    let number = |key: &str| params[key].as_u64();
    let count = |key: &str| number(key).unwrap() as usize;
    match case["pruner"].as_str().unwrap() {
        "sha" => PrunerConfig::Halving(HalvingConfig {
            min_resource: number("min_resource"),
            reduction_factor: number("reduction_factor").unwrap(),
            min_early_stopping_rate: number("min_early_stopping_rate").unwrap() as u32,
            bootstrap_count: count("bootstrap_count"),
        }),
        "hyperband" => PrunerConfig::Hyperband(HyperbandPruningConfig {
            study: case["study_name"].as_str().unwrap().to_owned(),
            min_resource: number("min_resource").unwrap(),
            max_resource: number("max_resource"),
            reduction_factor: number("reduction_factor").unwrap(),
            bootstrap_count: count("bootstrap_count"),
        }),
        _ => PrunerConfig::Percentile(PercentileConfig {
            percentile: params["percentile"].as_f64().unwrap_or(50.0),
            startup_trials: count("n_startup_trials"),
            warmup_steps: number("n_warmup_steps").unwrap(),
            interval: number("interval_steps").unwrap(),
            min_trials: count("n_min_trials"),
        }),
    }
}

#[test]
fn decisions_equal_optuna() {
    let mut decisions = 0;
    for case in oracle() {
        let mut pruner = Pruner::new(config(&case)).unwrap();
        let maximise = case["direction"] == "maximize";
        for event in case["events_trial_step_value_prune_state"]
            .as_array()
            .unwrap()
        {
            let (id, step) = (event[0].as_u64().unwrap(), event[1].as_u64().unwrap());
            let value = event[2].as_f64().unwrap_or(f64::NAN);
            let loss = if maximise { -value } else { value };
            let wanted = if event[3] == true {
                Decision::Stop
            } else {
                Decision::GoOn
            };
            let decision = pruner.report(id, step, loss);
            assert_eq!(
                decision, wanted,
                "{} {} {event}",
                case["study_name"], case["pruner"]
            );
            if event[4] == "C" {
                pruner.complete(id);
            }
            decisions += 1;
        }
        // To a file and back it is the same pruner.
        let text = serde_json::to_string(&pruner).unwrap();
        assert_eq!(serde_json::from_str::<Pruner>(&text).unwrap(), pruner);
    }
    assert!(decisions > 5000, "{decisions}");
}

#[test]
fn impossible_options_are_refused() {
    let refused = |config: PrunerConfig, field: &str| {
        let message = Pruner::new(config).unwrap_err().to_string();
        assert!(message.starts_with(field), "{message}");
    };
    let percentile = PercentileConfig::default();
    refused(
        PrunerConfig::Percentile(PercentileConfig {
            percentile: f64::NAN,
            ..percentile.clone()
        }),
        "percentile",
    );
    refused(
        PrunerConfig::Percentile(PercentileConfig {
            interval: 0,
            ..percentile
        }),
        "interval",
    );
    refused(
        PrunerConfig::Halving(HalvingConfig {
            reduction_factor: 1,
            ..Default::default()
        }),
        "reduction_factor",
    );
    refused(
        PrunerConfig::Hyperband(HyperbandPruningConfig {
            min_resource: 3,
            max_resource: Some(2),
            ..Default::default()
        }),
        "max_resource",
    );
}

/// Optuna keeps the first value of a step, and warns.
#[test]
fn the_first_report_of_a_step_counts() {
    let config = PercentileConfig {
        startup_trials: 1,
        ..Default::default()
    };
    let mut pruner = Pruner::new(PrunerConfig::Percentile(config)).unwrap();
    pruner.report(0, 0, 0.5);
    pruner.report(0, 0, 0.1);
    pruner.complete(0);
    // Against 0.1 it would have to stop. Asked again, the answer is the same.
    assert_eq!(pruner.report(1, 0, 0.4), Decision::GoOn);
    assert_eq!(pruner.report(1, 0, 0.9), Decision::GoOn);
    assert_eq!(pruner.report(2, 0, 0.9), Decision::Stop);
    assert_eq!(pruner.report(2, 0, 0.2), Decision::Stop);
    let halving = HalvingConfig {
        min_resource: Some(1),
        reduction_factor: 2,
        ..Default::default()
    };
    let mut pruner = Pruner::new(PrunerConfig::Halving(halving)).unwrap();
    pruner.report(0, 1, 0.5);
    pruner.report(0, 1, 0.1);
    assert_eq!(pruner.report(1, 1, 0.4), Decision::GoOn);
}

#[test]
fn steps_at_the_end_of_all_numbers_are_judged() {
    for config in [
        PrunerConfig::Halving(HalvingConfig {
            min_resource: Some(u64::MAX),
            min_early_stopping_rate: 3,
            ..Default::default()
        }),
        PrunerConfig::Halving(HalvingConfig::default()),
        PrunerConfig::Hyperband(HyperbandPruningConfig::default()),
        PrunerConfig::Hyperband(HyperbandPruningConfig {
            max_resource: Some(u64::MAX),
            reduction_factor: 2,
            ..Default::default()
        }),
    ] {
        let mut pruner = Pruner::new(config).unwrap();
        for id in 0..6 {
            for step in [0, 1, u64::MAX] {
                pruner.report(id, step, 1.0 / (id + 1) as f64);
            }
            pruner.complete(id);
        }
    }
}

/// JSON has no infinity; a pruner that was told one comes back as it was.
#[test]
fn infinite_losses_survive_a_file() {
    for config in [
        PrunerConfig::Percentile(PercentileConfig::default()),
        PrunerConfig::Halving(HalvingConfig {
            min_resource: Some(1),
            ..Default::default()
        }),
    ] {
        let mut pruner = Pruner::new(config).unwrap();
        for (id, loss) in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e300, 0.1]
            .into_iter()
            .enumerate()
        {
            pruner.report(id as u64, 1, loss);
            pruner.complete(id as u64);
        }
        let text = serde_json::to_string(&pruner).unwrap();
        assert_eq!(
            serde_json::from_str::<Pruner>(&text).unwrap(),
            pruner,
            "{text}"
        );
    }
}

//! What holds for every searcher.

mod losses;

use super::*;
use trimtab_env::{SearchSpace, Table, Value, stream, suite};

fn deep() -> SearchSpace {
    ron::from_str(
        r#"[
        (name: "learning_rate", domain: LogUniform(1e-5, 1.0)),
        (name: "optimizer", domain: Categories(["adamw", "sgd"]), opens: {
            "sgd": [(name: "momentum", domain: Uniform(0.0, 0.99))],
        }),
        (name: "layers", domain: Integer(low: 1, high: 8)),
    ]"#,
    )
    .unwrap()
}

/// Every searcher, with its options small.
fn all() -> Vec<SearcherConfig> {
    vec![
        SearcherConfig::Grid { points: 4 },
        SearcherConfig::Random,
        SearcherConfig::QuasiRandom,
        SearcherConfig::Bayesian(Default::default()),
        SearcherConfig::Tpe(Default::default()),
        SearcherConfig::Tpe(TpeConfig {
            joint: false,
            ..Default::default()
        }),
        SearcherConfig::SuccessiveHalving(SuccessiveHalvingConfig::default()),
        SearcherConfig::Asha(AshaConfig::default()),
        SearcherConfig::Hyperband(HyperbandConfig::default()),
        SearcherConfig::Population(PopulationConfig::default()),
    ]
}

/// Best at a learning rate of 0.01 with SGD and four layers.
fn loss(trial: &Trial) -> f64 {
    let number = |name: &str| trial.configuration.number(name).unwrap();
    let off =
        (number("learning_rate").log10() + 2.0).powi(2) + (number("layers") - 4.0).abs() / 4.0;
    let momentum = match trial.configuration.get("momentum") {
        Some(Value::Number(momentum)) => (momentum - 0.9).abs(),
        _ => 1.0,
    };
    off + momentum + 1.0 / trial.resource.unwrap_or(100) as f64
}

fn ask(searcher: &mut AnySearcher) -> Option<Trial> {
    match searcher.ask().unwrap() {
        Proposal::Trial(trial) => Some(trial),
        Proposal::Wait | Proposal::Done => None,
    }
}

#[test]
fn the_state_survives_a_file_at_any_moment() {
    for config in all() {
        let mut searcher = config.start(deep(), 3).unwrap();
        let mut outstanding: Vec<Trial> = Vec::new();
        for step in 0..30 {
            let text = serde_json::to_string(&searcher).unwrap();
            let mut again: AnySearcher = serde_json::from_str(&text).unwrap();
            assert_eq!(again, searcher);
            assert_eq!(
                again.ask().unwrap(),
                searcher.ask().unwrap(),
                "{config:?} at {step}"
            );
            searcher = again;
            // Three at a time are under way, and some fail.
            outstanding.extend(
                searcher
                    .history()
                    .iter()
                    .last()
                    .map(|(trial, _)| trial.clone()),
            );
            outstanding.dedup();
            if outstanding.len() == 3 {
                for trial in outstanding.drain(..).rev() {
                    if searcher.history().outcome(trial.id) == Some(Outcome::Outstanding) {
                        let failed = trial.id % 7 == 3;
                        searcher
                            .tell(trial.id, if failed { f64::NAN } else { loss(&trial) })
                            .unwrap();
                    }
                }
            }
        }
    }
}

#[test]
fn trials_under_way_are_never_the_same() {
    let tables = suite::hpobench().unwrap();
    for space in [deep(), tables[0].space().clone()] {
        for config in all() {
            // In successive halving and its kin the configuration of one earlier trial comes again, with a larger resource.
            let mut searcher = config.start(space.clone(), 5).unwrap();
            for _ in 0..4 {
                let mut batch: Vec<Trial> = Vec::new();
                while batch.len() < 8 {
                    let Some(trial) = ask(&mut searcher) else {
                        break;
                    };
                    let twice = batch.iter().any(|other| {
                        other.configuration == trial.configuration
                            && other.resource == trial.resource
                    });
                    // A member of a population may go on with what another one has too.
                    assert!(
                        !twice || matches!(config, SearcherConfig::Population(_)),
                        "{config:?}"
                    );
                    batch.push(trial);
                }
                for trial in batch {
                    searcher.tell(trial.id, (trial.id as f64).sin()).unwrap();
                }
            }
        }
    }
}

#[test]
fn neither_threads_nor_the_order_of_losses_change_anything() {
    for config in all() {
        let mut threaded = config.start(deep(), 7).unwrap();
        search(&mut threaded, 24, 4, |trial| Ok(loss(trial))).unwrap();
        let mut backwards = config.start(deep(), 7).unwrap();
        while backwards.history().len() < 24 {
            let batch: Vec<Trial> = (0..4).map_while(|_| ask(&mut backwards)).collect();
            if batch.is_empty() {
                break;
            }
            for trial in batch.iter().rev() {
                backwards.tell(trial.id, loss(trial)).unwrap();
            }
        }
        assert_eq!(threaded, backwards, "{config:?}");
    }
}

#[test]
fn options_are_read_from_ron_and_mistakes_named() {
    let text = "Bayesian((acquisition: UpperConfidenceBound(kappa: 2.0), initial: 4))";
    let config: SearcherConfig = ron::from_str(text).unwrap();
    assert!(config.start(deep(), 1).is_ok());
    for (text, field) in [
        (
            "Bayesian((acquisition: UpperConfidenceBound(kappa: -2.0)))",
            "kappa",
        ),
        ("Bayesian((initial: 0))", "initial"),
        ("Tpe((good: 1.5))", "good"),
        ("Grid(points: 0)", "points"),
        ("SuccessiveHalving((min_resource: 28))", "min_resource"),
        ("Asha((reduction_factor: 1))", "reduction_factor"),
        ("Hyperband((cycles: 0))", "cycles"),
        ("Population((members: 1))", "members"),
        ("Population((factor: 1.0))", "factor"),
        ("Population((exploited: 0.6))", "exploited"),
    ] {
        let config: SearcherConfig = ron::from_str(text).unwrap();
        let message = config.start(deep(), 1).unwrap_err().to_string();
        assert!(message.contains(field), "{message}");
    }
    assert!(ron::from_str::<SearcherConfig>("Tpe((gamma: 0.1))").is_err());
}

#[test]
fn a_long_search_still_chooses_quickly() {
    let config = SearcherConfig::Bayesian(BayesianConfig {
        initial: 300,
        ..Default::default()
    });
    let mut searcher = config.start(deep(), 1).unwrap();
    search(&mut searcher, 300, 1, |trial| Ok(loss(trial))).unwrap();
    let started = std::time::Instant::now();
    let trial = ask(&mut searcher).unwrap();
    // This took a fifteenth of it.
    assert!(
        started.elapsed().as_secs_f64() < 2.0,
        "{:?}",
        started.elapsed()
    );
    assert!(loss(&trial) < 0.5, "{trial:?}");
}

#[test]
fn losses_of_unknown_trials_are_refused() {
    let mut searcher = SearcherConfig::Random.start(deep(), 1).unwrap();
    assert!(searcher.tell(0, 1.0).is_err());
    let trial = ask(&mut searcher).unwrap();
    searcher.tell(trial.id, 1.0).unwrap();
    let message = searcher.tell(trial.id, 1.0).unwrap_err().to_string();
    assert!(message.starts_with("trial: 0"), "{message}");
}

#[test]
fn a_changed_hyperparameter_survives_the_checkpoint() {
    let config = SearcherConfig::Population(PopulationConfig {
        members: 5,
        ..Default::default()
    });
    let mut searcher = config.start(deep(), 11).unwrap();
    let generation = |searcher: &mut AnySearcher| -> Vec<Trial> {
        let trials: Vec<Trial> = (0..5).map_while(|_| ask(searcher)).collect();
        for trial in &trials {
            searcher.tell(trial.id, loss(trial)).unwrap();
        }
        trials
    };
    generation(&mut searcher);
    // The first member is asked for, so the second generation's changes are made; then the process is killed.
    let first = ask(&mut searcher).unwrap();
    let text = serde_json::to_string(&searcher).unwrap();
    let mut restored: AnySearcher = serde_json::from_str(&text).unwrap();
    let mut changed = 0;
    for _ in 0..4 {
        let (trial, same) = (ask(&mut searcher).unwrap(), ask(&mut restored).unwrap());
        assert_eq!(trial, same);
        let from = searcher.history().trial(trial.continues.unwrap()).unwrap();
        changed += usize::from(from.configuration != trial.configuration);
    }
    let from = searcher.history().trial(first.continues.unwrap()).unwrap();
    changed += usize::from(from.configuration != first.configuration);
    assert_eq!(
        changed, 1,
        "the worst of five goes on from the best with other hyperparameters"
    );
    for searcher in [&mut searcher, &mut restored] {
        for id in 5..10 {
            let trial = searcher.history().trial(id).unwrap().clone();
            searcher.tell(id, loss(&trial)).unwrap();
        }
    }
    let (next, same) = (generation(&mut searcher), generation(&mut restored));
    assert_eq!(next, same);
    // A member that was not replaced goes on with what it had, changed or not.
    for trial in &next {
        let from = searcher.history().trial(trial.continues.unwrap()).unwrap();
        let own = trial.id - 5 == from.id;
        assert!(!own || from.configuration == trial.configuration);
    }
    assert_eq!(
        next.iter()
            .filter(|trial| trial.id - 5 == trial.continues.unwrap())
            .count(),
        4
    );
}

#[test]
fn halving_takes_the_best_of_each_rung_further() {
    let config = SuccessiveHalvingConfig::default();
    let mut searcher = SearcherConfig::SuccessiveHalving(config)
        .start(deep(), 2)
        .unwrap();
    search(&mut searcher, 1000, 5, |trial| Ok(loss(trial))).unwrap();
    let history = searcher.history();
    for (resource, count) in [(1, 27), (3, 9), (9, 3), (27, 1)] {
        let rung: Vec<&Trial> = history
            .iter()
            .map(|(trial, _)| trial)
            .filter(|trial| trial.resource == Some(resource))
            .collect();
        assert_eq!(rung.len(), count);
        // All that stayed behind in the rung below were worse than all that went on.
        let promoted: Vec<u64> = rung.iter().filter_map(|trial| trial.continues).collect();
        assert_eq!(promoted.len(), if resource == 1 { 0 } else { count });
        let worst = promoted
            .iter()
            .map(|id| history.outcome(*id).unwrap().rank())
            .fold(f64::MIN, f64::max);
        let below = history
            .iter()
            .filter(|(trial, _)| trial.resource == Some(resource / 3));
        for (trial, outcome) in below {
            assert!(promoted.contains(&trial.id) || outcome.rank() >= worst);
        }
        for trial in rung.iter().filter(|trial| trial.continues.is_some()) {
            let from = history.trial(trial.continues.unwrap()).unwrap();
            assert_eq!(from.configuration, trial.configuration);
        }
    }
    assert_eq!(searcher.ask().unwrap(), Proposal::Done);
}

#[test]
fn what_failed_never_goes_on() {
    for (config, begun) in [
        (SearcherConfig::SuccessiveHalving(Default::default()), 27),
        (
            SearcherConfig::Hyperband(Default::default()),
            27 + 12 + 6 + 4,
        ),
        (SearcherConfig::Asha(Default::default()), 100),
    ] {
        let mut searcher = config.start(deep(), 2).unwrap();
        search(&mut searcher, 100, 3, |_| Ok(f64::NAN)).unwrap();
        assert_eq!(searcher.history().len(), begun, "{config:?}");
        assert!(
            searcher
                .history()
                .iter()
                .all(|(trial, _)| trial.continues.is_none())
        );
        assert_eq!(searcher.best(), None);
    }
    // The others go on proposing, whatever fails.
    for config in [
        SearcherConfig::Bayesian(Default::default()),
        SearcherConfig::Tpe(Default::default()),
    ] {
        let mut searcher = config.start(deep(), 2).unwrap();
        search(&mut searcher, 20, 3, |_| Ok(f64::INFINITY)).unwrap();
        assert_eq!(searcher.history().len(), 20);
    }
}

#[test]
fn hyperband_runs_its_brackets() {
    let mut searcher = SearcherConfig::Hyperband(Default::default())
        .start(deep(), 2)
        .unwrap();
    search(&mut searcher, 1000, 4, |trial| Ok(loss(trial))).unwrap();
    let count = |resource: u64, fresh: bool| {
        let trials = searcher.history().iter().map(|(trial, _)| trial);
        let these =
            trials.filter(|t| t.resource == Some(resource) && t.continues.is_none() == fresh);
        these.count()
    };
    // Brackets 27-9-3-1, 12-4-1, 6-2 and 4.
    let begun: Vec<usize> = [1, 3, 9, 27].map(|resource| count(resource, true)).to_vec();
    let promoted: Vec<usize> = [1, 3, 9, 27]
        .map(|resource| count(resource, false))
        .to_vec();
    assert_eq!((begun, promoted), (vec![27, 12, 6, 4], vec![0, 9, 7, 4]));
}

#[test]
fn asha_never_waits_and_promotes_only_the_best_of_a_rung_so_far() {
    let config = AshaConfig {
        max_resource: 16,
        ..Default::default()
    };
    let mut searcher = SearcherConfig::Asha(config).start(deep(), 2).unwrap();
    let mut outstanding = Vec::new();
    let mut promoted = [0, 0];
    for _ in 0..200 {
        let trial = ask(&mut searcher).unwrap();
        if let Some(from) = trial.continues {
            let history = searcher.history();
            let resource = history.trial(from).unwrap().resource;
            assert_eq!(trial.resource, resource.map(|resource| 4 * resource));
            let rung = history
                .iter()
                .filter(|(other, _)| other.resource == resource);
            let told: Vec<f64> = rung
                .filter(|(_, outcome)| *outcome != Outcome::Outstanding)
                .map(|(_, outcome)| outcome.rank())
                .collect();
            let own = history.outcome(from).unwrap().rank();
            let better = told.iter().filter(|rank| **rank < own).count();
            assert!(better < told.len() / 4);
            promoted[usize::from(resource == Some(4))] += 1;
        }
        outstanding.push(trial);
        if outstanding.len() == 6 {
            // The last one asked for comes back first.
            let trial = outstanding.pop().unwrap();
            searcher.tell(trial.id, loss(&trial)).unwrap();
        }
    }
    assert!(promoted[0] > 30 && promoted[1] > 6, "{promoted:?}");
}

#[test]
fn all_that_learn_beat_chance_on_a_deep_space() {
    let best_after = |config: &SearcherConfig| {
        let bests = (0..8).map(|seed| {
            let mut searcher = config.start(deep(), seed).unwrap();
            search(&mut searcher, 40, 1, |trial| Ok(loss(trial))).unwrap();
            searcher.best().unwrap().1
        });
        bests.sum::<f64>() / 8.0
    };
    let random = best_after(&SearcherConfig::Random);
    for config in [
        SearcherConfig::Bayesian(Default::default()),
        SearcherConfig::Tpe(Default::default()),
    ] {
        let best = best_after(&config);
        assert!(best < 0.6 * random, "{config:?}: {best} against {random}");
    }
}

/// Mean regret of the best trial after `trials`, over tasks and seeds, as in `benches/searchers.rs`.
fn regret(tables: &[Table], config: &SearcherConfig, seeds: u64, trials: usize) -> f64 {
    let mut sum = 0.0;
    for table in tables {
        for seed in 0..seeds {
            let mut searcher = config.start(table.space().clone(), seed).unwrap();
            search(&mut searcher, trials, 1, |trial| {
                let mut rng = stream(seed, "repeats", trial.id);
                let recorded = table.evaluate(&trial.configuration, &mut rng)?;
                Ok(table.direction().loss(recorded.figure))
            })
            .unwrap();
            let (best, _) = searcher.best().unwrap();
            sum += table.regret(&best.configuration).unwrap();
        }
    }
    sum / (tables.len() as u64 * seeds) as f64
}

#[test]
fn searchers_that_learn_beat_chance_on_recorded_trainings() {
    let tables = suite::hpobench().unwrap();
    let random = regret(&tables, &SearcherConfig::Random, 8, 20);
    // Optuna's random search has 0.031 here; the standard deviation of this small version is 0.003.
    assert!((0.021..0.043).contains(&random), "{random}");
    for config in [
        SearcherConfig::Bayesian(Default::default()),
        SearcherConfig::Tpe(Default::default()),
    ] {
        let started = std::time::Instant::now();
        let regret = regret(&tables, &config, 8, 20);
        assert!(regret < random, "{config:?}: {regret} against {random}");
        // Trials are for trainings: proposing them must cost next to nothing. This took a fiftieth of it.
        assert!(started.elapsed().as_secs_f64() / 64.0 < 0.5);
    }
}

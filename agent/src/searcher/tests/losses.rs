//! Losses as they come: equal, failed, of any scale. Every searcher goes on.

use super::*;
use proptest::prelude::*;
use trimtab_env::{Domain, Parameter, Settings};

/// Every searcher in which something may go wrong, some small and odd.
fn searchers() -> Vec<SearcherConfig> {
    let mut all = all();
    let population = |members, exploited| {
        SearcherConfig::Population(PopulationConfig {
            members,
            exploited,
            ..Default::default()
        })
    };
    all.extend([
        SearcherConfig::CrossEntropy(CrossEntropyConfig::default()),
        SearcherConfig::CrossEntropy(CrossEntropyConfig {
            population: 5,
            elite: 2,
            ..Default::default()
        }),
        SearcherConfig::Bayesian(BayesianConfig {
            acquisition: acquisition::Acquisition::ExpectedImprovement,
            initial: 1,
            candidates: 64,
            ..Default::default()
        }),
        SearcherConfig::Bayesian(BayesianConfig {
            kernel: gaussian_process::Kernel::SquaredExponential,
            candidates: 64,
            ..Default::default()
        }),
        population(2, 0.2),
        population(3, 0.5),
        SearcherConfig::SuccessiveHalving(SuccessiveHalvingConfig {
            configurations: 10,
            ..Default::default()
        }),
    ]);
    all
}

/// How trials come to their losses.
#[derive(Clone, Copy, Debug)]
enum Losses {
    Equal(f64),
    PartlyNan(f64),
    /// The first coordinate times this.
    OneCoordinate(f64),
    /// Infinities of both signs, the largest numbers and the smallest.
    Extremes,
}

impl Losses {
    fn of(self, space: &SearchSpace, trial: &Trial) -> f64 {
        let first = space.encode(&trial.configuration).unwrap()[0];
        match self {
            Self::Equal(loss) => loss,
            Self::PartlyNan(scale) if trial.id % 3 != 1 => scale * f64::NAN,
            Self::PartlyNan(scale) | Self::OneCoordinate(scale) => scale * first,
            Self::Extremes => {
                let extremes = [
                    f64::MAX,
                    f64::MIN,
                    f64::INFINITY,
                    5e-324,
                    f64::NEG_INFINITY,
                    -0.0,
                ];
                extremes[(trial.id % 6) as usize]
            }
        }
    }
}

fn losses() -> impl Strategy<Value = Losses> {
    let scale = || {
        prop_oneof![
            Just(1.0),
            Just(-1.0),
            Just(1e-300),
            Just(1e300),
            Just(-1e300)
        ]
    };
    prop_oneof![
        prop_oneof![
            Just(0.1),
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
            Just(-1e300)
        ]
        .prop_map(Losses::Equal),
        scale().prop_map(Losses::PartlyNan),
        scale().prop_map(Losses::OneCoordinate),
        Just(Losses::Extremes),
    ]
}

fn domain() -> impl Strategy<Value = Domain> {
    let categories =
        |count: usize| Domain::Categories((0..count).map(|i| format!("c{i}")).collect());
    prop_oneof![
        Just(Domain::LogUniform(1e-300, 1e300)),
        Just(Domain::LogUniform(1e-5, 1.0)),
        Just(Domain::LogUniform(0.1, 0.1)),
        (-1e9..1e9, 0.0..1e9).prop_map(|(low, width)| Domain::Uniform(low, low + width)),
        Just(Domain::Uniform(2.0, 2.0)),
        Just(Domain::Uniform(-8e307, 8e307)),
        (-1000..1000i64, 0..2000i64).prop_map(|(low, width)| Domain::Integer {
            low,
            high: low + width,
            log: false
        }),
        (1..50i64, 0..1_000_000i64).prop_map(|(low, width)| Domain::Integer {
            low,
            high: low + width,
            log: true
        }),
        Just(Domain::Integer {
            low: (1 << 53) - 9,
            high: 1 << 53,
            log: false
        }),
        Just(Domain::Quantised {
            low: 0.0,
            high: 1.0,
            q: 0.1,
            log: false
        }),
        Just(Domain::Quantised {
            low: 0.25,
            high: 1e3,
            q: 0.25,
            log: true
        }),
        Just(Domain::Quantised {
            low: 1e13,
            high: 1e13 + 10.0,
            q: 0.5,
            log: false
        }),
        (1usize..9).prop_map(|points| Domain::Grid {
            low: 1e-3,
            high: 1.0,
            points
        }),
        Just(Domain::Values(vec![-1.0, 0.0, 3.0])),
        Just(Domain::Values(vec![64.0])),
        (1usize..5).prop_map(categories),
    ]
}

fn space() -> impl Strategy<Value = SearchSpace> {
    (proptest::collection::vec(domain(), 1..4), any::<bool>()).prop_map(|(domains, opens)| {
        let named = |(i, domain)| Parameter::new(format!("p{i}"), domain);
        let mut parameters: Vec<Parameter> = domains.into_iter().enumerate().map(named).collect();
        if opens {
            let inner = Parameter::new(
                "inner",
                Domain::Integer {
                    low: 1,
                    high: 4,
                    log: false,
                },
            );
            let kind = Domain::Categories(vec!["plain".to_owned(), "deep".to_owned()]);
            let inner = SearchSpace::new(vec![inner]).unwrap();
            parameters.push(Parameter::new("kind", kind).opening("deep", inner));
        }
        SearchSpace::new(parameters).unwrap()
    })
}

/// Asks and tells until there have been `trials` or the searcher is done, and says what was proposed.
fn run(
    config: &SearcherConfig,
    space: &SearchSpace,
    trials: usize,
    batch: usize,
    loss: impl Fn(&Trial) -> f64 + Sync,
) -> Vec<Trial> {
    // A grid of all these would have too many points.
    let config = match config {
        SearcherConfig::Grid { .. } => &SearcherConfig::Grid { points: 3 },
        other => other,
    };
    let mut searcher = config.start(space.clone(), 5).unwrap();
    let ran = search(&mut searcher, trials, batch, |trial| Ok(loss(trial)));
    ran.unwrap_or_else(|error| panic!("{config:?}: {error}"));
    let proposed: Vec<Trial> = searcher
        .history()
        .iter()
        .map(|(trial, _)| trial.clone())
        .collect();
    let done = proposed.len() < trials;
    assert!(
        !done || searcher.ask().unwrap() == Proposal::Done,
        "{config:?} gave up"
    );
    proposed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..Default::default() })]

    #[test]
    fn every_searcher_proposes_valid_points_to_the_end(
        space in space(),
        losses in losses(),
        batch in 1usize..4,
    ) {
        for config in searchers() {
            let trials = run(&config, &space, 45, batch, |trial| losses.of(&space, trial));
            prop_assert!(!trials.is_empty());
            for (id, trial) in trials.iter().enumerate() {
                let violations = space.check(&trial.configuration);
                prop_assert!(violations.is_empty(), "{config:?}: {violations:?}");
                prop_assert_eq!(trial.id, id as u64);
            }
        }
    }
}

/// A loss times a power of two, which rounds nothing, changes no decision of any searcher.
#[test]
fn the_scale_of_losses_changes_nothing() {
    for config in searchers() {
        let with = |scale: f64| run(&config, &deep(), 40, 2, |trial| scale * loss(trial));
        let plain = with(1.0);
        for exponent in [-990, -60, 60, 990] {
            assert_eq!(with(2f64.powi(exponent)), plain, "{config:?}");
        }
    }
}

/// Nor does a constant that is added to the losses, beyond rounding: numbers of an eighth are added exactly.
#[test]
fn a_constant_added_to_losses_changes_nothing() {
    for config in searchers() {
        let with = |constant: f64| {
            let rounded = |trial: &Trial| (loss(trial) * 8.0).round() / 8.0;
            run(&config, &deep(), 30, 2, |trial| rounded(trial) + constant)
        };
        let (plain, below, above) = (with(0.0), with(-1000.0), with(1000.0));
        for (i, trial) in plain.iter().enumerate() {
            for other in [&below[i], &above[i]] {
                assert_eq!(other.continues, trial.continues);
                let differ = difference(&trial.configuration, &other.configuration);
                assert!(differ < 1e-6, "{config:?} at {i}: {differ}");
            }
        }
    }
}

/// The largest relative difference of two configurations; infinite if a category differs.
fn difference(a: &Settings, b: &Settings) -> f64 {
    let differs = |(name, value): (&str, &Value)| match (value, b.get(name)) {
        (Value::Number(x), Some(Value::Number(y))) => (x - y).abs() / x.abs().max(1e-12),
        (value, other) if Some(value) == other => 0.0,
        _ => f64::INFINITY,
    };
    a.iter().map(differs).fold(0.0, f64::max)
}

#[test]
fn searchers_that_exploit_do_so_on_losses_of_any_scale_and_where_many_fail() {
    let space: SearchSpace =
        ron::from_str(r#"[(name: "x", domain: Uniform(0.0, 1.0)), (name: "n", domain: Integer(low: 1, high: 9))]"#)
            .unwrap();
    for (scale, failing) in [(1.0, 0), (1e-300, 0), (1e300, 0), (1.0, 2), (-1.0, 3)] {
        for config in searchers() {
            let loss = |trial: &Trial| {
                let x = trial.configuration.number("x").unwrap();
                let failed = failing > 0 && trial.id % failing == 1;
                if failed { f64::NAN } else { scale * x }
            };
            // Ten generations.
            let count = if matches!(config, SearcherConfig::CrossEntropy(_)) {
                160
            } else {
                80
            };
            let trials = run(&config, &space, count, 1, loss);
            let x = |trial: &Trial| trial.configuration.number("x").unwrap();
            let best = |x: f64| if scale > 0.0 { x } else { 1.0 - x };
            match config {
                // No searcher of this crate.
                SearcherConfig::Custom { .. } => {}
                // Two of the two or three that did not fail are no choice.
                SearcherConfig::CrossEntropy(ref config) if config.population == 5 => {}
                // At the edge nothing is left to improve, and the improvement itself is 0 everywhere.
                SearcherConfig::Bayesian(BayesianConfig {
                    acquisition: acquisition::Acquisition::ExpectedImprovement,
                    ..
                }) => {
                    let first: Vec<f64> = trials[..30].iter().map(|trial| best(x(trial))).collect();
                    let least = first.iter().copied().fold(1.0, f64::min);
                    assert!(least < 0.01, "{config:?}, {scale} {failing}: {least}");
                }
                SearcherConfig::Bayesian(_)
                | SearcherConfig::Tpe(_)
                | SearcherConfig::CrossEntropy(_) => {
                    let last: f64 = trials[count - 20..]
                        .iter()
                        .map(|trial| best(x(trial)))
                        .sum::<f64>()
                        / 20.0;
                    assert!(last < 0.25, "{config:?}, {scale} {failing}: {last}");
                }
                SearcherConfig::Population(ref config) => {
                    let members = config.members as u64;
                    let taken = trials.iter().filter(|trial| {
                        trial
                            .continues
                            .is_some_and(|from| from + members != trial.id)
                    });
                    assert!(taken.count() >= 3, "{config:?}, {scale} {failing}");
                }
                // Where the only one of a rung fails, nobody is left.
                SearcherConfig::SuccessiveHalving(_) | SearcherConfig::Hyperband(_) => {
                    let top = trials.iter().any(|trial| trial.resource == Some(27));
                    assert!(top || failing > 0, "{config:?}");
                }
                SearcherConfig::Asha(_) => {
                    assert!(
                        trials.iter().any(|trial| trial.resource == Some(16)),
                        "{config:?}"
                    );
                }
                SearcherConfig::Grid { .. }
                | SearcherConfig::Random
                | SearcherConfig::QuasiRandom => {}
            }
        }
    }
}

/// Two hundred searches whose losses are all the same, and as many in which all fail.
#[test]
fn a_search_over_equal_losses_goes_on() {
    let space: SearchSpace = ron::from_str(
        r#"[(name: "learning_rate", domain: LogUniform(1e-5, 1.0)), (name: "batch_size", domain: Values([16, 32, 64, 128]))]"#,
    )
    .unwrap();
    for loss in [f64::NAN, 0.5] {
        for config in searchers() {
            let trials = run(&config, &space, 70, 1, |_| loss);
            assert!(trials.len() >= 9, "{config:?}");
        }
    }
}

/// The cross-entropy method does not close in on what says nothing.
#[test]
fn generations_without_any_news_stay_wide() {
    let space: SearchSpace = ron::from_str(r#"[(name: "x", domain: Uniform(0.0, 1.0))]"#).unwrap();
    for loss in [f64::NAN, 0.5] {
        let config = SearcherConfig::CrossEntropy(Default::default());
        let trials = run(&config, &space, 160, 4, |_| loss);
        let last: Vec<f64> = trials[144..]
            .iter()
            .map(|trial| trial.configuration.number("x").unwrap())
            .collect();
        let mean = last.iter().sum::<f64>() / 16.0;
        let variance = last.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 16.0;
        assert!(variance.sqrt() > 0.15, "{loss}: {last:?}");
    }
}

use super::*;
use proptest::prelude::*;

fn number(value: &Value) -> f64 {
    match value {
        Value::Number(number) => *number,
        Value::Category(name) => panic!("{name} is not a number"),
    }
}

/// Twelve digits do not tell these apart.
#[test]
fn large_numbers_in_small_steps_stay_apart() {
    let domain = Domain::Quantised {
        low: 1e13,
        high: 1e13 + 2.0,
        q: 0.5,
        log: false,
    };
    let points: Vec<f64> = domain.points().iter().map(number).collect();
    assert_eq!(points, [0.0, 0.5, 1.0, 1.5, 2.0].map(|more| 1e13 + more));
    for point in domain.points() {
        let u = domain.encode(&point).unwrap();
        assert_eq!(domain.decode(u), point);
    }
}

#[test]
fn quantised_numbers_are_the_written_ones() {
    let domain = Domain::Quantised {
        low: 0.0,
        high: 0.55,
        q: 0.1,
        log: false,
    };
    assert_eq!(domain.count(), Some(6));
    let points: Vec<f64> = domain.points().iter().map(number).collect();
    assert_eq!(points, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]);
    assert!(domain.check(&Value::Number(0.3)).is_ok());
    assert!(domain.check(&Value::Number(0.35)).is_err());
    assert!(domain.check(&Value::Number(0.6)).is_err());
    assert_eq!(domain.nearest(0.26), 0.3);
    assert_eq!(domain.bounds(), Some((0.0, 0.5)));
}

#[test]
fn every_whole_number_is_equally_likely_on_a_linear_scale() {
    let domain = Domain::Integer {
        low: -1,
        high: 2,
        log: false,
    };
    for (u, wanted) in [
        (0.0, -1.0),
        (0.249, -1.0),
        (0.251, 0.0),
        (0.7, 1.0),
        (1.0, 2.0),
    ] {
        assert_eq!(domain.decode(u), Value::Number(wanted), "{u}");
    }
}

#[test]
fn on_a_logarithmic_scale_a_whole_number_has_the_logarithm_of_its_neighbourhood() {
    let domain = Domain::Integer {
        low: 1,
        high: 4,
        log: true,
    };
    // From 0.5 to 4.5: 1 is what lies between 0.5 and 1.5.
    let (low, high) = domain.cell(&Value::Number(1.0));
    assert_eq!(low, 0.0);
    assert!((high - 3f64.ln() / 9f64.ln()).abs() < 1e-15);
}

#[test]
fn impossible_domains_are_refused() {
    for (domain, field) in [
        (Domain::LogUniform(0.0, 1.0), "domain"),
        (Domain::Uniform(1.0, 0.0), "domain"),
        (Domain::Uniform(f64::NAN, 0.0), "domain"),
        (
            Domain::Quantised {
                low: 0.0,
                high: 1.0,
                q: 0.0,
                log: false,
            },
            "domain.q",
        ),
        (
            Domain::Quantised {
                low: 0.0,
                high: 1.0,
                q: 0.1,
                log: true,
            },
            "domain.low",
        ),
        (
            Domain::Integer {
                low: 0,
                high: 3,
                log: true,
            },
            "domain.low",
        ),
        (
            Domain::Integer {
                low: i64::MIN,
                high: i64::MAX,
                log: false,
            },
            "domain",
        ),
        (Domain::Values(vec![2.0, 1.0]), "domain"),
        (Domain::Categories(vec!["a".into(), "a".into()]), "domain"),
    ] {
        let message = domain.validate().unwrap_err().to_string();
        assert!(message.starts_with(&format!("{field}:")), "{message}");
    }
}

#[test]
fn the_earlier_name_of_a_log_uniform_domain_is_still_read() {
    let domain: Domain = ron::from_str("Range(0.1, 1.0)").unwrap();
    assert_eq!(domain, Domain::LogUniform(0.1, 1.0));
}

fn any_domain() -> impl Strategy<Value = Domain> {
    let ascending = (1e-6..10.0f64, 1.0..1e6f64);
    prop_oneof![
        ascending
            .clone()
            .prop_map(|(low, ratio)| Domain::LogUniform(low, low * ratio)),
        (-1e3..1e3f64, 0.0..1e3f64).prop_map(|(low, width)| Domain::Uniform(low, low + width)),
        (-10.0..10.0f64, 0.0..5.0f64, 0.01..1.0f64).prop_map(|(low, width, q)| {
            Domain::Quantised {
                low,
                high: low + width,
                q,
                log: false,
            }
        }),
        (1.0..10.0f64, 0.0..50.0f64, 0.01..1.0f64).prop_map(|(low, width, q)| {
            Domain::Quantised {
                low,
                high: low + width,
                q,
                log: true,
            }
        }),
        (1i64..9, 0i64..200, any::<bool>()).prop_map(|(low, width, log)| Domain::Integer {
            low,
            high: low + width,
            log
        }),
        (ascending, 1usize..20).prop_map(|((low, ratio), points)| Domain::Grid {
            low,
            high: low * ratio,
            points
        }),
        proptest::collection::btree_set(-50i32..50, 1..9)
            .prop_map(|set| Domain::Values(set.into_iter().map(f64::from).collect())),
        (1usize..6).prop_map(|n| Domain::Categories((0..n).map(|i| format!("c{i}")).collect())),
    ]
}

proptest! {
    #[test]
    fn what_is_decoded_is_of_the_domain_and_comes_back(domain in any_domain(), u in 0.0..=1.0f64) {
        domain.validate().unwrap();
        let value = domain.decode(u);
        prop_assert!(domain.check(&value).is_ok(), "{domain:?} {value}");
        let again = domain.encode(&value).unwrap();
        if domain.count().is_some() {
            prop_assert_eq!(domain.decode(again), value.clone());
            let (low, high) = domain.cell(&value);
            prop_assert!(low - 1e-9 <= u && u <= high + 1e-9, "{low} {u} {high}");
        } else if let Some((low, high)) = domain.bounds() && high > low * (1.0 + 1e-6) {
            prop_assert!((again - u).abs() < 1e-6, "{again} {u}");
        }
    }

    #[test]
    fn cells_fill_the_interval(domain in any_domain()) {
        if domain.count().is_some() {
            let mut end = 0.0;
            for value in domain.points() {
                let (low, high) = domain.cell(&value);
                prop_assert!((low - end).abs() < 1e-9 && high > low);
                end = high;
            }
            prop_assert!((end - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn quantised_numbers_are_whole_steps_from_the_first(u in 0.0..=1.0f64, q in 0.01..1.0f64, log: bool) {
        let domain = Domain::Quantised { low: 1.0, high: 9.0, q, log };
        let steps = (number(&domain.decode(u)) - 1.0) / q;
        prop_assert!((steps - steps.round()).abs() < 1e-8);
        prop_assert!(steps > -0.5 && steps * q <= 8.0 + 1e-8);
    }
}

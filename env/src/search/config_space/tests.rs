use super::*;
use crate::{Domain, Parameter, SearchSpace, stream};
use proptest::prelude::*;

const BY_CONFIG_SPACE: &str = include_str!("../../../fixtures/configspace/configspace-1.2.2.json");

#[test]
fn a_space_of_config_space_is_read_and_what_is_left_out_is_named() {
    let (space, left_out) = read(BY_CONFIG_SPACE).unwrap();
    let wanted: SearchSpace = ron::from_str(
        r#"[
        (name: "f", domain: Uniform(0, 1)),
        (name: "lr", domain: LogUniform(1e-5, 0.1)),
        (name: "n", domain: Integer(low: 1, high: 10, log: true)),
        (name: "o", domain: Categories(["a", "b"])),
        (name: "opt", domain: Categories(["sgd", "adam", "x"]), opens: {
            "sgd": [(name: "m", domain: Uniform(0, 0.9))],
        }),
        (name: "u", domain: Integer(low: 2, high: 10)),
    ]"#,
    )
    .unwrap();
    assert_eq!(space, wanted);
    assert_eq!(left_out.len(), 3, "{left_out:?}");
    for (line, word) in left_out
        .iter()
        .zip(["order of `o`", "weights of `opt`", "forbidden"])
    {
        assert!(line.contains(word), "{left_out:?}");
    }
}

/// One hyperparameter, its domain, and how many lines are left out.
#[test]
fn each_type_has_its_domain() {
    let domain = |fields: &str| {
        let text = format!(r#"{{"hyperparameters": [{{"name": "x", {fields}}}]}}"#);
        let (space, left_out) = read(&text).unwrap();
        (space.parameters()[0].domain.clone(), left_out.len())
    };
    let names =
        |names: &[&str]| Domain::Categories(names.iter().map(|n| (*n).to_owned()).collect());
    for (fields, wanted, left_out) in [
        (
            r#""type": "normal_float", "mu": 0, "sigma": 1, "lower": -2, "upper": 2"#,
            Domain::Uniform(-2.0, 2.0),
            1,
        ),
        (
            r#""type": "beta_int", "alpha": 3, "beta": 2, "lower": 1, "upper": 5, "meta": {"a": 1}"#,
            Domain::Integer {
                low: 1,
                high: 5,
                log: false,
            },
            2,
        ),
        (
            r#""type": "uniform_float", "lower": 0, "upper": 1, "q": 0.25"#,
            Domain::Quantised {
                low: 0.0,
                high: 1.0,
                q: 0.25,
                log: false,
            },
            0,
        ),
        (
            r#""type": "categorical", "choices": [64, 16, 32], "weights": [1, 1, 1]"#,
            Domain::Values(vec![16.0, 32.0, 64.0]),
            0,
        ),
        (
            r#""type": "categorical", "choices": [true, false]"#,
            names(&["true", "false"]),
            1,
        ),
        (
            r#""type": "constant", "value": 3"#,
            Domain::Values(vec![3.0]),
            0,
        ),
        (
            r#""type": "constant", "value": "relu""#,
            names(&["relu"]),
            0,
        ),
    ] {
        assert_eq!(domain(fields), (wanted, left_out), "{fields}");
    }
}

#[test]
fn conditions_on_choices_open_and_others_are_named() {
    let with = |condition: &str| {
        let text = format!(
            r#"{{"hyperparameters": [
                {{"type": "categorical", "name": "opt", "choices": ["sgd", "adam", "lion"]}},
                {{"type": "uniform_int", "name": "n", "lower": 1, "upper": 5}},
                {{"type": "uniform_float", "name": "m", "lower": 0, "upper": 1}}
            ], "conditions": [{condition}]}}"#
        );
        let (space, left_out) = read(&text).unwrap();
        let opens = space.parameters()[0]
            .opens
            .keys()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
        (opens, left_out.len())
    };
    let eq = r#"{"type": "EQ", "child": "m", "parent": "opt", "value": "sgd"}"#;
    let other = r#"{"type": "IN", "child": "m", "parent": "opt", "values": ["lion"]}"#;
    let greater = r#"{"type": "GT", "child": "m", "parent": "n", "value": 2}"#;
    let joined = |kind: &str, second: &str| {
        format!(r#"{{"type": "{kind}", "child": "m", "conditions": [{eq}, {second}]}}"#)
    };
    for (condition, opens, left_out) in [
        (eq.to_owned(), "sgd", 0),
        (
            r#"{"type": "NEQ", "child": "m", "parent": "opt", "value": "sgd"}"#.to_owned(),
            "adam lion",
            0,
        ),
        (joined("OR", other), "lion sgd", 0),
        (joined("OR", greater), "", 1),
        (joined("AND", greater), "", 1),
        (greater.to_owned(), "", 1),
        (
            r#"{"type": "EQ", "child": "m", "parent": "gone", "value": "sgd"}"#.to_owned(),
            "",
            1,
        ),
    ] {
        assert_eq!(
            with(&condition),
            (opens.to_owned(), left_out),
            "{condition}"
        );
    }
}

#[test]
fn hostile_files_are_refused_by_name() {
    // Each opened by so many choices of the one before.
    let chain = |length: usize, values: &str| {
        let item = |i: usize| {
            format!(r#"{{"type": "categorical", "name": "p{i}", "choices": ["a", "b"]}}"#)
        };
        let items: Vec<String> = (0..length).map(item).collect();
        let condition = |i: usize| {
            let parent = i - 1;
            format!(
                r#"{{"type": "IN", "child": "p{i}", "parent": "p{parent}", "values": {values}}}"#
            )
        };
        let conditions: Vec<String> = (1..length).map(condition).collect();
        let (items, conditions) = (items.join(","), conditions.join(","));
        format!(r#"{{"hyperparameters": [{items}], "conditions": [{conditions}]}}"#)
    };
    for (text, word) in [
        ("[]".to_owned(), "to_json"),
        (r#"{"hyperparameters": []}"#.to_owned(), "at least one"),
        (r#"{"hyperparameters": [{"name": "x", "type": "poisson"}]}"#.to_owned(), "x.type"),
        (r#"{"hyperparameters": [{"name": "x", "type": "uniform_int", "lower": 0.5, "upper": 2}]}"#.to_owned(), "whole"),
        (r#"{"hyperparameters": [{"name": "x", "type": "uniform_float", "upper": 2}]}"#.to_owned(), "x.lower"),
        (
            r#"{"hyperparameters": [{"name": "x", "type": "categorical", "choices": ["a"]}, {"name": "y", "type": "constant", "value": 1}],
                "conditions": [{"type": "EQ", "child": "x", "parent": "x", "value": "a"}]}"#.to_owned(),
            "itself",
        ),
        (chain(40, r#"["a", "b"]"#), "branches"),
        (chain(500, r#"["a"]"#), "branches"),
    ] {
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    assert_eq!(read(&chain(5, r#"["a", "b"]"#)).unwrap().0.dimension(), 31);
}

#[test]
fn what_config_space_cannot_say_is_named() {
    let space: SearchSpace = ron::from_str(
        r#"[
        (name: "kind", domain: Categories(["a", "b", "c"]), opens: {
            "a": [(name: "decay", domain: Uniform(0, 1))],
            "b": [(name: "decay", domain: LogUniform(0.1, 1))],
            "c": [(name: "decay", domain: Uniform(0, 1))],
        }),
        (name: "width", domain: Quantised(low: 8, high: 64, q: 8, log: true)),
    ]"#,
    )
    .unwrap();
    let (text, left_out) = write(&space, "x");
    assert_eq!(left_out.len(), 2);
    assert!(
        left_out[0].contains("`decay` where `kind` is `b`"),
        "{left_out:?}"
    );
    assert!(left_out[1].contains("steps of `width`"), "{left_out:?}");
    let (back, _) = read(&text).unwrap();
    let opens: Vec<&String> = back.parameters()[0].opens.keys().collect();
    assert_eq!(opens, ["a", "c"]);
}

fn domain() -> impl Strategy<Value = Domain> {
    prop_oneof![
        (1e-6..1.0f64, 1.5..100.0f64).prop_map(|(low, ratio)| Domain::LogUniform(low, low * ratio)),
        (-5.0..5.0f64, 0.1..5.0f64).prop_map(|(low, width)| Domain::Uniform(low, low + width)),
        (1..5i64, 1..9i64, any::<bool>()).prop_map(|(low, width, log)| Domain::Integer {
            low,
            high: low + width,
            log
        }),
        proptest::collection::btree_set(-50i32..50, 1..6).prop_map(|values| Domain::Values(
            values
                .into_iter()
                .map(|value| f64::from(value) / 4.0)
                .collect()
        )),
        (1..4usize).prop_map(|count| Domain::Categories(
            ["relu", "tanh", "gelu"][..count]
                .iter()
                .map(|name| (*name).to_owned())
                .collect()
        )),
    ]
}

proptest! {
    #[test]
    fn a_space_comes_back(
        domains in proptest::collection::vec(domain(), 1..5),
        inner in proptest::collection::vec(domain(), 1..3),
    ) {
        let named = |prefix: &str, domains: Vec<Domain>| -> Vec<Parameter> {
            let each = domains.into_iter().enumerate();
            each.map(|(i, domain)| Parameter::new(format!("{prefix}{i}"), domain)).collect()
        };
        let opened = SearchSpace::new(named("inner", inner)).unwrap();
        let choices = Domain::Categories(vec!["on".to_owned(), "off".to_owned(), "auto".to_owned()]);
        let switch = Parameter::new("switch", choices).opening("on", opened.clone()).opening("auto", opened);
        let mut parameters = named("outer", domains);
        parameters.push(switch);
        let space = SearchSpace::new(parameters).unwrap();
        let (text, left_out) = write(&space, "any");
        prop_assert_eq!(&left_out, &Vec::<String>::new());
        let (back, left_out) = read(&text).unwrap();
        prop_assert_eq!(&left_out, &Vec::<String>::new());
        prop_assert_eq!(&back, &space);
    }

    #[test]
    fn a_grid_comes_back_as_its_values(low in 0.1..1.0f64, points in 2..6usize, seed in any::<u64>()) {
        let domain = Domain::Grid { low, high: 2.0, points };
        let space = SearchSpace::new(vec![Parameter::new("x", domain)]).unwrap();
        let (back, _) = read(&write(&space, "any").0).unwrap();
        let configuration = space.sample(&mut stream(seed, "space", 0));
        prop_assert_eq!(back.check(&configuration).len(), 0);
        prop_assert_eq!(back.count(), space.count());
    }
}

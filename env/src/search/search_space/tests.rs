use super::*;
use crate::stream;
use proptest::prelude::*;

/// Three levels deep, every kind of domain, and a name that stands in two branches.
fn deep() -> SearchSpace {
    ron::from_str(
        r#"[
        (name: "learning_rate", domain: LogUniform(1e-5, 1.0)),
        (name: "optimizer", domain: Categories(["adamw", "sgd", "lion"]), opens: {
            "sgd": [
                (name: "momentum", domain: Uniform(0.0, 0.99)),
                (name: "decay", domain: Categories(["none", "step"]), opens: {
                    "step": [(name: "factor", domain: Quantised(low: 0.1, high: 0.9, q: 0.2))],
                }),
            ],
            "adamw": [(name: "decay", domain: Grid(low: 1e-4, high: 1.0, points: 5))],
        }),
        (name: "layers", domain: Integer(low: 1, high: 64, log: true)),
        (name: "batch_size", domain: Values([16, 32, 64])),
    ]"#,
    )
    .unwrap()
}

#[test]
fn every_parameter_has_one_coordinate_in_a_fixed_order() {
    let space = deep();
    let names: Vec<&str> = space.coordinates().iter().map(|c| c.name).collect();
    assert_eq!(
        names,
        [
            "learning_rate",
            "optimizer",
            "decay",
            "momentum",
            "decay",
            "factor",
            "layers",
            "batch_size"
        ]
    );
    assert_eq!(space.dimension(), names.len());
}

#[test]
fn what_is_not_active_is_neutral() {
    let space = deep();
    let configuration = Settings::new(1.0, 64)
        .with("optimizer", "lion")
        .with("layers", 1.0);
    let point = space.encode(&configuration).unwrap();
    assert_eq!(point[0], 1.0);
    assert_eq!(point[2..6], [SearchSpace::NEUTRAL; 4]);
    assert_eq!(space.decode(&point).unwrap(), configuration);
    assert!(space.decode(&point[1..]).is_err());
}

#[test]
fn each_violation_names_its_parameter() {
    let space = deep();
    let wrong = Settings::default()
        .with("learning_rate", 2.0)
        .with("optimizer", "sgd")
        .with("momentum", "fast")
        .with("decay", "step")
        .with("layers", 1.5)
        .with("batch_size", 32.0)
        .with("momentun", 0.9);
    let named: Vec<String> = space
        .check(&wrong)
        .iter()
        .map(|violation| match violation {
            Error::Setting { name, .. } => name.clone(),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(
        named,
        ["learning_rate", "momentum", "factor", "layers", "momentun"]
    );
    let closed = Settings::new(0.1, 16)
        .with("optimizer", "lion")
        .with("layers", 2.0)
        .with("momentum", 0.9);
    let violations = space.check(&closed);
    assert_eq!(violations.len(), 1);
    assert!(
        violations[0]
            .to_string()
            .contains("no choice of this configuration opens it")
    );
    assert!(space.encode(&closed).is_err());
}

#[test]
fn the_grid_is_every_combination_once() {
    let space = deep();
    // learning_rate 3, layers 3, batch_size 3; adamw 3, sgd 3 x (1 + 3), lion 1.
    let grid = space.grid(3).unwrap();
    assert_eq!(grid.len(), 3 * (3 + 3 * (1 + 3) + 1) * 3 * 3);
    for (i, configuration) in grid.iter().enumerate() {
        assert!(!grid[..i].contains(configuration));
    }
    assert_eq!(grid[0].batch_size().unwrap(), 16);
    assert_eq!(grid[1].batch_size().unwrap(), 32);
    assert!(space.grid(0).is_err());
    assert!(space.grid(1_000_000).is_err());
    let counted: SearchSpace = ron::from_str(
        r#"[(name: "a", domain: Categories(["x", "y"]), opens: {"x": [(name: "b", domain: Values([1, 2, 3]))]}),
            (name: "c", domain: Integer(low: 0, high: 4))]"#,
    )
    .unwrap();
    assert_eq!(counted.count(), Some((3 + 1) * 5));
    assert_eq!(counted.grid(5).unwrap().len(), 20);
    assert_eq!(space.count(), None);
}

#[test]
fn mistakes_in_ron_name_the_parameter_and_what_is_allowed() {
    let refused = |text: &str, wanted: &[&str]| {
        let message = ron::from_str::<SearchSpace>(text).unwrap_err().to_string();
        for part in wanted {
            assert!(message.contains(part), "{message} lacks {part}");
        }
    };
    refused(
        r#"[(name: "learning_rate", domain: LogUniform(0.0, 1.0))]"#,
        &["learning_rate.domain", "above 0"],
    );
    refused(
        r#"[(name: "a", domain: Uniform(0.0, 1.0)), (name: "a", domain: Uniform(0.0, 1.0))]"#,
        &["a second `a`", "different names"],
    );
    refused(
        r#"[(name: "a", domain: Categories(["x"]), opens: {"y": [(name: "b", domain: Uniform(0, 1))]})]"#,
        &["a.opens", "y is not allowed", r#"["x"]"#],
    );
    refused(
        r#"[(name: "a", domain: Categories(["x"]), opens: {"x": [(name: "a", domain: Uniform(0, 1))]})]"#,
        &["a second `a`"],
    );
    refused(
        r#"[(name: "a", domain: Uniform(0.0, 1.0), step: 3)]"#,
        &["step"],
    );
    refused("[]", &["at least one parameter"]);
}

#[test]
fn written_as_it_is_read() {
    let space = deep();
    let text = ron::to_string(&space).unwrap();
    assert_eq!(ron::from_str::<SearchSpace>(&text).unwrap(), space);
}

#[test]
fn knobs_and_spaces_are_made_from_the_same_declarations() {
    let knobs = crate::suite::NoisyQuadratic::tuning().knobs;
    let space = SearchSpace::try_from(knobs.as_slice()).unwrap();
    let mut pairs = space.parameters().iter().zip(&knobs);
    assert!(pairs.all(|(parameter, knob)| parameter.domain == knob.domain));
}

proptest! {
    #[test]
    fn samples_pass_the_check_and_come_back(seed in any::<u64>()) {
        let space = deep();
        let configuration = space.sample(&mut stream(seed, "space", 0));
        prop_assert_eq!(space.check(&configuration).len(), 0);
        let point = space.encode(&configuration).unwrap();
        let again = space.decode(&point).unwrap();
        prop_assert_eq!(again.iter().count(), configuration.iter().count());
        for (name, value) in configuration.iter() {
            match (value, again.get(name).unwrap()) {
                (Value::Number(a), Value::Number(b)) => prop_assert!((a - b).abs() <= 1e-12 * a.abs()),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }

    #[test]
    fn points_of_the_cube_come_back_where_they_say_something(
        point in proptest::collection::vec(0.0..=1.0f64, 8),
    ) {
        let space = deep();
        let configuration = space.decode(&point).unwrap();
        let again = space.encode(&configuration).unwrap();
        for ((u, v), cell) in point.iter().zip(&again).zip(space.cells(&configuration)) {
            match cell {
                None => prop_assert_eq!(*v, SearchSpace::NEUTRAL),
                Some((low, high)) => prop_assert!(low - 1e-9 <= *u && *u <= high + 1e-9),
            }
        }
    }

    #[test]
    fn grid_points_pass_the_check(points in 1usize..5) {
        let space = deep();
        for configuration in space.grid(points).unwrap() {
            prop_assert_eq!(space.check(&configuration).len(), 0);
        }
    }

    #[test]
    fn no_grid_point_comes_twice(low in 1i64..4, width in 0i64..200, points in 1usize..30) {
        let domain = Domain::Integer { low, high: low + width, log: true };
        let space = SearchSpace::new(vec![Parameter::new("n", domain)]).unwrap();
        let mut values: Vec<f64> =
            space.grid(points).unwrap().iter().map(|c| c.number("n").unwrap()).collect();
        let count = values.len();
        values.dedup();
        prop_assert!(values.is_sorted() && values.len() == count && count <= points);
        prop_assert!(points == 1 || (values[0], values[count - 1]) == (low as f64, (low + width) as f64));
    }
}

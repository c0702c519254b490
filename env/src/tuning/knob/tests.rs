use super::*;
use crate::stream;
use proptest::prelude::*;

fn relative() -> Knob {
    Knob::batch_size(&[16, 32, 64, 128], 64, Moves::Relative(vec![0.5, 1.0, 2.0]))
}

#[test]
fn relative_moves_step_along_the_grid_and_are_masked_at_its_ends() {
    let knob = relative();
    let mut at = knob.start(&mut stream(0, "knob", 0));
    assert_eq!(at.value, Value::Number(64.0));
    assert_eq!(knob.allowed(&at), [true, true, true]);
    at = knob.apply(&at, 2);
    assert_eq!(at.value, Value::Number(128.0));
    assert_eq!(knob.allowed(&at), [true, true, false]);
    assert_eq!(knob.apply(&at, 2).value, Value::Number(128.0));
}

#[test]
fn absolute_moves_choose_points() {
    let knob = Knob::learning_rate(
        Domain::Grid {
            low: 1e-4,
            high: 1.0,
            points: 5,
        },
        Initial::Uniform,
        Moves::Absolute,
    );
    assert_eq!(
        knob.head().choices,
        ["1.00e-4", "0.001", "0.01", "0.1", "1"]
    );
    let at = knob.start(&mut stream(0, "knob", 0));
    for (choice, wanted) in [1e-4, 1e-3, 1e-2, 1e-1, 1.0].into_iter().enumerate() {
        let Value::Number(number) = knob.apply(&at, choice).value else {
            panic!()
        };
        assert!((number / wanted - 1.0).abs() < 1e-12);
    }
}

#[test]
fn residual_choices_add_up_or_hold_for_one_segment() {
    let after = |accumulates: bool, choices: &[usize]| {
        let knob = Knob::learning_rate(
            Domain::LogUniform(1e-6, 1.0),
            Initial::Fixed(0.01.into()),
            Moves::Residual {
                factors: vec![0.1, 1.0, 4.0],
                max_offset: 3.0,
                accumulates,
            },
        );
        let start = knob.start(&mut stream(1, "knob", 0));
        let at = choices
            .iter()
            .fold(start, |at, choice| knob.apply(&at, *choice));
        (at.offset, knob.allowed(&at))
    };
    let down = 0.1f64.ln();
    assert_eq!(after(true, &[0, 1]), (down, vec![false, true, true]));
    assert_eq!(after(true, &[0, 2]).0, down + 4f64.ln());
    assert_eq!(after(false, &[0, 1]), (0.0, vec![true; 3]));
    assert_eq!(after(false, &[2, 0]), (down, vec![true; 3]));
    // Its largest offset bounds it all the same.
    let far = Moves::Residual {
        factors: vec![1.0, 100.0],
        max_offset: 3.0,
        accumulates: false,
    };
    let knob = Knob {
        moves: far,
        ..relative()
    };
    assert_eq!(
        knob.apply(&knob.start(&mut stream(1, "knob", 0)), 1).offset,
        3.0
    );
}

#[test]
fn wrong_knobs_are_refused_by_field() {
    let refused = |knob: Knob, field: &str| {
        let message = knob.validate(100).unwrap_err().to_string();
        assert!(message.contains(field), "{message}");
    };
    refused(Knob::batch_size(&[], 1, Moves::Absolute), "domain");
    refused(Knob::batch_size(&[0, 1], 1, Moves::Absolute), "domain");
    refused(
        Knob::batch_size(&[64, 128], 64, Moves::Absolute),
        "100 examples",
    );
    refused(Knob::batch_size(&[16], 32, Moves::Absolute), "initial");
    let lr = |low, high, moves| {
        Knob::learning_rate(
            Domain::LogUniform(low, high),
            Initial::LogUniform(low, high),
            moves,
        )
    };
    refused(lr(0.0, 1.0, Moves::Relative(vec![1.0])), "domain");
    let mut dropout = Knob {
        name: "dropout".to_owned(),
        domain: Domain::Values(vec![0.0, 0.2, 0.5]),
        initial: Initial::Fixed(0.0.into()),
        moves: Moves::Absolute,
    };
    dropout.validate(100).unwrap();
    dropout.moves = Moves::Relative(vec![0.5, 1.0]);
    refused(dropout, "domain");
    refused(lr(f64::NAN, 1.0, Moves::Relative(vec![1.0])), "domain");
    refused(lr(0.1, f64::INFINITY, Moves::Relative(vec![1.0])), "domain");
    refused(lr(0.1, 1.0, Moves::Relative(vec![])), "factor");
    refused(lr(0.1, 1.0, Moves::Absolute), "interval");
    let layers = Domain::Integer {
        low: 1,
        high: 4,
        log: false,
    };
    refused(
        Knob::learning_rate(layers, Initial::Fixed(1.5.into()), Moves::Absolute),
        "initial",
    );
    let uniform = Domain::Uniform(-1.0, 1.0);
    refused(
        Knob::learning_rate(
            uniform,
            Initial::Fixed(0.5.into()),
            Moves::Relative(vec![1.0]),
        ),
        "above 0",
    );
}

proptest! {
    #[test]
    fn no_move_leaves_the_domain(
        start in 0.001..1.0f64,
        choices in proptest::collection::vec(0usize..5, 0..40),
    ) {
        let knob = Knob::learning_rate(
            Domain::LogUniform(1e-3, 1.0),
            Initial::Fixed(Value::Number(start)),
            Moves::Relative(vec![0.25, 0.5, 1.0, 2.0, 4.0]),
        );
        let mut at = knob.start(&mut stream(0, "knob", 0));
        for choice in choices {
            prop_assert!(knob.allowed(&at)[2], "no change is always allowed");
            at = knob.apply(&at, choice);
            let Value::Number(number) = at.value else { panic!() };
            prop_assert!((1e-3..=1.0).contains(&number));
        }
    }

    #[test]
    fn position_runs_from_minus_one_to_one(share in 0.0..=1.0f64) {
        let domain = Domain::LogUniform(0.01, 100.0);
        let value = Value::Number(0.01 * 10_000f64.powf(share));
        prop_assert!((domain.position(&value) - (2.0 * share - 1.0)).abs() < 1e-9);
    }
}

use super::*;
use crate::{Domain, GradientStatistics, Initial, TrainLoss, Validation};
use proptest::prelude::*;

fn knobs() -> Vec<Knob> {
    vec![
        Knob::learning_rate(
            Domain::LogUniform(1e-4, 1.0),
            Initial::LogUniform(1e-4, 1.0),
            Moves::Relative(vec![0.5, 1.0, 2.0]),
        ),
        Knob::batch_size(&[16, 64, 256], 64, Moves::Absolute),
    ]
}

fn positions(lr: f64, batch: f64) -> Vec<Position> {
    [lr, batch]
        .map(|x| Position {
            value: Value::Number(x),
            offset: 0.0,
        })
        .to_vec()
}

fn report(validation: f64, train: f64) -> Report {
    Report {
        validation: Some(Validation {
            loss: validation,
            ..Default::default()
        }),
        train: TrainLoss::of(&[train, train]),
        gradients: Some(GradientStatistics {
            samples: 4,
            batch_size: 64,
            mean_square_norm: 4.0,
            square_mean_norm: 2.0,
            update_ratio: 0.01,
            cosine: Some(0.25),
            straightness: 0.5,
        }),
        utilisation: 0.5,
        ..Default::default()
    }
}

fn by_name(encoder: &mut Encoder, positions: &[Position], name: &str) -> f32 {
    let knobs = knobs();
    let moment = Moment {
        knobs: &knobs,
        positions,
        budget_left: 0.75,
        short_segment: false,
        context: None,
    };
    let index = encoder
        .features(&knobs)
        .iter()
        .position(|f| f.name == name)
        .unwrap();
    encoder.encode(&moment)[index]
}

#[test]
fn features_follow_their_formulas() {
    let mut encoder = Encoder::new(ObservationConfig::default(), &knobs(), false).unwrap();
    encoder.start(
        &Report {
            validation: Some(Validation {
                loss: 2.0,
                ..Default::default()
            }),
            ..Default::default()
        },
        0.0,
    );
    let start = positions(0.01, 64.0);
    assert_eq!(by_name(&mut encoder, &start, "update_ratio"), 0.0);
    encoder.record(&report(1.0, 1.5));
    encoder.record(&report(1.1, 1.2));
    let at = positions(0.1, 256.0);
    let mut is = |name: &str, wanted: f64| {
        let got = f64::from(by_name(&mut encoder, &at, name));
        assert!(
            (got - wanted).abs() < 1e-5,
            "{name}: {got} against {wanted}"
        );
    };
    is("update_ratio", 0.5);
    // r = (4 * 0.5 - 1) / 3
    is("gradient_signal_to_noise", (1.0f64 / 3.0).log10() + 1.5);
    is("noise_scale", (64.0 * 2.0 + 1.0f64).log10() - 2.5);
    is("gradient_variance", 0.0);
    is("gradient_cosine", 1.0);
    is("straightness", 0.3);
    is("train_loss_change", 5.0 * (1.2f64 / 1.5).ln());
    is("validation_change", 5.0 * 1.1f64.ln());
    is("validation_to_best", 5.0 * 1.1f64.ln());
    is("generalisation_gap", (1.1f64 / 1.2).ln());
    is("progress", 2f64.ln() - 1.0);
    is("learning_rate_moved", 1.0);
    is("utilisation", 0.0);
    is("budget_left", 0.5);
    is("since_improvement", 1.0 / 3.0 - 1.0);
    is("learning_rate_position", 1.0);
    is("batch_size_position", 1.0);
}

#[test]
fn features_can_be_left_out_but_not_misspelt() {
    let config = |without: &str| ObservationConfig {
        without: vec![without.to_owned()],
        ..Default::default()
    };
    let encoder = Encoder::new(config("update_ratio"), &knobs(), false).unwrap();
    assert_eq!(encoder.features(&knobs()).len(), FEATURES.len() + 2 - 1);
    let message = Encoder::new(config("update_ration"), &knobs(), false)
        .unwrap_err()
        .to_string();
    assert!(message.contains("update_ration") && message.contains("noise_scale"));
}

/// With a history of three, what is seen is what was seen at each of the last three moments; before the start, the start.
#[test]
fn a_history_is_what_was_seen_before() {
    let config = |history| ObservationConfig {
        history,
        ..Default::default()
    };
    let encoder = |history| Encoder::new(config(history), &knobs(), true).unwrap();
    let (mut short, mut long) = (encoder(1), encoder(3));
    let context = Context {
        epochs: 60.0,
        examples: 500.0,
        parameters: 9000.0,
        layers: 2.0,
        ..Context::default()
    };
    let features = FEATURES.len() + 2;
    let mut seen: Vec<Vec<f32>> = Vec::new();
    // Twice over: a new start forgets.
    for loss in [2.0, 1.5, 1.7, 0.9, 4.0, 3.0] {
        if loss == 2.0 || loss == 4.0 {
            seen.clear();
            short.start(&report(loss, 1.0), 0.0);
            long.start(&report(loss, 1.0), 0.0);
        } else {
            short.record(&report(loss, 1.0));
            long.record(&report(loss, 1.0));
        }
        let knobs = knobs();
        let at = positions(0.1 * loss, 64.0);
        let moment = Moment {
            knobs: &knobs,
            positions: &at,
            budget_left: 0.5,
            short_segment: false,
            context: Some(&context),
        };
        let now = short.encode(&moment);
        let (now, context) = now.split_at(features);
        seen.insert(0, now.to_vec());
        let back = |ago: usize| seen[ago.min(seen.len() - 1)].clone();
        let wanted = [back(0), back(1), back(2), context.to_vec()].concat();
        assert_eq!(long.encode(&moment), wanted);
    }
    let names = long.features(&knobs());
    assert_eq!(names.len(), 3 * features + 1 + Context::FEATURES.len());
    assert_eq!(names[2 * features].name, "update_ratio_2_ago");
    let error = Encoder::new(config(0), &knobs(), true).unwrap_err();
    assert!(error.to_string().contains("history"), "{error}");
    let only = ObservationConfig {
        only: vec!["progress".to_owned(), "straightness".to_owned()],
        ..config(1)
    };
    let some = Encoder::new(only.clone(), &knobs(), true).unwrap();
    let names: Vec<String> = some
        .features(&knobs())
        .into_iter()
        .map(|f| f.name)
        .collect();
    assert_eq!(names, ["straightness", "progress"]);
    assert!(only.sees_gradients());
    // A history of which nothing is seen is a mistake.
    let unseen = ObservationConfig {
        history: 3,
        ..only.clone()
    };
    let error = Encoder::new(unseen, &knobs(), true).unwrap_err();
    assert!(error.to_string().contains("_1_ago"), "{error}");
    // To see no gradients, those of before have to be left out too.
    let mut blind = config(3);
    blind.without = GRADIENT_FEATURES.map(str::to_owned).to_vec();
    assert!(config(1).sees_gradients() && blind.sees_gradients());
    blind.history = 1;
    assert!(!blind.sees_gradients());
}

/// It remembers the lowest training loss, and a new start forgets it.
#[test]
fn with_a_base_controller_it_shows_how_far_the_training_loss_has_risen() {
    let mut encoder = Encoder::new(ObservationConfig::default(), &knobs(), true).unwrap();
    let risen = |encoder: &mut Encoder, losses: [f64; 2]| {
        encoder.record(&Report {
            train: TrainLoss::of(&losses),
            ..report(1.0, 1.0)
        });
        by_name(encoder, &positions(0.1, 64.0), TRAIN_LOSS_RISEN)
    };
    assert_eq!(risen(&mut encoder, [1.0, 1.0]), 0.0);
    assert_eq!(risen(&mut encoder, [0.5, 0.5]), 0.0);
    // In the second half it is 2, four times the lowest so far; and there it stays.
    for _ in 0..2 {
        assert!((risen(&mut encoder, [1.0, 2.0]) - 4f32.ln()).abs() < 1e-6);
    }
    encoder.start(&report(2.0, 2.0), 0.0);
    assert_eq!(risen(&mut encoder, [3.0, 3.0]), 1.5f32.ln());
}

proptest! {
    /// Reports can hold anything; an observation holds only finite numbers within the clip.
    #[test]
    fn always_finite_and_clipped(
        values in proptest::collection::vec(proptest::num::f64::ANY, 10),
        diverged: bool,
    ) {
        let mut encoder = Encoder::new(ObservationConfig::default(), &knobs(), false).unwrap();
        let wild = Report {
            validation: Some(Validation { loss: values[0], ..Default::default() }),
            train: TrainLoss::of(&values[1..4]),
            gradients: Some(GradientStatistics {
                samples: 3,
                batch_size: 8,
                mean_square_norm: values[4],
                square_mean_norm: values[5],
                update_ratio: values[6],
                cosine: Some(values[7]),
                straightness: values[8],
            }),
            utilisation: values[9],
            diverged,
            ..Default::default()
        };
        encoder.start(&wild, 0.0);
        encoder.record(&wild);
        let knobs = knobs();
        let at = positions(0.1, 64.0);
        let moment = Moment { knobs: &knobs, positions: &at, budget_left: 0.5, short_segment: true, context: None };
        for x in encoder.encode(&moment) {
            prop_assert!(x.is_finite() && x.abs() <= 3.0);
        }
    }
}

/// A constant in a loss is no news of the training.
#[test]
fn a_constant_in_the_losses_is_not_seen() {
    let features = |constant: f64| {
        let knobs = knobs();
        let positions = positions(1e-2, 64.0);
        let mut encoder = Encoder::new(ObservationConfig::default(), &knobs, true).unwrap();
        encoder.start(&report(2.0 + constant, 2.0 + constant), constant);
        let mut seen = Vec::new();
        for loss in [1.5, 1.1, 1.3, 0.2] {
            encoder.record(&report(loss + constant, 0.9 * loss + constant));
            seen.extend(encoder.encode(&Moment {
                knobs: &knobs,
                positions: &positions,
                budget_left: 0.5,
                short_segment: false,
                context: None,
            }));
        }
        seen
    };
    let plain = features(0.0);
    for constant in [-2.5, 1.0, 1000.0] {
        for (a, b) in plain.iter().zip(&features(constant)) {
            assert!((a - b).abs() < 1e-5, "{constant}: {a} {b}");
        }
    }
}

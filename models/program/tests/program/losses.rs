//! Losses and gradients against PyTorch, formulas in 64 bits, and finite differences.

use crate::{cases, numbers};
use proptest::prelude::*;
use serde_json::Value;
use trimtab_program::loss::{
    CrossEntropy, Focal, Huber, Quantile, Targets, Term, Together, WeightedSum, poisson,
};

fn weights(value: &Value) -> Option<Vec<f64>> {
    value.is_array().then(|| numbers(value))
}

fn labels(value: &Value) -> Vec<u32> {
    numbers(value)
        .into_iter()
        .map(|label| label as u32)
        .collect()
}

#[track_caller]
fn near(got: f64, wanted: f64, relative: f64, absolute: f64) {
    let difference = (got - wanted).abs();
    assert!(
        difference <= relative * wanted.abs() + absolute,
        "{got:e} {wanted:e}"
    );
}

/// Row by row in 64 bits, of logits up to 30 either way and losses down to 1e-40, and the mean of a batch in 32.
#[test]
fn focal_losses_and_gradients_are_those_of_the_formula() {
    let all = cases(include_str!("fixtures/focal.jsonl"));
    assert_eq!(all.len(), 14);
    for case in all {
        let gamma = case["gamma"].as_f64().unwrap();
        let labels = labels(&case["targets"]);
        // One logit is the second of two classes, of which the first has a logit of 0.
        let binary = case["kind"] == "binary_sigmoid";
        let mut logits = numbers(&case["logits"]);
        let alpha = if binary {
            logits = logits.iter().flat_map(|logit| [0.0, *logit]).collect();
            case["alpha"].as_f64().map(|alpha| vec![1.0 - alpha, alpha])
        } else {
            weights(&case["alpha_per_class"])
        };
        let loss = Focal { alpha, gamma };
        let classes = logits.len() / labels.len();
        let mut each = numbers(&case["loss_each"]);
        let mut wanted = numbers(&case["d_loss_sum_d_logits"]);
        if binary {
            // Rows that are told with a logit of 30, where the file has lost digits to `1 - p`.
            let told = numbers(&case["logits"]).into_iter().zip(&labels);
            for ((slope, each), (logit, label)) in wanted.iter_mut().zip(&mut each).zip(told) {
                let sign = if *label == 1 { 1.0 } else { -1.0 };
                if sign * logit >= 30.0 {
                    let alpha = loss.alpha.as_ref().map_or(1.0, |all| all[*label as usize]);
                    let exact = alpha * (-30.0 * (gamma + 1.0)).exp();
                    near(*each, exact, 0.02, 0.0);
                    near(*slope, -sign * (gamma + 1.0) * exact, 0.02, 0.0);
                    (*each, *slope) = (exact, -sign * (gamma + 1.0) * exact);
                }
            }
        }
        let mut gradient = Vec::new();
        let mut slopes = vec![0.0; classes];
        for ((row, label), each) in logits.chunks(classes).zip(&labels).zip(&each) {
            near(
                loss.row(row, *label as usize, &mut slopes),
                *each,
                1e-9,
                0.0,
            );
            gradient.extend(if binary {
                vec![slopes[1]]
            } else {
                slopes.clone()
            });
        }
        for (slope, wanted) in gradient.iter().zip(&wanted) {
            near(*slope, *wanted, 1e-9, 0.0);
        }

        let outputs: Vec<f32> = logits.iter().map(|logit| *logit as f32).collect();
        let mut rounded = Vec::new();
        let term = Term::Focal(loss);
        let mean = term.differentiate(&outputs, Targets::Classes(&labels), &mut rounded);
        near(mean.value, case["loss_mean"].as_f64().unwrap(), 1e-6, 0.0);
        let rows = labels.len() as f64;
        let rounded = rounded.iter().skip(usize::from(binary));
        let rounded = rounded.step_by(if binary { 2 } else { 1 });
        for (slope, wanted) in rounded.zip(&wanted) {
            // What is rounded of a logit of 30 is 1e-6 of it, and so of its exponential.
            near(f64::from(*slope) * rows, *wanted, 5e-6, 1e-37);
        }
    }
}

/// Class weights, smoothed labels, and both, in all reductions. PyTorch's numbers have 32 bits.
#[test]
fn cross_entropies_and_gradients_are_those_of_pytorch() {
    let all = cases(include_str!("fixtures/cross_entropy.jsonl"));
    assert_eq!(all.len(), 24);
    for case in all {
        let loss = CrossEntropy {
            class_weights: weights(&case["weight"]),
            label_smoothing: case["label_smoothing"].as_f64().unwrap(),
        };
        let labels = labels(&case["targets"]);
        let logits = numbers(&case["logits"]);
        let outputs: Vec<f32> = logits.iter().map(|logit| *logit as f32).collect();
        let classes = logits.len() / labels.len();
        let mut gradient = Vec::new();
        let term = Term::CrossEntropy(loss.clone());
        let mean = term.differentiate(&outputs, Targets::Classes(&labels), &mut gradient);
        let factor = match case["reduction"].as_str().unwrap() {
            "mean" => 1.0,
            _ => mean.weight,
        };
        for (slope, wanted) in gradient.iter().zip(numbers(&case["gradient"])) {
            near(f64::from(*slope) * factor, wanted, 1e-6, 1e-6);
        }
        let values = numbers(&case["value"]);
        if case["reduction"] == "none" {
            let mut slopes = vec![0.0; classes];
            for ((row, label), wanted) in logits.chunks(classes).zip(&labels).zip(values) {
                near(
                    loss.row(row, *label as usize, &mut slopes),
                    wanted,
                    1e-6,
                    0.0,
                );
            }
        } else {
            near(mean.value * factor, values[0], 1e-6, 0.0);
        }
    }
}

/// Huber's by its two formulas, the quantile by both sides, Poisson by the logarithm of its probabilities.
#[test]
fn losses_of_values_are_those_of_the_formulas() {
    let huber = Huber { delta: 0.5 };
    assert_eq!(huber.row(1.25, 1.0), (0.03125, 0.25));
    assert_eq!(huber.row(-1.0, 1.0), (0.5 * (2.0 - 0.25), -0.5));
    let quantile = Quantile { quantile: 0.9 };
    assert_eq!(quantile.row(1.0, 3.0), (1.8, -0.9));
    let (loss, slope) = quantile.row(3.0, 1.0);
    near(loss, 0.2, 1e-15, 0.0);
    near(slope, 0.1, 1e-15, 0.0);
    assert_eq!(quantile.row(1.0, 1.0), (0.0, 0.0));
    assert!(quantile.row(f64::NAN, 1.0).0.is_nan());

    // The probability of 3 is mean^3 e^-mean / 3!.
    let log_probability = |z: f64| 3.0 * z - z.exp() - 6f64.ln();
    for z in [-2.0, 0.3, 2.0] {
        let wanted = log_probability(3f64.ln()) - log_probability(z);
        near(poisson(z, 3.0).0, wanted, 1e-12, 1e-15);
    }
    assert_eq!(poisson(0.5, 0.0), (0.5f64.exp(), 0.5f64.exp()));
}

fn of_classes() -> impl Strategy<Value = Term> {
    let weights = || proptest::option::of(proptest::collection::vec(0.1f64..5.0, 4));
    prop_oneof![
        (weights(), 0.0f64..1.0).prop_map(|(class_weights, label_smoothing)| {
            Term::CrossEntropy(CrossEntropy {
                class_weights,
                label_smoothing,
            })
        }),
        (weights(), 0.0f64..5.0).prop_map(|(alpha, gamma)| Term::Focal(Focal { alpha, gamma })),
    ]
}

fn of_values() -> impl Strategy<Value = Term> {
    prop_oneof![
        Just(Term::SquaredError),
        Just(Term::Poisson),
        (0.1f64..3.0).prop_map(|delta| Term::Huber(Huber { delta })),
        (0.05f64..0.95).prop_map(|quantile| Term::Quantile(Quantile { quantile })),
    ]
}

/// The gradient of a sum of terms is what its value changes by, and the value is not below the lowest.
fn differentiated(
    terms: Vec<(f64, Term)>,
    outputs: &[f32],
    targets: Targets,
) -> Result<(), TestCaseError> {
    for (_, term) in &terms {
        prop_assert!(term.check().is_ok());
    }
    let mut loss = WeightedSum::new(terms);
    let (mut gradient, mut unused) = (Vec::new(), Vec::new());
    let value = loss.differentiate(outputs, targets, &mut gradient);
    let mut means: Vec<Together> = Vec::new();
    loss.measure(outputs, targets, &mut means);
    prop_assert!((loss.total(&means) - value).abs() <= 1e-6 * (1.0 + value.abs()));
    prop_assert!(value >= loss.lowest(4) - 1e-6, "{value} {}", loss.lowest(4));
    for index in 0..outputs.len() {
        let mut at = |step: f32| {
            let mut moved = outputs.to_vec();
            moved[index] += step;
            let value = loss.differentiate(&moved, targets, &mut unused);
            (value, f64::from(moved[index]))
        };
        let ((above, right), (below, left)) = (at(1e-2), at(-1e-2));
        let slope = (above - below) / (right - left);
        let difference = (slope - f64::from(gradient[index])).abs();
        prop_assert!(
            difference < 2e-2 * (0.1 + slope.abs()),
            "{index}: {slope} {}",
            gradient[index]
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn gradients_of_classes_are_finite_differences(
        terms in proptest::collection::vec((0.1f64..3.0, of_classes()), 1..4),
        outputs in proptest::collection::vec(-4.0f32..4.0, 12),
        labels in proptest::collection::vec(0u32..4, 3),
    ) {
        differentiated(terms, &outputs, Targets::Classes(&labels))?;
    }

    #[test]
    fn gradients_of_values_are_finite_differences(
        terms in proptest::collection::vec((0.1f64..3.0, of_values()), 1..4),
        outputs in proptest::collection::vec(-2.0f32..2.0, 3),
        errors in proptest::collection::vec(0.05f32..3.0, 3),
    ) {
        // Away from the kink of a quantile, and not negative.
        let targets: Vec<f32> = outputs.iter().zip(&errors).map(|(y, e)| y.max(0.0) + e).collect();
        differentiated(terms, &outputs, Targets::Values(&targets))?;
    }
}

/// The usual losses keep their bits, alone and with the numbers that change nothing.
#[test]
fn the_usual_losses_are_bit_for_bit_what_they_were() {
    use trimtab_program::loss::{cross_entropy, smoothed_cross_entropy, squared_error};
    let outputs: Vec<f32> = (0..40).map(|i| (i as f32 * 1.7).sin() * 3.0).collect();
    let labels: Vec<u32> = (0..10).map(|i| i * 7 % 4).collect();
    let (mut gradient, mut wanted) = (Vec::new(), Vec::new());
    for smoothing in [0.0, 0.1] {
        let usual = CrossEntropy {
            label_smoothing: smoothing,
            ..CrossEntropy::default()
        };
        let mut usual = WeightedSum::from(Term::CrossEntropy(usual));
        let loss = usual.differentiate(&outputs, Targets::Classes(&labels), &mut gradient);
        let before = match smoothing {
            0.0 => cross_entropy(&outputs, &labels, &mut wanted),
            _ => smoothed_cross_entropy(&outputs, &labels, smoothing as f32, &mut wanted),
        };
        assert_eq!((loss, &gradient), (before, &wanted));
    }
    let targets: Vec<f32> = outputs.iter().map(|y| y * 0.5 + 1.0).collect();
    let mut usual = WeightedSum::from(Term::SquaredError);
    let loss = usual.differentiate(&outputs, Targets::Values(&targets), &mut gradient);
    assert_eq!(loss, squared_error(&outputs, &targets, &mut wanted));
    assert_eq!(gradient, wanted);
}

/// Batches of a weighted mean are put together by their weights, not by their rows.
#[test]
fn a_weighted_mean_over_batches_is_that_over_all_rows() {
    let mut loss = WeightedSum::from(Term::CrossEntropy(CrossEntropy {
        class_weights: Some(vec![1.0, 50.0]),
        label_smoothing: 0.0,
    }));
    let outputs: Vec<f32> = (0..12).map(|i| (i as f32).cos()).collect();
    let labels = [0, 0, 0, 1, 0, 1];
    let (mut together, mut apart) = (Vec::new(), Vec::new());
    loss.measure(&outputs, Targets::Classes(&labels), &mut together);
    for (outputs, labels) in outputs.chunks(6).zip(labels.chunks(3)) {
        loss.measure(outputs, Targets::Classes(labels), &mut apart);
    }
    near(loss.total(&apart), loss.total(&together), 1e-12, 0.0);
}

#[test]
fn numbers_out_of_range_are_named() {
    let focal = |alpha, gamma| Term::Focal(Focal { alpha, gamma });
    let weights = |weights| {
        Term::CrossEntropy(CrossEntropy {
            class_weights: Some(weights),
            label_smoothing: 0.0,
        })
    };
    for (term, name) in [
        (focal(None, -1.0), "gamma"),
        (focal(None, f64::NAN), "gamma"),
        (focal(Some(vec![1.0, -0.5]), 2.0), "alpha.1"),
        (weights(vec![0.0, 1.0]), "class_weights.0"),
        (Term::Huber(Huber { delta: 0.0 }), "delta"),
        (Term::Quantile(Quantile { quantile: 1.0 }), "quantile"),
    ] {
        assert_eq!(term.check().unwrap_err().parameter, name);
    }
    assert!(focal(Some(vec![1.0, 0.0]), 0.0).check().is_ok());
}

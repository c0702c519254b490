use super::*;
use proptest::prelude::*;
use serde_json::Value as Json;
use std::io::Read;

/// Every line of the oracle; see `fixtures/README.md`.
fn oracle() -> Vec<Json> {
    let compressed = include_bytes!("../../fixtures/metrics/classification.jsonl.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(compressed.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn number(json: &Json) -> f64 {
    json.as_f64().unwrap_or_else(|| {
        assert_eq!(json, "nan");
        f64::NAN
    })
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(number).collect()
}

fn classes(json: &Json) -> Vec<usize> {
    numbers(json)
        .into_iter()
        .map(|class| class as usize)
        .collect()
}

#[track_caller]
fn equal(name: &Json, what: &str, ours: f64, theirs: &Json) {
    let theirs = number(theirs);
    let close = (ours - theirs).abs() <= 1e-12 * theirs.abs().max(1.0);
    assert!(
        close || (ours.is_nan() && theirs.is_nan()),
        "{name} {what}: {ours} is not {theirs}"
    );
}

#[test]
fn figures_equal_scikit_learn() {
    let averages = [
        ("binary", Average::Binary),
        ("macro", Average::Macro),
        ("micro", Average::Micro),
        ("weighted", Average::Weighted),
    ];
    let (mut binary, mut multiclass) = (0, 0);
    for case in oracle() {
        let name = &case["name"];
        let (truth, predicted) = (classes(&case["y_true"]), classes(&case["y_pred"]));
        let count = case["confusion_rows_true_cols_pred"]
            .as_array()
            .unwrap()
            .len();
        let matrix = ConfusionMatrix::new(&truth, &predicted, count).unwrap();
        for t in 0..count {
            let row = numbers(&case["confusion_rows_true_cols_pred"][t]);
            assert_eq!(
                row,
                (0..count)
                    .map(|p| matrix.count(t, p) as f64)
                    .collect::<Vec<_>>()
            );
        }
        for (key, average) in averages {
            if let Some(wanted) = case.get(key) {
                equal(
                    name,
                    key,
                    matrix.precision(average, 0.0),
                    &wanted["precision"],
                );
                equal(name, key, matrix.recall(average, 0.0), &wanted["recall"]);
                equal(name, key, matrix.f1(average, 0.0), &wanted["f1"]);
            }
        }
        let per_class = &case["per_class"];
        for class in 0..count {
            equal(
                name,
                "precision",
                matrix.precision_per_class(0.0)[class],
                &per_class["precision"][class],
            );
            equal(
                name,
                "recall",
                matrix.recall_per_class(0.0)[class],
                &per_class["recall"][class],
            );
            equal(
                name,
                "f1",
                matrix.f1_per_class(0.0)[class],
                &per_class["f1"][class],
            );
            equal(
                name,
                "support",
                matrix.support()[class] as f64,
                &per_class["support"][class],
            );
        }
        equal(name, "accuracy", matrix.accuracy(), &case["accuracy"]);
        equal(
            name,
            "accuracy",
            accuracy(&truth, &predicted).unwrap(),
            &case["accuracy"],
        );
        if case["kind"] == "binary" {
            binary += 1;
            let undefined = &case["binary_zero_division_nan"];
            equal(
                name,
                "nan",
                matrix.precision(Average::Binary, f64::NAN),
                &undefined["precision"],
            );
            equal(
                name,
                "nan",
                matrix.recall(Average::Binary, f64::NAN),
                &undefined["recall"],
            );
            equal(
                name,
                "nan",
                matrix.f1(Average::Binary, f64::NAN),
                &undefined["f1"],
            );
            equal(
                name,
                "balanced",
                matrix.balanced_accuracy(),
                &case["balanced_accuracy"],
            );
            equal(name, "matthews", matrix.matthews(), &case["mcc"]);
            let positive: Vec<bool> = truth.iter().map(|class| *class == 1).collect();
            let scores = numbers(&case["score"]);
            equal(
                name,
                "auc",
                roc_auc(&positive, &scores).unwrap(),
                &case["roc_auc"],
            );
            equal(
                name,
                "ap",
                average_precision(&positive, &scores).unwrap(),
                &case["average_precision"],
            );
            equal(
                name,
                "log loss",
                binary_log_loss(&positive, &scores).unwrap(),
                &case["log_loss"],
            );
        } else {
            multiclass += 1;
            let rows = case["probs"].as_array().unwrap();
            let probabilities: Vec<f64> = rows.iter().flat_map(numbers).collect();
            let auc =
                |average| roc_auc_one_vs_rest(&truth, &probabilities, count, average).unwrap();
            equal(
                name,
                "macro auc",
                auc(Average::Macro),
                &case["roc_auc_ovr_macro"],
            );
            equal(
                name,
                "weighted auc",
                auc(Average::Weighted),
                &case["roc_auc_ovr_weighted"],
            );
            equal(
                name,
                "log loss",
                log_loss(&truth, &probabilities, count).unwrap(),
                &case["log_loss"],
            );
            let predictions = Predictions::Classes {
                truth: &truth,
                probabilities: &probabilities,
                classes: count,
            };
            let ours = Metric::F1(Average::Weighted)
                .evaluate(&predictions)
                .unwrap();
            equal(name, "weighted f1", ours, &case["weighted"]["f1"]);
            let perplexity = Metric::Perplexity.evaluate(&predictions).unwrap();
            assert!((perplexity.ln() - number(&case["log_loss"])).abs() < 1e-12);
        }
    }
    assert_eq!((binary, multiclass), (10, 10));
}

#[test]
fn matthews_of_three_classes_is_the_formula() {
    // Confusion matrix [[2, 1, 0], [0, 1, 1], [1, 0, 2]]: right 5 of 8; supports 3, 2, 3; predictions 3, 2, 3.
    let truth = [0, 0, 0, 1, 1, 2, 2, 2];
    let predicted = [0, 0, 1, 1, 2, 0, 2, 2];
    let matrix = ConfusionMatrix::new(&truth, &predicted, 3).unwrap();
    assert!((matrix.matthews() - (5.0 * 8.0 - 22.0) / (64.0 - 22.0)).abs() < 1e-15);
}

#[test]
fn regression_figures_equal_their_formulas() {
    let (truth, predicted) = ([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]);
    assert!((root_mean_squared_error(&truth, &predicted).unwrap() - 0.375f64.sqrt()).abs() < 1e-15);
    assert_eq!(mean_absolute_error(&truth, &predicted).unwrap(), 0.5);
    // The squared error is 1.5, the spread around 2.875 is 29.1875.
    assert!((r2(&truth, &predicted).unwrap() - (1.0 - 1.5 / 29.1875)).abs() < 1e-15);
    assert_eq!(r2(&[1.0, 1.0], &[1.0, 1.0]).unwrap(), 1.0);
    assert_eq!(r2(&[1.0, 1.0], &[1.0, 2.0]).unwrap(), 0.0);
    assert!(r2(&[1.0], &[1.0]).unwrap().is_nan());
    assert_eq!(perplexity(&[-(8f64.ln()); 5]).unwrap().round(), 8.0);
}

#[test]
fn names_are_read_back_and_mistakes_explained() {
    for metric in Metric::ALL {
        assert_eq!(metric.name().parse::<Metric>().unwrap(), metric);
    }
    let message = "f2".parse::<Metric>().unwrap_err().to_string();
    assert!(
        message.contains("f2 is not allowed") && message.contains("f1_macro"),
        "{message}"
    );
    let numbers = Predictions::Numbers {
        truth: &[1.0],
        predicted: &[1.0],
    };
    assert!(
        Metric::Accuracy
            .evaluate(&numbers)
            .unwrap_err()
            .to_string()
            .contains("rmse")
    );
    assert!(
        accuracy(&[1, 2], &[1])
            .unwrap_err()
            .to_string()
            .contains("2 examples")
    );
    assert!(
        ConfusionMatrix::new(&[2], &[0], 2)
            .unwrap_err()
            .to_string()
            .contains("below 2")
    );
    assert!(log_loss(&[0], &[0.5, 0.5, 0.1], 2).is_err());
    assert!(roc_auc(&[], &[]).is_err());
    assert!(roc_auc(&[true, false], &[f64::NAN, 0.0]).is_err());
}

#[test]
fn the_better_of_two_follows_the_direction() {
    assert!(Direction::Maximise.is_better(0.9, 0.8) && !Direction::Maximise.is_better(0.8, 0.9));
    assert!(Direction::Minimise.is_better(0.8, 0.9) && !Direction::Minimise.is_better(0.9, 0.9));
    assert!(Direction::Minimise.is_better(1e9, f64::NAN));
    assert!(!Direction::Minimise.is_better(f64::NAN, 1e9));
}

proptest! {
    #[test]
    fn the_auc_is_the_share_of_pairs_in_the_right_order(
        examples in proptest::collection::vec((any::<bool>(), 0u8..6), 1..30),
    ) {
        let truth: Vec<bool> = examples.iter().map(|(positive, _)| *positive).collect();
        let scores: Vec<f64> = examples.iter().map(|(_, score)| f64::from(*score)).collect();
        let (mut sum, mut pairs) = (0.0, 0.0);
        for (positive, a) in &examples {
            for (negative, b) in &examples {
                if *positive && !negative {
                    pairs += 1.0;
                    sum += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
                }
            }
        }
        let area = roc_auc(&truth, &scores).unwrap();
        if pairs == 0.0 {
            prop_assert!(area.is_nan());
        } else {
            prop_assert!((area - sum / pairs).abs() < 1e-12);
        }
    }
}

/// By hand, as scikit-learn's `f1_score`, `precision_score` and `recall_score` do without `labels`.
#[test]
fn a_class_that_does_not_occur_is_in_no_average() {
    // Three classes, of which the rows have two.
    let all_right = ConfusionMatrix::new(&[0, 1, 1, 0], &[0, 1, 1, 0], 3).unwrap();
    for average in [Average::Macro, Average::Weighted, Average::Micro] {
        for undefined in [0.0, 1.0, f64::NAN] {
            assert_eq!(all_right.precision(average, undefined), 1.0);
            assert_eq!(all_right.recall(average, undefined), 1.0);
            assert_eq!(all_right.f1(average, undefined), 1.0);
        }
    }
    assert_eq!(all_right.balanced_accuracy(), 1.0);
    assert_eq!(all_right.f1_per_class(0.0), [1.0, 1.0, 0.0]);
    // Predicted but never true: precision 0, and its recall, which divides by 0, is `undefined`.
    let predicted = ConfusionMatrix::new(&[0, 0, 1, 1], &[0, 2, 1, 1], 4).unwrap();
    assert_eq!(predicted.precision(Average::Macro, 0.0), 2.0 / 3.0);
    assert_eq!(predicted.recall(Average::Macro, 0.0), (0.5 + 1.0) / 3.0);
    assert_eq!(
        predicted.recall(Average::Macro, 1.0),
        (0.5 + 1.0 + 1.0) / 3.0
    );
    assert_eq!(predicted.f1(Average::Macro, 0.0), (2.0 / 3.0 + 1.0) / 3.0);
    assert_eq!(
        predicted.f1(Average::Weighted, 0.0),
        (2.0 / 3.0 + 1.0) / 2.0
    );
    assert_eq!(predicted.balanced_accuracy(), 0.75);
    // True but never predicted.
    let missed = ConfusionMatrix::new(&[0, 3], &[0, 0], 4).unwrap();
    assert_eq!(missed.precision(Average::Macro, 0.0), 0.25);
    assert_eq!(missed.recall(Average::Macro, 0.0), 0.5);
    // The same through the metric that a run is about.
    let predictions = Predictions::Classes {
        truth: &[0, 1],
        probabilities: &[0.8, 0.1, 0.1, 0.2, 0.7, 0.1],
        classes: 3,
    };
    for metric in [
        Metric::F1(Average::Macro),
        Metric::Precision(Average::Macro),
        Metric::Recall(Average::Macro),
        Metric::F1(Average::Weighted),
    ] {
        assert_eq!(
            metric.evaluate(&predictions).unwrap(),
            1.0,
            "{}",
            metric.name()
        );
    }
}

proptest! {
    /// Classes that do not occur can be added without changing a figure.
    #[test]
    fn absent_classes_change_no_average(
        pairs in proptest::collection::vec((0usize..3, 0usize..3), 1..20),
        more in 0usize..4,
    ) {
        let (truth, predicted): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
        let [few, many] = [3, 3 + more].map(|n| ConfusionMatrix::new(&truth, &predicted, n).unwrap());
        for average in [Average::Macro, Average::Weighted, Average::Micro] {
            prop_assert_eq!(few.f1(average, 0.0), many.f1(average, 0.0));
            prop_assert_eq!(few.precision(average, 0.0), many.precision(average, 0.0));
            prop_assert_eq!(few.recall(average, 1.0), many.recall(average, 1.0));
        }
        prop_assert_eq!(few.balanced_accuracy(), many.balanced_accuracy());
        prop_assert_eq!(few.matthews(), many.matthews());
    }
}

/// The mean of three times 0.1 is not 0.1.
#[test]
fn a_constant_truth_has_no_spread_whatever_its_mean_is_rounded_to() {
    assert_eq!(r2(&[0.1; 3], &[0.1; 3]).unwrap(), 1.0);
    assert_eq!(r2(&[0.1; 3], &[0.1, 0.1, 0.2]).unwrap(), 0.0);
}

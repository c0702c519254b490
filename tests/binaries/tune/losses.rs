//! `tune --loss`: other losses than the usual ones.

use super::{Folder, bad, classes, good, predicted, report, rows, table, tune, values};

fn folder(name: &str, text: &str) -> Folder {
    let folder = Folder::new(name);
    std::fs::write(folder.0.join("data.csv"), text).unwrap();
    folder
}

fn options<'a>(loss: &'a str, out: &'a str) -> Vec<&'a str> {
    let data = ["--data", "data.csv", "--target", "answer", "--hidden", "16"];
    [&data[..], &["--epochs", "40", "--loss", loss, "--out", out]].concat()
}

/// The command fails and its message has these words.
fn refused(folder: &Folder, options: &[&str], words: &[&str]) {
    let message = bad(&tune(folder, options));
    for word in words {
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn classes_are_tuned_with_focal_loss_and_predicted_with_probabilities() {
    let folder = folder("tune-focal", &classes());
    good(&tune(
        &folder,
        &options("Focal(gamma: 2, alpha: Balanced)", "out"),
    ));
    let report = report(&folder, "out");
    assert_eq!(report["loss"], "focal, before calibration");
    assert!(
        report["tuned"]["metrics"]["accuracy"].as_f64().unwrap() > 0.9,
        "{report}"
    );
    for row in rows(&predicted(&folder, "out")) {
        let probability: f64 = row.rsplit(',').next().unwrap().parse().unwrap();
        assert!((0.5..=1.0).contains(&probability), "{row}");
    }
    // A name alone is that with its defaults, and a sum is one loss.
    let sum = "Sum([(name: \"a\", loss: Focal()), (name: \"b\", weight: 0.1, loss: CrossEntropy(label_smoothing: 0.1))])";
    for (loss, out) in [("Focal", "by-name"), (sum, "sum")] {
        let mut options = options(loss, out);
        options[7] = "2";
        good(&tune(&folder, &options));
    }
}

/// Counts come out as counts, never negative, and a model of them goes on as one.
#[test]
fn counts_are_tuned_with_poisson_loss_and_predicted_in_their_units() {
    let counts = table(|x, y| ((1.0 + x + 2.0 * y).exp() * 3.0).round().to_string());
    let folder = folder("tune-poisson", &counts);
    let kind = ["--kind", "regression"];
    good(&tune(
        &folder,
        &[&options("Poisson", "out")[..], &kind].concat(),
    ));
    let report_of = |out| report(&folder, out);
    let words = report_of("out")["loss"].as_str().unwrap().to_owned();
    assert!(words.contains("Poisson"), "{words}");
    let r2 = report_of("out")["tuned"]["metrics"]["r2"].as_f64().unwrap();
    assert!(r2 > 0.9, "{r2}");
    let number = |row: &str| -> f64 { row.rsplit(',').next().unwrap().parse().unwrap() };
    let all = predicted(&folder, "out");
    let mean = |text: &str| {
        let numbers: Vec<f64> = rows(text).into_iter().map(number).collect();
        assert!(numbers.iter().all(|number| *number >= 0.0));
        numbers.iter().sum::<f64>() / numbers.len() as f64
    };
    let (predicted, true_mean) = (mean(&all), mean(&counts));
    assert!(
        (predicted / true_mean - 1.0).abs() < 0.1,
        "{predicted} {true_mean}"
    );

    let from = [
        "--data",
        "data.csv",
        "--from",
        "out/model.json",
        "--epochs",
        "2",
    ];
    good(&tune(&folder, &[&from[..], &["--out", "two"]].concat()));
    let before = report_of("two")["before"]["loss"].as_f64().unwrap();
    let tuned = report_of("out")["tuned"]["loss"].as_f64().unwrap();
    assert!(
        before >= 0.0 && before < 3.0 * tuned + 0.1,
        "{before} {tuned}"
    );
    let huber = [&from[..], &["--loss", "Huber", "--out", "three"]].concat();
    refused(&folder, &huber, &["loss: huber", "Poisson"]);
}

#[test]
fn losses_that_do_not_fit_are_named() {
    let with_classes = folder("tune-losses-classes", &classes());
    for (loss, words) in [
        ("Focal(gamma: -2)", &["loss.gamma: -2", "at least 0"][..]),
        ("Focal(gama: 2)", &["--loss", "gama"]),
        ("Huber", &["loss: huber of classes", "Focal(..)"]),
        (
            "CrossEntropy(class_weights: Each([1, 2, 3]))",
            &["loss.class_weights: 3 weights", "2, one for each"],
        ),
        ("Foca", &["--loss", "Foca"]),
        ("focal", &["Custom(name: \"focal\")", "Focal(..)"]),
    ] {
        refused(&with_classes, &options(loss, "out"), words);
    }
    let with_values = folder("tune-losses-values", &values());
    for (loss, words) in [
        (
            "Quantile(quantile: 1.5)",
            &["loss.quantile: 1.5", "below 1"][..],
        ),
        ("Focal", &["loss: focal of values", "Huber(..)"]),
    ] {
        refused(&with_values, &options(loss, "out"), words);
    }
}

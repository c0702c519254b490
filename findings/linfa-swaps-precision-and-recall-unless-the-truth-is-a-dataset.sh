#!/usr/bin/env bash
# linfa 0.8.1: precision and recall of the same predictions change places with the type of the truth.
#
# `predicted.confusion_matrix(&truth)` takes an array or a dataset. The matrix is documented to have targets as rows and predictions as columns. With a
# dataset as the truth and an array of predictions it has; with an array, as in the documentation's example, and with two datasets, it is the
# other way round. `precision` and `recall` read both in the same way. So what is called precision is the share of the items of a class that
# were found, which others call recall, for three classes and more too. Accuracy, F1 and Matthews' coefficient are the same both ways, which hides
# it, and the F2 of one is the F0.5 of the other. The test of the library that compares the two with numbers takes arrays, and expects the
# swapped ones. What to do instead: give the truth as a dataset and the predictions as an array, or exchange the two numbers.
#
# Seen, for three positives of which one is found, and no false alarm, so that precision is 1 and recall 1/3: with a dataset as the truth 1.00 and
# 0.33, with an array 0.33 and 1.00, with two datasets 0.33 and 1.00. F2 is 0.38 with a dataset and 0.71 with the other two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "swapped"
version = "0.0.0"
edition = "2024"
[dependencies]
linfa = { version = "=0.8.1", default-features = false }
ndarray = "=0.16.1"
TOML
cat > src/main.rs <<'RUST'
use linfa::metrics::ConfusionMatrix;
use linfa::prelude::*;
use ndarray::{Array1, Array2, array};

fn show(name: &str, matrix: ConfusionMatrix<bool>) {
    let (precision, recall) = (matrix.precision(), matrix.recall());
    println!("{name}: precision {precision:.2}, recall {recall:.2}, F1 {:.2}, F2 {:.2}", matrix.f1_score(), matrix.f_score(2.0));
}

fn dataset(labels: &Array1<bool>) -> DatasetBase<Array2<f64>, Array1<bool>> {
    DatasetBase::new(Array2::zeros((labels.len(), 1)), labels.clone())
}

fn main() {
    let truth = array![true, true, true, false, false, false];
    let predicted = array![true, false, false, false, false, false];
    show("a dataset as the truth", predicted.confusion_matrix(&dataset(&truth)).unwrap());
    show("an array as the truth", predicted.confusion_matrix(&truth).unwrap());
    show("two datasets", dataset(&predicted).confusion_matrix(&dataset(&truth)).unwrap());
}
RUST
cargo run --quiet --release | tee seen.txt
diff seen.txt - <<'WANTED'
a dataset as the truth: precision 1.00, recall 0.33, F1 0.50, F2 0.38
an array as the truth: precision 0.33, recall 1.00, F1 0.50, F2 0.71
two datasets: precision 0.33, recall 1.00, F1 0.50, F2 0.71
WANTED

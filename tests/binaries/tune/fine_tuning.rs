//! `tune --from`: models that are trained further.

use super::{Folder, bad, classes, good, json, predicted, report, rows, tune, values};

/// The rows of `text` for which `keep` holds, with its header.
fn some(text: &str, keep: impl Fn(usize) -> bool) -> String {
    let header = text.lines().next().unwrap();
    let kept = rows(text).into_iter().enumerate();
    let kept = kept.filter(|(row, _)| keep(*row)).map(|(_, row)| row);
    let lines: Vec<&str> = std::iter::once(header).chain(kept).collect();
    lines.join("\n") + "\n"
}

/// A folder with a model `one` of the rows of `text`.
fn trained(name: &str, text: &str) -> Folder {
    let folder = Folder::new(name);
    std::fs::write(folder.0.join("data.csv"), text).unwrap();
    let arguments = [
        "--data", "data.csv", "--target", "answer", "--hidden", "16", "--epochs", "60", "--out",
        "one",
    ];
    good(&tune(&folder, &arguments));
    folder
}

/// It goes on from the weights there were, in the units and classes there were, whatever the new rows are like.
#[test]
fn a_model_is_trained_further_on_new_rows() {
    let folder = trained("tune-from", &classes());
    let write = |text: String| std::fs::write(folder.0.join("new.csv"), text).unwrap();
    write(some(&classes(), |row| row % 3 == 0));
    let from = [
        "--data",
        "new.csv",
        "--from",
        "one/model.json",
        "--epochs",
        "10",
    ];
    let output = tune(&folder, &[&from[..], &["--out", "two"]].concat());
    good(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in [
        "to fine-tune a model",
        "test, before: loss",
        "test, tuned: loss",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let report = report(&folder, "two");
    let accuracy = |of: &str| report[of]["metrics"]["accuracy"].as_f64().unwrap();
    assert!(
        accuracy("before") > 0.9 && accuracy("tuned") > 0.9,
        "{report}"
    );
    let [one, two] = ["one", "two"].map(|out| {
        let mut model = json(&folder, &format!("{out}/model.json"));
        // It is that of the weights too.
        model.as_object_mut().unwrap().remove("checksum");
        // It follows from the outputs on the validation rows.
        model.as_object_mut().unwrap().remove("temperature");
        model
    });
    assert_eq!(one, two);
    assert_eq!(rows(&predicted(&folder, "two")).len(), 400);

    // A class that the model does not know.
    write(classes().replace(",in\n", ",inside\n"));
    let message = bad(&tune(&folder, &[&from[..], &["--out", "four"]].concat()));
    for words in ["new.csv", "`inside`", "`answer`"] {
        assert!(message.contains(words), "{message}");
    }
    // Its target is known; another is a mistake, and so are images.
    let other = [&from[..], &["--target", "width", "--out", "four"]].concat();
    let message = bad(&tune(&folder, &other));
    assert!(
        message.contains("--target") && message.contains("`answer`"),
        "{message}"
    );
    for option in [["--hidden", "8"], ["--kind", "regression"], ["--runs", "2"]] {
        let output = tune(&folder, &[&from[..], &option[..]].concat());
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains("--from") && said.contains(option[0]),
            "{said}"
        );
    }
}

/// Values keep the units of the first rows, also where the new ones are of another size.
#[test]
fn values_stay_in_their_units() {
    let folder = trained("tune-from-values", &values());
    std::fs::write(folder.0.join("new.csv"), some(&values(), |row| row >= 200)).unwrap();
    let from = [
        "--data",
        "new.csv",
        "--from",
        "one/model.json",
        "--epochs",
        "10",
        "--out",
        "two",
    ];
    good(&tune(&folder, &from));
    let report = report(&folder, "two");
    for of in ["before", "tuned"] {
        let error = report[of]["metrics"]["rmse"].as_f64().unwrap();
        assert!(error < 10.0, "{report}");
        let scale = json(&folder, "one/model.json")["standardiser"]["target_scale"].clone();
        let loss = report[of]["loss"].as_f64().unwrap();
        let wanted = (error / scale.as_f64().unwrap()).powi(2);
        assert!((loss / wanted - 1.0).abs() < 1e-3, "{report}");
    }
}

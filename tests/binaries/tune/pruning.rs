//! `tune --prune`: a network that becomes smaller while it is trained.

use super::{Folder, bad, classes, good, json, predicted, report, rows, tune};

fn options<'a>(prune: &'a str, out: &'a str) -> Vec<&'a str> {
    let data = ["--data", "data.csv", "--target", "answer", "--epochs", "60"];
    [&data[..], &["--prune", prune, "--out", out]].concat()
}

#[test]
fn a_smaller_model_is_left_predicts_and_is_trained_again() {
    let folder = Folder::new("tune-pruning");
    std::fs::write(folder.0.join("data.csv"), classes()).unwrap();
    for model in [&[][..], &["--model", "mlp", "--hidden", "32,24"]] {
        let out = if model.is_empty() { "tabular" } else { "mlp" };
        let output = tune(&folder, &[&options("0.6", out)[..], model].concat());
        good(&output);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("% of the network is left"), "{said}");
        let report = report(&folder, out);
        let left = report["pruned"]["left"].as_f64().unwrap();
        assert!((0.2..=0.4).contains(&left), "{report}");
        let accuracy = report["tuned"]["metrics"]["accuracy"].as_f64().unwrap();
        assert!(accuracy > 0.85, "{report}");
        assert!(!rows(&predicted(&folder, out)).is_empty());
        let kept = json(&folder, &format!("{out}/model.json"));
        let kind = if model.is_empty() { "Tabular" } else { "Mlp" };
        assert_eq!(kept["model"][kind]["hidden"], report["pruned"]["units"]);

        // The schedule has what left, and when.
        let (schedule, again) = (format!("{out}/schedule.ron"), format!("{out}-again"));
        let replay = ["--replay", &schedule];
        let options = [&options("0.6", &again)[..], model, &replay].concat();
        good(&tune(&folder, &options));
        assert_eq!(json(&folder, &format!("{again}/model.json")), kept);
    }
    let from = [
        "--data",
        "data.csv",
        "--from",
        "mlp/model.json",
        "--epochs",
        "5",
    ];
    good(&tune(&folder, &[&from[..], &["--out", "further"]].concat()));
    let further = json(&folder, "further/model.json");
    assert_eq!(further["model"], json(&folder, "mlp/model.json")["model"]);
}

#[test]
fn a_pruning_that_cannot_be_is_explained() {
    let folder = Folder::new("tune-pruning-wrong");
    std::fs::write(folder.0.join("data.csv"), classes()).unwrap();
    for (prune, words) in [
        ("1.5", ["pruning.target", "1.5"]),
        ("half", ["--prune", "half"]),
        ("(most: 0.5)", ["--prune", "target"]),
        ("(target: 0.5, layers: [7])", ["pruning.layers", "7"]),
    ] {
        let message = bad(&tune(&folder, &options(prune, "out")));
        for word in words {
            assert!(message.contains(word), "{message}");
        }
        assert!(!folder.0.join("out").exists());
    }
}

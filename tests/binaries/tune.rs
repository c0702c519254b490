//! The binaries `tune` and `predict`, on data as a user brings them.

mod far;
mod fine_tuning;
#[cfg(unix)]
mod interrupted;
mod losses;
mod options;
mod pruning;
mod tables;
#[cfg(unix)]
mod text;

use super::{Folder, bad, good};
use burn::module::Module;
use burn::tensor::Device;
use serde_json::Value;
use std::fmt::Write as _;
use std::process::{Command, Output};
use trimtab_models::mlp::{Activation, Mlp};

fn tune(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tune"))
        .current_dir(&folder.0)
        .args(arguments)
        .output()
        .unwrap()
}

fn predict(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_predict"))
        .current_dir(&folder.0)
        .args(arguments)
        .output()
        .unwrap()
}

/// Two inputs on a grid over -1 to 1, very differently scaled, and what `target` makes of them.
fn table(target: impl Fn(f64, f64) -> String) -> String {
    let mut text = "width,\"height, mm\",answer\n".to_owned();
    for i in 0..400 {
        let (x, y) = (f64::from(i % 20) / 9.5 - 1.0, f64::from(i / 20) / 9.5 - 1.0);
        let _ = writeln!(text, "{x},{},{}", 500.0 + 100.0 * y, target(x, y));
    }
    text
}

/// Classes that no line separates.
fn classes() -> String {
    let class = |x: f64, y: f64| x * x + y * y < 0.6;
    table(|x, y| if class(x, y) { "in" } else { "\"out, far\"" }.to_owned())
}

fn values() -> String {
    table(|x, y| (1000.0 + 50.0 * (2.0 * x - y)).to_string())
}

/// The rows of a CSV file after its header; the cells of these files that have a comma come last.
fn rows(text: &str) -> Vec<&str> {
    text.lines().skip(1).collect()
}

fn json(folder: &Folder, file: &str) -> Value {
    serde_json::from_str(&folder.read(file)).unwrap()
}

fn report(folder: &Folder, out: &str) -> Value {
    json(folder, &format!("{out}/report.json"))
}

/// What a model predicts of the rows of `data.csv`.
fn predicted(folder: &Folder, out: &str) -> String {
    let model = format!("{out}/model.json");
    good(&predict(
        folder,
        &["--model", &model, "--data", "data.csv", "--out", "all.csv"],
    ));
    folder.read("all.csv")
}

#[test]
fn classes_are_tuned_and_predicted() {
    let folder = Folder::new("tune-classes");
    let text = classes();
    std::fs::write(folder.0.join("data.csv"), &text).unwrap();
    let arguments = [
        "--data", "data.csv", "--target", "answer", "--model", "mlp", "--hidden", "32,32",
        "--epochs", "100",
    ];
    let output = tune(
        &folder,
        &[&arguments[..], &["--out", "one", "--compare-defaults"]].concat(),
    );
    good(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in [
        "classification into 2",
        "of the weights",
        "the budget is spent",
        "default settings",
        "predict --model one/model.json",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }

    // The rate that the start probe comes to is that of the first segment.
    let probe = "start probe: at a rate of 1.00e-3 updates";
    let mut lines = said.lines().skip_while(|line| !line.starts_with(probe));
    let start = lines
        .next()
        .unwrap()
        .rsplit_once("wanted: start at ")
        .unwrap()
        .1;
    let first = lines.next().unwrap();
    assert_eq!(first.split_whitespace().nth(1), Some(start), "{said}");

    let segments = folder.read("one/segments.jsonl");
    let schedule = folder.read("one/schedule.ron");
    assert_eq!(segments.lines().count(), schedule.matches("share:").count());
    let png = std::fs::read(folder.0.join("one/tune.png")).unwrap();
    assert_eq!(&png[1..4], b"PNG");
    let report = report(&folder, "one");
    for training in ["tuned", "defaults"] {
        for figure in ["accuracy", "f1_macro"] {
            let figure = report[training]["metrics"][figure].as_f64().unwrap();
            assert!(figure > 0.5 && figure <= 1.0, "{report}");
        }
    }

    // The same columns in another order, one more, and no target.
    let mut new = "\"height, mm\",nothing,width\n".to_owned();
    for row in rows(&text) {
        let cells: Vec<&str> = row.splitn(3, ',').collect();
        let _ = writeln!(new, "{},?,{}", cells[1], cells[0]);
    }
    std::fs::write(folder.0.join("new.csv"), new).unwrap();
    good(&predict(
        &folder,
        &[
            "--model",
            "one/model.json",
            "--data",
            "new.csv",
            "--out",
            "p.csv",
        ],
    ));
    let predicted = folder.read("p.csv");
    assert!(
        predicted.starts_with("row,answer,probability\n"),
        "{predicted}"
    );
    let right = rows(&text)
        .into_iter()
        .zip(rows(&predicted))
        .filter(|(row, predicted)| {
            let (class, probability) = predicted.rsplit_once(',').unwrap();
            let (_, class) = class.split_once(',').unwrap();
            assert!((0.5..=1.0).contains(&probability.parse::<f64>().unwrap()));
            row.splitn(3, ',').last() == Some(class)
        })
        .count();
    assert_eq!(rows(&predicted).len(), 400);
    assert!(right >= 380, "{right} of 400");

    // The target may be there, and the same seed gives the same model.
    good(&predict(
        &folder,
        &[
            "--model",
            "one/model.json",
            "--data",
            "data.csv",
            "--out",
            "q.csv",
        ],
    ));
    assert_eq!(folder.read("q.csv"), predicted);
    good(&tune(
        &folder,
        &[&arguments[..], &["--out", "two"]].concat(),
    ));
    assert_eq!(folder.read("one/model.json"), folder.read("two/model.json"));
    let record = |out: &str| std::fs::read(folder.0.join(out).join("model.bpk")).unwrap();
    assert_eq!(record("one"), record("two"));
    assert_eq!(report["interrupted"], false);

    // The weights are a record that burn reads, and what predictions are made with.
    let model = json(&folder, "one/model.json");
    assert_eq!(model.get("weights"), None);
    let fresh = Mlp::new(&[2, 32, 32, 2], Activation::Relu, &Device::flex());
    fresh.try_load_file(folder.0.join("one/model.bpk")).unwrap();
    good(&tune(
        &folder,
        &[&arguments[..], &["--seed", "1", "--out", "other"]].concat(),
    ));
    std::fs::copy(
        folder.0.join("other/model.bpk"),
        folder.0.join("two/model.bpk"),
    )
    .unwrap();
    let swapped = ["--model", "two/model.json", "--data", "data.csv"];
    assert!(bad(&predict(&folder, &swapped)).contains("checksum"));
    let mut model = json(&folder, "two/model.json");
    model.as_object_mut().unwrap().remove("checksum");
    std::fs::write(folder.0.join("two/model.json"), model.to_string()).unwrap();
    good(&predict(
        &folder,
        &[
            "--model",
            "two/model.json",
            "--data",
            "data.csv",
            "--out",
            "q.csv",
        ],
    ));
    assert_ne!(folder.read("q.csv"), predicted);
    let message = bad(&tune(
        &folder,
        &[&arguments[..], &["--out", "two"]].concat(),
    ));
    assert!(
        message.contains("--out") && message.contains("two"),
        "{message}"
    );
}

#[test]
fn values_are_tuned_and_predicted_in_their_own_units() {
    let folder = Folder::new("tune-values");
    let text = values();
    std::fs::write(folder.0.join("data.csv"), &text).unwrap();
    let output = tune(
        &folder,
        &[
            "--data", "data.csv", "--target", "answer", "--hidden", "16", "--epochs", "60",
        ],
    );
    good(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("regression"), "{said}");
    let metrics = report(&folder, "runs/tune")["tuned"]["metrics"].clone();
    assert!(metrics["r2"].as_f64().unwrap() > 0.98, "{metrics}");
    assert_eq!(metrics.as_object().unwrap().len(), 3, "{metrics}");

    good(&predict(
        &folder,
        &["--model", "runs/tune/model.json", "--data", "data.csv"],
    ));
    let predicted = folder.read("predictions.csv");
    let errors = rows(&text)
        .into_iter()
        .zip(rows(&predicted))
        .map(|(row, predicted)| {
            let truth: f64 = row.rsplit_once(',').unwrap().1.parse().unwrap();
            let (_, predicted) = predicted.split_once(',').unwrap();
            (predicted.parse::<f64>().unwrap() - truth).abs()
        });
    // The values have a standard deviation of 68.
    assert!(errors.sum::<f64>() / 400.0 < 7.0);
}

#[test]
fn what_is_wrong_with_data_is_said_by_file_column_and_line() {
    let folder = Folder::new("tune-wrong");
    std::fs::write(folder.0.join("data.csv"), classes()).unwrap();
    let message = bad(&tune(&folder, &["--data", "data.csv", "--target", "anser"]));
    for words in ["data.csv", "`anser`", "`width`", "`height, mm`", "`answer`"] {
        assert!(message.contains(words), "{message}");
    }
    let message = bad(&tune(&folder, &["--data", "data.csv"]));
    assert!(message.contains("--target"), "{message}");
    let table = ["--data", "data.csv", "--target", "answer"];
    let message = bad(&tune(&folder, &[&table[..], &["--channels", "4"]].concat()));
    assert!(message.contains("Cnn"), "{message}");
    let message = bad(&tune(&folder, &[&table[..], &["--epochs", "0"]].concat()));
    assert!(message.contains("--epochs"), "{message}");
    assert!(!folder.0.join("runs").exists());

    good(&tune(
        &folder,
        &[&table[..], &["--hidden", "4", "--epochs", "1"]].concat(),
    ));
    let wrong = |text: &str, words: &[&str]| {
        std::fs::write(folder.0.join("new.csv"), text).unwrap();
        let arguments = ["--model", "runs/tune/model.json", "--data", "new.csv"];
        let message = bad(&predict(&folder, &arguments));
        for word in words {
            assert!(message.contains(word), "{message}");
        }
    };
    wrong(
        "width,h\n1,2\n",
        &["new.csv", "`height, mm`", "`width`, `h`"],
    );
    wrong("width,\"height, mm\"\n", &["new.csv", "rows"]);
    let rows = "1,2\n".repeat(8);
    let ragged = format!("width,\"height, mm\"\n{rows}1\n");
    wrong(&ragged, &["new.csv", "line 10", "1 cells"]);
    assert!(!folder.0.join("predictions.csv").exists());
    // A cell that is no number is taken as missing, with a word.
    std::fs::write(
        folder.0.join("new.csv"),
        "width,\"height, mm\"\n1,2\n\n1,two\n",
    )
    .unwrap();
    let output = predict(
        &folder,
        &["--model", "runs/tune/model.json", "--data", "new.csv"],
    );
    good(&output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("`height, mm`") && said.contains("`two`"),
        "{said}"
    );
    std::fs::remove_file(folder.0.join("predictions.csv")).unwrap();

    // The model's files: cut short, of another model, contradictory.
    let row = "width,\"height, mm\"\n1,2\n";
    let path = folder.0.join("runs/tune/model.bpk");
    let weights = std::fs::read(&path).unwrap();
    for cut in [0, 10, weights.len() / 2] {
        std::fs::write(&path, &weights[..cut]).unwrap();
        wrong(row, &["model.bpk", "tune it again"]);
    }
    std::fs::remove_file(&path).unwrap();
    wrong(row, &["model.bpk"]);
    std::fs::write(&path, &weights).unwrap();
    // Whoever changes it on purpose takes the checksum out.
    let mut model = json(&folder, "runs/tune/model.json");
    assert!(model.as_object_mut().unwrap().remove("checksum").is_some());
    let change = |part: &str, to: Value| {
        let mut model = model.clone();
        *model.pointer_mut(part).unwrap() = to;
        std::fs::write(folder.0.join("runs/tune/model.json"), model.to_string()).unwrap();
    };
    change("/model/Tabular/hidden", serde_json::json!([5]));
    wrong(row, &["model.bpk", "not the weights of this model"]);
    change("/inputs/Table/preprocessor/columns", serde_json::json!([]));
    wrong(row, &["model.json", "0 features"]);
    change("/temperature", serde_json::json!(-1.0));
    wrong(row, &["model.json", "temperature"]);
    let patched =
        serde_json::json!({"Transformer": {"width": 8, "heads": 2, "blocks": 1, "patch": 0}});
    change("/model", patched);
    wrong(row, &["model.json", "model.patch"]);
    change("/model", model["model"].clone());
    let arguments = ["--model", "runs/tune/model.json", "--data", "data.csv"];
    good(&predict(&folder, &arguments));
}

/// What the policy did is said, and is part of the schedule that is kept: its replay is the same run.
#[test]
fn a_policy_adds_to_the_servo() {
    let folder = Folder::new("tune policy");
    std::fs::write(folder.0.join("table.csv"), classes()).unwrap();
    let run = |out: &str, arguments: &[&str]| {
        let common = [
            "--data",
            "table.csv",
            "--target",
            "answer",
            "--epochs",
            "30",
        ];
        let all = [&common[..], &["--out", out], arguments].concat();
        tune(&folder, &all)
    };
    good(&run("steered", &[]));
    good(&run("named", &["--policy", "shipped"]));
    assert_eq!(
        folder.read("named/segments.jsonl"),
        folder.read("steered/segments.jsonl")
    );
    good(&run("alone", &["--policy", "none"]));
    let schedule = folder.read("steered/schedule.ron");
    assert!(schedule.contains("rollback"), "{schedule}");
    assert_ne!(folder.read("alone/schedule.ron"), schedule);
    good(&run("again", &["--replay", "steered/schedule.ron"]));
    assert_eq!(
        report(&folder, "again")["tuned"],
        report(&folder, "steered")["tuned"]
    );

    std::fs::write(folder.0.join("policy.json"), "{\"version\": 2}").unwrap();
    let message = bad(&run("none", &["--policy", "policy.json"]));
    assert!(message.contains("policy.json"), "{message}");

    // One that adds to no servo is named too.
    let other = include_str!("../../experiments/policies/rule.json");
    let start = other.find(",\"residual\"").unwrap();
    std::fs::write(
        folder.0.join("other.json"),
        format!("{}}}", &other[..start]),
    )
    .unwrap();
    let message = bad(&run("none", &["--policy", "other.json"]));
    assert!(
        message.contains("other.json") && message.contains("base controller"),
        "{message}"
    );
}

/// Nothing is trained for a folder that cannot be made.
#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_made_is_found_before_the_training() {
    let folder = Folder::new("tune-out");
    let output = tune(&folder, &["--out", "/proc/nowhere/run"]);
    let message = bad(&output);
    assert!(message.contains("/proc/nowhere"), "{message}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.lines().count(), 2, "{said}");
}

/// Whoever listens no more loses no model; nor does a budget that the start probe spends, or somebody else's folder.
#[test]
fn what_was_trained_is_kept() {
    let folder = Folder::new("tune-kept");
    std::fs::write(folder.0.join("table.csv"), classes()).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tune"));
        let common = ["--data", "table.csv", "--target", "answer", "--epochs", "2"];
        command.current_dir(&folder.0).args(common).args(arguments);
        command
    };
    let (reader, writer) = std::io::pipe().unwrap();
    // More lines than a pipe holds, of which three are read.
    let arguments = ["--out", "deaf", "--runs", "40"];
    let mut child = run(&arguments).stdout(writer).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(reader));
    (0..3).for_each(|_| drop(lines.next().unwrap().unwrap()));
    drop(lines);
    assert!(child.wait().unwrap().success());
    assert!(folder.0.join("deaf/model.bpk").exists());

    let tiny = ["--out", "tiny", "--epochs", "0.05"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_tune"));
    good(&command.current_dir(&folder.0).args(tiny).output().unwrap());
    assert!(folder.0.join("tiny/model.bpk").exists());

    std::fs::create_dir(folder.0.join("other.part")).unwrap();
    std::fs::write(folder.0.join("other.part/mine"), "").unwrap();
    let message = bad(&run(&["--out", "other"]).output().unwrap());
    assert!(message.contains("other.part"), "{message}");
    assert!(folder.0.join("other.part/mine").exists());
}

/// Images of two sizes of squares, in IDX, by a small convolutional network.
#[test]
fn images_are_tuned_and_predicted() {
    let folder = Folder::new("tune-images");
    let (count, side) = (120u32, 6u32);
    let mut images: Vec<u8> = [0x803, count, side, side]
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect();
    let mut labels: Vec<u8> = [0x801, count]
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect();
    for i in 0..count {
        let large = i % 2;
        let (left, top, size) = (i / 2 % 3, i / 6 % 3, 1 + 2 * large);
        for at in 0..side * side {
            let (x, y) = (at % side, at / side);
            let inside = (left..left + size).contains(&x) && (top..top + size).contains(&y);
            images.push(if inside { 255 } else { 0 });
        }
        labels.push(large as u8);
    }
    std::fs::write(folder.0.join("images.idx"), images).unwrap();
    std::fs::write(folder.0.join("labels.idx"), labels).unwrap();
    good(&tune(
        &folder,
        &[
            "--data",
            "images.idx",
            "--labels",
            "labels.idx",
            "--channels",
            "4",
            "--epochs",
            "60",
        ],
    ));
    good(&predict(
        &folder,
        &["--model", "runs/tune/model.json", "--data", "images.idx"],
    ));
    let predicted = folder.read("predictions.csv");
    let right = rows(&predicted)
        .iter()
        .enumerate()
        .filter(|(i, row)| row.starts_with(&format!("{},{},", i + 1, i % 2)))
        .count();
    assert!(right >= 118, "{right} of 120");
}

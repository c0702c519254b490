//! Hostile numbers and damaged files: nothing that is read brings a program down, and nothing that was altered is taken for
//! what was written.
//!
//! Each target takes some hundred cases in the tests; `TRIMTAB_FUZZ_CASES=100000 cargo test --release -p trimtab-tests fuzz`
//! takes more. A case that fails says its number, which is its seed.

use burn::tensor::Device;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use trimtab_agent::policy::Scratch;
use trimtab_agent::{Checkpoint, Learner, Policy, Selection};
use trimtab_env::suite::Identity;
use trimtab_env::{Environment, Observation, Part, RecordedSchedule, Settings, stream};
use trimtab_experiments::compare::CompareConfig;
use trimtab_experiments::train::config::EnvironmentConfig;
use trimtab_experiments::train::fit::FitConfig;
use trimtab_experiments::tune::{Inputs, TrainedModel};
use trimtab_experiments::{Config, Registry};
use trimtab_models::ModelConfig;
use trimtab_models::data::{
    SplitConfig, Standardise, Standardiser, TableConfig, TargetKind, parse_idx, split_table,
};

/// How many cases each target takes.
fn cases() -> u64 {
    let given = std::env::var("TRIMTAB_FUZZ_CASES").ok();
    given.map_or(300, |cases| cases.parse().unwrap())
}

/// Calls `check` with a generator of its own for each case, of which quick targets take some times as many.
fn each_case(target: &str, times: u64, check: impl Fn(&mut ChaCha8Rng)) {
    for case in 0..times * cases() {
        let mut rng = stream(case, target, 0);
        let checked = catch_unwind(AssertUnwindSafe(|| check(&mut rng)));
        assert!(
            checked.is_ok(),
            "case {case} of `{target}` failed, see above"
        );
    }
}

/// What stands in the place of a number.
const HOSTILE: [&str; 20] = [
    "0",
    "-0.0",
    "-1",
    "1",
    "0.5",
    "2",
    "1e-320",
    "1e20",
    "1e307",
    "-1e308",
    "1e309",
    "inf",
    "-inf",
    "NaN",
    "100000000000",
    "18446744073709551615",
    "99999999999999999999",
    "None",
    "\"\"",
    "[]",
];

/// Where a number is in a text.
fn numbers(text: &str) -> Vec<std::ops::Range<usize>> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(|c: char| c.is_ascii_digit()) {
        let start = at + start;
        let length = text[start..].find(|c| !is_part(c));
        let end = length.map_or(text.len(), |length| start + length);
        found.push(start..end);
        at = end;
    }
    found
}

/// One to three numbers become others; now and then a piece is lost or doubled.
fn mutated_text(text: &str, rng: &mut ChaCha8Rng) -> String {
    let mut text = text.to_owned();
    for _ in 0..rng.random_range(1..=3) {
        let places = numbers(&text);
        if places.is_empty() {
            break;
        }
        let place = places[rng.random_range(0..places.len())].clone();
        text.replace_range(place, HOSTILE[rng.random_range(0..HOSTILE.len())]);
    }
    if rng.random_bool(0.2) {
        let characters: Vec<char> = text.chars().collect();
        let start = rng.random_range(0..characters.len());
        let end = (start + rng.random_range(1..20)).min(characters.len());
        let times = rng.random_range(0..3);
        let (before, after) = (&characters[..start], &characters[end..]);
        let piece = characters[start..end].repeat(times);
        text = [before, &piece, after].concat().into_iter().collect();
    }
    text
}

/// One to four bytes become others; now and then the end is lost.
fn mutated_bytes(bytes: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..bytes.len());
        bytes[at] = match rng.random_range(0..4) {
            0 => 0,
            1 => 255,
            _ => bytes[at].wrapping_add(rng.random_range(1..=255)),
        };
    }
    if rng.random_bool(0.1) {
        bytes.truncate(rng.random_range(1..bytes.len()));
    }
    bytes
}

fn config_text(name: &str) -> String {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../experiments/configs");
    std::fs::read_to_string(configs.join(name)).unwrap()
}

/// A folder of one test, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trimtab-fuzz-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn fuzz_configs_of_train() {
    let texts = ["quickstart.ron", "policy.ron", "sigmoid.ron"].map(config_text);
    each_case("train", 10, |rng| {
        let text = mutated_text(&texts[rng.random_range(0..texts.len())], rng);
        let Ok(mut config) = Config::parse(&text, "fuzz.ron") else {
            return;
        };
        // Whatever else is wrong, no assignment is to blame for it.
        config.set("seed=7").unwrap();
        if config.validate().is_err() {
            return;
        }
        // What is valid can be written and read.
        let written = config.to_ron().unwrap();
        assert_eq!(Config::parse(&written, "again.ron").unwrap(), config);
        if let EnvironmentConfig::Named { name, parameters } = &config.environment {
            let _ = Registry::default().build(name, parameters, Part::Train);
        }
    });
}

#[test]
fn fuzz_configs_of_compare_and_fit() {
    let compare = ["compare.ron", "heldout.ron", "fine_tuning.ron"].map(config_text);
    let fit = ["fit.ron", "fit_blocks.ron"].map(config_text);
    each_case("compare and fit", 10, |rng| {
        let text = mutated_text(&compare[rng.random_range(0..compare.len())], rng);
        if let Ok(config) = CompareConfig::parse(&text, "fuzz.ron")
            && config.validate().is_ok()
        {
            let _ = config.trainings();
        }
        let text = mutated_text(&fit[rng.random_range(0..fit.len())], rng);
        if let Ok(config) = FitConfig::parse(&text, "fuzz.ron") {
            let _ = config.validate();
        }
    });
}

#[test]
fn fuzz_tables() {
    let kinds = [
        TargetKind::Detect,
        TargetKind::Classification,
        TargetKind::Regression,
    ];
    let folder = Folder::new("tables");
    each_case("tables", 10, |rng| {
        let mut text = String::from("a,b,y\n");
        for _ in 0..rng.random_range(1..30) {
            let exponent: f64 = rng.random_range(-3.0..15.0);
            let number = rng.random_range(-1.0..1.0) * 10f64.powf(exponent);
            text += &format!("{number},{},{}\n", number.round(), rng.random_range(0..9));
        }
        let text = mutated_text(&text, rng);
        let bytes = if rng.random_bool(0.3) {
            mutated_bytes(text.as_bytes(), rng)
        } else {
            text.into_bytes()
        };
        let path = folder.0.join("fuzz.csv");
        std::fs::write(&path, &bytes).unwrap();
        let config = TableConfig {
            kind: kinds[rng.random_range(0..kinds.len())],
            ..TableConfig::new(path, "y")
        };
        for standardise in [
            Standardise::PerFeature,
            Standardise::Robust,
            Standardise::Global,
            Standardise::None,
        ] {
            let split = SplitConfig {
                standardise,
                ..SplitConfig::default()
            };
            if let Ok((split, _)) = split_table(&config, &split, Ok) {
                for part in [&split.train, &split.validation, &split.test] {
                    part.check().unwrap();
                }
            }
        }
    });
}

#[test]
fn fuzz_images() {
    let header = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect();
    let mut images: Vec<u8> = header(&[0x803, 3, 2, 2]);
    images.extend([0, 50, 100, 150, 200, 250, 1, 2, 3, 4, 5, 6]);
    let mut labels: Vec<u8> = header(&[0x801, 3]);
    labels.extend([0, 1, 1]);
    let paths = (Path::new("images"), Path::new("labels"));
    assert!(parse_idx(paths.0, &images, paths.1, &labels).is_ok());
    each_case("images", 10, |rng| {
        let (images, labels) = (mutated_bytes(&images, rng), mutated_bytes(&labels, rng));
        if let Ok(data) = parse_idx(paths.0, &images, paths.1, &labels) {
            data.check().unwrap();
        }
    });
}

#[test]
fn fuzz_policies_and_checkpoints() {
    let folder = Folder::new("policies");
    let quick = Config::parse(&config_text("quickstart.ron"), "quickstart.ron").unwrap();
    let spec = Identity::new(3, 4).spec().clone();
    let learner = Learner::new(&spec, &quick.policy, quick.algorithm, 1).unwrap();
    let path = folder.0.join("whole.json");
    learner.policy().save(&path).unwrap();
    let policy = std::fs::read(&path).unwrap();
    learner.checkpoint().save(&path).unwrap();
    let checkpoint = std::fs::read(&path).unwrap();
    each_case("policies", 1, |rng| {
        let altered = mutated_bytes(&policy, rng);
        let read = Policy::load(folder.file("policy.json", &altered));
        assert!(read.is_err() || altered == policy);
        let altered = mutated_bytes(&checkpoint, rng);
        let read = Checkpoint::load(folder.file("checkpoint.json", &altered));
        assert!(read.is_err() || altered == checkpoint);

        // Files of before have no checksum.
        let bare = |sealed: &[u8]| trimtab_env::seal::unseal(sealed, &[]).unwrap().into_owned();
        let altered = mutated_bytes(&bare(&policy), rng);
        if let Ok(policy) = Policy::load(folder.file("policy.json", &altered)) {
            let seen = Observation::new(vec![0.5; policy.spec().features.len()]);
            let _ = policy.act(&seen, Selection::Sampled, rng, &mut Scratch::default());
        }
        let altered = mutated_bytes(&bare(&checkpoint), rng);
        if let Ok(checkpoint) = Checkpoint::load(folder.file("checkpoint.json", &altered)) {
            let _ = Learner::resume(&checkpoint);
        }
    });
}

#[test]
fn fuzz_models() {
    let folder = Folder::new("models");
    let device = Device::flex();
    // Three features, two classes, four hidden units.
    let model = TrainedModel {
        model: ModelConfig::Mlp {
            hidden: vec![4],
            activation: Default::default(),
        },
        shape: [1, 1, 3],
        inputs: Inputs::Columns(vec!["a".into(), "b".into(), "c".into()]),
        target: "y".to_owned(),
        classes: Some(vec!["no".into(), "yes".into()]),
        standardiser: Standardiser {
            mean: vec![0.0; 3],
            scale: vec![1.0; 3],
            target_mean: 0.0,
            target_scale: 1.0,
            log_link: false,
            target_log: None,
            clip: None,
        },
        temperature: 1.0,
        weights: (0..26).map(|weight| weight as f32 / 26.0).collect(),
        models: Default::default(),
    };
    let path = folder.0.join("model.json");
    model.save(&path).unwrap();
    assert_eq!(TrainedModel::load(&path).unwrap(), model);
    let text = std::fs::read(&path).unwrap();
    let weights = std::fs::read(folder.0.join("model.bpk")).unwrap();
    each_case("models", 1, |rng| {
        let (text, weights) = if rng.random_bool(0.5) {
            (mutated_bytes(&text, rng), weights.clone())
        } else {
            (text.clone(), mutated_bytes(&weights, rng))
        };
        folder.file("model.bpk", &weights);
        let path = folder.file("model.json", &text);
        if let Ok(read) = TrainedModel::load(&path) {
            assert_eq!(read, model);
        }
    });
    // Files of before have no checksum.
    let bare = trimtab_env::seal::unseal(&text, &weights)
        .unwrap()
        .into_owned();
    each_case("models without a checksum", 1, |rng| {
        let altered = mutated_text(std::str::from_utf8(&bare).unwrap(), rng);
        folder.file("model.bpk", &weights);
        let path = folder.file("model.json", altered.as_bytes());
        if let Ok(read) = TrainedModel::load(&path) {
            let rows = vec![0.5; 2 * read.features()];
            let _ = read.predict(&rows, &device);
        }
    });
}

#[test]
fn fuzz_schedules() {
    let text = r#"[
        (share: 0.0, settings: {"learning_rate": 0.1, "batch_size": 32.0}),
        (share: 0.25, settings: {"learning_rate": 0.05, "weight_decay": 0.001}),
        (share: 0.5, settings: {"learning_rate": 0.01, "weights": "best"}),
    ]"#;
    each_case("schedules", 10, |rng| {
        let text = mutated_text(text, rng);
        let Ok(schedule) = ron::from_str::<RecordedSchedule>(&text) else {
            return;
        };
        for share in [0.0, 0.3, 1.0] {
            let settings: &Settings = schedule.at(share);
            let _ = (settings.learning_rate(), settings.batch_size());
        }
        assert!(!schedule.names().is_empty() || text.contains("{}"));
    });
}

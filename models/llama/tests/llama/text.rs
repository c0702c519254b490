//! Language models on text: as trainees, and through the binaries.

use crate::{run, said};
use burn::tensor::Device;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use trimtab_env::{CostModel, Restore, Settings, Trainee, UpdateTime};
use trimtab_llama::{GateKind, Llama, LlamaConfig, LlamaTask, Tokenizer, Trained};
use trimtab_models::data::{Split, SplitConfig, TokenKind, Vocabulary, windows};
use trimtab_models::tasks::custom::{TaskOf, any};
use trimtab_models::{FineTuning, OptimizerConfig, Pruning, Task, TaskTrainee, TraineeConfig};

pub(crate) const CONTEXT: usize = 8;
pub(crate) const VERSE: &str = "Double, double toil and trouble;\nFire burn and cauldron bubble.\n";

pub(crate) fn split() -> Arc<Split> {
    let text = VERSE.repeat(12);
    let vocabulary = Vocabulary::of(&text, TokenKind::Characters);
    let tokens = vocabulary.encode(&text).unwrap();
    let config = SplitConfig::default();
    Arc::new(windows("verse", &tokens, vocabulary.names(), CONTEXT, &config).unwrap())
}

fn shape(gate: Option<GateKind>) -> LlamaConfig {
    LlamaConfig {
        max_position_embeddings: CONTEXT,
        tie_word_embeddings: true,
        gate,
        ..LlamaConfig::new(split().train.outputs(), 16, 1, 2)
    }
}

fn task(gate: Option<GateKind>, trained: Trained) -> LlamaTask {
    LlamaTask::new("verse", split(), shape(gate), trained).unwrap()
}

fn trainee(task: impl Task) -> Box<dyn Trainee> {
    trainee_with(task, None)
}

/// Costs are tokens: eight an example.
pub(crate) fn trainee_with(task: impl Task, pruning: Option<Pruning>) -> Box<dyn Trainee> {
    let tokens = UpdateTime {
        per_update: 0.0,
        per_example: CONTEXT as f64,
        per_evaluation: 0.0,
    };
    let config = TraineeConfig {
        optimizer: OptimizerConfig::adam_w(),
        cost: CostModel::Modelled(tokens),
        pruning,
        ..TraineeConfig::default()
    };
    Box::new(TaskTrainee::new(task, config, &Device::flex()).unwrap())
}

/// The servo is told so, since windows are less noisy examples than rows.
#[test]
fn a_window_has_as_many_targets_as_tokens_also_when_it_is_fine_tuned() {
    let base = task(None, Trained::All).model(&Device::flex());
    let tuned = FineTuning::new(task(None, Trained::All), &base).unwrap();
    for trainee in [trainee(task(None, Trained::All)), trainee(tuned)] {
        assert_eq!(trainee.spec().targets_per_example, CONTEXT);
    }
}

#[test]
fn a_loss_falls_from_that_of_chance_and_its_figures_follow() {
    let mut trainee = trainee(task(None, Trained::All));
    let first = trainee.start(1).unwrap().validation.unwrap();
    let characters = split().train.outputs() as f64;
    assert!(
        (first.loss - characters.ln()).abs() < 0.05,
        "{}",
        first.loss
    );
    // Every character here is a byte.
    let close = |name: &str, wanted: f64| {
        let figure = first.metrics[name];
        assert!((figure / wanted - 1.0).abs() < 1e-9, "{name}: {figure}");
    };
    close("perplexity", first.loss.exp());
    close("bits_per_byte", first.loss / 2f64.ln());
    let names = &trainee.spec().metrics;
    assert!(first.metrics.keys().all(|name| names.contains(name)));
    let report = trainee.advance(&Settings::new(0.01, 16), 16.0 * 8.0 * 40.0);
    let report = report.unwrap();
    let last = report.validation.unwrap();
    assert!(last.loss < 0.6 * first.loss, "{}", last.loss);
    assert!(last.metrics["accuracy"] > 0.3, "{:?}", last.metrics);
}

/// The mean loss of an evaluation is that of all tokens but the first context, each predicted once.
#[test]
fn an_evaluation_is_the_mean_over_the_tokens() {
    let task = task(Some(GateKind::Sigmoid), Trained::All);
    let model = Llama::new(shape(Some(GateKind::Sigmoid)), 3, &Device::flex()).unwrap();
    let data = &split().validation;
    let rows: Vec<u32> = (0..data.rows() as u32).collect();
    let batch = trimtab_models::Batch::gather(data, &rows, &Device::flex());
    let (outputs, loss) = task.evaluate(&model, batch.clone());
    let loss: f32 = loss.into_scalar();
    let window = |row: &u32| {
        let row = &data.row(*row as usize)[..=CONTEXT];
        row.iter().map(|token| *token as u32).collect::<Vec<u32>>()
    };
    let losses = rows.iter().map(|row| {
        let tokens = model.tokens(&[window(row)[..CONTEXT].to_vec()]).unwrap();
        let logits = model.forward(tokens);
        let [_, positions, size] = logits.dims();
        assert_eq!(positions, CONTEXT);
        let numbers: Vec<f32> = logits.into_data().iter::<f32>().collect();
        let next = &window(row)[1..];
        let each = numbers.chunks_exact(size).zip(next).map(|(logits, next)| {
            let all: f64 = logits.iter().map(|x| f64::from(*x).exp()).sum();
            all.ln() - f64::from(logits[*next as usize])
        });
        each.sum::<f64>() / CONTEXT as f64
    });
    let wanted = losses.sum::<f64>() / rows.len() as f64;
    assert!((f64::from(loss) - wanted).abs() < 1e-5, "{loss} {wanted}");
    let forward = task.forward(&model, batch.inputs);
    assert_eq!(outputs.into_data(), forward.into_data());
}

/// A shorter sequence costs less, so that a budget holds more updates of it; lengths that there are not are refused.
#[test]
fn the_sequence_length_is_a_setting() {
    let mut trainee = trainee(task(None, Trained::All));
    trainee.start(1).unwrap();
    let settings = Settings::new(0.01, 16);
    let budget = 16.0 * 8.0 * 6.0;
    let long = trainee.advance(&settings, budget).unwrap();
    assert_eq!((long.updates, long.cost), (6, budget));
    let short = settings.clone().with("sequence_length", 2.0);
    let short = trainee.advance(&short, budget).unwrap();
    assert_eq!((short.updates, short.cost), (24, budget));
    for wrong in [0.0, 9.0, 2.5, f64::NAN] {
        let settings = settings.clone().with("sequence_length", wrong);
        let message = trainee.advance(&settings, budget).unwrap_err().to_string();
        assert!(
            message.contains("sequence_length") && message.contains("from 1 to 8"),
            "{message}"
        );
    }
}

/// Whatever happened since, the same settings from a snapshot give the same bits; and so does the same seed.
#[test]
fn a_snapshot_and_a_seed_say_everything() {
    let mut trainee = trainee(task(Some(GateKind::Identity), Trained::All));
    let settings = Settings::new(0.01, 8);
    let budget = 8.0 * 8.0 * 3.0;
    trainee.start(5).unwrap();
    let begun = trainee.advance(&settings, budget).unwrap();
    let snapshot = trainee.snapshot();
    let wanted = trainee.advance(&settings, budget).unwrap();
    trainee.advance(&Settings::new(0.3, 4), budget).unwrap();
    trainee.restore(&snapshot, Restore::Everything).unwrap();
    assert_eq!(trainee.advance(&settings, budget).unwrap(), wanted);
    trainee.start(5).unwrap();
    assert_eq!(trainee.advance(&settings, budget).unwrap(), begun);
    trainee.start(6).unwrap();
    assert_ne!(trainee.advance(&settings, budget).unwrap(), begun);
}

/// New gates leave a pretrained model what it was, and training them alone moves nothing else.
#[test]
fn fine_tuning_begins_where_the_model_is() {
    let base = Llama::new(shape(None), 9, &Device::flex()).unwrap();
    let mut plain = trainee(FineTuning::new(task(None, Trained::All), &base).unwrap());
    let wanted = plain.start(1).unwrap().validation.unwrap().loss;
    let gate = Some(GateKind::Identity);
    let lora = Trained::Lora {
        rank: 2,
        alpha: 4.0,
    };
    for trained in [Trained::Gates, lora, Trained::All] {
        let model = base.clone().with_gates(GateKind::Identity);
        let model = model.training(trained, 1).unwrap();
        let mut tuned = trainee(FineTuning::new(task(gate, trained), &model).unwrap());
        let begun = tuned.start(2).unwrap().validation.unwrap().loss;
        assert_eq!(begun.to_bits(), wanted.to_bits(), "{trained:?}");
        assert!(tuned.spec().pretrained);
        let ended = tuned.advance(&Settings::new(0.02, 16), 16.0 * 8.0 * 20.0);
        let ended = ended.unwrap().validation.unwrap().loss;
        assert!(ended < wanted, "{trained:?}: {ended} {wanted}");
    }
}

#[test]
fn a_model_that_the_data_do_not_call_for_is_refused() {
    let with = |config, trained| LlamaTask::new("verse", split(), config, trained);
    let message = |config, trained| with(config, trained).unwrap_err().to_string();
    let small = LlamaConfig {
        vocab_size: 3,
        ..shape(None)
    };
    assert!(message(small, Trained::All).contains("as many tokens as the data have"));
    let short = LlamaConfig {
        max_position_embeddings: CONTEXT - 1,
        ..shape(None)
    };
    assert!(message(short, Trained::All).contains("windows of 1 to 7 tokens"));
    assert!(message(shape(None), Trained::Gates).contains("gates"));
    let made = |name: &str, number: f64| {
        let task = TaskOf {
            name: "verse".to_owned(),
            split: split(),
        };
        let parameters = BTreeMap::from([(name.to_owned(), number)]);
        let made = trimtab_llama::task::from_parameters(&parameters, task);
        made.map(drop)
    };
    made("width", 16.0).unwrap();
    for (name, number, words) in [
        ("heds", 2.0, "did you mean `heads`"),
        ("heads", 2.5, "whole number"),
        ("heads", 3.0, "hidden_size"),
        ("gate", 3.0, "from 0 to 2"),
    ] {
        let message = made(name, number).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
    drop(any(task(None, Trained::All)));
}

/// A text becomes a folder, the folder writes text, and is fine-tuned.
#[test]
fn a_text_is_tuned_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("verse.txt"), VERSE.repeat(12)).unwrap();
    let tune = |more: &[&str]| {
        let begin = ["--text", &at("verse.txt")];
        run(
            env!("CARGO_BIN_EXE_tune-text"),
            &[&begin[..], more].concat(),
        )
    };
    let small = ["--context", "8", "--layers", "1", "--heads", "2"];
    let out = ["--width", "16", "--epochs", "30", "--out", &at("model")];
    let output = tune(&[&small[..], &out].concat());
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("bits per byte"), "{}", said(&output));
    // It is not written over.
    let weights = || std::fs::read(at("model/model.safetensors")).unwrap();
    let before = weights();
    let again = tune(&[&small[..], &out].concat());
    assert!(!again.status.success());
    assert!(
        said(&again).contains("is there already"),
        "{}",
        said(&again)
    );
    assert_eq!(weights(), before);
    let tokenizer = Tokenizer::load(Path::new(&at("model"))).unwrap();
    let vocabulary = Vocabulary::of(&VERSE.repeat(2), TokenKind::Characters);
    assert_eq!(tokenizer.len(), vocabulary.len());
    // Validation losses of all segments.
    let losses = |model: &str| -> Vec<f64> {
        let curve = std::fs::read_to_string(at(&format!("{model}/training.csv"))).unwrap();
        let column = curve.lines().skip(1).map(|line| line.split(',').nth(5));
        column.map(|loss| loss.unwrap().parse().unwrap()).collect()
    };
    let reached = losses("model");
    assert!(reached.last().unwrap() < &1.5, "{reached:?}");

    let generate = |prompt: &str| {
        let more = ["--prompt", prompt, "--tokens", "20"];
        let model = ["--model", &at("model")];
        run(
            env!("CARGO_BIN_EXE_generate"),
            &[&model[..], &more].concat(),
        )
    };
    let output = generate("Doub");
    let text = said(&output);
    assert!(
        output.status.success() && text.starts_with("Doub"),
        "{text}"
    );
    let output = generate("é");
    assert!(
        !output.status.success() && said(&output).contains("'é'"),
        "{}",
        said(&output)
    );

    // Windows are as long as the model looks back. Gates begin at zero, and learn all the same.
    for (kind, more_than) in [("identity", 0.005), ("sigmoid", 0.02)] {
        let from = ["--from", &at("model"), "--gate", kind];
        let out = ["--trained", "gates", "--epochs", "20", "--out", &at(kind)];
        let output = tune(&[&from[..], &out].concat());
        assert!(output.status.success(), "{}", said(&output));
        let reached = losses(kind);
        let best = reached.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(best < reached[0] - more_than, "{reached:?}");
    }
    let longer = ["--from", &at("model"), "--context", "9"];
    let output = tune(&longer);
    assert!(
        said(&output).contains("--context: 9 is not allowed; give 1 to 8"),
        "{}",
        said(&output)
    );
    let gated = Llama::load(Path::new(&at("identity")), &Device::flex()).unwrap();
    assert_eq!(gated.config().gate, Some(GateKind::Identity));
    let output = tune(&["--from", &at("nowhere")]);
    assert!(said(&output).contains("config.json"), "{}", said(&output));
}

/// From the command line: half of the units leave, the folder has the smaller model, and it writes and is fine-tuned like any.
#[test]
fn tune_text_prunes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("verse.txt"), VERSE.repeat(12)).unwrap();
    let tune_into = |out: &str, more: &[&str]| {
        let begin = ["--text", &at("verse.txt"), "--out", &at(out)];
        let small = [
            "--context",
            "8",
            "--layers",
            "2",
            "--heads",
            "2",
            "--width",
            "16",
        ];
        let small: &[&str] = if more.contains(&"--from") {
            &[]
        } else {
            &small
        };
        let tuned = run(
            env!("CARGO_BIN_EXE_tune-text"),
            &[&begin[..], small, more].concat(),
        );
        (tuned.status.success(), said(&tuned))
    };
    let tune = |more: &[&str]| tune_into("none", more);
    let (good, words) = tune_into(
        "model",
        &["--units", "40", "--epochs", "20", "--prune", "0.5"],
    );
    assert!(good, "{words}");
    assert!(
        words.contains("pruned: 50.0 % of the feed-forward units are left, 20 of each block"),
        "{words}"
    );
    let config = std::fs::read_to_string(at("model/config.json")).unwrap();
    assert!(config.contains("\"intermediate_size\": 20"), "{config}");
    assert!(Tokenizer::load(Path::new(&at("model"))).is_ok());
    let model = at("model");
    let generate = ["--model", &model, "--prompt", "Doub", "--tokens", "20"];
    let output = run(env!("CARGO_BIN_EXE_generate"), &generate);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).starts_with("Doub"));
    let again = ["--from", &model, "--epochs", "10", "--prune", "0.3"];
    let (good, words) = tune_into("other", &again);
    assert!(good && words.contains("14 of each block"), "{words}");

    for share in ["0", "1", "1.5", "-0.1", "NaN"] {
        let (good, words) = tune(&["--prune", share]);
        let refused = format!("--prune: {share} is not allowed; give a share above 0 and below 1");
        assert!(!good && words.contains(&refused), "{words}");
    }
    for trained in ["gates", "lora"] {
        let (good, words) = tune(&["--gate", "identity", "--trained", trained, "--prune", "0.5"]);
        let refused = format!("--prune: 0.5 with `--trained {trained}` is not allowed");
        assert!(!good && words.contains(&refused), "{words}");
    }
    let (good, words) = tune(&["--prune", "0.999"]);
    assert!(!good && words.contains("pruning.target: 0.999"), "{words}");
}

//! Byte-pair encoding by a `tokenizer.json`, against the library `tokenizers` in Python and through the binaries.

use crate::{fixture, run, said};
use serde_json::Value;
use std::path::Path;
use trimtab_llama::{Llama, Tokenizer};

fn bpe() -> Tokenizer {
    Tokenizer::load(&fixture("bpe")).unwrap()
}

fn ids(of: &Value) -> Vec<u32> {
    let numbers = of.as_array().unwrap().iter();
    numbers.map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn texts_become_the_tokens_that_were_recorded() {
    let recorded = std::fs::read_to_string(fixture("bpe").join("tokens.json")).unwrap();
    let recorded: Vec<Value> = serde_json::from_str(&recorded).unwrap();
    assert!(recorded.len() > 3);
    let folder = tempfile::tempdir().unwrap();
    bpe().save(folder.path()).unwrap();
    for tokenizer in [bpe(), Tokenizer::load(folder.path()).unwrap()] {
        assert_eq!(tokenizer.len(), 48);
        for case in &recorded {
            let text = case["text"].as_str().unwrap();
            assert_eq!(
                tokenizer.encode(text).unwrap(),
                ids(&case["tokens"]),
                "{text}"
            );
            let prompt = tokenizer.prompt(text).unwrap();
            assert_eq!(prompt, ids(&case["prompt"]), "{text}");
            assert_eq!(
                tokenizer.decode(&prompt).unwrap(),
                case["decoded"].as_str().unwrap()
            );
        }
        let names = tokenizer.names(50);
        assert_eq!(
            (names.len(), &names[1][..], &names[49][..]),
            (50, "<s>", "<49>")
        );
    }
}

/// A folder of transformers with a `tokenizer.json` is prompted with text and fine-tuned on text, and so is what that leaves.
#[test]
fn a_model_with_a_tokenizer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(at("model")).unwrap();
    for (from, file) in [
        ("tiny-llama", "config.json"),
        ("tiny-llama", "model.safetensors"),
        ("bpe", "tokenizer.json"),
    ] {
        std::fs::copy(fixture(from).join(file), Path::new(&at("model")).join(file)).unwrap();
    }
    let verse = "Double, double toil and trouble;\nFire burn and cauldron bubble.\n";
    std::fs::write(at("verse.txt"), verse.repeat(30)).unwrap();
    let tune = |from: &str, out: &str| {
        let words = ["--text", &at("verse.txt"), "--from", from, "--context", "8"];
        let more = ["--epochs", "20", "--out", out];
        let output = run(
            env!("CARGO_BIN_EXE_tune-text"),
            &[&words[..], &more].concat(),
        );
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    let told = tune(&at("model"), &at("tuned"));
    // As many as `tokenizers` says in Python.
    assert!(told.contains("661 tokens of 48, 2.90 bytes each"), "{told}");
    assert_eq!(
        Llama::load(Path::new(&at("tuned")), &burn::tensor::Device::flex())
            .unwrap()
            .config()
            .vocab_size,
        48
    );
    let prompt = [
        "--model",
        &at("tuned"),
        "--prompt",
        "Double, double",
        "--tokens",
        "12",
    ];
    let output = run(env!("CARGO_BIN_EXE_generate"), &prompt);
    assert!(output.status.success(), "{}", said(&output));
    let text = said(&output);
    assert!(text.starts_with("Double, double"), "{text}");
    tune(&at("tuned"), &at("again"));
    assert!(Path::new(&at("again/tokenizer.json")).is_file());
}

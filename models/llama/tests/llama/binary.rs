//! The binary `generate`.

use crate::{MODELS, fixture, run};
use std::process::Output;

fn generate(arguments: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_generate"), arguments)
}

fn said(output: &[u8]) -> &str {
    std::str::from_utf8(output).unwrap()
}

#[test]
fn recorded_logits_are_checked() {
    let path = |name: &str| fixture(name).to_str().unwrap().to_owned();
    for name in MODELS {
        let logits = format!("{}/logits.json", path(name));
        let output = generate(&["--model", &path(name), "--check", &logits]);
        assert!(output.status.success(), "{}", said(&output.stderr));
        assert!(said(&output.stdout).starts_with("largest difference of a logit: "));
    }
    let logits = format!("{}/logits.json", path("tiny-llama-llama3"));
    let output = generate(&["--model", &path("tiny-llama"), "--check", &logits]);
    assert!(!output.status.success());
    assert!(
        said(&output.stderr).contains("more than 1e-3"),
        "{}",
        said(&output.stderr)
    );
}

#[test]
fn tokens_are_generated_with_and_without_the_cache() {
    let model = fixture("tiny-llama");
    let model = model.to_str().unwrap();
    let begin = ["--model", model, "--ids", "1,5,9", "--tokens", "8"];
    let with = |more: &[&str]| {
        let output = generate(&[&begin[..], more].concat());
        assert!(output.status.success(), "{}", said(&output.stderr));
        said(&output.stdout).to_owned()
    };
    let tokens = with(&[]);
    assert!(
        tokens
            .trim()
            .split(',')
            .all(|token| token.parse::<u32>().unwrap() < 48)
    );
    assert_eq!(tokens, with(&["--no-cache"]));
    let drawn = ["--temperature", "2", "--top-p", "0.9", "--seed", "3"];
    assert_eq!(with(&drawn), with(&[&drawn[..], &["--no-cache"]].concat()));
    let output = generate(&["--model", model, "--ids", "48"]);
    assert!(!output.status.success());
    assert!(
        said(&output.stderr).contains("token 48 is not allowed"),
        "{}",
        said(&output.stderr)
    );
}

//! What cannot be a model is refused, and the message says what to change.

use crate::files::{load, opened, store};
use crate::fixture;
use safetensors::Dtype;
use serde_json::{Value, json};
use std::fs;
use trimtab_llama::{Llama, LlamaConfig};

fn config() -> Value {
    let text = fs::read(fixture("tiny-llama-llama3").join("config.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn fields_of_configs_are_refused_by_name() {
    for (field, value, expected) in [
        ("model_type", json!("mistral"), "model_type: \"mistral\""),
        ("model_type", Value::Null, "model_type: nothing"),
        (
            "hidden_act",
            json!("gelu"),
            "hidden_act: \"gelu\" is not allowed; give \"silu\"",
        ),
        (
            "attention_bias",
            json!(true),
            "attention_bias: true is not allowed; give false",
        ),
        ("mlp_bias", json!(true), "mlp_bias: true"),
        ("attention_dropout", json!(0.1), "attention_dropout: 0.1"),
        (
            "num_attention_heads",
            json!(6),
            "num_attention_heads: 6 is not allowed; give what divides hidden_size, 32",
        ),
        (
            "num_key_value_heads",
            json!(3),
            "num_key_value_heads: 3 is not allowed; give what divides",
        ),
        ("num_key_value_heads", json!(0), "num_key_value_heads: 0"),
        (
            "head_dim",
            json!(7),
            "head_dim: 7 is not allowed; give an even number",
        ),
        (
            "hidden_size",
            json!(-1),
            "hidden_size: -1 is not allowed; give a whole number",
        ),
        ("hidden_size", Value::Null, "hidden_size: nothing"),
        (
            "hidden_size",
            json!(1u64 << 40),
            "hidden_size: 1099511627776",
        ),
        ("hidden_size", json!("32"), "hidden_size: \"32\""),
        ("vocab_size", json!(0), "vocab_size: 0"),
        ("num_hidden_layers", json!(1001), "num_hidden_layers: 1001"),
        (
            "rms_norm_eps",
            json!(-1e-5),
            "rms_norm_eps: -0.00001 is not allowed; give a number from 0 to 1",
        ),
        ("rms_norm_eps", json!(true), "rms_norm_eps: true"),
        (
            "tie_word_embeddings",
            json!(1),
            "tie_word_embeddings: 1 is not allowed; give true or false",
        ),
        (
            "eos_token_id",
            json!([2, 48]),
            "eos_token_id: 48 is not allowed; give tokens from 0 to 47",
        ),
        (
            "quantization_config",
            json!({"bits": 4}),
            "quantization_config: {\"bits\":4}",
        ),
        ("sliding_window", json!(16), "sliding_window: 16"),
        ("rope_theta", json!(500.0), "rope_theta: 10000"),
        (
            "rope_scaling",
            json!({"rope_type": "default"}),
            "rope_scaling: another scaling",
        ),
        (
            "rope_scaling",
            json!([8]),
            "rope_scaling: [8] is not allowed; give an object",
        ),
        (
            "rope_parameters",
            json!({"rope_type": "yarn"}),
            "rope_parameters.rope_type: `yarn`",
        ),
        ("rope_parameters", json!({"rope_theta": 0}), "rope_theta: 0"),
        (
            "rope_parameters",
            json!({"factor": 2.0}),
            "rope_parameters.factor: 2.0",
        ),
        (
            "rope_parameters",
            json!({"rope_type": "llama3"}),
            "rope_parameters.factor: nothing",
        ),
        ("trimtab_gate", json!("relu"), "trimtab_gate: `relu`"),
    ] {
        let mut config = config();
        config[field] = value.clone();
        let message = LlamaConfig::from_json(config, "a/config.json")
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("a/config.json: "),
            "{field} {value}: {message}"
        );
        assert!(message.contains(expected), "{field} {value}: {message}");
    }
    for (factor, expected) in [
        ("factor", "config.json: factor: 0.5"),
        ("high_freq_factor", "config.json: high_freq_factor: 0.5"),
    ] {
        let mut config = config();
        config["rope_parameters"][factor] = json!(0.5);
        let message = LlamaConfig::from_json(config, "config.json")
            .unwrap_err()
            .to_string();
        assert!(message.contains(expected), "{message}");
    }
    assert!(LlamaConfig::from_json(json!([]), "config.json").is_err());
}

#[test]
fn sizes_of_ones_own_are_checked_before_anything_is_allocated() {
    let device = burn::tensor::Device::flex();
    for (vocabulary, hidden, layers, heads, expected) in [
        (0, 8, 1, 1, "vocab_size: 0"),
        (8, 8, 1, 0, "num_attention_heads: 0"),
        (8, usize::MAX, 1, 1, "hidden_size: 18446744073709551615"),
        (
            8,
            8,
            usize::MAX,
            1,
            "num_hidden_layers: 18446744073709551615",
        ),
        (8, 65_536, 1000, 2, "GB of memory"),
        (8, 9, 1, 3, "head_dim: 3"),
        (8, 10, 1, 4, "num_attention_heads: 4"),
    ] {
        let config = LlamaConfig::new(vocabulary, hidden, layers, heads);
        let message = Llama::new(config, 1, &device).unwrap_err().to_string();
        assert!(
            message.starts_with("LlamaConfig: ") && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn tensors_are_refused_by_name() {
    let refused = |change: &dyn Fn(&mut Vec<crate::files::Stored>)| {
        let (folder, mut tensors) = opened("tiny-llama");
        change(&mut tensors);
        store(&folder.path().join("model.safetensors"), &tensors);
        load(folder.path()).unwrap_err().to_string()
    };
    let missing = refused(&|tensors| tensors.retain(|tensor| tensor.0 != "lm_head.weight"));
    assert!(
        missing.contains("no tensor is called `lm_head.weight`"),
        "{missing}"
    );
    assert!(missing.contains("shape [48, 32]"), "{missing}");
    let extra = refused(&|tensors| {
        let name = "model.layers.2.input_layernorm.weight".to_owned();
        tensors.push((name, Dtype::F32, vec![32], vec![0; 128]));
    });
    assert!(
        extra.contains("`model.layers.2.input_layernorm.weight`"),
        "{extra}"
    );
    let shape = refused(&|tensors| {
        let tensor = tensors
            .iter_mut()
            .find(|tensor| tensor.0.ends_with("k_proj.weight"));
        tensor.unwrap().2 = vec![32, 16];
    });
    assert!(
        shape.contains("has shape [32, 16]: expected [16, 32]"),
        "{shape}"
    );
    let kind = refused(&|tensors| tensors[0].1 = Dtype::I32);
    assert!(
        kind.contains("is of type I32: expected F32, F16 or BF16"),
        "{kind}"
    );
}

#[test]
fn damaged_and_absent_files_are_named() {
    let (folder, _) = opened("tiny-llama");
    let path = folder.path().join("model.safetensors");
    let message = || load(folder.path()).unwrap_err().to_string();
    assert!(
        message().contains("model.safetensors: cannot be read"),
        "{}",
        message()
    );
    let whole = fs::read(fixture("tiny-llama").join("model.safetensors")).unwrap();
    for bytes in [
        &whole[..whole.len() - 1],
        &whole[..100],
        &whole[..4],
        b"",
        &[255; 64],
    ] {
        fs::write(&path, bytes).unwrap();
        assert!(
            message().contains("model.safetensors: damaged"),
            "{}",
            message()
        );
    }
    fs::write(folder.path().join("config.json"), "{\"hidden_size\":").unwrap();
    assert!(
        message().contains("config.json: not the JSON"),
        "{}",
        message()
    );
    assert!(
        load(&folder.path().join("absent"))
            .unwrap_err()
            .to_string()
            .contains("config.json")
    );
}

#[test]
fn only_files_of_the_folder_are_opened() {
    let (folder, tensors) = opened("tiny-llama");
    let outside = tempfile::tempdir().unwrap();
    let there = outside.path().join("weights.safetensors");
    store(&there, &tensors);
    let index = folder.path().join("model.safetensors.index.json");
    for shard in [
        there.to_str().unwrap(),
        "../weights.safetensors",
        "..",
        ".",
        "",
        "a/b",
        "a\\b",
    ] {
        let weight_map = json!({"weight_map": {"lm_head.weight": shard}});
        fs::write(&index, weight_map.to_string()).unwrap();
        let message = load(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains(&format!("weight_map: `{shard}`")),
            "{message}"
        );
    }
    // A shard with a tensor that the index does not list for it, and an index that lists what its shard does not have.
    let shard = "model-0.safetensors";
    store(&folder.path().join(shard), &tensors);
    let list = |names: Vec<&str>| {
        let map: serde_json::Map<_, _> = names
            .into_iter()
            .map(|name| (name.to_owned(), shard.into()))
            .collect();
        fs::write(&index, json!({"weight_map": map}).to_string()).unwrap();
        load(folder.path())
    };
    let all = || {
        tensors
            .iter()
            .map(|tensor| tensor.0.as_str())
            .collect::<Vec<_>>()
    };
    assert!(list(all()).is_ok());
    let message = list(all()[1..].to_vec()).unwrap_err().to_string();
    assert!(message.contains("lists for this file"), "{message}");
    store(&folder.path().join(shard), &tensors[1..]);
    let message = list(all()).unwrap_err().to_string();
    assert!(
        message.contains("index.json: no tensor is called `lm_head.weight`"),
        "{message}"
    );
}

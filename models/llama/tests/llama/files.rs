//! Folders of models: round trips, types, shards.

use crate::{MODELS, bits, drawn, fixture, text, tiny};
use burn::tensor::{Device, bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use trimtab_llama::{GateKind, Llama, LlamaConfig, Trained};

/// A tensor of a file: name, type, shape, bytes.
pub type Stored = (String, Dtype, Vec<usize>, Vec<u8>);

pub fn stored(folder: &Path) -> Vec<Stored> {
    let bytes = fs::read(folder.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut stored: Vec<Stored> = tensors
        .iter()
        .map(|(name, t)| {
            (
                name.to_owned(),
                t.dtype(),
                t.shape().to_vec(),
                t.data().to_vec(),
            )
        })
        .collect();
    stored.sort_by(|a, b| a.0.cmp(&b.0));
    stored
}

pub fn store(path: &Path, tensors: &[Stored]) {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    fs::write(path, serialize(views, None).unwrap()).unwrap();
}

/// A folder with the config of a fixture, and its tensors.
pub fn opened(name: &str) -> (TempDir, Vec<Stored>) {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        fixture(name).join("config.json"),
        folder.path().join("config.json"),
    )
    .unwrap();
    (folder, stored(&fixture(name)))
}

pub fn load(folder: &Path) -> trimtab_llama::Result<Llama> {
    Llama::load(folder, &Device::flex())
}

fn logits(model: &Llama) -> Vec<u32> {
    bits(model.forward(model.tokens(&[text(11)]).unwrap()))
}

#[test]
fn what_is_written_is_what_was_read() {
    for name in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let model = tiny(name);
        model.save(folder.path()).unwrap();
        assert_eq!(stored(folder.path()), stored(&fixture(name)));
        let again = load(folder.path()).unwrap();
        assert_eq!(again.config(), model.config());
        assert_eq!(logits(&again), logits(&model));

        // No field of transformers is lost or changed; the words of version 4 are added.
        let config = |folder: &Path| -> Value {
            serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap()
        };
        let (before, after) = (config(&fixture(name)), config(folder.path()));
        let dropped = ["attention_dropout", "pad_token_id"];
        for (field, value) in before.as_object().unwrap() {
            if !dropped.contains(&field.as_str()) {
                assert_eq!(&after[field], value, "{name}: {field}");
            }
        }
    }
}

#[test]
fn gates_have_names_of_their_own_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny("tiny-llama").with_gates(GateKind::Sigmoid);
    model.save(folder.path()).unwrap();
    let again = load(folder.path()).unwrap();
    assert_eq!(again.config().gate, Some(GateKind::Sigmoid));
    assert_eq!(logits(&again), logits(&model));
    let own: Vec<_> = stored(folder.path())
        .into_iter()
        .filter(|t| t.0.contains(".gate."))
        .collect();
    let names: Vec<_> = own
        .iter()
        .map(|tensor| (tensor.0.as_str(), &tensor.2[..]))
        .collect();
    assert_eq!(
        names,
        [
            ("model.layers.0.self_attn.gate.linear.bias", &[4][..]),
            ("model.layers.0.self_attn.gate.linear.weight", &[4, 32]),
            ("model.layers.1.self_attn.gate.linear.bias", &[4]),
            ("model.layers.1.self_attn.gate.linear.weight", &[4, 32]),
        ]
    );
}

#[test]
fn adapters_are_added_to_their_matrices() {
    let folder = tempfile::tempdir().unwrap();
    let model = drawn(1, &Device::flex());
    let adapted = model
        .clone()
        .training(
            Trained::Lora {
                rank: 2,
                alpha: 4.0,
            },
            1,
        )
        .unwrap();
    adapted.save(folder.path()).unwrap();
    assert_eq!(logits(&load(folder.path()).unwrap()), logits(&model));
}

#[test]
fn weights_of_16_bits_become_weights_of_32() {
    for (dtype, round) in [
        (
            Dtype::F16,
            (|x| f16::from_f32(x).to_le_bytes()) as fn(f32) -> [u8; 2],
        ),
        (Dtype::BF16, |x| bf16::from_f32(x).to_le_bytes()),
    ] {
        let (folder, mut tensors) = opened("tiny-llama");
        for (_, own, _, bytes) in &mut tensors {
            *own = dtype;
            let (fours, _) = bytes.as_chunks::<4>();
            *bytes = fours
                .iter()
                .flat_map(|x| round(f32::from_le_bytes(*x)))
                .collect();
        }
        store(&folder.path().join("model.safetensors"), &tensors);
        let model = load(folder.path()).unwrap();
        // Once rounded they stay.
        let copy = tempfile::tempdir().unwrap();
        model.save(copy.path()).unwrap();
        for ((_, own, _, bytes), (.., before)) in stored(copy.path()).iter().zip(&tensors) {
            assert_eq!(*own, Dtype::F32);
            let (fours, _) = bytes.as_chunks::<4>();
            let again: Vec<u8> = fours
                .iter()
                .flat_map(|x| round(f32::from_le_bytes(*x)))
                .collect();
            assert_eq!(&again, before);
        }
    }
}

#[test]
fn shards_make_the_same_model() {
    for extra in [false, true] {
        let (folder, mut tensors) = opened("tiny-llama");
        if extra {
            // Old files have a table that follows from the config.
            let name = "model.layers.0.self_attn.rotary_emb.inv_freq".to_owned();
            tensors.push((name, Dtype::F32, vec![4], vec![0; 16]));
        }
        let mut weight_map = BTreeMap::new();
        for (index, part) in tensors.chunks(8).enumerate() {
            let shard = format!("model-{index}.safetensors");
            store(&folder.path().join(&shard), part);
            weight_map.extend(part.iter().map(|tensor| (tensor.0.clone(), shard.clone())));
        }
        let index = json!({"metadata": {"total_size": 80512}, "weight_map": weight_map});
        fs::write(
            folder.path().join("model.safetensors.index.json"),
            index.to_string(),
        )
        .unwrap();
        assert_eq!(
            logits(&load(folder.path()).unwrap()),
            logits(&tiny("tiny-llama"))
        );
    }
}

#[test]
fn tied_outputs_may_be_in_the_file_if_they_are_the_embeddings() {
    let (folder, mut tensors) = opened("tiny-llama-tied");
    let path = folder.path().join("model.safetensors");
    let mut outputs = tensors
        .iter()
        .find(|t| t.0 == "model.embed_tokens.weight")
        .unwrap()
        .clone();
    outputs.0 = "lm_head.weight".to_owned();
    tensors.push(outputs);
    store(&path, &tensors);
    assert_eq!(
        logits(&load(folder.path()).unwrap()),
        logits(&tiny("tiny-llama-tied"))
    );
    tensors.last_mut().unwrap().3[0] ^= 1;
    store(&path, &tensors);
    let message = load(folder.path()).unwrap_err().to_string();
    assert!(
        message.contains("lm_head.weight") && message.contains("tie_word_embeddings"),
        "{message}"
    );
}

/// The same model in the words of transformers 4.
#[test]
fn configs_of_version_4_say_the_same() {
    for name in MODELS {
        let text = fs::read(fixture(name).join("config.json")).unwrap();
        let now: Value = serde_json::from_slice(&text).unwrap();
        let mut before = now.clone();
        let fields = before.as_object_mut().unwrap();
        let mut rope = fields.remove("rope_parameters").unwrap();
        let theta = rope.as_object_mut().unwrap().remove("rope_theta").unwrap();
        fields.insert("rope_theta".to_owned(), theta);
        let scaled = rope["rope_type"] == "llama3";
        fields.insert(
            "rope_scaling".to_owned(),
            if scaled { rope } else { Value::Null },
        );
        let dtype = fields.remove("dtype").unwrap();
        fields.insert("torch_dtype".to_owned(), dtype);
        let read = |value| LlamaConfig::from_json(value, "config.json").unwrap();
        let (now, before) = (read(now), read(before));
        assert_eq!(now.rope, before.rope);
        assert_eq!(
            LlamaConfig {
                others: before.others.clone(),
                ..now
            },
            before
        );
    }
}

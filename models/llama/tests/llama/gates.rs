//! The gate on the heads.

use crate::files::{Stored, load, store, stored};
use crate::{MODELS, bits, drawn, numbers, text, tiny};
use burn::tensor::Device;
use trimtab_llama::{GateKind, Llama, Trained};

fn logits(model: &Llama) -> Vec<u32> {
    bits(model.forward(model.tokens(&[text(11)]).unwrap()))
}

#[test]
fn an_identity_gate_changes_nothing_to_the_bit() {
    for name in MODELS {
        let model = tiny(name);
        assert_eq!(
            logits(&model),
            logits(&model.clone().with_gates(GateKind::Identity))
        );
        assert_ne!(
            logits(&model),
            logits(&model.clone().with_gates(GateKind::Sigmoid))
        );
    }
}

#[test]
fn adapters_begin_as_nothing_to_the_bit() {
    for trained in [
        Trained::All,
        Trained::Lora {
            rank: 4,
            alpha: 8.0,
        },
    ] {
        let model = drawn(1, &Device::flex());
        assert_eq!(
            logits(&model),
            logits(&model.clone().training(trained, 1).unwrap())
        );
    }
}

#[test]
fn a_gate_scales_heads_by_what_the_hidden_state_says() {
    use burn::tensor::Tensor;
    use trimtab_llama::gate::Gate;
    let device = Device::flex();
    let states = Tensor::<1>::from_floats([1., -2., 0.5, 3., 0., 1.], &device).reshape([1, 2, 3]);
    for (kind, start) in [(GateKind::Identity, 1.0), (GateKind::Sigmoid, 0.5)] {
        let gate = Gate::new(kind, 3, 4, &device);
        let coefficients = gate.coefficients(states.clone());
        assert_eq!(coefficients.dims(), [1, 2, 4]);
        assert_eq!(numbers(coefficients), [start; 8]);
    }
}

/// A closed gate on one head is as if the output projection had zeros for what that head gives.
#[test]
fn a_closed_gate_takes_its_head_away() {
    const HEAD: usize = 2;
    let changed = |model: &Llama, change: &dyn Fn(&mut Stored)| {
        let folder = tempfile::tempdir().unwrap();
        model.save(folder.path()).unwrap();
        let mut tensors = stored(folder.path());
        tensors.iter_mut().for_each(change);
        store(&folder.path().join("model.safetensors"), &tensors);
        load(folder.path()).unwrap()
    };
    let model = tiny("tiny-llama");
    let dim = model.config().head_dim;
    let closed = changed(&model.clone().with_gates(GateKind::Identity), &|(
        name,
        ..,
        bytes,
    )| {
        if name.ends_with("gate.linear.bias") {
            bytes[4 * HEAD..][..4].copy_from_slice(&(-200f32).to_le_bytes());
        }
    });
    let cut = changed(&model, &|(name, _, shape, bytes)| {
        if name.ends_with("o_proj.weight") {
            for row in bytes.chunks_mut(4 * shape[1]) {
                row[4 * HEAD * dim..][..4 * dim].fill(0);
            }
        }
    });
    let given = |model: &Llama| numbers(model.forward(model.tokens(&[text(11)]).unwrap()));
    let (closed, cut, whole) = (given(&closed), given(&cut), given(&model));
    for (closed, cut) in closed.iter().zip(&cut) {
        assert!((closed - cut).abs() < 1e-5, "{closed} {cut}");
    }
    assert!(
        cut.iter()
            .zip(&whole)
            .any(|(cut, whole)| (cut - whole).abs() > 0.1)
    );
}

//! Logits, hidden states and loss against those of transformers.

use crate::{MODELS, fixture, numbers, tiny};
use trimtab_llama::Recorded;
use trimtab_llama::recorded::largest_difference;

const TOLERANCE: f64 = 1e-4;

fn recorded(name: &str) -> Recorded {
    Recorded::load(&fixture(name).join("logits.json")).unwrap()
}

#[test]
fn logits_and_loss_are_those_of_transformers() {
    for name in MODELS {
        let (model, recorded) = (tiny(name), recorded(name));
        let difference = recorded.largest_difference(&model).unwrap();
        assert!(difference < TOLERANCE, "{name}: {difference}");
        let loss = numbers(model.loss(model.tokens(&recorded.input_ids).unwrap()))[0];
        let difference = (f64::from(loss) - recorded.loss.unwrap()).abs();
        assert!(difference < TOLERANCE, "{name}: {difference}");
    }
}

#[test]
fn hidden_states_are_those_of_transformers() {
    for name in MODELS {
        let (model, recorded) = (tiny(name), recorded(name));
        let states = model.hidden_states(model.tokens(&recorded.input_ids).unwrap());
        let [embeddings, between, last] = states.try_into().unwrap();
        for (own, recorded) in [
            (embeddings, recorded.hidden_states_layer_0_input),
            (between, recorded.hidden_states_after_layer_1),
            (last, recorded.last_hidden_state_after_norm),
        ] {
            let difference = largest_difference(&recorded.unwrap(), own).unwrap();
            assert!(difference < TOLERANCE, "{name}: {difference}");
        }
    }
}

/// The fixtures tell the models apart: with the rotation of another the logits are off.
#[test]
fn recorded_logits_see_the_scaling() {
    let difference = recorded("tiny-llama-llama3")
        .largest_difference(&tiny("tiny-llama"))
        .unwrap();
    assert!(difference > 0.1, "{difference}");
}

#[test]
fn recorded_logits_of_another_shape_and_numbers_that_are_none_do_not_pass() {
    let model = tiny("tiny-llama");
    let mut short = recorded("tiny-llama");
    short.logits[1][3].pop();
    let message = short.largest_difference(&model).unwrap_err().to_string();
    assert!(
        message.contains("2 texts of 11 positions of 48 numbers"),
        "{message}"
    );
    let mut infinite = recorded("tiny-llama");
    infinite.logits[0][0][0] = f32::NAN;
    assert_eq!(infinite.largest_difference(&model).unwrap(), f64::INFINITY);
    let mut foreign = recorded("tiny-llama");
    foreign.input_ids[0][0] = 48;
    let message = foreign.largest_difference(&model).unwrap_err().to_string();
    assert!(message.contains("token 48"), "{message}");
}

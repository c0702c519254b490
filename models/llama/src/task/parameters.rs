//! The numbers of a config from which a program makes a [`LlamaTask`]: `model: Custom(name: "llama", parameters: {..})`.

use super::LlamaTask;
use crate::{GateKind, LlamaConfig, Trained};
use trimtab_env::error::nearest::did_you_mean;
use trimtab_models::tasks::custom::{AnyTask, Parameters, TaskOf, any};
use trimtab_models::{Error, Result};

/// The parameters that there are, the smallest and the largest that is a number of the config at all, and what they are if they are left out.
const PARAMETERS: [(&str, usize, usize, usize); 6] = [
    ("layers", 1, 1 << 10, 4),
    ("heads", 1, 1 << 10, 4),
    ("width", 1, 1 << 16, 128),
    ("key_value_heads", 0, 1 << 10, 0),
    ("tied", 0, 1, 1),
    ("gate", 0, 2, 0),
];

/// The constructor of a LLaMA with new weights for a `Registry` or [`trimtab_models::tasks::custom::Extensions`].
///
/// | parameter | meaning | left out |
/// |---|---|---|
/// | `layers`, `heads`, `width` | blocks, heads of queries, `hidden_size` | 4, 4, 128 |
/// | `key_value_heads` | heads of keys and values; 0 for as many as those of queries | 0 |
/// | `tied` | 1: the embeddings are the output matrix | 1 |
/// | `gate` | 0 none, 1 [`GateKind::Identity`], 2 [`GateKind::Sigmoid`] | 0 |
///
/// The perceptron is as wide as 8/3 of `width`, rounded up to a multiple of 32 (Touvron et al. 2023, section 2.2, have 8/3 too). All weights train.
///
/// # Errors
/// [`Error::Config`] naming a parameter that there is not or that is out of range; those of [`LlamaTask::new`].
pub fn from_parameters(parameters: &Parameters, task: TaskOf) -> Result<Box<dyn AnyTask>> {
    let names = || PARAMETERS.iter().map(|(name, ..)| *name);
    if let Some(name) = parameters
        .keys()
        .find(|name| !names().any(|own| own == *name))
    {
        let all: Vec<&str> = names().collect();
        return Err(Error::Config {
            field: "model.parameters".to_owned(),
            given: format!("`{name}`"),
            allowed: format!("{}{}", all.join(", "), did_you_mean(name, names())),
        });
    }
    let mut numbers = [0; PARAMETERS.len()];
    for ((name, least, most, otherwise), number) in PARAMETERS.iter().zip(&mut numbers) {
        let given = parameters.get(*name).copied();
        let given = given.unwrap_or(*otherwise as f64);
        if given.fract() != 0.0 || !(*least as f64..=*most as f64).contains(&given) {
            return Err(Error::Config {
                field: format!("model.parameters.{name}"),
                given: given.to_string(),
                allowed: format!("a whole number from {least} to {most}"),
            });
        }
        *number = given as usize;
    }
    let [layers, heads, width, key_value_heads, tied, gate] = numbers;
    let tokens = task.split.train.outputs();
    let config = LlamaConfig {
        num_key_value_heads: if key_value_heads == 0 {
            heads
        } else {
            key_value_heads
        },
        intermediate_size: (8 * width).div_ceil(3).next_multiple_of(32),
        max_position_embeddings: task.split.train.features / 2,
        tie_word_embeddings: tied == 1,
        gate: [None, Some(GateKind::Identity), Some(GateKind::Sigmoid)][gate],
        ..LlamaConfig::new(tokens, width, layers, heads)
    };
    let made = LlamaTask::new(&task.name, task.split, config, Trained::All);
    match made {
        Ok(task) => Ok(any(task)),
        Err(crate::Error::Models(error)) => Err(error),
        Err(error) => Err(Error::Config {
            field: "model.parameters".to_owned(),
            given: "a model".to_owned(),
            allowed: format!("another one ({error})"),
        }),
    }
}

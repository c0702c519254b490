//! Which weights belong to a unit of the perceptrons, so that units can leave while a model trains.
//!
//! A unit is a row of `gate_proj` and of `up_proj`, which make it, and a column of `down_proj`, by which it is added to the residual stream: the group that
//! LLM-Pruner (Ma et al. 2023, "LLM-Pruner: on the structural pruning of large language models", section 3.1) takes out of a SwiGLU block as one. Without it the block
//! computes what it would with zeros in that column.
//!
//! All blocks keep the same number of units, since `config.json` of transformers has one `intermediate_size` for all of them.

use crate::Llama;
use crate::parameters::shapes;
use trimtab_program::pruning::{Prunable, Role, UnitWeights, Units};

/// The matrices of a perceptron in the names of parameters, and what their weights are to a unit.
const MATRICES: [(&str, Role); 3] = [
    ("mlp.gate_proj.weight", Role::Incoming),
    ("mlp.up_proj.weight", Role::Incoming),
    ("mlp.down_proj.weight", Role::Outgoing),
];

const EMBEDDINGS: &str = "model.embed_tokens.weight";

impl Llama {
    /// Where the units of the perceptrons are in the numbers of the model, in the order of [`trimtab_models::weights::flat_state`]: a layer for each block. A
    /// token uses every number once, but embeddings that are not the output matrix too: these are looked up.
    pub fn prunable(&self) -> Prunable {
        let config = self.config();
        let (outer, inner) = (config.hidden_size, config.intermediate_size);
        let empty = Units {
            count: inner,
            weights: Vec::new(),
        };
        let mut layers = vec![empty; config.num_hidden_layers];
        let (mut tensors, mut uses) = (Vec::new(), Vec::new());
        let mut start = 0;
        // Blocks are in their order.
        let mut blocks = layers.iter_mut();
        let mut block = blocks.next();
        for (name, shape) in shapes(self) {
            let end = start + shape.iter().product::<usize>();
            tensors.push(start..end);
            uses.push(usize::from(
                name != EMBEDDINGS || config.tie_word_embeddings,
            ));
            let matrix = MATRICES.iter().find(|(ending, _)| name.ends_with(ending));
            if let (Some((_, role)), Some(units)) = (matrix, &mut block) {
                // Matrices of burn are `[inputs, outputs]`.
                units.weights.push(match role {
                    Role::Outgoing => UnitWeights::rows(*role, start, outer),
                    _ => UnitWeights::columns(*role, start, outer, inner),
                });
                if units.weights.len() == MATRICES.len() {
                    block = blocks.next();
                }
            }
            start = end;
        }
        Prunable {
            layers,
            tensors,
            uses,
            evenly: true,
        }
    }
}

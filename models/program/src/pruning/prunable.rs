//! What pruning has to know of a network.

use super::Units;
use crate::Program;
use std::ops::Range;

/// Where the units of a network are, and what its weights cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Prunable {
    /// The layers, from the inputs on, whose units can leave one by one.
    pub layers: Vec<Units>,
    /// Where the tensors of the network are in its weights, which they cover in this order.
    pub tensors: Vec<Range<usize>>,
    /// How often one example, or one token of it, uses each number of a tensor in a forward pass.
    pub uses: Vec<usize>,
    /// Whether all layers have to keep the same number of units.
    pub evenly: bool,
}

impl From<&dyn Program> for Prunable {
    /// Its layers keep any numbers of units.
    fn from(program: &dyn Program) -> Self {
        Self {
            layers: program.units(),
            tensors: program.tensors().to_vec(),
            uses: program.uses(),
            evenly: false,
        }
    }
}

impl Prunable {
    /// How many weights the network has.
    pub fn weights(&self) -> usize {
        self.tensors.last().map_or(0, |tensor| tensor.end)
    }

    /// How many units each layer has.
    pub fn sizes(&self) -> Vec<usize> {
        self.layers.iter().map(|layer| layer.count).collect()
    }
}

//! What belongs to a unit, and what stays when units leave.

/// Units of a layer that can leave one by one: hidden units, or channels of a convolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// How many there are.
    pub count: usize,
    /// Their weights, kind after kind.
    pub weights: Vec<UnitWeights>,
}

/// What weights are to their unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// They make it from the layer before.
    Incoming,
    /// They are added to it.
    Bias,
    /// They scale it, as those of batch normalisation do.
    Normalisation,
    /// The layer behind takes it by them.
    Outgoing,
}

/// Weights of one kind. Those of unit `u` are `blocks` runs of `length` numbers, the first at `start + u * step`, each `stride` behind
/// the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitWeights {
    /// What they are to their unit.
    pub role: Role,
    /// Where the first number of the first unit is in the weights of the network.
    pub start: usize,
    /// From one unit to the next.
    pub step: usize,
    /// Runs of numbers that a unit has.
    pub blocks: usize,
    /// From one run to the next.
    pub stride: usize,
    /// Numbers in a run.
    pub length: usize,
}

impl UnitWeights {
    /// One run of `length` numbers for each unit, one unit after the other.
    pub fn rows(role: Role, start: usize, length: usize) -> Self {
        Self {
            role,
            start,
            step: length,
            blocks: 1,
            stride: 0,
            length,
        }
    }

    /// The columns of a matrix of so many rows, whose columns are the units.
    pub fn columns(role: Role, start: usize, rows: usize, units: usize) -> Self {
        Self {
            role,
            start,
            step: 1,
            blocks: rows,
            stride: units,
            length: 1,
        }
    }

    /// Where the weights of unit `unit` are.
    pub fn of(&self, unit: usize) -> impl Iterator<Item = usize> + use<> {
        let Self {
            start,
            step,
            blocks,
            stride,
            length,
            ..
        } = *self;
        let first = start + unit * step;
        (0..blocks).flat_map(move |block| {
            let at = first + block * stride;
            at..at + length
        })
    }
}

impl Units {
    /// Where the weights of unit `unit` are, whatever they are to it.
    pub fn of(&self, unit: usize) -> impl Iterator<Item = usize> + '_ {
        self.weights.iter().flat_map(move |kind| kind.of(unit))
    }
}

/// Where the weights are that stay, in their order, when the units `removed` of each layer leave a network of so many weights. In the
/// same order they are the weights of the smaller network.
///
/// # Panics
/// If a layer has no such unit.
pub fn kept(weights: usize, layers: &[Units], removed: &[Vec<usize>]) -> Vec<usize> {
    let mut stays = vec![true; weights];
    for (layer, removed) in layers.iter().zip(removed) {
        for unit in removed {
            assert!(*unit < layer.count, "unit {unit} of {}", layer.count);
            layer.of(*unit).for_each(|at| stays[at] = false);
        }
    }
    (0..weights).filter(|at| stays[*at]).collect()
}

//! The pruning of one training: what it has seen, and which units leave.

use super::{Importance, Measure, Pruning};
use crate::{Error, Result};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use trimtab_env::Pruned;
use trimtab_program::pruning::{
    Layer, Parts, Prunable, Quota, Role, Threshold, Units, choose, choose_evenly, kept, magnitude,
    taylor,
};

/// The pruning of one training.
#[derive(Clone)]
pub(crate) struct Pruner {
    pruning: Pruning,
    rng: ChaCha8Rng,
    network: Arc<Shape>,
    /// All that there was of what is counted, and of operations.
    whole: [f64; 2],
    /// Units that each layer keeps.
    least: Vec<usize>,
    updates: u64,
    /// Sums of the importance over the updates looked at since units last left, and how many these were.
    sums: Vec<Vec<f64>>,
    seen: u64,
    thresholds: Vec<Threshold>,
}

/// Where units are in a network, and what their weights count.
struct Shape {
    layers: Vec<Units>,
    evenly: bool,
    weights: usize,
    counts: Vec<f64>,
    operations: f64,
}

impl Shape {
    fn of(prunable: Prunable, pruning: &Pruning) -> Self {
        let uses = prunable.tensors.iter().zip(&prunable.uses);
        let uses = uses.flat_map(|(tensor, uses)| std::iter::repeat_n(*uses as f64, tensor.len()));
        let uses: Vec<f64> = uses.collect();
        let operations = uses.iter().sum();
        let layers = prunable.layers;
        let counts = match pruning.of {
            Measure::Weights => vec![1.0; uses.len()],
            Measure::Operations => uses,
            Measure::Units => {
                // A unit counts by its bias, which no other has.
                let mut counts = vec![0.0; uses.len()];
                for layer in pruned_layers(&layers, pruning) {
                    for unit in 0..layers[layer].count {
                        counts[own(&layers[layer], unit)] = 1.0;
                    }
                }
                counts
            }
        };
        Self {
            weights: counts.len(),
            evenly: prunable.evenly,
            layers,
            counts,
            operations,
        }
    }

    fn counted(&self) -> f64 {
        self.counts.iter().sum()
    }
}

/// A weight that belongs to no other unit.
fn own(units: &Units, unit: usize) -> usize {
    let bias = units.weights.iter().find(|kind| kind.role == Role::Bias);
    bias.or(units.weights.first())
        .and_then(|kind| kind.of(unit).next())
        .unwrap_or(0)
}

/// The layers that lose units.
fn pruned_layers(layers: &[Units], pruning: &Pruning) -> Vec<usize> {
    let all = 0..layers.len();
    all.filter(|layer| pruning.layers.is_empty() || pruning.layers.contains(layer))
        .collect()
}

/// Whether layers that keep the same number of units can be pruned like this.
fn possible_evenly(pruning: &Pruning, layers: &[Units]) -> Result<()> {
    if let Some(layer) = pruning.layers.first() {
        return Err(Error::Config {
            field: "pruning.layers".to_owned(),
            given: layer.to_string(),
            allowed: "none: all layers of this network keep the same number of units".to_owned(),
        });
    }
    let units = layers.first().map_or(0, |layer| layer.count) as f64;
    let target = pruning.target.filter(|_| pruning.of == Measure::Units);
    let most = units - (pruning.least * units).ceil().max(1.0);
    match target {
        // Rounding is none of a share.
        Some(target) if (target * units - 1e-6).ceil() > most => Err(Error::Config {
            field: "pruning.target".to_owned(),
            given: target.to_string(),
            allowed: format!(
                "at most {most} of the {units} units of a layer: it keeps `least` of them, and one in any case"
            ),
        }),
        _ => Ok(()),
    }
}

impl Pruner {
    /// The pruning of a training that has not begun; `rng` is for units that leave at random.
    ///
    /// # Errors
    /// [`Error::Config`] if the network has not so many layers, or if its layers keep the same number of units and that is not possible.
    pub(crate) fn new(pruning: &Pruning, prunable: Prunable, rng: ChaCha8Rng) -> Result<Self> {
        pruning.validate()?;
        if prunable.evenly {
            possible_evenly(pruning, &prunable.layers)?;
        }
        let network = Arc::new(Shape::of(prunable, pruning));
        let count = network.layers.len();
        if let Some(layer) = pruning.layers.iter().find(|layer| **layer >= count) {
            return Err(Error::Config {
                field: "pruning.layers".to_owned(),
                given: layer.to_string(),
                allowed: format!("numbers below {count}, that of layers whose units can leave"),
            });
        }
        let least = network.layers.iter();
        let least = least.map(|layer| (pruning.least * layer.count as f64).ceil() as usize);
        let mut pruner = Self {
            least: least.collect(),
            whole: [network.counted(), network.operations],
            thresholds: vec![Threshold::new(pruning.smoothing); count],
            sums: Vec::new(),
            seen: 0,
            updates: 0,
            pruning: pruning.clone(),
            network,
            rng,
        };
        pruner.forget();
        Ok(pruner)
    }

    /// Begins the mean of the importance anew.
    fn forget(&mut self) {
        self.seen = 0;
        let layers = self.network.layers.iter();
        self.sums = layers.map(|layer| vec![0.0; layer.count]).collect();
    }

    /// Counts an update, and says whether it is one to [look at](Self::see).
    pub(crate) fn looks(&mut self) -> bool {
        let looks = self.updates.is_multiple_of(self.pruning.interval);
        self.updates += 1;
        looks
    }

    /// Takes the weights and the gradient of an update.
    pub(crate) fn see(&mut self, weights: &[f32], gradient: &[f32]) {
        self.seen += 1;
        let layers = self.network.layers.iter().zip(&mut self.sums);
        for ((layer, sums), threshold) in layers.zip(&mut self.thresholds) {
            let importance = match self.pruning.importance {
                Importance::Taylor { sum, of } => taylor(layer, weights, gradient, sum, of.roles()),
                Importance::Magnitude { power } => {
                    magnitude(layer, weights, power, Parts::Weights.roles())
                }
                Importance::Random => (0..layer.count).map(|_| self.rng.random()).collect(),
            };
            threshold.update(&importance);
            for (sum, importance) in sums.iter_mut().zip(importance) {
                *sum += importance;
            }
        }
    }

    /// The units of each layer that leave if the share `share` of what is left is to leave now; `None` if there are none.
    pub(crate) fn choose(&self, share: f64) -> Option<Vec<Vec<usize>>> {
        let Pruning {
            warm_up, target, ..
        } = self.pruning;
        if self.seen == 0 || self.updates < warm_up {
            return None;
        }
        let there = self.network.counted();
        let most = there - (1.0 - self.pruning.limit()) * self.whole[0];
        let mean = |sums: &Vec<f64>| sums.iter().map(|sum| sum / self.seen as f64).collect();
        let importance: Vec<Vec<f64>> = self.sums.iter().map(mean).collect();
        let chosen = pruned_layers(&self.network.layers, &self.pruning);
        let layer = |index: &usize| Layer {
            units: &self.network.layers[*index],
            importance: &importance[*index],
            threshold: self.thresholds[*index].value().unwrap_or(0.0),
            least: self.least[*index],
        };
        let layers: Vec<Layer> = chosen.iter().map(layer).collect();
        let quota = Quota {
            counts: &self.network.counts,
            amount: most.min(share * there),
            below_threshold: target.is_none(),
        };
        let mut removed = vec![Vec::new(); self.network.layers.len()];
        let leaving = if self.network.evenly {
            choose_evenly(&layers, &quota)
        } else {
            choose(&layers, &quota)
        };
        for (index, units) in chosen.into_iter().zip(leaving) {
            removed[index] = units;
        }
        let any = removed.iter().any(|units| !units.is_empty());
        any.then_some(removed)
    }

    /// Where the weights are that stay without these units, and how many units of each layer do.
    pub(crate) fn without(&self, removed: &[Vec<usize>]) -> (Vec<usize>, Vec<usize>) {
        let layers = &self.network.layers;
        let sizes = layers.iter().zip(removed);
        let sizes = sizes.map(|(layer, removed)| layer.count - removed.len());
        (kept(self.network.weights, layers, removed), sizes.collect())
    }

    /// Goes on with the smaller network.
    pub(crate) fn go_on(&mut self, prunable: Prunable) {
        self.network = Arc::new(Shape::of(prunable, &self.pruning));
        self.forget();
    }

    /// The share of the operations of an example that is left.
    pub(crate) fn operations(&self) -> f64 {
        self.network.operations / self.whole[1]
    }

    /// What is left.
    pub(crate) fn pruned(&self) -> Pruned {
        let left = self.network.counted() / self.whole[0];
        let wanted = self.pruning.target.map_or(1.0, |target| 1.0 - target);
        let layers = self.network.layers.iter();
        Pruned {
            left,
            // Sums of counts are whole numbers; their shares are not.
            excess: if left > wanted + 1e-9 {
                left - wanted
            } else {
                0.0
            },
            weights: self.network.weights,
            units: layers.map(|layer| layer.count).collect(),
        }
    }
}

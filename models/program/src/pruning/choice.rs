//! Which units leave.

use super::Units;

/// A layer whose units may leave.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// Its units.
    pub units: &'a Units,
    /// The importance of each.
    pub importance: &'a [f64],
    /// What it is compared with: the layer's [`Threshold`](super::Threshold).
    pub threshold: f64,
    /// How many units stay in any case; never less than one does.
    pub least: usize,
}

/// How much may leave.
#[derive(Clone, Copy, Debug)]
pub struct Quota<'a> {
    /// What each weight of the network counts: 1, or how often an example uses it.
    pub counts: &'a [f64],
    /// Units leave until so much has left.
    pub amount: f64,
    /// Whether only units below their layer's threshold leave, even if that is less.
    pub below_threshold: bool,
}

/// The importance of a unit as a part of its layer's threshold. Importance that is not a number is none.
fn ratio(layer: &Layer, unit: usize) -> f64 {
    let ratio = layer.importance[unit] / layer.threshold.max(f64::MIN_POSITIVE);
    if ratio.is_nan() { 0.0 } else { ratio }
}

/// Weights that have left, and what they count together.
struct Gone {
    stays: Vec<bool>,
    amount: f64,
}

impl Gone {
    fn nothing(quota: &Quota) -> Self {
        Self {
            stays: vec![true; quota.counts.len()],
            amount: 0.0,
        }
    }

    /// Lets a unit leave.
    fn take(&mut self, units: &Units, unit: usize, quota: &Quota) {
        for at in units.of(unit) {
            // The weights between two layers belong to units of both.
            if std::mem::replace(&mut self.stays[at], false) {
                self.amount += quota.counts[at];
            }
        }
    }
}

/// The units of each layer that leave, ascending: those whose importance is the smallest part of their layer's threshold, so that layers
/// whose gradients are of different sizes are compared by what is usual in each. Of equals the first leaves first. Importance that is
/// not a number is none.
pub fn choose(layers: &[Layer], quota: &Quota) -> Vec<Vec<usize>> {
    let all = layers.iter().enumerate().flat_map(|(index, layer)| {
        (0..layer.units.count).map(move |unit| (ratio(layer, unit), index, unit))
    });
    let mut all: Vec<(f64, usize, usize)> = all
        .filter(|(ratio, ..)| !quota.below_threshold || *ratio < 1.0)
        .collect();
    // Stable: layers and units are in their order.
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut removed = vec![Vec::new(); layers.len()];
    let mut gone = Gone::nothing(quota);
    for (_, index, unit) in all {
        if gone.amount >= quota.amount {
            break;
        }
        let layer = &layers[index];
        if layer.units.count - removed[index].len() <= layer.least.max(1) {
            continue;
        }
        gone.take(layer.units, unit, quota);
        removed[index].push(unit);
    }
    removed.iter_mut().for_each(|units| units.sort_unstable());
    removed
}

/// The units of each layer that leave, ascending, as many of each layer: the least important one of every layer, then the next one of every layer, and so on. Layers are
/// not compared, so that their thresholds matter only to units that must be below it: none leaves if one of as high a rank is not.
pub fn choose_evenly(layers: &[Layer], quota: &Quota) -> Vec<Vec<usize>> {
    let order = |layer: &Layer| {
        let mut units: Vec<(f64, usize)> = (0..layer.units.count)
            .map(|unit| (ratio(layer, unit), unit))
            .collect();
        units.sort_by(|a, b| a.0.total_cmp(&b.0));
        units
    };
    let orders: Vec<Vec<(f64, usize)>> = layers.iter().map(order).collect();
    let most = |layer: &Layer| layer.units.count.saturating_sub(layer.least.max(1));
    let most = layers.iter().map(most).min().unwrap_or(0);
    let mut removed = vec![Vec::new(); layers.len()];
    let mut gone = Gone::nothing(quota);
    for rank in 0..most {
        let stays = |order: &Vec<(f64, usize)>| quota.below_threshold && order[rank].0 >= 1.0;
        // Counts are whole numbers; a share of them is one only up to rounding.
        if gone.amount >= quota.amount - 1e-6 || orders.iter().any(stays) {
            break;
        }
        for ((layer, order), removed) in layers.iter().zip(&orders).zip(&mut removed) {
            let unit = order[rank].1;
            gone.take(layer.units, unit, quota);
            removed.push(unit);
        }
    }
    removed.iter_mut().for_each(|units| units.sort_unstable());
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Mlp, Program};
    use proptest::prelude::*;

    fn layers<'a>(units: &'a [Units], importance: &'a [Vec<f64>], least: usize) -> Vec<Layer<'a>> {
        let of = |(units, importance): (&'a Units, &'a Vec<f64>)| Layer {
            units,
            importance,
            threshold: importance.iter().sum::<f64>() / importance.len() as f64,
            least,
        };
        units.iter().zip(importance).map(of).collect()
    }

    /// Layers are compared by their thresholds, and the weights between two layers count once.
    #[test]
    fn the_least_important_of_each_layer_leave_first() {
        let network = Mlp::new(&[2, 3, 4, 1], Activation::Relu);
        let units = network.units();
        // Ratios 0.1, 1.4, 1.5 and 0.2, 0.6, 1.2, 2.0.
        let importance = [vec![0.1, 1.4, 1.5], vec![20.0, 60.0, 120.0, 200.0]];
        let counts = vec![1.0; network.weights()];
        let removed = |amount, below_threshold| {
            let quota = Quota {
                counts: &counts,
                amount,
                below_threshold,
            };
            choose(&layers(&units, &importance, 1), &quota)
        };
        assert_eq!(removed(0.0, false), [vec![], vec![]]);
        // A unit of the first layer has 2 + 1 + 4 weights; one of the second then 2 + 1 + 1 more.
        assert_eq!(removed(7.0, false), [vec![0], vec![]]);
        assert_eq!(removed(7.5, false), [vec![0], vec![0]]);
        assert_eq!(removed(11.5, false), [vec![0], vec![0, 1]]);
        assert_eq!(removed(1e9, true), [vec![0], vec![0, 1]]);
        assert_eq!(removed(1e9, false), [vec![0, 1], vec![0, 1, 2]]);
    }

    /// The same number leaves every layer, whatever is usual in it.
    #[test]
    fn the_least_important_of_each_layer_leave_in_equal_numbers() {
        let network = Mlp::new(&[2, 4, 4, 1], Activation::Relu);
        let units = network.units();
        let importance = [vec![3.0, 0.1, 2.0, 0.5], vec![900.0, 700.0, 100.0, 800.0]];
        let mut counts = vec![0.0; network.weights()];
        for layer in &units {
            (0..4).for_each(|unit| counts[layer.weights[1].of(unit).next().unwrap()] = 1.0);
        }
        let removed = |amount, least, below_threshold| {
            let quota = Quota {
                counts: &counts,
                amount,
                below_threshold,
            };
            choose_evenly(&layers(&units, &importance, least), &quota)
        };
        let nothing: [Vec<usize>; 2] = [vec![], vec![]];
        assert_eq!(removed(0.0, 1, false), nothing);
        // What rounding adds to a whole number asks for no more.
        assert_eq!(removed(2.0 + 1e-12, 1, false), [vec![1], vec![2]]);
        assert_eq!(removed(2.1, 1, false), [vec![1, 3], vec![1, 2]]);
        assert_eq!(removed(99.0, 1, false), [vec![1, 2, 3], vec![1, 2, 3]]);
        assert_eq!(removed(99.0, 3, false), [vec![1], vec![2]]);
        // The second of the second layer is above its mean of 625.
        assert_eq!(removed(99.0, 1, true), [vec![1], vec![2]]);
    }

    proptest! {
        #[test]
        fn no_layer_is_emptied_whatever_is_asked_for(
            first in 1usize..6, second in 1usize..6, least in 0usize..4, amount in 0.0..500.0f64,
            scores in proptest::collection::vec(prop_oneof![Just(0.0), Just(f64::NAN), 0.0..9.0], 10), below: bool,
        ) {
            let network = Mlp::new(&[3, first, second, 2], Activation::Tanh);
            let units = network.units();
            let importance = [scores[..first].to_vec(), scores[first..first + second.min(10 - first)].to_vec()];
            prop_assume!(importance[1].len() == second);
            let counts = vec![1.0; network.weights()];
            let quota = Quota { counts: &counts, amount, below_threshold: below };
            let removed = choose(&layers(&units, &importance, least), &quota);
            for (units, removed) in units.iter().zip(&removed) {
                prop_assert!(units.count - removed.len() >= least.max(1).min(units.count));
            }
            if !below && least <= 1 && amount > 400.0 {
                prop_assert!(removed[0].len() == first - 1 && removed[1].len() == second - 1);
            }
        }
    }
}

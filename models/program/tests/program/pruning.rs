//! Importance against PyTorch and torch-pruning; networks without units against the same with their weights at zero.

use crate::{cases, numbers};
use proptest::prelude::*;
use serde_json::Value;
use trimtab_program::pruning::{
    Layer, Normalizer, Parts, Quota, Reduction, Removal, Role, Sum, UnitWeights, Units, choose,
    grouped, kept, magnitude, taylor,
};
use trimtab_program::{Activation, Adam, Cnn, Mlp, Part, Program, Tabular, TabularSizes, loss};

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|x| x as f32).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|x| x as usize).collect()
}

/// The transpose of a matrix of so many columns.
fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let columns_of = (0..columns).map(|column| matrix.iter().skip(column).step_by(columns));
    columns_of.flatten().copied().collect()
}

#[track_caller]
fn near(got: &[f64], wanted: &[f64], relative: f64) {
    assert_eq!(got.len(), wanted.len());
    let largest = wanted.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    for (got, wanted) in got.iter().zip(wanted) {
        assert!(
            (got - wanted).abs() <= relative * largest,
            "{got:e} {wanted:e}"
        );
    }
}

/// Hidden units of MLPs with the gradients of this crate: summed after and before the bars, squared, and by what they put out.
#[test]
fn units_are_worth_what_pytorch_says() {
    let all = cases(include_str!("fixtures/taylor_pruning.jsonl"));
    assert_eq!(all.len(), 6);
    for case in all {
        let (x, y) = (floats(&case["X"]), indices(&case["y"]));
        let labels: Vec<u32> = y.iter().map(|label| *label as u32).collect();
        let hidden = numbers(&case["b1"]).len();
        let classes = numbers(&case["b2"]).len();
        let inputs = x.len() / y.len();
        let mut weights = transposed(&floats(&case["W1"]), inputs);
        weights.extend(floats(&case["b1"]));
        weights.extend(transposed(&floats(&case["W2"]), hidden));
        weights.extend(floats(&case["b2"]));
        let activation = match case["activation"].as_str() {
            Some("relu") => Activation::Relu,
            Some("tanh") => Activation::Tanh,
            other => panic!("{other:?}"),
        };
        let mut network = Mlp::new(&[inputs, hidden, classes], activation);
        let (mut slopes, mut gradient) = (Vec::new(), vec![0.0; weights.len()]);
        let outputs = network.forward(&weights, &x);
        loss::cross_entropy(outputs, &labels, &mut slopes);
        if case["loss_reduction"] == "sum" {
            slopes
                .iter_mut()
                .for_each(|slope| *slope *= labels.len() as f32);
        }
        network.backward(&weights, &x, &slopes, &mut gradient);

        let units = &network.units()[0];
        let score = |sum, parts: Parts| taylor(units, &weights, &gradient, sum, parts.roles());
        for (sum, parts, wanted) in [
            (Sum::Absolutes, Parts::Incoming, "neuron_sum_abs"),
            (Sum::Inside, Parts::Incoming, "neuron_abs_sum"),
            (Sum::Squared, Parts::Incoming, "neuron_sq_sum"),
            (Sum::Inside, Parts::Outgoing, "activation_taylor_per_hidden"),
        ] {
            near(&score(sum, parts), &numbers(&case[wanted]), 1e-5);
        }
    }
}

/// A weight is a unit of one number. The order in which weights leave, ties by their index, is PyTorch's.
#[test]
fn weights_leave_in_the_order_of_pytorch() {
    for case in cases(include_str!("fixtures/taylor_pruning.jsonl")) {
        let both =
            |first: &str, second: &str| [floats(&case[first]), floats(&case[second])].concat();
        let (weights, gradient) = (both("W1", "W2"), both("grad_W1", "grad_W2"));
        let units = Units {
            count: weights.len(),
            weights: vec![UnitWeights::rows(Role::Incoming, 0, 1)],
        };
        let roles = &[Role::Incoming];
        let importance = taylor(&units, &weights, &gradient, Sum::Absolutes, roles);
        let wanted = [numbers(&case["score_W1"]), numbers(&case["score_W2"])].concat();
        near(&importance, &wanted, 1e-6);
        let squares = taylor(&units, &weights, &gradient, Sum::Squared, roles);
        near(
            &squares[..numbers(&case["W1"]).len()],
            &numbers(&case["score_sq_W1"]),
            1e-6,
        );

        let first = |importance: &[f64], amount: usize| {
            let layer = Layer {
                units: &units,
                importance,
                threshold: 1.0,
                least: 0,
            };
            let quota = Quota {
                counts: &vec![1.0; weights.len()],
                amount: amount as f64,
                below_threshold: false,
            };
            choose(&[layer], &quota).remove(0)
        };
        let sizes = magnitude(&units, &weights, 1, roles);
        for (importance, order) in [
            (&importance, "prune_order_W1_then_W2_flat"),
            (&sizes, "magnitude_order_W1_then_W2_flat"),
        ] {
            let order = indices(&case[order]);
            for amount in 0..order.len() {
                let mut wanted = order[..amount].to_vec();
                wanted.sort_unstable();
                assert_eq!(first(importance, amount), wanted);
            }
        }
        for mask in case["masks"].as_array().unwrap() {
            let amount = mask["n_pruned"].as_u64().unwrap() as usize;
            assert_eq!(
                amount,
                (mask["fraction"].as_f64().unwrap() * weights.len() as f64) as usize
            );
            let mut wanted = indices(&mask["pruned_flat_indices"]);
            wanted.sort_unstable();
            assert_eq!(first(&importance, amount), wanted);
        }
    }
}

/// All reductions and normalisers of torch-pruning for a convolution with batch normalisation behind it.
#[test]
fn channels_are_worth_what_torch_pruning_says() {
    let all = cases(include_str!("fixtures/torch_pruning.jsonl"));
    let (network, scores) = all.split_first().unwrap();
    let (mut weights, mut gradient, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for name in ["c1.weight", "c1.bias", "b1.weight", "b1.bias", "c2.weight"] {
        starts.push(weights.len());
        weights.extend(floats(&network["parameters"][name]));
        gradient.extend(floats(&network["gradients"][name]));
    }
    let units = Units {
        count: 4,
        weights: vec![
            UnitWeights::rows(Role::Incoming, starts[0], 9),
            UnitWeights::rows(Role::Bias, starts[1], 1),
            UnitWeights::rows(Role::Normalisation, starts[2], 1),
            UnitWeights::rows(Role::Bias, starts[3], 1),
            UnitWeights {
                role: Role::Outgoing,
                start: starts[4],
                step: 9,
                blocks: 3,
                stride: 36,
                length: 9,
            },
        ],
    };
    assert_eq!(scores.len(), 83);
    for case in scores {
        let arguments = &case["arguments"];
        let importance = case["importance"].as_str().unwrap();
        let defaults = arguments.as_object().unwrap().is_empty();
        let reduction = match arguments["group_reduction"].as_str() {
            Some("mean") => Reduction::Mean,
            Some("sum") => Reduction::Sum,
            Some("max") => Reduction::Max,
            Some("prod") => Reduction::Product,
            Some("first") => Reduction::First,
            None if defaults => Reduction::Mean,
            other => panic!("{other:?}"),
        };
        let normalizer = match arguments["normalizer"].as_str() {
            _ if defaults => Normalizer::Mean,
            Some("mean") => Normalizer::Mean,
            Some("sum") => Normalizer::Sum,
            Some("max") => Normalizer::Max,
            None => Normalizer::None,
            other => panic!("{other:?}"),
        };
        let sum = match arguments["multivariable"].as_bool() {
            Some(true) => Sum::Inside,
            _ => Sum::Absolutes,
        };
        let power = arguments["p"].as_i64().unwrap_or(2) as i32;
        let with_scales = &[Role::Incoming, Role::Normalisation, Role::Outgoing];
        let got = match importance.split(' ').next() {
            // It leaves batch normalisation out.
            Some("GroupTaylorImportance") => grouped(
                Parts::Weights.roles(),
                |roles| taylor(&units, &weights, &gradient, sum, roles),
                reduction,
                normalizer,
            ),
            Some("GroupMagnitudeImportance") => grouped(
                with_scales,
                |roles| magnitude(&units, &weights, power, roles),
                reduction,
                normalizer,
            ),
            Some("BNScaleImportance") => grouped(
                &[Role::Normalisation],
                |roles| magnitude(&units, &weights, 1, roles),
                reduction,
                normalizer,
            ),
            other => panic!("{other:?}"),
        };
        near(&got, &numbers(&case["scores"]), 2e-6);
    }
}

/// Numbers from -1 to 1 that follow from a seed.
fn drawn(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let mut next = || {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The smaller network computes what the larger one does where the weights behind units that leave are zero: outputs, the gradient of what
/// stays, and what Adam makes of it.
fn leaves(
    mut large: impl Program,
    make: impl Fn(&[usize]) -> Box<dyn Program>,
    seed: u32,
) -> Result<(), TestCaseError> {
    let layers = large.units();
    let removed: Vec<Vec<usize>> = (layers.iter().zip(1u32..))
        .map(|(layer, salt)| {
            let score = drawn(layer.count, seed ^ salt.wrapping_mul(77));
            (1..layer.count).filter(|unit| score[*unit] > 0.2).collect()
        })
        .collect();
    let mut weights = drawn(large.weights(), seed);
    for (layer, removed) in layers.iter().zip(&removed) {
        for unit in removed {
            let outgoing = layer
                .weights
                .iter()
                .filter(|kind| kind.role == Role::Outgoing);
            outgoing
                .flat_map(|kind| kind.of(*unit))
                .for_each(|at| weights[at] = 0.0);
        }
    }
    let sizes: Vec<usize> = (layers.iter().zip(&removed))
        .map(|(layer, removed)| layer.count - removed.len())
        .collect();
    let mut small = make(&sizes);
    let stay = kept(weights.len(), &layers, &removed);
    prop_assert_eq!(small.weights(), stay.len());

    let inputs = drawn(3 * large.inputs(), seed ^ 5);
    let removal = Removal::new(stay.clone(), &large, small.as_ref());
    let mut fewer = weights.clone();
    removal.apply(&mut fewer, 1);
    let outputs = large.forward(&weights, &inputs).to_vec();
    // Sums of large terms may be small: what is rounded goes by the largest.
    let close = |a: &[f32], b: &[f32]| {
        let largest = a.iter().fold(1.0f32, |largest, a| largest.max(a.abs()));
        a.iter()
            .zip(b)
            .all(|(a, b)| (a - b).abs() <= 1e-5 * largest)
    };
    prop_assert!(close(&outputs, small.forward(&fewer, &inputs)));

    let slopes = drawn(outputs.len(), seed ^ 9);
    let mut gradient = vec![0.0; weights.len()];
    large.backward(&weights, &inputs, &slopes, &mut gradient);
    let mut less = vec![0.0; fewer.len()];
    small.backward(&fewer, &inputs, &slopes, &mut less);
    let mut selected = gradient.clone();
    removal.apply(&mut selected, -1);
    prop_assert!(close(&selected, &less));

    // An update of a weight that counts by another factor is of another size.
    if large.factors() != vec![1.0; large.tensors().len()] {
        return Ok(());
    }
    // Moments of the larger network go on in the smaller one.
    let mut whole = Adam::new(0.9, 0.999, 1e-8);
    whole.step(0.01, &mut weights, &gradient);
    let mut part = whole.clone();
    part.shrink(&removal);
    prop_assert!(part.fits(stay.len()));
    removal.apply(&mut weights, 1);
    let mut alone = Adam::new(0.9, 0.999, 1e-8);
    alone.step(0.01, &mut fewer, &selected);
    prop_assert_eq!(&weights, &fewer);
    part.step(0.02, &mut weights, &selected);
    alone.step(0.02, &mut fewer, &selected);
    prop_assert_eq!(weights, fewer);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn units_without_weights_behind_them_leave_an_mlp_as_it_is(
        hidden in proptest::collection::vec(1usize..9, 1..4), inputs in 1usize..5, seed: u32,
        activation in prop_oneof![Just(Activation::Relu), Just(Activation::Tanh), Just(Activation::Gelu)],
    ) {
        let make = |hidden: &[usize]| {
            let widths = [&[inputs], hidden, &[3]].concat();
            Mlp::new(&widths, activation)
        };
        leaves(make(&hidden), |hidden| Box::new(make(hidden)), seed)?;
    }

    #[test]
    fn channels_without_weights_behind_them_leave_a_cnn_as_it_is(
        channels in proptest::collection::vec(1usize..7, 1..4), shape in [1usize..3, 2usize..9, 2usize..9], seed: u32,
    ) {
        let make = |channels: &[usize]| Cnn::new(shape, channels, 3);
        leaves(make(&channels), |channels| Box::new(make(channels)), seed)?;
    }

    /// Its factors depend on the widths.
    #[test]
    fn units_without_weights_behind_them_leave_a_network_for_tables_as_it_is(
        hidden in proptest::collection::vec(1usize..9, 1..4), members in 1usize..4, embedding in 0usize..3, seed: u32,
    ) {
        let make = |hidden: &[usize]| {
            let sizes = TabularSizes {
                inputs: 5,
                numbers: 3,
                waves: 4,
                embedding,
                members,
                hidden: hidden.to_vec(),
                outputs: 2,
            };
            let by = |inputs: usize| (64.0 / inputs as f32).sqrt();
            Tabular::new(sizes, Activation::Tanh, |part| match part {
                Part::Matrix { inputs } | Part::Heads { inputs } | Part::HeadBiases { inputs } => by(inputs),
                Part::Biases { .. } => 0.5,
                _ => 2.0,
            })
        };
        leaves(make(&hidden), |hidden| Box::new(make(hidden)), seed)?;
    }
}

#[test]
fn a_kernel_is_used_at_every_position() {
    let network = Cnn::new([1, 8, 8], &[4, 6], 10);
    assert_eq!(network.uses(), [64, 64, 16, 16, 1, 1]);
    assert_eq!(Mlp::new(&[4, 3, 2], Activation::Relu).uses(), [1; 4]);
}

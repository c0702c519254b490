//! Feed-forward units that leave a model while it is trained.

use crate::text::{CONTEXT, split, trainee_with};
use crate::{drawn, numbers, text};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use std::collections::BTreeMap;
use trimtab_env::settings::{AVERAGING, PRUNE};
use trimtab_env::{Report, Restore, Settings, Trainee};
use trimtab_llama::{GateKind, Llama, LlamaConfig, LlamaTask, Trained};
use trimtab_models::training::pruning::Measure;
use trimtab_models::weights::{flat_state, with_state};
use trimtab_models::{
    FineTuning, OptimizerConfig, Pruning, Task, TaskTrainee, TrainConfig, TraineeConfig, train,
};
use trimtab_program::pruning::{Parts, Removal, Role, Sum, kept, taylor};

fn flat(model: &Llama) -> Vec<f32> {
    let mut weights = Vec::new();
    flat_state(model, &mut weights);
    weights
}

/// Other units of each block, as many of each.
fn removed() -> Vec<Vec<usize>> {
    let every = |first: usize| (first..88).step_by(3).take(29).collect();
    vec![every(0), every(2)]
}

/// The smaller model, the larger one with zeros behind the units that have left, and what makes one of the other.
fn without(model: &Llama, removed: &[Vec<usize>]) -> (Llama, Llama, Removal) {
    let prunable = model.prunable();
    let (mut weights, mut zeroed) = (flat(model), flat(model));
    for (layer, removed) in prunable.layers.iter().zip(removed) {
        let outgoing = layer
            .weights
            .iter()
            .filter(|kind| kind.role == Role::Outgoing);
        for at in outgoing.flat_map(|kind| removed.iter().flat_map(|unit| kind.of(*unit))) {
            zeroed[at] = 0.0;
        }
    }
    let removal = Removal::of(kept(weights.len(), &prunable.layers, removed));
    removal.apply(&mut weights, 1);
    let config = LlamaConfig {
        intermediate_size: model.config().intermediate_size - removed[0].len(),
        ..model.config().clone()
    };
    let smaller = Llama::new(config, 9, &model.device()).unwrap();
    (
        with_state(&smaller, &weights),
        with_state(model, &zeroed),
        removal,
    )
}

#[test]
fn a_model_without_units_computes_what_it_does_with_zeros_behind_them() {
    let model = drawn(1, &Device::flex());
    assert_eq!(model.prunable().weights(), flat(&model).len());
    let (smaller, zeroed, _) = without(&model, &removed());
    let tokens = model.tokens(&[text(16)]).unwrap();
    let all = [&smaller, &zeroed, &model].map(|model| numbers(model.forward(tokens.clone())));
    let apart = |a: &[f32], b: &[f32]| {
        let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        apart.fold(0.0, f32::max)
    };
    assert!(
        apart(&all[0], &all[1]) < 1e-5,
        "{}",
        apart(&all[0], &all[1])
    );
    assert!(apart(&all[0], &all[2]) > 0.1);
}

/// Moments leave with their weights: the next update of those that stay is that of the larger model.
#[test]
fn an_update_after_units_have_left_is_that_of_the_larger_model_with_zeros() {
    let mut model = drawn(3, &Device::flex().autodiff());
    let tokens = model.tokens(&[text(16), text(32)[16..].to_vec()]).unwrap();
    let mut optimizer = OptimizerConfig::adam_w().init_to_shrink().unwrap();
    let step = |model: Llama, optimizer: &mut trimtab_models::Optimizer| {
        let loss = model.loss(tokens.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        optimizer.step(1e-3, model, gradients)
    };
    for _ in 0..3 {
        model = step(model, &mut optimizer);
    }
    let (smaller, zeroed, removal) = without(&model, &removed());
    let mut shrunk = optimizer.clone();
    shrunk.shrink(&removal);
    let before = flat(&smaller);
    let smaller = flat(&step(smaller, &mut shrunk));
    let mut wanted = flat(&step(zeroed, &mut optimizer));
    removal.apply(&mut wanted, 1);
    assert_eq!(smaller.len(), wanted.len());
    let all = smaller.iter().zip(&wanted).zip(&before);
    let mut moved = 0.0f32;
    for ((got, wanted), before) in all {
        assert!((got - wanted).abs() < 1e-6, "{got} {wanted}");
        moved = moved.max((got - before).abs());
    }
    assert!(moved > 5e-4, "{moved}");
}

/// `sum |w dL/dw|` over a unit's column of `gate_proj` and `up_proj` and row of `down_proj`, which burn has the other way round.
#[test]
fn the_importance_of_a_unit_is_that_of_its_three_rows() {
    struct Terms<'a> {
        gradients: &'a GradientsParams,
        path: Vec<String>,
        found: BTreeMap<String, Vec<f64>>,
    }
    impl ModuleVisitor for Terms<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = numbers(self.gradients.get::<D>(param.id).unwrap());
            let all = numbers(param.val()).into_iter().zip(gradient);
            let terms = all.map(|(w, g)| (f64::from(w) * f64::from(g)).abs());
            self.found.insert(self.path.join("."), terms.collect());
        }
    }
    let model = drawn(2, &Device::flex().autodiff());
    let loss = model.loss(model.tokens(&[text(12)]).unwrap());
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut terms = Terms {
        gradients: &gradients,
        path: Vec::new(),
        found: BTreeMap::new(),
    };
    model.visit(&mut terms);
    let mut gradient = Vec::new();
    trimtab_models::weights::flat_gradients(&model, &gradients, &mut gradient);
    let (outer, inner) = (32, 88);
    for (block, layer) in model.prunable().layers.iter().enumerate() {
        let roles = Parts::default().roles();
        let got = taylor(layer, &flat(&model), &gradient, Sum::default(), roles);
        assert_eq!(got.len(), inner);
        let of = |name: &str| &terms.found[&format!("model.layers.{block}.mlp.{name}.weight")];
        for (unit, got) in got.into_iter().enumerate() {
            let into = |name| (0..outer).map(|i| of(name)[i * inner + unit]).sum::<f64>();
            let out: f64 = (0..outer).map(|i| of("down_proj")[unit * outer + i]).sum();
            let wanted = into("gate_proj") + into("up_proj") + out;
            assert!((got / wanted - 1.0).abs() < 1e-12, "{got} {wanted}");
        }
    }
}

/// Two blocks of 48 units.
fn shape() -> LlamaConfig {
    LlamaConfig {
        max_position_embeddings: CONTEXT,
        tie_word_embeddings: true,
        intermediate_size: 48,
        ..LlamaConfig::new(split().train.outputs(), 16, 2, 2)
    }
}

fn task(trained: Trained) -> LlamaTask {
    LlamaTask::new("verse", split(), shape(), trained).unwrap()
}

/// This share of the units, and nothing but it.
fn units(target: f64) -> Pruning {
    Pruning {
        of: Measure::Units,
        least: 0.0,
        ..Pruning::to(target)
    }
}

fn trainee(pruning: Option<Pruning>) -> Box<dyn Trainee> {
    trainee_with(task(Trained::All), pruning)
}

fn settings(prune: f64) -> Settings {
    Settings::new(0.003, 16)
        .with(AVERAGING, 0.3)
        .with(PRUNE, prune)
}

/// The cost of so many updates of the whole model.
fn budget(updates: f64) -> f64 {
    updates * 16.0 * CONTEXT as f64
}

fn seen(report: &Report) -> (Option<f64>, usize) {
    let loss = report.validation.as_ref().map(|validation| validation.loss);
    (loss, report.pruned.as_ref().unwrap().weights)
}

/// Units without weights behind them change nothing, so they are the ones that leave, and the loss stays.
#[test]
fn units_that_do_nothing_leave_first() {
    let model = Llama::new(shape(), 5, &Device::flex()).unwrap();
    let mut weights = flat(&model);
    let idle = [[0, 7, 8, 20, 47, 31], [1, 2, 3, 44, 45, 46]];
    for (layer, idle) in model.prunable().layers.iter().zip(&idle) {
        for at in idle.iter().flat_map(|unit| layer.of(*unit)) {
            weights[at] = 0.0;
        }
    }
    let model = with_state(&model, &weights);
    let tuned = FineTuning::new(task(Trained::All), &model).unwrap();
    let mut trainee = trainee_with(tuned, Some(units(0.125)));
    let begun = trainee.start(1).unwrap().validation.unwrap().loss;
    // So slow that nothing moves.
    let still = |prune| Settings::new(1e-30, 16).with(PRUNE, prune);
    trainee.advance(&still(0.0), budget(8.0)).unwrap();
    let report = trainee.advance(&still(1.0), budget(2.0)).unwrap();
    assert_eq!(report.pruned.as_ref().unwrap().units, [42, 42]);
    let left = report.validation.unwrap().loss;
    assert!((left - begun).abs() < 1e-6, "{left} {begun}");
}

/// As many leave of each block, and never more than asked for; an example costs what is left of its operations.
#[test]
fn every_block_loses_as_many_units_and_updates_become_cheaper() {
    let mut trainee = trainee(Some(units(0.3)));
    let start = trainee.start(2).unwrap().pruned.unwrap();
    assert_eq!(start.left, 1.0);
    assert!((start.excess - 0.3).abs() < 1e-12);
    assert_eq!(start.units, [48, 48]);
    assert_eq!(start.weights, trainee.spec().parameters);
    let mut pruned = start.clone();
    for _ in 0..5 {
        let report = trainee.advance(&settings(0.2), budget(12.0)).unwrap();
        let now = report.pruned.unwrap();
        assert!(now.units[0] == now.units[1] && now.left <= pruned.left);
        pruned = now;
    }
    // 14.4 of 48, rounded up.
    assert_eq!(pruned.units, [33, 33]);
    assert_eq!(pruned.excess, 0.0);
    let smaller = LlamaConfig {
        intermediate_size: 33,
        ..shape()
    };
    assert_eq!(pruned.weights as f64, smaller.weights());
    let share = pruned.weights as f64 / start.weights as f64;
    let report = trainee.advance(&settings(0.0), budget(50.0)).unwrap();
    assert_eq!(report.updates, (50.0 / share).floor() as u64);
}

/// The state of the optimiser is kept otherwise where units can leave, and no bit changes until they do.
#[test]
fn nothing_changes_until_the_first_unit_leaves() {
    let (mut pruned, mut plain) = (trainee(Some(units(0.5))), trainee(None));
    assert_eq!(
        pruned.start(4).unwrap().validation,
        plain.start(4).unwrap().validation
    );
    let still = Settings::new(0.01, 16);
    for _ in 0..2 {
        let with = pruned.advance(&still, budget(10.0)).unwrap();
        let without = plain.advance(&still, budget(10.0)).unwrap();
        assert_eq!(with.validation, without.validation);
        assert_eq!(with.train, without.train);
    }
}

/// A snapshot brings back the larger model with its optimiser, and the smaller one after it, to the bit.
#[test]
fn snapshots_of_other_sizes_are_restored() {
    let run = |goes_back: bool| {
        let mut trainee = trainee(Some(units(0.6)));
        trainee.start(3).unwrap();
        let mut reports = Vec::new();
        let mut large = None;
        for segment in 0..5 {
            if segment == 2 {
                large = Some((trainee.snapshot(), trainee.test().unwrap()));
            }
            if segment == 4 && goes_back {
                let small = (trainee.snapshot(), trainee.test().unwrap());
                let (snapshot, test) = large.take().unwrap();
                trainee.restore(&snapshot, Restore::Everything).unwrap();
                assert_eq!(trainee.test().unwrap(), test);
                let again = trainee.advance(&settings(0.2), budget(10.0)).unwrap();
                assert_eq!(seen(&again), reports[2]);
                trainee.restore(&snapshot, Restore::Weights).unwrap();
                assert_eq!(trainee.test().unwrap(), test);
                // The optimiser that begins afresh can shrink too.
                let report = trainee.advance(&settings(0.2), budget(10.0)).unwrap();
                assert!(!report.diverged && report.pruned.unwrap().left < 1.0);
                trainee.restore(&small.0, Restore::AllButData).unwrap();
                assert_eq!(trainee.test().unwrap(), small.1);
                trainee.restore(&small.0, Restore::Everything).unwrap();
            }
            let report = trainee.advance(&settings(0.2), budget(10.0)).unwrap();
            reports.push(seen(&report));
        }
        reports
    };
    let straight = run(false);
    assert!(straight[4].1 < straight[2].1 && straight[2].1 < straight[1].1);
    assert_eq!(run(true), straight);
}

#[test]
fn models_shrink_under_every_optimiser() {
    for (optimizer, lr) in [
        (OptimizerConfig::sgd(), 0.05),
        (OptimizerConfig::adam(), 0.003),
        (OptimizerConfig::Prodigy(Default::default()), 1.0),
        (
            OptimizerConfig::ScheduleFreeAdamW(Default::default()),
            0.003,
        ),
    ] {
        let config = TraineeConfig {
            optimizer,
            pruning: Some(units(0.5)),
            ..TraineeConfig::default()
        };
        let mut trainee = TaskTrainee::new(task(Trained::All), config, &Device::flex()).unwrap();
        let first = trainee.start(1).unwrap().validation.unwrap().loss;
        let mut last = Report::default();
        for _ in 0..5 {
            let settings = settings(0.3).with("learning_rate", lr);
            last = trainee.advance(&settings, 0.02).unwrap();
            assert!(!last.diverged, "{optimizer:?}");
        }
        assert_eq!(last.pruned.unwrap().units, [24, 24]);
        let loss = last.validation.unwrap().loss;
        assert!(loss < first, "{optimizer:?}: {loss} {first}");
        let model = trainee.model().unwrap();
        assert_eq!(model.config().intermediate_size, 24);
    }
}

/// Without a target only units below the threshold of their block leave, as many of each, down to the limit.
#[test]
fn the_setting_prunes_without_a_target() {
    let pruning = Pruning {
        of: Measure::Units,
        most: 0.5,
        ..Pruning::default()
    };
    let mut trainee = trainee(Some(pruning));
    trainee.start(2).unwrap();
    let mut before = vec![48, 48];
    for _ in 0..6 {
        let report = trainee.advance(&settings(0.2), budget(12.0)).unwrap();
        let pruned = report.pruned.unwrap();
        assert_eq!(pruned.excess, 0.0);
        assert_eq!(pruned.units[0], pruned.units[1]);
        assert!(pruned.units <= before);
        before = pruned.units;
    }
    assert!((24..40).contains(&before[0]), "{before:?}");
}

/// A training in one call ends with the best of the smallest models, which is saved and loaded as any.
#[test]
fn a_training_ends_with_exactly_the_wanted_units_in_each_block() {
    let config = TrainConfig {
        optimizer: OptimizerConfig::adam_w(),
        epochs: 20.0,
        pruning: Some(units(0.5)),
        ..TrainConfig::default()
    };
    let trained = train(task(Trained::All), &config, &Device::flex()).unwrap();
    let pruned = trained.pruned.clone().unwrap();
    assert_eq!(pruned.units, [24, 24]);
    assert_eq!((pruned.left, pruned.excess), (0.5, 0.0));
    let small = trained.segments.iter();
    let small = small.filter(|segment| segment.report.excess() == 0.0);
    let losses = small.filter_map(|segment| segment.report.validation.as_ref());
    let best = losses.map(|v| v.loss).fold(f64::MAX, f64::min);
    assert_eq!(trained.outcome["best_validation_loss"], best);

    let folder = tempfile::tempdir().unwrap();
    trained.model.save(folder.path()).unwrap();
    let loaded = Llama::load(folder.path(), &Device::flex()).unwrap();
    let wanted = LlamaConfig {
        intermediate_size: 24,
        ..shape()
    };
    assert_eq!(loaded.config().intermediate_size, 24);
    assert_eq!(flat(&loaded).len() as f64, wanted.weights());
    assert!(wanted.weights() < shape().weights());
    // It begins again where it ended.
    let again = LlamaTask::new("verse", split(), wanted, Trained::All).unwrap();
    let mut again = trainee_with(FineTuning::new(again, &loaded).unwrap(), None);
    let loss = again.start(0).unwrap().validation.unwrap().loss;
    assert!((loss - best).abs() < 1e-5, "{loss} {best}");
}

#[test]
fn what_cannot_be_pruned_is_refused() {
    let refusal = |trained: Trained, pruning: Pruning| {
        let config = LlamaConfig {
            gate: Some(GateKind::Identity),
            ..shape()
        };
        let task = LlamaTask::new("verse", split(), config, trained).unwrap();
        let config = TraineeConfig {
            pruning: Some(pruning),
            ..TraineeConfig::default()
        };
        let refused = TaskTrainee::new(task, config, &Device::flex());
        refused.map(drop).unwrap_err().to_string()
    };
    let lora = Trained::Lora {
        rank: 2,
        alpha: 4.0,
    };
    for trained in [Trained::Gates, lora] {
        let message = refusal(trained, units(0.5));
        assert!(
            message.contains("pruning: the network of `verse`")
                && message.contains("all weights train"),
            "{message}"
        );
    }
    for (pruning, words) in [
        (units(1.0), "pruning.target: 1 "),
        (units(f64::NAN), "pruning.target: NaN"),
        (
            units(0.99),
            "pruning.target: 0.99 is not allowed; give at most 47 of the 48",
        ),
        (
            Pruning {
                least: 0.4,
                ..units(0.7)
            },
            "pruning.target: 0.7 is not allowed; give at most 28 of the 48",
        ),
        (
            Pruning {
                layers: vec![1],
                ..units(0.5)
            },
            "pruning.layers: 1 is not allowed; give none",
        ),
    ] {
        let message = refusal(Trained::All, pruning);
        assert!(message.contains(words), "{message}");
    }
    let no_share = trainee(Some(units(0.5))).advance(&settings(1.5), 1.0);
    let message = no_share.unwrap_err().to_string();
    assert!(
        message.contains(PRUNE) && message.contains("1.5"),
        "{message}"
    );
    // Blocks of different sizes are no model.
    let task = task(Trained::All);
    for sizes in [&[24, 23][..], &[24], &[0, 0], &[]] {
        assert!(task.resized(sizes).is_none(), "{sizes:?}");
    }
}

//! Networks that become smaller while they are trained.

use burn::tensor::{Device, Tensor, TensorData};
use std::ops::ControlFlow;
use std::sync::Arc;
use trimtab_env::settings::{AVERAGING, PRUNE};
use trimtab_env::{
    Action, Budget, CostModel, Domain, Environment, Initial, Instance, Knob, Moves, Report,
    Restore, Settings, TestReport, Trainee, TuningConfig, TuningEnv, UpdateTime,
};
use trimtab_models::data::{Embedded, Split, SplitConfig, split};
use trimtab_models::mlp::Activation;
use trimtab_models::training::pruning::{Importance, Measure};
use trimtab_models::{
    CnnTask, DataConfig, FineTuning, MlpTask, ModelConfig, OptimizerConfig, Pruning, Task,
    TaskConfig, TaskTrainee, TrainConfig, TraineeConfig, train,
};

fn digits(rows: usize) -> Arc<Split> {
    let config = SplitConfig {
        max_train: Some(rows),
        ..SplitConfig::default()
    };
    Arc::new(split(&Embedded::Digits.load().unwrap(), &config).unwrap())
}

fn mlp(hidden: &[usize]) -> MlpTask {
    MlpTask::new("digits", digits(300), hidden, Activation::Relu)
}

fn config(pruning: Pruning, optimizer: OptimizerConfig) -> TraineeConfig {
    TraineeConfig {
        pruning: Some(pruning),
        optimizer,
        ..TraineeConfig::default()
    }
}

fn trainee<T: Task>(task: T, pruning: Pruning) -> TaskTrainee<T> {
    let config = config(pruning, OptimizerConfig::adam());
    TaskTrainee::new(task, config, &Device::flex()).unwrap()
}

fn settings(prune: f64) -> Settings {
    Settings::new(0.003, 32)
        .with(AVERAGING, 0.3)
        .with(PRUNE, prune)
}

/// The seconds of about so many updates with batches of 32.
fn budget(updates: f64) -> f64 {
    updates * UpdateTime::default().update(32)
}

/// A report without what it cost, which a test adds up by itself.
fn seen(report: &Report) -> (Option<f64>, usize) {
    let loss = report.validation.as_ref().map(|validation| validation.loss);
    (loss, report.pruned.as_ref().unwrap().weights)
}

/// Weights leave with every segment, up to the target and not beyond what the last unit takes; the model that comes out is as small and
/// computes what was evaluated.
fn shrinks<T: Task>(task: T, of: Measure, optimizer: OptimizerConfig, lr: f64) {
    let pruning = Pruning {
        of,
        ..Pruning::to(0.4)
    };
    let device = Device::flex();
    let rows = task.split().test.rows();
    let test = TensorData::new(
        task.split().test.inputs.clone(),
        [rows, task.split().test.features],
    );
    let trainee = TaskTrainee::new(task, config(pruning, optimizer), &device);
    let mut trainee = trainee.unwrap();
    let start = trainee.start(5).unwrap().pruned.unwrap();
    assert_eq!((start.left, start.excess), (1.0, 0.4));
    assert_eq!(start.weights, trainee.spec().parameters);
    let mut before = start;
    for segment in 0..6 {
        let settings = settings(0.2).with("learning_rate", lr);
        let report = trainee.advance(&settings, budget(40.0)).unwrap();
        assert!(!report.diverged, "{segment}");
        let pruned = report.pruned.unwrap();
        match segment {
            // Nothing is known of the gradients before the first.
            0 => assert_eq!(pruned.left, 1.0),
            1..3 => assert!(pruned.left < 0.85 * before.left, "{pruned:?} {before:?}"),
            _ => assert!(pruned.left <= before.left),
        }
        before = pruned;
    }
    assert!((0.5..=0.6).contains(&before.left), "{before:?}");
    assert_eq!(before.excess, 0.0);

    let model = trainee.model().unwrap();
    let mut weights = Vec::new();
    trimtab_models::weights::flat_state(&model, &mut weights);
    assert_eq!(weights.len(), before.weights);
    let outputs = trainee
        .task()
        .forward(&model, Tensor::from_data(test, &device.autodiff()));
    let outputs: Vec<f32> = outputs.into_data().iter().collect();
    let labels = match &trainee.task().split().test.targets {
        trimtab_models::data::Targets::Classes { labels, .. } => labels.clone(),
        trimtab_models::data::Targets::Values(_) => panic!("digits are classes"),
    };
    let right = outputs.chunks(10).zip(&labels).filter(|(logits, label)| {
        let best = (0..10).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
        best == Some(**label as usize)
    });
    let accuracy = right.count() as f64 / rows as f64;
    let TestReport { metrics, .. } = trainee.test().unwrap();
    assert!(
        (metrics["accuracy"] - accuracy).abs() < 1e-9,
        "{metrics:?} {accuracy}"
    );
    assert!(accuracy > 0.6, "{accuracy}");
}

#[test]
fn mlps_shrink_under_every_optimiser() {
    let sgd = OptimizerConfig::sgd();
    let adam_w = OptimizerConfig::adam_w();
    let prodigy = OptimizerConfig::Prodigy(Default::default());
    let schedule_free = OptimizerConfig::ScheduleFreeAdamW(Default::default());
    for (optimizer, lr) in [
        (sgd, 0.02),
        (OptimizerConfig::adam(), 0.003),
        (adam_w, 0.003),
        (prodigy, 1.0),
        (schedule_free, 0.003),
    ] {
        shrinks(mlp(&[40, 30]), Measure::Weights, optimizer, lr);
    }
}

#[test]
fn channels_leave_a_cnn_and_a_measure_is_what_it_says() {
    for of in [Measure::Weights, Measure::Operations, Measure::Units] {
        let task = CnnTask::new("digits", digits(300), &[24, 24]);
        shrinks(task, of, OptimizerConfig::adam(), 0.003);
        shrinks(mlp(&[40, 30]), of, OptimizerConfig::adam(), 0.003);
    }
}

/// A snapshot brings back the larger network, with its optimiser, and the smaller one after it, to the bit.
#[test]
fn snapshots_of_other_sizes_are_restored() {
    let run = |goes_back: bool| {
        let mut trainee = trainee(mlp(&[32, 32]), Pruning::to(0.7));
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
                // It trains on as it did then.
                let again = trainee.advance(&settings(0.2), budget(30.0)).unwrap();
                assert_eq!(seen(&again), reports[2]);
                trainee.restore(&snapshot, Restore::Weights).unwrap();
                assert_eq!(trainee.test().unwrap(), test);
                trainee.restore(&small.0, Restore::AllButData).unwrap();
                assert_eq!(trainee.test().unwrap(), small.1);
                trainee.restore(&small.0, Restore::Everything).unwrap();
            }
            let report = trainee.advance(&settings(0.2), budget(30.0)).unwrap();
            reports.push(seen(&report));
        }
        reports
    };
    let straight = run(false);
    assert!(straight[4].1 < straight[2].1 && straight[2].1 < straight[1].1);
    assert_eq!(run(true), straight);
}

/// What an example costs falls with the operations that are left; what an update costs does not.
#[test]
fn a_smaller_network_makes_more_updates_for_the_same_cost() {
    let time = UpdateTime {
        per_update: 0.0,
        per_example: 1.0,
        per_evaluation: 0.0,
    };
    let config = TraineeConfig {
        cost: CostModel::Modelled(time),
        ..config(
            Pruning {
                of: Measure::Operations,
                ..Pruning::to(0.5)
            },
            OptimizerConfig::adam(),
        )
    };
    let mut trainee = TaskTrainee::new(mlp(&[64, 64]), config, &Device::flex()).unwrap();
    trainee.start(0).unwrap();
    let whole = trainee.advance(&settings(0.0), 32.0 * 50.0).unwrap();
    assert_eq!(whole.updates, 50);
    let half = trainee.advance(&settings(0.5), 32.0 * 50.0).unwrap();
    let left = half.pruned.unwrap().left;
    assert!((0.45..=0.5).contains(&left), "{left}");
    assert_eq!(half.updates, (50.0 / left) as u64);
    assert!(half.cost <= 1600.0 && half.cost > 1560.0);
}

#[test]
fn what_cannot_be_pruned_is_refused() {
    let refusal = |task: TaskConfig| {
        let task = task.prepare().unwrap();
        let trainee = task.trainee(CostModel::default(), &Device::flex());
        trainee
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let config = |text: &str| -> TaskConfig { ron::from_str(text).unwrap() };
    let transformer = refusal(config(
        "(data: Embedded(\"digits\"), model: Transformer((patch: 4, width: 16, heads: 2, blocks: 1)), optimizer: Adam(), pruning: Some((target: Some(0.5))))",
    ));
    assert!(
        transformer.contains("pruning") && transformer.contains("Mlp, Tabular or Cnn"),
        "{transformer}"
    );
    let linear = refusal(config(
        "(data: Embedded(\"digits\"), model: Mlp(hidden: []), optimizer: Adam(), pruning: Some((target: Some(0.5))))",
    ));
    assert!(linear.contains("hidden layers"), "{linear}");
    let layer = refusal(config(
        "(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), optimizer: Adam(), pruning: Some((layers: [1])))",
    ));
    assert!(layer.contains("pruning.layers: 1"), "{layer}");
    let wrong = config(
        "(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), optimizer: Adam(), pruning: Some((target: Some(1.5))))",
    );
    let wrong = wrong.prepare().unwrap_err().to_string();
    assert!(wrong.contains("pruning.target: 1.5"), "{wrong}");

    // The setting is refused where nothing is pruned, and where it is no share.
    let device = Device::flex();
    let mut plain = TaskTrainee::new(mlp(&[8]), TraineeConfig::default(), &device).unwrap();
    plain.start(0).unwrap();
    let unknown = plain.advance(&settings(0.1), 1.0).unwrap_err().to_string();
    assert!(unknown.contains(PRUNE), "{unknown}");
    let mut pruned = trainee(mlp(&[8]), Pruning::to(0.5));
    pruned.start(0).unwrap();
    let share = pruned.advance(&settings(1.5), 1.0).unwrap_err().to_string();
    assert!(share.contains(PRUNE) && share.contains("1.5"), "{share}");
}

/// Whatever is asked for, some units of every layer stay.
#[test]
fn layers_are_never_emptied() {
    for importance in [
        Importance::default(),
        Importance::Random,
        Importance::Magnitude { power: 2 },
    ] {
        let pruning = Pruning {
            importance,
            least: 0.0,
            ..Pruning::to(0.999)
        };
        let mut trainee = trainee(mlp(&[12, 6]), pruning);
        trainee.start(1).unwrap();
        let mut last = Report::default();
        for _ in 0..4 {
            last = trainee.advance(&settings(1.0), budget(40.0)).unwrap();
        }
        assert_eq!(last.pruned.unwrap().units, [1, 1]);
        assert!(last.validation.is_some());
    }
}

/// A training in one call reaches its target and keeps the best of the smaller networks, though a larger one was better.
#[test]
fn a_training_in_one_call_keeps_a_network_as_small_as_asked_for() {
    let device = Device::flex();
    for (model, data) in [
        (
            ModelConfig::Mlp {
                hidden: vec![48, 32],
                activation: Activation::Relu,
            },
            Embedded::Digits,
        ),
        (ModelConfig::Tabular(Default::default()), Embedded::Vehicle),
        (
            ModelConfig::Cnn {
                channels: vec![12, 12],
            },
            Embedded::Digits,
        ),
    ] {
        let task = TaskConfig {
            split: SplitConfig {
                max_train: Some(300),
                ..SplitConfig::default()
            },
            ..TaskConfig::new(
                DataConfig::Embedded(data),
                model.clone(),
                OptimizerConfig::adam(),
            )
        };
        let task = task.prepare().unwrap();
        let config = |target| TrainConfig {
            epochs: 30.0,
            pruning: Some(Pruning::to(target)),
            ..TrainConfig::default()
        };
        let run = |target| {
            task.train(&config(target), 0, &device, &mut |_| {
                ControlFlow::Continue(())
            })
            .unwrap()
        };
        let trained = run(0.6);
        let pruned = trained.pruned.clone().unwrap();
        assert!(pruned.left <= 0.4 && pruned.excess == 0.0, "{pruned:?}");
        assert_eq!(
            trained.outcome["weights_left"],
            trained.weights.len() as f64
        );
        assert_eq!(trained.outcome["network_left"], pruned.left);
        let smallest = trained
            .segments
            .iter()
            .filter(|segment| segment.report.excess() == 0.0);
        let losses = smallest.filter_map(|segment| segment.report.validation.as_ref());
        let best = losses
            .map(|validation| validation.loss)
            .fold(f64::MAX, f64::min);
        assert_eq!(trained.outcome["best_validation_loss"], best);

        // The weights are those of a model of the architecture that is left, from which another training can begin.
        let smaller = TaskConfig {
            model: model.resized(&pruned.units),
            ..task.config().clone()
        };
        let smaller = smaller
            .prepare()
            .unwrap()
            .fine_tuning(trained.weights.clone())
            .unwrap();
        let mut again = smaller.trainee(CostModel::default(), &device).unwrap();
        let start = again.start(0).unwrap().validation.unwrap().loss;
        assert!((start - best).abs() < 1e-5 * best, "{start} {best}");
        assert_eq!(run(0.6), trained);
    }
}

/// An earlier model can lose units while it is fine-tuned.
#[test]
fn a_model_is_pruned_while_it_is_fine_tuned() {
    let device = Device::flex();
    let config = |pruning| TrainConfig {
        epochs: 20.0,
        pruning,
        ..TrainConfig::default()
    };
    let first = train(mlp(&[40]), &config(None), &device).unwrap();
    let again = FineTuning::new(mlp(&[40]), &first.model).unwrap();
    let smaller = train(again, &config(Some(Pruning::to(0.5))), &device).unwrap();
    let pruned = smaller.pruned.unwrap();
    assert!(pruned.left <= 0.5 && pruned.units[0] <= 20, "{pruned:?}");
    assert!(first.pruned.is_none());
    let guess = 10f64.ln();
    assert!(smaller.outcome["best_validation_loss"] < 0.5 * guess);
}

/// How much leaves is a head of the action; what is left is seen.
#[test]
fn a_knob_prunes() {
    let knob = Knob {
        name: PRUNE.to_owned(),
        domain: Domain::Values(vec![0.0, 0.05, 0.2]),
        initial: Initial::Fixed(0.0.into()),
        moves: Moves::Absolute,
    };
    let lr = Knob::learning_rate(
        Domain::LogUniform(1e-5, 1.0),
        Initial::Fixed(0.003.into()),
        Moves::Relative(vec![1.0]),
    );
    let trainee = trainee(
        mlp(&[32]),
        Pruning {
            most: 0.5,
            ..Pruning::default()
        },
    );
    let config = TuningConfig {
        knobs: vec![lr, knob],
        base_controller: None,
        settings: Settings::new(0.003, 32),
        budget: Budget::Epochs(20.0),
        segments: Default::default(),
        reward: Default::default(),
        observation: Default::default(),
        divergence: Default::default(),
        stop_at_target: false,
        objective: Default::default(),
    };
    let mut environment = TuningEnv::new(
        vec![Instance::from(Box::new(trainee) as Box<dyn Trainee>)],
        config,
    )
    .unwrap();
    let names: Vec<String> = environment
        .spec()
        .features
        .iter()
        .map(|feature| feature.name.clone())
        .collect();
    let at = names
        .iter()
        .position(|name| name == "prune_position")
        .unwrap();
    let first = environment.reset(1).unwrap();
    assert_eq!(first.features[at], 1.0);
    let mut lefts = Vec::new();
    loop {
        let step = environment.step(&Action::new(vec![0, 2])).unwrap();
        let report = &environment.segments().last().unwrap().report;
        let pruned = report.pruned.as_ref().unwrap();
        assert!(
            (f64::from(step.observation.features[at]) - (2.0 * pruned.left - 1.0)).abs() < 1e-6
        );
        assert_eq!(pruned.excess, 0.0);
        lefts.push(pruned.left);
        if step.status.is_over() {
            break;
        }
    }
    assert!(lefts.is_sorted_by(|a, b| a >= b) && lefts[0] == 1.0);
    // The limit, and units above their threshold, stay.
    let last = *lefts.last().unwrap();
    assert!((0.47..0.8).contains(&last), "{lefts:?}");
}

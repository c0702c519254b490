use super::super::carried::{Digits, Layered, trainee};
use super::super::differentiated::{digits, optimizers, wine};
use super::*;
use crate::network::mlp::Activation;
use crate::tasks::mlp::MlpTask;
use crate::tasks::tabular::TabularTask;
use crate::training::pruning::Pruning;
use crate::training::updates::{Look, SMOOTHING_INTERVAL};
use crate::{OptimizerConfig, TabularConfig, TraineeConfig};
use burn::tensor::Device;
use trimtab_env::settings::{AVERAGING, INDEPENDENT_WEIGHT_DECAY};
use trimtab_env::{Report, Restore, Settings, Trainee, UpdateTime};

fn new<T: Task>(task: T, config: &TraineeConfig) -> TaskTrainee<T> {
    TaskTrainee::new(task, config.clone(), &Device::flex()).unwrap()
}

/// Segments under several settings and every way back, with a pause after each of its steps: all reports, of the training and of one that
/// takes over at the pause with this number.
fn reports<T: Task + Clone>(task: &T, config: &TraineeConfig, pause: usize) -> Vec<Report> {
    let lr = config.optimizer.default_learning_rate();
    let settings = Settings::new(lr, 16)
        .with(AVERAGING, 0.1)
        .with(INDEPENDENT_WEIGHT_DECAY, 1e-3);
    let plain = Settings::new(0.5 * lr, 33);
    let mut trainee = new(task.clone(), config);
    let mut reports = vec![trainee.start(1).unwrap()];
    let mut best = trainee.snapshot();
    let rows = trainee.spec().validation_examples;
    let budget = UpdateTime::default().evaluation(rows) + 13.0 * UpdateTime::default().update(16);
    for step in 0..7 {
        let report = match step {
            0 | 5 => trainee.advance(&settings, budget),
            2 => trainee.probe(&settings, 5),
            _ => trainee.advance(&plain, budget),
        };
        reports.push(report.unwrap());
        match step {
            1 => best = trainee.snapshot(),
            2 => trainee.restore(&best, Restore::AllButData).unwrap(),
            3 => trainee.restore(&best, Restore::Weights).unwrap(),
            4 => trainee.restore(&best, Restore::Everything).unwrap(),
            _ => {}
        }
        if step == pause {
            let saved = trainee.save(&best).expect("it can be written down");
            trainee = new(task.clone(), config);
            if step % 2 == 0 {
                // Whatever it was used for.
                trainee.start(9).unwrap();
                trainee.advance(&settings, budget).unwrap();
            }
            best = trainee.load(&saved).unwrap();
        }
    }
    trainee.restore(&best, Restore::Everything).unwrap();
    let test = trainee.test().unwrap();
    let figures = (test.loss, test.metrics);
    reports.push(Report {
        validation: Some(trimtab_env::Validation {
            loss: figures.0,
            metrics: figures.1,
        }),
        ..Default::default()
    });
    reports
}

fn goes_on_anywhere<T: Task + Clone>(task: &T, config: &TraineeConfig) {
    let alone = reports(task, config, usize::MAX);
    for pause in 0..7 {
        let other = reports(task, config, pause);
        assert_eq!(other, alone, "{:?}, {pause}", config.optimizer);
    }
}

/// Under every optimiser, whatever is measured, and with data that change on the way.
#[test]
fn a_training_that_goes_on_elsewhere_makes_the_same_updates_to_the_bit() {
    let task = MlpTask::new("digits", digits(), &[12], Activation::Relu);
    for optimizer in optimizers() {
        for gradient_samples in [0, 3] {
            let config = TraineeConfig {
                optimizer,
                gradient_samples,
                validation_rows: Some(60),
                delayed_classes: Some(crate::DelayedClasses {
                    share: 0.5,
                    after: 0.3,
                }),
                intermittent_label_noise: Some(crate::IntermittentLabelNoise {
                    share: 1.0,
                    every: 0.4,
                    lasting: 0.2,
                }),
                ..Default::default()
            };
            goes_on_anywhere(&task, &config);
        }
    }
    let tabular = TabularConfig {
        hidden: vec![12],
        members: 3,
        label_smoothing: 0.1,
        ..TabularConfig::default()
    };
    let task = TabularTask::new("wine", wine(), tabular);
    goes_on_anywhere(&task, &TraineeConfig::default());
}

/// Where a steered training decays and averages once in several updates, some of that is due when it stands still.
#[test]
fn what_is_due_of_decay_and_average_goes_along() {
    let task = MlpTask::new("digits", digits(), &[12], Activation::Relu);
    let config = TraineeConfig {
        smoothing_interval: SMOOTHING_INTERVAL,
        ..Default::default()
    };
    let begun = || {
        let mut trainee = new(task.clone(), &config);
        trainee.look_at(Look::Ratio);
        trainee
    };
    let paused = |pause| {
        let mut trainee = begun();
        let settings = Settings::new(1e-3, 16)
            .with(AVERAGING, 0.1)
            .with(INDEPENDENT_WEIGHT_DECAY, 1e-2);
        let mut reports = vec![trainee.start(1).unwrap()];
        for step in 0..6 {
            reports.push(trainee.advance(&settings, 0.008).unwrap());
            if step == pause {
                let saved = trainee.save(&trainee.snapshot()).unwrap();
                trainee = begun();
                trainee.load(&saved).unwrap();
            }
        }
        reports
    };
    let alone = paused(usize::MAX);
    assert!((0..6).all(|pause| paused(pause) == alone));
}

#[test]
fn what_cannot_be_written_down_is_said_to_be_so() {
    let settings = Settings::new(1e-3, 32);
    let mut module = trainee(Digits::<Layered>::new(), OptimizerConfig::adam());
    module.start(1).unwrap();
    module.advance(&settings, 0.02).unwrap();
    assert!(module.save(&module.snapshot()).is_none());

    let task = MlpTask::new("digits", digits(), &[12], Activation::Relu);
    let config = TraineeConfig {
        pruning: Some(Pruning::default()),
        ..Default::default()
    };
    let mut pruned = new(task.clone(), &config);
    pruned.start(1).unwrap();
    assert!(pruned.save(&pruned.snapshot()).is_none());

    let written_out = new(task, &TraineeConfig::default());
    // It has not begun.
    assert!(written_out.save(&written_out.snapshot()).is_none());
    assert!(written_out.save(&Snapshot::new(0)).is_none());
}

/// What comes over a wire may be of another training, or noise.
#[test]
fn a_training_of_another_task_is_refused() {
    let task = |hidden| MlpTask::new("digits", digits(), &[hidden], Activation::Relu);
    let config = TraineeConfig::default();
    let mut first = new(task(12), &config);
    first.start(1).unwrap();
    let saved = first.save(&first.snapshot()).unwrap();
    let mut wider = new(task(13), &config);
    let wine = TabularTask::new("wine", wine(), TabularConfig::default());
    let mut other = new(wine, &config);
    let mut module = trainee(Digits::<Layered>::new(), OptimizerConfig::adam());
    for refused in [
        wider.load(&saved),
        other.load(&saved),
        module.load(&saved),
        first.load(b"noise"),
        first.load(&saved[..saved.len() / 2]),
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("snapshot"), "{error}");
    }
    assert!(first.load(&saved).is_ok());
}

use super::*;
use crate::data::{Embedded, SplitConfig, split};
use crate::mlp::{Activation, MlpTask};
use crate::optimizer::{ProdigyConfig, ScheduleFreeConfig};
use crate::weights::flat_state;
use crate::{Late, OptimizerConfig, PassingNoise, TaskTrainee, TraineeConfig};
use burn::tensor::Device;
use proptest::prelude::*;
use std::sync::Arc;
use trimtab_env::metrics::{Average, Metric};
use trimtab_env::settings::{AVERAGING, INDEPENDENT_WEIGHT_DECAY};
use trimtab_env::suite::NoisyQuadratic;
use trimtab_env::{Cost, Restore, Trainee, UpdateTime};

fn task(data: Embedded, hidden: &[usize], activation: Activation) -> MlpTask {
    let config = SplitConfig {
        max_train: Some(150),
        ..Default::default()
    };
    let split = Arc::new(split(&data.load().unwrap(), &config).unwrap());
    MlpTask::new("task", split, hidden, activation)
}

fn digits() -> MlpTask {
    task(Embedded::Digits, &[16], Activation::Relu)
}

fn config(optimizer: OptimizerConfig) -> TraineeConfig {
    TraineeConfig {
        optimizer,
        gradient_samples: 3,
        validation_rows: Some(60),
        ..Default::default()
    }
}

/// A budget that buys this many updates with batches of 16, and one evaluation.
fn budget(updates: usize) -> Cost {
    let time = UpdateTime::default();
    updates as f64 * time.update(16) + time.evaluation(60)
}

fn members(task: &MlpTask, config: &TraineeConfig, count: u64) -> Vec<Member> {
    let members = (0..count).map(|seed| {
        let mut member = Member::new(task.clone(), config.clone(), &Device::flex()).unwrap();
        member.start(seed).unwrap();
        member
    });
    members.collect()
}

fn ones(task: &MlpTask, config: &TraineeConfig, count: u64) -> Vec<TaskTrainee<MlpTask>> {
    let ones = (0..count).map(|seed| {
        let mut one = TaskTrainee::new(task.clone(), config.clone(), &Device::flex()).unwrap();
        one.start(seed).unwrap();
        one
    });
    ones.collect()
}

fn advance_all(members: &mut [Member], settings: &[Settings], budget: Cost) -> Vec<Report> {
    let asked = members.iter_mut().zip(settings);
    let asked = asked.map(|(trainee, settings)| Ask {
        trainee,
        settings,
        budget,
    });
    let reports: Result<Vec<Report>> = advance(asked.collect()).into_iter().collect();
    reports.unwrap()
}

fn weights_of_member(member: &Member) -> Vec<f32> {
    let mut flat = Vec::new();
    flat_state(&member.model().unwrap(), &mut flat);
    flat
}

fn weights_of_one(one: &TaskTrainee<MlpTask>) -> Vec<f32> {
    let mut flat = Vec::new();
    flat_state(&one.model().unwrap(), &mut flat);
    flat
}

/// Different rates, batch sizes, decay and averaging for each member, and others in each segment.
fn settings(members: usize, segment: usize) -> Vec<Settings> {
    let batches = [16, 16, 1, 16, 33];
    let settings = (0..members).map(|member| {
        let lr = 0.001 * (1.0 + member as f64);
        let settings = Settings::new(lr, batches[(member + segment) % batches.len()]);
        match (member + segment) % 3 {
            0 => settings,
            1 => settings.with(INDEPENDENT_WEIGHT_DECAY, 1e-3),
            _ => settings
                .with(INDEPENDENT_WEIGHT_DECAY, 1e-4)
                .with(AVERAGING, 0.1),
        }
    });
    settings.collect()
}

/// Every report and all weights are the same bits together and one by one.
fn check(task: &MlpTask, config: &TraineeConfig) {
    let count = 5;
    let (mut members, mut ones) = (members(task, config, count), ones(task, config, count));
    assert_eq!(members[0].spec(), ones[0].spec());
    for segment in 0..3 {
        let settings = settings(members.len(), segment);
        let together = advance_all(&mut members, &settings, budget(12));
        for ((one, settings), together) in ones.iter_mut().zip(&settings).zip(together) {
            assert!(together.validation.is_some() && together.gradients.is_some());
            assert_eq!(together, one.advance(settings, budget(12)).unwrap());
        }
    }
    for (member, one) in members.iter_mut().zip(&mut ones) {
        assert_eq!(weights_of_member(member), weights_of_one(one));
        assert_eq!(member.test().unwrap(), one.test().unwrap());
    }
}

#[test]
fn together_and_one_by_one_are_the_same_bits_under_every_optimizer() {
    let sgd = |momentum, nesterov, weight_decay| OptimizerConfig::Sgd {
        momentum,
        nesterov,
        weight_decay,
    };
    let adam = OptimizerConfig::Adam {
        beta_1: 0.8,
        beta_2: 0.99,
        epsilon: 1e-6,
        weight_decay: 0.01,
    };
    for optimizer in [
        sgd(0.0, false, 0.0),
        sgd(0.9, false, 0.0),
        sgd(0.9, true, 0.01),
        OptimizerConfig::adam(),
        adam,
        OptimizerConfig::adam_w(),
        OptimizerConfig::Prodigy(ProdigyConfig::default()),
        OptimizerConfig::ScheduleFreeAdamW(ScheduleFreeConfig::default()),
    ] {
        check(&digits(), &config(optimizer));
    }
}

#[test]
fn together_and_one_by_one_are_the_same_bits_for_every_shape_and_loss() {
    for activation in [Activation::Relu, Activation::Tanh, Activation::Gelu] {
        for hidden in [&[][..], &[19, 8]] {
            let metrics = TraineeConfig {
                metrics: vec![Metric::F1(Average::Macro)],
                late: Some(Late {
                    share: 0.5,
                    after: 0.5,
                }),
                passing_noise: Some(PassingNoise {
                    share: 1.0,
                    every: 0.4,
                    lasting: 0.2,
                }),
                smoothing_interval: 6,
                ..config(OptimizerConfig::adam())
            };
            check(&task(Embedded::Digits, hidden, activation), &metrics);
            let values = task(Embedded::WineQuality, hidden, activation);
            check(&values, &config(OptimizerConfig::sgd()));
        }
    }
}

#[test]
fn a_member_that_diverges_leaves_the_others_alone() {
    let config = config(OptimizerConfig::sgd());
    let mut with = members(&digits(), &config, 4);
    let mut without = members(&digits(), &config, 3);
    let mut settings = vec![Settings::new(0.05, 16); 4];
    settings[3] = Settings::new(1e30, 16);
    for _ in 0..2 {
        let mut reports = advance_all(&mut with, &settings, budget(20));
        let diverged = reports.pop().unwrap();
        assert!(diverged.diverged && diverged.validation.is_none() && diverged.updates < 20);
        assert_eq!(
            reports,
            advance_all(&mut without, &settings[..3], budget(20))
        );
    }
    for (a, b) in with.iter().zip(&without) {
        assert_eq!(weights_of_member(a), weights_of_member(b));
    }
}

#[test]
fn snapshots_and_probes_are_those_of_a_task_trainee() {
    let config = config(OptimizerConfig::adam());
    let (mut members, mut ones) = (members(&digits(), &config, 1), ones(&digits(), &config, 1));
    let trainees: [&mut dyn Trainee; 2] = [&mut members[0], &mut ones[0]];
    let traces = trainees.map(|trainee| {
        let settings = Settings::new(0.01, 16).with(AVERAGING, 0.2);
        let mut reports = vec![trainee.advance(&settings, budget(9)).unwrap()];
        let saved = trainee.snapshot();
        for what in [Restore::Everything, Restore::AllButData, Restore::Weights] {
            reports.push(trainee.probe(&settings, 5).unwrap());
            trainee.restore(&saved, what).unwrap();
            reports.push(trainee.advance(&Settings::new(0.02, 8), budget(9)).unwrap());
        }
        reports
    });
    assert_eq!(traces[0], traces[1]);
    assert!(traces[0][1].validation.is_none());
    let foreign = ones[0].snapshot();
    assert!(members[0].restore(&foreign, Restore::Everything).is_err());
}

#[test]
fn whatever_cannot_share_is_advanced_by_itself_and_errors_stay_where_they_are() {
    let by_clock = TraineeConfig {
        cost: CostModel::Measured,
        ..config(OptimizerConfig::sgd())
    };
    let config = config(OptimizerConfig::sgd());
    let mut members = members(&digits(), &config, 2);
    let mut unstarted = Member::new(digits(), config.clone(), &Device::flex()).unwrap();
    let mut measured = Member::new(digits(), by_clock, &Device::flex()).unwrap();
    measured.start(0).unwrap();
    let mut quadratic = NoisyQuadratic::default();
    quadratic.start(1).unwrap();
    let (good, large) = (Settings::new(0.05, 16), Settings::new(0.05, 1000));
    let (first, second) = members.split_at_mut(1);
    let parts: [(&mut dyn Trainee, &Settings); 5] = [
        (&mut first[0], &good),
        (&mut quadratic, &good),
        (&mut second[0], &large),
        (&mut unstarted, &good),
        (&mut measured, &good),
    ];
    let asked = parts.map(|(trainee, settings)| Ask {
        trainee,
        settings,
        budget: budget(10),
    });
    let reports = advance(asked.into());
    let good_ones: Vec<bool> = reports.iter().map(Result::is_ok).collect();
    assert_eq!(good_ones, [true, true, false, false, true]);
    let large = reports[2].as_ref().unwrap_err().to_string();
    assert!(large.contains("1000"), "{large}");
    // The refused settings have cost the member nothing.
    assert!(second[0].advance(&good, budget(2)).is_ok());
    assert!(reports[4].as_ref().unwrap().cost > 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    /// Whoever shares a program with whom, the bits are the same.
    #[test]
    fn company_makes_no_difference(
        batches in proptest::collection::vec(1usize..4, 1..20),
        threads in 1usize..4,
    ) {
        let config = TraineeConfig { gradient_samples: 2, ..config(OptimizerConfig::adam()) };
        let settings: Vec<Settings> = batches
            .iter()
            .enumerate()
            .map(|(i, batch)| Settings::new(0.001 * (i + 1) as f64, 8 * batch))
            .collect();
        let count = settings.len();
        let run = |members: &mut [Member], settings: &[Settings]| {
            let mut reports = advance_all(members, settings, budget(4));
            reports.extend(advance_all(members, settings, budget(4)));
            reports
        };
        let mut all = members(&digits(), &config, count as u64);
        let together = run(&mut all, &settings);
        let mut apart = members(&digits(), &config, count as u64);
        let each = count.div_ceil(threads);
        let parts: Vec<Vec<Report>> = std::thread::scope(|scope| {
            let parts: Vec<_> = apart
                .chunks_mut(each)
                .zip(settings.chunks(each))
                .map(|(members, settings)| scope.spawn(move || run(members, settings)))
                .collect();
            parts.into_iter().map(|part| part.join().unwrap()).collect()
        });
        for segment in 0..2 {
            let segment_of = |part: &Vec<Report>| {
                let half = part.len() / 2;
                part[segment * half..(segment + 1) * half].to_vec()
            };
            let apart: Vec<Report> = parts.iter().flat_map(segment_of).collect();
            prop_assert_eq!(&together[segment * count..(segment + 1) * count], &apart[..]);
        }
    }
}

//! The result of a training depends neither on who does it nor on what was done before.

use super::*;
use crate::record::observer::{Observer, Quiet};
use crate::work::Workers;
use crate::work::controllers::Start;
use std::sync::atomic::{AtomicBool, Ordering};
use trimtab_agent::controller::Schedule;
use trimtab_env::{CostModel, Settings, TuningConfig};
use trimtab_models::tasks::custom::Extensions;
use trimtab_models::{LossConfig, TaskConfig};

fn tuning() -> Tuning {
    let task = |rest: &str| -> TaskConfig {
        let split = "(validation: Rows(80), test: Rows(80), max_train: Some(120))";
        let data = format!("data: Embedded(\"digits\"), split: {split}");
        ron::from_str(&format!("({data}, optimizer: Adam(), {rest})")).unwrap()
    };
    let tasks = [
        task("model: Mlp(hidden: [12])"),
        task("model: Cnn(channels: [2])"),
    ];
    let process: TuningConfig = ron::from_str(
        "(knobs: [(name: \"learning_rate\", domain: LogUniform(1e-6, 10.0), initial: Fixed(0.01), \
         moves: Relative([1.0]))], budget: EpochsBetween(3, 6))",
    )
    .unwrap();
    let device = burn::tensor::Device::flex();
    Tuning::new(
        &tasks,
        CostModel::default(),
        &process,
        &device,
        &Extensions::default(),
    )
    .unwrap()
}

/// Both tasks, several batch sizes, controllers and optimisers, and one rate that diverges.
fn units() -> Vec<Training> {
    let unit = |index: usize| {
        let rate = [0.001, 0.01, 1e9][index % 3];
        let settings = Settings::new(rate, [16, 16, 40, 16, 16][index % 5]);
        Training {
            task: usize::from(index % 4 == 3),
            optimizer: (index % 6 == 5).then(trimtab_models::OptimizerConfig::sgd),
            seed: index as u64 / 2,
            controller: match index {
                7 => ControllerConfig::Random,
                8 => ControllerConfig::NoOp,
                9 => ControllerConfig::Schedule(Schedule::Constant, Start::Drawn),
                10 => ControllerConfig::ContextServo(Default::default()),
                _ => ControllerConfig::Constant(settings),
            },
        }
    };
    (0..13).map(unit).collect()
}

#[test]
fn company_threads_and_a_way_over_the_wire_change_nothing() {
    let (registry, interrupted) = (Registry::default(), AtomicBool::new(false));
    let device = burn::tensor::Device::flex();
    let work = Trainings::new(tuning(), &registry);
    let units = units();
    let alone: Vec<Played> = units
        .iter()
        .map(|unit| {
            // As it would come to another machine and back.
            let unit = serde_json::from_slice(&serde_json::to_vec(unit).unwrap()).unwrap();
            let mut bench = work.bench().unwrap();
            let played = work.answer(&mut bench, &(), &unit, &|_| {}).unwrap();
            let text = trimtab_env::json::to_vec(&played).unwrap();
            trimtab_env::json::from_slice(&text).unwrap()
        })
        .collect();
    assert!(
        alone
            .iter()
            .any(|played| played.outcome["divergences"] > 0.0)
    );
    for jobs in [1, 3] {
        let workers = Workers::new(jobs, device.clone(), &registry, &interrupted);
        let session = workers.begin(&work);
        for _ in 0..2 {
            assert_eq!(session.all(&(), &units, &mut Quiet).unwrap(), alone);
        }
    }
}

/// Interrupts after some answers.
struct Impatient<'a>(u64, &'a AtomicBool);

impl Observer for Impatient<'_> {
    fn advance(&mut self, steps: u64) {
        self.0 = self.0.saturating_sub(steps);
        if self.0 == 0 {
            self.1.store(true, Ordering::SeqCst);
        }
    }
}

#[test]
fn what_was_whole_before_an_interruption_is_delivered() {
    let (registry, interrupted) = (Registry::default(), AtomicBool::new(false));
    let work = Trainings::new(tuning(), &registry);
    let device = burn::tensor::Device::flex();
    let units: Vec<Training> = units().into_iter().cycle().take(200).collect();
    // On this thread the fourth is under way when it is interrupted, and counts for nothing. Others may have been faster.
    for (jobs, wanted) in [(1, 3..=3), (2, 0..=199)] {
        interrupted.store(false, Ordering::SeqCst);
        let workers = Workers::new(jobs, device.clone(), &registry, &interrupted);
        let mut delivered = Vec::new();
        let outcome =
            workers
                .begin(&work)
                .each(&(), &units, &mut Impatient(4, &interrupted), |index, _| {
                    delivered.push(index);
                    Ok(())
                });
        assert!(matches!(outcome, Err(crate::Error::Halted)));
        let order: Vec<usize> = (0..delivered.len()).collect();
        assert_eq!(delivered, order);
        assert!(wanted.contains(&delivered.len()), "{delivered:?}");
    }
}

#[test]
fn what_is_wrong_with_a_task_is_said_with_its_number() {
    let mut wrong = tuning().tasks[1].config().clone();
    wrong.loss = Some(LossConfig::named("mine"));
    let tasks = [tuning().tasks[0].config().clone(), wrong];
    let (cost, process) = (CostModel::default(), tuning().process().clone());
    let device = burn::tensor::Device::flex();
    let tried = Tuning::new(&tasks, cost, &process, &device, &Extensions::default());
    let message = tried.err().unwrap().to_string();
    assert!(
        message.starts_with("tasks[1]: loss: Custom(name: \"mine\")"),
        "{message}"
    );
}

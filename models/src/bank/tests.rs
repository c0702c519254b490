use super::*;
use crate::data::{Embedded, Split, SplitConfig, Teacher, split};
use crate::mlp::{Activation, MlpTask};
use crate::weights::flat_weights;
use crate::{Late, OptimizerConfig, TaskTrainee, TraineeConfig};
use burn::tensor::Device;
use std::sync::Arc;
use trimtab_env::UpdateTime;
use trimtab_env::settings::{AVERAGING, WEIGHT_DECAY};

fn parity(task: &MlpTask, config: &TraineeConfig) {
    let time = UpdateTime::default();
    let rates = [(0.01, 16), (0.05, 16), (0.003, 16), (0.02, 64), (0.002, 7)];
    let rows = task.clone();
    let mut ones: Vec<_> = (0..rates.len()).map(|_| TaskTrainee::new(rows.clone(), config.clone(), &Device::flex()).unwrap()).collect();
    let mut members: Vec<_> = (0..rates.len()).map(|_| Member::new(task.clone(), config.clone(), &Device::flex()).unwrap()).collect();
    for (seed, (one, member)) in ones.iter_mut().zip(&mut members).enumerate() {
        let (a, b) = (one.start(seed as u64).unwrap(), member.start(seed as u64).unwrap());
        println!("start {:?} {:?}", a.validation, b.validation);
    }
    for segment in 0..3 {
        let settings: Vec<Settings> = rates.iter().enumerate().map(|(i, (lr, batch))| {
            let s = Settings::new(*lr, *batch);
            if i % 2 == segment % 2 { s.with(WEIGHT_DECAY, 1e-3).with(AVERAGING, 0.1) } else { s }
        }).collect();
        let budget = 20.0 * time.update(16) + time.evaluation(members[0].spec().validation_examples);
        let asked = members.iter_mut().zip(&settings).map(|(trainee, settings)| Ask { trainee, settings, budget }).collect();
        let together = advance(asked);
        for ((one, settings), report) in ones.iter_mut().zip(&settings).zip(together) {
            let (a, b) = (one.advance(settings, budget).unwrap(), report.unwrap());
            if a != b { println!("{a:?}\n{b:?}"); }
        }
    }
    for (one, member) in ones.iter().zip(&members) {
        let (mut a, mut b) = (vec![], vec![]);
        flat_weights(&one.model().unwrap(), &mut a);
        flat_weights(&member.model().unwrap(), &mut b);
        let worst = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        println!("equal {} worst {worst}", a == b);
    }
}

#[test]
fn look() {
    let data = Arc::new(split(&Embedded::Digits.load().unwrap(), &SplitConfig { max_train: Some(300), ..Default::default() }).unwrap());
    for (optimizer, activation) in [(OptimizerConfig::sgd(), Activation::Relu), (OptimizerConfig::adam(), Activation::Tanh), (OptimizerConfig::adam_w(), Activation::Gelu)] {
        println!("{optimizer:?}");
        let task = MlpTask::new("t", Arc::clone(&data), &[33, 16], activation);
        parity(&task, &TraineeConfig { optimizer, ..Default::default() });
    }
}

//! What it saves to train equal networks as one program ([`trimtab_models::bank`]) rather than one by one.
//!
//! Both sides make the same updates on the same batches, with gradient statistics and an evaluation after every segment as
//! processes have them, and end with the same reports, which is checked. They take turns, and what is printed is the median
//! of the ratios of neighbouring times. Words after `--` choose the rows that have one of them:
//! `cargo bench -p trimtab-models --bench bank -- "batch 16,"`.

mod rows;

use burn::tensor::Device;
use rows::{is_wanted, quantile};
use std::sync::Arc;
use std::time::Instant;
use trimtab_env::{Ask, Report, Settings, Trainee, UpdateTime};
use trimtab_models::bank::{Member, advance};
use trimtab_models::data::{Embedded, Split, SplitConfig, split};
use trimtab_models::mlp::{Activation, MlpTask};
use trimtab_models::{OptimizerConfig, TaskTrainee, TraineeConfig};

/// The allocator of the binaries.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Segments a measurement, and updates a segment.
const SEGMENTS: usize = 4;
const UPDATES: usize = 12;
const PAIRS: usize = 12;
const VALIDATION_ROWS: usize = 300;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = Arc::new(split(&*Embedded::Digits.load()?, &SplitConfig::default())?);
    println!("time one by one / time of a bank of K, median of pairs");
    for hidden in [[32, 32], [64, 64]] {
        for optimizer in [OptimizerConfig::sgd(), OptimizerConfig::adam()] {
            for batch_size in [16, 64, 256] {
                for members in [1, 8, 16] {
                    compare(&data, &hidden, optimizer, batch_size, members)?;
                }
            }
        }
    }
    Ok(())
}

/// Prints the median ratio of one row.
fn compare(
    data: &Arc<Split>,
    hidden: &[usize],
    optimizer: OptimizerConfig,
    batch_size: usize,
    count: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let what = format!(
        "mlp {}-{}, {}, batch {batch_size}, K = {count}",
        hidden[0],
        hidden[1],
        optimizer.name()
    );
    if !is_wanted(&what) {
        return Ok(());
    }
    let task = MlpTask::new("mlp", Arc::clone(data), hidden, Activation::Relu);
    let config = TraineeConfig {
        optimizer,
        validation_rows: Some(VALIDATION_ROWS),
        ..Default::default()
    };
    let time = UpdateTime::default();
    let budget = UPDATES as f64 * time.update(batch_size) + time.evaluation(VALIDATION_ROWS);
    let settings: Vec<Settings> = (1..=count)
        .map(|member| Settings::new(1e-3 * member as f64, batch_size))
        .collect();
    let mut ones = Vec::new();
    let mut members = Vec::new();
    for _ in 0..count {
        ones.push(TaskTrainee::new(
            task.clone(),
            config.clone(),
            &Device::flex(),
        )?);
        members.push(Member::new(task.clone(), config.clone(), &Device::flex())?);
    }
    let (mut ratios, mut times) = (Vec::new(), Vec::new());
    // The first pair warms up.
    for pair in 0..=PAIRS {
        for (seed, (one, member)) in ones.iter_mut().zip(&mut members).enumerate() {
            one.start(seed as u64)?;
            member.start(seed as u64)?;
        }
        let clock = Instant::now();
        let mut apart: Vec<Report> = Vec::new();
        for _ in 0..SEGMENTS {
            for (one, settings) in ones.iter_mut().zip(&settings) {
                apart.push(one.advance(settings, budget)?);
            }
        }
        let one_by_one = clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let mut together = Vec::new();
        for _ in 0..SEGMENTS {
            let asked = members.iter_mut().zip(&settings);
            let asked = asked.map(|(trainee, settings)| Ask {
                trainee,
                settings,
                budget,
            });
            for report in advance(asked.collect()) {
                together.push(report?);
            }
        }
        let banked = clock.elapsed().as_secs_f64();
        assert_eq!(apart, together, "not the same trainings");
        if pair > 0 {
            ratios.push(one_by_one / banked);
            times.push(one_by_one);
        }
    }
    let updates = (count * SEGMENTS * UPDATES) as f64;
    println!(
        "{what}: {:.2} (quartiles {:.2} to {:.2} of {PAIRS} pairs; one by one {:.0} us an update)",
        quantile(&mut ratios, 0.5),
        quantile(&mut ratios, 0.25),
        quantile(&mut ratios, 0.75),
        1e6 * quantile(&mut times, 0.5) / updates,
    );
    Ok(())
}

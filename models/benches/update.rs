//! One update of a small network in a [`TaskTrainee`], against the same updates by burn's autodiff, and with the feature `openblas`
//! against a plain loop of OpenBLAS calls on one thread.
//!
//! All make the same updates on the same batches, with gradient statistics at each. They take turns, and what is printed is the median
//! of the ratios of neighbouring times. Words after `--` choose the rows that have one of them:
//!
//! ```text
//! OPENBLAS_NUM_THREADS=1 cargo bench -p trimtab-models --features openblas --bench update -- "batch 64,"
//! ```

mod differentiated;
#[cfg(feature = "openblas")]
mod openblas;
mod rows;

use burn::tensor::Device;
use differentiated::Differentiated;
use rows::{is_wanted, quantile};
use std::sync::Arc;
use std::time::Instant;
use trimtab_env::{Settings, Trainee};
use trimtab_models::MlpTask;
use trimtab_models::data::{Embedded, SplitConfig, pool, split};
use trimtab_models::mlp::Activation;
use trimtab_models::tasks::cnn::CnnTask;
use trimtab_models::{OptimizerConfig, Task, TaskTrainee, TraineeConfig};

/// The allocator of the binaries.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PAIRS: usize = 21;
const LEARNING_RATE: f64 = 0.003;

/// Something that makes so many updates.
type Updates<'a> = Box<dyn FnMut(u64) -> Result<(), Box<dyn std::error::Error>> + 'a>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let digits = Arc::new(split(&*Embedded::Digits.load()?, &SplitConfig::default())?);
    println!("microseconds of an update, and the median of its ratios to that of others");
    for hidden in [[32, 32], [64, 64]] {
        for optimizer in [OptimizerConfig::sgd(), OptimizerConfig::adam()] {
            for batch in [16, 64, 256] {
                let task = MlpTask::new("mlp", Arc::clone(&digits), &hidden, Activation::Relu);
                let what = format!(
                    "mlp 64-{}-{}-10, {}, batch {batch}, ",
                    hidden[0],
                    hidden[1],
                    optimizer.name()
                );
                let mut others: Vec<(&str, Updates)> = Vec::new();
                #[cfg(feature = "openblas")]
                {
                    let mut network = openblas::Network::new(&task.widths(), optimizer, batch);
                    let data = Arc::clone(&digits);
                    others.push((
                        "OpenBLAS",
                        Box::new(move |updates| {
                            network.updates(&data.train, LEARNING_RATE as f32, updates);
                            Ok(())
                        }),
                    ));
                }
                compare(
                    &what,
                    task,
                    optimizer,
                    batch,
                    32_000 / batch as u64,
                    &mut others,
                )?;
            }
        }
    }
    let clothes = pool(&*Embedded::FashionMnist.load()?, 2)?;
    let clothes = Arc::new(split(&clothes, &SplitConfig::default())?);
    let task = CnnTask::new("cnn", clothes, &[8, 16]);
    let adam = OptimizerConfig::adam();
    compare(
        "cnn 14x14, 8-16, adam, batch 64, ",
        task,
        adam,
        64,
        20,
        &mut [],
    )
}

/// Prints the times of a task, and what those of others are of it.
fn compare<T: Task + Clone>(
    what: &str,
    task: T,
    optimizer: OptimizerConfig,
    batch: usize,
    updates: u64,
    others: &mut [(&str, Updates)],
) -> Result<(), Box<dyn std::error::Error>> {
    if !is_wanted(what) {
        return Ok(());
    }
    let mut ours = trainee(task.clone(), optimizer, batch)?;
    let mut burns = trainee(Differentiated(task), optimizer, batch)?;
    let (mut times, mut ratios) = (Vec::new(), vec![Vec::new(); 1 + others.len()]);
    // The first pair warms up.
    for pair in 0..=PAIRS {
        let clock = Instant::now();
        ours(updates)?;
        let own = clock.elapsed().as_secs_f64();
        let others = others.iter_mut().map(|(_, other)| other);
        for (other, ratios) in std::iter::once(&mut burns).chain(others).zip(&mut ratios) {
            let clock = Instant::now();
            other(updates)?;
            if pair > 0 {
                ratios.push(own / clock.elapsed().as_secs_f64());
            }
        }
        if pair > 0 {
            times.push(1e6 * own / updates as f64);
        }
    }
    print!("{what}{:.1} us", quantile(&mut times, 0.5));
    let names = std::iter::once("burn").chain(others.iter().map(|(name, _)| *name));
    for (name, ratios) in names.zip(&mut ratios) {
        let [low, middle, high] = [0.25, 0.5, 0.75].map(|at| quantile(ratios, at));
        print!("; {name} x {middle:.3} ({low:.3} to {high:.3})");
    }
    println!();
    Ok(())
}

/// The updates of a trainee, each looked at for gradient statistics.
fn trainee<'a, T: Task>(
    task: T,
    optimizer: OptimizerConfig,
    batch: usize,
) -> Result<Updates<'a>, Box<dyn std::error::Error>> {
    let config = TraineeConfig {
        optimizer,
        gradient_samples: u64::MAX,
        ..Default::default()
    };
    let mut trainee = TaskTrainee::new(task, config, &Device::flex())?;
    trainee.start(1)?;
    let settings = Settings::new(LEARNING_RATE, batch);
    Ok(Box::new(move |updates| {
        let report = trainee.probe(&settings, updates)?;
        assert!(!report.diverged, "diverged");
        Ok(())
    }))
}

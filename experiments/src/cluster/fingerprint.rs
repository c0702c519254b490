//! What two machines have in common if they make the same bits.

use crate::work::Work;
use crate::work::controllers::ControllerConfig;
use crate::work::elsewhere::to_bytes;
use crate::work::environments::Tuning;
use crate::work::trainings::{Training, Trainings};
use crate::{Error, Registry, Result};
use burn::tensor::Device;
use trimtab_cluster::Hash;
use trimtab_cluster::message::Fingerprint;
use trimtab_env::{CostModel, Settings, TuningConfig};
use trimtab_models::TaskConfig;

/// The tasks of the probe: an MLP and a CNN, in the written-out networks that most trainings use.
const TASKS: [&str; 2] = [
    r#"(data: Embedded("digits"), split: (validation: Rows(60), test: Rows(60), max_train: Some(120)), optimizer: Adam(), model: Mlp(hidden: [24, 16]))"#,
    r#"(data: Embedded("digits"), split: (validation: Rows(60), test: Rows(60), max_train: Some(120)), optimizer: Sgd(momentum: 0.9), model: Cnn(channels: [3]))"#,
];

/// The process of the probe: two passes over 120 examples.
const PROCESS: &str = "(knobs: [(name: \"learning_rate\", domain: LogUniform(1e-6, 10.0), initial: Fixed(0.01), moves: Relative([1.0]))], budget: EpochsBetween(2, 2))";

/// What the bits of this program depend on, here, with tensors on `device`, which the command line calls `backend`. A twentieth of a
/// second is spent on two trainings whose figures are hashed: processors with other vector units, and other mathematical libraries, differ
/// in the last digit of a sum, and nothing else tells.
///
/// # Errors
/// If the probe cannot be trained.
pub fn fingerprint(backend: &str, device: &Device, registry: &Registry) -> Result<Fingerprint> {
    let unreadable = |error: ron::error::SpannedError| Error::Wire(error.to_string());
    let mut tasks: Vec<TaskConfig> = Vec::with_capacity(TASKS.len());
    for task in TASKS {
        tasks.push(ron::from_str(task).map_err(unreadable)?);
    }
    let process: TuningConfig = ron::from_str(PROCESS).map_err(unreadable)?;
    let extensions = registry.extensions();
    let tuning = Tuning::new(&tasks, CostModel::default(), &process, device, extensions)?;
    let work = Trainings::new(tuning, registry);
    let mut bench = work.bench()?;
    let mut bits = Vec::new();
    for task in 0..tasks.len() {
        let training = Training {
            task,
            optimizer: None,
            seed: 1,
            controller: ControllerConfig::Constant(Settings::new(0.01, 16)),
        };
        let played = work.answer(&mut bench, &(), &training, &|_| {})?;
        bits.extend(to_bytes(&played)?);
    }
    let short = |hash: Hash| hash.as_str()[..16].to_owned();
    let names = registry.names().join(",");
    Ok(Fingerprint {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: short(Hash::of_parts(&[
            env!("TRIMTAB_SOURCES").as_bytes(),
            names.as_bytes(),
        ])),
        backend: backend.to_owned(),
        probe: short(Hash::of(&bits)),
    })
}

//! A look at a task before it is trained: which weights it uses, how low its loss can be, and what it draws that is not its own.

use crate::data::Targets;
use crate::network::weights::{copy, size};
use crate::{Batch, Pass, TargetBatch, Task};
use burn::module::{Module, ModuleVisitor};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use trimtab_env::{NetworkSize, Settings, stream};

/// Rows that are looked at.
const ROWS: usize = 8;
/// The logits that are tried, all sure of the right class: some losses punish too much certainty, others too little.
const SURE: [f32; 4] = [1.0, 4.0, 16.0, 64.0];
/// Modules of burn that draw from the generator of the process.
const RANDOM: [&str; 3] = ["Struct:Dropout", "Struct:GaussianNoise", "Struct:RRelu"];

/// What was seen.
pub(crate) struct DryRun {
    /// The size of the network that takes part.
    pub size: NetworkSize,
    /// The loss of perfect predictions.
    pub lowest_loss: f64,
    /// What may make results other than expected.
    pub warnings: Vec<String>,
}

/// Looks at `task` with a copy of `model`, on the device where it will be trained.
pub(crate) fn run<T: Task>(task: &T, model: &T::Model, device: &Device) -> DryRun {
    let model = copy(model);
    let train = &task.split().train;
    let rows: Vec<u32> = (0..train.rows().min(ROWS) as u32).collect();
    let batch = Batch::gather(train, &rows, device);
    let settings = Settings::default();
    let mut rng = stream(0, "passes", 0);
    let loss = task.training_loss(&model, batch.clone(), &mut Pass::new(&settings, &mut rng));
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let outputs = || task.forward(&model, batch.inputs.clone());
    let (first, second) = (outputs(), outputs());
    let width = first.dims()[1];
    DryRun {
        size: size(&model, Some(&gradients)),
        lowest_loss: lowest_loss(task, &batch, width, device),
        warnings: draws_of_its_own(&model, first, second)
            .into_iter()
            .collect(),
    }
}

/// The loss of perfect predictions, 0 if the outputs are not of a shape that tells what these would be.
fn lowest_loss<T: Task>(task: &T, batch: &Batch, width: usize, device: &Device) -> f64 {
    let of = |outputs: Tensor<2>| -> f64 { task.loss(outputs, &batch.targets).into_scalar() };
    let lowest = match (&batch.targets, &task.split().train.targets) {
        (TargetBatch::Values(values), _) if width == 1 => of(values.clone()),
        (TargetBatch::Classes(_), Targets::Classes { labels, names }) if width == names.len() => {
            let rows = batch.inputs.dims()[0];
            let losses = SURE.map(|sure| {
                let mut logits = vec![0.0f32; rows * width];
                for (row, label) in logits.chunks_mut(width).zip(labels) {
                    row[*label as usize] = sure;
                }
                of(Tensor::from_data(
                    TensorData::new(logits, [rows, width]),
                    device,
                ))
            });
            losses.into_iter().fold(f64::INFINITY, f64::min)
        }
        _ => 0.0,
    };
    // No -0, and nothing that is no number.
    if lowest.is_finite() {
        lowest + 0.0
    } else {
        0.0
    }
}

/// A warning if two passes over the same rows differ: something draws from the generator of the process.
fn draws_of_its_own<M: Module>(model: &M, first: Tensor<2>, second: Tensor<2>) -> Option<String> {
    if first.into_data() == second.into_data() {
        return None;
    }
    let found = random_modules(model);
    let who = if found.is_empty() {
        "the model".to_owned()
    } else {
        found.join(" and ")
    };
    Some(format!(
        "{who} draws from burn's generator, which belongs to the whole process: the same seed will not give the same results. Draw from \
         the training's own stream, as `trimtab_models::dropout` does in `Task::training_loss`"
    ))
}

/// The paths of the modules that draw from the generator of the process.
fn random_modules<M: Module>(model: &M) -> Vec<String> {
    #[derive(Default)]
    struct Paths {
        path: Vec<String>,
        found: Vec<String>,
    }
    impl ModuleVisitor for Paths {
        fn enter_module(&mut self, name: &str, container: &str) {
            if RANDOM.contains(&container) {
                let module = format!("`{}`", self.path.join("."));
                if !self.found.contains(&module) {
                    self.found.push(module);
                }
            }
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
    }
    let mut paths = Paths::default();
    model.visit(&mut paths);
    paths.found
}

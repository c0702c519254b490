//! Units that leave the network between segments.

use super::network::Network;
use super::{State, TaskTrainee};
use crate::network::weights::{flat_gradients, flat_state, with_state};
use crate::training::pruning::Pruning;
use crate::training::pruning::pruner::Pruner;
use crate::{Error, Result, Task};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use trimtab_env::{Pruned, stream};
use trimtab_program::Program;
use trimtab_program::pruning::{Prunable, Removal};

/// The pruning of a training of `task` with this seed, `None` where none is asked for.
///
/// # Errors
/// [`Error::Config`] if the network cannot be pruned.
pub(super) fn pruner<T: Task>(
    task: &T,
    pruning: Option<&Pruning>,
    program: Option<&dyn Program>,
    seed: u64,
) -> Result<Option<Pruner>> {
    let Some(pruning) = pruning else {
        return Ok(None);
    };
    let fault = |given: String, allowed: &str| Error::Config {
        field: "pruning".to_owned(),
        given,
        allowed: allowed.to_owned(),
    };
    // What is written out says it itself.
    let prunable = program.map(Prunable::from).or_else(|| task.prunable());
    let Some(prunable) = prunable.filter(|prunable| {
        !prunable.layers.is_empty() && task.resized(&prunable.sizes()).is_some()
    }) else {
        let given = format!("the network of `{}`", task.name());
        let allowed = "an Mlp, Tabular or Cnn with hidden layers, on the backend flex and with a loss that is written out, or a LLaMA of which all weights train; leave `pruning` out for others";
        return Err(fault(given, allowed));
    };
    if task.optimizer().is_some() {
        let given = "an optimiser of the program's own".to_owned();
        let allowed =
            "one of this crate, whose state is known; leave `pruning` or `update_rule` out";
        return Err(fault(given, allowed));
    }
    Pruner::new(pruning, prunable, stream(seed, "pruning", 0)).map(Some)
}

/// Takes the weights and the gradients of an update of a module, if it is one to look at.
pub(super) fn look<M: Module>(pruner: &mut Option<Pruner>, model: &M, gradients: &GradientsParams) {
    if let Some(pruner) = pruner
        && pruner.looks()
    {
        let (mut weights, mut gradient) = (Vec::new(), Vec::new());
        flat_state(model, &mut weights);
        flat_gradients(model, gradients, &mut gradient);
        pruner.see(&weights, &gradient);
    }
}

/// A model of `task` that is as large as pruning has left it.
pub(super) fn like<T: Task>(task: &T, pruner: Option<&Pruner>, device: &Device) -> T::Model {
    let resized = pruner.and_then(|pruner| task.resized(&pruner.pruned().units));
    resized.as_ref().unwrap_or(task).model(device)
}

impl<T: Task> TaskTrainee<T> {
    /// What pruning has left of the network; `None` where there is none, and before the first start.
    pub fn pruned(&self) -> Option<Pruned> {
        let state = self.state.as_ref()?;
        state.pruner.as_ref().map(Pruner::pruned)
    }

    /// Lets the share `share` of what is left leave, the least important units first, with all that the optimiser and the average know of them.
    pub(super) fn prune(&mut self, share: f64) -> trimtab_env::Result<()> {
        self.fit();
        let Some(State {
            network,
            averaged,
            pruner: Some(pruner),
            ..
        }) = &mut self.state
        else {
            return Ok(());
        };
        let Some(removed) = pruner.choose(share) else {
            return Ok(());
        };
        let (kept, sizes) = pruner.without(&removed);
        let Some(smaller) = self.task.resized(&sizes) else {
            return Ok(());
        };
        let removal = match network {
            Network::Flat { weights, optimizer } => {
                let (Some(program), Some(written_out)) = (smaller.program(), &mut self.written_out)
                else {
                    return Ok(());
                };
                let removal = Removal::new(kept, written_out.program(), program.as_ref());
                pruner.go_on(program.as_ref().into());
                written_out.compute_with(program);
                removal.apply(&mut weights.0, 1);
                optimizer.shrink(&removal);
                removal
            }
            Network::Module { model, optimizer } => {
                let Some(prunable) = smaller.prunable() else {
                    return Ok(());
                };
                let removal = Removal::of(kept);
                pruner.go_on(prunable);
                let mut weights = Vec::new();
                flat_state(model, &mut weights);
                removal.apply(&mut weights, 1);
                *model = with_state(&smaller.model(&self.device), &weights);
                optimizer.shrink(&removal);
                removal
            }
        };
        if let Some(averaged) = averaged {
            averaged.shrink(&removal);
        }
        self.updates.resized();
        Ok(())
    }

    /// Computes and counts with a network as large as that of the state, which may have been brought back from before units left.
    pub(super) fn fit(&mut self) {
        let Some(State {
            pruner: Some(pruner),
            ..
        }) = &self.state
        else {
            return;
        };
        let units = pruner.pruned().units;
        if let Some(written_out) = &mut self.written_out
            && written_out.units() != units
            && let Some(program) = self.task.resized(&units).and_then(|task| task.program())
        {
            written_out.compute_with(program);
        }
        self.updates.tally.meter.scale(pruner.operations());
    }
}

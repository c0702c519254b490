//! Units that leave the network between segments.

use super::network::Network;
use super::{State, TaskTrainee};
use crate::training::pruning::Pruning;
use crate::training::pruning::pruner::Pruner;
use crate::{Error, Result, Task};
use burn::tensor::Device;
use trimtab_env::{Pruned, stream};
use trimtab_program::Program;
use trimtab_program::pruning::Removal;

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
    let units = program.map(<dyn Program>::units).unwrap_or_default();
    let sizes: Vec<usize> = units.iter().map(|layer| layer.count).collect();
    let Some(program) = program.filter(|_| !units.is_empty() && task.resized(&sizes).is_some())
    else {
        let given = format!("the network of `{}`", task.name());
        let allowed = "an Mlp, Tabular or Cnn with hidden layers, on the backend flex and with a loss that is written out; leave `pruning` out for others";
        return Err(fault(given, allowed));
    };
    if task.optimizer().is_some() {
        let given = "an optimiser of the program's own".to_owned();
        let allowed =
            "one of this crate, whose state is known; leave `pruning` or `update_rule` out";
        return Err(fault(given, allowed));
    }
    Pruner::new(pruning, program, stream(seed, "pruning", 0)).map(Some)
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
            network: Network::Flat { weights, optimizer },
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
        let smaller = self.task.resized(&sizes).and_then(|task| task.program());
        let (Some(program), Some(written_out)) = (smaller, &mut self.written_out) else {
            return Ok(());
        };
        let removal = Removal::new(kept, written_out.program(), program.as_ref());
        pruner.go_on(program.as_ref());
        written_out.compute_with(program);
        removal.apply(&mut weights.0, 1);
        optimizer.shrink(&removal);
        if let Some(averaged) = averaged {
            averaged.shrink(&removal);
        }
        self.updates.resized();
        Ok(())
    }

    /// Computes and counts with a network as large as that of the state, which may have been brought back from before units left.
    pub(super) fn fit(&mut self) {
        let Some(pruned) = self.pruned() else {
            return;
        };
        if let (Some(written_out), Some(State { pruner, .. })) =
            (&mut self.written_out, &self.state)
        {
            if written_out.units() != pruned.units
                && let Some(program) =
                    (self.task.resized(&pruned.units)).and_then(|task| task.program())
            {
                written_out.compute_with(program);
            }
            self.updates
                .tally
                .meter
                .scale(pruner.as_ref().map_or(1.0, Pruner::operations));
        }
    }
}

//! A training as bytes, with which it goes on in another process.
//!
//! That is so where its network is written out: weights are one vector, and so is the state of the optimiser. A module of burn has parameters
//! whose identities are its process's own, and a network that is pruned has another shape than its task says.

use super::network::Network;
use super::{State, TaskTrainee};
use crate::Task;
use crate::network::weights::FlatWeights;
use crate::training::average::AveragedWeights;
use crate::training::minibatches::Minibatches;
use crate::training::optimizer::FlatOptimizer;
use crate::training::updates::Kept;
use burn::module::Module;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use trimtab_env::{Error, Result, Snapshot};

/// All that [`TaskTrainee`] has that is not of its task or its configuration.
#[derive(Serialize, Deserialize)]
struct Saved {
    first_loss: f64,
    updates: Kept,
    now: SavedState,
    snapshot: SavedState,
}

/// A [`State`] whose network is written out.
#[derive(Serialize, Deserialize)]
struct SavedState {
    weights: Vec<f32>,
    optimizer: FlatOptimizer,
    minibatches: Minibatches,
    passes: ChaCha8Rng,
    averaged: Option<AveragedWeights>,
}

impl SavedState {
    /// `None` for one that cannot be written down.
    fn of<M: Module>(state: &State<M>) -> Option<Self> {
        match &state.network {
            Network::Flat { weights, optimizer } if state.pruner.is_none() => Some(Self {
                weights: weights.0.clone(),
                optimizer: optimizer.clone(),
                minibatches: state.minibatches.clone(),
                passes: state.passes.clone(),
                averaged: state.averaged.clone(),
            }),
            Network::Flat { .. } | Network::Module { .. } => None,
        }
    }
}

impl<T: Task> TaskTrainee<T> {
    pub(super) fn saved(&self, snapshot: &Snapshot) -> Option<Vec<u8>> {
        let snapshot: &Option<State<T::Model>> = snapshot.downcast_ref()?;
        let saved = Saved {
            first_loss: self.first_loss,
            updates: self.updates.kept(),
            now: SavedState::of(self.state.as_ref()?)?,
            snapshot: SavedState::of(snapshot.as_ref()?)?,
        };
        // An optimiser of a task's own has no bytes.
        rmp_serde::to_vec(&saved).ok()
    }

    pub(super) fn loaded(&mut self, saved: &[u8]) -> Result<Snapshot> {
        let Saved {
            first_loss,
            updates,
            now,
            snapshot,
        } = rmp_serde::from_slice(saved).map_err(|_| self.foreign())?;
        let (now, snapshot) = (self.state(now)?, self.state(snapshot)?);
        self.updates.go_on(updates);
        self.first_loss = first_loss;
        self.state = Some(now);
        Ok(Snapshot::new(Some(snapshot)))
    }

    fn state(&self, saved: SavedState) -> Result<State<T::Model>> {
        let minibatches = saved
            .minibatches
            .go_on(&self.task.split().train, &self.config)
            .map_err(|error| self.other(error))?;
        let weights = self.written_out.as_ref();
        let weights = weights.map(|written_out| written_out.program().weights());
        let fits = weights == Some(saved.weights.len()) && self.config.pruning.is_none();
        match minibatches.filter(|_| fits) {
            Some(minibatches) => Ok(State {
                network: Network::Flat {
                    weights: FlatWeights(saved.weights),
                    optimizer: saved.optimizer,
                },
                minibatches,
                passes: saved.passes,
                averaged: saved.averaged,
                pruner: None,
            }),
            None => Err(self.foreign()),
        }
    }

    pub(super) fn foreign(&self) -> Error {
        Error::ForeignSnapshot {
            trainee: self.spec.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests;

//! The runs after the first, as work that is handed out.

use super::line;
use crate::record::observer::Quiet;
use crate::work::environments::TaskRecipe;
use crate::work::{Place, Portable, Recipe, Work, Workers};
use crate::{Error, Result};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use trimtab_agent::Policy;
use trimtab_models::steering::train::offsets;
use trimtab_models::tasks::config::PreparedTask;
use trimtab_models::tasks::custom::TrainedWeights;
use trimtab_models::{Begun, TrainConfig, Underway};

/// The best of the runs after the first, and the first. Each says its lines when it is done, and whether they were halted before the
/// last; what was finished by then counts.
pub(super) fn best_of_runs(
    task: &PreparedTask,
    training: &TrainConfig,
    first: TrainedWeights,
    workers: &Workers,
    say: &mut dyn FnMut(&[String]),
) -> Result<(TrainedWeights, bool)> {
    let mut best = first;
    let loss = |run: &TrainedWeights| run.outcome["best_validation_loss"];
    // Where a smaller network is asked for, one that is too large is worse than any that is not.
    let rank = |run: &TrainedWeights| {
        let excess = run.pruned.as_ref().map_or(0.0, |pruned| pruned.excess);
        (excess, loss(run))
    };
    let work = Runs {
        task: Cow::Borrowed(task),
        training: Cow::Borrowed(training),
        device: workers.device.clone(),
    };
    let numbers: Vec<usize> = (1..training.runs).collect();
    let runs = workers.begin(&work);
    let outcome = runs.each(&(), &numbers, &mut Quiet, |index, (lines, run)| {
        let begun = Begun {
            run: numbers[index],
            runs: training.runs,
            offsets: offsets(training.seed, numbers[index]),
            best_loss: loss(&best),
        };
        say(&[line(&Underway::Begun(begun))]);
        say(&lines);
        if rank(&run) < rank(&best) {
            best = run;
        }
        Ok(())
    });
    match outcome {
        Err(Error::Halted) => Ok((best, true)),
        Err(other) => Err(other),
        Ok(()) => Ok((best, false)),
    }
}

/// Runs of a training, each by its number.
pub(crate) struct Runs<'a> {
    task: Cow<'a, PreparedTask>,
    training: Cow<'a, TrainConfig>,
    device: Device,
}

impl Work for Runs<'_> {
    const KIND: &'static str = "runs";

    type Shared = ();
    type Unit = usize;
    /// The lines to be said of it, and its result.
    type Answer = (Vec<String>, TrainedWeights);
    type Bench = ();

    fn bench(&self) -> Result<()> {
        Ok(())
    }

    fn answer(
        &self,
        (): &mut (),
        (): &(),
        number: &usize,
        advance: &dyn Fn(u64),
    ) -> Result<Self::Answer> {
        let mut lines = Vec::new();
        let mut watch = |now: Underway| {
            lines.push(line(&now));
            ControlFlow::Continue(())
        };
        let run = (self.task).train(&self.training, *number, &self.device, &mut watch)?;
        advance(1);
        Ok((lines, run))
    }

    /// A policy that is a program's own function stays here, and so do runs with it.
    fn recipe(&self) -> Result<Option<Recipe>> {
        match &self.training.policy {
            Some(policy) if policy.text.is_none() => Ok(None),
            _ => Recipe::of(self).map(Some),
        }
    }
}

/// All that runs are made from.
#[derive(Serialize, Deserialize)]
pub(crate) struct RunsRecipe {
    task: TaskRecipe,
    training: TrainConfig,
    /// The policy of the training, which is not part of a config.
    policy: Option<Policy>,
}

impl<'r> Portable<'r> for Runs<'r> {
    type Config = RunsRecipe;

    fn config(&self) -> RunsRecipe {
        let text = self
            .training
            .policy
            .as_ref()
            .and_then(|policy| policy.text.as_deref());
        RunsRecipe {
            task: TaskRecipe::of(&self.task, 1.0),
            training: self.training.clone().into_owned(),
            policy: text.and_then(|text| Policy::parse(text, Path::new("policy")).ok()),
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = self.task.config().data.files();
        files.into_iter().map(Path::to_owned).collect()
    }

    fn make(recipe: RunsRecipe, place: &Place<'r>) -> Result<Self> {
        let policy = recipe.policy.map(|policy| policy.residual()).transpose()?;
        Ok(Self {
            task: Cow::Owned(recipe.task.make(place, &[])?),
            training: Cow::Owned(TrainConfig {
                policy,
                ..recipe.training
            }),
            device: place.device.clone(),
        })
    }
}

//! What several kinds of configs have to fulfil.

use super::place::Place;
use crate::{Error, Result};
use trimtab_env::error::nearest::did_you_mean;
use trimtab_env::settings::{LEARNING_RATE, OF_TRAININGS, PRUNE, ROLLBACK};
use trimtab_env::{Budget, CostModel, TuningConfig};
use trimtab_models::training::loss::SETTINGS as OF_LOSSES;
use trimtab_models::{ModelConfig, TaskConfig};

/// Checks that all numbers of a config, which is given as RON, are finite.
pub(crate) fn check_finite(text: &str) -> Result<()> {
    match Place::of(text).not_finite(text) {
        Some((field, value)) => Err(Error::config(field, value, "give a finite number")),
        None => Ok(()),
    }
}

/// The most runs of one kind: seeds, reruns, drawn tasks.
pub(crate) const MOST_RUNS: usize = 100_000;

/// Checks what can be checked of tasks without their data; `field` is that of the list.
pub(crate) fn check_tasks(field: &str, tasks: &[TaskConfig]) -> Result<()> {
    for (index, task) in tasks.iter().enumerate() {
        let place = format!("{field}[{index}]");
        task.validate().map_err(|source| Error::Task {
            place: place.clone(),
            source: Box::new(source),
        })?;
        let before = tasks[..index]
            .iter()
            .position(|other| task.name.is_some() && other.name == task.name);
        if let (Some(first), Some(name)) = (before, &task.name) {
            let allowed = format!("{field}[{first}] is called that; give each a name of its own");
            return Err(Error::config(format!("{place}.name"), name, allowed));
        }
    }
    Ok(())
}

/// Checks what can be checked of a process of `tasks` and how its cost is counted without trainings; the fields are their own.
pub(crate) fn check_process(
    field: &str,
    process: &TuningConfig,
    tasks: &[TaskConfig],
    cost_field: &str,
    cost: CostModel,
) -> Result<()> {
    process.validate().map_err(|error| error.within(field))?;
    // This program's own tasks understand no setting of their own beside those of their losses. Those of others are asked once they are made.
    let others = tasks
        .iter()
        .any(|task| matches!(task.model, ModelConfig::Custom { .. }));
    let knobs = process.knobs.iter().enumerate();
    let knobs = knobs.map(|(index, knob)| (format!("knobs[{index}].name"), knob.name.as_str()));
    let held = process.settings.iter();
    let held = held.map(|(name, _)| (format!("settings.{name}"), name));
    for (place, name) in knobs.chain(held).filter(|_| !others) {
        check_setting(&format!("{field}.{place}"), name)?;
    }
    match cost {
        CostModel::Modelled(time) => {
            Ok(time.validate().map_err(|error| error.within(cost_field))?)
        }
        CostModel::Measured if matches!(process.budget, Budget::Seconds(_)) => Ok(()),
        CostModel::Measured => Err(Error::config(
            format!("{field}.budget"),
            format!("{:?}", process.budget),
            "with measured cost give the budget as Seconds(..)",
        )),
    }
}

/// Checks that a training of this program understands a setting. Which ones a loss has is known once there is a task with one.
pub(crate) fn check_setting(field: &str, name: &str) -> Result<()> {
    let known = || OF_TRAININGS.into_iter().chain([ROLLBACK, PRUNE]);
    if name.starts_with(OF_LOSSES) || known().any(|known| known == name) {
        return Ok(());
    }
    let meant = did_you_mean(name, known());
    let all: Vec<&str> = known().collect();
    let all = all.join(", ");
    let allowed =
        format!("a training understands {all}, and what its loss has, as {OF_LOSSES}gamma");
    Err(Error::config(field, format!("`{name}`{meant}"), allowed))
}

/// Checks that `name` can be that of a run directory.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
        return Err(Error::config(
            "name",
            format!("`{name}`"),
            "give a name that can be a folder's",
        ));
    }
    Ok(())
}

/// Checks that something says at which learning rate the trainings of an environment are.
pub(super) fn check_has_rate(
    field: &str,
    process: &TuningConfig,
    tasks: &[TaskConfig],
) -> Result<()> {
    let others = tasks
        .iter()
        .any(|task| matches!(task.model, ModelConfig::Custom { .. }));
    let mut names = process.knobs.iter().map(|knob| knob.name.as_str());
    let said = names.clone().any(|name| name == LEARNING_RATE)
        || process.settings.get(LEARNING_RATE).is_some();
    if said || others || process.base_controller.is_some() {
        return Ok(());
    }
    let given = format!("{:?}", names.by_ref().collect::<Vec<_>>());
    let allowed = format!(
        "a training needs a learning rate: add a knob `{LEARNING_RATE}`, or settings: {{ \"{LEARNING_RATE}\": .. }}"
    );
    Err(Error::config(format!("{field}.knobs"), given, allowed))
}

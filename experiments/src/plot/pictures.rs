//! Draws the pictures of a run directory, or of a comparison, from its records.

use crate::compare::record::Line;
use crate::compare::{self, CompareConfig};
use crate::plot;
use crate::record::events::{EpisodeRecord, EvaluationRecord, Event, Spec, UpdateRecord};
use crate::record::run_directory::{read_events, read_json, read_lines};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use trimtab_agent::controller::Found;

/// Draws everything that the records of `run` allow into `run/plots` and returns the files.
///
/// # Errors
/// [`Error::File`], [`Error::Record`] or [`Error::Plot`].
pub fn draw(run: &Path) -> Result<Vec<PathBuf>> {
    let folder = run.join("plots");
    std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let events = read_events(run)?;
    let spec: Spec = read_json(&run.join("spec.json"))?;
    let (episodes, updates, evaluations) = sorted(events);
    let mut drawn = Vec::new();
    let mut add =
        |name: &str, draw: &dyn Fn(&Path) -> std::result::Result<(), plot::Error>| -> Result<()> {
            let path = folder.join(name);
            draw(&path)?;
            drawn.push(path);
            Ok(())
        };
    if !episodes.is_empty() {
        let runs = [(name_of(run), episodes)];
        add("reward_curve.png", &|path| plot::reward_curve(path, &runs))?;
    }
    if !updates.is_empty() {
        add("actions.png", &|path| plot::actions(path, &spec, &updates))?;
    }
    // A named environment may have losses, but no fixed setting to compare them with.
    if evaluations.iter().any(|record| {
        record.controller == "best_static" && record.outcome.contains_key("best_validation_loss")
    }) {
        add("comparison.png", &|path| {
            plot::comparison(path, &evaluations)
        })?;
    }
    if plot::has_regret(&evaluations) {
        add("regret.png", &|path| plot::regret(path, &evaluations))?;
    }
    let mut tasks: Vec<&str> = Vec::new();
    for record in evaluations
        .iter()
        .filter(|record| !record.segments.is_empty())
    {
        if !tasks.contains(&record.task.as_str()) {
            tasks.push(&record.task);
        }
    }
    // Nobody looks at the pictures of hundreds of tasks.
    const MOST_TASKS: usize = 24;
    for (index, task) in tasks.iter().take(MOST_TASKS).enumerate() {
        // The first seed of each controller: chosen before anything was known of it.
        let mut runs: Vec<(String, Vec<_>)> = Vec::new();
        for record in evaluations
            .iter()
            .filter(|record| record.task == *task && record.controller != "random")
        {
            if !runs.iter().any(|(name, _)| *name == record.controller) {
                runs.push((record.controller.clone(), record.segments.clone()));
            }
        }
        add(&format!("training_{}.png", index + 1), &|path| {
            plot::training(path, task, &runs)
        })?;
    }
    Ok(drawn)
}

/// Whether the directory holds a comparison.
pub fn is_comparison(run: &Path) -> bool {
    run.join("config.json").is_file() && run.join("records.jsonl").is_file()
}

/// Draws what the records of the comparison in `run` allow into `run/plots` and returns the files: the best loss against
/// the cost, the performance profiles if any target is reached, and the range tests of each task if there are any.
///
/// # Errors
/// As [`draw`].
pub fn draw_comparison(run: &Path) -> Result<Vec<PathBuf>> {
    let config: CompareConfig = read_json(&run.join("config.json"))?;
    config.validate()?;
    let lines: Vec<Line> = read_lines(&run.join("records.jsonl"))?;
    let report = compare::report(&config, &lines);
    let folder = run.join("plots");
    std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let path = folder.join("anytime.png");
    plot::anytime(&path, &report, &lines)?;
    let mut drawn = vec![path];
    let reached = |time: &Option<f64>| time.is_some();
    if report.methods.iter().any(|m| m.times.iter().any(reached)) {
        let path = folder.join("profiles.png");
        plot::profiles(&path, &report, config.largest_ratio)?;
        drawn.push(path);
    }
    for (index, (task, tests)) in range_tests(&lines).into_iter().enumerate() {
        let path = folder.join(format!("range_test_{}.png", index + 1));
        plot::range_test(&path, task, &tests)?;
        drawn.push(path);
    }
    Ok(drawn)
}

/// The range tests on each task that saw a loss. Methods with the same test saw the same, which is kept once.
fn range_tests(lines: &[Line]) -> Vec<(&str, Vec<&Found>)> {
    let mut tasks: Vec<(&str, Vec<&Found>)> = Vec::new();
    for line in lines {
        let Line::Result(record) = line else {
            continue;
        };
        let Some(found) = record.range_test.as_ref().filter(|f| !f.losses.is_empty()) else {
            continue;
        };
        match tasks.iter_mut().find(|(task, _)| *task == record.task) {
            Some((_, tests)) if tests.contains(&found) => {}
            Some((_, tests)) => tests.push(found),
            None => tasks.push((&record.task, vec![found])),
        }
    }
    tasks
}

/// One reward curve over several runs: their mean with its spread.
///
/// # Errors
/// As [`draw`].
pub fn reward_curve_of(runs: &[PathBuf], path: &Path) -> Result<()> {
    let runs = runs
        .iter()
        .map(|run| Ok((name_of(run), sorted(read_events(run)?).0)))
        .collect::<Result<Vec<_>>>()?;
    Ok(plot::reward_curve(path, &runs)?)
}

fn name_of(run: &Path) -> String {
    run.file_name().map_or_else(
        || run.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn sorted(events: Vec<Event>) -> (Vec<EpisodeRecord>, Vec<UpdateRecord>, Vec<EvaluationRecord>) {
    let (mut episodes, mut updates, mut evaluations) = (Vec::new(), Vec::new(), Vec::new());
    for event in events {
        match event {
            Event::Episode(record) => episodes.push(record),
            Event::Update(record) => updates.push(record),
            Event::Evaluation(record) => evaluations.push(record),
            Event::Reference(_) => {}
        }
    }
    (episodes, updates, evaluations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Registry, Workers, record::observer::Quiet, train::runner};
    use std::sync::atomic::AtomicBool;

    #[test]
    fn the_regret_is_drawn_where_the_optimum_is_known() {
        let folder = std::env::temp_dir().join(format!("trimtab-pictures-{}", std::process::id()));
        // Another process of the same id may have left one.
        let _ = std::fs::remove_dir_all(&folder);
        let text = include_str!("../../configs/sigmoid.ron");
        for (environment, expected) in [("sigmoid-2d-engineered", true), ("noisy-quadratic", false)]
        {
            let mut config = Config::parse(text, "sigmoid.ron").unwrap();
            for assignment in [
                format!("environment.Named.name=\"{environment}\""),
                "training.updates=1".to_owned(),
                "evaluation.seeds=3".to_owned(),
            ] {
                config.set(&assignment).unwrap();
            }
            let out = folder.join(environment);
            let (registry, interrupted) = (Registry::default(), AtomicBool::new(false));
            let device = burn::tensor::Device::flex();
            let workers = Workers::new(1, device, &registry, &interrupted);
            runner::train(&config, &out, &workers, &mut Quiet).unwrap();
            let drawn = draw(&out).unwrap();
            let picture = out.join("plots/regret.png");
            assert_eq!(drawn.contains(&picture), expected);
            assert_eq!(picture.exists(), expected);
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

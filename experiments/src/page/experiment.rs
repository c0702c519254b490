//! The page of an experiment: what was trained, how good it is, its pictures. From the records alone.

mod evaluation;

use super::{Cell, Page, Section, Table, pictures};
use crate::record::events::{EpisodeRecord, EvaluationRecord, Event, ReferenceRecord, Spec};
use crate::record::run_directory::{read_events, read_json};
use crate::record::summary::{Summary, first_and_last};
use crate::train::config::EnvironmentConfig;
use crate::{Config, Result};
use evaluation::MOST_TASKS;
use serde::Serialize;
use std::path::{Path, PathBuf};
use trimtab_agent::RolloutConfig;
use trimtab_env::{Budget, TuningConfig};

/// The records of an experiment, sorted by what they are.
#[derive(Default)]
struct Records {
    episodes: Vec<EpisodeRecord>,
    updates: u64,
    references: Vec<ReferenceRecord>,
    evaluations: Vec<EvaluationRecord>,
}

impl Records {
    fn new(events: Vec<Event>) -> Self {
        let mut records = Self::default();
        for event in events {
            match event {
                Event::Episode(record) => records.episodes.push(record),
                Event::Update(record) => records.updates = record.update + 1,
                Event::Reference(record) => records.references.push(record),
                Event::Evaluation(record) => records.evaluations.push(record),
            }
        }
        records
    }
}

/// Writes the page of the experiment in the folder `run`, with these pictures, as `report.html`, and returns its path.
///
/// # Errors
/// [`crate::Error::File`], [`crate::Error::Record`] or [`crate::Error::Parse`].
pub fn experiment(run: &Path, drawn: &[PathBuf]) -> Result<PathBuf> {
    let config = Config::load(&run.join("config.ron"))?;
    let spec: Spec = read_json(&run.join("spec.json"))?;
    let records = Records::new(read_events(run)?);
    // A run that was stopped has none.
    let summary: Option<Summary> = read_json(&run.join("summary.json")).ok();
    let path = run.join("report.html");
    page(&config, &spec, &records, summary.as_ref())
        .section(pictures::section(drawn)?)
        .section(Section::new("Config").code("Every field, as it was used", config.to_ron()?))
        .write(&path)?;
    Ok(path)
}

fn page(config: &Config, spec: &Spec, records: &Records, summary: Option<&Summary>) -> Page {
    let differences = evaluation::differences(&records.evaluations, config.seed);
    let lead = format!(
        "An agent learned by {} for {} of {} updates, in {} episodes, to act in {}.",
        config.algorithm.name().to_uppercase(),
        records.updates,
        config.training.updates,
        records.episodes.len(),
        environment(&config.environment),
    );
    let mut page = Page::new(format!("{}: what an agent learned", config.name)).lead(lead);
    if let Some(sentence) = evaluation::sentence(&differences) {
        page = page.lead(sentence);
    }
    let mut judged = Section::new("How good it is");
    if records.evaluations.is_empty() {
        judged = judged.warning("The run has not got as far as its evaluation.");
    } else {
        judged = evaluation::section(judged, &records.evaluations, &differences);
    }
    page.section(judged)
        .section(trained(config, spec, records, summary))
        .section(fixed_settings(&records.references))
}

/// What the agent acts on, in a few words.
fn environment(config: &EnvironmentConfig) -> String {
    match config {
        EnvironmentConfig::Tuning { tasks, drawn, .. } => {
            let drawn = drawn.as_ref().map_or(0, |drawn| drawn.count);
            match tasks.len() + drawn {
                1 => "trainings of one task".to_owned(),
                count => format!("trainings of {count} tasks"),
            }
        }
        EnvironmentConfig::Named { name, .. } => name.clone(),
    }
}

/// The config's essentials and what came of the training.
fn trained(config: &Config, spec: &Spec, records: &Records, summary: Option<&Summary>) -> Section {
    let mut facts = vec![
        ("Environment", environment(&config.environment)),
        ("Seed", config.seed.to_string()),
    ];
    if let EnvironmentConfig::Tuning { process, .. } = &config.environment {
        facts.push(("Budget of a training", budget(process)));
    }
    for head in &spec.heads {
        let choices = head.choices.join(", ");
        facts.push(("Decides", format!("{}: {choices}", head.name)));
    }
    let widths: Vec<String> = config.policy.hidden.iter().map(usize::to_string).collect();
    let rollout = match config.training.rollout {
        RolloutConfig::Episodes(episodes) => format!("{episodes} episodes"),
        RolloutConfig::Steps {
            environments,
            steps,
        } => format!("{steps} steps in each of {environments} environments"),
    };
    facts.extend([
        ("Looks at", format!("{} features", spec.features.len())),
        (
            "Policy",
            format!("hidden layers of {}", widths.join(" and ")),
        ),
        ("Learning rule", config.algorithm.name().to_uppercase()),
        ("Played for an update", rollout),
    ]);
    if !records.episodes.is_empty() {
        let (first, last) = first_and_last(&records.episodes);
        let returns =
            format!("{first:.2} in the first tenth of the episodes, {last:.2} in the last")
                .replace('-', "−");
        facts.push(("Mean return", returns));
    }
    if let Some(summary) = summary {
        facts.push(("Took", format!("{:.0} s", summary.wall_seconds)));
    }
    Section::new("What was trained")
        .facts(facts)
        .table(tasks(&config.environment))
}

fn budget(process: &TuningConfig) -> String {
    match &process.budget {
        Budget::Epochs(epochs) => format!("{epochs} epochs"),
        other => compact(other),
    }
}

/// The tasks that are listed in the config.
fn tasks(environment: &EnvironmentConfig) -> Table {
    let table = Table::new("Tasks")
        .text("data")
        .text("model")
        .text("optimiser");
    let EnvironmentConfig::Tuning { tasks, .. } = environment else {
        return table;
    };
    table.rows(tasks.iter().take(MOST_TASKS).map(|task| {
        [
            compact(&task.data).into(),
            compact(&task.model).into(),
            compact(&task.optimizer).into(),
        ]
    }))
}

/// A part of a config in one line, as it is written in one.
fn compact(part: &impl Serialize) -> String {
    let style = ron::ser::PrettyConfig::default().depth_limit(0);
    ron::ser::to_string_pretty(part, style).unwrap_or_default()
}

/// The grid's winners. A learning rate of 0 stands for a base controller in the place of a grid.
fn fixed_settings(references: &[ReferenceRecord]) -> Section {
    let grids = references.iter().filter(|r| r.learning_rate > 0.0);
    let table = Table::new("The best fixed setting of each task")
        .text("task")
        .number("learning rate")
        .number("batch size")
        .number("validation loss of reruns")
        .number("cost of finding it (s)");
    let rows = grids.take(MOST_TASKS).map(|reference| {
        [
            reference.task.as_str().into(),
            Cell::keyed(reference.learning_rate.to_string(), reference.learning_rate),
            Cell::count(reference.batch_size as u64),
            Cell::number(reference.loss),
            Cell::number(reference.cost),
        ]
    });
    Section::new("Fixed settings").table(table.rows(rows))
}

#[cfg(test)]
mod tests {
    use super::super::document::tests::check;
    use super::*;
    use crate::train::config::QUICKSTART;

    fn evaluation(controller: &str, task: &str, seed: u64, loss: f64) -> Event {
        Event::Evaluation(EvaluationRecord {
            controller: controller.to_owned(),
            task: task.to_owned(),
            seed,
            total_reward: 1.0,
            outcome: [
                ("best_validation_loss".to_owned(), loss),
                ("test_accuracy".to_owned(), 0.9),
            ]
            .into(),
            segments: Vec::new(),
        })
    }

    fn html(events: Vec<Event>) -> String {
        let config = Config::parse(QUICKSTART, "quickstart.ron").unwrap();
        let spec = Spec {
            name: "tuning".to_owned(),
            features: Vec::new(),
            heads: Vec::new(),
            horizon: 29,
        };
        let html = page(&config, &spec, &Records::new(events), None).to_html();
        check(&html);
        html
    }

    #[test]
    fn the_policy_is_compared_where_it_is_worst_first() {
        let events = [("bad <task>", 2.0), ("good", 0.5)].into_iter();
        let events = events.flat_map(|(task, factor)| {
            (0..3).flat_map(move |seed| {
                [
                    evaluation("policy", task, seed, factor),
                    evaluation("best_static", task, seed, 1.0),
                ]
            })
        });
        let html = html(events.collect());
        let place = |text: &str| html.find(text).unwrap();
        assert!(place("bad &lt;task&gt;") < place(">good<"));
        // Twice and half the loss: the same on average, and nothing is known.
        assert!(html.contains("1.00 times the validation loss"), "{html}");
        assert!(html.contains("+0.693") && html.contains("−0.693"));
    }

    #[test]
    fn a_run_that_was_stopped_has_a_page_too() {
        let html = html(Vec::new());
        assert!(html.contains("not got as far as its evaluation"));
    }
}

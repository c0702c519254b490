//! The comparison: how good each controller is on each task, against the best fixed setting.

use super::Error;
use super::axis::{Axis, Scale};
use super::canvas::{Anchor, Failure, WIDTH, draw};
use super::colour::{BLACK, GREY, controllers};
use super::legend::{Mark, legend};
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, title};
use super::statistics::{drawable, mean_and_deviation};
use crate::record::events::EvaluationRecord;
use plotters::style::{Color, RGBColor};
use std::path::Path;

const FIGURE: &str = "best_validation_loss";
const REFERENCE: &str = "best_static";
/// Most room for the names of the tasks.
const TASK_ROOM: f64 = 380.0;
const TASK_SIZE: f64 = 22.0;

/// The ratios of one controller on one task, one a seed.
struct Row<'a> {
    controller: &'a str,
    colour: RGBColor,
    ratios: Vec<f64>,
}

impl Row<'_> {
    /// Mean and standard error over the seeds.
    fn mean_and_error(&self) -> Option<(f64, f64)> {
        let (mean, deviation) = mean_and_deviation(&self.ratios)?;
        Some((mean, deviation / (self.ratios.len() as f64).sqrt()))
    }
}

/// Draws, for each task and controller, the mean and standard error over seeds of `best_validation_loss` relative to
/// its mean under `best_static`, with the single seeds behind. A task without this reference is left out.
///
/// # Errors
/// [`Error::Missing`] if no task has both a positive loss of `best_static` and one to compare.
pub fn comparison(path: &Path, rows: &[EvaluationRecord]) -> Result<(), Error> {
    let tasks = relative(rows);
    if tasks.is_empty() {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: format!(
                "an `evaluation` record of the controller `{REFERENCE}` with a positive, finite outcome `{FIGURE}`"
            ),
        });
    }
    let every_row = || tasks.iter().flat_map(|(_, rows)| rows);
    let mut entries: Vec<(Mark, String)> = controllers(every_row().map(|row| row.controller))
        .into_iter()
        .map(|(name, colour)| {
            let seeds = every_row()
                .filter(|row| row.controller == name)
                .map(|row| row.ratios.len());
            (Mark::Dot(colour), format!("{name} ({})", numbers(seeds)))
        })
        .collect();
    entries.push((Mark::FaintDot(BLACK), "one seed".to_owned()));
    let values = every_row().flat_map(|row| {
        let (mean, error) = row.mean_and_error().unwrap_or((1.0, 0.0));
        row.ratios
            .iter()
            .copied()
            .chain([mean - error, mean + error])
    });
    let x = Axis::around(Scale::Log10, values.chain([1.0]), 9);
    let y = Axis::linear(0.0, 1.0, 1);

    // A point wants 24 pixels; the name of a task needs 30, whatever the height.
    let points = every_row().count() as f64;
    let groups = tasks.len() as f64;
    let roomy = 220.0 + 24.0 * (points + groups);
    let height = roomy.clamp(700.0, 1200.0).max(220.0 + 30.0 * groups);

    draw(path, height as u32, |canvas| {
        title(
            canvas,
            "Best validation loss against the best fixed setting",
        )?;
        let mut widest: f64 = 60.0;
        for (task, _) in &tasks {
            widest = widest.max(canvas.text_width(task, TASK_SIZE)?);
        }
        let (left, right) = (widest.min(TASK_ROOM) + 44.0, f64::from(WIDTH) - 30.0);
        let bottom_of_legend = legend(canvas, (30.0, TITLE_ROOM), right - 30.0, &entries)?;
        let top = bottom_of_legend + 40.0;
        let bottom = canvas.height() - X_LABEL_ROOM;
        let panel = Panel {
            canvas,
            bounds: Bounds {
                left,
                top,
                right,
                bottom,
            },
            x: &x,
            y: &y,
        };
        panel.vertical_grid()?;
        if let Some(one) = panel.across(1.0) {
            canvas.line(&[(one, top - 6.0), (one, bottom)], BLACK, 2.0)?;
            let note = "← better";
            let half = canvas.text_width(note, TASK_SIZE)? / 2.0;
            let middle = (one - half - 8.0).clamp(left + half, right - half);
            canvas.text(note, (middle, top - 18.0), Anchor::Centre, TASK_SIZE)?;
        }
        // Between two tasks there is room for one more point.
        let pitch = (bottom - top) / (points + groups);
        let mut at = top;
        for (i, (task, rows)) in tasks.iter().enumerate() {
            let group = pitch * (rows.len() + 1) as f64;
            if i > 0 {
                canvas.line(&[(left, at), (right, at)], GREY, 1.0)?;
            }
            let name = canvas.fitted(task, TASK_SIZE, TASK_ROOM)?;
            let middle = (left - 14.0, at + group / 2.0);
            canvas.text(&name, middle, Anchor::Right, TASK_SIZE)?;
            for (j, row) in rows.iter().enumerate() {
                draw_row(&panel, row, at + pitch * (j + 1) as f64)?;
            }
            at += group;
        }
        panel.frame(Some(
            "loss ÷ mean loss of best_static (mean ± standard error over seeds)",
        ))
    })
}

/// The seeds, the standard error if there are several, and the mean, at the height `y`.
fn draw_row(panel: &Panel, row: &Row, y: f64) -> Result<(), Failure> {
    let canvas = panel.canvas;
    for across in row.ratios.iter().filter_map(|ratio| panel.across(*ratio)) {
        canvas.disc((across, y), 4.0, row.colour.mix(0.4))?;
    }
    let Some((mean, error)) = row.mean_and_error() else {
        return Ok(());
    };
    // An error as large as the mean reaches beyond the low end of a logarithmic axis.
    let low = panel.across(mean - error).unwrap_or(panel.bounds.left);
    if let (Some(high), true) = (panel.across(mean + error), row.ratios.len() > 1) {
        canvas.line(&[(low, y), (high, y)], row.colour, 3.0)?;
        for end in [low, high] {
            canvas.line(&[(end, y - 6.0), (end, y + 6.0)], row.colour, 3.0)?;
        }
    }
    match panel.across(mean) {
        Some(across) => canvas.disc((across, y), 7.0, row.colour),
        None => Ok(()),
    }
}

/// The tasks in the order of the records, each with its controllers in the order of the pictures.
fn relative(records: &[EvaluationRecord]) -> Vec<(&str, Vec<Row<'_>>)> {
    let colours = controllers(records.iter().map(|record| record.controller.as_str()));
    let mut tasks: Vec<&str> = vec![];
    for record in records {
        if !tasks.contains(&record.task.as_str()) {
            tasks.push(&record.task);
        }
    }
    let losses = |task: &str, controller: &str| -> Vec<f64> {
        records
            .iter()
            .filter(|record| record.task == task && record.controller == controller)
            .filter_map(|record| record.outcome.get(FIGURE).copied())
            .filter(|loss| drawable(*loss) && *loss > 0.0)
            .collect()
    };
    tasks
        .into_iter()
        .filter_map(|task| {
            let (reference, _) = mean_and_deviation(&losses(task, REFERENCE))?;
            let rows = colours
                .iter()
                .map(|(controller, colour)| Row {
                    controller,
                    colour: *colour,
                    ratios: losses(task, controller)
                        .iter()
                        .map(|loss| loss / reference)
                        .collect(),
                })
                .filter(|row| !row.ratios.is_empty())
                .collect();
            Some((task, rows))
        })
        .collect()
}

/// How many seeds, in words: `5 seeds`, `3 to 5 seeds`.
fn numbers(counts: impl Iterator<Item = usize> + Clone) -> String {
    match (counts.clone().min(), counts.max()) {
        (Some(1), Some(1)) => "1 seed".to_owned(),
        (Some(least), Some(most)) if least < most => format!("{least} to {most} seeds"),
        (_, most) => format!("{} seeds", most.unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;
    use trimtab_env::Outcome;

    fn record(controller: &str, task: &str, seed: u64, loss: f64) -> EvaluationRecord {
        EvaluationRecord {
            controller: controller.to_owned(),
            task: task.to_owned(),
            seed,
            total_reward: 1.0,
            outcome: Outcome::from([(FIGURE.to_owned(), loss)]),
            segments: vec![],
        }
    }

    #[test]
    fn three_tasks_and_four_controllers_are_drawn() {
        let path = folder("comparison").join("a.png");
        let mut rows = vec![];
        for (t, task) in ["digits_mlp", "a_task_with_a_rather_long_name", "teacher"]
            .iter()
            .enumerate()
        {
            for (name, level) in [
                ("random", 2.1),
                ("best_static", 1.0),
                ("default", 1.5),
                ("policy", 0.93),
            ] {
                for seed in 0..5 {
                    let noise = 0.08 * ((seed * 7 + t as u64 * 3) as f64 * level * 5.0).sin();
                    rows.push(record(name, task, seed, 0.1 * level * (1.0 + noise)));
                }
            }
        }
        comparison(&path, &rows).unwrap();
        assert_eq!(dimensions(&path), (WIDTH, 700));
    }

    #[test]
    fn losses_are_relative_to_the_mean_of_best_static() {
        let rows = [
            record("policy", "t", 0, 1.0),
            record("policy", "t", 1, 3.0),
            record("best_static", "t", 0, 3.0),
            record("best_static", "t", 1, 5.0),
            record("policy", "alone", 0, 1.0),
        ];
        let tasks = relative(&rows);
        assert_eq!(tasks.len(), 1);
        let policy = &tasks[0].1[0];
        assert_eq!(
            (policy.controller, policy.ratios.as_slice()),
            ("policy", [0.25, 0.75].as_slice())
        );
        // The standard deviation of two values is their distance over the root of 2, the error of their mean half the distance.
        let (mean, error) = policy.mean_and_error().unwrap();
        assert_eq!(mean, 0.5);
        assert!((error - 0.25).abs() < 1e-15);
    }

    #[test]
    fn odd_evaluations_are_drawn() {
        let folder = folder("comparison-odd");
        let many = (0..60).flat_map(|task| {
            ["best_static", "mine"]
                .map(|name| record(name, &format!("task {task}"), 0, 1.0 + f64::from(task)))
        });
        let cases = [
            vec![record("best_static", "t", 0, 1.0)],
            vec![
                record("best_static", "t", 0, 1.0),
                record("policy", "t", 0, f64::NAN),
            ],
            vec![
                record("best_static", "t", 0, 1.0),
                record("policy", "t", 0, 0.001),
                record("policy", "t", 1, 9.0),
            ],
            many.collect(),
        ];
        for (i, rows) in cases.iter().enumerate() {
            let path = folder.join(format!("{i}.png"));
            comparison(&path, rows).unwrap();
            assert_eq!(dimensions(&path).0, WIDTH);
        }
    }

    #[test]
    fn without_a_reference_the_error_names_the_record() {
        let path = folder("comparison-empty").join("a.png");
        for rows in [
            vec![],
            vec![record("policy", "t", 0, 1.0)],
            vec![record(REFERENCE, "t", 0, 0.0)],
        ] {
            let error = comparison(&path, &rows).unwrap_err().to_string();
            assert!(
                error.contains("a.png") && error.contains("`best_static`"),
                "{error}"
            );
        }
    }

    #[test]
    fn seeds_are_counted_in_words() {
        assert_eq!(numbers([5, 5].into_iter()), "5 seeds");
        assert_eq!(numbers([3, 5].into_iter()), "3 to 5 seeds");
        assert_eq!(numbers([1].into_iter()), "1 seed");
    }
}

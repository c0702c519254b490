//! Performance profiles: on how many tasks each method is nearly as fast as the fastest.

use super::Error;
use super::axis::Axis;
use super::canvas::{WIDTH, draw};
use super::colour::METHODS;
use super::legend::{Mark, counted, legend, note};
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, Y_LABEL_ROOM, title};
use crate::compare::profile::{performance, ratios};
use crate::compare::{MethodReport, Report};
use std::path::Path;

const HEIGHT: u32 = 850;
/// Pixels between lines at the same height, so that all of them show.
const SHIFT: f64 = 4.0;

/// What the star at a name means.
pub(super) const HINDSIGHT: &str =
    "* chosen with hindsight on this very task, by a grid whose cost is not counted.";

/// Draws the performance profile of each method that is within `largest_ratio` times the fastest median time to target
/// on any task, the best AlgoPerf score first and with its score: the first in whole lines, those beyond the colours in
/// dashes. The others, whose profiles are 0 everywhere, are named if they reach any target.
///
/// # Errors
/// [`Error::Missing`] if no method reaches a target.
pub fn profiles(path: &Path, report: &Report, largest_ratio: f64) -> Result<(), Error> {
    let times: Vec<Vec<Option<f64>>> = report.methods.iter().map(|m| m.times.clone()).collect();
    let within: Vec<(usize, &MethodReport)> = (report.methods.iter().enumerate())
        .filter(|(index, _)| performance(&times, *index, largest_ratio) > 0.0)
        .take(2 * METHODS.len())
        .collect();
    if within.is_empty() {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: "a method whose median time to target is finite on some task".to_owned(),
        });
    }
    let slower: Vec<String> = (report.methods.iter())
        .filter(|method| method.times.iter().any(Option::is_some))
        .filter(|method| {
            !within
                .iter()
                .any(|(_, other)| other.method == method.method)
        })
        .map(MethodReport::starred)
        .collect();
    let entries: Vec<(Mark, String)> = within
        .iter()
        .enumerate()
        .map(|(place, (_, method))| {
            let colour = METHODS[place % METHODS.len()];
            let mark = if place < METHODS.len() {
                Mark::Line(colour)
            } else {
                Mark::Dashes(colour)
            };
            (mark, format!("{} ({:.2})", method.starred(), method.score))
        })
        .collect();
    let mut notes = Vec::new();
    if !slower.is_empty() {
        notes.push(format!(
            "Only slower than that: {}. Methods that reach no target are left out.",
            slower.join(", ")
        ));
    }
    if within.iter().any(|(_, method)| method.hindsight) {
        notes.push(HINDSIGHT.to_owned());
    }
    let x = Axis::linear(1.0, largest_ratio, 8);
    let y = Axis::linear(-0.04, 1.04, 6);

    draw(path, HEIGHT, |canvas| {
        let tasks = times.iter().map(Vec::len).max().unwrap_or(0);
        title(
            canvas,
            &format!(
                "Performance profiles over {} (AlgoPerf score)",
                counted(tasks, "task")
            ),
        )?;
        let right = f64::from(WIDTH) - 30.0;
        let width = right - Y_LABEL_ROOM;
        let mut top = legend(canvas, (Y_LABEL_ROOM, TITLE_ROOM), width, &entries)?;
        for text in &notes {
            top = note(canvas, (Y_LABEL_ROOM, top), width, text)?;
        }
        let bounds = Bounds {
            left: Y_LABEL_ROOM,
            top: top + 12.0,
            right,
            bottom: canvas.height() - X_LABEL_ROOM,
        };
        let panel = Panel {
            canvas,
            bounds,
            x: &x,
            y: &y,
        };
        panel.grid("share of the tasks")?;
        for (place, (index, _)) in within.iter().enumerate().rev() {
            let shift = SHIFT * (place as f64 - (within.len() - 1) as f64 / 2.0);
            let places: Vec<_> = panel
                .places(steps(&times, *index, largest_ratio))
                .into_iter()
                .map(|(x, y)| (x, y + shift))
                .collect();
            let colour = METHODS[place % METHODS.len()];
            if place < METHODS.len() {
                canvas.line(&places, colour, 3.0)?;
            } else {
                canvas.dashes(&places, colour, 3.0)?;
            }
        }
        panel.frame(Some(
            "median time to target / the fastest method's on the task",
        ))
    })
}

/// The corners of a profile from ratio 1 to `largest`.
fn steps(times: &[Vec<Option<f64>>], method: usize, largest: f64) -> Vec<(f64, f64)> {
    let mut own: Vec<f64> = ratios(times, method).into_iter().flatten().collect();
    own.retain(|ratio| *ratio <= largest);
    own.sort_by(f64::total_cmp);
    let mut height = performance(times, method, 1.0);
    let mut corners = vec![(1.0, height)];
    for ratio in own {
        corners.push((ratio, height));
        height = performance(times, method, ratio);
        corners.push((ratio, height));
    }
    corners.push((largest, height));
    corners
}

/// A row of a report with these figures and no others.
#[cfg(test)]
pub(crate) fn row(method: &str, score: f64, times: Vec<Option<f64>>) -> MethodReport {
    MethodReport {
        method: method.into(),
        hindsight: method.starts_with("best"),
        ruleset: crate::compare::method::Ruleset::SelfTuning,
        runs: 1.0,
        budgets: 1.0,
        earlier: 0.0,
        break_even: None,
        reached: 1.0,
        time_to_target: None,
        times,
        score,
        ruleset_score: score,
        loss: None,
        difference: None,
        wins: 0.0,
        test_difference: None,
        verdict: String::new(),
        divergences: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;

    fn report(methods: Vec<MethodReport>) -> Report {
        Report {
            baseline: "a".into(),
            methods,
            targets: vec![("x".into(), 1.0), ("y".into(), 1.0)],
            rivals: None,
        }
    }

    #[test]
    fn profiles_climb_at_their_ratios() {
        let times = [
            vec![Some(1.0), Some(4.0), None],
            vec![Some(3.0), Some(2.0), Some(1.0)],
        ];
        let third = 1.0 / 3.0;
        assert_eq!(
            steps(&times, 0, 4.0),
            [
                (1.0, third),
                (1.0, third),
                (1.0, third),
                (2.0, third),
                (2.0, 2.0 * third),
                (4.0, 2.0 * third)
            ]
        );
        assert_eq!(steps(&times, 1, 2.0).last(), Some(&(2.0, 2.0 * third)));
    }

    #[test]
    fn many_methods_are_drawn() {
        let folder = folder("profiles");
        let rows = |count: usize| {
            let mut rows: Vec<_> = (0..count)
                .map(|i| {
                    let time = 1.0 + 0.1 * i as f64;
                    row(&format!("best {i}"), 0.5, vec![Some(time), Some(2.0)])
                })
                .collect();
            rows.push(row("slow", 0.0, vec![Some(90.0), None]));
            rows.push(row("never", 0.0, vec![None, None]));
            rows
        };
        for count in [1, 9, 30] {
            let path = folder.join(format!("{count}.png"));
            profiles(&path, &report(rows(count)), 4.0).unwrap();
            assert_eq!(dimensions(&path), (WIDTH, HEIGHT));
        }
    }

    #[test]
    fn if_no_target_is_reached_the_error_names_the_picture() {
        let path = folder("profiles-empty").join("a.png");
        let never = report(vec![row("never", 0.0, vec![None, None])]);
        let error = profiles(&path, &never, 4.0).unwrap_err().to_string();
        assert!(
            error.contains("a.png") && error.contains("target"),
            "{error}"
        );
    }
}

//! The regret: how far the return of each evaluation episode stays behind the known optimum.

use super::Error;
use super::axis::{Axis, Scale};
use super::canvas::{Anchor, Failure, WIDTH, draw};
use super::colour::{BLACK, GREY, controllers};
use super::legend::{Mark, counted, legend};
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, title};
use super::statistics::drawable;
use crate::record::events::EvaluationRecord;
use crate::record::statistics::quantile;
use plotters::style::{Color, RGBColor};
use std::path::Path;

const FIGURE: &str = "regret";
const NAME_SIZE: f64 = 24.0;
const NUMBER_SIZE: f64 = 20.0;
/// Height of the strip of one controller.
const STRIP: f64 = 150.0;
/// Height of its box.
const BOX: f64 = 64.0;

/// Whether there is anything to draw.
pub fn has_regret(records: &[EvaluationRecord]) -> bool {
    records.iter().any(|record| regret_of(record).is_some())
}

/// Draws, for each controller, the regret of every evaluation episode as a dot, with a box from the lower to the upper
/// quartile and a line at the median.
///
/// # Errors
/// [`Error::Missing`] if no record has a finite outcome `regret`.
pub fn regret(path: &Path, records: &[EvaluationRecord]) -> Result<(), Error> {
    let strips = strips(records);
    if strips.is_empty() {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: format!("an `evaluation` record with a finite outcome `{FIGURE}`"),
        });
    }
    let mut tasks: Vec<&str> = records.iter().map(|record| record.task.as_str()).collect();
    tasks.dedup();
    // The optimum is always in the picture.
    let values = strips
        .iter()
        .flat_map(|(_, _, values)| values.iter().copied());
    let x = Axis::around(Scale::Linear, values.chain([0.0]), 9);
    let y = Axis::linear(0.0, 1.0, 1);
    let height = 210.0 + STRIP * strips.len() as f64;
    draw(path, height as u32, |canvas| {
        title(canvas, &format!("Regret on {}", tasks.join(", ")))?;
        let mut left: f64 = 60.0;
        for (name, _, _) in &strips {
            left = left.max(canvas.text_width(name, NAME_SIZE)?);
        }
        let (left, right) = (left.min(300.0) + 44.0, f64::from(WIDTH) - 30.0);
        let mut entries: Vec<(Mark, String)> = (strips.iter())
            .map(|(name, colour, values)| {
                let episodes = counted(values.len(), "episode");
                (Mark::Dot(*colour), format!("{name} ({episodes})"))
            })
            .collect();
        entries.push((Mark::Band(GREY), "quartiles".to_owned()));
        entries.push((Mark::Line(BLACK), "median".to_owned()));
        let top = legend(canvas, (30.0, TITLE_ROOM), right - 30.0, &entries)? + 16.0;
        let bottom = canvas.height() - X_LABEL_ROOM;
        let bounds = Bounds {
            left,
            top,
            right,
            bottom,
        };
        let panel = Panel {
            canvas,
            bounds,
            x: &x,
            y: &y,
        };
        panel.vertical_grid()?;
        let pitch = (bottom - top) / strips.len() as f64;
        for (index, (name, colour, values)) in strips.iter().enumerate() {
            let middle = top + pitch * (index as f64 + 0.5);
            let name = canvas.fitted(name, NAME_SIZE, 300.0)?;
            canvas.text(&name, (left - 14.0, middle), Anchor::Right, NAME_SIZE)?;
            draw_strip(&panel, middle, *colour, values)?;
        }
        panel.frame(Some("regret to the optimum (return)"))
    })
}

/// The dots, the box and the median of one controller, around the height `middle`.
fn draw_strip(panel: &Panel, middle: f64, colour: RGBColor, values: &[f64]) -> Result<(), Failure> {
    let canvas = panel.canvas;
    let at = |share| panel.across(quantile(values, share)?);
    let (Some(lower), Some(median), Some(upper)) = (at(0.25), at(0.5), at(0.75)) else {
        return Ok(());
    };
    canvas.rectangle(
        (lower, middle - BOX / 2.0),
        (upper, middle + BOX / 2.0),
        colour.mix(0.25),
    )?;
    for (index, across) in values.iter().filter_map(|x| panel.across(*x)).enumerate() {
        // Multiples of the golden ratio spread any number of dots evenly over the height.
        let share = (index as f64 * 0.618_033_988_749_895).fract() - 0.5;
        canvas.disc((across, middle + share * BOX), 4.0, colour.mix(0.5))?;
    }
    let ends = [middle - BOX / 2.0 - 6.0, middle + BOX / 2.0 + 6.0];
    canvas.line(&ends.map(|y| (median, y)), BLACK, 4.0)?;
    let number = format!("{:.3}", quantile(values, 0.5).unwrap_or(0.0));
    let half = canvas.text_width(&number, NUMBER_SIZE)? / 2.0;
    let Bounds { left, right, .. } = panel.bounds;
    let across = median.clamp(left + half + 4.0, right - half - 4.0);
    canvas.text(
        &number,
        (across, ends[0] - 14.0),
        Anchor::Centre,
        NUMBER_SIZE,
    )
}

fn regret_of(record: &EvaluationRecord) -> Option<f64> {
    let regret = record.outcome.get(FIGURE).copied();
    regret.filter(|regret| drawable(*regret))
}

/// The controllers in the order of the pictures, with their colours and sorted regrets.
fn strips(records: &[EvaluationRecord]) -> Vec<(&str, RGBColor, Vec<f64>)> {
    controllers(records.iter().map(|record| record.controller.as_str()))
        .into_iter()
        .map(|(name, colour)| {
            let mut values: Vec<f64> = (records.iter())
                .filter(|record| record.controller == name)
                .filter_map(regret_of)
                .collect();
            values.sort_by(f64::total_cmp);
            (name, colour, values)
        })
        .filter(|(_, _, values)| !values.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;

    fn record(controller: &str, regret: Option<f64>) -> EvaluationRecord {
        EvaluationRecord {
            controller: controller.to_owned(),
            task: "sigmoid-2d".to_owned(),
            seed: 0,
            total_reward: 1.0,
            outcome: regret
                .map(|regret| (FIGURE.to_owned(), regret))
                .into_iter()
                .collect(),
            segments: vec![],
        }
    }

    #[test]
    fn regrets_are_sorted_by_controller_and_those_that_cannot_be_drawn_left_out() {
        let records = [
            record("random", Some(2.0)),
            record("policy", Some(0.5)),
            record("random", Some(1.0)),
            record("random", Some(f64::NAN)),
            record("default", None),
        ];
        let found = strips(&records);
        let values: Vec<_> = found.iter().map(|strip| (strip.0, &strip.2[..])).collect();
        assert_eq!(
            values,
            [("policy", &[0.5][..]), ("random", &[1.0, 2.0][..])]
        );
        assert!(has_regret(&records) && !has_regret(&records[4..]));
    }

    #[test]
    fn odd_regrets_are_drawn() {
        let folder = folder("regret");
        let cases = [
            vec![record("policy", Some(0.0))],
            vec![record("policy", Some(-1e-9)), record("random", Some(1e9))],
            vec![
                record(
                    "a controller with a name that is far too long for it",
                    Some(1.0)
                );
                500
            ],
        ];
        for (index, records) in cases.iter().enumerate() {
            let path = folder.join(format!("{index}.png"));
            regret(&path, records).unwrap();
            assert_eq!(dimensions(&path).0, WIDTH);
        }
    }

    #[test]
    fn without_a_regret_the_error_names_the_record() {
        let path = folder("regret-empty").join("a.png");
        let error = regret(&path, &[record("policy", None)])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a.png") && error.contains("`regret`"),
            "{error}"
        );
    }
}

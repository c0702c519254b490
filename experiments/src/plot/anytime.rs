//! Anytime performance: how good each method's best training is, against everything that it has spent.

use super::Error;
use super::axis::{Axis, Scale};
use super::canvas::{WIDTH, draw};
use super::colour::{BLACK, GREY, METHODS};
use super::legend::{Mark, counted, legend, note};
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, Y_LABEL_ROOM, title};
use super::statistics::drawable;
use crate::compare::record::{CompareRecord, Line};
use crate::compare::{MethodReport, Report};
use crate::record::statistics::{median, quantile};
use plotters::style::{Color, RGBColor};
use std::collections::BTreeSet;
use std::path::Path;

const HEIGHT: u32 = 1000;
/// Where the cost axis begins, in budgets: before it nothing has been learned.
const FIRST: f64 = 0.05;
/// Places at which the quartiles are taken, evenly on the logarithmic axis.
const PLACES: usize = 240;
/// Methods whose quartiles are shaded: more bands cannot be told apart.
const BANDS: usize = 3;
/// The lines of the methods without a colour.
const FAINT: RGBColor = RGBColor(175, 175, 175);

/// The ratio to the target over the cost in budgets: `(cost, [lower quartile, median, upper quartile])`.
type Curve = Vec<(f64, [f64; 3])>;

/// Draws the best validation loss so far, relative to its task's target, over everything spent, in budgets: for each
/// method the median over all tasks and seeds, up to its median spending. The best scores are in colour, the best three
/// of them with their quartiles; the other methods are thin and grey.
///
/// # Errors
/// [`Error::Missing`] without a result on a task with a target.
pub fn anytime(path: &Path, report: &Report, lines: &[Line]) -> Result<(), Error> {
    let records: Vec<(&CompareRecord, f64)> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Result(record) => {
                let target = report.targets.iter().find(|(task, _)| *task == record.task);
                target.map(|(_, target)| (record, *target))
            }
            Line::Tuned(_) | Line::Fitted(_) => None,
        })
        .collect();
    let curves: Vec<(&MethodReport, Curve)> = report
        .methods
        .iter()
        .map(|method| (method, curve(&records, &method.method)))
        .filter(|(_, curve)| !curve.is_empty())
        .collect();
    if curves.is_empty() {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: "a `result` record with a validation loss, on a task with a target".to_owned(),
        });
    }
    let (coloured, faint) = curves.split_at(curves.len().min(METHODS.len()));

    let costs = curves.iter().flat_map(|(_, c)| c.iter().map(|p| p.0));
    let x = Axis::around(Scale::Log10, costs.chain([FIRST, 1.0]), 8);
    let medians = curves.iter().flat_map(|(_, c)| c.iter().map(|p| p.1[1]));
    let shaded = coloured.iter().take(BANDS).flat_map(|(_, c)| c);
    let quartiles = shaded.flat_map(|p| [p.1[0], p.1[2]]);
    let y = Axis::around(Scale::Log10, medians.chain(quartiles).chain([1.0]), 9);

    let mut entries: Vec<(Mark, String)> = coloured
        .iter()
        .zip(METHODS)
        .map(|((method, _), colour)| (Mark::Line(colour), method.starred()))
        .collect();
    entries.push((Mark::Band(GREY), format!("quartiles of the best {BANDS}")));
    entries.push((Mark::Thin(BLACK), "target".to_owned()));
    if !faint.is_empty() {
        entries.push((Mark::Thin(FAINT), "others".to_owned()));
    }
    let tasks: BTreeSet<_> = records.iter().map(|(r, _)| r.task.as_str()).collect();
    let seeds: BTreeSet<_> = records.iter().map(|(r, _)| r.seed).collect();

    draw(path, HEIGHT, |canvas| {
        title(
            canvas,
            &format!(
                "Best loss for what was spent: medians over {} and {}",
                counted(tasks.len(), "task"),
                counted(seeds.len(), "seed")
            ),
        )?;
        let right = f64::from(WIDTH) - 30.0;
        let width = right - Y_LABEL_ROOM;
        let mut top = legend(canvas, (Y_LABEL_ROOM, TITLE_ROOM), width, &entries)?;
        for text in notes(&curves, faint) {
            top = note(canvas, (Y_LABEL_ROOM, top), width, &text)?;
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
        panel.grid("best validation loss / target")?;
        for ((_, curve), colour) in coloured.iter().zip(METHODS).take(BANDS) {
            let band: Vec<_> = curve.iter().map(|(x, q)| (*x, q[0], q[2])).collect();
            canvas.band(&panel.band(&band), colour.mix(0.16))?;
        }
        let line = |curve: &Curve| panel.places(curve.iter().map(|(x, q)| (*x, q[1])));
        for (_, curve) in faint {
            let places = line(curve);
            canvas.line(&places, FAINT, 1.5)?;
            if let Some(end) = places.last() {
                canvas.disc(*end, 3.5, FAINT)?;
            }
        }
        if let Some(height) = panel.height(1.0) {
            canvas.line(&[(bounds.left, height), (right, height)], BLACK, 1.5)?;
        }
        for ((_, curve), colour) in coloured.iter().zip(METHODS).rev() {
            let places = line(curve);
            canvas.line(&places, colour, 3.5)?;
            if let Some(end) = places.last() {
                canvas.disc(*end, 6.0, colour)?;
            }
        }
        panel.frame(Some("everything spent (budgets of one run)"))
    })
}

/// What the legend cannot say in a word.
fn notes(curves: &[(&MethodReport, Curve)], faint: &[(&MethodReport, Curve)]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut ends: Vec<(f64, String)> = faint
        .iter()
        .filter_map(|(method, curve)| Some((curve.last()?.1[1], method.starred())))
        .collect();
    if !ends.is_empty() {
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let names: Vec<String> = ends.into_iter().map(|(_, name)| name).collect();
        notes.push(format!(
            "In colour the {} best scores; others, the lowest end first: {}.",
            METHODS.len(),
            names.join(", ")
        ));
    }
    if curves.iter().any(|(method, _)| method.hindsight) {
        notes.push(super::profile::HINDSIGHT.to_owned());
    }
    notes
}

/// The quartiles of a method, from [`FIRST`] or its first median to its median spending.
fn curve(records: &[(&CompareRecord, f64)], method: &str) -> Curve {
    let own: Vec<_> = records.iter().filter(|(r, _)| r.method == method).collect();
    let spent: Vec<f64> = own.iter().map(|(r, _)| r.ledger.spent / r.budget).collect();
    let Some(last) = median(&spent).filter(|last| *last > FIRST && drawable(*last)) else {
        return Vec::new();
    };
    (0..=PLACES)
        .map(|i| FIRST * (last / FIRST).powf(i as f64 / PLACES as f64))
        .filter_map(|cost| {
            let ratio = |(record, target): &&(&CompareRecord, f64)| {
                // Costs are sums of many parts: what rounding adds is no cost.
                let spent = cost * record.budget * (1.0 + 1e-9);
                let best = record.ledger.best_at(spent);
                best.map_or(f64::INFINITY, |loss| loss / target)
            };
            let ratios: Vec<f64> = own.iter().map(ratio).collect();
            let at = |q: f64| quantile(&ratios, q);
            let quartiles = [at(0.25)?, at(0.5)?, at(0.75)?];
            drawable(quartiles[1]).then_some((cost, quartiles))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;
    use crate::compare::Ledger;
    use trimtab_env::Outcome;

    fn record(task: &str, seed: u64, budget: f64, curve: &[[f64; 2]]) -> CompareRecord {
        CompareRecord {
            method: "a".into(),
            task: task.into(),
            seed,
            budget,
            ledger: Ledger {
                spent: curve.last().map_or(budget, |[spent, _]| *spent),
                runs: 1,
                divergences: 0,
                curve: curve.to_vec(),
            },
            outcome: Outcome::default(),
            range_test: None,
        }
    }

    #[test]
    fn curves_are_medians_relative_to_target_and_budget() {
        let records = [
            record("x", 0, 2.0, &[[0.2, 8.0], [2.0, 2.0]]),
            record("x", 1, 2.0, &[[0.2, 6.0], [2.0, 4.0]]),
            record("y", 0, 1.0, &[[0.1, 0.2], [1.0, 0.1]]),
        ];
        let targets = [2.0, 2.0, 0.1];
        let pairs: Vec<_> = records.iter().zip(targets).collect();
        let curve = curve(&pairs, "a");
        // Before a tenth of a budget nobody has a loss.
        assert!(curve[0].0 > 0.099, "{:?}", curve[0]);
        assert_eq!(curve[0].1, [2.5, 3.0, 3.5]);
        let (cost, ends) = curve[curve.len() - 1];
        assert!((cost - 1.0).abs() < 1e-12);
        assert_eq!(ends, [1.0, 1.0, 1.5]);
        assert!(super::curve(&pairs, "b").is_empty());
    }

    #[test]
    fn without_a_target_the_error_names_the_record() {
        let path = folder("anytime-empty").join("a.png");
        let report = Report {
            baseline: "a".into(),
            methods: vec![],
            targets: vec![],
            rivals: None,
        };
        let lines = [Line::Result(record("x", 0, 1.0, &[[1.0, 1.0]]))];
        let error = anytime(&path, &report, &lines).unwrap_err().to_string();
        assert!(
            error.contains("a.png") && error.contains("`result`"),
            "{error}"
        );
    }

    #[test]
    fn many_methods_and_odd_ones_are_drawn() {
        let folder = folder("anytime");
        let method = |i: usize| super::super::profile::row(&format!("m{i}"), 0.9, vec![Some(1.0)]);
        for count in [1, 12] {
            let lines: Vec<Line> = (0..count)
                .map(|i| {
                    let curve = match i {
                        3 => vec![],
                        4 => vec![[1.0, 0.0]],
                        _ => vec![[0.1, 4.0 + i as f64], [1.0 + i as f64, 0.9]],
                    };
                    let mut record = record("x", 0, 1.0, &curve);
                    record.method = format!("m{i}");
                    Line::Result(record)
                })
                .collect();
            let report = Report {
                baseline: "m0".into(),
                methods: (0..count).map(method).collect(),
                targets: vec![("x".into(), 1.0)],
                rivals: None,
            };
            let path = folder.join(format!("{count}.png"));
            anytime(&path, &report, &lines).unwrap();
            assert_eq!(dimensions(&path), (WIDTH, HEIGHT));
        }
    }
}

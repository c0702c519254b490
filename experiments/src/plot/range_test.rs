//! The picture of a learning-rate finder: the training loss while the learning rate rises.

use super::Error;
use super::axis::{Axis, Scale};
use super::canvas::{WIDTH, draw};
use super::colour::{BLUE, GREY, VERMILLION};
use super::legend::{Mark, legend, note};
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, Y_LABEL_ROOM, title};
use plotters::style::Color;
use std::path::Path;
use trimtab_agent::controller::{Found, smoothed};

const HEIGHT: u32 = 700;
/// Smoothed losses are shown up to this share of their fall above where they begin; beyond that they explode.
const RISEN: f64 = 0.5;

/// Draws range tests on `task`, one a seed: the loss of every update against its learning rate, the smoothed loss that the
/// choice looks at, and the learning rate that was chosen.
///
/// # Errors
/// [`Error::Missing`] if no test saw a loss.
pub fn range_test(path: &Path, task: &str, tests: &[&Found]) -> Result<(), Error> {
    let seen: Vec<(&Found, Vec<(f64, f64)>)> = tests
        .iter()
        .filter(|test| !test.losses.is_empty())
        .map(|test| (*test, curve(test)))
        .collect();
    if seen.is_empty() {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: "a range test with a loss".to_owned(),
        });
    }
    let rates = seen.iter().flat_map(|(test, _)| test.rates.iter().copied());
    let chosen = seen.iter().map(|(test, _)| test.learning_rate);
    let x = Axis::around(Scale::Log10, rates.chain(chosen), 10);
    let smooth = seen.iter().flat_map(|(_, curve)| curve.iter().map(|p| p.1));
    let highest = smooth.clone().fold(f64::NEG_INFINITY, f64::max);
    let single = seen
        .iter()
        .flat_map(|(test, _)| test.losses.iter().copied());
    let y = Axis::around(
        Scale::Linear,
        smooth.chain(single.filter(|loss| *loss <= highest)),
        7,
    );
    let entries = [
        (Mark::FaintDot(GREY), "loss of an update".to_owned()),
        (Mark::Line(BLUE), "smoothed, one line a test".to_owned()),
        (Mark::Dot(VERMILLION), "chosen".to_owned()),
    ];
    draw(path, HEIGHT, |canvas| {
        title(
            canvas,
            &format!("Range test of the learning rate on {task}"),
        )?;
        let right = f64::from(WIDTH) - 30.0;
        let width = right - Y_LABEL_ROOM;
        let top = legend(canvas, (Y_LABEL_ROOM, TITLE_ROOM), width, &entries)?;
        let top = note(
            canvas,
            (Y_LABEL_ROOM, top),
            width,
            "Chosen: a tenth of the rate at which the smoothed loss is lowest, or where it never falls, the initial rate. Losses beyond the panel are left out.",
        )?;
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
        panel.grid("training loss of one minibatch")?;
        for (test, _) in &seen {
            let updates = test.rates.iter().copied().zip(test.losses.iter().copied());
            for place in panel.places(updates.filter(|(_, loss)| *loss <= highest)) {
                canvas.disc(place, 4.0, GREY.mix(0.4))?;
            }
        }
        for (_, curve) in &seen {
            canvas.line(&panel.places(curve.iter().copied()), BLUE, 2.5)?;
        }
        for (test, curve) in &seen {
            let height = at(curve, test.learning_rate);
            if let Some(place) = height.and_then(|y| panel.place((test.learning_rate, y))) {
                canvas.disc(place, 8.0, VERMILLION)?;
            }
        }
        panel.frame(Some("learning rate (one update each)"))
    })
}

/// The smoothed loss over the learning rate, up to where it explodes.
fn curve(test: &Found) -> Vec<(f64, f64)> {
    let smooth = smoothed(&test.losses, test.rates.len());
    let first = smooth.first().copied().unwrap_or_default();
    let lowest = smooth.iter().copied().fold(first, f64::min);
    let ceiling = first + RISEN * (first - lowest);
    let points = test.rates.iter().copied().zip(smooth);
    points.take_while(|(_, loss)| *loss <= ceiling).collect()
}

/// The height of a curve at `rate`, linear over the logarithm of the rate; its ends reach on.
fn at(curve: &[(f64, f64)], rate: f64) -> Option<f64> {
    let after = curve.iter().position(|(x, _)| *x >= rate);
    Some(match after {
        None => curve.last()?.1,
        Some(0) => curve[0].1,
        Some(index) => {
            let ((x0, y0), (x1, y1)) = (curve[index - 1], curve[index]);
            y0 + (y1 - y0) * (rate / x0).ln() / (x1 / x0).ln()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;

    fn found(losses: &[f64]) -> Found {
        Found {
            rates: vec![1e-4, 1e-3, 1e-2, 1e-1],
            losses: losses.to_vec(),
            learning_rate: 1e-3,
            suggested: true,
            spent: 0.1,
        }
    }

    #[test]
    fn the_chosen_rate_stands_on_the_curve() {
        let curve = [(1e-4, 4.0), (1e-2, 2.0)];
        assert!((at(&curve, 1e-3).unwrap() - 3.0).abs() < 1e-12);
        assert_eq!(at(&curve, 1e-5), Some(4.0));
        assert_eq!(at(&curve, 1.0), Some(2.0));
        assert_eq!(at(&[], 1.0), None);
    }

    #[test]
    fn a_curve_ends_where_it_explodes() {
        // Of four points almost nothing is kept from the one before.
        let curve = curve(&found(&[2.0, 1.0, 2.0, 900.0]));
        assert_eq!(curve.len(), 3);
    }

    #[test]
    fn odd_tests_are_drawn_and_none_is_an_error() {
        let folder = folder("range-test");
        let path = folder.join("a.png");
        let (whole, short, none) = (found(&[2.0, 1.9, 1.0, 80.0]), found(&[2.0]), found(&[]));
        range_test(&path, "x", &[&whole, &short, &none]).unwrap();
        assert_eq!(dimensions(&path), (WIDTH, HEIGHT));
        let error = range_test(&path, "x", &[&none]).unwrap_err().to_string();
        assert!(error.contains("range test"), "{error}");
    }
}

//! Whether probabilities mean what they say.

use super::Error;
use super::axis::Axis;
use super::canvas::{WIDTH, draw};
use super::colour::{BLACK, BLUE, VERMILLION};
use super::legend::{Mark, legend};
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, Y_LABEL_ROOM, title};
use plotters::style::{Color, RGBColor};
use std::path::Path;

const HEIGHT: u32 = 1000;
/// Room between the two panels.
const GAP: f64 = 22.0;
/// Half the width of the bar of a bin, as a share of the x axis.
const HALF: f64 = 0.008;

/// Bins of predictions: the mean of the predicted probabilities, the share of them that is right, and how many there are.
type Bins = [(f64, f64, u64)];

/// Bins of one model with a name and a colour.
type Named = (&'static str, RGBColor, Vec<(f64, f64, u64)>);

/// Draws how often predictions are right over the probability that they were given, with the line of those that mean what
/// they say, and below it how many there are; of the same model before its calibration too, if that is given. Empty bins
/// are left out.
///
/// # Errors
/// [`Error::Missing`] if every bin is empty.
pub fn reliability(
    path: &Path,
    heading: &str,
    bins: &Bins,
    before: Option<&Bins>,
) -> Result<(), Error> {
    let full = |bins: &Bins| -> Vec<(f64, f64, u64)> {
        let full = bins.iter().copied();
        full.filter(|(p, right, count)| *count > 0 && p.is_finite() && right.is_finite())
            .collect()
    };
    // The earlier ones first, so that the others are drawn over them.
    let mut lines: Vec<Named> = Vec::new();
    if let Some(before) = before.map(full).filter(|before| !before.is_empty()) {
        lines.push(("before calibration", VERMILLION, before));
    }
    let name = if lines.is_empty() {
        "predictions"
    } else {
        "after calibration"
    };
    lines.push((name, BLUE, full(bins)));
    if lines.iter().any(|(_, _, bins)| bins.is_empty()) {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: "a bin with a prediction in it".to_owned(),
        });
    }
    let mut entries: Vec<(Mark, String)> = lines
        .iter()
        .map(|(name, colour, bins)| {
            let text = format!("{name} (calibration error {:.3})", calibration_error(bins));
            (Mark::Line(*colour), text)
        })
        .collect();
    entries.push((Mark::Dashes(BLACK), "as often right as it says".to_owned()));
    let most = lines
        .iter()
        .flat_map(|(_, _, bins)| bins.iter().map(|b| b.2));
    let most = most.max().unwrap_or(1) as f64;
    let x = Axis::linear(0.0, 1.0, 10);
    let share = Axis::linear(-0.02, 1.02, 10);
    let count = Axis::linear(0.0, 1.06 * most, 4).counted();

    draw(path, HEIGHT, |canvas| {
        title(canvas, heading)?;
        let right = f64::from(WIDTH) - 30.0;
        let room = right - Y_LABEL_ROOM;
        let top = legend(canvas, (Y_LABEL_ROOM, TITLE_ROOM), room, &entries)? + 12.0;
        let bottom = canvas.height() - X_LABEL_ROOM;
        let middle = top + 0.74 * (bottom - top);
        let panel = |top, bottom, y| Panel {
            canvas,
            bounds: Bounds {
                left: Y_LABEL_ROOM,
                top,
                right,
                bottom,
            },
            x: &x,
            y,
        };
        let shares = panel(top, middle, &share);
        shares.grid("share that is right")?;
        canvas.dashes(&shares.places([(0.0, 0.0), (1.0, 1.0)]), BLACK, 2.5)?;
        for (_, colour, bins) in &lines {
            let places = shares.places(bins.iter().map(|(p, right, _)| (*p, *right)));
            canvas.line(&places, *colour, 3.0)?;
            for place in places {
                canvas.disc(place, 7.0, *colour)?;
            }
        }
        shares.frame(None)?;

        let counts = panel(middle + GAP, bottom, &count);
        counts.grid("predictions")?;
        for (index, (_, colour, bins)) in lines.iter().enumerate() {
            // Beside each other, as most bins of both are at about the same place.
            let aside = HALF * (2.0 * index as f64 - (lines.len() - 1) as f64);
            for (p, _, count) in bins {
                let middle = (p + aside).clamp(HALF, 1.0 - HALF);
                let corners = (
                    counts.place((middle - HALF, 0.0)),
                    counts.place((middle + HALF, *count as f64)),
                );
                if let (Some(low), Some(high)) = corners {
                    canvas.rectangle(low, high, colour.mix(0.7))?;
                }
            }
        }
        counts.frame(Some("predicted probability of the predicted class"))
    })
}

/// The mean distance of the share that is right from the probability, over the predictions.
fn calibration_error(bins: &Bins) -> f64 {
    let total: u64 = bins.iter().map(|(_, _, count)| count).sum();
    let distances = bins
        .iter()
        .map(|(p, right, count)| (p - right).abs() * *count as f64);
    distances.sum::<f64>() / total.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;

    #[test]
    fn bins_are_drawn_with_and_without_those_before() {
        let folder = folder("reliability");
        let bins = |sharpness: f64| -> Vec<(f64, f64, u64)> {
            (0..10)
                .map(|i| {
                    let p = 0.05 + 0.1 * f64::from(i);
                    let right = (0.5 + sharpness * (p - 0.5)).clamp(0.0, 1.0);
                    (p, right, (3 + i * i * 4) as u64)
                })
                .collect()
        };
        let (before, mut after) = (bins(0.6), bins(0.97));
        after[2].2 = 0;
        let cases = [
            (&after[..], Some(&before[..])),
            (&after[..], None),
            (&[(0.9, 0.8, 12)][..], Some(&[][..])),
            (&[(1.0, 1.0, 1), (f64::NAN, f64::NAN, 0)][..], None),
        ];
        for (i, (bins, before)) in cases.into_iter().enumerate() {
            let path = folder.join(format!("{i}.png"));
            reliability(&path, "Probabilities on the test rows", bins, before).unwrap();
            assert_eq!(dimensions(&path), (WIDTH, HEIGHT));
        }
        let path = folder.join("none.png");
        for nothing in [&[][..], &[(0.5, 0.5, 0)][..]] {
            assert!(reliability(&path, "t", nothing, Some(&before)).is_err());
        }
    }

    #[test]
    fn the_calibration_error_counts_predictions() {
        // 30 predictions that are 0.1 off, and 10 that are 0.3 off.
        let error = calibration_error(&[(0.8, 0.9, 30), (0.6, 0.3, 10)]);
        assert!((error - 0.15).abs() < 1e-12, "{error}");
    }
}

//! Predicted numbers over the true ones, and how far they are apart.

use super::Error;
use super::axis::{Axis, Scale, plain};
use super::canvas::{Failure, WIDTH, draw};
use super::colour::{BLACK, BLUE, VERMILLION, sequential};
use super::legend::{Mark, legend};
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, Y_LABEL_ROOM, title};
use super::statistics::{drawable, mean_and_deviation};
use crate::record::statistics::quantile;
use plotters::style::Color;
use std::collections::BTreeMap;
use std::path::Path;

const HEIGHT: u32 = 720;
/// Up to this many points each is a disc; of more the cells of a fine grid are coloured by how many they hold.
const FEW: usize = 1500;
/// Size of the names of the axes, and most room for the target's name in them.
const LABEL_SIZE: f64 = 23.0;
const TARGET_ROOM: f64 = 190.0;
/// Side of such a cell in pixels.
const CELL: f64 = 7.0;
const SHADES: usize = 16;
const BINS: usize = 40;
/// From this many residuals on the outermost hundredth does not decide the width of the histogram.
const MANY: usize = 200;

/// Draws predicted over true numbers with the line where they are equal, and beside it the histogram of the residuals,
/// predicted less true, in the unit of the target. Pairs with a number that is not finite are left out.
///
/// # Errors
/// [`Error::Missing`] if there is no pair of finite numbers.
pub fn residuals(
    path: &Path,
    heading: &str,
    target: &str,
    truth: &[f64],
    predicted: &[f64],
) -> Result<(), Error> {
    let pairs = truth.iter().copied().zip(predicted.iter().copied());
    let pairs: Vec<(f64, f64)> = pairs
        .filter(|(t, p)| drawable(*t) && drawable(*p))
        .collect();
    let errors: Vec<f64> = pairs.iter().map(|(t, p)| p - t).collect();
    let Some((mean, _)) = mean_and_deviation(&errors) else {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: "a pair of a true and a predicted number".to_owned(),
        });
    };
    let squares = errors.iter().map(|error| error * error).sum::<f64>();
    let root = (squares / errors.len() as f64).sqrt();
    let both = || pairs.iter().flat_map(|(t, p)| [*t, *p]);
    let (x, y) = (
        Axis::around(Scale::Linear, both(), 6),
        Axis::around(Scale::Linear, both(), 8),
    );
    let bins = Bins::new(&errors);
    let across = Axis::linear(bins.low, bins.high, 6);
    let highest = bins.counts.iter().copied().max().unwrap_or(0);
    let up = Axis::linear(0.0, 1.06 * highest as f64, 8).counted();
    let few = pairs.len() <= FEW;

    draw(path, HEIGHT, |canvas| {
        title(canvas, heading)?;
        let right = f64::from(WIDTH) - 30.0;
        let points = if few {
            (
                Mark::FaintDot(BLUE),
                format!("a row ({} rows)", pairs.len()),
            )
        } else {
            let text = format!("rows in one place, darker for more ({} rows)", pairs.len());
            (Mark::Dot(sequential(SHADES / 3, SHADES)), text)
        };
        let ends = if bins.cut {
            ", all beyond in the bins at the ends"
        } else {
            ""
        };
        let entries = [
            points,
            (Mark::Dashes(BLACK), "predicted = true".to_owned()),
            (
                Mark::Line(VERMILLION),
                format!("mean residual {}", short(mean)),
            ),
            (
                Mark::Band(BLUE),
                format!("residuals, RMSE {}{ends}", short(root)),
            ),
        ];
        let room = right - Y_LABEL_ROOM;
        let top = legend(canvas, (Y_LABEL_ROOM, TITLE_ROOM), room, &entries)? + 12.0;
        let bottom = canvas.height() - X_LABEL_ROOM;
        // The scatter is a square, as both of its axes are the same.
        let middle = Y_LABEL_ROOM + (bottom - top);
        let scatter = Panel {
            canvas,
            bounds: Bounds {
                left: Y_LABEL_ROOM,
                top,
                right: middle,
                bottom,
            },
            x: &x,
            y: &y,
        };
        let target = canvas.fitted(target, LABEL_SIZE, TARGET_ROOM)?;
        scatter.grid(&format!("predicted {target}"))?;
        if few {
            for place in scatter.places(pairs.iter().copied()) {
                canvas.disc(place, 4.5, BLUE.mix(0.4))?;
            }
        } else {
            density(&scatter, &pairs)?;
        }
        let ends = both().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        let diagonal = scatter.places([(ends.0, ends.0), (ends.1, ends.1)]);
        canvas.dashes(&diagonal, BLACK, 2.5)?;
        scatter.frame(Some(&format!("true {target}")))?;

        let histogram = Panel {
            canvas,
            bounds: Bounds {
                left: middle + Y_LABEL_ROOM,
                top,
                right,
                bottom,
            },
            x: &across,
            y: &up,
        };
        histogram.grid("rows")?;
        bins.draw(&histogram)?;
        for (at, colour) in [(0.0, BLACK), (mean, VERMILLION)] {
            if let Some(x) = (bins.low..=bins.high)
                .contains(&at)
                .then(|| histogram.across(at))
                .flatten()
            {
                let line = [(x, top), (x, bottom)];
                if at == 0.0 {
                    canvas.dashes(&line, colour, 2.5)?;
                } else {
                    canvas.line(&line, colour, 2.5)?;
                }
            }
        }
        histogram.frame(Some(&format!("predicted − true {target}")))
    })
}

/// A number with four digits that count.
fn short(value: f64) -> String {
    plain(format!("{value:.3e}").parse().unwrap_or(value))
}

/// Cells of a fine grid, darker for more points in steps of equal ratio.
fn density(panel: &Panel, pairs: &[(f64, f64)]) -> Result<(), Failure> {
    let mut cells: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    let Bounds { left, top, .. } = panel.bounds;
    for (x, y) in panel.places(pairs.iter().copied()) {
        let cell = ((x - left) / CELL, (y - top) / CELL);
        *cells.entry((cell.0 as i64, cell.1 as i64)).or_default() += 1;
    }
    let most = cells.values().copied().max().unwrap_or(1) as f64;
    for ((column, row), count) in cells {
        let share = (count as f64).ln() / most.ln().max(1e-9);
        // The lightest shades are as light as the paper.
        let shade = ((1.0 - share) * (SHADES - 3) as f64).round() as usize;
        let corner = (left + CELL * column as f64, top + CELL * row as f64);
        let opposite = (corner.0 + CELL, corner.1 + CELL);
        panel
            .canvas
            .rectangle(corner, opposite, sequential(shade, SHADES))?;
    }
    Ok(())
}

/// A histogram.
struct Bins {
    low: f64,
    high: f64,
    counts: Vec<usize>,
    /// Whether the first and the last hold all beyond them too.
    cut: bool,
}

impl Bins {
    fn new(values: &[f64]) -> Self {
        let outer = if values.len() >= MANY { 0.005 } else { 0.0 };
        let (low, high) = (
            quantile(values, outer).unwrap_or(0.0),
            quantile(values, 1.0 - outer).unwrap_or(0.0),
        );
        // Residuals that are all alike stand in the middle.
        let margin = if high - low > 1e-9 * low.abs().max(high.abs()) {
            0.0
        } else {
            0.1 * low.abs().max(1e-9)
        };
        let (low, high) = (low - margin, high + margin);
        let number = ((values.len() as f64).sqrt() as usize * 2).clamp(5, BINS);
        let mut counts = vec![0; number];
        for value in values {
            let at = (value - low) / (high - low) * number as f64;
            counts[(at.max(0.0) as usize).min(number - 1)] += 1;
        }
        let cut = values.iter().any(|value| !(low..=high).contains(value));
        Self {
            low,
            high,
            counts,
            cut,
        }
    }

    fn draw(&self, panel: &Panel) -> Result<(), Failure> {
        let width = (self.high - self.low) / self.counts.len() as f64;
        for (index, count) in self.counts.iter().enumerate() {
            let from = self.low + width * index as f64;
            let corners = (
                panel.place((from, 0.0)),
                panel.place((from + width, *count as f64)),
            );
            if let (Some(low), Some((x, y)), 1..) = (corners.0, corners.1, *count) {
                panel
                    .canvas
                    .rectangle((low.0 + 0.5, low.1), (x - 0.5, y), BLUE.mix(0.45))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;

    /// Numbers between 0 and 1 that look random.
    fn noise(i: usize) -> f64 {
        (i as f64 * 12.9898).sin().mul_add(43758.5453, 1e6).fract()
    }

    fn example(rows: usize) -> (Vec<f64>, Vec<f64>) {
        let truth: Vec<f64> = (0..rows).map(|i| 5.0 + 40.0 * noise(i).powi(2)).collect();
        let error = |i: usize| (0..4).map(|k| noise(4 * i + k) - 0.5).sum::<f64>();
        let predicted = truth
            .iter()
            .enumerate()
            .map(|(i, t)| t + 0.15 * t * error(i));
        (truth.clone(), predicted.collect())
    }

    #[test]
    fn few_and_many_rows_are_drawn() {
        let folder = folder("residuals");
        for rows in [1, 120, 1500, 60_000] {
            let (truth, predicted) = example(rows);
            let path = folder.join(format!("{rows}.png"));
            residuals(&path, "On the test rows", "mpg (miles)", &truth, &predicted).unwrap();
            assert_eq!(dimensions(&path), (WIDTH, HEIGHT));
        }
    }

    #[test]
    fn odd_numbers_are_drawn_or_left_out() {
        let folder = folder("residuals-odd");
        let cases = [
            (vec![1.0, 2.0], vec![1.0, 2.0]),
            (vec![3.0, 3.0], vec![4.0, 4.0]),
            (vec![1.0, f64::NAN, 2.0], vec![1.0, 1.0, f64::INFINITY]),
            (vec![-1e12, 1e12], vec![1e-12, 0.0]),
        ];
        for (i, (truth, predicted)) in cases.into_iter().enumerate() {
            let path = folder.join(format!("{i}.png"));
            residuals(&path, "odd", "y", &truth, &predicted).unwrap();
            assert_eq!(dimensions(&path), (WIDTH, HEIGHT));
        }
        let path = folder.join("none.png");
        assert!(residuals(&path, "none", "y", &[], &[]).is_err());
        assert!(residuals(&path, "none", "y", &[f64::NAN], &[1.0]).is_err());
    }

    #[test]
    fn every_residual_is_in_the_histogram() {
        let values: Vec<f64> = (0..1000)
            .map(|i| noise(i) * if i == 7 { 1e6 } else { 1.0 })
            .collect();
        let bins = Bins::new(&values);
        assert_eq!(bins.counts.iter().sum::<usize>(), 1000);
        assert!(bins.cut && bins.high < 2.0, "{}", bins.high);
    }
}

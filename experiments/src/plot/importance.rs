//! What a policy looks at.

use super::Error;
use super::axis::Axis;
use super::canvas::{WIDTH, draw};
use super::colour::METHODS;
use super::legend::{Mark, legend};
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, title};
use super::rows;
use crate::train::explain::Importance;
use plotters::style::Color;
use std::path::Path;

/// The most features that are drawn.
const MOST: usize = 20;

/// Draws the features that move a policy most, one bar a feature, one colour a head.
///
/// # Errors
/// [`Error::Missing`] if there is nothing to draw.
pub fn importance(path: &Path, heads: &[&str], importances: &[Importance]) -> Result<(), Error> {
    let shown = &importances[..importances.len().min(MOST)];
    let largest = shown.iter().map(Importance::total).fold(0.0, f64::max);
    if shown.is_empty() || !largest.is_finite() {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: "the importance of at least one feature".to_owned(),
        });
    }
    let x = Axis::linear(0.0, 1.05 * largest.max(1e-3), 8);
    let y = Axis::linear(0.0, 1.0, 1);
    draw(path, rows::height(shown.len()), |canvas| {
        title(
            canvas,
            "What moves the policy: permutation importance of its features",
        )?;
        let left = rows::left(canvas, shown.iter().map(|i| i.feature.as_str()))?;
        let right = f64::from(WIDTH) - 30.0;
        let entries: Vec<(Mark, String)> = heads
            .iter()
            .zip(METHODS.iter().cycle())
            .map(|(head, colour)| (Mark::Line(*colour), (*head).to_owned()))
            .collect();
        let top = legend(canvas, (left, TITLE_ROOM), right - left, &entries)? + 12.0;
        let bounds = Bounds {
            left,
            top,
            right,
            bottom: canvas.height() - X_LABEL_ROOM,
        };
        let panel = Panel {
            canvas,
            bounds,
            x: &x,
            y: &y,
        };
        panel.vertical_grid()?;
        let pitch = (bounds.bottom - top) / shown.len() as f64;
        for (row, importance) in shown.iter().enumerate() {
            let middle = top + pitch * (row as f64 + 0.5);
            rows::name(canvas, &importance.feature, (left, middle))?;
            let mut from = 0.0;
            for (head, colour) in importance.heads.iter().zip(METHODS.iter().cycle()) {
                if let (Some(a), Some(b)) = (panel.across(from), panel.across(from + head)) {
                    let half = 0.36 * pitch;
                    canvas.rectangle((a, middle - half), (b, middle + half), colour.mix(0.85))?;
                }
                from += head;
            }
        }
        panel.frame(Some(
            "mean total variation of the choices when the feature is shuffled",
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;

    #[test]
    fn bars_are_drawn_and_nothing_is_an_error() {
        let path = folder("importance").join("importance.png");
        let importances = vec![Importance {
            feature: "update_ratio".to_owned(),
            heads: vec![0.2, 0.1],
        }];
        importance(&path, &["learning_rate", "batch_size"], &importances).unwrap();
        assert_eq!(dimensions(&path).0, WIDTH);
        assert!(importance(&path, &[], &[]).is_err());
    }
}

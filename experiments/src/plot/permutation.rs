//! Which columns a model needs.

use super::Error;
use super::axis::Axis;
use super::canvas::{WIDTH, draw};
use super::colour::{BLACK, BLUE};
use super::legend::{Mark, legend};
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, title};
use super::rows::{self, NAME_SIZE};
use super::statistics::drawable;
use plotters::style::Color;
use std::path::Path;

/// The most columns that are drawn.
const MOST: usize = 20;

/// Draws how much worse `metric` becomes when a column is shuffled: name, mean and standard deviation over the shuffles of
/// each, the largest mean first. Of more than 20 columns the first 20 are drawn.
///
/// # Errors
/// [`Error::Missing`] if there is no column with a finite mean.
pub fn permutation_importance(
    path: &Path,
    heading: &str,
    metric: &str,
    columns: &[(String, f64, f64)],
) -> Result<(), Error> {
    let finite = columns.iter().filter(|(_, mean, _)| drawable(*mean));
    let mut sorted: Vec<&(String, f64, f64)> = finite.collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shown = &sorted[..sorted.len().min(MOST)];
    if shown.is_empty() {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: "the importance of at least one column".to_owned(),
        });
    }
    let deviation = |deviation: f64| if drawable(deviation) { deviation } else { 0.0 };
    let ends = shown
        .iter()
        .flat_map(|(_, mean, d)| [mean - deviation(*d), mean + deviation(*d)]);
    let (low, high) = ends.fold((0.0f64, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
    let margin = 0.05 * (high - low);
    let low = if low < 0.0 { low - margin } else { 0.0 };
    let x = Axis::linear(low, high + margin, 8);
    let y = Axis::linear(0.0, 1.0, 1);
    draw(path, rows::height(shown.len()), |canvas| {
        title(canvas, heading)?;
        let names = shown.iter().map(|(name, _, _)| name.as_str());
        let left = rows::left(canvas, names.clone())?;
        let right = f64::from(WIDTH) - 30.0;
        let mut entries = vec![
            (Mark::Band(BLUE), "mean over the shuffles".to_owned()),
            (Mark::Line(BLACK), "± standard deviation".to_owned()),
        ];
        if sorted.len() > shown.len() {
            let text = format!("{} of {} columns", shown.len(), sorted.len());
            entries.push((Mark::None, text));
        }
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
        for (row, (name, mean, spread)) in shown.iter().enumerate() {
            let middle = top + pitch * (row as f64 + 0.5);
            rows::name(canvas, name, (left, middle))?;
            let (Some(none), Some(end)) = (panel.across(0.0), panel.across(*mean)) else {
                continue;
            };
            let half = 0.36 * pitch;
            canvas.rectangle((none, middle - half), (end, middle + half), BLUE.mix(0.45))?;
            let spread = deviation(*spread);
            let (from, to) = (panel.across(mean - spread), panel.across(mean + spread));
            if let (Some(from), Some(to), true) = (from, to, spread > 0.0) {
                canvas.line(&[(from, middle), (to, middle)], BLACK, 2.5)?;
                for end in [from, to] {
                    canvas.line(&[(end, middle - 6.0), (end, middle + 6.0)], BLACK, 2.5)?;
                }
            }
        }
        if let Some(none) = panel.across(0.0) {
            canvas.line(&[(none, top), (none, bounds.bottom)], BLACK, 2.0)?;
        }
        let label = format!("how much worse {metric} becomes when the column is shuffled");
        let label = canvas.fitted(&label, NAME_SIZE + 2.0, right - left + 60.0)?;
        panel.frame(Some(&label))
    })
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;

    fn column(name: &str, mean: f64, deviation: f64) -> (String, f64, f64) {
        (name.to_owned(), mean, deviation)
    }

    #[test]
    fn columns_are_drawn_and_nothing_is_an_error() {
        let folder = folder("permutation");
        let many: Vec<_> = (0..33)
            .map(|i| {
                let mean = 0.4 * 0.8f64.powi(i) - 0.01;
                column(
                    &format!("a column with a long name, number {i}"),
                    mean,
                    0.02,
                )
            })
            .collect();
        let cases = [
            vec![
                column("age", 0.12, 0.01),
                column("fare", 0.3, 0.05),
                column("cabin", -0.02, 0.01),
            ],
            vec![column("nothing", 0.0, 0.0), column("none", f64::NAN, 0.0)],
            vec![column("unsure", 0.1, f64::NAN)],
            many,
        ];
        for (i, columns) in cases.iter().enumerate() {
            let path = folder.join(format!("{i}.png"));
            permutation_importance(&path, "Which columns matter", "log loss", columns).unwrap();
            assert_eq!(dimensions(&path).0, WIDTH);
        }
        let path = folder.join("none.png");
        assert!(permutation_importance(&path, "t", "log loss", &[]).is_err());
        let nothing = [column("a", f64::NAN, 0.0)];
        assert!(permutation_importance(&path, "t", "log loss", &nothing).is_err());
    }
}

//! A panel: a rectangle of the sheet with two axes and a light grid.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Failure, Point};
use super::colour::{GREY, LIGHT_GREY};

/// Size of the numbers at the ticks.
const TICK_SIZE: f64 = 20.0;
/// Size of the names of the axes.
const LABEL_SIZE: f64 = 23.0;
/// Size of the title of a picture.
const TITLE_SIZE: f64 = 28.0;

/// Room below a panel for the numbers of its x axis and its name.
pub(super) const X_LABEL_ROOM: f64 = 76.0;
/// Room above the first thing below the title.
pub(super) const TITLE_ROOM: f64 = 58.0;
/// Room left of a panel for the numbers of its y axis and its name.
pub(super) const Y_LABEL_ROOM: f64 = 120.0;

/// Where a panel stands on the sheet, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

/// A rectangle of the sheet with two axes.
pub(super) struct Panel<'a, 'b> {
    pub(super) canvas: &'a Canvas<'b>,
    pub(super) bounds: Bounds,
    pub(super) x: &'a Axis,
    pub(super) y: &'a Axis,
}

impl Panel<'_, '_> {
    /// The grid and the numbers of the y axis, drawn before the data.
    pub(super) fn grid(&self, y_label: &str) -> Result<(), Failure> {
        let Bounds {
            left,
            top,
            right,
            bottom,
        } = self.bounds;
        self.vertical_grid()?;
        for (value, label) in &self.y.ticks {
            let Some(y) = self.height(*value) else {
                continue;
            };
            self.canvas
                .line(&[(left, y), (right, y)], LIGHT_GREY, 1.0)?;
            self.canvas
                .text(label, (left - 10.0, y), Anchor::Right, TICK_SIZE)?;
        }
        let middle = (left - Y_LABEL_ROOM + 22.0, (top + bottom) / 2.0);
        self.canvas
            .text(y_label, middle, Anchor::Upwards, LABEL_SIZE)
    }

    /// The grid of the x axis alone.
    pub(super) fn vertical_grid(&self) -> Result<(), Failure> {
        let Bounds { top, bottom, .. } = self.bounds;
        for (value, _) in &self.x.ticks {
            let Some(x) = self.across(*value) else {
                continue;
            };
            self.canvas
                .line(&[(x, top), (x, bottom)], LIGHT_GREY, 1.0)?;
        }
        Ok(())
    }

    /// The frame, drawn after the data; with a name for the x axis, its numbers too.
    pub(super) fn frame(&self, x_label: Option<&str>) -> Result<(), Failure> {
        let Bounds {
            left,
            top,
            right,
            bottom,
        } = self.bounds;
        let corners = [
            (left, top),
            (right, top),
            (right, bottom),
            (left, bottom),
            (left, top),
        ];
        self.canvas.line(&corners, GREY, 1.5)?;
        let Some(x_label) = x_label else {
            return Ok(());
        };
        for (value, label) in &self.x.ticks {
            let Some(x) = self.across(*value) else {
                continue;
            };
            self.canvas
                .line(&[(x, bottom), (x, bottom + 6.0)], GREY, 1.5)?;
            self.canvas
                .text(label, (x, bottom + 20.0), Anchor::Centre, TICK_SIZE)?;
        }
        let middle = ((left + right) / 2.0, bottom + 54.0);
        self.canvas
            .text(x_label, middle, Anchor::Centre, LABEL_SIZE)
    }

    /// Where a value of the x axis stands.
    pub(super) fn across(&self, value: f64) -> Option<f64> {
        let Bounds { left, right, .. } = self.bounds;
        Some(left + self.x.position(value)? * (right - left))
    }

    /// Where a value of the y axis stands.
    pub(super) fn height(&self, value: f64) -> Option<f64> {
        let Bounds { top, bottom, .. } = self.bounds;
        Some(bottom - self.y.position(value)? * (bottom - top))
    }

    /// Where a point of the data stands; `None` if it cannot be drawn.
    pub(super) fn place(&self, (x, y): (f64, f64)) -> Option<Point> {
        Some((self.across(x)?, self.height(y)?))
    }

    /// Where those points of the data stand that can be drawn.
    pub(super) fn places(&self, points: impl IntoIterator<Item = (f64, f64)>) -> Vec<Point> {
        points
            .into_iter()
            .filter_map(|point| self.place(point))
            .collect()
    }

    /// Where a band `(x, lower, upper)` of the data stands.
    pub(super) fn band(&self, band: &[(f64, f64, f64)]) -> Vec<(f64, f64, f64)> {
        band.iter()
            .filter_map(|(x, low, high)| {
                Some((self.across(*x)?, self.height(*low)?, self.height(*high)?))
            })
            .collect()
    }
}

/// The title of a picture.
pub(super) fn title(canvas: &Canvas, text: &str) -> Result<(), Failure> {
    let middle = f64::from(super::canvas::WIDTH) / 2.0;
    let text = canvas.fitted(text, TITLE_SIZE, 2.0 * middle - 60.0)?;
    canvas.text(&text, (middle, 32.0), Anchor::Centre, TITLE_SIZE)
}

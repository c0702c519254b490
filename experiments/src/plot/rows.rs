//! Rows of bars, each with its name on the left.

use super::canvas::{Anchor, Canvas, Failure, Point};

/// Height of one bar with the room around it.
const ROW: f64 = 34.0;
/// Size of the names.
pub(super) const NAME_SIZE: f64 = 21.0;
/// Most room for the names.
const NAME_ROOM: f64 = 380.0;

/// Height of a picture of so many rows.
pub(super) fn height(rows: usize) -> u32 {
    (200.0 + ROW * rows as f64) as u32
}

/// Where the bars begin, right of the names.
pub(super) fn left<'a>(
    canvas: &Canvas,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<f64, Failure> {
    let mut widest: f64 = 60.0;
    for name in names {
        widest = widest.max(canvas.text_width(name, NAME_SIZE)?);
    }
    Ok(widest.min(NAME_ROOM) + 44.0)
}

/// The name of a row whose bar begins at this place.
pub(super) fn name(canvas: &Canvas, name: &str, (left, middle): Point) -> Result<(), Failure> {
    let name = canvas.fitted(name, NAME_SIZE, NAME_ROOM)?;
    canvas.text(&name, (left - 14.0, middle), Anchor::Right, NAME_SIZE)
}

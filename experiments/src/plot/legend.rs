//! Legends: rows of marks with their names, beside the data and never on them.

use super::canvas::{Anchor, Canvas, Failure, Point};
use plotters::style::{Color, RGBColor};

const SIZE: f64 = 22.0;
const MARK: f64 = 34.0;
const GAP: f64 = 28.0;
const ROW: f64 = 32.0;

/// What a name is shown with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    Line(RGBColor),
    Thin(RGBColor),
    Dashes(RGBColor),
    Band(RGBColor),
    Dot(RGBColor),
    FaintDot(RGBColor),
    Cross(RGBColor),
    /// A ring around a point of a line.
    Ring(RGBColor),
    /// A name alone.
    None,
}

/// Draws the entries from `top_left`, in as many rows as they need within `width`, and returns the bottom.
pub(super) fn legend(
    canvas: &Canvas,
    top_left: Point,
    width: f64,
    entries: &[(Mark, String)],
) -> Result<f64, Failure> {
    let (left, mut top) = top_left;
    let mut x = left;
    for (mark, name) in entries {
        let name = canvas.fitted(name, SIZE, width - MARK - 10.0)?;
        let entry = MARK + 10.0 + canvas.text_width(&name, SIZE)?;
        if x > left && x + entry > left + width {
            (x, top) = (left, top + ROW);
        }
        let y = top + ROW / 2.0;
        let centre = (x + MARK / 2.0, y);
        match *mark {
            Mark::Line(colour) => canvas.line(&[(x, y), (x + MARK, y)], colour, 4.0)?,
            Mark::Thin(colour) => canvas.line(&[(x, y), (x + MARK, y)], colour, 1.5)?,
            Mark::Dashes(colour) => canvas.dashes(&[(x, y), (x + MARK, y)], colour, 4.0)?,
            Mark::Band(colour) => {
                canvas.rectangle((x, y - 9.0), (x + MARK, y + 9.0), colour.mix(0.25))?;
            }
            Mark::Dot(colour) => canvas.disc(centre, 7.0, colour)?,
            Mark::FaintDot(colour) => canvas.disc(centre, 4.0, colour.mix(0.4))?,
            Mark::Cross(colour) => canvas.cross(centre, 7.0, colour)?,
            Mark::Ring(colour) => canvas.ring(centre, colour)?,
            Mark::None => {}
        }
        canvas.text(&name, (x + MARK + 10.0, y), Anchor::Left, SIZE)?;
        x += entry + GAP;
    }
    Ok(top + ROW)
}

/// Size of the text of a note.
const NOTE_SIZE: f64 = 19.0;
const NOTE_ROW: f64 = 26.0;

/// Writes a sentence from `top_left`, in as many rows as it needs within `width`, and returns the bottom.
pub(super) fn note(
    canvas: &Canvas,
    top_left: Point,
    width: f64,
    text: &str,
) -> Result<f64, Failure> {
    let (left, mut top) = top_left;
    let mut row = String::new();
    for word in text.split(' ') {
        let longer = if row.is_empty() {
            word.to_owned()
        } else {
            format!("{row} {word}")
        };
        if !row.is_empty() && canvas.text_width(&longer, NOTE_SIZE)? > width {
            let middle = (left, top + NOTE_ROW / 2.0);
            canvas.text(&row, middle, Anchor::Left, NOTE_SIZE)?;
            top += NOTE_ROW;
            row = word.to_owned();
        } else {
            row = longer;
        }
    }
    let row = canvas.fitted(&row, NOTE_SIZE, width)?;
    let middle = (left, top + NOTE_ROW / 2.0);
    canvas.text(&row, middle, Anchor::Left, NOTE_SIZE)?;
    Ok(top + NOTE_ROW)
}

/// "1 task", "2 tasks".
pub(super) fn counted(number: usize, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {of}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        let three = [0, 1, 2].map(|number| counted(number, "task"));
        assert_eq!(three, ["0 tasks", "1 task", "2 tasks"]);
    }
}

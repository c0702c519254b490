//! Which classes are taken for which.

use super::Error;
use super::canvas::{Anchor, Canvas, Failure, WIDTH, draw};
use super::colour::{BLUE, GREY, LIGHT_GREY};
use super::panel::{TITLE_ROOM, title};
use plotters::style::{Color, RGBAColor};
use std::path::Path;

/// The most rows and columns; the last of them then stands for all further classes.
const MOST: usize = 20;
const NAME_SIZE: f64 = 20.0;
const LABEL_SIZE: f64 = 23.0;
/// Most room for the names of the classes, beside the rows and below the columns.
const NAME_ROOM: f64 = 230.0;
/// How strong the colour of a full cell is: black numbers are read on it too.
const STRONGEST: f64 = 0.65;

/// Draws a confusion matrix, rows the true class and columns the predicted one: `counts[true][predicted]`. The colour is the
/// share of its row. Of more than 20 classes the 19 most frequent are drawn, and the others together.
///
/// # Errors
/// [`Error::Missing`] if there is no class, no row of the data, or not one count for each pair of classes.
pub fn confusion(
    path: &Path,
    heading: &str,
    classes: &[String],
    counts: &[Vec<u64>],
) -> Result<(), Error> {
    let square = counts.len() == classes.len() && counts.iter().all(|r| r.len() == classes.len());
    if !square || counts.iter().flatten().all(|count| *count == 0) {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: "a count for each pair of classes, and one that is not 0".to_owned(),
        });
    }
    let (names, counts) = shown(classes, counts);
    let n = names.len() as f64;
    let row = (760.0 / n).clamp(40.0, 120.0);

    // The names below the columns lie if they fit, and stand otherwise; what that takes decides the height.
    let mut below = 0.0;
    draw(path, 200, |canvas| {
        below = layout(canvas, &names)?.1;
        Ok(())
    })?;
    let top = TITLE_ROOM + 52.0;
    let height = top + row * n + below + 56.0;
    draw(path, height.ceil() as u32, |canvas| {
        title(canvas, heading)?;
        let (left, below) = layout(canvas, &names)?;
        let right = f64::from(WIDTH) - 30.0;
        scale(canvas, (left, TITLE_ROOM + 22.0))?;
        let column = (right - left) / n;
        for (i, (name, counts)) in names.iter().zip(&counts).enumerate() {
            let upper = top + row * i as f64;
            let name = canvas.fitted(name, NAME_SIZE, NAME_ROOM)?;
            canvas.text(
                &name,
                (left - 12.0, upper + row / 2.0),
                Anchor::Right,
                NAME_SIZE,
            )?;
            let total: u64 = counts.iter().sum();
            for (j, count) in counts.iter().enumerate() {
                let corner = (left + column * j as f64, upper);
                cell(canvas, corner, (column, row), *count, total)?;
            }
        }
        let bottom = top + row * n;
        for i in 0..=names.len() {
            let (x, y) = (left + column * i as f64, top + row * i as f64);
            let colour = if i == 0 || i == names.len() {
                GREY
            } else {
                LIGHT_GREY
            };
            canvas.line(&[(x, top), (x, bottom)], colour, 1.5)?;
            canvas.line(&[(left, y), (right, y)], colour, 1.5)?;
        }
        for (j, name) in names.iter().enumerate() {
            let middle = left + column * (j as f64 + 0.5);
            let name = canvas.fitted(
                name,
                NAME_SIZE,
                if lies(below) { column } else { NAME_ROOM },
            )?;
            if lies(below) {
                canvas.text(&name, (middle, bottom + 20.0), Anchor::Centre, NAME_SIZE)?;
            } else {
                let half = canvas.text_width(&name, NAME_SIZE)? / 2.0;
                canvas.text(
                    &name,
                    (middle, bottom + 12.0 + half),
                    Anchor::Upwards,
                    NAME_SIZE,
                )?;
            }
        }
        let middle = ((left + right) / 2.0, bottom + below + 24.0);
        canvas.text("predicted class", middle, Anchor::Centre, LABEL_SIZE)?;
        canvas.text(
            "true class",
            (26.0, (top + bottom) / 2.0),
            Anchor::Upwards,
            LABEL_SIZE,
        )
    })
}

/// Room below the columns whose names lie.
const LYING: f64 = 34.0;

fn lies(below: f64) -> bool {
    below <= LYING
}

/// Where the columns begin, and the room that their names need below.
fn layout(canvas: &Canvas, names: &[String]) -> Result<(f64, f64), Failure> {
    let mut widest: f64 = 40.0;
    for name in names {
        widest = widest.max(canvas.text_width(name, NAME_SIZE)?);
    }
    let widest = widest.min(NAME_ROOM);
    let left = 48.0 + widest + 16.0;
    let column = (f64::from(WIDTH) - 30.0 - left) / names.len() as f64;
    let below = if widest + 10.0 <= column {
        LYING
    } else {
        widest + 20.0
    };
    Ok((left, below))
}

/// The colour of a share.
fn shade(share: f64) -> RGBAColor {
    BLUE.mix(STRONGEST * share)
}

/// What the colours say.
fn scale(canvas: &Canvas, (left, y): (f64, f64)) -> Result<(), Failure> {
    let text = "share of the row:  0 %";
    canvas.text(text, (left, y), Anchor::Left, NAME_SIZE)?;
    let start = left + canvas.text_width(text, NAME_SIZE)? + 12.0;
    let (steps, width) = (50, 4.0);
    for step in 0..steps {
        let x = start + width * f64::from(step);
        let share = f64::from(step) / f64::from(steps - 1);
        canvas.rectangle((x, y - 10.0), (x + width, y + 10.0), shade(share))?;
    }
    let end = start + width * f64::from(steps);
    let corners = [
        (start, y - 10.0),
        (end, y - 10.0),
        (end, y + 10.0),
        (start, y + 10.0),
        (start, y - 10.0),
    ];
    canvas.line(&corners, GREY, 1.0)?;
    canvas.text("100 %", (end + 12.0, y), Anchor::Left, NAME_SIZE)
}

/// A count on the colour of its share, and the share below it where there is room.
fn cell(
    canvas: &Canvas,
    (left, top): (f64, f64),
    (width, height): (f64, f64),
    count: u64,
    total: u64,
) -> Result<(), Failure> {
    if count == 0 {
        return Ok(());
    }
    let share = count as f64 / total as f64;
    canvas.rectangle((left, top), (left + width, top + height), shade(share))?;
    let (x, y) = (left + width / 2.0, top + height / 2.0);
    let count = count.to_string();
    let roomy = width >= 90.0 && height >= 64.0;
    let mut size: f64 = if roomy { 24.0 } else { 19.0 };
    while size > 11.0 && canvas.text_width(&count, size)? > 0.92 * width {
        size -= 1.0;
    }
    if !roomy {
        return canvas.text(&count, (x, y), Anchor::Centre, size);
    }
    canvas.text(&count, (x, y - 12.0), Anchor::Centre, size)?;
    let percent = format!("{:.1} %", 100.0 * share);
    canvas.text(&percent, (x, y + 16.0), Anchor::Centre, 17.0)
}

/// The classes that are drawn, in their order, and their counts; the rare ones of too many are one.
fn shown(classes: &[String], counts: &[Vec<u64>]) -> (Vec<String>, Vec<Vec<u64>>) {
    if classes.len() <= MOST {
        return (classes.to_vec(), counts.to_vec());
    }
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by_key(|class| std::cmp::Reverse(counts[*class].iter().sum::<u64>()));
    order.truncate(MOST - 1);
    order.sort_unstable();
    let place = |class: usize| order.binary_search(&class).unwrap_or(order.len());
    let mut together = vec![vec![0; MOST]; MOST];
    for (truth, row) in counts.iter().enumerate() {
        for (predicted, count) in row.iter().enumerate() {
            together[place(truth)][place(predicted)] += count;
        }
    }
    let mut names: Vec<String> = order.iter().map(|class| classes[*class].clone()).collect();
    names.push(format!("{} others", classes.len() - order.len()));
    (names, together)
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;

    fn example(classes: usize, name: &str) -> (Vec<String>, Vec<Vec<u64>>) {
        let names = (0..classes).map(|class| format!("{name}{class}")).collect();
        let count = |i: usize, j: usize| match i.abs_diff(j) {
            0 => 40 + 7 * (i as u64 % 9),
            1 => 6,
            _ => (i * 5 + j * 3) as u64 % 7 / 6,
        };
        let row = |i| (0..classes).map(|j| count(i, j)).collect();
        (names, (0..classes).map(row).collect())
    }

    #[test]
    fn few_and_many_classes_are_drawn() {
        let folder = folder("confusion");
        for (classes, name) in [
            (2, "no. "),
            (3, "iris-"),
            (10, "c"),
            (20, "a class with quite a long name, number "),
            (43, "class "),
        ] {
            let (names, counts) = example(classes, name);
            let path = folder.join(format!("{classes}.png"));
            confusion(&path, "Confusion on the test rows", &names, &counts).unwrap();
            let (width, height) = dimensions(&path);
            assert_eq!(width, WIDTH);
            assert!((400..1300).contains(&height), "{classes}: {height}");
        }
    }

    #[test]
    fn rare_classes_are_drawn_together() {
        let (names, counts) = example(43, "class ");
        let (shown_names, together) = shown(&names, &counts);
        assert_eq!(shown_names.len(), MOST);
        assert_eq!(shown_names[MOST - 1], "24 others");
        let total = |counts: &[Vec<u64>]| counts.iter().flatten().sum::<u64>();
        assert_eq!(total(&together), total(&counts));
    }

    #[test]
    fn counts_that_do_not_fit_are_an_error() {
        let path = folder("confusion-empty").join("a.png");
        let two = ["a".to_owned(), "b".to_owned()];
        for counts in [vec![], vec![vec![1, 2]], vec![vec![0, 0], vec![0, 0]]] {
            let error = confusion(&path, "t", &two, &counts).unwrap_err();
            assert!(error.to_string().contains("a.png"), "{error}");
        }
        assert!(!path.exists());
    }
}

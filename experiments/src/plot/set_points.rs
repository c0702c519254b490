//! What a context servo wants.

use super::Error;
use super::axis::{Axis, Scale};
use super::canvas::{WIDTH, draw};
use super::colour::METHODS;
use super::legend::{Mark, legend};
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, Y_LABEL_ROOM, title};
use std::path::Path;
use trimtab_env::{Context, ContextServo, History};

const HEIGHT: u32 = 900;
/// Points of a line.
const POINTS: usize = 60;

/// Draws the set-point of the size of the updates and the batch size over the budget, for several trainings with their names.
///
/// # Errors
/// [`Error::Missing`] without a training, and when the file cannot be written.
pub fn set_points(
    path: &Path,
    servo: &ContextServo,
    trainings: &[(String, Context)],
) -> Result<(), Error> {
    if trainings.is_empty() {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: "at least one training".to_owned(),
        });
    }
    let shares: Vec<f64> = (0..=POINTS).map(|i| i as f64 / POINTS as f64).collect();
    let batches = |context: &Context| -> Vec<f64> {
        let each = shares.iter();
        each.map(|f| servo.batch_size(context, *f, 0.0)).collect()
    };
    let sizes: Vec<Vec<f64>> = trainings
        .iter()
        .map(|(_, context)| batches(context))
        .collect();
    let goals: Vec<Vec<f64>> = trainings
        .iter()
        .zip(&sizes)
        .map(|((_, context), sizes)| {
            let pairs = shares.iter().zip(sizes);
            pairs
                .map(|(f, b)| servo.set_point(context, &History::default(), *f, *b))
                .collect()
        })
        .collect();
    let x = Axis::linear(0.0, 1.0, 10);
    let above = Axis::around(Scale::Log10, goals.iter().flatten().copied(), 6);
    let below = Axis::around(Scale::Linear, sizes.iter().flatten().copied(), 6);
    let entries: Vec<(Mark, String)> = trainings
        .iter()
        .enumerate()
        .map(|(index, (name, _))| {
            let colour = METHODS[index % METHODS.len()];
            (Mark::Line(colour), name.clone())
        })
        .collect();
    draw(path, HEIGHT, |canvas| {
        title(canvas, "What the context servo plans")?;
        let right = f64::from(WIDTH) - 30.0;
        let width = right - Y_LABEL_ROOM;
        let top = legend(canvas, (Y_LABEL_ROOM, TITLE_ROOM), width, &entries)? + 12.0;
        let bottom = canvas.height() - X_LABEL_ROOM;
        let split = top + 0.62 * (bottom - top);
        let panels = [
            (
                &above,
                &goals,
                top,
                split - 14.0,
                "size of an update / weights",
            ),
            (&below, &sizes, split + 14.0, bottom, "batch size"),
        ];
        for (y, lines, top, bottom, name) in panels {
            let bounds = Bounds {
                left: Y_LABEL_ROOM,
                top,
                right,
                bottom,
            };
            let panel = Panel {
                canvas,
                bounds,
                x: &x,
                y,
            };
            panel.grid(name)?;
            for (index, line) in lines.iter().enumerate() {
                let places = panel.places(shares.iter().copied().zip(line.iter().copied()));
                canvas.line(&places, METHODS[index % METHODS.len()], 3.0)?;
            }
            let last = bottom == canvas.height() - X_LABEL_ROOM;
            panel.frame(last.then_some("share of the budget used"))?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;

    #[test]
    fn lines_are_drawn_and_nothing_is_an_error() {
        let path = folder("set_points").join("set_points.png");
        let context = Context {
            epochs: 20.0,
            examples: 1000.0,
            parameters: 3000.0,
            layers: 3.0,
            ..Context::default()
        };
        let servo = ContextServo::default();
        set_points(&path, &servo, &[("one".to_owned(), context)]).unwrap();
        assert_eq!(dimensions(&path), (WIDTH, HEIGHT));
        assert!(set_points(&path, &servo, &[]).is_err());
    }
}

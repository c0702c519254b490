//! A training segment by segment: what happened and what each controller did.

mod trace;

use super::Error;
use super::axis::{Axis, Scale};
use super::canvas::{WIDTH, draw};
use super::colour::{BLACK, GREY, controllers, lighter};
use super::legend::{Mark, legend};
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, Y_LABEL_ROOM, title};
use super::statistics::drawable;
use std::path::Path;
use trace::Trace;
use trimtab_env::tuning::Segment;

const HEIGHT: u32 = 1200;
/// Room between two panels.
const GAP: f64 = 18.0;
/// By what factor the training loss may widen the axis of the losses.
const STRETCH: f64 = 5.0;

/// One of the lines of a trace.
type Line = fn(&Trace) -> &[(f64, f64)];

/// The parts of a line whose values are no further from `range` than it may be stretched, so that losses of a training
/// that go to 0 do not flatten the others.
fn within(points: &[(f64, f64)], (low, high): (f64, f64)) -> Vec<Vec<(f64, f64)>> {
    let near = |point: &(f64, f64)| point.1 >= low / STRETCH && point.1 <= high * STRETCH;
    let parts = points.chunk_by(|a, b| near(a) == near(b));
    parts
        .filter(|part| near(&part[0]))
        .map(<[_]>::to_vec)
        .collect()
}

/// Draws trainings of one task over their cost: validation and training loss, learning rate, batch size and utilisation, one
/// colour a controller. Segments that diverged are crosses at the best loss until then, and rings are where the best weights
/// are from. Several trainings of the same controller share its colour. Training losses are drawn as far as they are within
/// a factor of five of the validation losses.
///
/// # Errors
/// [`Error::Missing`] if no training has a segment with a finite cost.
pub fn training(path: &Path, task: &str, runs: &[(String, Vec<Segment>)]) -> Result<(), Error> {
    let colours = controllers(runs.iter().map(|(name, _)| name.as_str()));
    let traces: Vec<Trace> = colours
        .iter()
        .flat_map(|(name, colour)| {
            let of_controller = runs.iter().filter(move |(other, _)| other == name);
            of_controller.map(|(_, segments)| Trace::new(segments, *colour))
        })
        .filter(|trace| !trace.utilisation.is_empty())
        .collect();
    if traces.is_empty() {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: format!("a segment with a finite cost of the task `{task}`"),
        });
    }
    let mut entries: Vec<(Mark, String)> = colours
        .iter()
        .filter(|(_, colour)| traces.iter().any(|trace| trace.colour == *colour))
        .map(|(name, colour)| (Mark::Line(*colour), (*name).to_owned()))
        .collect();
    if traces.iter().any(|trace| !trace.diverged.is_empty()) {
        entries.push((Mark::Cross(BLACK), "diverged".to_owned()));
    }
    let validation = (traces.iter())
        .flat_map(|trace| trace.loss.iter().chain(&trace.diverged))
        .map(|p| p.1);
    let range = validation
        .clone()
        .filter(|loss| drawable(*loss) && *loss > 0.0)
        .fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), loss| {
            (low.min(loss), high.max(loss))
        });
    let training: Vec<Vec<Vec<(f64, f64)>>> = traces
        .iter()
        .map(|trace| within(&trace.training_loss, range))
        .collect();
    if training.iter().any(|parts| !parts.is_empty()) {
        entries.push((Mark::Thin(GREY), "training loss".to_owned()));
    }
    if traces.iter().any(|trace| trace.kept.is_some()) {
        entries.push((Mark::Ring(BLACK), "best weights".to_owned()));
    }

    let around = |scale, ticks, of: Line| {
        let values = traces
            .iter()
            .flat_map(|trace| of(trace).iter().map(|p| p.1));
        Axis::around(scale, values, ticks)
    };
    let loss = validation.chain(training.iter().flatten().flatten().map(|p| p.1));
    let ends = (traces.iter()).flat_map(|trace| trace.utilisation.iter().map(|p| p.0));
    let x = Axis::around(Scale::Linear, ends, 8);
    let rate: Line = |trace| &trace.learning_rate;
    let size: Line = |trace| &trace.batch_size;
    let panels: [(&str, Axis, Line); 4] = [
        (
            "validation loss",
            Axis::around(Scale::Log10, loss, 9),
            |trace| &trace.loss,
        ),
        ("learning rate", around(Scale::Log10, 5, rate), rate),
        ("batch size", around(Scale::Log2, 5, size), size),
        ("utilisation", Axis::linear(-0.03, 1.03, 6), |trace| {
            &trace.utilisation
        }),
    ];

    // If there are few lines, the earlier ones are wider, so that lines at the same value all show.
    let widening = if traces.len() <= 4 { 1.5 } else { 0.0 };
    draw(path, HEIGHT, |canvas| {
        title(canvas, &format!("Training: {task}"))?;
        let right = f64::from(WIDTH) - 30.0;
        let width = right - Y_LABEL_ROOM;
        let top = legend(canvas, (Y_LABEL_ROOM, TITLE_ROOM), width, &entries)? + 12.0;
        let room = canvas.height() - X_LABEL_ROOM - top - GAP * (panels.len() - 1) as f64;
        // The loss is what matters: its panel has two fifths of the room.
        let shares = [0.4, 0.2, 0.2, 0.2];
        let mut top = top;
        for (i, ((label, y, points), share)) in panels.iter().zip(shares).enumerate() {
            let bottom = top + share * room;
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
            panel.grid(label)?;
            if i == 0 {
                for (trace, parts) in traces.iter().zip(&training) {
                    for part in parts {
                        let places = panel.places(part.iter().copied());
                        canvas.line(&places, lighter(trace.colour), 1.5)?;
                    }
                }
            }
            for (drawn, trace) in traces.iter().enumerate() {
                let width = 2.5 + widening * (traces.len() - 1 - drawn) as f64;
                let places = panel.places(points(trace).iter().copied());
                canvas.line(&places, trace.colour, width)?;
                if let [only] = places.as_slice() {
                    canvas.disc(*only, 6.0, trace.colour)?;
                }
            }
            if i == 0 {
                for trace in &traces {
                    for (cost, loss) in &trace.diverged {
                        // Without any loss until then, the cross stands at the top.
                        let height = panel.height(*loss).unwrap_or(top);
                        if let Some(across) = panel.across(*cost) {
                            canvas.cross((across, height), 8.0, trace.colour)?;
                        }
                    }
                    if let Some(place) = trace.kept.and_then(|kept| panel.place(kept)) {
                        canvas.ring(place, trace.colour)?;
                    }
                }
            }
            let last = i + 1 == panels.len();
            panel.frame(last.then_some("cost (modelled seconds)"))?;
            top = bottom + GAP;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::trace::kept;
    use super::*;
    use trimtab_env::{Report, Settings, TrainLoss, Validation};

    fn segment(index: usize, loss: f64, rate: f64, size: usize) -> Segment {
        let diverged = !loss.is_finite();
        Segment {
            index,
            settings: Settings::new(rate, size),
            report: Report {
                cost: 2.0,
                diverged,
                train: TrainLoss::of(&[loss * 0.9, loss * 0.8]),
                validation: (!diverged).then(|| Validation {
                    loss,
                    ..Validation::default()
                }),
                utilisation: size as f64 / (size as f64 + 64.0),
                ..Report::default()
            },
            spent: 2.0 * (index + 1) as f64,
            best_loss: if diverged { 1.5 } else { loss },
            reward: 0.1,
        }
    }

    fn run(controller: usize) -> Vec<Segment> {
        (0..29)
            .map(|i| {
                let t = i as f64;
                let floor = [0.05, 0.12, 0.07, 0.2][controller];
                let loss = floor + 2.0 * (-t / [4.0, 6.0, 5.0, 8.0][controller]).exp();
                match controller {
                    0 if i == 3 => segment(i, f64::NAN, 0.3, 32),
                    0 => segment(i, loss, 0.1 * 0.8f64.powf(t), 16 << (i / 6)),
                    1 => segment(i, loss, 1e-3, 32),
                    2 => segment(i, loss, 0.02, 32),
                    _ => segment(
                        i,
                        loss,
                        10f64.powf(-4.0 + (i * 7 % 5) as f64 * 0.6),
                        16 << (i * 3 % 5),
                    ),
                }
            })
            .collect()
    }

    #[test]
    fn four_controllers_are_drawn() {
        let path = folder("training").join("a.png");
        let names = ["policy", "default", "best_static", "random"];
        let runs: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(i, name)| ((*name).to_owned(), run(i)))
            .collect();
        training(&path, "digits_mlp", &runs).unwrap();
        assert_eq!(dimensions(&path), (WIDTH, HEIGHT));
    }

    #[test]
    fn odd_trainings_are_drawn() {
        let folder = folder("training-odd");
        let mut bare = segment(0, 1.0, 0.1, 32);
        bare.settings = Settings::default();
        bare.report.utilisation = f64::NAN;
        bare.report.cost = f64::NAN;
        let cases = [
            vec![segment(0, 1.0, 0.1, 32)],
            vec![segment(0, f64::NAN, 0.1, 32)],
            vec![segment(0, 0.0, 0.1, 1), segment(1, -1.0, 0.1, 1)],
            vec![segment(0, 2.0, 0.1, 32), segment(1, 2.0, 0.1, 32)],
            vec![bare],
        ];
        for (i, case) in cases.into_iter().enumerate() {
            let path = folder.join(format!("{i}.png"));
            training(
                &path,
                "odd",
                &[("mine".to_owned(), case), ("none".to_owned(), vec![])],
            )
            .unwrap();
            assert_eq!(dimensions(&path), (WIDTH, HEIGHT));
        }
    }

    #[test]
    fn without_segments_the_error_names_the_record() {
        let path = folder("training-empty").join("a.png");
        let error = training(&path, "digits", &[("policy".into(), vec![])])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a.png") && error.contains("`digits`"),
            "{error}"
        );
    }

    #[test]
    fn the_best_weights_are_where_the_loss_was_lowest() {
        let with_best = |index, loss, best| Segment {
            best_loss: best,
            ..segment(index, loss, 0.1, 8)
        };
        let run = [
            with_best(0, 3.0, 3.0),
            with_best(1, 1.0, 1.0),
            with_best(2, 2.0, 1.0),
        ];
        assert_eq!(kept(&run), Some((4.0, 1.0)));
        assert_eq!(kept(&run[..1]), Some((2.0, 3.0)));
        // Nothing was better than the start.
        assert_eq!(kept(&[with_best(0, 3.0, 2.5)]), None);
        assert_eq!(kept(&[with_best(0, f64::NAN, 2.5)]), None);
        assert_eq!(kept(&[]), None);
    }

    #[test]
    fn training_losses_far_below_are_left_out() {
        let points = [
            (1.0, 1.0),
            (2.0, 0.3),
            (3.0, 1e-9),
            (4.0, f64::NAN),
            (5.0, 0.4),
        ];
        let parts = within(&points, (1.0, 2.0));
        assert_eq!(parts, [vec![(1.0, 1.0), (2.0, 0.3)], vec![(5.0, 0.4)]]);
    }

    #[test]
    fn settings_hold_from_the_start_of_their_segment_to_its_end() {
        let trace = Trace::new(&[segment(0, 1.0, 0.1, 8), segment(1, 1.0, 0.2, 8)], BLACK);
        assert_eq!(
            trace.learning_rate,
            [(0.0, 0.1), (2.0, 0.1), (2.0, 0.2), (4.0, 0.2)]
        );
        assert_eq!(trace.loss, [(2.0, 1.0), (4.0, 1.0)]);
    }
}

//! What the agent chose while it learned: the share of each choice over the updates.

use super::Error;
use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Failure, WIDTH, draw};
use super::colour::sequential;
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, Y_LABEL_ROOM, title};
use crate::record::events::{Spec, UpdateRecord};
use std::path::Path;
use trimtab_env::Head;

/// Room right of a panel for the labels of its choices.
const LABEL_ROOM: f64 = 220.0;
const LABEL_SIZE: f64 = 20.0;
/// Room above a panel for the name of its head.
const HEAD_ROOM: f64 = 52.0;
const HEAD_SIZE: f64 = 24.0;
/// More updates than this are averaged over neighbours.
const FINE_UPDATES: usize = 100;

/// Shares of the choices in an update: `(update, shares)`.
type Shares = Vec<(f64, Vec<f64>)>;

/// Draws, for each head, the shares of its choices over the updates, the first choice at the bottom.
///
/// # Errors
/// [`Error::Missing`] without a head, or without an update that counts the choices of a head.
pub fn actions(path: &Path, spec: &Spec, updates: &[UpdateRecord]) -> Result<(), Error> {
    let window = updates.len().div_ceil(FINE_UPDATES);
    let heads: Vec<(&Head, Shares)> = spec
        .heads
        .iter()
        .enumerate()
        .map(|(i, head)| {
            (
                head,
                smoothed(&shares(updates, i, head.choices.len()), window),
            )
        })
        .filter(|(_, shares)| !shares.is_empty())
        .collect();
    if heads.is_empty() {
        return Err(Error::Missing {
            path: path.to_owned(),
            record: format!(
                "an `update` record that counts the choices of environment `{}`",
                spec.name
            ),
        });
    }
    let numbers = || {
        heads
            .iter()
            .flat_map(|(_, shares)| shares.iter().map(|(update, _)| *update))
    };
    let first = numbers().fold(f64::INFINITY, f64::min);
    let last = numbers().fold(0.0, f64::max);
    let x = Axis::linear(first, last + 1.0, 8).counted();
    let y = Axis::linear(0.0, 1.0, 5);
    let height = (150 + 330 * heads.len()).clamp(700, 1200) as u32;

    draw(path, height, |canvas| {
        let average = if window > 1 {
            format!(" (mean of {window} updates)")
        } else {
            String::new()
        };
        title(canvas, &format!("Choices of the agent{average}"))?;
        let right = f64::from(WIDTH) - LABEL_ROOM;
        let pitch = (canvas.height() - TITLE_ROOM - X_LABEL_ROOM) / heads.len() as f64;
        for (i, (head, shares)) in heads.iter().enumerate() {
            let top = TITLE_ROOM + pitch * i as f64 + HEAD_ROOM;
            let bottom = top + pitch - HEAD_ROOM;
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
                y: &y,
            };
            let name = canvas.fitted(&head.name, HEAD_SIZE, right - Y_LABEL_ROOM)?;
            let above = (Y_LABEL_ROOM, top - 20.0);
            canvas.text(&name, above, Anchor::Left, HEAD_SIZE)?;
            panel.grid("share")?;
            stack(&panel, shares)?;
            labels(canvas, bounds, &head.choices)?;
            let last = i + 1 == heads.len();
            panel.frame(last.then_some("update"))?;
        }
        Ok(())
    })
}

/// The shares as stacked bars, each from its update to the next.
fn stack(panel: &Panel, shares: &Shares) -> Result<(), Failure> {
    let next = shares.iter().skip(1).map(|(update, _)| *update);
    let end = shares.last().map(|(update, _)| update + 1.0);
    for ((update, shares), until) in shares.iter().zip(next.chain(end)) {
        let mut below = 0.0;
        for (choice, share) in shares.iter().enumerate() {
            let above = below + share;
            let corners = panel
                .place((*update, above))
                .zip(panel.place((until, below)));
            if let Some((first, second)) = corners {
                let colour = sequential(choice, shares.len());
                panel.canvas.rectangle(first, second, colour)?;
            }
            below = above;
        }
    }
    Ok(())
}

/// A bar of the colours beside the panel, in the order of the stack, with labels as close as text allows.
fn labels(canvas: &Canvas, bounds: Bounds, choices: &[String]) -> Result<(), Failure> {
    let count = choices.len();
    let pitch = ((bounds.bottom - bounds.top) / count as f64).min(34.0);
    let every = (24.0 / pitch).ceil().max(1.0) as usize;
    let left = bounds.right + 24.0;
    for (i, choice) in choices.iter().enumerate() {
        let bottom = bounds.bottom - pitch * i as f64;
        canvas.rectangle(
            (left, bottom - pitch),
            (left + 30.0, bottom),
            sequential(i, count),
        )?;
        if i % every == 0 {
            let label = canvas.fitted(choice, LABEL_SIZE, LABEL_ROOM - 80.0)?;
            let middle = (left + 40.0, bottom - pitch / 2.0);
            canvas.text(&label, middle, Anchor::Left, LABEL_SIZE)?;
        }
    }
    Ok(())
}

/// Shares of the choices of `head` in each update that counts any, in order.
fn shares(updates: &[UpdateRecord], head: usize, choices: usize) -> Shares {
    let mut shares: Shares = updates
        .iter()
        .filter_map(|record| {
            let counts = record.actions.get(head)?;
            let total: f64 = counts.iter().take(choices).map(|count| *count as f64).sum();
            let share = |choice| {
                counts
                    .get(choice)
                    .map_or(0.0, |count| *count as f64 / total)
            };
            (total > 0.0).then(|| (record.update as f64, (0..choices).map(share).collect()))
        })
        .collect();
    shares.sort_by(|a, b| a.0.total_cmp(&b.0));
    shares
}

/// Each update's shares averaged over the `window` updates around it.
fn smoothed(shares: &Shares, window: usize) -> Shares {
    shares
        .iter()
        .enumerate()
        .filter_map(|(i, (update, own))| {
            let first = i.saturating_sub(window.saturating_sub(1) / 2);
            let last = (i + window / 2).min(shares.len() - 1);
            let around = shares.get(first..=last)?;
            let mean = |choice: usize| {
                let sum: f64 = around
                    .iter()
                    .filter_map(|(_, shares)| shares.get(choice))
                    .sum();
                sum / around.len() as f64
            };
            Some((*update, (0..own.len()).map(mean).collect()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;
    use std::collections::BTreeMap;

    fn spec(heads: Vec<Head>) -> Spec {
        Spec {
            name: "tuning".into(),
            features: vec![],
            heads,
            horizon: 29,
        }
    }

    fn update(update: u64, actions: Vec<Vec<u64>>) -> UpdateRecord {
        UpdateRecord {
            update,
            steps: 232 * update,
            metrics: BTreeMap::new(),
            actions,
        }
    }

    /// Counts that move from even to the third quarter of the choices.
    fn counts(update: u64, choices: u64) -> Vec<u64> {
        (0..choices)
            .map(|c| {
                20 + (update * 7 + c * 5) % 13 + if c == 3 * choices / 4 { update / 2 } else { 0 }
            })
            .collect()
    }

    fn learning(updates: u64, choices: [u64; 2]) -> Vec<UpdateRecord> {
        (0..updates)
            .map(|u| update(u, choices.map(|c| counts(u, c)).to_vec()))
            .collect()
    }

    #[test]
    fn two_heads_are_drawn() {
        let folder = folder("actions");
        let moves = ["÷ 4", "÷ 2", "÷ 1.4", "keep", "× 1.4", "× 2", "× 4"];
        let sizes = ["16", "32", "64", "128", "256"];
        let heads = vec![
            Head::new("learning_rate", moves),
            Head::new("batch_size", sizes),
        ];
        let path = folder.join("a.png");
        actions(&path, &spec(heads), &learning(250, [7, 5])).unwrap();
        assert_eq!(dimensions(&path), (WIDTH, 810));
        let many = vec![
            Head::new("learning_rate", (0..40).map(|i| format!("choice {i}"))),
            Head::new("b", ["only"]),
        ];
        actions(&folder.join("b.png"), &spec(many), &learning(30, [40, 1])).unwrap();
    }

    #[test]
    fn odd_updates_are_drawn() {
        let folder = folder("actions-odd");
        let spec = spec(vec![Head::new("a", ["x", "y"]), Head::new("b", ["z"])]);
        let cases = [
            vec![update(7, vec![vec![1, 1], vec![2]])],
            vec![
                update(0, vec![vec![5, 0], vec![5]]),
                update(1, vec![vec![5, 0], vec![5]]),
            ],
            vec![
                update(0, vec![vec![0, 0], vec![]]),
                update(9, vec![vec![1, 2, 3, 4]]),
            ],
        ];
        for (i, case) in cases.iter().enumerate() {
            let path = folder.join(format!("{i}.png"));
            actions(&path, &spec, case).unwrap();
            assert_eq!(dimensions(&path).0, WIDTH);
        }
    }

    #[test]
    fn without_counts_the_error_names_the_record() {
        let path = folder("actions-empty").join("a.png");
        let one = spec(vec![Head::new("a", ["x"])]);
        let cases = [
            (one.clone(), vec![]),
            (one, vec![update(0, vec![])]),
            (spec(vec![]), learning(3, [2, 2])),
        ];
        for (spec, updates) in cases {
            let error = actions(&path, &spec, &updates).unwrap_err().to_string();
            assert!(
                error.contains("a.png") && error.contains("`update`"),
                "{error}"
            );
        }
    }

    #[test]
    fn shares_sum_to_one_and_smoothing_keeps_that() {
        let raw = shares(&learning(20, [4, 2]), 0, 4);
        assert_eq!(smoothed(&raw, 1), raw);
        for (_, shares) in smoothed(&raw, 5) {
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        let two = vec![(0.0, vec![1.0, 0.0]), (1.0, vec![0.0, 1.0])];
        assert_eq!(smoothed(&two, 2)[0].1, [0.5, 0.5]);
    }
}

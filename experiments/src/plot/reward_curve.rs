//! The reward curve: returns over the episodes of a training of the agent.

use super::Error;
use super::axis::{Axis, Scale};
use super::canvas::{WIDTH, draw};
use super::colour::{BLUE, GREY};
use super::legend::{Mark, legend};
use super::panel::{Bounds, Panel, TITLE_ROOM, X_LABEL_ROOM, Y_LABEL_ROOM, title};
use super::statistics::{drawable, mean_and_deviation, moving};
use crate::record::events::EpisodeRecord;
use plotters::style::{Color, RGBColor};
use std::collections::BTreeMap;
use std::path::Path;

const HEIGHT: u32 = 800;
/// The colour of a single run behind the mean.
const FAINT: RGBColor = RGBColor(160, 190, 210);

/// A curve with a band: `(episode, mean, standard deviation)`.
type Curve = Vec<(f64, f64, f64)>;

/// Draws the returns of named runs over their episodes.
///
/// One run: its returns, and mean and standard deviation over a moving window of a twentieth of its episodes, at
/// least 10. Several runs: each one's moving mean, and mean and standard deviation of these over the runs, at the
/// episodes that all of them have.
///
/// # Errors
/// [`Error::Missing`] without a finite return, or without an episode that all runs have.
pub fn reward_curve(path: &Path, runs: &[(String, Vec<EpisodeRecord>)]) -> Result<(), Error> {
    let runs: Vec<(&str, Vec<(f64, f64)>)> = runs
        .iter()
        .map(|(name, episodes)| (name.as_str(), returns(episodes)))
        .filter(|(_, points)| !points.is_empty())
        .collect();
    let longest = runs.iter().map(|(_, points)| points.len()).max();
    let missing = |record: &str| Error::Missing {
        path: path.to_owned(),
        record: record.to_owned(),
    };
    let longest = longest.ok_or_else(|| missing("an `episode` record with a finite return"))?;
    let window = longest.div_ceil(20).max(10);
    let smooth: Vec<Curve> = runs
        .iter()
        .map(|(_, points)| moving(points, window))
        .collect();
    let several = runs.len() > 1;
    let curve = match smooth.as_slice() {
        [only] => only.clone(),
        all => over_runs(all),
    };
    if curve.is_empty() {
        return Err(missing(
            "an `episode` record of the same episode in every run",
        ));
    }
    let band: Vec<_> = curve
        .iter()
        .map(|(x, mean, sd)| (*x, mean - sd, mean + sd))
        .collect();

    let names = runs
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ");
    let entries = if several {
        vec![
            (Mark::Line(BLUE), format!("mean of {} runs", runs.len())),
            (
                Mark::Band(BLUE),
                "±1 standard deviation over runs".to_owned(),
            ),
            (
                Mark::Line(FAINT),
                format!("one run (moving mean, last {window} episodes)"),
            ),
        ]
    } else {
        vec![
            (Mark::FaintDot(GREY), "one episode".to_owned()),
            (
                Mark::Line(BLUE),
                format!("moving mean (last {window} episodes)"),
            ),
            (
                Mark::Band(BLUE),
                "±1 standard deviation in the window".to_owned(),
            ),
        ]
    };
    let x_values = runs
        .iter()
        .flat_map(|(_, points)| points.iter().map(|p| p.0));
    let x = Axis::around(Scale::Linear, x_values, 8).counted();
    let bounds_of_band = band.iter().flat_map(|(_, low, high)| [*low, *high]);
    let y = if several {
        let means = smooth.iter().flatten().map(|p| p.1);
        Axis::around(Scale::Linear, bounds_of_band.chain(means), 7)
    } else {
        let raw = runs
            .iter()
            .flat_map(|(_, points)| points.iter().map(|p| p.1));
        Axis::around(Scale::Linear, bounds_of_band.chain(raw), 7)
    };

    draw(path, HEIGHT, |canvas| {
        title(canvas, &format!("Reward curve: {names}"))?;
        let right = f64::from(WIDTH) - 30.0;
        let width = right - Y_LABEL_ROOM;
        let top = legend(canvas, (Y_LABEL_ROOM, TITLE_ROOM), width, &entries)? + 12.0;
        let bottom = canvas.height() - X_LABEL_ROOM;
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
        panel.grid("return (sum of rewards)")?;
        if several {
            for run in &smooth {
                let places = panel.places(run.iter().map(|p| (p.0, p.1)));
                canvas.line(&places, FAINT, 1.5)?;
            }
        } else {
            for place in panel.places(runs.iter().flat_map(|(_, points)| points.iter().copied())) {
                canvas.disc(place, 2.5, GREY.mix(0.35))?;
            }
        }
        canvas.band(&panel.band(&band), BLUE.mix(0.25))?;
        let places = panel.places(curve.iter().map(|p| (p.0, p.1)));
        canvas.line(&places, BLUE, 3.0)?;
        if let [only] = places.as_slice() {
            canvas.disc(*only, 6.0, BLUE)?;
        }
        panel.frame(Some("episode"))
    })
}

/// Episodes with their finite returns, in order.
fn returns(episodes: &[EpisodeRecord]) -> Vec<(f64, f64)> {
    let by_episode: BTreeMap<u64, f64> = episodes
        .iter()
        .map(|record| (record.episode, record.total_reward))
        .filter(|(_, value)| drawable(*value))
        .collect();
    by_episode
        .into_iter()
        .map(|(episode, value)| (episode as f64, value))
        .collect()
}

/// Mean and standard deviation over the runs at each episode that every run has.
fn over_runs(runs: &[Curve]) -> Curve {
    let mut means: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (episode, mean, _) in runs.iter().flatten() {
        means.entry(*episode as u64).or_default().push(*mean);
    }
    means
        .into_iter()
        .filter(|(_, means)| means.len() == runs.len())
        .filter_map(|(episode, means)| {
            let (mean, deviation) = mean_and_deviation(&means)?;
            Some((episode as f64, mean, deviation))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{dimensions, folder};
    use super::*;
    use trimtab_env::{Status, Termination};

    fn episodes(returns: impl IntoIterator<Item = f64>) -> Vec<EpisodeRecord> {
        (0..)
            .zip(returns)
            .map(|(episode, total_reward)| EpisodeRecord {
                episode,
                update: episode / 8,
                seed: episode,
                total_reward,
                length: 29,
                status: Status::Terminated(Termination::BudgetSpent),
            })
            .collect()
    }

    /// A return that rises to 1 with noise that does not repeat within a thousand episodes.
    fn learning(phase: f64) -> Vec<EpisodeRecord> {
        episodes((0..1000).map(|i| {
            let i = f64::from(i);
            1.0 - 2.0 * (-i / 250.0).exp() + 0.3 * (i * i * 0.37 + phase).sin() + 0.05 * phase
        }))
    }

    #[test]
    fn one_run_and_several_are_drawn() {
        let folder = folder("reward-curve");
        let one = folder.join("one.png");
        reward_curve(&one, &[("ppo".into(), learning(0.0))]).unwrap();
        assert_eq!(dimensions(&one), (WIDTH, HEIGHT));
        let several = folder.join("several.png");
        let runs: Vec<_> = (0..5)
            .map(|seed| (format!("seed {seed}"), learning(f64::from(seed))))
            .collect();
        reward_curve(&several, &runs).unwrap();
        assert_eq!(dimensions(&several), (WIDTH, HEIGHT));
    }

    #[test]
    fn odd_runs_are_drawn() {
        let folder = folder("reward-curve-odd");
        let cases = [
            vec![episodes([1.0])],
            vec![episodes([2.0; 50])],
            vec![episodes([1.0, f64::NAN, f64::INFINITY, 3.0])],
            vec![episodes([1.0, 2.0, 3.0]), episodes([1.0])],
            vec![
                episodes([1e300, 1.0]),
                episodes([]),
                episodes([-1e140, 1e140]),
            ],
        ];
        for (i, case) in cases.into_iter().enumerate() {
            let path = folder.join(format!("{i}.png"));
            let runs: Vec<_> = case
                .into_iter()
                .map(|run| (format!("run {i}"), run))
                .collect();
            reward_curve(&path, &runs).unwrap();
            assert_eq!(dimensions(&path), (WIDTH, HEIGHT));
        }
    }

    #[test]
    fn without_returns_the_error_names_the_record() {
        let path = folder("reward-curve-empty").join("a.png");
        for runs in [vec![], vec![("x".to_owned(), episodes([f64::NAN]))]] {
            let error = reward_curve(&path, &runs).unwrap_err().to_string();
            assert!(
                error.contains("a.png") && error.contains("`episode`"),
                "{error}"
            );
            assert!(!path.exists());
        }
    }

    #[test]
    fn mean_over_runs_keeps_to_shared_episodes() {
        let runs = [
            vec![(0.0, 1.0, 0.0), (1.0, 2.0, 0.0)],
            vec![(1.0, 4.0, 0.0), (2.0, 5.0, 0.0)],
        ];
        assert_eq!(over_runs(&runs), [(1.0, 3.0, 2f64.sqrt())]);
    }
}

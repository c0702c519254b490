//! How good the policy is against the other controllers.

use super::super::{Cell, Section, Table};
use crate::record::events::EvaluationRecord;
use crate::record::statistics::{Interval, paired};
use crate::record::summary::{self, ControllerSummary, log_ratio};
use std::collections::BTreeSet;

/// Nobody reads a table of hundreds of tasks.
pub(super) const MOST_TASKS: usize = 24;

/// The policy against another controller on the same tasks and seeds.
pub(super) struct Difference {
    against: String,
    interval: Interval,
    /// Log ratios of the validation losses, by task.
    tasks: Vec<(String, Vec<f64>)>,
}

/// The policy against each of the others, those first against which it is worst.
pub(super) fn differences(evaluations: &[EvaluationRecord], seed: u64) -> Vec<Difference> {
    let others = distinct(evaluations.iter().map(|record| &record.controller));
    let tasks = distinct(evaluations.iter().map(|record| &record.task));
    let mut differences: Vec<Difference> = others
        .into_iter()
        .filter(|name| *name != "policy")
        .filter_map(|name| {
            let each = tasks.iter();
            let tasks: Vec<(String, Vec<f64>)> = each
                .map(|task| ((*task).to_owned(), ratios(evaluations, task, name)))
                .filter(|(_, ratios)| !ratios.is_empty())
                .collect();
            let all: Vec<Vec<f64>> = tasks.iter().map(|(_, ratios)| ratios.clone()).collect();
            Some(Difference {
                against: name.to_owned(),
                interval: paired(&all, seed)?,
                tasks,
            })
        })
        .collect();
    differences.sort_by(|a, b| b.interval.mean.total_cmp(&a.interval.mean));
    differences
}

/// The log ratios of the policy's losses to those of another controller, over the tasks.
fn ratios(evaluations: &[EvaluationRecord], task: &str, other: &str) -> Vec<f64> {
    let loss = |controller: &str, seed: Option<u64>| -> Vec<(u64, f64)> {
        evaluations
            .iter()
            .filter(|record| record.task == task && record.controller == controller)
            .filter(|record| seed.is_none_or(|seed| record.seed == seed))
            .filter_map(|r| Some((r.seed, *r.outcome.get("best_validation_loss")?)))
            .collect()
    };
    loss("policy", None)
        .into_iter()
        .filter_map(|(seed, own)| {
            let (_, other) = loss(other, Some(seed)).into_iter().next()?;
            Some(log_ratio(own, other)).filter(|ratio| ratio.is_finite())
        })
        .collect()
}

/// The names in the order in which they come first.
fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut distinct: Vec<&str> = Vec::new();
    for name in names {
        if !distinct.contains(&name.as_str()) {
            distinct.push(name);
        }
    }
    distinct
}

/// The controllers that say most: what somebody does who tunes nothing, and what who tries a whole grid.
const REFERENCES: [&str; 2] = ["best_static", "default"];

/// The result in one sentence; `None` where there are no losses to compare.
pub(super) fn sentence(differences: &[Difference]) -> Option<String> {
    let known = |difference: &&Difference| REFERENCES.contains(&difference.against.as_str());
    let shown = if differences.iter().any(|difference| known(&difference)) {
        differences.iter().filter(known).collect()
    } else {
        differences
            .iter()
            .take(REFERENCES.len())
            .collect::<Vec<_>>()
    };
    let each: Vec<String> = shown
        .into_iter()
        .map(|difference| {
            let Interval { mean, low, high } = difference.interval;
            format!(
                "{:.2} times the validation loss of {} (95 % interval {:.2} to {:.2})",
                mean.exp(),
                difference.against,
                low.exp(),
                high.exp()
            )
        })
        .collect();
    let (last, before) = each.split_last()?;
    let listed = if before.is_empty() {
        last.clone()
    } else {
        format!("{} and {last}", before.join(", "))
    };
    Some(format!(
        "On seeds that it was not trained on, the policy ends with {listed}."
    ))
}

/// The tables of the evaluation.
pub(super) fn section(
    section: Section,
    evaluations: &[EvaluationRecord],
    differences: &[Difference],
) -> Section {
    let (all, each) = summary::controllers(evaluations);
    let few = distinct(each.iter().map(|row| &row.task)).len() <= MOST_TASKS;
    let shown: &[ControllerSummary] = if few { &each } else { &[] };
    // An environment that is no training has none of its figures.
    let trainings = all.iter().any(|row| row.validation_loss.is_some());
    let section = section.table(against(differences));
    if !trainings {
        return section
            .table(outcomes(if few { &each } else { &all }))
            .note("Figures are means ± standard errors over the runs.");
    }
    section
        .table(by_task(differences))
        .table(controllers("Controllers over all tasks", &all, evaluations, false))
        .table(controllers("Controllers on each task", shown, evaluations, true))
        .note(
            "Log ratios are means of the logarithm of the policy's best validation loss over the other's with the same \
             seed, below 0 where the policy is better, with the central 95 % of a bootstrap over tasks and seeds. Losses \
             and accuracies are means ± standard errors over the runs. The cost to the target is the median over the runs \
             that reached it.",
        )
}

fn against(differences: &[Difference]) -> Table {
    let table = Table::new("The policy against each of the others, on the same tasks and seeds")
        .text("against")
        .number("times its loss")
        .number("log ratio [95 %]")
        .number("policy wins")
        .number("pairs");
    table.rows(differences.iter().map(|difference| {
        let all: Vec<f64> = difference.tasks.iter().flat_map(|t| t.1.clone()).collect();
        [
            difference.against.as_str().into(),
            Cell::decimal(difference.interval.mean.exp(), 3),
            Cell::difference(difference.interval, 3),
            wins(&all),
            Cell::count(all.len() as u64),
        ]
    }))
}

/// Share of the pairs in which the policy has the lower loss.
fn wins(ratios: &[f64]) -> Cell {
    let won = ratios.iter().filter(|ratio| **ratio < 0.0).count();
    Cell::percent(won as f64 / ratios.len().max(1) as f64, 0)
}

/// Task by task, where the policy is worst first. With one task there is nothing to add.
fn by_task(differences: &[Difference]) -> Table {
    let mut rows: Vec<(&str, &str, &[f64], f64)> = differences
        .iter()
        .filter(|difference| (2..=MOST_TASKS).contains(&difference.tasks.len()))
        .flat_map(|difference| {
            difference.tasks.iter().map(|(task, ratios)| {
                let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
                (
                    task.as_str(),
                    difference.against.as_str(),
                    ratios.as_slice(),
                    mean,
                )
            })
        })
        .collect();
    rows.sort_by(|a, b| b.3.total_cmp(&a.3));
    let table = Table::new("The same on each task, where the policy is worst first")
        .text("task")
        .text("against")
        .number("times its loss")
        .number("log ratio")
        .number("policy wins");
    table.rows(rows.into_iter().map(|(task, against, ratios, mean)| {
        [
            task.into(),
            against.into(),
            Cell::decimal(mean.exp(), 3),
            Cell::signed(mean, 3),
            wins(ratios),
        ]
    }))
}

/// The figures of controllers; with `each`, one row a controller and task.
fn controllers(
    caption: &str,
    rows: &[ControllerSummary],
    evaluations: &[EvaluationRecord],
    each: bool,
) -> Table {
    let mut table = Table::new(caption);
    if each {
        table = table.text("task");
    }
    let table = table
        .text("controller")
        .number("runs")
        .number("validation loss")
        .number("test accuracy")
        .number("cost to target (ms)")
        .number("reached it")
        .number("diverged segments")
        .number("return");
    table.rows(rows.iter().map(|row| {
        let own = evaluations.iter().filter(|record| {
            record.controller == row.controller && (row.task == "all" || record.task == row.task)
        });
        let segments = own.flat_map(|record| &record.segments);
        let diverged = segments.filter(|segment| segment.report.diverged).count();
        let task = each.then(|| Cell::from(row.task.as_str()));
        let figures = [
            row.controller.as_str().into(),
            Cell::count(row.runs as u64),
            Cell::maybe(row.validation_loss, |loss| Cell::estimate(loss, 4)),
            Cell::maybe(row.test_accuracy, |accuracy| Cell::estimate(accuracy, 3)),
            Cell::maybe(row.median_cost_to_target, |cost| {
                Cell::decimal(1000.0 * cost, 1)
            }),
            Cell::percent(row.reached, 0),
            Cell::count(diverged as u64),
            Cell::estimate(row.total_reward, 2),
        ];
        task.into_iter().chain(figures).collect::<Vec<_>>()
    }))
}

/// What a named environment reports of its episodes.
fn outcomes(rows: &[ControllerSummary]) -> Table {
    let names: BTreeSet<&String> = rows.iter().flat_map(|row| row.outcome.keys()).collect();
    let mut table = Table::new("Controllers")
        .text("environment")
        .text("controller")
        .number("runs")
        .number("return");
    for name in &names {
        table = table.number(name.replace('_', " "));
    }
    table.rows(rows.iter().map(|row| {
        let figures = names.iter().map(|name| row.outcome.get(*name).copied());
        let figures = figures.map(|figure| Cell::maybe(figure, |f| Cell::estimate(f, 3)));
        [
            row.task.as_str().into(),
            row.controller.as_str().into(),
            Cell::count(row.runs as u64),
            Cell::estimate(row.total_reward, 2),
        ]
        .into_iter()
        .chain(figures)
        .collect::<Vec<_>>()
    }))
}

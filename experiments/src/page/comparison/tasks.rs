//! The methods task by task, against the baseline.

use super::super::{Cell, Section, Table, Tone};
use crate::compare::{CompareRecord, MethodReport, Report};
use crate::record::summary::log_ratio;

/// Losses that differ by less are shown as alike.
const ALIKE: f64 = 0.05;

/// A task with the log ratio of each method's loss to the baseline's there, in the order of the report.
pub(super) struct Row<'a> {
    pub(super) task: &'a str,
    /// Mean loss of the baseline.
    baseline: f64,
    pub(super) ratios: Vec<f64>,
}

/// The tasks, in the order of the records.
pub(super) fn rows<'a>(records: &[&'a CompareRecord], report: &Report) -> Vec<Row<'a>> {
    let mut tasks: Vec<&str> = Vec::new();
    for record in records {
        if !tasks.contains(&record.task.as_str()) {
            tasks.push(&record.task);
        }
    }
    let row = |task: &'a str| {
        let losses = |method: &str| -> Vec<(u64, f64)> {
            let own = records.iter();
            let own = own.filter(|record| record.task == task && record.method == method);
            own.map(|record| (record.seed, record.ledger.best()))
                .collect()
        };
        let baseline = losses(&report.baseline);
        let ratio = |method: &MethodReport| {
            let own = losses(&method.method);
            let pairs = own.iter().filter_map(|(seed, loss)| {
                let (_, other) = baseline.iter().find(|(other, _)| other == seed)?;
                Some(log_ratio(*loss, *other))
            });
            mean(&pairs.collect::<Vec<_>>())
        };
        Row {
            task,
            baseline: mean(&baseline.iter().map(|(_, loss)| *loss).collect::<Vec<_>>()),
            ratios: report.methods.iter().map(ratio).collect(),
        }
    };
    tasks.into_iter().map(row).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A table of them.
pub(super) fn section(report: &Report, rows: &[Row]) -> Section {
    let mut table = Table::new(format!(
        "Log ratio of the final validation loss to that of {}, mean over the seeds",
        report.baseline
    ))
    .text("task")
    .number("target")
    .number(format!("loss of {}", report.baseline));
    let shown: Vec<usize> = (0..report.methods.len())
        .filter(|index| report.methods[*index].method != report.baseline)
        .collect();
    for index in &shown {
        table = table.number(report.methods[*index].starred());
    }
    let table = table.rows(rows.iter().map(|row| {
        let target = report.targets.iter().find(|(task, _)| task == row.task);
        let ratios = shown.iter().map(|index| match row.ratios[*index] {
            f64::INFINITY => Cell::from("failed").toned(Tone::Bad),
            ratio if ratio > ALIKE => Cell::signed(ratio, 3).toned(Tone::Bad),
            ratio if ratio < -ALIKE => Cell::signed(ratio, 3).toned(Tone::Good),
            ratio => Cell::signed(ratio, 3),
        });
        [
            row.task.into(),
            Cell::maybe(target, |(_, loss)| Cell::number(*loss)),
            Cell::number(row.baseline),
        ]
        .into_iter()
        .chain(ratios)
        .collect::<Vec<_>>()
    }));
    Section::new("Tasks").table(table).note(format!(
        "Below 0 is better than {}. Colours mark losses that differ by more than 5 %.",
        report.baseline
    ))
}

//! What went wrong in a comparison, and where each method is at its worst.

use super::super::{Cell, Section, Table, Tone};
use super::tasks::Row;
use crate::compare::{CompareRecord, MethodReport, Report};

/// A table of the methods, those first that fail most.
pub(super) fn section(records: &[&CompareRecord], report: &Report, rows: &[Row]) -> Section {
    struct Failure<'a> {
        method: &'a MethodReport,
        without: usize,
        missed: usize,
        worst: Option<(&'a str, f64)>,
    }
    let tasks = rows.len();
    let mut failures: Vec<Failure> = report
        .methods
        .iter()
        .enumerate()
        .map(|(index, method)| {
            let own = records.iter().filter(|r| r.method == method.method);
            let ratios = rows.iter().map(|row| (row.task, row.ratios[index]));
            let worst = ratios.filter(|(_, ratio)| ratio.is_finite() && *ratio > 0.0);
            Failure {
                method,
                without: own.filter(|r| !r.ledger.best().is_finite()).count(),
                missed: method.times.iter().filter(|time| time.is_none()).count(),
                worst: worst.max_by(|a, b| a.1.total_cmp(&b.1)),
            }
        })
        .collect();
    failures.sort_by(|a, b| {
        let order = |f: &Failure| (f.without, f.missed, f.worst.map_or(0.0, |(_, ratio)| ratio));
        let (a, b) = (order(a), order(b));
        (b.0, b.1).cmp(&(a.0, a.1)).then(b.2.total_cmp(&a.2))
    });
    let table = Table::new("Where each method fails, those first that fail most")
        .text("method")
        .number("runs without a loss")
        .number("diverged segments a run")
        .number(format!("targets missed, of {tasks}"))
        .text(format!("worst task against {}", report.baseline))
        .number("log ratio there");
    let table = table.rows(failures.into_iter().map(|failure| {
        let Failure {
            method,
            without,
            missed,
            worst,
        } = failure;
        [
            method.starred().into(),
            Cell::count(without as u64).toned(bad_if(without > 0)),
            Cell::decimal(method.divergences, 2).toned(bad_if(method.divergences > 0.0)),
            Cell::count(missed as u64),
            Cell::maybe(worst, |(task, _)| task.into()),
            Cell::maybe(worst, |(_, ratio)| Cell::signed(ratio, 3)),
        ]
    }));
    Section::new("What failed").table(table).note(
        "A target is missed where the median run never reaches it. A star marks what was chosen with hindsight on the very \
         task.",
    )
}

fn bad_if(bad: bool) -> Tone {
    if bad { Tone::Bad } else { Tone::Plain }
}

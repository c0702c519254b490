//! The page of a comparison: what failed, the methods, the tasks, the pictures. From the records alone.

use super::{Cell, Page, Section, Table, Tone, pictures};
use crate::Result;
use crate::compare::record::Line;
use crate::compare::rivals::Rivals;
use crate::compare::{self, CompareConfig, CompareRecord, MethodReport, Report};
use crate::record::run_directory::{read_json, read_lines};
use crate::record::summary::log_ratio;
use crate::train::config::to_ron;
use std::path::{Path, PathBuf};

/// Losses that differ by less are shown as alike.
const ALIKE: f64 = 0.05;

/// Writes the page of the comparison in the folder `run`, with these pictures, as `report.html`, and returns its path.
///
/// # Errors
/// [`crate::Error::File`] or [`crate::Error::Record`].
pub fn comparison(run: &Path, drawn: &[PathBuf]) -> Result<PathBuf> {
    let config: CompareConfig = read_json(&run.join("config.json"))?;
    let lines: Vec<Line> = read_lines(&run.join("records.jsonl"))?;
    let report = compare::report(&config, &lines);
    let path = run.join("report.html");
    page(&config, &lines, &report)
        .section(pictures::section(drawn)?)
        .section(Section::new("Config").code("Every field, as it was used", to_ron(&config)?))
        .write(&path)?;
    Ok(path)
}

/// A task with the log ratio of each method's loss to the baseline's there, in the order of the report.
struct Row<'a> {
    task: &'a str,
    baseline: f64,
    ratios: Vec<f64>,
}

fn page(config: &CompareConfig, lines: &[Line], report: &Report) -> Page {
    let records: Vec<&CompareRecord> = lines.iter().filter_map(Line::result).collect();
    let rows = rows(&records, report);
    let others = || {
        report
            .methods
            .iter()
            .filter(|m| m.method != report.baseline)
    };
    let verdict = |wanted: &str| others().filter(|m| m.verdict == wanted).count();
    let lead = format!(
        "{} on {}, with {} each. Of the {} beside {}, the first of the config, {} better than it, {} worse, and of {} no \
         difference is known.",
        counted(report.methods.len(), "method"),
        counted(rows.len(), "task"),
        counted(config.seeds as usize, "seed"),
        others().count(),
        report.baseline,
        are(verdict("better")),
        are(verdict("worse")),
        verdict("no difference"),
    );
    let mut page = Page::new(format!("{}: methods of tuning compared", config.name))
        .lead(lead)
        .section(failures(&records, report, &rows))
        .section(methods(report))
        .section(tasks(report, &rows));
    if let Some(rivals) = &report.rivals {
        page = page.section(against_rivals(rivals));
    }
    page
}

/// "1 task", "2 tasks".
fn counted(number: usize, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {of}{plural}")
}

/// "1 is", "2 are".
fn are(number: usize) -> String {
    format!("{number} {}", if number == 1 { "is" } else { "are" })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The tasks, in the order of the records.
fn rows<'a>(records: &[&'a CompareRecord], report: &Report) -> Vec<Row<'a>> {
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

/// What went wrong, and where each method is at its worst.
fn failures(records: &[&CompareRecord], report: &Report, rows: &[Row]) -> Section {
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

fn methods(report: &Report) -> Section {
    let table = Table::new("Methods, the best score first")
        .text("method")
        .text("rules")
        .number("runs")
        .number("budgets")
        .number("before")
        .number("break-even")
        .number("reached")
        .number("time")
        .number("score")
        .number("score within rules")
        .number("loss to target [95 %]")
        .number(format!("loss to {} [95 %]", report.baseline))
        .number("wins")
        .text("verdict");
    let table = table.rows(report.methods.iter().map(|row| {
        let verdict = match row.verdict.as_str() {
            "better" => Tone::Good,
            "worse" => Tone::Bad,
            _ => Tone::Plain,
        };
        [
            row.starred().into(),
            row.ruleset.title().into(),
            Cell::decimal(row.runs, 1),
            Cell::decimal(row.budgets, 2),
            Cell::decimal(row.earlier, 0),
            Cell::maybe(row.break_even, break_even),
            Cell::percent(row.reached, 0),
            Cell::maybe(row.time_to_target, |time| Cell::decimal(time, 2)),
            Cell::decimal(row.score, 3),
            Cell::decimal(row.ruleset_score, 3),
            Cell::maybe(row.loss, |loss| Cell::difference(loss, 3)),
            Cell::maybe(row.difference, |difference| Cell::difference(difference, 3)),
            Cell::percent(row.wins, 0),
            Cell::from(row.verdict.as_str()).toned(verdict),
        ]
    }));
    Section::new("Methods").table(table).note(
        "Budgets: what a use costs, of what one run may. Before: what was spent before the comparison, in budgets. \
         Break-even: uses after which that and the uses cost less than as many of the cheapest search that comes as low. \
         Time: mean over the tasks of the median time to target, in budgets. Score: AlgoPerf score among all methods, and \
         among those of the same rules. Losses: mean log ratios of the final validation loss, with the bootstrap interval \
         over data sets and runs; below 0 is better.",
    )
}

fn break_even(after: compare::break_even::BreakEven) -> Cell {
    use compare::break_even::BreakEven;
    let uses = match after {
        BreakEven::Uses(uses) => uses as f64,
        BreakEven::Never => f64::INFINITY,
        BreakEven::NoSearch => f64::NAN,
    };
    Cell::keyed(after.to_string(), uses)
}

fn tasks(report: &Report, rows: &[Row]) -> Section {
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

fn against_rivals(rivals: &Rivals) -> Section {
    let caption = format!(
        "{} against each of the others, the hardest first",
        rivals.method
    );
    let table = Table::new(caption)
        .text("against")
        .number("budgets")
        .number("validation loss [95 %]")
        .number("test loss [95 %]")
        .number("on the median task")
        .text("worst task")
        .number("there")
        .number("wins")
        .number("time")
        .text("targets: both, alone, rival");
    let table = table.rows(rivals.rivals.iter().map(|rival| {
        let star = if rival.hindsight { " *" } else { "" };
        let [both, own, other] = rival.reached;
        let worst = rival.worst.as_ref();
        [
            format!("{}{star}", rival.rival).into(),
            Cell::decimal(rival.budgets, 2),
            Cell::maybe(rival.validation, |i| Cell::difference(i, 3)),
            Cell::maybe(rival.test, |i| Cell::difference(i, 3)),
            Cell::maybe(rival.median, |median| Cell::signed(median, 2)),
            Cell::maybe(worst, |(task, _)| task.as_str().into()),
            Cell::maybe(worst, |(_, ratio)| Cell::signed(*ratio, 2)),
            Cell::percent(rival.wins, 0),
            Cell::maybe(rival.time, |time| Cell::decimal(time, 2)),
            format!("{both}, {own}, {other}").into(),
        ]
    }));
    Section::new("In focus").table(table).note(
        "Mean differences of logarithms on the same tasks and seeds; below 0 the method in focus is better. Time: geometric \
         mean ratio of the median times to target, where both have one.",
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;
    use crate::compare::Ledger;
    use crate::compare::config::COMPARE;

    fn result(method: &str, task: &str, loss: f64) -> Line {
        Line::Result(CompareRecord {
            method: method.to_owned(),
            task: task.to_owned(),
            seed: 0,
            budget: 2.0,
            ledger: Ledger {
                spent: 2.0,
                runs: 1,
                divergences: 0,
                curve: if loss.is_finite() {
                    vec![[1.0, loss]]
                } else {
                    vec![]
                },
            },
            outcome: Default::default(),
            range_test: None,
        })
    }

    #[test]
    fn what_fails_comes_first() {
        let mut config = CompareConfig::parse(COMPARE, "compare.ron").unwrap();
        config.methods.truncate(3);
        config.focus = Some("universal".to_owned());
        let lines = [
            result("default", "a & b", 1.0),
            result("random_rate", "a & b", f64::INFINITY),
            result("universal", "a & b", 0.5),
        ];
        let report = compare::report(&config, &lines);
        let html = page(&config, &lines, &report).to_html();
        check(&html);
        assert!(html.find("What failed").unwrap() < html.find(">Methods<").unwrap());
        assert!(html.contains(
            "<tr><th scope=\"row\">random_rate</th><td class=\"n bad\" data-key=\"1\">1</td>"
        ));
        assert!(html.contains("<td class=\"n bad\">failed</td>"));
        assert!(
            html.contains("<td class=\"n good\" data-key=\"-0.693147")
                && html.contains("a &amp; b")
        );
        assert!(html.contains("In focus"));
    }
}

//! The page of a comparison: what failed, the methods, the tasks, the pictures. From the records alone.

mod failures;
mod tasks;

use super::{Cell, Page, Section, Table, Tone, pictures};
use crate::Result;
use crate::compare::record::Line;
use crate::compare::rivals::Rivals;
use crate::compare::{self, CompareConfig, CompareRecord, Report};
use crate::record::run_directory::{read_json, read_lines};
use crate::train::config::to_ron;
use std::path::{Path, PathBuf};

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

fn page(config: &CompareConfig, lines: &[Line], report: &Report) -> Page {
    let records: Vec<&CompareRecord> = lines.iter().filter_map(Line::result).collect();
    let rows = tasks::rows(&records, report);
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
        .section(failures::section(&records, report, &rows))
        .section(methods(report))
        .section(tasks::section(report, &rows));
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

fn methods(report: &Report) -> Section {
    let table = Table::new("Methods, the best score first")
        .text("method")
        .text("verdict")
        .number(format!("loss to {} [95 %]", report.baseline))
        .number("wins")
        .number("loss to target [95 %]")
        .number("reached")
        .number("time")
        .number("score")
        .text("rules")
        .number("score within rules")
        .number("runs")
        .number("budgets")
        .number("before")
        .number("break-even");
    let table = table.rows(report.methods.iter().map(|row| {
        let verdict = match row.verdict.as_str() {
            "better" => Tone::Good,
            "worse" => Tone::Bad,
            _ => Tone::Plain,
        };
        // What is behind the colon says how many runs, which is in a column of its own.
        let title = row.ruleset.title();
        let rules = title.split(':').next().unwrap_or(title);
        [
            row.starred().into(),
            Cell::from(row.verdict.as_str()).toned(verdict),
            Cell::maybe(row.difference, |difference| Cell::difference(difference, 3)),
            Cell::percent(row.wins, 0),
            Cell::maybe(row.loss, |loss| Cell::difference(loss, 3)),
            Cell::percent(row.reached, 0),
            Cell::maybe(row.time_to_target, |time| Cell::decimal(time, 2)),
            Cell::decimal(row.score, 3),
            rules.into(),
            Cell::decimal(row.ruleset_score, 3),
            Cell::decimal(row.runs, 1),
            Cell::decimal(row.budgets, 2),
            Cell::decimal(row.earlier, 0),
            Cell::maybe(row.break_even, break_even),
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
    use super::super::document::tests::check;
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

//! A report as text.

use super::method::Ruleset;
use super::method_report::MethodReport;
use super::report::Report;
use super::rivals::Rivals;
use super::statistics::shown;
use std::fmt::Write as _;

/// The report as a table, one ruleset after the other.
pub fn table(report: &Report) -> String {
    let mut text = format!(
        "{:<22} {:>5} {:>7} {:>7} {:>10} {:>7} {:>7} {:>6} {:>6} {:>22} {:>22} {:>5}  {}\n{}\n",
        "method",
        "runs",
        "budgets",
        "before",
        "break-even",
        "reached",
        "time",
        "score",
        "within",
        "loss to target",
        format!("loss to {}", report.baseline),
        "wins",
        "verdict",
        "-".repeat(148)
    );
    for ruleset in Ruleset::ALL {
        let mut rows = report
            .methods
            .iter()
            .filter(|row| row.ruleset == ruleset)
            .peekable();
        if rows.peek().is_some() {
            let _ = writeln!(text, "{}", ruleset.title());
        }
        rows.for_each(|row| text.push_str(&line(row)));
    }
    text.push_str(
        "* chosen with hindsight on this very task\n\
         before: spent before the comparison, in budgets: for each task by hindsight, once for all tasks by the others\n\
         break-even: uses after which `before` and the uses cost less than as many of the cheapest search that comes as low;\n\
         \x20           no rival if no search does\n\
         time: mean over the tasks of the median time to target, in budgets; - if some task's median is never\n\
         score, within: AlgoPerf score among all methods, and among those of the same ruleset\n\
         loss: mean log ratio of the final validation loss, with the bootstrap interval over data sets and runs\n",
    );
    if let Some(rivals) = &report.rivals {
        text.push('\n');
        text.push_str(&rivals_table(rivals));
    }
    text
}

fn line(row: &MethodReport) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    format!(
        "{:<22} {:>5.1} {:>7.2} {:>7.0} {:>10} {:>6.0}% {:>7} {:>6.3} {:>6.3} {:>22} {:>22} {:>4.0}%  {}\n",
        row.starred(),
        row.runs,
        row.budgets,
        row.earlier,
        or_dash(row.break_even.map(|after| after.to_string())),
        100.0 * row.reached,
        or_dash(row.time_to_target.map(|time| format!("{time:.2}"))),
        row.score,
        row.ruleset_score,
        shown(&row.loss),
        shown(&row.difference),
        100.0 * row.wins,
        row.verdict
    )
}

/// A method against each of the others.
fn rivals_table(rivals: &Rivals) -> String {
    let mut text = format!(
        "{:<24} {:>7} {:>24} {:>24} {:>20} {:>13} {:>5} {:>6}  {}\n{}\n",
        format!("{} against", rivals.method),
        "budgets",
        "validation loss",
        "test loss",
        "at each budget",
        "median, worst",
        "wins",
        "time",
        "targets: both, alone, rival",
        "-".repeat(155)
    );
    for rival in &rivals.rivals {
        let star = if rival.hindsight { " *" } else { "" };
        let time = rival
            .time
            .map_or("-".to_owned(), |time| format!("{time:.2}"));
        let [both, own, other] = rival.reached;
        let means = rival.at_budgets.iter().flatten();
        let at_budgets: Vec<String> = means.map(|i| format!("{:+.2}", i.mean)).collect();
        let spread = rival.median.zip(rival.worst.as_ref());
        let spread = spread.map_or("-".to_owned(), |(median, (_, worst))| {
            format!("{median:+.2} {worst:+.2}")
        });
        let _ = writeln!(
            text,
            "{:<24} {:>7.2} {:>24} {:>24} {:>20} {spread:>13} {:>4.0}% {:>6}  {both}, {own}, {other}",
            format!("{}{star}", rival.rival),
            rival.budgets,
            shown(&rival.validation),
            shown(&rival.test),
            at_budgets.join(" "),
            100.0 * rival.wins,
            time,
        );
    }
    text.push_str(
        "losses: mean difference of logarithms on the same tasks and seeds, with the bootstrap interval over data sets and runs\n\
         at each budget: the mean for validation loss at each of the budgets of the config, in their order\n\
         median, worst: the mean for validation loss on the median and on the worst task\n\
         time: geometric mean ratio of the median times to target, where both have one\n",
    );
    text
}

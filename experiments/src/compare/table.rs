//! A report as text.

use super::method::Ruleset;
use super::method_report::MethodReport;
use super::report::Report;
use super::rivals::{Rival, Rivals};
use crate::record::columns::{self, RULED};
use crate::record::statistics::shown;

/// The report as a table, one ruleset after the other.
pub fn table(report: &Report) -> String {
    let to_baseline = format!("loss to {}", report.baseline);
    let headings = [
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
        &to_baseline,
        "wins",
        "verdict",
    ];
    let mut rows = Vec::new();
    for ruleset in Ruleset::ALL {
        let methods = report.methods.iter();
        let mut methods = methods.filter(|row| row.ruleset == ruleset).peekable();
        if methods.peek().is_some() {
            rows.push(vec![ruleset.title().to_owned()]);
        }
        rows.extend(methods.map(cells));
    }
    let mut text = columns::table(RULED, &[0, 12], headings, rows);
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

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn cells(row: &MethodReport) -> Vec<String> {
    vec![
        row.starred(),
        format!("{:.1}", row.runs),
        format!("{:.2}", row.budgets),
        format!("{:.0}", row.earlier),
        or_dash(row.break_even.map(|after| after.to_string())),
        format!("{:.0}%", 100.0 * row.reached),
        or_dash(row.time_to_target.map(|time| format!("{time:.2}"))),
        format!("{:.3}", row.score),
        format!("{:.3}", row.ruleset_score),
        shown(&row.loss),
        shown(&row.difference),
        format!("{:.0}%", 100.0 * row.wins),
        row.verdict.clone(),
    ]
}

/// A method against each of the others.
fn rivals_table(rivals: &Rivals) -> String {
    let against = format!("{} against", rivals.method);
    let headings = [
        &against,
        "budgets",
        "validation loss",
        "test loss",
        "at each budget",
        "median, worst",
        "wins",
        "time",
        "targets: both, alone, rival",
    ];
    let row = |rival: &Rival| {
        let star = if rival.hindsight { " *" } else { "" };
        let [both, own, other] = rival.reached;
        let means = rival.at_budgets.iter().flatten();
        let at_budgets: Vec<String> = means.map(|i| format!("{:+.2}", i.mean)).collect();
        let spread = rival.median.zip(rival.worst.as_ref());
        let spread = spread.map(|(median, (_, worst))| format!("{median:+.2} {worst:+.2}"));
        [
            format!("{}{star}", rival.rival),
            format!("{:.2}", rival.budgets),
            shown(&rival.validation),
            shown(&rival.test),
            at_budgets.join(" "),
            or_dash(spread),
            format!("{:.0}%", 100.0 * rival.wins),
            or_dash(rival.time.map(|time| format!("{time:.2}"))),
            format!("{both}, {own}, {other}"),
        ]
    };
    let mut text = columns::table(RULED, &[0, 8], headings, rivals.rivals.iter().map(row));
    text.push_str(
        "losses: mean difference of logarithms on the same tasks and seeds, with the bootstrap interval over data sets and runs\n\
         at each budget: the mean for validation loss at each of the budgets of the config, in their order\n\
         median, worst: the mean for validation loss on the median and on the worst task\n\
         time: geometric mean ratio of the median times to target, where both have one\n",
    );
    text
}

//! What happens in a tuned training, in words.

use super::TrainedModel;
use crate::record::columns::{RULED, table};
use std::path::Path;
use trimtab_env::error::shortened;
use trimtab_models::data::{Read, Split, Targets, Understood};
use trimtab_models::tasks::config::PreparedTask;
use trimtab_models::{Begun, Ended, LossConfig, Next, Probed, Underway};

/// Within this factor a learning rate is the same as before.
const CLOSE: f64 = 1.05;

/// What is about to be trained.
pub(super) fn description(task: &PreparedTask, epochs: f64, fine_tuned: bool) -> String {
    let split = task.split();
    let kind = match &split.train.targets {
        Targets::Classes { names, .. } => format!("classification into {}", names.len()),
        Targets::Values(_) => "regression".to_owned(),
    };
    format!(
        "{}: {kind}, {} features; {} rows to train on, {} for validation, {} for the test; {} epochs' budget{}",
        task.name(),
        split.train.features,
        split.train.rows(),
        split.validation.rows(),
        split.test.rows(),
        words(epochs),
        if fine_tuned {
            ", to fine-tune a model"
        } else {
            ""
        }
    )
}

/// What the loss of a report is.
pub(super) fn loss(chosen: Option<&LossConfig>, model: &TrainedModel) -> String {
    let of = match (&model.classes, model.standardiser.target_log) {
        (Some(_), _) => "before calibration",
        (None, None) => "of the standardised target",
        (None, Some(_)) => "of the standardised logarithm of the target",
    };
    match (chosen, &model.classes) {
        (None, Some(_)) => format!("cross-entropy, in nats, {of}"),
        (None, None) => format!("mean squared error {of}"),
        (Some(LossConfig::Poisson), _) => {
            "half the deviance of a Poisson distribution, divided by the mean target".to_owned()
        }
        (Some(chosen), Some(_)) => format!("{}, {of}", chosen.name()),
        (Some(chosen), None) => format!("{} {of}", chosen.name()),
    }
}

/// A number of passes, which may follow from a time.
fn words(epochs: f64) -> String {
    if epochs.fract() == 0.0 {
        epochs.to_string()
    } else {
        format!("{epochs:.1}")
    }
}

/// What was understood of a table: the file, its target, what becomes of each column, and what a person should know.
pub(super) fn understood(path: &Path, read: &Read, split: &Split) -> String {
    /// Columns that are shown.
    const MOST: usize = 40;
    let kind = match &split.train.targets {
        Targets::Classes { names, .. } => format!("classification into {}", names.len()),
        Targets::Values(_) => "regression".to_owned(),
    };
    let mut text = format!(
        "{}: {}, {} rows\n`{}` is predicted: {kind}, {}\n",
        path.display(),
        read.format,
        read.rows,
        read.target,
        read.why
    );
    if let Some(left_out) = left_out(read) {
        text += &left_out;
        text.push('\n');
    }
    let row = |column: &Understood| {
        let missing = match column.missing {
            0 => String::new(),
            some => some.to_string(),
        };
        [
            shortened(&column.column),
            column.kind.clone(),
            missing,
            column.becomes.clone(),
        ]
    };
    if !read.columns.is_empty() {
        let shown = read.columns.iter().take(MOST).map(row);
        let headings = ["column", "type", "missing", "what becomes of it"];
        text.push('\n');
        text += &table(RULED, &[0, 1, 3], headings, shown);
        if read.columns.len() > MOST {
            let more = read.columns.len() - MOST;
            text += &format!("and {more} more: report.json has them all\n");
        }
        text.push('\n');
    }
    for note in &read.notes {
        text += &format!("note: {note}\n");
    }
    text.truncate(text.trim_end().len());
    text
}

/// How many rows there are that cannot be learned from, if there are any.
fn left_out(read: &Read) -> Option<String> {
    let rows = match read.without_target {
        0 => return None,
        1 => "1 row is".to_owned(),
        rows => format!("{rows} rows are"),
    };
    Some(format!(
        "{rows} left out: `{}` is missing there",
        read.target
    ))
}

/// The heading of the lines of segments.
pub fn heading() -> String {
    format!(
        "{:>6}  {:>9}  {:>5}  {:>9}  {:>10}  {:>9}  {:>8}  {:>9}  what is next and why",
        "budget", "lr", "batch", "train", "validation", "best", "cost (s)", "remaining"
    )
}

/// What happened, and what is done next and why, as a line. Costs are seconds of the cost model.
pub fn line(now: &Underway) -> String {
    match now {
        Underway::Begun(begun) => begin(begun),
        Underway::Probed(probed) => probe(probed),
        Underway::Ended(ended) => segment(ended),
    }
}

fn begin(begun: &Begun) -> String {
    format!(
        "run {} of {}: other first weights, {:.2} times the size of the updates, {:.2} times the batch size, {:.2} times the \
         weight decay; {:.4} is the best so far",
        begun.run + 1,
        begun.runs,
        begun.offsets.update_ratio.exp(),
        begun.offsets.batch_size.exp(),
        begun.offsets.weight_decay.exp(),
        begun.best_loss
    )
}

/// A learning rate, or a dash.
fn rate(rate: trimtab_env::Result<f64>) -> String {
    rate.map_or("-".to_owned(), |rate| format!("{rate:.2e}"))
}

fn probe(probed: &Probed) -> String {
    let tried = rate(probed.settings.learning_rate());
    let ratio = probed.report.gradients.map(|g| g.update_ratio);
    let ratio = ratio.filter(|ratio| ratio.is_finite() && !probed.report.diverged);
    let (saw, wanted) = match ratio {
        Some(ratio) => (
            format!("updates {ratio:.1e} of the weights"),
            format!(", {:.1e} wanted", probed.wanted),
        ),
        None => ("it diverged".to_owned(), String::new()),
    };
    let then = if probed.again {
        "try again at"
    } else {
        "start at"
    };
    format!(
        "start probe: at a rate of {tried} {saw}{wanted}: {then} {:.2e}",
        probed.then
    )
}

fn segment(ended: &Ended) -> String {
    let segment = ended.segment;
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let batch = segment.settings.batch_size();
    format!(
        "{:>5.0}%  {:>9}  {:>5}  {:>9}  {:>10}  {:>9.4}  {:>8.4}  {:>9.4}  {}",
        100.0 * (segment.spent / ended.budget).min(1.0),
        rate(segment.settings.learning_rate()),
        batch.map_or("-".to_owned(), |size| size.to_string()),
        number(segment.report.train.map(|train| train.mean)),
        number(segment.report.validation.as_ref().map(|v| v.loss)),
        segment.best_loss,
        segment.spent,
        (ended.budget - segment.spent).max(0.0),
        reason(ended)
    ) + &left(ended)
}

/// How much of the network is left, where it is pruned.
fn left(ended: &Ended) -> String {
    let pruned = ended.segment.report.pruned.as_ref();
    pruned.map_or(String::new(), |pruned| {
        format!("; {:.0} % of the network is left", 100.0 * pruned.left)
    })
}

/// Why the next learning rate is what it is.
fn reason(ended: &Ended) -> String {
    let report = &ended.segment.report;
    let (wanted, then) = match (report.diverged, ended.next) {
        (true, Next::Servo { .. }) => {
            return "diverged: back to the best weights, a quarter of the rate".to_owned();
        }
        (true, Next::Recorded | Next::Over) => {
            return "diverged: back to the best weights".to_owned();
        }
        (false, Next::Recorded) => return "as recorded".to_owned(),
        (false, Next::Over) => return "the budget is spent".to_owned(),
        (
            false,
            Next::Servo {
                update_ratio,
                from_best: true,
                ..
            },
        ) => {
            return format!(
                "not as good as before for long: back to the best weights; updates {update_ratio:.1e} wanted"
            );
        }
        (
            false,
            Next::Servo {
                update_ratio,
                learning_rate,
                from_best: false,
            },
        ) => (update_ratio, learning_rate),
    };
    let ratio = report.gradients.map(|gradients| gradients.update_ratio);
    let Some(ratio) = ratio.filter(|ratio| ratio.is_finite() && *ratio > 0.0) else {
        return "the size of the updates is not known: keep the rate".to_owned();
    };
    let measured = format!("updates {ratio:.1e} of the weights, {wanted:.1e} wanted");
    let now = ended.segment.settings.learning_rate().unwrap_or(then);
    if then > CLOSE * now {
        format!("{measured}: raise the rate")
    } else if now > CLOSE * then {
        format!("{measured}: lower the rate")
    } else {
        format!("{measured}: keep the rate")
    }
}

//! The report of a tuned model as a page.

use super::report::TuneReport;
use crate::Result;
use crate::page::{Cell, Page, Picture, Section, Table};
use std::path::Path;

/// Pictures of the folder: the file, what it shows, and how to read it.
const PICTURES: [(&str, &str, &str); 5] = [
    (
        "confusion.png",
        "confusion matrix of the test rows",
        "Rows are the true classes, columns the predicted ones; the colour is the share of the row.",
    ),
    (
        "residuals.png",
        "predicted over true values of the test rows, and the histogram of the residuals",
        "On the line a prediction is exact.",
    ),
    (
        "reliability.png",
        "share of right predictions over their probability",
        "On the line a probability means what it says.",
    ),
    (
        "importance.png",
        "permutation importance of the columns",
        "How much worse the model is when the cells of a column are shuffled among the test rows: mean and standard deviation of five shuffles.",
    ),
    (
        "tune.png",
        "losses, learning rate and batch size over the cost of the training",
        "The mark is where the kept weights are from: the lowest validation loss, of a pruned network once it was small enough.",
    ),
];

/// The page of the report in `folder`, whose pictures are drawn already.
///
/// # Errors
/// [`crate::Error::File`].
pub(super) fn write(folder: &Path, report: &TuneReport) -> Result<()> {
    let data = &report.data;
    let lead = format!(
        "A model that predicts `{}` ({}) from {}. It was trained on {} rows, decisions were made on {}, and the figures below are of {} others.",
        data.target, data.kind, data.file, data.train_rows, data.validation_rows, data.test_rows
    );
    let file = Path::new(&data.file)
        .file_name()
        .map_or(data.file.clone(), |name| {
            name.to_string_lossy().into_owned()
        });
    let mut page = Page::new(format!("{} from {file}", data.target)).lead(lead);
    if report.interrupted {
        page = page.lead("The training was stopped before its end: this is the best model so far.");
    }
    page = page.section(figures(report));
    let mut looks = Section::new("What it gets right, and what it looks at");
    let mut training = Section::new("The training");
    for (name, alt, caption) in PICTURES {
        let path = folder.join(name);
        if !path.exists() {
            continue;
        }
        let picture = Picture::read(&path, alt, caption)?;
        if name == "tune.png" {
            training = training.picture(picture);
        } else {
            looks = looks.picture(picture);
        }
    }
    let facts = [
        ("model", report.model.clone()),
        (
            "budget",
            format!(
                "{} passes over the training rows with batches of 64",
                report.epochs
            ),
        ),
        ("seed", report.seed.to_string()),
        ("loss", report.loss.clone()),
    ];
    page.section(looks)
        .section(columns(report))
        .section(training.facts(facts))
        .write(&folder.join("report.html"))
}

/// The metrics of the model beside those of the models that it has to be better than.
fn figures(report: &TuneReport) -> Section {
    let models = [
        ("tuned", Some(&report.tuned)),
        ("before", report.before.as_ref()),
        ("default settings", report.defaults.as_ref()),
    ];
    let named = models
        .into_iter()
        .filter_map(|(name, report)| Some((name, &report?.metrics)));
    let baselines = report
        .baselines
        .iter()
        .map(|(name, metrics)| (name.as_str(), metrics));
    let all: Vec<_> = named.chain(baselines).collect();
    let caption = match report.calibration {
        Some(_) => "On the test rows",
        None => "On the test rows, in the unit of the target",
    };
    let mut table = Table::new(caption).text("metric");
    for (name, _) in &all {
        table = table.number(name.replace('_', " "));
    }
    for metric in report.tuned.metrics.keys() {
        let figure = |metrics: &std::collections::BTreeMap<String, f64>| {
            Cell::maybe(metrics.get(metric).copied(), Cell::number)
        };
        let cells = all.iter().map(|(_, metrics)| figure(metrics));
        table = table.row(std::iter::once(Cell::from(metric.as_str())).chain(cells));
    }
    let mut section = Section::new("How good it is").table(table);
    if let Some(calibration) = &report.calibration {
        let after = [
            calibration.log_loss,
            calibration.brier,
            calibration.calibration_error,
        ];
        let names = ["log loss", "Brier score", "expected calibration error"];
        let rows =
            names
                .iter()
                .zip(after)
                .zip(calibration.before)
                .map(|((name, after), before)| {
                    [Cell::from(*name), Cell::number(after), Cell::number(before)]
                });
        let caption = format!(
            "What its probabilities are worth: logits are divided by a temperature of {:.3}, found on the validation rows",
            calibration.temperature
        );
        section = section.table(
            Table::new(caption)
                .text("figure")
                .number("calibrated")
                .number("before")
                .rows(rows),
        );
    }
    section
}

/// What was understood of the table.
fn columns(report: &TuneReport) -> Section {
    let section = Section::new("What was understood of the file");
    let Some(read) = &report.data.table else {
        return section;
    };
    let facts = [
        ("file", format!("{} ({})", report.data.file, read.format)),
        (
            "rows",
            format!(
                "{}, of which {} are left out: the target is missing there",
                read.rows, read.without_target
            ),
        ),
        (
            "target",
            format!(
                "{}: {}, because {}",
                read.target, report.data.kind, read.why
            ),
        ),
        (
            "test",
            report
                .data
                .test_file
                .clone()
                .unwrap_or_else(|| "rows of the file".to_owned()),
        ),
        (
            "features",
            format!("{} numbers a row", report.data.features),
        ),
    ];
    let rows = read.columns.iter().map(|column| {
        [
            Cell::from(column.column.as_str()),
            Cell::from(column.kind.as_str()),
            Cell::count(column.missing as u64),
            Cell::from(column.becomes.as_str()),
        ]
    });
    let table = Table::new("Columns")
        .text("column")
        .text("type")
        .number("missing")
        .text("what becomes of it")
        .rows(rows);
    section.facts(facts).list(read.notes.clone()).table(table)
}

//! The folder that a tuned training leaves.
//!
//! ```text
//! model.json      what predictions need beside the weights: architecture, columns, classes, standardiser
//! model.bpk       the weights with the best validation loss, as a record of burn
//! schedule.ron    the settings that held, each from its share of the budget
//! segments.jsonl  everything that was recorded, one segment a line
//! report.json     what was understood and done, and figures of the test split
//! report.html     the same as a page, with the pictures in it
//! tune.png        the training as a picture; `pictures` has the others
//! test.csv        of embedded data: the test rows
//! ```

use super::pictures::{self, Tested};
use super::{TrainedModel, TuneReport, page};
use crate::record::run_directory::{append_lines, write_json, write_whole};
use crate::{Error, Result, plot};
use std::path::{Path, PathBuf};
use trimtab_env::{Cost, RecordedSchedule, Segment};

/// What a training leaves.
pub(super) struct Trained<'a> {
    /// The task's name.
    pub name: &'a str,
    pub model: &'a TrainedModel,
    pub segments: &'a [Segment],
    /// What the training was allowed to cost.
    pub budget: Cost,
}

/// The folder by its other name, until it is whole.
fn part(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    out.with_file_name(name)
}

/// Checks that the folder is not there yet.
///
/// # Errors
/// [`Error::Config`] if it is.
pub(super) fn check_new(out: &Path) -> Result<()> {
    // A link that stands for nothing is there too, and would be replaced.
    if out.is_symlink() || out.exists() {
        let allowed = "it is there already; choose another folder";
        return Err(Error::config("--out", out.display(), allowed));
    }
    let part = part(out);
    if part.exists() {
        let allowed = format!(
            "{} is there, from a run that could not be kept whole; move it away",
            part.display()
        );
        return Err(Error::config("--out", out.display(), allowed));
    }
    Ok(())
}

/// Checks that the folder can be made, so that nothing is trained in vain.
///
/// # Errors
/// [`Error::File`] if it cannot.
pub(super) fn check_writable(out: &Path) -> Result<()> {
    let part = part(out);
    std::fs::create_dir_all(&part).map_err(Error::file(&part))?;
    std::fs::remove_dir(&part).map_err(Error::file(&part))
}

/// Writes what the training leaves, under the folder's other name, which is returned: whatever becomes of figures and pictures, it is kept.
///
/// # Errors
/// [`Error::File`].
pub(super) fn begin(out: &Path, trained: &Trained) -> Result<PathBuf> {
    let mut part = part(out);
    if let Some(parent) = part.parent() {
        std::fs::create_dir_all(parent).map_err(Error::file(parent))?;
    }
    let mut made = std::fs::create_dir(&part);
    // Another run may have begun to write there since.
    if matches!(&made, Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists) {
        part.set_extension(format!("{}.part", std::process::id()));
        made = std::fs::create_dir(&part);
    }
    made.map_err(Error::file(&part))?;
    trained.model.save(&part.join("model.json"))?;
    // The start probe of a tiny budget may have spent it all.
    let schedule = RecordedSchedule::within(trained.segments, trained.budget)
        .or_else(|_| RecordedSchedule::of(trained.segments))?;
    let schedule = ron::ser::to_string_pretty(&schedule, ron::ser::PrettyConfig::default())
        .map_err(|error| Error::config("schedule.ron", error, "it cannot be written"))?;
    write_whole(&part.join("schedule.ron"), (schedule + "\n").as_bytes())?;
    append_lines(&part.join("segments.jsonl"), trained.segments)?;
    Ok(part)
}

/// Writes the figures and draws the pictures of the model on the test rows, and gives the folder its name: also if one of them fails, which
/// is then said.
///
/// # Errors
/// [`Error::File`], [`Error::Plot`].
pub(super) fn finish(
    (part, out): (&Path, &Path),
    trained: &Trained,
    report: &TuneReport,
    tested: &Tested,
    test: Option<String>,
) -> Result<()> {
    let run = ("tuned".to_owned(), trained.segments.to_vec());
    let training = plot::training(&part.join("tune.png"), trained.name, &[run]);
    let others = pictures::draw(part, trained.model, tested, report);
    let written = write_report(part, report);
    let test = test.map_or(Ok(()), |test| {
        write_whole(&part.join("test.csv"), test.as_bytes())
    });
    keep(part, out)?;
    training?;
    others.and(written).and(test)
}

/// Gives the folder its name, with whatever is in it.
///
/// # Errors
/// [`Error::File`].
pub(super) fn keep(part: &Path, out: &Path) -> Result<()> {
    std::fs::rename(part, out).map_err(Error::file(part))
}

/// Writes the figures, in place of those that are there, as records and as a page.
///
/// # Errors
/// [`Error::File`].
pub(super) fn write_report(folder: &Path, report: &TuneReport) -> Result<()> {
    write_json(&folder.join("report.json"), report)?;
    page::write(folder, report)
}

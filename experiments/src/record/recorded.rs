//! The folder of a run that is a config and one file of records: a comparison, or a fit. What else is in a folder is left alone.

use super::lock::lock;
use super::run_directory::{read_json, read_lines, write_whole};
use crate::{Error, Result};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use trimtab_env::json;

/// The records of a run that is a config and one file of records, and the lock on its folder.
pub(crate) struct Records<T> {
    /// The records that are there.
    pub records: Vec<T>,
    /// Nobody else writes into the folder as long as this is held.
    pub lock: File,
}

/// A kind of run that is a config and one file of records.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Recorded {
    Comparison,
    Fit,
}

impl Recorded {
    /// What it is called in messages.
    fn name(self) -> &'static str {
        match self {
            Self::Comparison => "a comparison",
            Self::Fit => "a fit",
        }
    }

    /// The kind of which this is the config.
    fn of(config: &serde_json::Value) -> Option<Self> {
        if config.get("methods").is_some() {
            Some(Self::Comparison)
        } else {
            config.get("distribution").map(|_| Self::Fit)
        }
    }
}

/// Makes the folder of such a run, or reads the records that are in it.
///
/// # Errors
/// [`Error::NoRun`] if the folder holds something else, a run with another config, or one that is being written; [`Error::Record`] with
/// the line that is damaged, and [`Error::File`].
pub(crate) fn open_records<T: serde::de::DeserializeOwned>(
    config: &impl Serialize,
    out: &Path,
    kind: Recorded,
) -> Result<Records<T>> {
    let file = out.join("config.json");
    if out.exists() && !out.is_dir() {
        let allowed = "it is a file; give the name of a folder";
        return Err(Error::config("--out", out.display(), allowed));
    }
    let no_config =
        |error: serde_json::Error| Error::config("config", error, "give finite numbers");
    let text = json::to_vec_pretty(config).map_err(no_config)?;
    if !file.exists()
        && let Some(name) = any_file(out).map_err(Error::file(out))?
    {
        return Err(Error::NoRun {
            path: out.to_owned(),
            problem: format!(
                "it holds `{name}`, and is no folder of {}; choose another with --out",
                kind.name()
            ),
        });
    }
    std::fs::create_dir_all(out).map_err(Error::file(out))?;
    let lock = lock(out)?;
    let mut records = Vec::new();
    match std::fs::read(&file) {
        Ok(old) if old == text => {
            let path = out.join("records.jsonl");
            if path.exists() {
                records = read_lines(&path)?;
            }
        }
        Ok(_) => {
            // Damaged is not the same as different.
            let old: serde_json::Value = read_json(&file)?;
            let new: serde_json::Value = json::from_slice(&text).map_err(no_config)?;
            return Err(Error::NoRun {
                path: out.to_owned(),
                problem: format!(
                    "{}; choose another folder with --out",
                    other(&old, &new, kind)
                ),
            });
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => write_whole(&file, &text)?,
        Err(error) => return Err(Error::file(&file)(error)),
    }
    Ok(Records { records, lock })
}

/// What a folder holds whose config is not the one that is wanted.
fn other(old: &serde_json::Value, new: &serde_json::Value, kind: Recorded) -> String {
    match Recorded::of(old) {
        Some(there) if there == kind => {
            let names = |config: &serde_json::Value| -> BTreeSet<String> {
                let fields = config.as_object().into_iter().flatten();
                fields.map(|(name, _)| name.clone()).collect()
            };
            let differs = |name: &String| old.get(name) != new.get(name);
            let all = names(old).union(&names(new)).cloned().collect::<Vec<_>>();
            let differing = all.into_iter().filter(differs);
            let differing: Vec<String> = differing.map(|name| format!("`{name}`")).collect();
            let what = kind.name();
            match differing.as_slice() {
                [] => format!("it holds {what} whose config.json was written by another program"),
                _ => format!(
                    "it holds {what} with another config, which differs in {}",
                    differing.join(", ")
                ),
            }
        }
        Some(there) => format!("it holds {}", there.name()),
        None => format!("its config.json is none of {}", kind.name()),
    }
}

/// The name of something in a folder, if there is a folder with something in it. What begins with a dot does not count, nor does a config
/// that was not written whole.
fn any_file(folder: &Path) -> std::io::Result<Option<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !name.starts_with('.') && !name.starts_with("config.json."));
    Ok(names.into_iter().min())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::run_directory::append_lines;
    use crate::train::fit::{FIT, FitConfig};

    fn open(out: &Path, kind: Recorded) -> Result<Records<u32>> {
        open_records(&FitConfig::parse(FIT, "fit.ron")?, out, kind)
    }

    fn refused(out: &Path) -> String {
        open(out, Recorded::Fit).err().unwrap().to_string()
    }

    #[test]
    fn a_folder_is_written_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("fit");
        let first = open(&out, Recorded::Fit).unwrap();
        append_lines(&out.join("records.jsonl"), &[1u32, 2]).unwrap();
        let message = refused(&out);
        assert!(
            message.contains("another process is writing it"),
            "{message}"
        );
        drop(first);
        assert_eq!(open(&out, Recorded::Fit).unwrap().records, [1, 2]);
    }

    #[test]
    fn what_is_in_a_folder_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        std::fs::write(out.join("report.html"), "a page").unwrap();
        let message = refused(out);
        assert!(message.contains("it holds `report.html`"), "{message}");
        assert_eq!(std::fs::read_dir(out).unwrap().count(), 1);
        let message = refused(&out.join("report.html"));
        assert!(message.contains("it is a file"), "{message}");
        // An empty folder is as good as none, and so is one of which people see nothing.
        std::fs::remove_file(out.join("report.html")).unwrap();
        std::fs::write(out.join(".hidden"), "").unwrap();
        assert!(open(out, Recorded::Fit).unwrap().records.is_empty());
    }

    #[test]
    fn what_differs_of_a_config_is_named() {
        let config = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
        // Numbers of single precision are the same after they were written.
        let fit = FitConfig::parse(FIT, "fit.ron").unwrap();
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), Recorded::Fit).unwrap());
        let changed = FitConfig {
            seed: fit.seed + 1,
            ..fit
        };
        let refused = open_records::<u32>(&changed, folder.path(), Recorded::Fit);
        let message = refused.err().unwrap().to_string();
        assert!(message.contains("which differs in `seed`;"), "{message}");

        let old = config(r#"{"methods": [1], "seed": 3, "gone": 0}"#);
        let new = config(r#"{"methods": [1], "seed": 4, "come": 0}"#);
        let words = other(&old, &new, Recorded::Comparison);
        assert!(
            words.ends_with("which differs in `come`, `gone`, `seed`"),
            "{words}"
        );
        assert_eq!(other(&old, &new, Recorded::Fit), "it holds a comparison");
    }
}

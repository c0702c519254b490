//! The folder that holds everything an experiment wrote.
//!
//! ```text
//! config.ron        the resolved config, every field written out
//! versions.json     versions of the program and of burn
//! spec.json         names of features, heads and choices
//! events.jsonl      episodes, updates, references, evaluations
//! checkpoint-N.json the learner after N updates, to go on from
//! progress.json     which checkpoint holds, and how far the records go that belong to it
//! policy.json       the trained policy
//! summary.json      figures
//! plots/            pictures, all drawn from the above
//! ```

use crate::record::Event;
use crate::{Config, Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};
use trimtab_agent::CollectorState;

/// A run directory that is being written.
pub struct RunDirectory {
    path: PathBuf,
    events: File,
}

/// How far the records go that belong to a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Length of `events.jsonl` in bytes.
    pub bytes: u64,
    /// Updates done.
    pub updates: u64,
    /// Episodes done.
    pub episodes: u64,
    /// Environment steps done.
    pub steps: u64,
    /// What the rollouts cost, in seconds of the cost model.
    #[serde(default)]
    pub cost: f64,
    /// Episodes begun and under way.
    pub collector: CollectorState,
}

impl RunDirectory {
    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// [`Error::Exists`] if it is there already, [`Error::File`] if it cannot be written.
    pub fn create(path: &Path, config: &Config) -> Result<Self> {
        if path.exists() {
            return Err(Error::Exists(path.to_owned()));
        }
        // Made under another name first: whoever finds the folder finds its config in it.
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        if part.exists() {
            std::fs::remove_dir_all(&part).map_err(Error::file(&part))?;
        }
        std::fs::create_dir_all(&part).map_err(Error::file(&part))?;
        write_whole(&part.join("config.ron"), config.to_ron()?.as_bytes())?;
        let versions = serde_json::json!({
            "trimtab": env!("CARGO_PKG_VERSION"),
            "burn": "0.22.1",
        });
        write_json(&part.join("versions.json"), &versions)?;
        std::fs::rename(&part, path).map_err(Error::file(path))?;
        let file = path.join("events.jsonl");
        let events = File::create(&file).map_err(Error::file(&file))?;
        Ok(Self {
            path: path.to_owned(),
            events,
        })
    }

    /// Opens the folder of a run that was stopped, and drops the records that came after its last checkpoint.
    ///
    /// # Errors
    /// [`Error::NoRun`] if there is no such run, [`Error::File`] if it cannot be read or written.
    pub fn resume(path: &Path) -> Result<(Self, Config, Position)> {
        let config_file = path.join("config.ron");
        if !config_file.exists() {
            return Err(Error::NoRun {
                path: path.to_owned(),
                problem: "it has no config.ron".to_owned(),
            });
        }
        let config = Config::load(&config_file)?;
        let position = match std::fs::read(path.join("progress.json")) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| Error::Record {
                path: path.join("progress.json"),
                line: error.line(),
                problem: error.to_string(),
            })?,
            // Stopped before the first checkpoint: begin again.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Position::default(),
            Err(error) => return Err(Error::file(&path.join("progress.json"))(error)),
        };
        let file = path.join("events.jsonl");
        let open = || -> std::io::Result<File> {
            let mut events = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&file)?;
            events.set_len(position.bytes)?;
            events.seek(std::io::SeekFrom::End(0))?;
            Ok(events)
        };
        let events = open().map_err(Error::file(&file))?;
        let run = Self {
            path: path.to_owned(),
            events,
        };
        Ok((run, config, position))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Adds events.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn record(&mut self, events: &[Event]) -> Result<()> {
        let file = self.path.join("events.jsonl");
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)
                .map_err(|error| Error::file(&file)(error.into()))?;
            lines.push(b'\n');
        }
        self.events.write_all(&lines).map_err(Error::file(&file))
    }

    /// The file of the checkpoint after so many updates.
    pub fn checkpoint(&self, updates: u64) -> PathBuf {
        self.path.join(format!("checkpoint-{updates}.json"))
    }

    /// Notes that everything up to here belongs to the checkpoint of `position`, which is on disk already, and removes
    /// the one before. A kill at any moment leaves a mark whose checkpoint is there.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn mark(&mut self, mut position: Position, previous: Option<u64>) -> Result<()> {
        let file = self.path.join("events.jsonl");
        self.events.sync_all().map_err(Error::file(&file))?;
        position.bytes = self.events.stream_position().map_err(Error::file(&file))?;
        write_json(&self.path.join("progress.json"), &position)?;
        if let Some(previous) = previous.filter(|updates| *updates != position.updates) {
            let old = self.checkpoint(previous);
            if old.exists() {
                std::fs::remove_file(&old).map_err(Error::file(&old))?;
            }
        }
        Ok(())
    }
}

/// Reads `events.jsonl` of a run directory.
///
/// # Errors
/// [`Error::File`], and [`Error::Record`] with the line that is damaged. A last line that was cut short is left out.
pub fn read_events(run: &Path) -> Result<Vec<Event>> {
    read_lines(&run.join("events.jsonl"))
}

/// Reads one record a line.
///
/// # Errors
/// [`Error::File`], and [`Error::Record`] with the line that is damaged. A last line that was cut short is left out.
pub fn read_lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let mut reader = BufReader::new(File::open(path).map_err(Error::file(path))?);
    let (mut records, mut line) = (Vec::new(), Vec::new());
    for number in 1.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        if read.map_err(Error::file(path))? == 0 || !line.ends_with(b"\n") {
            break;
        }
        records.push(
            serde_json::from_slice(&line).map_err(|error| Error::Record {
                path: path.to_owned(),
                line: number,
                problem: error.to_string(),
            })?,
        );
    }
    Ok(records)
}

/// Adds one record a line to a file, behind its last whole line, and syncs it.
///
/// # Errors
/// [`Error::File`].
pub fn append_lines<T: Serialize>(path: &Path, records: &[T]) -> Result<()> {
    let mut lines = Vec::new();
    for record in records {
        serde_json::to_writer(&mut lines, record)
            .map_err(|error| Error::file(path)(error.into()))?;
        lines.push(b'\n');
    }
    let append = || -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        // A kill may have cut the last line short.
        let mut old = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut old)?;
        let whole = old
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last + 1);
        file.set_len(whole as u64)?;
        file.seek(std::io::SeekFrom::End(0))?;
        file.write_all(&lines)?;
        file.sync_all()
    };
    append().map_err(Error::file(path))
}

/// Makes the folder of a run that is a config and one file of records, or reads the records that are in it. `what` is what
/// such a run is called in messages.
///
/// # Errors
/// [`Error::NoRun`] if the folder holds one with another config, [`Error::Record`] with the line that is damaged, and
/// [`Error::File`].
pub(crate) fn open_records<T: serde::de::DeserializeOwned>(
    config: &impl Serialize,
    out: &Path,
    what: &str,
) -> Result<Vec<T>> {
    let file = out.join("config.json");
    let text = serde_json::to_string_pretty(config)
        .map_err(|error| Error::config("config", error, "give finite numbers"))?;
    match std::fs::read(&file) {
        Ok(old) if old == text.as_bytes() => {
            let records = out.join("records.jsonl");
            if records.exists() {
                read_lines(&records)
            } else {
                Ok(Vec::new())
            }
        }
        Ok(_) => {
            // Damaged is not the same as different.
            let _: serde_json::Value = read_json(&file)?;
            Err(Error::NoRun {
                path: out.to_owned(),
                problem: format!(
                    "it holds {what} with another config; choose another folder with --out"
                ),
            })
        }
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file(&file)(error))
        }
        Err(_) => {
            std::fs::create_dir_all(out).map_err(Error::file(out))?;
            write_whole(&file, text.as_bytes())?;
            Ok(Vec::new())
        }
    }
}

/// Reads one JSON file of a run directory.
///
/// # Errors
/// [`Error::File`] or [`Error::Record`].
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).map_err(Error::file(path))?;
    serde_json::from_slice(&text).map_err(|error| Error::Record {
        path: path.to_owned(),
        line: error.line(),
        problem: error.to_string(),
    })
}

/// Writes JSON, whole or not at all.
///
/// # Errors
/// [`Error::File`].
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text =
        serde_json::to_vec_pretty(value).map_err(|error| Error::file(path)(error.into()))?;
    text.push(b'\n');
    write_whole(path, &text)
}

/// Writes a file through a temporary one beside it: sync, then rename.
pub(crate) fn write_whole(path: &Path, text: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&part)?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().map_err(Error::file(path))
}

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
//! report.html       the figures and the pictures as one page
//! ```

use crate::record::events::Event;
use crate::record::lock::lock;
use crate::{Config, Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};
use trimtab_agent::{Checkpoint, CollectorState};
use trimtab_env::{files, json};

/// A run directory that is being written.
pub struct RunDirectory {
    path: PathBuf,
    events: File,
    /// Held as long as the run is written.
    _lock: File,
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
    /// Checks that nothing is there yet.
    ///
    /// # Errors
    /// [`Error::Exists`] if a folder is, [`Error::Config`] if a file is.
    pub fn check_new(path: &Path) -> Result<()> {
        if path.exists() && !path.is_dir() {
            let allowed = "it is a file; give the name of a folder that is not there yet";
            return Err(Error::config("--out", path.display(), allowed));
        }
        if path.is_symlink() || path.exists() {
            return Err(Error::Exists(path.to_owned()));
        }
        Ok(())
    }

    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// [`Error::Exists`] if it is there already, [`Error::File`] if it cannot be written.
    pub fn create(path: &Path, config: &Config) -> Result<Self> {
        Self::check_new(path)?;
        // Made under another name first: whoever finds the folder finds its config in it.
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(name);
        if let Some(parent) = part
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            std::fs::create_dir_all(parent).map_err(Error::file(parent))?;
        }
        // Never into one that is there: it is somebody's.
        std::fs::create_dir(&part).map_err(Error::file(&part))?;
        write_whole(&part.join("config.ron"), config.to_ron()?.as_bytes())?;
        let versions = serde_json::json!({
            "trimtab": env!("CARGO_PKG_VERSION"),
            "burn": "0.22.1",
            "program": program(),
        });
        write_json(&part.join("versions.json"), &versions)?;
        std::fs::rename(&part, path).map_err(Error::file(path))?;
        let lock = lock(path)?;
        let file = path.join("events.jsonl");
        let events = File::create(&file).map_err(Error::file(&file))?;
        Ok(Self {
            path: path.to_owned(),
            events,
            _lock: lock,
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
        let lock = lock(path)?;
        let position = match std::fs::read(path.join("progress.json")) {
            Ok(text) => json::from_slice(&text).map_err(|error| Error::Record {
                path: path.join("progress.json"),
                line: error.line(),
                problem: error.to_string(),
            })?,
            // Stopped before the first checkpoint: begin again.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Position::default(),
            Err(error) => return Err(Error::file(&path.join("progress.json"))(error)),
        };
        check_position(path, &config, &position)?;
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
            _lock: lock,
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
            let line = json::to_vec(event).map_err(|error| Error::file(&file)(error.into()))?;
            lines.extend(line);
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

/// Checks that the records and the checkpoint of a run go as far as `position` says, before anything is changed in it.
fn check_position(path: &Path, config: &Config, position: &Position) -> Result<()> {
    let refuse = |problem: String| {
        Err(Error::NoRun {
            path: path.to_owned(),
            problem: format!("{problem}; take a whole copy of the folder"),
        })
    };
    let (file, bytes) = (path.join("events.jsonl"), position.bytes);
    let there = match std::fs::read(&file) {
        Ok(there) => there,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && bytes == 0 => Vec::new(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return refuse(format!(
                "events.jsonl is missing, of which {bytes} bytes belong to the checkpoint"
            ));
        }
        Err(error) => return Err(Error::file(&file)(error)),
    };
    let kept = usize::try_from(bytes)
        .ok()
        .and_then(|kept| there.get(..kept));
    let Some(kept) = kept else {
        return refuse(format!(
            "events.jsonl is {} bytes long, and progress.json says that {bytes} bytes of it belong to its checkpoint",
            there.len()
        ));
    };
    if !(kept.is_empty() || kept.ends_with(b"\n")) {
        return refuse(format!(
            "events.jsonl was changed: no line ends after {bytes} bytes, as far as progress.json says that it belongs to its checkpoint"
        ));
    }
    let (mut updates, mut episodes) = (0, 0);
    for event in parse_lines::<Event>(kept, &file)? {
        match event {
            Event::Update(_) => updates += 1,
            Event::Episode(_) => episodes += 1,
            Event::Reference(_) | Event::Evaluation(_) => {}
        }
    }
    if (updates, episodes) != (position.updates, position.episodes) {
        return refuse(format!(
            "events.jsonl has {updates} updates and {episodes} episodes, and progress.json says {} and {}",
            position.updates, position.episodes
        ));
    }
    let checkpoints = checkpoints(path).map_err(Error::file(path))?;
    if updates > 0 && !checkpoints.contains(&updates) {
        return refuse(format!("checkpoint-{updates}.json is missing"));
    }
    if updates > 0 {
        Checkpoint::load(path.join(format!("checkpoint-{updates}.json")))?;
    }
    // Before the first checkpoint holds there is no other one.
    let later = |number: &&u64| updates == 0 && **number > config.training.checkpoint_every;
    match checkpoints.iter().find(later) {
        Some(later) => refuse(format!(
            "progress.json is missing or of the beginning, and checkpoint-{later}.json is there"
        )),
        None => Ok(()),
    }
}

/// The numbers of the checkpoints that are in a folder.
fn checkpoints(path: &Path) -> std::io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let number = name
            .strip_prefix("checkpoint-")
            .and_then(|n| n.strip_suffix(".json"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    Ok(numbers)
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
    let reader = BufReader::new(File::open(path).map_err(Error::file(path))?);
    parse_lines(reader, path)
}

/// One record a line, from what was read of a file.
fn parse_lines<T: serde::de::DeserializeOwned>(
    mut reader: impl BufRead,
    path: &Path,
) -> Result<Vec<T>> {
    let (mut records, mut line) = (Vec::new(), Vec::new());
    for number in 1.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        if read.map_err(Error::file(path))? == 0 || !line.ends_with(b"\n") {
            break;
        }
        records.push(json::from_slice(&line).map_err(|error| Error::Record {
            path: path.to_owned(),
            line: number,
            problem: error.to_string(),
        })?);
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
        lines.extend(json::to_vec(record).map_err(|error| Error::file(path)(error.into()))?);
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

/// The name of this program, as runs say which one made them.
pub fn program() -> String {
    let path = std::env::args_os().next().map(PathBuf::from);
    let name = path.as_deref().and_then(Path::file_stem);
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The name of the program that made a run, if the run says so.
pub fn program_of(run: &Path) -> Option<String> {
    let versions: serde_json::Value = read_json(&run.join("versions.json")).ok()?;
    Some(versions.get("program")?.as_str()?.to_owned())
}

/// Reads one JSON file of a run directory.
///
/// # Errors
/// [`Error::File`] or [`Error::Record`].
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).map_err(Error::file(path))?;
    json::from_slice(&text).map_err(|error| Error::Record {
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
    let mut text = json::to_vec_pretty(value).map_err(|error| Error::file(path)(error.into()))?;
    text.push(b'\n');
    write_whole(path, &text)
}

/// Writes a file, whole or not at all.
pub(crate) fn write_whole(path: &Path, text: &[u8]) -> Result<()> {
    files::write_whole(path, text).map_err(Error::file(path))
}

//! A journal file, read and written beside other programs.

use super::line::Line;
use super::lock::Lock;
use super::replay::{JournalTrial, Replay, Study};
use crate::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How every line begins, with which a part of one is told from a file that is somebody's and no journal.
const BEGINNING: &[u8] = b"{\"op_code\":";

/// A journal file of Optuna (`JournalFileBackend`), which several programs may read and write at the same time. Shared by reference
/// between threads.
///
/// A line is read as soon as its newline is there. Whoever writes holds the lock, has read everything before, and cuts off a last
/// line without its newline, which is of a program that was killed.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// Who writes, for Optuna.
    worker: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    replay: Replay,
    /// How far the file has been read: behind the newline of a line.
    read: u64,
    lines: u64,
}

impl Journal {
    /// Opens a journal to write to it. A file that is not there is made, so that the dashboard can be started.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the line that is none of a journal, [`Error::File`].
    pub fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        Self::opened(path, options.read(true).append(true).create(true))
    }

    /// Opens a journal of which nothing is changed.
    ///
    /// # Errors
    /// As [`Journal::open`], also if there is no such file.
    pub fn read(path: &Path) -> Result<Self> {
        Self::opened(path, OpenOptions::new().read(true))
    }

    fn opened(path: &Path, options: &OpenOptions) -> Result<Self> {
        let journal = Self {
            path: path.to_owned(),
            worker: format!("trimtab-{}", std::process::id()),
            state: Mutex::default(),
        };
        let mut file = options.open(path).map_err(|error| journal.failed(error))?;
        journal.catch_up(&mut journal.state(), &mut file)?;
        Ok(journal)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The studies that are not deleted, with their trials, as far as the file has been read.
    pub fn studies(&self) -> Vec<(Study, Vec<JournalTrial>)> {
        let state = self.state();
        let there = state.replay.studies.iter().filter(|study| !study.deleted);
        let trials = |study: &Study| {
            let own = study.trials.iter();
            own.map(|trial| state.replay.trials[*trial as usize].clone())
                .collect()
        };
        there.map(|study| (study.clone(), trials(study))).collect()
    }

    /// Adds the lines that `make` makes of all that was said before, and returns what is known with them. Nobody else writes in
    /// between.
    ///
    /// # Errors
    /// That of `make`, and as [`Journal::open`].
    pub(super) fn add<R>(
        &self,
        make: impl FnOnce(&Replay) -> Result<Vec<Line>>,
        then: impl FnOnce(&Replay) -> R,
    ) -> Result<R> {
        let mut state = self.state();
        let lock = Lock::take(&self.path).map_err(|error| self.failed(error))?;
        let open = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path);
        let mut file = open.map_err(|error| self.failed(error))?;
        let cut_short = self.catch_up(&mut state, &mut file)?;
        let mut text = String::new();
        for mut line in make(&state.replay)? {
            line.worker_id.clone_from(&self.worker);
            text += &line.text().map_err(|error| self.failed(error.into()))?;
        }
        let end = state.read;
        let write = |file: &mut File| -> std::io::Result<()> {
            if !cut_short.is_empty() {
                file.set_len(end)?;
            }
            file.seek(SeekFrom::Start(end))?;
            file.write_all(text.as_bytes())
        };
        write(&mut file).map_err(|error| self.failed(error))?;
        self.catch_up(&mut state, &mut file)?;
        // Before what takes longest: a program that is killed with the lock leaves it behind.
        drop(lock);
        // A kill loses nothing that is written; only a machine that goes down may lose what is not yet synced.
        if text.contains("\"datetime_complete\"") {
            file.sync_all().map_err(|error| self.failed(error))?;
        }
        Ok(then(&state.replay))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What was read holds, whatever became of the thread that read it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the whole lines that have come, and returns the part of one that is behind them.
    fn catch_up(&self, state: &mut State, file: &mut File) -> Result<Vec<u8>> {
        let damaged = |line: u64, problem: String| self.damaged(line, problem);
        let length = file.metadata().map_err(|error| self.failed(error))?.len();
        if length < state.read {
            return Err(damaged(
                state.lines,
                "the end of the file is gone that was read before".to_owned(),
            ));
        }
        let mut new = Vec::new();
        file.seek(SeekFrom::Start(state.read))
            .and_then(|_| file.read_to_end(&mut new))
            .map_err(|error| self.failed(error))?;
        let whole = new
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last + 1);
        for text in new[..whole].split_inclusive(|byte| *byte == b'\n') {
            let number = state.lines + 1;
            let text =
                std::str::from_utf8(text).map_err(|error| damaged(number, error.to_string()))?;
            let line = Line::parse(text).map_err(|error| damaged(number, error.to_string()))?;
            state
                .replay
                .apply(line)
                .map_err(|problem| damaged(number, problem))?;
            state.read += text.len() as u64;
            state.lines = number;
        }
        let part = new.split_off(whole);
        if !(part.starts_with(BEGINNING) || BEGINNING.starts_with(&part)) {
            return Err(damaged(
                state.lines + 1,
                "it is no line of a journal".to_owned(),
            ));
        }
        Ok(part)
    }

    fn damaged(&self, line: u64, problem: String) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            kind: "journal of Optuna",
            problem: format!("line {line}: {problem}"),
        }
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::File {
            path: self.path.clone(),
            source,
        }
    }
}

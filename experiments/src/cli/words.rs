//! The words of a command line.

use crate::record::run_directory::program;
use clap::Parser;
use std::ffi::OsString;

/// A program's name, or that of a program and a command, and the words after it.
pub(super) struct Words {
    name: Option<String>,
    words: Vec<OsString>,
}

impl Words {
    /// Those that this process was started with.
    pub(super) fn of_process() -> Self {
        Self {
            name: None,
            words: std::env::args_os().skip(1).collect(),
        }
    }

    /// The first word after the name.
    pub(super) fn first(&self) -> Option<String> {
        let word = self.words.first()?;
        Some(word.to_string_lossy().into_owned())
    }

    /// The words after `command`, which is the first.
    pub(super) fn after(&self, command: &str) -> Self {
        Self {
            name: Some(format!("{} {command}", program())),
            words: self.words.iter().skip(1).cloned().collect(),
        }
    }

    /// All words after the name.
    pub(super) fn all(&self) -> &[OsString] {
        &self.words
    }

    /// Whether `option` is among them, by itself or with a value behind `=`.
    pub(super) fn have(&self, option: &str) -> bool {
        self.words.iter().any(|word| {
            let word = word.to_string_lossy();
            let rest = word.strip_prefix(option);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    }

    /// The words as arguments. What is no such arguments is said, and ends the process.
    pub(super) fn parse<T: Parser>(&self) -> T {
        let mut command = T::command();
        if let Some(name) = &self.name {
            command = command.bin_name(name);
        }
        let name = command.get_name().to_owned();
        let words = std::iter::once(OsString::from(name)).chain(self.words.iter().cloned());
        let parsed = T::from_arg_matches(&command.get_matches_from(words));
        parsed.unwrap_or_else(|error| error.exit())
    }
}

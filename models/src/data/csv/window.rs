//! The part of a file that is being read.

use std::io::{self, Cursor, Read};

use crate::data::gzip::Stream;
use crate::error::{Error, Result};

/// How much is read at once.
pub(super) const CHUNK: usize = 1 << 16;

/// A file as it is read, whose last part can be looked at again: the row under way, and what the reader of rows has been given
/// ahead of it.
pub(super) struct Window<'a> {
    /// What was read to see whether the file is empty, and is still to be given out.
    first: Cursor<Vec<u8>>,
    file: Stream<'a>,
    bytes: Vec<u8>,
    /// The place in the file of the first of `bytes`.
    start: u64,
    /// The place in the file of the row under way.
    row: u64,
}

impl<'a> Window<'a> {
    /// The beginning of `file`; `None` if there is nothing in it but white space.
    ///
    /// # Errors
    /// Those of reading it.
    pub(super) fn new(mut file: Stream<'a>) -> Result<Option<Self>> {
        let mut first = Vec::new();
        loop {
            let from = first.len();
            first.resize(from + CHUNK, 0);
            let read = file.read(&mut first[from..]);
            let read = read.map_err(|source| file.fault(source))?;
            first.truncate(from + read);
            if first[from..].iter().any(|byte| !byte.is_ascii_whitespace()) {
                break;
            }
            if read == 0 {
                return Ok(None);
            }
        }
        Ok(Some(Self {
            first: Cursor::new(first),
            file,
            bytes: Vec::new(),
            start: 0,
            row: 0,
        }))
    }

    /// What is before this place will not be looked at again.
    pub(super) fn go_on_from(&mut self, row: u64) {
        self.row = row;
    }

    /// How many lines are empty where the row under way begins, as far as they have been read.
    pub(super) fn blank_lines(&self) -> u64 {
        let rest = self.bytes.get((self.row - self.start) as usize..);
        let rest = rest.unwrap_or_default().iter();
        let breaks = rest.take_while(|byte| matches!(byte, b'\r' | b'\n'));
        breaks.filter(|byte| **byte == b'\n').count() as u64
    }

    /// How long the file is, if that is known before it is read.
    pub(super) fn length(&self) -> Option<u64> {
        self.file.length()
    }

    /// What is wrong with the file, when reading it has failed with `source`.
    pub(super) fn fault(&self, source: io::Error) -> Error {
        self.file.fault(source)
    }

    /// The file, from where it has been read to.
    pub(super) fn into_stream(self) -> Stream<'a> {
        self.file
    }
}

impl Read for Window<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut read = self.first.read(into)?;
        if read == 0 {
            self.first = Cursor::default();
            read = self.file.read(into)?;
        }
        let passed = ((self.row - self.start) as usize).min(self.bytes.len());
        self.bytes.drain(..passed);
        self.start += passed as u64;
        self.bytes.extend_from_slice(&into[..read]);
        Ok(read)
    }
}

//! A text line by line.

use std::io::{self, BufRead, Read};

use crate::charset::windows_1252;

/// The longest line, in bytes.
const LONGEST: u64 = 1 << 30;

/// The lines of a text, without their ends and the blanks around them.
pub(crate) struct Lines<R> {
    bytes: R,
    buffer: Vec<u8>,
    /// The number of the line under way, from 1.
    pub(crate) line: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(bytes: R) -> Self {
        Self {
            bytes,
            buffer: Vec::new(),
            line: 0,
        }
    }

    /// The next line that is not blank.
    pub(crate) fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            self.buffer.clear();
            let read = (&mut self.bytes).take(LONGEST);
            if { read }.read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            let line = self.buffer.trim_ascii();
            if !line.is_empty() {
                let text = str::from_utf8(line).map(str::to_owned);
                return Ok(Some(text.unwrap_or_else(|_| windows_1252(line))));
            }
        }
    }
}

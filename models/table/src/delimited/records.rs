//! The rows of a text, cell by cell.

use std::io::Read;

/// How much is read at once.
const CHUNK: usize = 1 << 16;

/// The longest row, in bytes: a quote that is not closed would otherwise take in the whole file.
const LONGEST: usize = 256 << 20;

/// How the cells of a text are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// What is between cells; a space stands for any number of spaces and tabs.
    pub(crate) separator: u8,
    /// What is around cells that have a separator or the end of a line in them.
    pub(crate) quote: Option<u8>,
    /// A backslash takes the meaning from the byte after it.
    pub(crate) escapes: bool,
}

impl Dialect {
    /// Whether cells are separated by any number of spaces and tabs.
    pub(crate) fn is_blank(self) -> bool {
        self.separator == b' '
    }

    /// The separator, for a message.
    pub(crate) fn words(self) -> &'static str {
        match self.separator {
            b',' => "`,`",
            b';' => "`;`",
            b'\t' => "tabs",
            b'|' => "`|`",
            b' ' => "spaces",
            _ => "the separator",
        }
    }
}

/// What stops the reading of rows.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The file cannot be read.
    Read(std::io::Error),
    /// A quote is not closed in the row that begins on this line.
    OpenQuote(u64),
    /// The row that begins on this line has not as many cells as it should.
    Ragged { line: u64, found: usize },
    /// The row that begins on this line has too many cells, or is too long.
    TooMany(u64),
}

/// The rows of a text.
pub(crate) struct Records<R> {
    bytes: R,
    dialect: Dialect,
    most: usize,
    buffer: Vec<u8>,
    at: usize,
    /// The line of the byte at `at`.
    line: u64,
    /// The line on which the row under way begins.
    start: u64,
    /// There is a blank line before it.
    after_blank: bool,
    cells: Vec<u8>,
    ends: Vec<usize>,
    /// The bytes at which a cell without quotes may end.
    stops: [bool; 256],
}

/// What is after a cell.
#[derive(PartialEq)]
enum After {
    Cell,
    Row,
}

impl<R: Read> Records<R> {
    /// The rows of `bytes`, the first of which are on line `line`, of at most `most` cells each.
    pub(crate) fn new(bytes: R, dialect: Dialect, line: u64, most: usize) -> Self {
        let mut stops = [false; 256];
        for stop in [dialect.separator, b'\r', b'\n'] {
            stops[usize::from(stop)] = true;
        }
        stops[usize::from(b'\t')] |= dialect.is_blank();
        stops[usize::from(b'\\')] |= dialect.escapes;
        Self {
            bytes,
            dialect,
            most,
            buffer: Vec::new(),
            at: 0,
            line,
            start: line,
            after_blank: false,
            cells: Vec::new(),
            ends: Vec::new(),
            stops,
        }
    }

    /// Goes on to the next row that is not blank; whether there is one.
    pub(crate) fn advance(&mut self) -> Result<bool, Fault> {
        self.after_blank = false;
        loop {
            self.cells.clear();
            self.ends.clear();
            while matches!(self.peek()?, Some(b'\n' | b'\r')) {
                self.end_line()?;
                self.after_blank = true;
            }
            if self.dialect.is_blank() {
                self.skip_blanks()?;
            }
            if self.peek()?.is_none() {
                return Ok(false);
            }
            self.start = self.line;
            loop {
                let after = self.read_cell()?;
                self.ends.push(self.cells.len());
                if self.ends.len() > self.most || self.cells.len() > LONGEST {
                    return Err(Fault::TooMany(self.start));
                }
                if after == After::Row {
                    break;
                }
            }
            if self.ends.len() > 1 || !self.cells.trim_ascii().is_empty() {
                return Ok(true);
            }
            self.after_blank = true;
        }
    }

    /// Whether there is a blank line before the row.
    pub(crate) fn is_after_blank(&self) -> bool {
        self.after_blank
    }

    /// Whether the row is a comment among rows of `cells` cells.
    pub(crate) fn is_comment(&self, cells: usize) -> bool {
        self.len() != cells && self.cells.trim_ascii_start().first() == Some(&b'#')
    }

    /// The line on which the row begins.
    pub(crate) fn row_line(&self) -> u64 {
        self.start
    }

    /// How many cells the row has.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cells of the row, without white space around them.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let cell = &self.cells[start..end];
            start = end;
            cell.trim_ascii()
        })
    }

    fn fill(&mut self) -> Result<bool, Fault> {
        self.buffer.resize(CHUNK, 0);
        let read = self.bytes.read(&mut self.buffer).map_err(Fault::Read)?;
        self.buffer.truncate(read);
        self.at = 0;
        Ok(read > 0)
    }

    fn peek(&mut self) -> Result<Option<u8>, Fault> {
        if self.at == self.buffer.len() && !self.fill()? {
            return Ok(None);
        }
        Ok(Some(self.buffer[self.at]))
    }

    /// Goes past the end of a line, which is of one byte or two.
    fn end_line(&mut self) -> Result<(), Fault> {
        let first = self.peek()?;
        self.at += 1;
        if first == Some(b'\r') && self.peek()? == Some(b'\n') {
            self.at += 1;
        }
        self.line += 1;
        Ok(())
    }

    fn skip_blanks(&mut self) -> Result<(), Fault> {
        while let Some(byte @ (b' ' | b'\t')) = self.peek()? {
            if byte == self.dialect.separator && !self.dialect.is_blank() {
                break;
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Reads a cell, and what is after it.
    fn read_cell(&mut self) -> Result<After, Fault> {
        self.skip_blanks()?;
        if self.dialect.quote.is_some() && self.peek()? == self.dialect.quote {
            self.at += 1;
            self.read_quoted()?;
        }
        loop {
            let rest = &self.buffer[self.at..];
            let length = rest.iter().position(|byte| self.stops[usize::from(*byte)]);
            self.cells
                .extend_from_slice(&rest[..length.unwrap_or(rest.len())]);
            self.at += length.unwrap_or(rest.len());
            match self.peek()? {
                None => return Ok(After::Row),
                Some(_) if length.is_none() => {
                    if self.cells.len() > LONGEST {
                        return Err(Fault::TooMany(self.start));
                    }
                }
                Some(b'\n' | b'\r') => {
                    self.end_line()?;
                    return Ok(After::Row);
                }
                Some(b'\\') if self.dialect.escapes => self.read_escaped()?,
                Some(_) => break,
            }
        }
        self.at += 1;
        if self.dialect.is_blank() {
            self.skip_blanks()?;
            match self.peek()? {
                None => return Ok(After::Row),
                Some(b'\n' | b'\r') => {
                    self.end_line()?;
                    return Ok(After::Row);
                }
                Some(_) => {}
            }
        }
        Ok(After::Cell)
    }

    /// Reads a cell up to its closing quote.
    fn read_quoted(&mut self) -> Result<(), Fault> {
        let quote = self.dialect.quote;
        loop {
            let rest = &self.buffer[self.at..];
            let stop = |byte: &u8| {
                Some(*byte) == quote
                    || matches!(byte, b'\n' | b'\r')
                    || (*byte == b'\\' && self.dialect.escapes)
            };
            let length = rest.iter().position(stop).unwrap_or(rest.len());
            self.cells.extend_from_slice(&rest[..length]);
            self.at += length;
            if self.cells.len() > LONGEST {
                return Err(Fault::OpenQuote(self.start));
            }
            match self.peek()? {
                None => return Err(Fault::OpenQuote(self.start)),
                Some(b'\n' | b'\r') => {
                    self.end_line()?;
                    self.cells.push(b'\n');
                }
                Some(b'\\') if self.dialect.escapes => self.read_escaped()?,
                byte if byte == quote => {
                    self.at += 1;
                    if self.peek()? != quote {
                        return Ok(());
                    }
                    self.at += 1;
                    self.cells.extend(quote);
                }
                Some(_) => {}
            }
        }
    }

    /// Reads the byte after a backslash as it is.
    fn read_escaped(&mut self) -> Result<(), Fault> {
        self.at += 1;
        if let Some(byte) = self.peek()? {
            if matches!(byte, b'\n' | b'\r') {
                self.end_line()?;
                self.cells.push(b'\n');
            } else {
                self.at += 1;
                self.cells.push(byte);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, separator: u8, quote: u8) -> Vec<(u64, Vec<String>)> {
        let dialect = Dialect {
            separator,
            quote: Some(quote),
            escapes: false,
        };
        let mut records = Records::new(text.as_bytes(), dialect, 1, 100);
        let mut rows = Vec::new();
        while records.advance().unwrap() {
            let cells = records
                .cells()
                .map(|cell| String::from_utf8(cell.to_vec()).unwrap());
            rows.push((records.row_line(), cells.collect()));
        }
        rows
    }

    fn row(line: u64, cells: &[&str]) -> (u64, Vec<String>) {
        (line, cells.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn cells_are_quoted_as_in_rfc_4180() {
        let text = "a, \"b, \"\"c\"\"\" ,d\r\n\r\n \"x\r\ny\",,z\r\n";
        assert_eq!(
            rows(text, b',', b'"'),
            [row(1, &["a", "b, \"c\"", "d"]), row(3, &["x\ny", "", "z"])]
        );
        assert_eq!(
            rows("'a;b';5\" pipe\n1;''''", b';', b'\''),
            [row(1, &["a;b", "5\" pipe"]), row(2, &["1", "'"])]
        );
    }

    #[test]
    fn lines_end_in_any_way() {
        let wanted = [row(1, &["a", "b"]), row(2, &["1", "2"]), row(5, &["3", ""])];
        for end in ["\n", "\r\n", "\r"] {
            let text = "a,b\n1,2\n\n \n3,".replace('\n', end);
            assert_eq!(rows(&text, b',', b'"'), wanted, "{end:?}");
            assert_eq!(rows(&(text + end), b',', b'"'), wanted, "{end:?}");
        }
    }

    #[test]
    fn blanks_are_one_separator_however_many() {
        let text = "a\tb  c\n  1 2 \t 3  \n\"x y\"\t5 6\t\n";
        assert_eq!(
            rows(text, b' ', b'"'),
            [
                row(1, &["a", "b", "c"]),
                row(2, &["1", "2", "3"]),
                row(3, &["x y", "5", "6"])
            ]
        );
        assert_eq!(
            rows("a\t\tb\n\t1\t2 3", b'\t', b'"'),
            [row(1, &["a", "", "b"]), row(2, &["", "1", "2 3"])]
        );
    }

    #[test]
    fn rows_go_over_the_ends_of_what_is_read_at_once() {
        let text: String = (0..30_000)
            .map(|row| format!("{row},\"a\n{row}\"\r\n"))
            .collect();
        let rows = rows(&text, b',', b'"');
        assert_eq!(rows.len(), 30_000);
        for (at, (line, cells)) in rows.iter().enumerate() {
            assert_eq!(
                (*line, cells.as_slice()),
                (
                    2 * at as u64 + 1,
                    [at.to_string(), format!("a\n{at}")].as_slice()
                )
            );
        }
    }

    #[test]
    fn an_open_quote_has_the_line_of_its_row() {
        let dialect = Dialect {
            separator: b',',
            quote: Some(b'"'),
            escapes: false,
        };
        let mut records = Records::new(&b"a,b\n\n1,\"2\n3,4\n"[..], dialect, 1, 100);
        assert!(records.advance().unwrap());
        assert!(matches!(records.advance(), Err(Fault::OpenQuote(3))));
        let mut records = Records::new(&b"a,b\n1,2,3\n"[..], dialect, 1, 2);
        assert!(records.advance().unwrap());
        assert!(matches!(records.advance(), Err(Fault::TooMany(2))));
    }
}

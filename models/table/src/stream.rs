//! A file as it is read, with what it is packed in undone: neither the packed nor the unpacked bytes are held as a whole.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
    rc::Rc,
};

use flate2::read::MultiGzDecoder;

use crate::{
    charset::{Order, Utf16},
    error::{Error, Result},
    signature::{self, Packing},
};

/// What is unpacked at most, 8 GiB: a file of a few kilobytes can hold any number of equal bytes.
pub(crate) const MOST: u64 = 8 << 30;

/// A file as it is read.
pub(crate) struct Stream<'a> {
    pub(crate) path: &'a Path,
    bytes: Box<dyn Read + 'a>,
    /// The first bytes, which are still to be given as well.
    start: Vec<u8>,
    /// What it was packed in, the outermost first.
    pub(crate) packed: Vec<&'static str>,
    charset: Option<&'static str>,
    progress: Rc<Progress>,
    /// How long the file is, as it lies on disk.
    length: Option<u64>,
    given: u64,
    most: u64,
    failed: bool,
}

/// How far the file itself has been read.
#[derive(Default)]
struct Progress {
    read: Cell<u64>,
    failed: Cell<bool>,
}

/// How far a file has been read.
pub(crate) struct Reach {
    progress: Rc<Progress>,
    length: Option<u64>,
}

impl Reach {
    /// From 0 to 1, if it is known how long the file is.
    pub(crate) fn share(&self) -> Option<f64> {
        self.length
            .map(|length| self.progress.read.get() as f64 / length.max(1) as f64)
    }
}

struct Counted<R> {
    bytes: R,
    progress: Rc<Progress>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(into);
        match &read {
            Ok(read) => self.progress.read.update(|before| before + *read as u64),
            Err(_) => self.progress.failed.set(true),
        }
        read
    }
}

impl<'a> Stream<'a> {
    /// The file at `path`.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn open(path: &'a Path) -> Result<Self> {
        let open = || {
            let file = File::open(path)?;
            let about = file.metadata()?;
            let length = about.is_file().then_some(about.len());
            Self::new(path, file, length)
        };
        open().map_err(|source| Error::Read {
            path: path.into(),
            source,
        })
    }

    /// Bytes of which `length` is known or not; `path` is for messages.
    ///
    /// # Errors
    /// Those of reading the first of them.
    pub(crate) fn new(
        path: &'a Path,
        bytes: impl Read + 'a,
        length: Option<u64>,
    ) -> io::Result<Self> {
        let progress = Rc::new(Progress::default());
        let bytes = Counted {
            bytes,
            progress: progress.clone(),
        };
        let mut stream = Self {
            path,
            bytes: Box::new(io::BufReader::with_capacity(1 << 16, bytes)),
            start: Vec::new(),
            packed: Vec::new(),
            charset: None,
            progress,
            length,
            given: 0,
            most: MOST,
            failed: false,
        };
        stream.look()?;
        Ok(stream)
    }

    /// A file that is packed in another.
    ///
    /// # Errors
    /// Those of reading the first bytes.
    #[cfg(any(feature = "packed", feature = "excel"))]
    pub(crate) fn within(
        path: &'a Path,
        bytes: impl Read + 'a,
        length: Option<u64>,
        packed: Vec<&'static str>,
    ) -> Result<Self> {
        let format = packed.last().copied().unwrap_or("archive");
        let damaged = |error: io::Error| Error::Damaged {
            path: path.into(),
            format,
            reason: error.to_string(),
        };
        let mut stream = Self::new(path, bytes, length).map_err(damaged)?;
        stream.packed = packed;
        Ok(stream)
    }

    /// Reads the first bytes, to be looked at.
    fn look(&mut self) -> io::Result<()> {
        let mut bytes = std::mem::replace(&mut self.bytes, Box::new(io::empty()));
        self.start.clear();
        bytes
            .by_ref()
            .take(signature::LONGEST as u64)
            .read_to_end(&mut self.start)?;
        self.bytes = Box::new(Cursor::new(self.start.clone()).chain(bytes));
        Ok(())
    }

    /// The first bytes.
    pub(crate) fn start(&self) -> &[u8] {
        &self.start
    }

    /// What is in a packed file.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::NotBuilt`].
    pub(crate) fn unpack(&mut self, packing: Packing) -> Result<()> {
        let bytes = std::mem::replace(&mut self.bytes, Box::new(io::empty()));
        self.packed.push(packing.name());
        self.bytes = match packing {
            Packing::Gzip => Box::new(MultiGzDecoder::new(bytes)),
            other => unpacked(self.path, other, bytes)?,
        };
        self.look().map_err(|source| self.fault(source))
    }

    /// The text, in UTF-8 and without a byte order mark.
    ///
    /// # Errors
    /// Those of reading it.
    pub(crate) fn decode(&mut self) -> Result<()> {
        let marked =
            |start: &[u8]| start.starts_with(b"\xef\xbb\xbf") || Order::of(start).is_some();
        if !marked(&self.start) {
            return Ok(());
        }
        let order = Order::of(&self.start);
        let mut bytes = std::mem::replace(&mut self.bytes, Box::new(io::empty()));
        if let Some(order) = order {
            bytes = Box::new(Utf16::new(bytes, order));
        }
        self.bytes = bytes;
        self.look().map_err(|source| self.fault(source))?;
        if self.start.starts_with(b"\xef\xbb\xbf") {
            io::copy(&mut (&mut self.bytes).take(3), &mut io::sink())
                .map_err(|source| self.fault(source))?;
            self.start.drain(..3);
        }
        self.charset = order.map(|_| "UTF-16");
        Ok(())
    }

    /// What kind of file it is, in words.
    pub(crate) fn described(&self, format: &str) -> String {
        let words = std::iter::once(format).chain(self.charset);
        let words: Vec<&str> = words.chain(self.packed.iter().copied()).collect();
        words.join(", ")
    }

    /// How far the file has been read, to be looked at while it is.
    pub(crate) fn reach(&self) -> Reach {
        Reach {
            progress: self.progress.clone(),
            length: self.length,
        }
    }

    /// All that is left.
    ///
    /// # Errors
    /// Those of reading it.
    pub(crate) fn rest(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)
            .map_err(|source| self.fault(source))?;
        Ok(bytes)
    }

    /// What is wrong with the file, when reading it has failed with `source`.
    pub(crate) fn fault(&self, source: io::Error) -> Error {
        let path = self.path.into();
        if !self.packed.is_empty() && self.given > self.most {
            return Error::TooLarge {
                path,
                most: self.most,
            };
        }
        match self.packed.last() {
            Some(format) if !self.progress.failed.get() => Error::Damaged {
                path,
                format,
                reason: source.to_string(),
            },
            _ => Error::Read { path, source },
        }
    }

    /// Reads the rest of a packed file, whose checksum is at its end: if the file is damaged, that is the error, not what its
    /// contents led to.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::TooLarge`].
    pub(crate) fn check_rest(&mut self) -> Result<()> {
        if self.packed.is_empty() || self.failed {
            return Ok(());
        }
        io::copy(self, &mut io::sink()).map_err(|source| self.fault(source))?;
        Ok(())
    }

    /// Less than [`MOST`], for tests.
    #[cfg(test)]
    pub(crate) fn at_most(mut self, most: u64) -> Self {
        self.most = most;
        self
    }
}

impl Read for Stream<'_> {
    /// Fills `into`, unless there is no more.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < into.len() {
            match self.bytes.read(&mut into[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = true;
                    return Err(error);
                }
            }
        }
        self.given += read as u64;
        if !self.packed.is_empty() && self.given > self.most {
            self.failed = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(read)
    }
}

#[cfg(feature = "packed")]
fn unpacked<'a>(
    path: &Path,
    packing: Packing,
    bytes: Box<dyn Read + 'a>,
) -> Result<Box<dyn Read + 'a>> {
    Ok(match packing {
        Packing::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(bytes)),
        Packing::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, 1 << 20)),
        Packing::Zstd => Box::new(crate::zstd::Frames::new(bytes)),
        Packing::Gzip => {
            return Err(Error::NotBuilt {
                path: path.into(),
                format: "gzip",
                feature: "packed",
            });
        }
    })
}

#[cfg(not(feature = "packed"))]
fn unpacked<'a>(
    path: &Path,
    packing: Packing,
    _: Box<dyn Read + 'a>,
) -> Result<Box<dyn Read + 'a>> {
    let format = match packing {
        Packing::Bzip2 => "a file packed with bzip2",
        Packing::Xz => "a file packed with xz",
        Packing::Zstd => "a file packed with zstd",
        Packing::Gzip => "a file packed with gzip",
    };
    Err(Error::NotBuilt {
        path: path.into(),
        format,
        feature: "packed",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compress(plain: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let packed = compress(&[b'0'; 2000]);
        let unpacked = |most| {
            let stream = Stream::new(Path::new("a.csv"), packed.as_slice(), None).unwrap();
            let mut stream = stream.at_most(most);
            stream.unpack(Packing::Gzip).unwrap();
            stream.rest()
        };
        assert_eq!(unpacked(2000).unwrap().len(), 2000);
        let message = unpacked(1999).unwrap_err().to_string();
        assert!(
            message.contains("a.csv") && message.contains("1999"),
            "{message}"
        );
    }
}

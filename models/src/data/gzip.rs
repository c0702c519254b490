//! Files that may be gzipped: told by their first bytes, not by their name.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::{self, Cursor, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result};

/// The first two bytes of every gzip member (RFC 1952, section 2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What is unpacked at most, 8 GiB: a file of a few kilobytes can hold any number of equal bytes.
const MOST: u64 = 8 << 30;

/// The whole file as it lies on disk.
///
/// # Errors
/// [`Error::Read`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| Error::Read {
        path: path.into(),
        source,
    })
}

/// The bytes with gzip undone; bytes that are no gzip come back as they are. `path` is for messages.
///
/// # Errors
/// [`Error::Gzip`], [`Error::TooLarge`].
pub(crate) fn decompress<'a>(path: &Path, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    unpacked(path, bytes, MOST)
}

fn unpacked<'a>(path: &Path, bytes: &'a [u8], most: u64) -> Result<Cow<'a, [u8]>> {
    if !bytes.starts_with(&MAGIC) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut plain = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(most + 1)
        .read_to_end(&mut plain)
        .map_err(|source| Error::Gzip {
            path: path.into(),
            source,
        })?;
    if plain.len() as u64 > most {
        return Err(Error::TooLarge {
            path: path.into(),
            most,
        });
    }
    Ok(Cow::Owned(plain))
}

/// What is in a file, with gzip undone, as it is read: neither the packed nor the unpacked bytes are held as a whole.
pub(crate) struct Stream<'a> {
    path: &'a Path,
    bytes: Box<dyn Read + 'a>,
    packed: bool,
    length: Option<u64>,
    given: u64,
    failed: bool,
}

impl<'a> Stream<'a> {
    /// The file at `path`.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn open(path: &'a Path) -> Result<Self> {
        let open = || {
            let mut file = File::open(path)?;
            let about = file.metadata()?;
            let mut start = Vec::new();
            (&mut file)
                .take(MAGIC.len() as u64)
                .read_to_end(&mut start)?;
            let packed = start == MAGIC;
            let length = about.is_file().then_some(about.len());
            let bytes = Cursor::new(start).chain(file);
            Ok(Self::new(path, packed, bytes, length))
        };
        open().map_err(|source| Error::Read {
            path: path.into(),
            source,
        })
    }

    /// Bytes that are there already; `path` is for messages.
    pub(crate) fn of_bytes(path: &'a Path, bytes: &'a [u8]) -> Self {
        let packed = bytes.starts_with(&MAGIC);
        Self::new(path, packed, bytes, Some(bytes.len() as u64))
    }

    fn new(path: &'a Path, packed: bool, bytes: impl Read + 'a, length: Option<u64>) -> Self {
        Self {
            path,
            packed,
            bytes: match packed {
                true => Box::new(MultiGzDecoder::new(bytes)),
                false => Box::new(bytes),
            },
            length: length.filter(|_| !packed),
            given: 0,
            failed: false,
        }
    }

    /// How many bytes there are, if it is known before they are read.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// What is wrong with the file, when reading it has failed with `source`.
    pub(crate) fn fault(&self, source: io::Error) -> Error {
        let path = self.path.into();
        match self.packed {
            true if self.given > MOST => Error::TooLarge { path, most: MOST },
            true => Error::Gzip { path, source },
            false => Error::Read { path, source },
        }
    }

    /// Reads the rest of a packed file, whose checksum is at its end: if the file is damaged, that is the error, not what its
    /// contents led to.
    ///
    /// # Errors
    /// [`Error::Gzip`], [`Error::TooLarge`].
    pub(crate) fn check_rest(mut self) -> Result<()> {
        if !self.packed || self.failed {
            return Ok(());
        }
        io::copy(&mut self, &mut io::sink()).map_err(|source| self.fault(source))?;
        Ok(())
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
        if self.packed && self.given > MOST {
            self.failed = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(read)
    }
}

#[cfg(test)]
pub(crate) fn compress(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_told_by_its_first_bytes() {
        let path = Path::new("a.csv");
        assert_eq!(&*decompress(path, b"plain").unwrap(), b"plain");
        assert_eq!(&*decompress(path, &compress(b"packed")).unwrap(), b"packed");
        let two_members = [compress(b"one "), compress(b"two")].concat();
        assert_eq!(&*decompress(path, &two_members).unwrap(), b"one two");
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let path = Path::new("a.csv");
        let packed = compress(&[b'0'; 1000]);
        assert_eq!(unpacked(path, &packed, 1000).unwrap().len(), 1000);
        let message = unpacked(path, &packed, 999).unwrap_err().to_string();
        assert!(
            message.contains("a.csv") && message.contains("999"),
            "{message}"
        );
    }

    #[test]
    fn damage_names_the_file() {
        let packed = compress(&[7; 1000]);
        let mut altered = packed.clone();
        let checksum = altered.len() - 8;
        altered[checksum] ^= 1;
        for damaged in [&packed[..packed.len() - 1], &packed[..2], &altered[..]] {
            let message = decompress(Path::new("set.csv.gz"), damaged)
                .unwrap_err()
                .to_string();
            assert!(message.contains("set.csv.gz: damaged gzip"), "{message}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let message = read(Path::new("no/such.csv")).unwrap_err().to_string();
        assert!(message.contains("no/such.csv: cannot be read"), "{message}");
    }
}

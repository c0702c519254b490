//! Files that may be gzipped: told by their first bytes, not by their name.

use std::{borrow::Cow, fs, io::Read, path::Path};

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

//! A table from a file of any kind.

use std::{io::Read, path::Path};

use crate::{
    arff, delimited,
    error::{Error, Result},
    frame::Frame,
    json,
    options::ReadOptions,
    signature::Signature,
    stream::Stream,
    svmlight,
};

/// How much of a text is looked at before it is read.
const SAMPLE: usize = 1 << 18;

/// How much is looked at where rows are long.
const LONG_SAMPLE: usize = 1 << 24;

/// How often a file may be packed.
const MOST_PACKINGS: usize = 4;

/// The table in a file, whose kind is read off its first bytes. The file is read once, so that it may be a pipe.
///
/// # Errors
/// The file cannot be read, is damaged, is of a kind that is not read, or is no table: the message says where and what to do.
pub fn read(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Frame> {
    any(Stream::open(path.as_ref())?, options)
}

/// The same as [`read`], from bytes; `path` gives the table its name and is said in errors.
///
/// # Errors
/// Those of [`read`], but for reading.
///
/// ```
/// use std::path::Path;
/// use trimtab_table::{Cells, ReadOptions, parse};
/// let frame = parse(Path::new("pets.csv"), b"age;kind\n3,5;cat\n?;dog\n", &ReadOptions::default())?;
/// assert_eq!(frame.name, "pets");
/// assert!(matches!(&frame.columns[0].cells, Cells::Numbers(cells) if cells[0] == 3.5 && cells[1].is_nan()));
/// assert_eq!(frame.columns[1].cells.text(1).as_deref(), Some("dog"));
/// # Ok::<(), trimtab_table::Error>(())
/// ```
pub fn parse(path: &Path, bytes: &[u8], options: &ReadOptions) -> Result<Frame> {
    let stream = Stream::new(path, bytes, Some(bytes.len() as u64));
    let stream = stream.map_err(|source| Error::Read {
        path: path.into(),
        source,
    })?;
    any(stream, options)
}

/// The table in a stream.
fn any(mut stream: Stream<'_>, options: &ReadOptions) -> Result<Frame> {
    let path = stream.path;
    loop {
        match Signature::of(stream.start()) {
            Signature::Packed(packing) if stream.packed.len() < MOST_PACKINGS => {
                stream.unpack(packing)?
            }
            Signature::Packed(packing) => {
                let reason = "packed in packed files many times".into();
                return Err(Error::Damaged {
                    path: path.into(),
                    format: packing.name(),
                    reason,
                });
            }
            Signature::Unsupported(format, advice) => {
                return Err(Error::Unsupported {
                    path: path.into(),
                    format,
                    advice,
                });
            }
            Signature::Zip if stream.packed.len() < MOST_PACKINGS => {
                return archive(&mut stream, options);
            }
            Signature::Zip => {
                let reason = "packed in packed files many times".into();
                return Err(Error::Damaged {
                    path: path.into(),
                    format: "zip archive",
                    reason,
                });
            }
            Signature::OldExcel => {
                let bytes = stream.rest()?;
                return workbook(&stream, bytes, options);
            }
            Signature::Parquet => return columns(&mut stream, options),
            Signature::Text => break,
        }
    }
    let frame = text(&mut stream, options);
    frame.map_err(|error| stream.check_rest().err().unwrap_or(error))
}

#[cfg(any(feature = "packed", feature = "excel"))]
fn archive(stream: &mut Stream<'_>, options: &ReadOptions) -> Result<Frame> {
    crate::archive::parse(stream, options, any)
}

#[cfg(not(any(feature = "packed", feature = "excel")))]
fn archive(stream: &mut Stream<'_>, _: &ReadOptions) -> Result<Frame> {
    let path = stream.path.into();
    // A workbook begins with one of these parts.
    let parts: [&[u8]; 3] = [b"[Content_Types]", b"docProps/", b"xl/"];
    let start = stream.start();
    let has = |part: &[u8]| start.windows(part.len()).any(|bytes| bytes == part);
    match parts.into_iter().any(has) {
        true => Err(Error::NotBuilt {
            path,
            format: "an Excel workbook",
            feature: "excel",
        }),
        false => Err(Error::NotBuilt {
            path,
            format: "a zip archive",
            feature: "packed",
        }),
    }
}

/// The table in a workbook, of which these are the bytes.
#[cfg(feature = "excel")]
pub(crate) fn workbook(
    stream: &Stream<'_>,
    bytes: Vec<u8>,
    options: &ReadOptions,
) -> Result<Frame> {
    let damaged = || damaged(stream, "Excel workbook");
    guarded(|| crate::excel::parse(stream, bytes, options)).unwrap_or_else(|| Err(damaged()))
}

#[cfg(not(feature = "excel"))]
pub(crate) fn workbook(stream: &Stream<'_>, _: Vec<u8>, _: &ReadOptions) -> Result<Frame> {
    let path = stream.path.into();
    Err(Error::NotBuilt {
        path,
        format: "an Excel workbook",
        feature: "excel",
    })
}

/// The table in a Parquet file.
#[cfg(feature = "parquet")]
fn columns(stream: &mut Stream<'_>, options: &ReadOptions) -> Result<Frame> {
    let bytes = stream.rest()?;
    guarded(|| crate::parquet::parse(stream, bytes, options))
        .unwrap_or_else(|| Err(damaged(stream, "Parquet file")))
}

#[cfg(not(feature = "parquet"))]
fn columns(stream: &mut Stream<'_>, _: &ReadOptions) -> Result<Frame> {
    let path = stream.path.into();
    Err(Error::NotBuilt {
        path,
        format: "a Parquet file",
        feature: "parquet",
    })
}

/// What `read` returns, or nothing if it panics, as libraries of binary formats may on damaged files.
#[cfg(any(feature = "excel", feature = "parquet"))]
fn guarded<T>(read: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).ok()
}

#[cfg(any(feature = "excel", feature = "parquet"))]
fn damaged(stream: &Stream<'_>, format: &'static str) -> Error {
    let reason = "its parts contradict each other".into();
    Error::Damaged {
        path: stream.path.into(),
        format,
        reason,
    }
}

/// The table in a text.
fn text(stream: &mut Stream<'_>, options: &ReadOptions) -> Result<Frame> {
    stream.decode()?;
    let (start, whole) = sample(stream)?;
    if start.trim_ascii().is_empty() {
        return Err(Error::Empty {
            path: stream.path.into(),
            expected: "a header and rows",
        });
    }
    if let Some(at) = start.iter().position(|byte| *byte == 0) {
        let line = 1 + start[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
        return Err(Error::NotText {
            path: stream.path.into(),
            line,
            byte: 0,
        });
    }
    if arff::is_arff(&start) {
        arff::parse(stream, &start, options)
    } else if json::is_json(&start) {
        json::parse(stream, &start, options)
    } else if svmlight::is_svmlight(&start, whole) {
        svmlight::parse(stream, &start, options)
    } else {
        delimited::parse(stream, &start, whole, options)
    }
}

/// The beginning of a text, and whether it is all of it.
fn sample(stream: &mut Stream<'_>) -> Result<(Vec<u8>, bool)> {
    let mut start = Vec::new();
    loop {
        let length = start.len();
        let more = (&mut *stream).take(SAMPLE as u64).read_to_end(&mut start);
        more.map_err(|source| stream.fault(source))?;
        if start.len() - length < SAMPLE {
            return Ok((start, true));
        }
        let blank = start.trim_ascii().is_empty();
        let lines = start
            .iter()
            .filter(|byte| matches!(byte, b'\n' | b'\r'))
            .count();
        if !blank && (lines > 10 || start.len() >= LONG_SAMPLE) {
            return Ok((start, false));
        }
        if blank {
            // Lines are counted from the first byte, and what is before the table is kept: but not for ever.
            if start.len() >= LONG_SAMPLE {
                return Ok((start, false));
            }
        }
    }
}

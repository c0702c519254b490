//! What a file is, read off its first bytes.

/// How many of the first bytes are looked at.
pub(crate) const LONGEST: usize = 512;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// Something that is to be unpacked as it is read.
    Packed(Packing),
    /// An archive of files, which Excel workbooks are as well.
    Zip,
    /// A workbook of Excel before 2007.
    OldExcel,
    /// A table of columns.
    Parquet,
    /// What is known and not read: what it is and what to do.
    Unsupported(&'static str, &'static str),
    /// What is none of these, and may be a text.
    Text,
}

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Packing {
    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }
}

const IN_PYTHON: &str = "load it in Python, and save the table with `to_csv` or `to_parquet`";
const IN_R: &str =
    "load it in R, and save the table with `write.csv(table, \"table.csv\", row.names = FALSE)`";
const ONE_FILE: &str = "unpack it, and give one of its files";
const AS_CSV: &str = "save the table as CSV, and give that";

/// What is known and not read: the place of its first bytes, the bytes, what it is, and what to do.
#[rustfmt::skip]
const UNSUPPORTED: [(usize, &[u8], &str, &str); 31] = [
    (0, b"SQLite format 3\0", "an SQLite database", "export the table as CSV: `sqlite3 -header -csv FILE \"select * from TABLE\" > table.csv`"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 or netCDF file", IN_PYTHON),
    (0, b"CDF\x01", "a netCDF file", IN_PYTHON),
    (0, b"CDF\x02", "a netCDF file", IN_PYTHON),
    (0, b"RDX2\n", "a file of R data (RData)", IN_R),
    (0, b"RDX3\n", "a file of R data (RData)", IN_R),
    (0, b"RDA2\n", "a file of R data (RData)", IN_R),
    (0, b"RDA3\n", "a file of R data (RData)", IN_R),
    (0, b"X\n\0\0\0", "a file of R data (rds)", IN_R),
    (0, b"A\n2\n", "a file of R data (rds)", IN_R),
    (0, b"A\n3\n", "a file of R data (rds)", IN_R),
    (0, b"<stata_dta>", "a Stata file", "export it as CSV: `export delimited` in Stata, or `read_stata` and `to_csv` in Python"),
    (0, b"\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60", "a SAS file", "export it as CSV: `proc export` in SAS, or `read_sas` and `to_csv` in Python"),
    (0, b"HEADER RECORD*******LIBRARY HEADER", "a SAS transport file", "export it as CSV: `read_sas` and `to_csv` in Python"),
    (0, b"$FL2", "an SPSS file", "export it as CSV: `read_spss` and `to_csv` in Python"),
    (0, b"$FL3", "an SPSS file", "export it as CSV: `read_spss` and `to_csv` in Python"),
    (0, b"\x93NUMPY", "a NumPy array", "save it as CSV: `numpy.savetxt(\"table.csv\", array, delimiter=\",\")`"),
    (0, b"MATLAB 5.0 MAT-file", "a MATLAB file", "export it as CSV: `writetable` in MATLAB"),
    (0, b"ARROW1", "an Arrow or Feather file", IN_PYTHON),
    (0, b"FEA1", "a Feather file", IN_PYTHON),
    (0, b"ORC", "an ORC file", IN_PYTHON),
    (0, b"Obj\x01", "an Avro file", IN_PYTHON),
    (0, b"%PDF-", "a PDF document", AS_CSV),
    (0, b"\x89PNG\r\n\x1a\n", "an image (PNG)", "expected a table"),
    (0, b"\xff\xd8\xff", "an image (JPEG)", "expected a table"),
    (0, b"GIF8", "an image (GIF)", "expected a table"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", ONE_FILE),
    (0, b"Rar!\x1a\x07", "a RAR archive", ONE_FILE),
    (0, b"\x1f\x9d", "a file packed with compress", "unpack it with `uncompress`"),
    (0, b"\x04\x22\x4d\x18", "a file packed with LZ4", "unpack it with `lz4 -d`"),
    (257, b"ustar", "a tar archive", ONE_FILE),
];

impl Signature {
    /// What a file that starts so is.
    pub(crate) fn of(start: &[u8]) -> Self {
        let starts = |place: usize, bytes: &[u8]| {
            start
                .get(place..)
                .is_some_and(|rest| rest.starts_with(bytes))
        };
        if starts(0, b"\x1f\x8b") {
            Self::Packed(Packing::Gzip)
        } else if starts(0, b"BZh")
            && start
                .get(3)
                .is_some_and(|level| (b'1'..=b'9').contains(level))
            && starts(4, b"1AY&SY")
        {
            Self::Packed(Packing::Bzip2)
        } else if starts(0, b"\xfd7zXZ\0") {
            Self::Packed(Packing::Xz)
        } else if starts(0, b"\x28\xb5\x2f\xfd") {
            Self::Packed(Packing::Zstd)
        } else if starts(0, b"PK\x03\x04") || starts(0, b"PK\x05\x06") {
            Self::Zip
        } else if starts(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
            Self::OldExcel
        } else if starts(0, b"PAR1") {
            Self::Parquet
        } else if let Some((_, _, format, advice)) = UNSUPPORTED
            .iter()
            .find(|(place, bytes, ..)| starts(*place, bytes))
        {
            Self::Unsupported(format, advice)
        } else if is_pickle(start) {
            Self::Unsupported("a Python pickle", IN_PYTHON)
        } else if is_old_stata(start) {
            Self::Unsupported(
                "a Stata file",
                "export it as CSV: `export delimited` in Stata, or `read_stata` and `to_csv` in Python",
            )
        } else if is_markup(start) {
            Self::Unsupported(
                "an HTML or XML page",
                "download the table itself, or save it as CSV",
            )
        } else {
            Self::Text
        }
    }
}

/// A pickle of protocol 2 to 5.
fn is_pickle(start: &[u8]) -> bool {
    matches!(start, [0x80, 2..=5, next, ..] if *next != b',' && *next != b'\n')
}

/// The version, the order of bytes, the type and a zero.
fn is_old_stata(start: &[u8]) -> bool {
    matches!(
        start,
        [
            0x69 | 0x6c | 0x6e | 0x6f | 0x71 | 0x72 | 0x73,
            1 | 2,
            1,
            0,
            ..
        ]
    )
}

fn is_markup(start: &[u8]) -> bool {
    let start = start
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(start)
        .trim_ascii_start();
    let tags: [&[u8]; 6] = [
        b"<!doctype",
        b"<html",
        b"<?xml",
        b"<head",
        b"<body",
        b"<table",
    ];
    tags.iter().any(|tag| {
        start
            .get(..tag.len())
            .is_some_and(|text| text.eq_ignore_ascii_case(tag))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_first_bytes() {
        for (start, signature) in [
            (&b"\x1f\x8b\x08"[..], Signature::Packed(Packing::Gzip)),
            (b"BZh91AY&SY", Signature::Packed(Packing::Bzip2)),
            (b"BZh,y\n", Signature::Text),
            (b"\xfd7zXZ\0\0", Signature::Packed(Packing::Xz)),
            (b"\x28\xb5\x2f\xfd\0", Signature::Packed(Packing::Zstd)),
            (b"PK\x03\x04", Signature::Zip),
            (b"PAR1", Signature::Parquet),
            (b"a,b\n", Signature::Text),
            (b"", Signature::Text),
        ] {
            assert_eq!(Signature::of(start), signature, "{start:?}");
        }
        let mut tar = [b'0'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for start in [
            &b"SQLite format 3\0"[..],
            b"\x80\x04\x95",
            b"  <!DOCTYPE html>",
            b"<html>",
            &tar,
            b"\x93NUMPY\x01",
            b"\x72\x02\x01\0",
        ] {
            assert!(
                matches!(Signature::of(start), Signature::Unsupported(..)),
                "{start:?}"
            );
        }
    }
}

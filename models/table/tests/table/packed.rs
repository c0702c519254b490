//! Files that are packed, whole and damaged.
#![cfg(feature = "packed")]

use std::{
    io::{Cursor, Write},
    path::Path,
};
use trimtab_table::{Frame, ReadOptions, Result, parse, read};
use zip::{ZipWriter, write::SimpleFileOptions};

const TEXT: &[u8] = b"x,y\n1,a\n2,b\n";

fn frame(bytes: &[u8]) -> Result<Frame> {
    parse(Path::new("pets.csv.gz"), bytes, &ReadOptions::default())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// `TEXT`, packed with `xz`.
const XZ: &[u8] = include_bytes!("../../fixtures/pets.csv.xz");

/// `TEXT`, packed with `zstd` with a checksum.
const ZSTD: &[u8] = include_bytes!("../../fixtures/pets.csv.zst");

#[test]
fn packed_files_are_read_like_plain_ones() {
    let plain = frame(TEXT).unwrap();
    assert_eq!(plain.name, "pets");
    let twice = [gzip(&TEXT[..6]), gzip(&TEXT[6..])].concat();
    for (packed, format) in [
        (gzip(TEXT), "CSV, gzip"),
        (twice, "CSV, gzip"),
        (bzip2(TEXT), "CSV, bzip2"),
        (XZ.to_vec(), "CSV, xz"),
        (ZSTD.to_vec(), "CSV, zstd"),
        (zip(&[("a/pets.csv", TEXT)]), "CSV, zip"),
        (
            zip(&[
                ("README.md", b"# Pets"),
                ("__MACOSX/._pets.csv", b"\0"),
                ("pets.csv", TEXT),
            ]),
            "CSV, zip",
        ),
        (gzip(&bzip2(TEXT)), "CSV, gzip, bzip2"),
        (zip(&[("pets.csv.gz", &gzip(TEXT))]), "CSV, zip, gzip"),
    ] {
        let read = frame(&packed).unwrap();
        assert_eq!(read.format, format);
        assert_eq!(
            Frame {
                format: plain.format.clone(),
                ..read
            },
            plain,
            "{format}"
        );
    }
}

#[test]
fn damage_names_the_file_and_what_it_is_packed_with() {
    for (packed, format) in [
        (gzip(TEXT), "gzip"),
        (bzip2(TEXT), "bzip2"),
        (XZ.to_vec(), "xz"),
        (ZSTD.to_vec(), "zstd"),
    ] {
        // Cut short anywhere after the first bytes.
        for length in [packed.len() - 1, packed.len() / 2] {
            let message = frame(&packed[..length]).unwrap_err().to_string();
            assert!(
                message.contains(&format!("pets.csv.gz: damaged {format}")),
                "{length}: {message}"
            );
        }
    }
    for (packed, format) in [(gzip(TEXT), "gzip"), (ZSTD.to_vec(), "zstd")] {
        let mut altered = packed.clone();
        let checksum = altered.len() - if format == "gzip" { 8 } else { 1 };
        altered[checksum] ^= 1;
        let message = frame(&altered).unwrap_err().to_string();
        assert!(message.contains(&format!("damaged {format}")), "{message}");
    }
    let archive = zip(&[("pets.csv", TEXT)]);
    let message = frame(&archive[..archive.len() - 10])
        .unwrap_err()
        .to_string();
    assert!(message.contains("damaged zip"), "{message}");
    // Damage is said before what it leads to.
    let mut packed = gzip(b"x,y\n1,a\n2\n");
    assert!(frame(&packed).unwrap_err().to_string().contains("line 3"));
    let checksum = packed.len() - 8;
    packed[checksum] ^= 1;
    assert!(
        frame(&packed)
            .unwrap_err()
            .to_string()
            .contains("damaged gzip")
    );
}

#[test]
fn one_of_several_files_is_to_be_said() {
    let archive = zip(&[("train.csv", TEXT), ("test.csv", TEXT)]);
    let message = frame(&archive).unwrap_err().to_string();
    assert!(
        message.contains("`train.csv`, `test.csv`") && message.contains("--sheet"),
        "{message}"
    );
    let options = |sheet: &str| ReadOptions {
        sheet: Some(sheet.into()),
        ..ReadOptions::default()
    };
    let path = Path::new("a.zip");
    assert_eq!(parse(path, &archive, &options("test.csv")).unwrap().rows, 2);
    let message = parse(path, &archive, &options("other.csv"))
        .unwrap_err()
        .to_string();
    assert!(message.contains("`other.csv`"), "{message}");
    assert!(frame(&zip(&[])).unwrap_err().to_string().contains("empty"));
    assert!(
        frame(&zip(&[("a.npy", b"x"), ("b.npy", b"y")]))
            .unwrap_err()
            .to_string()
            .contains("NumPy")
    );
}

#[test]
fn a_pipe_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pets.csv");
    std::fs::write(&path, gzip(TEXT)).unwrap();
    assert_eq!(
        read(&path, &ReadOptions::default()).unwrap(),
        Frame {
            format: "CSV, gzip".into(),
            ..frame(TEXT).unwrap()
        }
    );
    #[cfg(target_os = "linux")]
    {
        use std::process::{Command, Stdio};
        let mut pipe = Command::new("cat")
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let end = pipe.stdout.take().unwrap();
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&end);
        let piped = read(
            format!("/proc/self/fd/{descriptor}"),
            &ReadOptions::default(),
        )
        .unwrap();
        assert_eq!(piped.rows, 2);
        pipe.wait().unwrap();
    }
}

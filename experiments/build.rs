//! The hash of the sources that a program is built from, for clusters: machines that were built from others could make other bits.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_CLUSTER").is_none() {
        return;
    }
    let mut files = BTreeSet::new();
    // In a packaged crate only its own folder is there; the version stands for the rest.
    for room in [
        "src",
        "scheduler/src",
        "cluster/src",
        "../env/src",
        "../models",
        "../agent/src",
    ] {
        if Path::new(room).is_dir() {
            println!("cargo::rerun-if-changed={room}");
            collect(Path::new(room), &mut files);
        }
    }
    let lock = Path::new("../Cargo.lock");
    if lock.is_file() {
        println!("cargo::rerun-if-changed=../Cargo.lock");
        files.insert(lock.to_owned());
    }
    // FNV-1a: it tells builds apart, and keeps nobody out.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for file in files {
        add(file.to_string_lossy().as_bytes());
        add(&fs::read(&file).unwrap_or_default());
    }
    for name in [
        "TARGET",
        "OPT_LEVEL",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
    ] {
        add(std::env::var(name).unwrap_or_default().as_bytes());
    }
    println!("cargo::rustc-env=TRIMTAB_SOURCES={hash:016x}");
}

fn collect(folder: &Path, files: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(path);
        }
    }
}

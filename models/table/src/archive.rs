//! Zip archives, and the table in them.

use std::io::Cursor;

use zip::{ZipArchive, result::ZipError};

use crate::{
    error::{Error, Result},
    frame::Frame,
    options::ReadOptions,
    stream::Stream,
};

/// The endings of files that are tables.
const TABLES: [&str; 20] = [
    "csv", "tsv", "tab", "data", "dat", "txt", "arff", "svm", "libsvm", "json", "jsonl", "ndjson",
    "parquet", "xlsx", "xls", "gz", "bz2", "xz", "zst", "test",
];

/// The table in an archive, which may be a workbook; `inner` reads what a file of it is.
pub(crate) fn parse(
    stream: &mut Stream<'_>,
    options: &ReadOptions,
    inner: impl FnOnce(Stream<'_>, &ReadOptions) -> Result<Frame>,
) -> Result<Frame> {
    let path = stream.path;
    let damaged = |error: ZipError| Error::Damaged {
        path: path.into(),
        format: "zip archive",
        reason: error.to_string(),
    };
    let bytes = stream.rest()?;
    let mut archive = ZipArchive::new(Cursor::new(bytes.as_slice())).map_err(damaged)?;
    let names: Vec<String> = archive
        .file_names()
        .filter_map(|name| Some(name.ok()?.into_owned()))
        .collect();
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if has("xl/workbook.xml") || has("xl/workbook.bin") || (has("mimetype") && has("content.xml")) {
        drop(archive);
        return crate::read::workbook(stream, bytes, options);
    }
    if has("word/document.xml") || has("ppt/presentation.xml") {
        let advice = "save the table as CSV, and give that";
        return Err(Error::Unsupported {
            path: path.into(),
            format: "a document of Word or PowerPoint",
            advice,
        });
    }
    if !names.is_empty() && names.iter().all(|name| name.ends_with(".npy")) {
        let advice = "save it as CSV: `numpy.savetxt(\"table.csv\", array, delimiter=\",\")`";
        return Err(Error::Unsupported {
            path: path.into(),
            format: "an archive of NumPy arrays",
            advice,
        });
    }
    let name = choose(stream, &names, options)?;
    let mut packed = stream.packed.clone();
    packed.push("zip");
    let entry = archive.by_name(&name).map_err(damaged)?;
    let length = entry.size();
    let read = Stream::within(path, entry, Some(length), packed)?;
    // The sheet was the name of the file.
    let asked = options.sheet.as_ref().is_some_and(|sheet| *sheet == name);
    let options = ReadOptions {
        sheet: options.sheet.clone().filter(|_| !asked),
        ..options.clone()
    };
    inner(read, &options)
}

/// The file that is the table: the one that was asked for, or the only one that may be.
fn choose(stream: &Stream<'_>, names: &[String], options: &ReadOptions) -> Result<String> {
    let path = || stream.path.into();
    let is_file = |name: &&String| {
        let last = name.rsplit('/').next().unwrap_or_default();
        !last.is_empty() && !last.starts_with('.') && !name.starts_with("__MACOSX/")
    };
    let files: Vec<String> = names.iter().filter(is_file).cloned().collect();
    if let Some(sheet) = &options.sheet
        && files.contains(sheet)
    {
        return Ok(sheet.clone());
    }
    let ending = |name: &str| {
        name.rsplit_once('.')
            .map(|(_, ending)| ending.to_ascii_lowercase())
    };
    let about = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["readme", "license", "licence"]
            .iter()
            .any(|word| name.contains(word))
    };
    let tables = files.iter().filter(|name| {
        ending(name).is_some_and(|ending| TABLES.contains(&ending.as_str())) && !about(name)
    });
    let tables: Vec<String> = tables.cloned().collect();
    match (tables.as_slice(), files.as_slice(), &options.sheet) {
        ([name], _, _) | ([], [name], _) => Ok(name.clone()),
        ([], [], _) => Err(Error::Empty {
            path: path(),
            expected: "a table in the archive",
        }),
        (_, _, Some(sheet)) => Err(Error::UnknownSheet {
            path: path(),
            sheet: sheet.clone(),
            names: files,
        }),
        ([], _, None) => Err(Error::Several {
            path: path(),
            kind: "files",
            names: files,
        }),
        (_, _, None) => Err(Error::Several {
            path: path(),
            kind: "tables",
            names: tables,
        }),
    }
}

//! The files that units read, kept by their content for the next job that needs them, up to a number of bytes.
//!
//! Each is `<folder>/<hash>/<name>`, and its time of change is when it was used last. Whoever was not used for the longest leaves first (least
//! recently used); what an open job uses stays, whatever it takes.

use crate::{Error, Result};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trimtab_cluster::Hash;
use trimtab_env::files::write_whole;

/// Files on disk, and how many bytes they may take together.
pub(super) struct Kept {
    folder: PathBuf,
    most: u64,
}

impl Kept {
    pub fn new(folder: PathBuf, most: u64) -> Self {
        Self { folder, most }
    }

    /// Where the content of this name is here. It is fetched once, and its name is checked whenever it is opened.
    pub fn file(
        &self,
        path: &Path,
        name: &Hash,
        fetch: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<PathBuf> {
        let folder = self.folder.join(name.as_str());
        let here = folder.join(plain(path));
        if let Ok(content) = fs::read(&here)
            && Hash::of(&content) == *name
        {
            // Where the time cannot be set it only leaves sooner.
            let opened = File::options().append(true).open(&here);
            opened
                .and_then(|file| file.set_modified(SystemTime::now()))
                .ok();
            return Ok(here);
        }
        let content = fetch()?;
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        write_whole(&here, &content).map_err(Error::file(&here))?;
        Ok(here)
    }

    /// Takes away what was not used for the longest, until the rest fits or only what is `used` is left.
    pub fn clear(&self, used: &BTreeSet<Hash>) {
        let mut contents: Vec<Content> = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Content::at(entry.ok()?.path()))
            .collect();
        contents.sort_by_key(|content| content.last_used);
        let mut bytes: u64 = contents.iter().map(|content| content.bytes).sum();
        for content in contents {
            if bytes <= self.most {
                break;
            }
            let is_used = used
                .iter()
                .any(|name| content.folder.ends_with(name.as_str()));
            // What cannot be removed now is tried again at the next job.
            if !is_used && fs::remove_dir_all(&content.folder).is_ok() {
                bytes -= content.bytes;
            }
        }
    }
}

/// The folder of one content.
struct Content {
    folder: PathBuf,
    bytes: u64,
    last_used: SystemTime,
}

impl Content {
    fn at(folder: PathBuf) -> Option<Self> {
        let (mut bytes, mut last_used) = (0, SystemTime::UNIX_EPOCH);
        for file in fs::read_dir(&folder).ok()? {
            let file = file.ok()?.metadata().ok()?;
            bytes += file.len();
            last_used = last_used.max(file.modified().ok()?);
        }
        Some(Self {
            folder,
            bytes,
            last_used,
        })
    }
}

/// The last part of a path from elsewhere, with nothing in it that means something to a file system. Its extension says what the file is.
fn plain(path: &Path) -> String {
    let name = path.to_string_lossy();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let letters = name
        .chars()
        .map(|letter| if allowed(letter) { letter } else { '_' });
    let name: String = letters.take(100).collect();
    // Not a hidden file, and neither this folder nor the one above.
    let name = name.trim_start_matches('.');
    if name.is_empty() { "file" } else { name }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_path_from_elsewhere_stays_in_its_folder() {
        for (given, wanted) in [
            ("data/houses.csv", "houses.csv"),
            ("../../etc/passwd", "passwd"),
            ("..", "file"),
            ("C:\\data\\a b.xlsx", "a_b.xlsx"),
            (".ssh/.authorized", "authorized"),
            ("a\u{0}b:c", "a_b_c"),
            ("", "file"),
        ] {
            assert_eq!(plain(Path::new(given)), wanted, "{given:?}");
        }
    }

    #[test]
    fn what_was_not_used_for_the_longest_leaves_and_what_a_job_uses_stays() {
        let place = std::env::temp_dir().join(format!("trimtab-kept-{}", std::process::id()));
        let kept = Kept::new(place.clone(), 250);
        let contents: Vec<Vec<u8>> = (0..4).map(|number| vec![number; 100]).collect();
        let names: Vec<Hash> = contents.iter().map(|content| Hash::of(content)).collect();
        let path = Path::new("a.csv");
        let fetched = |index: usize| kept.file(path, &names[index], || Ok(contents[index].clone()));
        let age = |index: usize, seconds: u64| {
            let file = File::options().append(true).open(fetched(index).unwrap());
            let then = SystemTime::now() - Duration::from_secs(seconds);
            file.unwrap().set_modified(then).unwrap();
        };
        let there = || -> Vec<bool> {
            let is_there = |name: &Hash| place.join(name.as_str()).exists();
            names.iter().map(is_there).collect()
        };
        for (index, seconds) in [(0, 40), (1, 30), (2, 20), (3, 10)] {
            age(index, seconds);
        }
        // The oldest is in use, so the two after it leave.
        kept.clear(&BTreeSet::from([names[0].clone()]));
        assert_eq!(there(), [true, false, false, true]);
        kept.clear(&BTreeSet::new());
        assert_eq!(there(), [true, false, false, true], "it fits");
        // Whoever is used again is the last to leave, and needs no fetching.
        let again = kept.file(path, &names[0], || panic!("it is here"));
        assert_eq!(fs::read(again.unwrap()).unwrap(), contents[0]);
        fetched(1).unwrap();
        age(1, 5);
        kept.clear(&BTreeSet::new());
        assert_eq!(there(), [true, true, false, false]);
        // Nothing may be kept, but for what is in use.
        let none = Kept::new(place.clone(), 0);
        none.clear(&BTreeSet::from([names[1].clone()]));
        assert_eq!(there(), [false, true, false, false]);
        fs::remove_dir_all(&place).unwrap();
    }
}

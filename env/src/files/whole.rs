//! Files that are written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{Result, Write};
use std::path::{Path, PathBuf};

/// Writes a file through a temporary one beside it: sync, then rename. A link is followed; a pipe or a device is written to
/// directly, since it cannot be replaced.
///
/// # Errors
/// What the operating system says.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    if is_standard_output(path) {
        let mut out = std::io::stdout().lock();
        return out.write_all(bytes).and_then(|()| out.flush());
    }
    if is_channel(path) {
        let mut channel = OpenOptions::new().write(true).open(path)?;
        return channel.write_all(bytes).and_then(|()| channel.flush());
    }
    let path = behind_links(path);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file = File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, path)
}

/// Whether something is there that is neither a file nor a folder: a pipe or a device.
pub fn is_channel(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir())
}

/// Whether a name, such as `/dev/stdout`, stands for the standard output of this process.
#[cfg(unix)]
pub fn is_standard_output(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |path: &Path| fs::metadata(path).map(|there| (there.dev(), there.ino()));
    match (place(path), place(Path::new("/dev/stdout"))) {
        (Ok(given), Ok(output)) => given == output,
        _ => false,
    }
}

/// Whether a name stands for the standard output of this process, of which there is none here.
#[cfg(not(unix))]
pub fn is_standard_output(_: &Path) -> bool {
    false
}

/// What a link points to, whether that exists or not; any other path as it is.
pub fn behind_links(path: &Path) -> PathBuf {
    const MOST: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => break,
        }
    }
    path
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_stays_a_link_and_its_file_is_written() {
        let folder = std::env::temp_dir().join(format!("trimtab-files-{}", std::process::id()));
        fs::create_dir_all(folder.join("far")).unwrap();
        let (real, link, twice) = (
            folder.join("far").join("real.csv"),
            folder.join("link.csv"),
            folder.join("twice.csv"),
        );
        symlink("far/real.csv", &link).unwrap();
        symlink("link.csv", &twice).unwrap();
        // The file is not there yet; then it is.
        for text in ["new", "newer"] {
            write_whole(&twice, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&real).unwrap(), text);
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert!(fs::symlink_metadata(&twice).unwrap().is_symlink());
        }
        assert_eq!(fs::read_dir(folder.join("far")).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_device_is_written_to_and_stays() {
        let null = Path::new("/dev/null");
        assert!(is_channel(null) && !is_channel(Path::new("/")));
        write_whole(null, b"gone").unwrap();
        assert!(is_channel(null));
    }
}

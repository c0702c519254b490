//! Training curves for TensorBoard, from the events of a run.

use crate::record::events::{EpisodeRecord, Event, UpdateRecord};
use crate::record::observer::{Observer, Phase};
use crate::{Error, Result};
use crc32c::crc32c;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Writes `events.out.tfevents.*` into a folder: `episode/return` and `episode/length` of each training episode, and
/// `update/<name>` for each metric of an update, over the environment steps. An episode is placed at the end of the
/// rollout it ended in, because several environments share its steps.
///
/// Each process writes a file of its own beside the earlier ones. What an earlier file has beyond the checkpoint that
/// a resumed run goes on from is marked as void.
///
/// A run is worth more than its curves: after an error nothing more is written, and [`TensorBoard::finish`] returns it.
///
/// ```
/// use trimtab_experiments::record::observer::{Observer, Phase};
/// use trimtab_experiments::record::tensorboard::TensorBoard;
///
/// let folder = std::env::temp_dir().join(format!("trimtab-tensorboard-{}", std::process::id()));
/// let mut board = TensorBoard::new(&folder);
/// board.begin(Phase::Training, 0, 0);
/// board.finish()?;
/// assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), trimtab_experiments::Error>(())
/// ```
pub struct TensorBoard {
    folder: PathBuf,
    file: Option<(PathBuf, File)>,
    /// Episodes of the rollout whose update has not been seen.
    episodes: Vec<EpisodeRecord>,
    /// Whether the first update was seen.
    started: bool,
    failed: Option<Error>,
}

impl TensorBoard {
    /// Will write into `folder`, which is made together with the file when the training begins: a run directory must
    /// not be there before its run.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            file: None,
            episodes: Vec::new(),
            started: false,
            failed: None,
        }
    }

    /// Closes the file.
    ///
    /// # Errors
    /// [`Error::File`]: the first thing that went wrong since the beginning.
    pub fn finish(self) -> Result<()> {
        self.failed.map_or(Ok(()), Err)
    }

    /// The file, made if there is none.
    fn open(&mut self) -> Result<()> {
        if self.file.is_some() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.folder).map_err(Error::file(&self.folder))?;
        let seconds = now() as u64;
        // TensorBoard reads files in the order of their names. Those of one second are told apart by a number.
        let mut number = 0;
        let (path, file) = loop {
            let name = format!("events.out.tfevents.{seconds:010}.trimtab.{number:03}");
            let path = self.folder.join(name);
            match File::create_new(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(Error::file(&path)(error)),
            }
        };
        self.file = Some((path, file));
        self.write(&record(&event(0, &bytes(FILE_VERSION, VERSION.as_bytes()))))
    }

    fn write(&mut self, records: &[u8]) -> Result<()> {
        match &mut self.file {
            Some((path, file)) => file.write_all(records).map_err(Error::file(path)),
            None => Ok(()),
        }
    }

    /// Everything of one rollout.
    fn update(&mut self, update: &UpdateRecord) -> Result<()> {
        self.open()?;
        let mut records = Vec::new();
        if !self.started {
            self.started = true;
            let start = bytes(SESSION_LOG, &integer(SESSION_STATUS, SESSION_START));
            records.extend(record(&event(update.steps, &start)));
        }
        for episode in self.episodes.drain(..) {
            let values = [
                ("episode/return".to_owned(), episode.total_reward),
                ("episode/length".to_owned(), episode.length as f64),
            ];
            records.extend(record(&event(update.steps, &summary(values))));
        }
        let metrics = (update.metrics.iter()).map(|(name, x)| (format!("update/{name}"), *x));
        records.extend(record(&event(update.steps, &summary(metrics))));
        self.write(&records)
    }

    /// Does `work` unless something failed before.
    fn attempt(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) {
        if self.failed.is_none() {
            self.failed = work(self).err();
        }
    }
}

impl Observer for TensorBoard {
    fn begin(&mut self, phase: Phase, _total: u64, _done: u64) {
        if phase == Phase::Training {
            self.attempt(Self::open);
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Episode(episode) => self.episodes.push(episode.clone()),
            Event::Update(update) => self.attempt(|board| board.update(update)),
            Event::Reference(_) | Event::Evaluation(_) => {}
        }
    }
}

/// Seconds since 1970, for the axis of relative and wall time.
fn now() -> f64 {
    // A clock before 1970 is wrong in any case.
    (SystemTime::now().duration_since(UNIX_EPOCH)).map_or(0.0, |time| time.as_secs_f64())
}

// Field numbers of `Event`, `SessionLog` and `Summary` in TensorBoard's `event.proto` and `summary.proto`.
const WALL_TIME: u64 = 1;
const STEP: u64 = 2;
const FILE_VERSION: u64 = 3;
const SUMMARY: u64 = 5;
const SESSION_LOG: u64 = 7;
const SESSION_STATUS: u64 = 1;
/// The status at which a reader voids earlier events of the same step and later ones.
const SESSION_START: u64 = 1;
const SUMMARY_VALUE: u64 = 1;
const VALUE_TAG: u64 = 1;
const VALUE_SIMPLE: u64 = 2;

/// The format that every file begins with.
const VERSION: &str = "brain.Event:2";

// Wire types of the protobuf encoding.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED_32: u64 = 5;

/// An `Event` at a step, with one more field.
fn event(step: u64, field: &[u8]) -> Vec<u8> {
    let mut event = key(WALL_TIME, FIXED_64);
    event.extend(now().to_le_bytes());
    event.extend(integer(STEP, step));
    event.extend(field);
    event
}

/// The field `summary` of an event. TensorBoard's scalars are of single precision.
fn summary(values: impl IntoIterator<Item = (String, f64)>) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in values {
        let mut one = bytes(VALUE_TAG, tag.as_bytes());
        one.extend(key(VALUE_SIMPLE, FIXED_32));
        one.extend((value as f32).to_le_bytes());
        summary.extend(bytes(SUMMARY_VALUE, &one));
    }
    bytes(SUMMARY, &summary)
}

fn key(field: u64, wire_type: u64) -> Vec<u8> {
    varint(field << 3 | wire_type)
}

fn integer(field: u64, value: u64) -> Vec<u8> {
    [key(field, VARINT), varint(value)].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [key(field, LENGTH), varint(value.len() as u64)]
        .into_iter()
        .flatten()
        .chain(value.iter().copied())
        .collect()
}

/// Seven bits a byte, the low ones first; the high bit of all but the last byte is set.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A record of the TFRecord format: length, its checksum, data, its checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(crc32c(&length)).to_le_bytes());
    record.extend(data);
    record.extend(masked(crc32c(data)).to_le_bytes());
    record
}

/// The checksum as TFRecord stores it: rotated and shifted, so that a checksum over checksums stays a good one.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Registry, Workers, record::observer::Both, train::runner};
    use std::sync::atomic::AtomicBool;

    fn folder(test: &str) -> PathBuf {
        let name = format!("trimtab-tensorboard-{}-{test}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        // Another process of the same id may have left one.
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    /// The payloads of the records of a file; every checksum is checked.
    fn payloads(mut file: &[u8]) -> Vec<Vec<u8>> {
        let mut payloads = Vec::new();
        while !file.is_empty() {
            let (head, rest) = file.split_at(12);
            let length = u64::from_le_bytes(head[..8].try_into().unwrap()) as usize;
            assert_eq!(masked(crc32c(&head[..8])).to_le_bytes(), head[8..]);
            let (data, rest) = rest.split_at(length);
            assert_eq!(masked(crc32c(data)).to_le_bytes(), rest[..4]);
            payloads.push(data.to_vec());
            file = &rest[4..];
        }
        payloads
    }

    /// The fields of a message: number, and the number or the bytes that it holds.
    fn fields(mut message: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
        fn number(message: &mut &[u8]) -> u64 {
            let mut value = 0;
            for shift in (0..).step_by(7) {
                let byte = message[0];
                *message = &message[1..];
                value |= u64::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            value
        }
        let mut fields = Vec::new();
        while !message.is_empty() {
            let key = number(&mut message);
            let (value, length) = match key & 7 {
                VARINT => (number(&mut message), 0),
                FIXED_64 => (0, 8),
                FIXED_32 => (0, 4),
                other => {
                    assert_eq!(other, LENGTH);
                    (0, number(&mut message) as usize)
                }
            };
            let (bytes, rest) = message.split_at(length);
            fields.push((key >> 3, value, bytes.to_vec()));
            message = rest;
        }
        fields
    }

    /// Step, tag and value of every scalar, in the order of the file.
    fn scalars(file: &[u8]) -> Vec<(u64, String, f32)> {
        let mut scalars = Vec::new();
        for payload in payloads(file) {
            let event = fields(&payload);
            let step = event.iter().find(|field| field.0 == STEP).unwrap().1;
            for (_, _, summary) in event.iter().filter(|field| field.0 == SUMMARY) {
                for (_, _, value) in fields(summary) {
                    let value = fields(&value);
                    let tag = String::from_utf8(value[0].2.clone()).unwrap();
                    let number = f32::from_le_bytes(value[1].2.clone().try_into().unwrap());
                    scalars.push((step, tag, number));
                }
            }
        }
        scalars
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    }

    #[test]
    fn checksums_are_those_of_the_standards() {
        // The check value of RFC 3720's polynomial, and the 32 zeroes of its appendix B.4.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn integers_are_those_of_the_protobuf_documentation() {
        assert_eq!(integer(1, 150), [0x08, 0x96, 0x01]);
        assert_eq!(bytes(2, b"testing"), b"\x12\x07testing");
        assert_eq!(varint(u64::MAX).len(), 10);
    }

    #[test]
    fn a_run_is_written_beside_its_records_and_changes_none_of_them() {
        let text = r#"(name: "a", seed: 1, environment: Named(name: "sigmoid-1d"), algorithm: Ppo(()),
            training: (updates: 2, rollout: Steps(environments: 2, steps: 15)), evaluation: (seeds: 1))"#;
        let config = Config::parse(text, "a.ron").unwrap();
        let folder = folder("run");
        let (registry, interrupted) = (Registry::default(), AtomicBool::new(false));
        let device = burn::tensor::Device::flex();
        let workers = Workers::new(1, device, &registry, &interrupted);
        let (watched, alone) = (folder.join("watched"), folder.join("alone"));
        let mut board = TensorBoard::new(&watched.join("tensorboard"));
        let mut both = Both(crate::record::observer::Quiet, Some(&mut board));
        runner::train(&config, &watched, &workers, &mut both).unwrap();
        board.finish().unwrap();
        runner::train(
            &config,
            &alone,
            &workers,
            &mut crate::record::observer::Quiet,
        )
        .unwrap();

        let events = crate::record::run_directory::read_events(&watched).unwrap();
        assert_eq!(
            events,
            crate::record::run_directory::read_events(&alone).unwrap()
        );
        let files = files(&watched.join("tensorboard"));
        assert_eq!(files.len(), 1);
        let mut expected = Vec::new();
        let mut ended = Vec::new();
        for event in &events {
            match event {
                Event::Episode(episode) => ended.push(episode),
                Event::Update(update) => {
                    for episode in ended.drain(..) {
                        let (total, length) = (episode.total_reward as f32, episode.length as f32);
                        expected.push((update.steps, "episode/return".to_owned(), total));
                        expected.push((update.steps, "episode/length".to_owned(), length));
                    }
                    for (name, value) in &update.metrics {
                        expected.push((update.steps, format!("update/{name}"), *value as f32));
                    }
                }
                Event::Reference(_) | Event::Evaluation(_) => {}
            }
        }
        // Two environments, 30 steps of ten each: four episodes end in two updates, six by the end.
        assert_eq!(
            expected.iter().filter(|s| s.1 == "episode/return").count(),
            6
        );
        assert_eq!(scalars(&std::fs::read(&files[0]).unwrap()), expected);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_second_process_writes_a_second_file_that_voids_what_it_repeats() {
        let folder = folder("again");
        let update = |steps| {
            Event::Update(UpdateRecord {
                update: 0,
                steps,
                metrics: [("policy_loss".to_owned(), 0.5)].into(),
                actions: Vec::new(),
            })
        };
        for steps in [[300, 600], [600, 900]] {
            let mut board = TensorBoard::new(&folder);
            steps.iter().for_each(|steps| board.event(&update(*steps)));
            board.finish().unwrap();
        }
        let files = files(&folder);
        assert_eq!(files.len(), 2);
        let second = std::fs::read(&files[1]).unwrap();
        assert_eq!(scalars(&second)[0].0, 600);
        // The first record names the format, the second begins a session at step 600.
        let session = fields(&payloads(&second)[1]);
        assert_eq!((session[1].0, session[1].1), (STEP, 600));
        assert_eq!(
            (session[2].0, &session[2].2[..]),
            (SESSION_LOG, &[8, 1][..])
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_error_is_kept_for_the_end() {
        let folder = folder("blocked");
        std::fs::write(&folder, "a file where the folder should be").unwrap();
        let mut board = TensorBoard::new(&folder);
        board.begin(Phase::Training, 1, 0);
        let message = board.finish().unwrap_err().to_string();
        assert!(message.contains("blocked"), "{message}");
        std::fs::remove_file(&folder).unwrap();
    }
}

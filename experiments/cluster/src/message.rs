//! What coordinator and workers say to each other.
//!
//! A message is four bytes, `T`, `T` and the version of the format (little-endian), and then type, sequence number and payload in
//! MessagePack. Only the fields' values are written, so whoever changes a field here raises [`VERSION`]. Units and answers are content of
//! this format that only the two ends understand.

use crate::name::{Hash, Name};
use crate::{Error, Result};
use rmp_serde::config::BytesMode;
use serde::{Deserialize, Serialize};

/// The version of the format.
pub const VERSION: u16 = 3;

/// What every message begins with.
const MARK: [u8; 2] = *b"TT";

/// The largest content that is written into a message; larger content goes into the store. A server takes messages of 1 MiB.
pub const MOST_INLINE: usize = 512 * 1024;

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its number among those of its sender, from 0: of what is not stored, such as heartbeats, a lower one is out of date.
    pub sequence: u64,
    /// What it says.
    pub payload: Payload,
}

/// The types of messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Payload {
    /// A worker joins.
    Hello(Hello),
    /// It is alive.
    Heartbeat(Heartbeat),
    /// A unit is to be done.
    Task(Task),
    /// How far it is.
    Progress(Progress),
    /// It is done, or has failed.
    Answer(Answer),
    /// It was done again: the first result is stored already.
    Answered(Hash),
    /// It need not be done any more.
    Cancel(Hash),
    /// It is to stand still at the end of its segment, and to be handed back.
    Preempt(Hash),
    /// A unit that goes back to the coordinator.
    Returned(Returned),
    /// A worker leaves.
    Goodbye(Goodbye),
}

/// What has to be equal on two machines for the same bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Version of the program.
    pub version: String,
    /// Which sources it was built from, and for which machine.
    pub build: String,
    /// Where tensors are.
    pub backend: String,
    /// Bits of a short computation: processors and libraries differ in the last digit.
    pub probe: String,
}

impl Fingerprint {
    /// In which way another one differs; `None` if it does not.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let fields = [
            ("version", &self.version, &other.version),
            ("build", &self.build, &other.build),
            ("backend", &self.backend, &other.backend),
            ("probe of the arithmetic", &self.probe, &other.probe),
        ];
        let differing = fields.into_iter().find(|(_, own, others)| own != others);
        differing.map(|(field, own, others)| format!("its {field} is {others}, here it is {own}"))
    }
}

/// A worker joins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Its name, of this process alone.
    pub worker: Name,
    /// The machine it is on.
    pub host: String,
    /// How many units it does at once.
    pub slots: u32,
    /// What its bits depend on.
    pub fingerprint: Fingerprint,
}

/// A worker is alive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Who.
    pub hello: Hello,
    /// The units that it has taken.
    pub in_hand: Vec<Taken>,
    /// Paused units whose work it keeps, in no slot.
    pub parked: Vec<Hash>,
    /// Units done since it joined.
    pub done: u64,
    /// Seconds since it joined.
    pub seconds: f64,
    /// Seconds that its slots were busy, together.
    pub busy_seconds: f64,
    /// It takes no more units.
    pub leaving: bool,
}

/// A unit that a worker has taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// The run it belongs to.
    pub run: Name,
    /// The unit.
    pub key: Hash,
    /// Whether it is running; if not it is the next.
    pub running: bool,
}

/// Bytes in the message, or in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Content {
    /// Here.
    Inline(Vec<u8>),
    /// Under this name.
    Stored(Hash),
}

/// A unit to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The run it belongs to.
    pub run: Name,
    /// Its name: a function of its run and what is asked, whoever leads the run and however often it is asked.
    pub key: Hash,
    /// How often it was lost before.
    pub attempt: u32,
    /// Under which lead of the run it was handed out; a lower one is out of date.
    pub lead: u64,
    /// What its bits depend on.
    pub fingerprint: Fingerprint,
    /// What is to be done with units of this kind.
    pub job: Hash,
    /// What all units that were handed out together share.
    pub shared: Hash,
    /// The unit.
    pub unit: Content,
    /// What was done of it before it was preempted.
    pub continuation: Option<Content>,
    /// The trace it belongs to, as W3C's `traceparent`.
    pub trace: Option<String>,
}

/// How far a unit is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The unit.
    pub key: Hash,
    /// Who does it.
    pub worker: Name,
    /// Steps since it began.
    pub steps: u64,
}

/// A unit is done, or has failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The run it belongs to.
    pub run: Name,
    /// The unit.
    pub key: Hash,
    /// Who did it.
    pub worker: Name,
    /// Steps it took, all together.
    pub steps: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// The answer, or why there is none.
    pub outcome: std::result::Result<Content, String>,
}

/// A unit that goes back to the coordinator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Returned {
    /// The unit.
    pub key: Hash,
    /// Who gives it back.
    pub worker: Name,
    /// Why.
    pub reason: Reason,
}

/// Why a unit goes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reason {
    /// It stands still, and what was done of it is here.
    Preempted(Content),
    /// It stands still, and the worker keeps what was done of it: work of so many seconds.
    Parked(f64),
    /// The worker leaves, or keeps what was done of it no longer.
    Leaving,
    /// It broke down in the worker; it may succeed elsewhere.
    Broken(String),
}

/// A worker leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goodbye {
    /// Who.
    pub worker: Name,
    /// Why.
    pub reason: String,
}

impl Message {
    /// The bytes.
    ///
    /// # Errors
    /// [`Error::Message`] if a value cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend(MARK);
        bytes.extend(VERSION.to_le_bytes());
        let mut serializer =
            rmp_serde::Serializer::new(&mut bytes).with_bytes(BytesMode::ForceIterables);
        let written = self.serialize(&mut serializer);
        written.map_err(|error| Error::Message(error.to_string()))?;
        Ok(bytes)
    }

    /// The message in these bytes.
    ///
    /// # Errors
    /// [`Error::Message`], which names the version if it is another, and what else does not fit.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let (mark, rest) = bytes
            .split_at_checked(4)
            .ok_or_else(|| Error::Message(format!("it ends after {} bytes", bytes.len())))?;
        if mark[..2] != MARK {
            return Err(Error::Message("it does not begin with TT".to_owned()));
        }
        let version = u16::from_le_bytes([mark[2], mark[3]]);
        if version != VERSION {
            return Err(Error::Message(format!(
                "its version is {version}, this program speaks {VERSION}; run the same program everywhere"
            )));
        }
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(rest);
        deserializer.set_max_depth(64);
        let message = Self::deserialize(&mut deserializer)
            .map_err(|error| Error::Message(error.to_string()))?;
        Ok(message)
    }
}

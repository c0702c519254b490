//! Work on many machines: units and results over NATS JetStream, the same bits whoever does them.
//!
//! Input: units as bytes, from a [`Coordinator`] that leads a run. Output: their answers, in the order of the units. In between, any
//! number of [workers](worker) take units, do them with an [`Executor`], and report. What the bytes mean only the two ends know.
//!
//! Queues, acknowledgements and replicated state are those of the server; which worker gets which unit is decided by
//! [`trimtab_scheduler`].
//!
//! | to find | look in |
//! |---|---|
//! | handing out units, the order of answers | [`coordinator`] |
//! | doing units, and leaving | [`worker`] |
//! | what is said, and its version | [`message`] |
//! | how a cluster stands | [`status`] |
//! | the server, credentials, TLS | [`Server`] |
//! | who leads a run | `lead` |
//! | streams, buckets and content on the server | `store` |
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use std::sync::Arc;
//! use trimtab_cluster::coordinator::{Batch, Coordinator, RunOptions};
//! use trimtab_cluster::message::Fingerprint;
//! use trimtab_cluster::{Error, Name, Server};
//!
//! // A worker elsewhere runs `worker::work` with an executor that squares numbers.
//! let fingerprint = Fingerprint {
//!     version: "1".into(), build: "a".into(), backend: "none".into(), probe: "0".into(),
//! };
//! let options = RunOptions::new(Name::of("squares"), fingerprint, Arc::new(|line| eprintln!("{line}")));
//! let coordinator = Coordinator::start(&Server::default(), options)?;
//! let nothing = coordinator.put(b"")?;
//! let batch = Batch {
//!     job: coordinator.put(b"square")?,
//!     shared: nothing,
//!     count: 3,
//!     unit: &|index| (vec![index as u8], 0),
//!     interrupted: &AtomicBool::new(false),
//!     trace: None,
//! };
//! coordinator.each(&batch, &mut |_steps| {}, &mut |index, answer| {
//!     assert_eq!(answer, [(index * index) as u8]);
//!     Ok::<(), Error>(())
//! })?;
//! coordinator.finish();
//! # Ok::<(), Error>(())
//! ```

pub mod coordinator;
mod error;
mod lead;
pub mod message;
mod name;
mod retry;
mod server;
pub mod status;
mod store;
pub mod worker;

pub use coordinator::Coordinator;
pub use error::{Error, Result};
pub use lead::RunState;
pub use name::{Hash, Name};
pub use server::{Notice, Server};
pub use trimtab_scheduler::{Command, State, Strategy, StrategyConfig};
pub use worker::Executor;

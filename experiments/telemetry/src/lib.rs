//! Telemetry: what a run does, for those who watch it from outside.
//!
//! The other crates say what happens with `tracing`, and know nothing of this one. Here spans become traces and events become metrics:
//! they go to a collector by OTLP ([`Options::otlp`]), and stand on a page that Prometheus reads ([`Options::metrics`]). Data flow one way,
//! and whatever a collector does, the run goes on.
//!
//! | to find | look in |
//! |---|---|
//! | starting, installing, ending within a second | [`Telemetry`] |
//! | which event becomes which metric, with unit and meaning | `measurements` |
//! | by task, run and kind of work | `grouped` |
//! | sending to a collector, and the one warning if that fails | `collector` |
//! | the page for Prometheus | `page` |
//! | a trace that goes on in another process | [`traceparent()`], [`follow()`] |
//! | a collector of one's own: for tests, examples and a first look | [`Receiver`] |
//!
//! ```
//! use trimtab_telemetry::{Options, Receiver, Telemetry};
//! let receiver = Receiver::start()?;
//! let mut telemetry = Telemetry::start(Options {
//!     otlp: Some(receiver.address()),
//!     ..Options::new("example")
//! })?;
//! tracing::dispatcher::with_default(telemetry.dispatch(), || {
//!     let _span = tracing::info_span!(target: "trimtab", "run").entered();
//!     tracing::info!(target: "trimtab::segment", loss = 0.5, cost = 2.0, seconds = 0.1, "segment ended");
//! });
//! assert_eq!(telemetry.value("trimtab_loss"), Some(0.5));
//! telemetry.finish();
//! assert_eq!(receiver.spans()[0].name, "run");
//! assert_eq!(receiver.metric("trimtab.cost").unwrap().value, 2.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod collector;
mod context;
mod error;
mod grouped;
mod measurements;
mod page;
mod receiver;
mod telemetry;

pub use context::{follow, traceparent};
pub use error::{Error, Result};
pub use receiver::{Attributes, Metric, Moment, Receiver, Span, Value};
pub use telemetry::{Notice, Options, Telemetry};

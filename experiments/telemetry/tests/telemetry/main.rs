//! Telemetry against real ends of real connections: receivers that decode OTLP, collectors that fail, `promtool` and `prometheus`.

mod collectors;
mod context;
mod metrics;
mod page;
mod spans;

use std::sync::{Arc, Mutex};
use trimtab_telemetry::{Options, Receiver, Telemetry};

/// Lines that were said.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn options(&self) -> Options {
        let lines = self.0.clone();
        Options {
            notice: Arc::new(move |line| lines.lock().unwrap().push(line.to_owned())),
            ..Options::new("test")
        }
    }
}

/// Telemetry that this receiver is told of.
fn telling(receiver: &Receiver) -> Telemetry {
    let options = Options {
        otlp: Some(receiver.address()),
        ..Said::default().options()
    };
    Telemetry::start(options).unwrap()
}

/// Does what a run does, seen by this telemetry alone.
fn watched<T>(telemetry: &Telemetry, work: impl FnOnce() -> T) -> T {
    tracing::dispatcher::with_default(telemetry.dispatch(), work)
}

/// A run of two segments, of which the second diverges.
fn run() {
    let _run = tracing::info_span!(target: "trimtab", "run", command = "train").entered();
    tracing::info!(target: "trimtab::run", command = "train", "run began");
    let unit = tracing::info_span!(target: "trimtab", "unit", index = 7_i64);
    let _unit = unit.entered();
    tracing::info!(
        target: "trimtab::segment",
        task = "digits", index = 0_i64, loss = 0.25, learning_rate = 0.01, batch_size = 64_i64, cost = 1.5, seconds = 0.02, diverged = false,
        "segment ended"
    );
    tracing::info!(
        target: "trimtab::segment",
        task = "digits", index = 1_i64, loss = f64::NAN, learning_rate = 0.02, batch_size = 32_i64, cost = 0.5, seconds = 2.0, diverged = false,
        "segment ended"
    );
    tracing::info!(target: "trimtab::training", task = "digits", "training ended");
    tracing::info!(target: "trimtab::episode", "episode ended");
    tracing::info!(target: "trimtab::update", "update done");
    tracing::info!(target: "trimtab::unit", kind = "rollouts", run = "a", "unit done");
    tracing::info!(
        target: "trimtab::workers",
        run = "a", strategy = "priority", utilisation = 0.75, queue = 12_i64, leases = 2_i64, redelivered = 3_i64,
        "workers"
    );
}

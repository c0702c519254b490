//! How busy the threads of a batch of units are, for telemetry.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use tracing::Span;

/// The threads of a batch.
pub(super) struct Busy {
    threads: usize,
    units: usize,
    /// Whoever hands them out.
    span: Span,
    begun: Instant,
    standing: Mutex<Standing>,
}

struct Standing {
    /// Units that somebody has begun.
    begun: usize,
    running: usize,
    /// Seconds that threads were busy, together, up to `since`.
    busy: f64,
    since: Instant,
}

impl Standing {
    fn change(&mut self) {
        let now = Instant::now();
        self.busy += self.running as f64 * now.duration_since(self.since).as_secs_f64();
        self.since = now;
    }
}

impl Busy {
    /// So many threads for so many units.
    pub(super) fn new(threads: usize, units: usize) -> Self {
        let now = Instant::now();
        let standing = Standing {
            begun: 0,
            running: 0,
            busy: 0.0,
            since: now,
        };
        Self {
            threads,
            units,
            span: Span::current(),
            begun: now,
            standing: Mutex::new(standing),
        }
    }

    /// Does a unit, in a span of its own, and says how busy all are once it is done.
    pub(super) fn with<T>(
        &self,
        (kind, worker, index): (&str, usize, usize),
        unit: impl FnOnce() -> T,
    ) -> T {
        let span = tracing::info_span!(
            parent: &self.span,
            "unit",
            index = index as i64,
            worker = worker as i64
        );
        let _span = span.entered();
        self.stand(|standing| {
            standing.begun += 1;
            standing.running += 1;
        });
        let clock = Instant::now();
        let done = unit();
        let seconds = clock.elapsed().as_secs_f64();
        tracing::info!(target: "trimtab::unit", kind, seconds, "unit done");
        self.stand(|standing| {
            let elapsed = standing.since.duration_since(self.begun).as_secs_f64();
            tracing::info!(
                target: "trimtab::workers",
                parent: None,
                queue = self.units.saturating_sub(standing.begun) as i64,
                leases = self.threads as i64,
                utilisation = standing.busy / (self.threads as f64 * elapsed),
                "workers"
            );
            standing.running -= 1;
        });
        done
    }

    fn stand(&self, change: impl FnOnce(&mut Standing)) {
        let mut standing = (self.standing.lock()).unwrap_or_else(PoisonError::into_inner);
        standing.change();
        change(&mut standing);
    }
}

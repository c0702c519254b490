//! Which event becomes which metric: the one place that knows names, units and meanings.
//!
//! Names are as OpenTelemetry wants them, without units and without `_total`; Prometheus shows both. There are no attributes: a series for
//! each task or seed would be many.

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Seconds between buckets of a duration: segments take from milliseconds to a quarter of an hour.
const BOUNDS: [f64; 13] = [
    0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0,
];

/// The instruments, and the layer that feeds them.
pub(crate) struct Measurements {
    runs: Counter<u64>,
    trainings: Counter<u64>,
    episodes: Counter<u64>,
    segments: Counter<u64>,
    updates: Counter<u64>,
    units: Counter<u64>,
    cost: Counter<f64>,
    diverged: Counter<u64>,
    redeliveries: Counter<u64>,
    loss: Gauge<f64>,
    learning_rate: Gauge<f64>,
    batch_size: Gauge<f64>,
    utilisation: Gauge<f64>,
    queue: Gauge<f64>,
    leases: Gauge<f64>,
    segment_duration: Histogram<f64>,
}

impl Measurements {
    pub(crate) fn new(meter: &Meter) -> Self {
        let count = |name: &'static str, unit: &'static str, meaning: &'static str| {
            let counter = meter.u64_counter(name).with_unit(unit);
            counter.with_description(meaning).build()
        };
        let gauge = |name: &'static str, unit: &'static str, meaning: &'static str| {
            let gauge = meter.f64_gauge(name).with_unit(unit);
            gauge.with_description(meaning).build()
        };
        Self {
            runs: count("trimtab.runs", "{run}", "Runs that were begun."),
            trainings: count(
                "trimtab.trainings",
                "{training}",
                "Trainings that came to their end.",
            ),
            episodes: count(
                "trimtab.episodes",
                "{episode}",
                "Episodes that a policy has played.",
            ),
            segments: count(
                "trimtab.segments",
                "{segment}",
                "Segments of trainings that ended.",
            ),
            updates: count("trimtab.updates", "{update}", "Updates of a policy."),
            units: count(
                "trimtab.units",
                "{unit}",
                "Units of work that were done here.",
            ),
            cost: meter
                .f64_counter("trimtab.cost")
                .with_unit("s")
                .with_description("What the segments cost, as the cost model of the run counts it.")
                .build(),
            diverged: count(
                "trimtab.diverged",
                "{segment}",
                "Segments whose loss left every reasonable range.",
            ),
            redeliveries: count(
                "trimtab.redeliveries",
                "{unit}",
                "Units that were lost and handed out again.",
            ),
            loss: gauge(
                "trimtab.loss",
                "",
                "Validation loss of the last segment that did not diverge.",
            ),
            learning_rate: gauge(
                "trimtab.learning_rate",
                "",
                "Learning rate of the last segment.",
            ),
            batch_size: gauge(
                "trimtab.batch_size",
                "{example}",
                "Batch size of the last segment.",
            ),
            utilisation: gauge(
                "trimtab.utilisation",
                "1",
                "Share of the time of the workers in which they were busy.",
            ),
            queue: gauge("trimtab.queue", "{unit}", "Units that nobody has begun."),
            leases: gauge(
                "trimtab.leases",
                "{worker}",
                "Workers that are there: threads, or machines whose lease holds.",
            ),
            segment_duration: meter
                .f64_histogram("trimtab.segment.duration")
                .with_unit("s")
                .with_description("How long segments took by the clock.")
                .with_boundaries(BOUNDS.to_vec())
                .build(),
        }
    }

    fn segment(&self, fields: &Fields) {
        self.segments.add(1, &[]);
        fields.tell("cost", |cost| self.cost.add(cost.max(0.0), &[]));
        fields.tell("seconds", |seconds| {
            self.segment_duration.record(seconds, &[])
        });
        fields.tell("learning_rate", |rate| self.learning_rate.record(rate, &[]));
        fields.tell("batch_size", |size| self.batch_size.record(size, &[]));
        let loss = fields.get("loss");
        // A gauge takes no NaN and would go on showing the loss before it: what diverges is counted instead.
        let finite = loss.is_none_or(f64::is_finite);
        if fields.get("diverged") == Some(1.0) || !finite {
            self.diverged.add(1, &[]);
        } else {
            fields.tell("loss", |loss| self.loss.record(loss, &[]));
        }
    }
}

impl<S: Subscriber> Layer<S> for Measurements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(Vec::with_capacity(8));
        match event.metadata().target() {
            "trimtab::run" => self.runs.add(1, &[]),
            "trimtab::training" => self.trainings.add(1, &[]),
            "trimtab::episode" => self.episodes.add(1, &[]),
            "trimtab::update" => self.updates.add(1, &[]),
            "trimtab::unit" => self.units.add(1, &[]),
            "trimtab::segment" => {
                event.record(&mut fields);
                self.segment(&fields);
            }
            "trimtab::workers" => {
                event.record(&mut fields);
                fields.tell("utilisation", |share| self.utilisation.record(share, &[]));
                fields.tell("queue", |units| self.queue.record(units, &[]));
                fields.tell("leases", |workers| self.leases.record(workers, &[]));
                fields.tell("redelivered", |units| {
                    self.redeliveries.add(units.max(0.0) as u64, &[]);
                });
            }
            _ => {}
        }
    }
}

/// The numbers of an event.
struct Fields(Vec<(&'static str, f64)>);

impl Fields {
    fn get(&self, name: &str) -> Option<f64> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    }

    /// A number that is there and finite.
    fn tell(&self, name: &str, told: impl FnOnce(f64)) {
        if let Some(value) = self.get(name).filter(|value| value.is_finite()) {
            told(value);
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value as f64));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value as f64));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), f64::from(u8::from(value))));
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

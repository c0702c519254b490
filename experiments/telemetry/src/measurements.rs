//! Which event becomes which metric: the one place that knows names, units and meanings.
//!
//! Names are as OpenTelemetry wants them, without units and without `_total`; Prometheus shows both. There are no attributes: a series for
//! each task or seed would be many. An event changes a few numbers here, which the meter asks for when somebody wants to know: telling
//! six instruments at each segment could be seen in the time of a rollout.

use opentelemetry::metrics::{Histogram, Meter};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Seconds between buckets of a duration: segments take from milliseconds to a quarter of an hour.
const BOUNDS: [f64; 13] = [
    0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0,
];

/// The layer that measures.
pub(crate) struct Measurements {
    numbers: Arc<Numbers>,
    segment_duration: Histogram<f64>,
}

/// What the meter asks for.
#[derive(Default)]
struct Numbers {
    runs: AtomicU64,
    trainings: AtomicU64,
    episodes: AtomicU64,
    segments: AtomicU64,
    updates: AtomicU64,
    units: AtomicU64,
    diverged: AtomicU64,
    redeliveries: AtomicU64,
    cost: Amount,
    loss: Last,
    learning_rate: Last,
    batch_size: Last,
    utilisation: Last,
    queue: Last,
    leases: Last,
}

/// A sum of amounts that are not negative, as the bits of an `f64`.
#[derive(Default)]
struct Amount(AtomicU64);

impl Amount {
    fn add(&self, more: f64) {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let sum = (f64::from_bits(now) + more.max(0.0)).to_bits();
            let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
            match self.0.compare_exchange_weak(now, sum, set, get) {
                Ok(_) => return,
                Err(changed) => now = changed,
            }
        }
    }
}

/// The last value, as the bits of an `f64`.
struct Last(AtomicU64);

impl Default for Last {
    fn default() -> Self {
        Self(AtomicU64::new(f64::NAN.to_bits()))
    }
}

/// One more.
fn count(number: &AtomicU64) {
    number.fetch_add(1, Ordering::Relaxed);
}

/// Name, unit, meaning, and where the number is.
type Row<T> = (&'static str, &'static str, &'static str, fn(&Numbers) -> &T);

impl Measurements {
    pub(crate) fn new(meter: &Meter) -> Self {
        let numbers = Arc::<Numbers>::default();
        let counts: [Row<AtomicU64>; 8] = [
            ("trimtab.runs", "{run}", "Runs that were begun.", |all| {
                &all.runs
            }),
            (
                "trimtab.trainings",
                "{training}",
                "Trainings that came to their end.",
                |all| &all.trainings,
            ),
            (
                "trimtab.episodes",
                "{episode}",
                "Episodes that a policy has played.",
                |all| &all.episodes,
            ),
            (
                "trimtab.segments",
                "{segment}",
                "Segments of trainings that ended.",
                |all| &all.segments,
            ),
            (
                "trimtab.updates",
                "{update}",
                "Updates of a policy.",
                |all| &all.updates,
            ),
            (
                "trimtab.units",
                "{unit}",
                "Units of work that were done here.",
                |all| &all.units,
            ),
            (
                "trimtab.diverged",
                "{segment}",
                "Segments whose loss left every reasonable range.",
                |all| &all.diverged,
            ),
            (
                "trimtab.redeliveries",
                "{unit}",
                "Units that were lost and handed out again.",
                |all| &all.redeliveries,
            ),
        ];
        for (name, unit, meaning, of) in counts {
            let numbers = numbers.clone();
            let counter = meter.u64_observable_counter(name).with_unit(unit);
            let counter = counter.with_description(meaning);
            counter
                .with_callback(move |asking| {
                    asking.observe(of(&numbers).load(Ordering::Relaxed), &[])
                })
                .build();
        }
        let lasts: [Row<Last>; 6] = [
            (
                "trimtab.loss",
                "",
                "Validation loss of the last segment that did not diverge.",
                |all| &all.loss,
            ),
            (
                "trimtab.learning_rate",
                "",
                "Learning rate of the last segment.",
                |all| &all.learning_rate,
            ),
            (
                "trimtab.batch_size",
                "{example}",
                "Batch size of the last segment.",
                |all| &all.batch_size,
            ),
            (
                "trimtab.utilisation",
                "1",
                "Share of the time of the workers in which they were busy.",
                |all| &all.utilisation,
            ),
            (
                "trimtab.queue",
                "{unit}",
                "Units that nobody has begun.",
                |all| &all.queue,
            ),
            (
                "trimtab.leases",
                "{worker}",
                "Workers that are there: threads, or machines whose lease holds.",
                |all| &all.leases,
            ),
        ];
        for (name, unit, meaning, of) in lasts {
            let numbers = numbers.clone();
            let gauge = meter.f64_observable_gauge(name).with_unit(unit);
            let gauge = gauge.with_description(meaning);
            gauge
                .with_callback(move |asking| {
                    let value = f64::from_bits(of(&numbers).0.load(Ordering::Relaxed));
                    // Nothing was said of it yet.
                    if value.is_finite() {
                        asking.observe(value, &[]);
                    }
                })
                .build();
        }
        let asked = numbers.clone();
        meter
            .f64_observable_counter("trimtab.cost")
            .with_unit("s")
            .with_description("What the segments cost, as the cost model of the run counts it.")
            .with_callback(move |asking| {
                asking.observe(f64::from_bits(asked.cost.0.load(Ordering::Relaxed)), &[]);
            })
            .build();
        let segment_duration = meter
            .f64_histogram("trimtab.segment.duration")
            .with_unit("s")
            .with_description("How long segments took by the clock.")
            .with_boundaries(BOUNDS.to_vec())
            .build();
        Self {
            numbers,
            segment_duration,
        }
    }

    fn segment(&self, fields: &Fields) {
        let all = &self.numbers;
        count(&all.segments);
        finite(fields.cost, |cost| all.cost.add(cost));
        finite(fields.seconds, |seconds| {
            self.segment_duration.record(seconds, &[])
        });
        last(&all.learning_rate, fields.learning_rate);
        last(&all.batch_size, fields.batch_size);
        // A gauge takes no NaN and would go on showing the loss before it: what diverges is counted instead.
        if fields.diverged || fields.loss.is_some_and(|loss| !loss.is_finite()) {
            count(&all.diverged);
        } else {
            last(&all.loss, fields.loss);
        }
    }

    fn workers(&self, fields: &Fields) {
        let all = &self.numbers;
        last(&all.utilisation, fields.utilisation);
        last(&all.queue, fields.queue);
        last(&all.leases, fields.leases);
        finite(fields.redelivered, |units| {
            all.redeliveries
                .fetch_add(units.max(0.0) as u64, Ordering::Relaxed);
        });
    }
}

/// Tells a number that is there and finite.
fn finite(value: Option<f64>, told: impl FnOnce(f64)) {
    if let Some(value) = value.filter(|value| value.is_finite()) {
        told(value);
    }
}

fn last(number: &Last, value: Option<f64>) {
    finite(value, |value| {
        number.0.store(value.to_bits(), Ordering::Relaxed)
    });
}

impl<S: Subscriber> Layer<S> for Measurements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let all = &self.numbers;
        match event.metadata().target() {
            "trimtab::segment" => self.segment(&Fields::of(event)),
            "trimtab::workers" => self.workers(&Fields::of(event)),
            "trimtab::unit" => count(&all.units),
            "trimtab::training" => count(&all.trainings),
            "trimtab::episode" => count(&all.episodes),
            "trimtab::update" => count(&all.updates),
            "trimtab::run" => count(&all.runs),
            _ => {}
        }
    }
}

/// What an event says.
#[derive(Default)]
struct Fields {
    loss: Option<f64>,
    learning_rate: Option<f64>,
    batch_size: Option<f64>,
    cost: Option<f64>,
    seconds: Option<f64>,
    diverged: bool,
    utilisation: Option<f64>,
    queue: Option<f64>,
    leases: Option<f64>,
    redelivered: Option<f64>,
}

impl Fields {
    fn of(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        fields
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        let known = match field.name() {
            "loss" => &mut self.loss,
            "learning_rate" => &mut self.learning_rate,
            "batch_size" => &mut self.batch_size,
            "cost" => &mut self.cost,
            "seconds" => &mut self.seconds,
            "utilisation" => &mut self.utilisation,
            "queue" => &mut self.queue,
            "leases" => &mut self.leases,
            "redelivered" => &mut self.redelivered,
            _ => return,
        };
        *known = Some(value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record_f64(field, value as f64);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_f64(field, value as f64);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.diverged |= value && field.name() == "diverged";
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

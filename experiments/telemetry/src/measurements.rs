//! Which event becomes which metric: the one place that knows names, units, meanings and attributes.
//!
//! Names are as OpenTelemetry wants them, without units and without `_total`; Prometheus shows both. Attributes are what people group by and
//! what there are few of: tasks, runs, kinds of work, never seeds or units. An event changes a few numbers here, which the meter asks for
//! when somebody wants to know: telling six instruments at each segment could be seen in the time of a rollout.

use crate::grouped::{Group, Grouped, Member};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    runs: Grouped<AtomicU64>,
    units: Grouped<AtomicU64>,
    redeliveries: Grouped<AtomicU64>,
    episodes: AtomicU64,
    updates: AtomicU64,
    tasks: Grouped<OfTask>,
    workers: OfWorkers,
}

/// What is known of the trainings of a task.
#[derive(Default)]
struct OfTask {
    trainings: AtomicU64,
    segments: AtomicU64,
    diverged: AtomicU64,
    cost: Amount,
    loss: Last,
    learning_rate: Last,
    batch_size: Last,
}

/// How those stand who do the units now.
#[derive(Default)]
struct OfWorkers {
    utilisation: Last,
    queue: Last,
    leases: Last,
    /// For which run, and by which strategy.
    attributes: Mutex<Vec<KeyValue>>,
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

impl Last {
    fn set(&self, value: Option<f64>) {
        finite(value, |value| {
            self.0.store(value.to_bits(), Ordering::Relaxed)
        });
    }

    /// `None` if nothing was said of it yet.
    fn get(&self) -> Option<f64> {
        let value = f64::from_bits(self.0.load(Ordering::Relaxed));
        value.is_finite().then_some(value)
    }
}

/// One more.
fn count(number: &AtomicU64) {
    number.fetch_add(1, Ordering::Relaxed);
}

/// A number, and what it belongs to.
type Told<T> = (T, Vec<KeyValue>);

/// Each group's.
fn each<T: Default, V>(groups: &Grouped<T>, of: impl Fn(&T) -> Option<V>) -> Vec<Told<V>> {
    let told = |member: Arc<Member<T>>| Some((of(&member.numbers)?, member.attributes.clone()));
    groups.all().into_iter().filter_map(told).collect()
}

/// That of all together.
fn whole(number: &AtomicU64) -> Vec<Told<u64>> {
    vec![(number.load(Ordering::Relaxed), Vec::new())]
}

fn counts<T: Default>(groups: &Grouped<T>, of: fn(&T) -> &AtomicU64) -> Vec<Told<u64>> {
    each(groups, |numbers| Some(of(numbers).load(Ordering::Relaxed)))
}

impl OfWorkers {
    fn told(&self, number: &Last) -> Vec<Told<f64>> {
        let attributes = self
            .attributes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let told = number.get().map(|value| (value, attributes.clone()));
        told.into_iter().collect()
    }
}

/// Name, unit, meaning, and where the numbers are.
type Row<V> = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Numbers) -> Vec<Told<V>>,
);

const COUNTS: [Row<u64>; 8] = [
    ("trimtab.runs", "{run}", "Runs that were begun.", |all| {
        counts(&all.runs, |number| number)
    }),
    (
        "trimtab.trainings",
        "{training}",
        "Trainings that came to their end.",
        |all| counts(&all.tasks, |task| &task.trainings),
    ),
    (
        "trimtab.episodes",
        "{episode}",
        "Episodes that a policy has played.",
        |all| whole(&all.episodes),
    ),
    (
        "trimtab.segments",
        "{segment}",
        "Segments of trainings that ended.",
        |all| counts(&all.tasks, |task| &task.segments),
    ),
    (
        "trimtab.updates",
        "{update}",
        "Updates of a policy.",
        |all| whole(&all.updates),
    ),
    (
        "trimtab.units",
        "{unit}",
        "Units of work that were done here.",
        |all| counts(&all.units, |number| number),
    ),
    (
        "trimtab.diverged",
        "{segment}",
        "Segments whose loss left every reasonable range.",
        |all| counts(&all.tasks, |task| &task.diverged),
    ),
    (
        "trimtab.redeliveries",
        "{unit}",
        "Units that were lost and handed out again.",
        |all| counts(&all.redeliveries, |number| number),
    ),
];

const LASTS: [Row<f64>; 6] = [
    (
        "trimtab.loss",
        "",
        "Validation loss of the last segment that did not diverge.",
        |all| each(&all.tasks, |task| task.loss.get()),
    ),
    (
        "trimtab.learning_rate",
        "",
        "Learning rate of the last segment.",
        |all| each(&all.tasks, |task| task.learning_rate.get()),
    ),
    (
        "trimtab.batch_size",
        "{example}",
        "Batch size of the last segment.",
        |all| each(&all.tasks, |task| task.batch_size.get()),
    ),
    (
        "trimtab.utilisation",
        "1",
        "Share of the time of the workers in which they were busy.",
        |all| all.workers.told(&all.workers.utilisation),
    ),
    (
        "trimtab.queue",
        "{unit}",
        "Units that nobody has begun.",
        |all| all.workers.told(&all.workers.queue),
    ),
    (
        "trimtab.leases",
        "{worker}",
        "Workers that are there: threads, or machines whose lease holds.",
        |all| all.workers.told(&all.workers.leases),
    ),
];

impl Measurements {
    pub(crate) fn new(meter: &Meter) -> Self {
        let numbers = Arc::<Numbers>::default();
        for (name, unit, meaning, of) in COUNTS {
            let numbers = numbers.clone();
            let counter = meter.u64_observable_counter(name).with_unit(unit);
            let counter = counter.with_description(meaning);
            counter
                .with_callback(move |asking| {
                    for (value, attributes) in of(&numbers) {
                        asking.observe(value, &attributes);
                    }
                })
                .build();
        }
        for (name, unit, meaning, of) in LASTS {
            let numbers = numbers.clone();
            let gauge = meter.f64_observable_gauge(name).with_unit(unit);
            let gauge = gauge.with_description(meaning);
            gauge
                .with_callback(move |asking| {
                    for (value, attributes) in of(&numbers) {
                        asking.observe(value, &attributes);
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
                let cost =
                    |task: &OfTask| Some(f64::from_bits(task.cost.0.load(Ordering::Relaxed)));
                for (value, attributes) in each(&asked.tasks, cost) {
                    asking.observe(value, &attributes);
                }
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
        let member = self.numbers.tasks.of(fields.group(["task"]));
        let task = &member.numbers;
        count(&task.segments);
        finite(fields.cost, |cost| task.cost.add(cost));
        finite(fields.seconds, |seconds| {
            self.segment_duration.record(seconds, &member.attributes)
        });
        task.learning_rate.set(fields.learning_rate);
        task.batch_size.set(fields.batch_size);
        // A gauge takes no NaN and would go on showing the loss before it: what diverges is counted instead.
        if fields.diverged || fields.loss.is_some_and(|loss| !loss.is_finite()) {
            count(&task.diverged);
        } else {
            task.loss.set(fields.loss);
        }
    }

    fn workers(&self, fields: &Fields) {
        let workers = &self.numbers.workers;
        workers.utilisation.set(fields.utilisation);
        workers.queue.set(fields.queue);
        workers.leases.set(fields.leases);
        let group = fields.group(["run", "strategy"]);
        let attributes = group
            .into_iter()
            .map(|(name, value)| KeyValue::new(name, value));
        *workers
            .attributes
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = attributes.collect();
        finite(fields.redelivered, |units| {
            let run = self.numbers.redeliveries.of(fields.group(["run"]));
            run.numbers
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

impl<S: Subscriber> Layer<S> for Measurements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let all = &self.numbers;
        match event.metadata().target() {
            "trimtab::segment" => self.segment(&Fields::of(event)),
            "trimtab::workers" => self.workers(&Fields::of(event)),
            "trimtab::unit" => {
                let group = Fields::of(event).group(["kind", "run"]);
                count(&all.units.of(group).numbers);
            }
            "trimtab::training" => {
                let group = Fields::of(event).group(["task"]);
                count(&all.tasks.of(group).numbers.trainings);
            }
            "trimtab::episode" => count(&all.episodes),
            "trimtab::update" => count(&all.updates),
            "trimtab::run" => {
                let group = Fields::of(event).group(["command"]);
                count(&all.runs.of(group).numbers);
            }
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
    /// What it belongs to.
    texts: Group,
}

impl Fields {
    fn of(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        fields
    }

    /// Those of these that it says.
    fn group<const COUNT: usize>(&self, names: [&str; COUNT]) -> Group {
        let said = self.texts.iter();
        said.filter(|(name, _)| names.contains(name))
            .cloned()
            .collect()
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

    fn record_str(&mut self, field: &Field, value: &str) {
        if matches!(
            field.name(),
            "task" | "run" | "kind" | "strategy" | "command"
        ) {
            self.texts.push((field.name(), value.to_owned()));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

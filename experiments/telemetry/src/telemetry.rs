//! Telemetry of a process, from its start to its end.

use crate::collector::Collector;
use crate::measurements::Measurements;
use crate::page::Page;
use crate::{Error, Result};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::Registry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime};
use tracing::{Dispatch, Level};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;

/// Told of what happens, a line at a time.
pub type Notice = Arc<dyn Fn(&str) + Send + Sync>;

/// The end of a process waits this long for a collector, and no longer.
const LAST_WORDS: Duration = Duration::from_millis(900);

/// What is told to whom.
#[derive(Clone)]
pub struct Options {
    /// Which program this is; `OTEL_SERVICE_NAME` in its environment goes before it.
    pub service: String,
    /// The collector, such as `http://127.0.0.1:4318`.
    pub otlp: Option<String>,
    /// The address of the page for Prometheus, such as `127.0.0.1:9464`; port 0 takes a free one.
    pub metrics: Option<String>,
    /// Told if a collector fails, once.
    pub notice: Notice,
}

impl Options {
    /// Telemetry of this program that nobody is told of yet.
    pub fn new(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            otlp: None,
            metrics: None,
            notice: Arc::new(|_| {}),
        }
    }
}

/// Telemetry under way. It ends when it is dropped.
pub struct Telemetry {
    dispatch: Dispatch,
    tracer: SdkTracerProvider,
    meter: SdkMeterProvider,
    registry: Registry,
    collector: Option<Arc<Collector>>,
    page: Option<Page>,
    finished: bool,
}

impl Telemetry {
    /// Starts telemetry. Nobody tells it anything before [`Telemetry::install`], or a use of [`Telemetry::dispatch`].
    ///
    /// # Errors
    /// [`Error::Option`] if an address is none, or is taken. Whether a collector is there is not asked.
    pub fn start(options: Options) -> Result<Self> {
        let otlp = options.otlp.as_deref();
        let collector = otlp.map(|address| Collector::at(address, options.notice.clone()));
        let collector = collector.transpose()?;
        let registry = Registry::new();
        let address = options.metrics.as_deref();
        let page = address.map(|address| Page::serve(address, registry.clone()));
        let page = page.transpose()?;

        let resource = resource(&options.service);
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()
            .map_err(Error::start)?;
        let mut meter = SdkMeterProvider::builder()
            .with_resource(resource.clone())
            .with_reader(reader);
        let mut tracer = SdkTracerProvider::builder().with_resource(resource);
        if let Some(collector) = &collector {
            meter = meter.with_periodic_exporter(collector.metrics()?);
            tracer = tracer.with_batch_exporter(collector.spans()?);
        }
        let (meter, tracer) = (meter.build(), tracer.build());
        let spans = tracing_opentelemetry::layer()
            .with_tracer(tracer.tracer("trimtab"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        // Only what the crates of this workspace say, and nothing of the libraries under them.
        let ours = filter_fn(|metadata| {
            *metadata.level() <= Level::INFO && metadata.target().starts_with("trimtab")
        })
        .with_max_level_hint(Level::INFO);
        let subscriber = tracing_subscriber::registry()
            .with(ours)
            .with(spans)
            .with(Measurements::new(&meter.meter("trimtab")));
        Ok(Self {
            dispatch: Dispatch::new(subscriber),
            tracer,
            meter,
            registry,
            collector,
            page,
            finished: false,
        })
    }

    /// Listens to all threads of this process.
    ///
    /// # Errors
    /// [`Error::Start`] if another subscriber of `tracing` does so already.
    pub fn install(&self) -> Result<()> {
        tracing::dispatcher::set_global_default(self.dispatch.clone()).map_err(Error::start)
    }

    /// Listens where this is the default: a part of a process, such as one test of many.
    pub fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// Where the page for Prometheus is.
    pub fn page(&self) -> Option<SocketAddr> {
        self.page.as_ref().map(Page::address)
    }

    /// What a metric says now, by its name on the page, whatever it belongs to: sums of counters, how many values histograms have counted, and
    /// of gauges the first. `None` if nothing was told of it yet. It is read from the meter, as the page is.
    pub fn value(&self, name: &str) -> Option<f64> {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name)?;
        let metrics = family.get_metric();
        let first = metrics.first()?;
        Some(match family.get_field_type() {
            prometheus::proto::MetricType::COUNTER => {
                metrics.iter().map(|it| it.get_counter().get_value()).sum()
            }
            prometheus::proto::MetricType::HISTOGRAM => {
                let counts = metrics
                    .iter()
                    .map(|it| it.get_histogram().get_sample_count());
                counts.sum::<u64>() as f64
            }
            _ => first.get_gauge().get_value(),
        })
    }

    /// Sends what was not sent yet, and ends. It returns within a second, whatever the collector does; spans that are still open are lost.
    pub fn finish(&mut self) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        self.page = None;
        let Some(collector) = self.collector.clone() else {
            return;
        };
        // Both wait for the collector, and the meter for longer than it is told: so they wait on threads of their own.
        let begun = Instant::now();
        let (done, ended) = channel();
        let (tracer, meter) = (self.tracer.clone(), self.meter.clone());
        let ends: [Box<dyn FnOnce() + Send>; 2] = [
            Box::new(move || tracer.shutdown_with_timeout(LAST_WORDS).unwrap_or_default()),
            Box::new(move || meter.shutdown().unwrap_or_default()),
        ];
        let threads = ends.map(|end| {
            let done = done.clone();
            let thread = std::thread::Builder::new().name("telemetry ends".to_owned());
            let thread = thread.spawn(move || {
                end();
                done.send(()).unwrap_or_default();
            });
            thread.is_ok()
        });
        let all = threads.into_iter().filter(|started| *started).all(|_| {
            let left = LAST_WORDS.saturating_sub(begun.elapsed());
            ended.recv_timeout(left).is_ok()
        });
        if !all || begun.elapsed() >= LAST_WORDS {
            collector.warn("it does not answer");
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Which process this is.
fn resource(service: &str) -> Resource {
    let begun = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    // Two processes are two instances, also on one machine and under one name.
    let instance = format!("{}-{:x}", std::process::id(), begun.as_nanos());
    let resource = Resource::builder()
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if std::env::var_os("OTEL_SERVICE_NAME").is_some() {
        return resource.build();
    }
    resource.with_service_name(service.to_owned()).build()
}

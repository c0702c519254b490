//! A small collector: a loopback server that takes OTLP over HTTP, decodes it and keeps it. For tests, examples, and a first look without
//! a collector.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, metric, number_data_point};
use prost::Message;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tiny_http::{Response, Server};

/// The largest message that is read: a batch is 512 spans.
const MOST_RECEIVED: u64 = 1 << 26;

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// Another number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// Anything else.
    Other,
}

/// Attributes by name.
pub type Attributes = BTreeMap<String, Value>;

/// An event within a span.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// What happened.
    pub name: String,
    /// What is said of it.
    pub attributes: Attributes,
}

/// A span that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The service that it is from.
    pub service: String,
    /// The trace, in hexadecimal digits.
    pub trace: String,
    /// The span, in hexadecimal digits.
    pub id: String,
    /// The span that it is a part of.
    pub parent: Option<String>,
    /// What was going on.
    pub name: String,
    /// When it began, in seconds since 1970.
    pub begun: f64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What is said of it.
    pub attributes: Attributes,
    /// What happened in it.
    pub events: Vec<Moment>,
}

/// A metric as it was told last.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// What it means.
    pub description: String,
    /// Whether it is a sum since the start.
    pub is_sum: bool,
    /// The sum, the last value of the first gauge, or the sum of a histogram, whatever they belong to.
    pub value: f64,
    /// How many values a histogram has; 0 for others.
    pub count: u64,
    /// The bounds of a histogram.
    pub bounds: Vec<f64>,
    /// Its numbers, each with what it belongs to.
    pub groups: Vec<(Attributes, f64)>,
}

#[derive(Default)]
struct Kept {
    spans: Vec<Span>,
    metrics: BTreeMap<String, Metric>,
    messages: u64,
}

/// A collector that keeps what it is told until it is dropped.
pub struct Receiver {
    server: Arc<Server>,
    kept: Arc<Mutex<Kept>>,
}

impl Receiver {
    /// Listens at a free port of this machine.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn start() -> std::io::Result<Self> {
        let server = Server::http("127.0.0.1:0").map_err(std::io::Error::other)?;
        let (server, kept) = (Arc::new(server), Arc::<Mutex<Kept>>::default());
        let (serving, keeping) = (server.clone(), kept.clone());
        std::thread::Builder::new().spawn(move || {
            for mut request in serving.incoming_requests() {
                let mut body = Vec::new();
                let whole = request
                    .as_reader()
                    .take(MOST_RECEIVED)
                    .read_to_end(&mut body);
                let taken = whole.is_ok() && lock(&keeping).take(request.url(), &body);
                let status = if taken { 200 } else { 400 };
                let answer = Response::from_data(Vec::new()).with_status_code(status);
                request.respond(answer).unwrap_or_default();
            }
        })?;
        Ok(Self { server, kept })
    }

    /// Its address, for [`crate::Options::otlp`].
    pub fn address(&self) -> String {
        format!("http://{}", self.server.server_addr())
    }

    /// All spans that have ended, as they came.
    pub fn spans(&self) -> Vec<Span> {
        lock(&self.kept).spans.clone()
    }

    /// A metric as it was told last.
    pub fn metric(&self, name: &str) -> Option<Metric> {
        lock(&self.kept).metrics.get(name).cloned()
    }

    /// All metrics as they were told last.
    pub fn metrics(&self) -> Vec<Metric> {
        lock(&self.kept).metrics.values().cloned().collect()
    }

    /// How many messages came.
    pub fn messages(&self) -> u64 {
        lock(&self.kept).messages
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    /// Whether a message could be read.
    fn take(&mut self, path: &str, body: &[u8]) -> bool {
        self.messages += 1;
        match path {
            "/v1/traces" => {
                let Ok(message) = ExportTraceServiceRequest::decode(body) else {
                    return false;
                };
                self.take_spans(message);
            }
            "/v1/metrics" => {
                let Ok(message) = ExportMetricsServiceRequest::decode(body) else {
                    return false;
                };
                self.take_metrics(message);
            }
            _ => return false,
        }
        true
    }

    fn take_spans(&mut self, message: ExportTraceServiceRequest) {
        for of_resource in message.resource_spans {
            let resource = of_resource.resource.unwrap_or_default();
            let service = match attributes(&resource.attributes).remove("service.name") {
                Some(Value::Text(name)) => name,
                _ => String::new(),
            };
            let scopes = of_resource.scope_spans.into_iter();
            for span in scopes.flat_map(|scope| scope.spans) {
                let nanoseconds = span
                    .end_time_unix_nano
                    .saturating_sub(span.start_time_unix_nano);
                let events = span.events.iter().map(|event| Moment {
                    name: event.name.clone(),
                    attributes: attributes(&event.attributes),
                });
                self.spans.push(Span {
                    service: service.clone(),
                    trace: hexadecimal(&span.trace_id),
                    id: hexadecimal(&span.span_id),
                    parent: Some(hexadecimal(&span.parent_span_id)).filter(|id| !id.is_empty()),
                    name: span.name,
                    begun: span.start_time_unix_nano as f64 * 1e-9,
                    seconds: nanoseconds as f64 * 1e-9,
                    attributes: attributes(&span.attributes),
                    events: events.collect(),
                });
            }
        }
    }

    fn take_metrics(&mut self, message: ExportMetricsServiceRequest) {
        let scopes = message
            .resource_metrics
            .into_iter()
            .flat_map(|resource| resource.scope_metrics);
        for told in scopes.flat_map(|scope| scope.metrics) {
            let mut metric = Metric {
                name: told.name,
                unit: told.unit,
                description: told.description,
                is_sum: matches!(told.data, Some(metric::Data::Sum(_))),
                value: f64::NAN,
                count: 0,
                bounds: Vec::new(),
                groups: Vec::new(),
            };
            match told.data {
                Some(metric::Data::Sum(sum)) => {
                    metric.groups = groups(&sum.data_points);
                    metric.value = metric.groups.iter().map(|group| group.1).sum();
                }
                Some(metric::Data::Gauge(gauge)) => {
                    metric.groups = groups(&gauge.data_points);
                    metric.value = metric.groups.first().map_or(f64::NAN, |group| group.1);
                }
                Some(metric::Data::Histogram(histogram)) => {
                    metric.value = 0.0;
                    for point in histogram.data_points {
                        let sum = point.sum.unwrap_or(f64::NAN);
                        metric.value += sum;
                        metric.count += point.count;
                        metric.bounds = point.explicit_bounds;
                        metric.groups.push((attributes(&point.attributes), sum));
                    }
                }
                _ => {}
            }
            self.metrics.insert(metric.name.clone(), metric);
        }
    }
}

fn groups(points: &[NumberDataPoint]) -> Vec<(Attributes, f64)> {
    let number = |point: &NumberDataPoint| match point.value {
        Some(number_data_point::Value::AsDouble(value)) => value,
        Some(number_data_point::Value::AsInt(value)) => value as f64,
        None => f64::NAN,
    };
    let points = points.iter();
    points
        .map(|point| (attributes(&point.attributes), number(point)))
        .collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(pairs: &[KeyValue]) -> Attributes {
    let pairs = pairs.iter();
    let value = |value: &Option<AnyValue>| match value.as_ref().and_then(|any| any.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => Value::Text(text.clone()),
        Some(any_value::Value::IntValue(number)) => Value::Whole(*number),
        Some(any_value::Value::DoubleValue(number)) => Value::Number(*number),
        Some(any_value::Value::BoolValue(flag)) => Value::Flag(*flag),
        _ => Value::Other,
    };
    pairs
        .map(|pair| (pair.key.clone(), value(&pair.value)))
        .collect()
}

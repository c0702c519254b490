//! A trace that goes on in another process, as W3C's trace context has it: `00-<trace>-<span>-<flags>`.

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::collections::HashMap;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The name under which W3C's trace context travels.
const TRACEPARENT: &str = "traceparent";

/// Where the current span is, for another process that goes on from it. `None` outside of spans, and where nobody listens.
pub fn traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    let context = tracing::Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Makes a span that was not entered yet a child of the one that `traceparent` names. One that cannot be read is left out: a trace that
/// begins anew is no reason not to do the work.
pub fn follow(span: &tracing::Span, traceparent: &str) {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    span.set_parent(context).unwrap_or_default();
}

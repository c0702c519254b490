//! The way to a collector: OTLP over HTTP. What cannot be delivered is lost, and said once.

use crate::telemetry::Notice;
use crate::{Error, Result};
use async_trait::async_trait;
use http::{Request, Response, Uri};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{
    MetricExporter, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a collector may take for one message. Messages wait on threads of their own, never in the run.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer of a collector is some bytes; more than this is none.
const MOST_ANSWERED: u64 = 1 << 20;

/// A collector that is sent to.
pub(crate) struct Collector {
    agent: ureq::Agent,
    address: String,
    notice: Notice,
    warned: AtomicBool,
}

impl fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Collector")
            .field(&self.address)
            .finish()
    }
}

impl Collector {
    /// The collector at an address such as `http://127.0.0.1:4318`, without the paths of the signals.
    pub(crate) fn at(address: &str, notice: Notice) -> Result<Arc<Self>> {
        let allowed = "give an address such as http://127.0.0.1:4318";
        let refuse = || Error::option("--otlp", address, allowed);
        let uri: Uri = address.parse().map_err(|_| refuse())?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        if !known || uri.host().unwrap_or_default().is_empty() || uri.query().is_some() {
            return Err(refuse());
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            // A collector is near; the proxy of a machine is for what is far.
            .proxy(None)
            .build();
        Ok(Arc::new(Self {
            agent: agent.into(),
            address: address.trim_end_matches('/').to_owned(),
            notice,
            warned: AtomicBool::new(false),
        }))
    }

    /// Sends spans. Nothing is tried twice: the next batch is seconds away, and the end of a run must not wait.
    pub(crate) fn spans(self: &Arc<Self>) -> Result<SpanExporter> {
        SpanExporter::builder()
            .with_http()
            .with_http_client(Sender(self.clone()))
            .with_endpoint(format!("{}/v1/traces", self.address))
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(Error::start)
    }

    /// Sends metrics. What one message loses the next one tells: sums are since the start.
    pub(crate) fn metrics(self: &Arc<Self>) -> Result<MetricExporter> {
        MetricExporter::builder()
            .with_http()
            .with_http_client(Sender(self.clone()))
            .with_endpoint(format!("{}/v1/metrics", self.address))
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(Error::start)
    }

    /// Says what is wrong, the first time.
    pub(crate) fn warn(&self, problem: impl fmt::Display) {
        if !self.warned.swap(true, Ordering::SeqCst) {
            (self.notice)(&format!(
                "warning: the collector {} does not take telemetry: {problem}; the run goes on without",
                self.address
            ));
        }
    }

    fn send(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, ureq::Error> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, body.to_vec());
        let (parts, mut body) = self.agent.run(request)?.into_parts();
        let body = body.with_config().limit(MOST_ANSWERED).read_to_vec()?;
        Ok(Response::from_parts(parts, body.into()))
    }
}

/// A sender of one signal.
#[derive(Debug)]
struct Sender(Arc<Collector>);

#[async_trait]
impl HttpClient for Sender {
    /// It blocks: spans and metrics each have a thread for this.
    async fn send_bytes(
        &self,
        request: Request<Bytes>,
    ) -> std::result::Result<Response<Bytes>, HttpError> {
        let answer = self.0.send(request);
        match &answer {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.0.warn(format_args!(
                "it answers {}; OTLP over HTTP is wanted, usually at port 4318",
                answer.status()
            )),
            Err(error) => self.0.warn(error),
        }
        Ok(answer?)
    }
}

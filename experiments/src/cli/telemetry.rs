//! Options of the commands that can be watched from outside.

#[cfg(not(feature = "telemetry"))]
use crate::Error;
use crate::Result;

/// Who is told of a run while it is under way.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Telemetry (feature telemetry)")]
pub(super) struct Watched {
    /// The collector that traces and metrics are sent to by OTLP over HTTP, such as http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// The address of a page for Prometheus, such as 127.0.0.1:9464; the path is /metrics
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<String>,
}

/// Telemetry of a command, up to its end on whatever way.
#[cfg(feature = "telemetry")]
pub(super) struct Watch {
    // The span ends before telemetry does: one that is open would be lost.
    _run: Option<tracing::span::EnteredSpan>,
    _telemetry: Option<trimtab_telemetry::Telemetry>,
}

/// Without the feature nobody watches.
#[cfg(not(feature = "telemetry"))]
pub(super) struct Watch;

impl Watched {
    /// Watches this command, if somebody wants to.
    #[cfg(feature = "telemetry")]
    pub(super) fn watch(&self, command: &'static str) -> Result<Watch> {
        use crate::Error;
        use trimtab_telemetry::{Options, Telemetry};
        if self.otlp.is_none() && self.metrics.is_none() {
            return Ok(Watch {
                _run: None,
                _telemetry: None,
            });
        }
        let options = Options {
            otlp: self.otlp.clone(),
            metrics: self.metrics.clone(),
            notice: std::sync::Arc::new(|line| eprintln!("{line}")),
            ..Options::new(&format!("trimtab-{command}"))
        };
        let telemetry = Telemetry::start(options).map_err(Error::Telemetry)?;
        telemetry.install().map_err(Error::Telemetry)?;
        if let Some(page) = telemetry.page() {
            eprintln!("metrics are at http://{page}/metrics");
        }
        let run = tracing::info_span!("run", command).entered();
        tracing::info!(target: "trimtab::run", command, "run began");
        Ok(Watch {
            _run: Some(run),
            _telemetry: Some(telemetry),
        })
    }

    /// Without the feature nobody can.
    #[cfg(not(feature = "telemetry"))]
    pub(super) fn watch(&self, _command: &'static str) -> Result<Watch> {
        let given = [("--otlp", &self.otlp), ("--metrics", &self.metrics)];
        let given = given
            .into_iter()
            .find_map(|(option, value)| Some((option, value.as_ref()?)));
        match given {
            None => Ok(Watch),
            Some((option, value)) => Err(Error::config(
                option,
                value,
                "this program was built without telemetry; build it with `--features telemetry`",
            )),
        }
    }
}

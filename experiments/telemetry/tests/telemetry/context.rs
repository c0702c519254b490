//! A trace that goes on in another process.

use crate::{Said, telling, watched};
use trimtab_telemetry::{Options, Receiver, Telemetry, follow, traceparent};

#[test]
fn a_trace_goes_on_elsewhere() {
    let receiver = Receiver::start().unwrap();
    let telemetry = |service: &str| {
        Telemetry::start(Options {
            otlp: Some(receiver.address()),
            service: service.to_owned(),
            ..Said::default().options()
        })
        .unwrap()
    };
    let (coordinator, worker) = (telemetry("train"), telemetry("work"));
    let trace = watched(&coordinator, || {
        let _run = tracing::info_span!(target: "trimtab", "run").entered();
        traceparent().unwrap()
    });
    watched(&worker, || {
        let unit = tracing::info_span!(target: "trimtab", "unit");
        follow(&unit, &trace);
        let _unit = unit.entered();
        assert_ne!(traceparent().unwrap(), trace);
    });
    drop((coordinator, worker));
    let spans = receiver.spans();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (run, unit) = (named("run"), named("unit"));
    assert_eq!(trace, format!("00-{}-{}-01", run.trace, run.id));
    assert_eq!(
        (&unit.trace, unit.parent.as_ref()),
        (&run.trace, Some(&run.id))
    );
    assert_eq!(
        (run.service.as_str(), unit.service.as_str()),
        ("train", "work")
    );
}

#[test]
fn what_is_no_trace_is_left_out() {
    assert_eq!(traceparent(), None);
    let receiver = Receiver::start().unwrap();
    let telemetry = telling(&receiver);
    watched(&telemetry, || {
        assert_eq!(traceparent(), None);
        for odd in ["", "00", "00-0-0-00", "ff-é", &"0".repeat(100_000)] {
            let unit = tracing::info_span!(target: "trimtab", "unit");
            follow(&unit, odd);
            unit.in_scope(|| assert!(traceparent().is_some()));
        }
    });
    drop(telemetry);
    let spans = receiver.spans();
    assert_eq!(spans.len(), 5);
    assert!(spans.iter().all(|span| span.parent.is_none()));
}

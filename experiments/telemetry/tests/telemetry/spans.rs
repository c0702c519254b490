//! Spans, as a collector sees them.

use crate::{Said, run, telling, watched};
use trimtab_telemetry::{Options, Receiver, Telemetry, Value};

#[test]
fn spans_come_with_their_parents_and_events() {
    let (receiver, said) = (Receiver::start().unwrap(), Said::default());
    let options = Options {
        otlp: Some(receiver.address() + "/"),
        ..said.options()
    };
    let mut telemetry = Telemetry::start(options).unwrap();
    watched(&telemetry, run);
    telemetry.finish();
    let spans = receiver.spans();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["unit", "run"]);
    let (unit, run) = (&spans[0], &spans[1]);
    assert_eq!(run.parent, None);
    assert_eq!(run.service, "test");
    assert_eq!(run.attributes["command"], Value::Text("train".to_owned()));
    assert_eq!(unit.parent.as_ref(), Some(&run.id));
    assert_eq!(unit.trace, run.trace);
    assert!(unit.seconds <= run.seconds);
    let segment = &unit.events[0];
    assert_eq!(segment.name, "segment ended");
    assert_eq!(segment.attributes["loss"], Value::Number(0.25));
    assert_eq!(said.lines(), [""; 0]);
}

/// A number that `tracing` knows as unsigned would arrive as text; what is recorded as `i64` stays a number.
#[test]
fn whole_numbers_stay_numbers() {
    let receiver = Receiver::start().unwrap();
    let mut telemetry = telling(&receiver);
    watched(&telemetry, run);
    telemetry.finish();
    let unit = &receiver.spans()[0];
    assert_eq!(unit.attributes["index"], Value::Whole(7));
    assert_eq!(unit.events[0].attributes["batch_size"], Value::Whole(64));
    assert_eq!(unit.events[0].attributes["diverged"], Value::Flag(false));
}

/// What libraries below say is theirs.
#[test]
fn other_crates_and_details_are_left_out() {
    let receiver = Receiver::start().unwrap();
    let mut telemetry = telling(&receiver);
    watched(&telemetry, || {
        let _theirs = tracing::info_span!(target: "hyper", "request").entered();
        let _detail = tracing::debug_span!(target: "trimtab", "detail").entered();
        let _ours = tracing::info_span!(target: "trimtab", "run").entered();
    });
    telemetry.finish();
    let spans = receiver.spans();
    assert_eq!(spans.len(), 1);
    assert_eq!((spans[0].name.as_str(), &spans[0].parent), ("run", &None));
}

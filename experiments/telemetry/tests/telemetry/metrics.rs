//! Metrics, as a collector and as the page show them.

use crate::{Said, run, telling, watched};
use trimtab_telemetry::{Attributes, Receiver, Telemetry, Value};

/// Name, unit, value, whether it is a sum, and what Prometheus calls it.
const WANTED: [(&str, &str, f64, bool, &str); 15] = [
    ("trimtab.runs", "{run}", 1.0, true, "trimtab_runs_total"),
    (
        "trimtab.trainings",
        "{training}",
        1.0,
        true,
        "trimtab_trainings_total",
    ),
    (
        "trimtab.episodes",
        "{episode}",
        1.0,
        true,
        "trimtab_episodes_total",
    ),
    (
        "trimtab.segments",
        "{segment}",
        2.0,
        true,
        "trimtab_segments_total",
    ),
    (
        "trimtab.updates",
        "{update}",
        1.0,
        true,
        "trimtab_updates_total",
    ),
    ("trimtab.units", "{unit}", 1.0, true, "trimtab_units_total"),
    ("trimtab.cost", "s", 2.0, true, "trimtab_cost_seconds_total"),
    (
        "trimtab.diverged",
        "{segment}",
        1.0,
        true,
        "trimtab_diverged_total",
    ),
    (
        "trimtab.redeliveries",
        "{unit}",
        3.0,
        true,
        "trimtab_redeliveries_total",
    ),
    ("trimtab.loss", "", 0.25, false, "trimtab_loss"),
    (
        "trimtab.learning_rate",
        "",
        0.02,
        false,
        "trimtab_learning_rate",
    ),
    (
        "trimtab.batch_size",
        "{example}",
        32.0,
        false,
        "trimtab_batch_size",
    ),
    (
        "trimtab.utilisation",
        "1",
        0.75,
        false,
        "trimtab_utilisation_ratio",
    ),
    ("trimtab.queue", "{unit}", 12.0, false, "trimtab_queue"),
    ("trimtab.leases", "{worker}", 2.0, false, "trimtab_leases"),
];

#[test]
fn every_metric_has_its_name_unit_and_value_at_both_ends() {
    let receiver = Receiver::start().unwrap();
    let mut telemetry = telling(&receiver);
    watched(&telemetry, run);
    for (name, _, value, _, shown) in WANTED {
        assert_eq!(telemetry.value(shown), Some(value), "{name} as {shown}");
    }
    telemetry.finish();
    for (name, unit, value, is_sum, _) in WANTED {
        let metric = receiver.metric(name).expect(name);
        assert_eq!(
            (metric.unit.as_str(), metric.value),
            (unit, value),
            "{name}"
        );
        assert_eq!(metric.is_sum, is_sum, "{name}");
        assert!(metric.description.ends_with('.'), "{name}");
    }
    assert_eq!(receiver.metrics().len(), WANTED.len() + 1);
}

/// A loss of one task is not shown as that of another, and a strategy that no longer decides is not shown.
#[test]
fn numbers_are_told_apart_by_what_they_belong_to() {
    let receiver = Receiver::start().unwrap();
    let mut telemetry = telling(&receiver);
    watched(&telemetry, || {
        run();
        tracing::info!(target: "trimtab::segment", task = "wine", seed = "7", loss = 0.5, cost = 4.0, "segment ended");
        tracing::info!(target: "trimtab::unit", kind = "trainings", run = "b", "unit done");
        for strategy in ["least-load", "round-robin"] {
            tracing::info!(target: "trimtab::workers", run = "a", strategy, queue = 5_i64, "workers");
        }
    });
    assert_eq!(telemetry.value("trimtab_segments_total"), Some(3.0));
    telemetry.finish();
    let groups = |name: &str| {
        let groups = receiver.metric(name).expect(name).groups;
        let shown = |(attributes, value): &(Attributes, f64)| {
            let attributes = attributes.iter().map(|(name, of)| match of {
                Value::Text(of) => format!("{name}={of}"),
                other => panic!("{other:?}"),
            });
            (attributes.collect::<Vec<_>>().join(","), *value)
        };
        let mut groups: Vec<(String, f64)> = groups.iter().map(shown).collect();
        groups.sort_by(|one, other| one.0.cmp(&other.0));
        groups
    };
    let wanted = |wanted: &[(&str, f64)]| -> Vec<(String, f64)> {
        let wanted = wanted
            .iter()
            .map(|(group, value)| ((*group).to_owned(), *value));
        wanted.collect()
    };
    for (name, digits, wine) in [
        ("trimtab.loss", 0.25, 0.5),
        ("trimtab.cost", 2.0, 4.0),
        ("trimtab.segments", 2.0, 1.0),
    ] {
        let both = [("task=digits", digits), ("task=wine", wine)];
        assert_eq!(groups(name), wanted(&both), "{name}");
    }
    let units = [("kind=rollouts,run=a", 1.0), ("kind=trainings,run=b", 1.0)];
    assert_eq!(groups("trimtab.units"), wanted(&units));
    let queue = [("run=a,strategy=round-robin", 5.0)];
    assert_eq!(groups("trimtab.queue"), wanted(&queue));
    assert_eq!(groups("trimtab.redeliveries"), wanted(&[("run=a", 3.0)]));
    assert_eq!(groups("trimtab.runs"), wanted(&[("command=train", 1.0)]));
    assert_eq!(groups("trimtab.updates"), wanted(&[("", 1.0)]));
}

#[test]
fn durations_have_bounds_in_seconds() {
    let receiver = Receiver::start().unwrap();
    let mut telemetry = telling(&receiver);
    watched(&telemetry, run);
    assert_eq!(
        telemetry.value("trimtab_segment_duration_seconds"),
        Some(2.0)
    );
    telemetry.finish();
    let metric = receiver.metric("trimtab.segment.duration").unwrap();
    assert_eq!((metric.unit.as_str(), metric.count), ("s", 2));
    assert!((metric.value - 2.02).abs() < 1e-9);
    assert_eq!(metric.bounds.first(), Some(&0.001));
    assert_eq!(metric.bounds.last(), Some(&1000.0));
}

/// A gauge would go on showing the last finite loss.
#[test]
fn a_loss_that_is_no_number_counts_as_diverged() {
    let telemetry = Telemetry::start(Said::default().options()).unwrap();
    watched(&telemetry, || {
        for (loss, diverged) in [
            (f64::NAN, false),
            (f64::INFINITY, false),
            (1.0, true),
            (0.5, false),
        ] {
            tracing::info!(target: "trimtab::segment", loss, diverged, "segment ended");
        }
        // One that says nothing of a loss has none.
        tracing::info!(target: "trimtab::segment", diverged = false, "segment ended");
    });
    assert_eq!(telemetry.value("trimtab_diverged_total"), Some(3.0));
    assert_eq!(telemetry.value("trimtab_segments_total"), Some(5.0));
    assert_eq!(telemetry.value("trimtab_loss"), Some(0.5));
    assert_eq!(telemetry.value("trimtab_cost_seconds_total"), Some(0.0));
    assert_eq!(telemetry.value("trimtab_queue"), None);
}

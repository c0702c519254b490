//! Metrics, as a collector and as the page show them.

use crate::{Said, run, telling, watched};
use trimtab_telemetry::{Receiver, Telemetry};

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

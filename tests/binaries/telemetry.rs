//! The real binaries, watched from outside: the same bits as without, whoever listens.

#[cfg(not(feature = "telemetry"))]
#[test]
fn a_program_without_telemetry_says_how_to_build_it() {
    let folder = super::Folder::new("no-telemetry");
    for option in [
        ["--otlp", "http://127.0.0.1:4318"],
        ["--metrics", "127.0.0.1:0"],
    ] {
        let given = [&["small.ron", "--out", "run"], &option[..]].concat();
        let message = super::bad(&folder.run(&given));
        assert!(message.contains(option[0]), "{message}");
        assert!(message.contains("--features telemetry"), "{message}");
        assert!(!folder.0.join("run").exists());
    }
}

#[cfg(feature = "telemetry")]
mod watched {
    use crate::{Folder, bad, bits, good, wait_for};
    use std::collections::BTreeSet;
    use std::net::TcpListener;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    use trimtab_telemetry::{Receiver, Span, Value};

    /// What is text in attributes of spans; everything else is a number.
    const TEXTS: [&str; 7] = ["command", "task", "kind", "run", "seed", "target", "level"];

    fn named<'s>(spans: &'s [Span], name: &str) -> Vec<&'s Span> {
        spans.iter().filter(|span| span.name == name).collect()
    }

    /// All spans are one trace below a span of this command.
    fn one_trace(spans: &[Span], command: &str) {
        let runs = named(spans, "run");
        let run = runs.iter().find(|run| run.parent.is_none()).unwrap();
        assert_eq!(run.attributes["command"], Value::Text(command.to_owned()));
        let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
        for span in spans.iter().filter(|span| span.parent.is_some()) {
            assert_eq!(span.trace, run.trace, "{span:?}");
            let parent = span.parent.as_deref().unwrap();
            assert!(ids.contains(parent), "{span:?}");
        }
    }

    #[test]
    fn a_watched_run_is_the_same_bits_and_shows_all_that_it_did() {
        let folder = Folder::new("watched");
        good(&folder.run(&["small.ron", "--jobs", "2", "--out", "alone"]));
        let receiver = Receiver::start().unwrap();
        let address = receiver.address();
        let options = ["--otlp", &address, "--metrics", "127.0.0.1:0"];
        let given = [&["small.ron", "--jobs", "2", "--out", "seen"], &options[..]].concat();
        let output = folder.run(&given);
        good(&output);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(
            message.contains("metrics are at http://127.0.0.1:"),
            "{message}"
        );
        assert!(!message.contains("warning"), "{message}");
        assert_eq!(bits(&folder, "alone"), bits(&folder, "seen"));

        let spans = receiver.spans();
        one_trace(&spans, "train");
        for (name, least) in [
            ("run", 1),
            ("reference", 1),
            ("rollout", 3),
            ("update", 3),
            ("evaluation", 1),
            ("unit", 20),
            ("training", 10),
        ] {
            assert!(named(&spans, name).len() >= least, "{name}");
        }
        let rollouts = named(&spans, "rollout");
        let played = named(&spans, "unit").into_iter().filter(|unit| {
            let parent = unit.parent.as_ref();
            rollouts.iter().any(|rollout| parent == Some(&rollout.id))
        });
        // Three rollouts of four episodes.
        assert_eq!(played.count(), 12);
        let update = named(&spans, "update")[2];
        assert_eq!(update.attributes["update"], Value::Whole(2));
        for span in &spans {
            let events = span.events.iter().flat_map(|event| &event.attributes);
            for (name, value) in span.attributes.iter().chain(events) {
                let text = matches!(value, Value::Text(_));
                assert_eq!(
                    text,
                    TEXTS.contains(&name.as_str()),
                    "{}: {name}",
                    span.name
                );
            }
        }
        let trained = |span: &Span| {
            span.events
                .iter()
                .any(|event| event.name == "training ended")
        };
        assert!(spans.iter().any(trained));

        let metric = |name: &str| receiver.metric(name).expect(name).value;
        assert_eq!(metric("trimtab.runs"), 1.0);
        assert_eq!(metric("trimtab.updates"), 3.0);
        assert_eq!(metric("trimtab.episodes"), 12.0);
        assert_eq!(metric("trimtab.leases"), 2.0);
        assert_eq!(metric("trimtab.queue"), 0.0);
        assert_eq!(metric("trimtab.units"), named(&spans, "unit").len() as f64);
        assert!(metric("trimtab.segments") > metric("trimtab.trainings"));
        assert!(metric("trimtab.cost") > 0.0 && metric("trimtab.loss") > 0.0);
        let utilisation = metric("trimtab.utilisation");
        assert!(utilisation > 0.0 && utilisation <= 1.0, "{utilisation}");
    }

    #[test]
    fn a_collector_that_fails_costs_a_line_and_less_than_a_second() {
        let folder = Folder::new("unheard");
        good(&folder.run(&["small.ron", "--out", "alone"]));
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let absent = TcpListener::bind("127.0.0.1:0").unwrap();
        let [silent_at, absent_at] =
            [&silent, &absent].map(|listener| format!("http://{}", listener.local_addr().unwrap()));
        drop(absent);
        for (out, address) in [("silent", silent_at), ("absent", absent_at)] {
            let child = folder
                .train(&["small.ron", "--out", out, "--otlp", &address])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            while !folder.0.join(out).join("report.html").exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
            let clock = Instant::now();
            let output = child.wait_with_output().unwrap();
            let end = clock.elapsed();
            good(&output);
            assert!(end < Duration::from_secs(3), "{out}: {end:?}");
            let message = String::from_utf8_lossy(&output.stderr);
            assert_eq!(message.matches("warning").count(), 1, "{message}");
            assert!(message.contains(&address), "{message}");
            assert_eq!(bits(&folder, "alone"), bits(&folder, out));
        }
    }

    #[test]
    fn an_address_that_is_none_ends_it_before_it_begins() {
        let folder = Folder::new("unaddressed");
        for (option, given) in [("--otlp", "localhost:4318"), ("--metrics", "nowhere")] {
            let message = bad(&folder.run(&["small.ron", "--out", "run", option, given]));
            assert!(
                message.contains(&format!("{option}: {given} is not allowed")),
                "{message}"
            );
            assert!(!folder.0.join("run").exists());
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_interrupted_run_is_told_of_too() {
        let folder = Folder::new("told-of");
        let receiver = Receiver::start().unwrap();
        let long = ["small.ron", "--set", "training.updates=200", "--out", "run"];
        let child = folder
            .train(&[&long[..], &["--otlp", &receiver.address()]].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(&folder.0.join("run/progress.json"), 2);
        let id = child.id().to_string();
        Command::new("kill").args(["-INT", &id]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        let spans = receiver.spans();
        one_trace(&spans, "train");
        assert!(receiver.metric("trimtab.updates").unwrap().value >= 2.0);
    }

    /// A `traceparent` goes with each unit.
    #[cfg(feature = "cluster")]
    #[test]
    fn one_trace_shows_coordinator_and_workers_of_a_cluster() {
        let folder = Folder::new("cluster-watched");
        let Some((_server, address)) = crate::cluster::server(&folder) else {
            return;
        };
        let receiver = Receiver::start().unwrap();
        let otlp = receiver.address();
        let mut work = Command::new(env!("CARGO_BIN_EXE_work"));
        work.current_dir(&folder.0);
        work.args(["--server", &address, "--jobs", "2", "--otlp", &otlp]);
        let mut worker = work.stderr(Stdio::null()).spawn().unwrap();
        good(&folder.run(&["small.ron", "--jobs", "2", "--out", "here"]));
        let there = ["small.ron", "--workers", &address, "--out", "there"];
        good(&folder.run(&[&there[..], &["--otlp", &otlp]].concat()));
        Command::new("kill")
            .args(["-TERM", &worker.id().to_string()])
            .status()
            .unwrap();
        worker.wait().unwrap();
        assert_eq!(bits(&folder, "here"), bits(&folder, "there"));
        let spans = receiver.spans();
        // The worker has a run of its own, which lasts from before to after.
        let own = |span: &Span| span.name == "run" && span.service == "trimtab-work";
        let shared = spans.into_iter().filter(|span| !own(span));
        let (train, work): (Vec<_>, Vec<_>) =
            shared.partition(|span| span.service == "trimtab-train");
        let units = named(&work, "unit");
        assert!(units.len() >= 12, "{}", units.len());
        assert!(work.iter().all(|span| span.service == "trimtab-work"));
        let rollouts = named(&train, "rollout");
        let of_rollouts = units.iter().filter(|unit| {
            let parent = unit.parent.as_ref();
            rollouts.iter().any(|rollout| parent == Some(&rollout.id))
        });
        assert!(of_rollouts.count() >= 12);
        one_trace(&[train, work].concat(), "train");
    }
}

//! Collectors that fail: one warning, no delay at the end, and the run goes on.

use crate::{Said, run, watched};
use std::net::TcpListener;
use std::time::{Duration, Instant};
use trimtab_telemetry::{Options, Telemetry};

/// The end takes less than a second; a busy machine may take longer to notice.
const BOUND: Duration = Duration::from_secs(2);

/// Runs, and returns what was said and how long the end took.
fn told_to(address: String) -> (Vec<String>, Duration) {
    let said = Said::default();
    let options = Options {
        otlp: Some(address),
        ..said.options()
    };
    let mut telemetry = Telemetry::start(options).unwrap();
    watched(&telemetry, run);
    assert_eq!(telemetry.value("trimtab_segments_total"), Some(2.0));
    let clock = Instant::now();
    telemetry.finish();
    telemetry.finish();
    drop(telemetry);
    (said.lines(), clock.elapsed())
}

#[test]
fn an_absent_collector_costs_one_warning() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", taken.local_addr().unwrap());
    drop(taken);
    let (said, end) = told_to(address.clone());
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains(&address) && said[0].contains("the run goes on"),
        "{said:?}"
    );
    assert!(end < BOUND, "{end:?}");
}

#[test]
fn a_silent_collector_costs_one_warning() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let (said, end) = told_to(address);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("does not answer"), "{said:?}");
    assert!(end < BOUND, "{end:?}");
}

#[test]
fn a_server_that_is_no_collector_costs_one_warning() {
    for status in [404, 503] {
        let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
        let server = std::sync::Arc::new(server);
        let answering = server.clone();
        let thread = std::thread::spawn(move || {
            for request in answering.incoming_requests() {
                let answer = tiny_http::Response::from_string("no").with_status_code(status);
                request.respond(answer).unwrap_or_default();
            }
        });
        let (said, end) = told_to(format!("http://{}", server.server_addr()));
        server.unblock();
        thread.join().unwrap();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(&status.to_string()), "{said:?}");
        assert!(said[0].contains("4318"), "{said:?}");
        assert!(end < BOUND, "{end:?}");
    }
}

/// While it runs, nothing waits for a collector.
#[test]
fn a_run_does_not_wait_for_a_silent_collector() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options {
        otlp: Some(format!("http://{}", silent.local_addr().unwrap())),
        ..Said::default().options()
    };
    let telemetry = Telemetry::start(options).unwrap();
    let clock = Instant::now();
    // More spans than a queue holds, which is 2048.
    watched(&telemetry, || (0..4000).for_each(|_| run()));
    let elapsed = clock.elapsed();
    assert!(elapsed < Duration::from_secs(4), "{elapsed:?}");
    assert_eq!(telemetry.value("trimtab_runs_total"), Some(4000.0));
}

#[test]
fn an_address_that_is_none_is_an_error_that_says_so() {
    for address in [
        "",
        "127.0.0.1:4318",
        "ftp://host",
        "http://",
        "http:// host",
        "http://host/?a=b",
    ] {
        let options = Options {
            otlp: Some(address.to_owned()),
            ..Said::default().options()
        };
        let error = Telemetry::start(options).err().expect(address).to_string();
        let wanted = format!(
            "--otlp: {address} is not allowed; give an address such as http://127.0.0.1:4318"
        );
        assert_eq!(error, wanted);
    }
}

//! The page, as Prometheus and its tools read it. `PROMTOOL` and `PROMETHEUS` name the programs; without them only the text is looked at.

use crate::{Said, run, watched};
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use trimtab_telemetry::{Options, Telemetry};

fn served() -> (Telemetry, SocketAddr) {
    let options = Options {
        metrics: Some("127.0.0.1:0".to_owned()),
        ..Said::default().options()
    };
    let telemetry = Telemetry::start(options).unwrap();
    watched(&telemetry, run);
    let address = telemetry.page().unwrap();
    (telemetry, address)
}

fn get(address: impl std::fmt::Display, path: &str) -> Result<String, ureq::Error> {
    let config = ureq::Agent::config_builder()
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(5)));
    let agent: ureq::Agent = config.build().into();
    let mut answer = agent.get(format!("http://{address}{path}")).call()?;
    answer.body_mut().read_to_string()
}

/// A program that is named in the environment; `None`, and a line about it, if it is not.
fn program(variable: &str) -> Option<String> {
    let named = std::env::var(variable).ok();
    if named.is_none() {
        eprintln!("{variable} is not set: this part is left out");
    }
    named
}

#[test]
fn every_line_of_the_page_is_a_comment_or_a_sample() {
    let (_telemetry, address) = served();
    let page = get(address, "/metrics").unwrap();
    assert!(
        page.contains("\ntrimtab_utilisation_ratio{run=\"a\",strategy=\"priority\"} 0.75\n"),
        "{page}"
    );
    assert!(
        page.contains("trimtab_segment_duration_seconds_bucket{task=\"digits\",le=\"0.03\"} 1\n"),
        "{page}"
    );
    assert!(page.contains("target_info{"), "{page}");
    let mut described = 0;
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            described += usize::from(help.contains(' '));
        } else if !line.starts_with("# TYPE ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(
                name.starts_with("trimtab_") || name.starts_with("target_info"),
                "{line}"
            );
        }
    }
    assert_eq!(described, page.matches("# TYPE ").count());
    assert!(get(address, "/").is_err());
}

#[test]
fn promtool_finds_nothing() {
    let Some(promtool) = program("PROMTOOL") else {
        return;
    };
    let (_telemetry, address) = served();
    let mut command = Command::new(promtool);
    let mut child = command
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let page = get(address, "/metrics").unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

/// A process that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().map(drop).unwrap_or_default();
    }
}

#[test]
fn prometheus_scrapes_the_values() {
    let Some(prometheus) = program("PROMETHEUS") else {
        return;
    };
    let (_telemetry, address) = served();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let text = format!(
        "scrape_configs:\n  - job_name: trimtab\n    scrape_interval: 1s\n    static_configs:\n      - targets: ['{address}']\n"
    );
    std::fs::write(&config, text).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = free.local_addr().unwrap();
    drop(free);
    let child = Command::new(prometheus)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={own}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _server = Server(child);
    // Whoever asks a port at which nobody listens yet may be given that port as its own.
    std::thread::sleep(Duration::from_secs(2));
    let clock = Instant::now();
    for (query, wanted) in [
        ("trimtab_cost_seconds_total", "2"),
        ("trimtab_utilisation_ratio", "0.75"),
        ("trimtab_segment_duration_seconds_count", "2"),
    ] {
        let value = loop {
            let answer = get(own, &format!("/api/v1/query?query={query}")).unwrap_or_default();
            let answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
            if let Some(value) = answer["data"]["result"][0]["value"][1].as_str() {
                break value.to_owned();
            }
            assert!(
                clock.elapsed() < Duration::from_secs(60),
                "{query}: no value"
            );
            std::thread::sleep(Duration::from_millis(200));
        };
        assert_eq!(value, wanted, "{query}");
    }
}

#[test]
fn an_address_that_cannot_be_served_is_an_error_that_says_so() {
    let (_telemetry, taken) = served();
    for address in ["here", "127.0.0.1:99999", &taken.to_string()] {
        let options = Options {
            metrics: Some(address.to_owned()),
            ..Said::default().options()
        };
        let error = Telemetry::start(options).err().expect(address).to_string();
        let wanted = format!(
            "--metrics: {address} is not allowed; give a free address such as 127.0.0.1:9464"
        );
        assert!(error.starts_with(&wanted), "{error}");
    }
}

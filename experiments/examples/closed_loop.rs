//! A loop that closes over telemetry: trainings are done in batches, and how many threads do the next batch follows from what the meter says
//! of the last ones. Each turn has four spans: *act*, *monitor*, *analyse*, *decide*. The table shows what was decided and why, and the trace shows
//! the same to a collector: `closed_loop http://127.0.0.1:4318`. Without an address the example has a collector of its own.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tracing::info_span;
use trimtab_env::mdp::stream::derived_seed;
use trimtab_experiments::record::observer::Quiet;
use trimtab_experiments::train::config::QUICKSTART;
use trimtab_experiments::train::rollouts::tuning;
use trimtab_experiments::work::controllers::ControllerConfig;
use trimtab_experiments::work::trainings::{Training, Trainings};
use trimtab_experiments::{Config, Registry, Workers};
use trimtab_telemetry::{Options, Receiver, Telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// More threads than this are not tried.
const MOST_THREADS: usize = 16;
/// Twice the threads have to do so much more to be worth it.
const WORTH_IT: f64 = 1.15;
/// Threads that are busy for a smaller part of the time are too many.
const IDLE: f64 = 0.7;

/// What the meter said at some time.
#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    trainings: f64,
    utilisation: f64,
}

impl Reading {
    /// Reads the metrics as Prometheus would: by their names, from the meter.
    fn of(telemetry: &Telemetry) -> Self {
        let value = |name| telemetry.value(name).unwrap_or(0.0);
        Self {
            at: Instant::now(),
            trainings: value("trimtab_trainings_total"),
            utilisation: value("trimtab_utilisation_ratio"),
        }
    }

    /// Trainings a second since an earlier reading.
    fn rate(&self, earlier: &Self) -> f64 {
        let seconds = self.at.duration_since(earlier.at);
        (self.trainings - earlier.trainings) / seconds.max(Duration::from_micros(1)).as_secs_f64()
    }
}

/// What the readings mean.
#[derive(Clone, Copy)]
enum Finding {
    Idle { needed: usize },
    Faster,
    NoFaster { before: usize },
    Settled,
}

/// The rule: threads that idle are given back; otherwise their number doubles for as long as that pays.
struct Rule {
    threads: usize,
    /// The threads and the rate before the last doubling.
    before: Option<(usize, f64)>,
    settled: bool,
}

impl Rule {
    fn analyse(&self, rate: f64, utilisation: f64) -> Finding {
        if utilisation < IDLE && self.threads > 1 {
            let needed = (self.threads as f64 * utilisation).ceil();
            return Finding::Idle {
                needed: (needed as usize).clamp(1, self.threads - 1),
            };
        }
        match self.before {
            _ if self.settled => Finding::Settled,
            Some((before, earlier)) if rate < WORTH_IT * earlier => Finding::NoFaster { before },
            _ => Finding::Faster,
        }
    }

    fn decide(&mut self, finding: Finding, rate: f64) -> String {
        let threads = self.threads;
        match finding {
            Finding::Idle { needed } => {
                (self.threads, self.settled) = (needed, true);
                format!("threads idle: {threads} -> {needed}")
            }
            Finding::Faster if 2 * threads > MOST_THREADS => {
                self.settled = true;
                format!("stay at {threads}, the most")
            }
            Finding::Faster => {
                self.before = Some((threads, rate));
                self.threads = 2 * threads;
                format!("more may be faster: {threads} -> {}", self.threads)
            }
            Finding::NoFaster { before } => {
                (self.threads, self.settled) = (before, true);
                format!("that was not faster: {threads} -> {before}")
            }
            Finding::Settled => format!("stay at {threads}"),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let own = Receiver::start()?;
    let collector = std::env::args().nth(1);
    let mut telemetry = Telemetry::start(Options {
        otlp: Some(collector.unwrap_or_else(|| own.address())),
        notice: std::sync::Arc::new(|line| eprintln!("{line}")),
        ..Options::new("closed-loop")
    })?;
    telemetry.install()?;

    let config = Config::parse(QUICKSTART, "quickstart.ron")?;
    let (registry, interrupted) = (Registry::default(), AtomicBool::new(false));
    let workers = |threads| -> trimtab_experiments::Result<Workers> {
        let device = trimtab_models::device("flex")?;
        Ok(Workers::new(threads, device, &registry, &interrupted))
    };
    let tuning = tuning(&config, &workers(1)?)?.ok_or("the quick-start is about trainings")?;
    let trainings = Trainings::new(tuning, &registry);
    let training = |turn: u64, unit: u64| Training {
        task: 0,
        optimizer: None,
        seed: derived_seed(turn, "unit", unit),
        controller: ControllerConfig::Random,
    };

    let mut rule = Rule {
        threads: 1,
        before: None,
        settled: false,
    };
    let trace = {
        let _loop = info_span!(target: "trimtab", "loop").entered();
        println!("turn  trainings  threads  a second  utilisation  decision");
        let mut earlier = Reading::of(&telemetry);
        for turn in 0..10_u64 {
            let _turn = info_span!(target: "trimtab", "turn", turn = turn as i64).entered();
            // Six large batches, and then some of a single training, which one thread does as fast.
            let count = if turn < 6 { 64 } else { 1 };
            let threads = rule.threads;
            info_span!(target: "trimtab", "act", threads = threads as i64).in_scope(|| {
                let units: Vec<Training> = (0..count).map(|unit| training(turn, unit)).collect();
                let workers = workers(threads)?;
                workers.begin(&trainings).all(&(), &units, &mut Quiet)
            })?;
            let now = info_span!(target: "trimtab", "monitor").in_scope(|| Reading::of(&telemetry));
            let rate = now.rate(&earlier);
            let span =
                info_span!(target: "trimtab", "analyse", rate, utilisation = now.utilisation);
            let finding = span.in_scope(|| rule.analyse(rate, now.utilisation));
            let span = info_span!(target: "trimtab", "decide");
            let decision = span.in_scope(|| {
                let decision = rule.decide(finding, rate);
                tracing::info!(target: "trimtab", threads = rule.threads as i64, "{decision}");
                decision
            });
            println!(
                "{turn:>4}  {count:>9}  {threads:>7}  {rate:>8.1}  {:>11.2}  {decision}",
                now.utilisation
            );
            earlier = Reading::of(&telemetry);
        }
        trimtab_telemetry::traceparent()
    };
    telemetry.finish();

    println!("trace {}", trace.as_deref().unwrap_or("of nobody"));
    let spans = own.spans();
    for name in [
        "turn", "act", "unit", "training", "monitor", "analyse", "decide",
    ] {
        let of_it = spans.iter().filter(|span| span.name == name);
        let seconds: Vec<f64> = of_it.map(|span| span.seconds).collect();
        if !seconds.is_empty() {
            let total: f64 = seconds.iter().sum();
            println!(
                "{:>5} spans {name:<9} {total:>9.4} s together",
                seconds.len()
            );
        }
    }
    Ok(())
}

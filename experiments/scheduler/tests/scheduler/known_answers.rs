//! The real scheduler in virtual time has the mean responses that queueing theory says. See `fixtures/README.md`.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Deserialize;
use trimtab_scheduler::simulation::{Arrivals, Estimate, Figures, Service, Simulation, Stream};
use trimtab_scheduler::strategy::{LeastLoad, Priority, RoundRobin};
use trimtab_scheduler::{Command, State, Strategy};

#[derive(Deserialize)]
struct Known {
    /// Each its own.
    #[serde(skip)]
    seed: u64,
    system: String,
    #[serde(default = "one")]
    servers: usize,
    #[serde(default)]
    arrival_rate: f64,
    #[serde(default)]
    arrival_rates_high_to_low: Vec<f64>,
    #[serde(default)]
    service_rate: f64,
    #[serde(default)]
    service_time: f64,
    #[serde(default)]
    mean_response: serde_json::Value,
    #[serde(default)]
    service_fixed: f64,
    #[serde(default)]
    service_per_request: f64,
    #[serde(default)]
    mean_latency: [f64; 2],
    #[serde(default)]
    probability_of_waiting: f64,
    #[serde(default)]
    mean_response_preemptive_resume: Vec<f64>,
    #[serde(default)]
    mean_response_non_preemptive: Vec<f64>,
}

fn one() -> usize {
    1
}

/// The lines of a system, which must be so many.
fn known(system: &str, lines: usize) -> Vec<Known> {
    let all = [
        include_str!("../../fixtures/exact.jsonl"),
        include_str!("../../fixtures/simulated.jsonl"),
    ];
    let known: Vec<Known> = (all.iter())
        .flat_map(|file| file.lines())
        .zip(1..)
        .map(|(line, seed)| Known {
            seed,
            ..serde_json::from_str(line).expect("a known answer")
        })
        .filter(|known: &Known| known.system == system)
        .collect();
    assert_eq!(known.len(), lines, "{system}");
    known
}

impl Known {
    fn mean(&self) -> f64 {
        self.mean_response.as_f64().expect("a mean")
    }

    fn service(&self) -> Service {
        Service::Exponential {
            mean: 1.0 / self.service_rate,
        }
    }

    /// Enough for a standard error of one or two per cent: that of the mean of a queue grows with 1 / (1 - utilisation), and that of
    /// the class that waits for all others grows more.
    fn units(&self) -> usize {
        let rate = self.arrival_rate + self.arrival_rates_high_to_low.iter().sum::<f64>();
        let time = if self.service_time > 0.0 {
            self.service_time
        } else {
            1.0 / self.service_rate
        };
        let utilisation = rate * time / self.servers as f64;
        let classes = self.arrival_rates_high_to_low.len().max(1);
        let units = 20_000.0 * classes as f64 / (1.0 - utilisation).powi(2);
        (units as usize).max(200_000)
    }

    fn simulate(&self, strategy: Box<dyn Strategy>, service: Service) -> Figures {
        let stream = Stream {
            units: self.units(),
            arrivals: Arrivals::Poisson {
                rate: self.arrival_rate,
            },
            service,
            priority: 0,
        };
        self.simulation()
            .run(vec![stream], strategy)
            .expect("figures")
    }

    fn simulation(&self) -> Simulation {
        Simulation {
            workers: self.servers,
            seed: self.seed,
            ..Simulation::default()
        }
    }
}

/// Within three standard errors, and those are small enough for the test to mean something.
fn equal(what: &str, estimate: Estimate, known: f64, its_error: f64) {
    let error = estimate.standard_error.hypot(its_error);
    let off = (estimate.mean - known) / error;
    println!(
        "{what}: {known:.4}, simulated {:.4}, {off:+.1} standard errors of {:.2} %",
        estimate.mean,
        100.0 * error / known
    );
    let own = estimate.standard_error;
    assert!(
        own < its_error.max(0.02 * known),
        "{what}: standard error {own} of {known}"
    );
    assert!(
        off.abs() < 3.0,
        "{what}: {} ± {error}, not {known}",
        estimate.mean
    );
}

#[test]
fn central_queue_is_erlang_c() {
    for known in known("shared_queue", 9) {
        let figures = known.simulate(Box::new(LeastLoad::new(Some(0))), known.service());
        let what = format!("shared queue of {}", known.servers);
        equal(&what, figures.streams[0].response, known.mean(), 0.0);
        let waited = figures.streams[0].waited;
        equal(
            &format!("{what}, waited"),
            waited,
            known.probability_of_waiting,
            0.0,
        );
    }
}

#[test]
fn round_robin_is_erlang_m_1() {
    for known in known("round_robin", 6) {
        let figures = known.simulate(Box::new(RoundRobin::default()), known.service());
        let what = format!("round robin over {}", known.servers);
        equal(&what, figures.streams[0].response, known.mean(), 0.0);
    }
}

struct RandomSplit(StdRng);

impl Strategy for RandomSplit {
    fn name(&self) -> &str {
        "random-split"
    }

    fn next(&mut self, state: &State) -> Option<Command> {
        let unit = state.first_waiting()?.id;
        let drawn = self.0.random_range(0..state.workers().len().max(1));
        let worker = state.workers().nth(drawn)?.id();
        Some(Command::Assign { unit, worker })
    }
}

#[test]
fn random_split_is_m_m_1() {
    for known in known("random_split", 2) {
        let strategy = RandomSplit(StdRng::seed_from_u64(2));
        let figures = known.simulate(Box::new(strategy), known.service());
        let what = format!("random split over {}", known.servers);
        equal(&what, figures.streams[0].response, known.mean(), 0.0);
    }
}

#[test]
fn fixed_service_is_m_d_1() {
    for known in known("fixed_service", 2) {
        let seconds = known.service_time;
        let central = Box::new(LeastLoad::new(Some(0)));
        let figures = known.simulate(central, Service::Fixed { seconds });
        equal(
            "fixed service",
            figures.streams[0].response,
            known.mean(),
            0.0,
        );
    }
}

#[test]
fn assigning_at_once_joins_the_shortest_queue() {
    for known in known("join_shortest_queue", 4) {
        let mean: [f64; 2] = serde_json::from_value(known.mean_response.clone()).expect("a pair");
        let [mean, half_width] = mean;
        let figures = known.simulate(Box::new(LeastLoad::new(None)), known.service());
        // The 95 % interval of a normal distribution is 1.96 standard errors to each side.
        let what = format!("shortest of {} queues", known.servers);
        equal(&what, figures.streams[0].response, mean, half_width / 1.96);
    }
}

/// A server that serves requests together, of which a batch holds one.
#[test]
fn batches_of_one_are_fixed_service() {
    for known in known("batching", 1) {
        let seconds = known.service_fixed + known.service_per_request;
        let stream = Stream {
            units: 2_000_000,
            arrivals: Arrivals::Poisson {
                rate: known.arrival_rate,
            },
            service: Service::Fixed { seconds },
            priority: 0,
        };
        let strategy = Box::new(LeastLoad::new(Some(0)));
        let figures = known.simulation().run(vec![stream], strategy);
        let response = figures.expect("figures").streams[0].response;
        let [mean, half_width] = known.mean_latency;
        equal("batches of one", response, mean, half_width / 1.96);
    }
}

/// Each class against its closed form.
fn priorities(preempt: bool, answers: impl Fn(&Known) -> &[f64]) {
    for known in known("priority", 6) {
        let rates = &known.arrival_rates_high_to_low;
        let all: f64 = rates.iter().sum();
        let stream = |(class, &rate): (usize, &f64)| Stream {
            units: (known.units() as f64 * rate / all) as usize,
            arrivals: Arrivals::Poisson { rate },
            service: known.service(),
            priority: -(class as i32),
        };
        let streams = rates.iter().enumerate().map(stream).collect();
        let strategy = Box::new(Priority::new(preempt));
        let figures = known.simulation().run(streams, strategy).expect("figures");
        assert_eq!(figures.streams.len(), answers(&known).len());
        for (class, (stream, &answer)) in figures.streams.iter().zip(answers(&known)).enumerate() {
            let what = format!(
                "priority, preempt {preempt}, class {class} of {}",
                rates.len()
            );
            equal(&what, stream.response, answer, 0.0);
        }
    }
}

#[test]
fn priority_is_the_non_preemptive_queue() {
    priorities(false, |known| &known.mean_response_non_preemptive);
}

#[test]
fn priority_with_preemption_is_preemptive_resume() {
    priorities(true, |known| &known.mean_response_preemptive_resume);
}

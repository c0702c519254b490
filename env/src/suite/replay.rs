//! Recorded episodes of the reference implementations, and how the control problems are compared with them.

use crate::{Action, Environment, Observation, Status};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The JSON lines of a compressed fixture.
pub fn read_lines<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    let lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
    lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

/// Asserts that two rows of numbers agree, each to `tolerance` absolutely.
pub fn assert_close(ours: &[f64], reference: &[f64], tolerance: f64, context: &str) {
    assert_eq!(ours.len(), reference.len(), "{context}");
    for (a, b) in ours.iter().zip(reference) {
        assert!((a - b).abs() <= tolerance, "{context}: {a} against {b}");
    }
}

/// The features as 64-bit numbers.
pub fn features(observation: &Observation) -> Vec<f64> {
    observation.features.iter().map(|x| f64::from(*x)).collect()
}

/// A control problem whose state can be set and read.
pub trait Control: Environment {
    fn put(&mut self, state: &[f64]);
    fn read(&self) -> Vec<f64>;
}

/// One recorded episode. `states[t]` is the state after `actions[t]`.
#[derive(Deserialize)]
struct Trace {
    policy: String,
    reset_state: Vec<f64>,
    actions: Vec<usize>,
    states: Vec<Vec<f64>>,
    /// Where the observation is not the state.
    obs: Option<Vec<Vec<f64>>>,
    rewards: Vec<f32>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    /// How far the recorded actions can be replayed before the instability of the system makes rounding visible.
    open_loop_safe_steps: usize,
}

/// Compares every recorded step from the recorded state before it, and then each episode from its start.
pub fn replay(environment: &mut impl Control, name: &str, episodes: usize) {
    let traces: Vec<Trace> = read_lines(name);
    assert_eq!(traces.len(), episodes);
    for trace in &traces {
        environment.reset(0).unwrap();
        environment.put(&trace.reset_state);
        for t in 0..trace.actions.len() {
            if t > 0 {
                environment.put(&trace.states[t - 1]);
            }
            // Only the last bits of sine and cosine can differ within a single step.
            compare(environment, trace, t, 1e-12);
        }
        environment.reset(0).unwrap();
        environment.put(&trace.reset_state);
        for t in 0..trace.open_loop_safe_steps {
            compare(environment, trace, t, 1e-6);
        }
    }
}

fn compare(environment: &mut impl Control, trace: &Trace, t: usize, tolerance: f64) {
    let step = environment.step(&Action::from(trace.actions[t])).unwrap();
    let context = format!("{} at step {t}", trace.policy);
    assert_close(&environment.read(), &trace.states[t], tolerance, &context);
    // Observations have 32 bits: half a unit in the last place of numbers up to 9 pi is 1e-6.
    let seen = trace.obs.as_ref().map_or(&trace.states[t], |obs| &obs[t]);
    assert_close(&features(&step.observation), seen, 2e-6, &context);
    assert_eq!(step.reward, trace.rewards[t], "{context}");
    let (terminated, truncated) = match step.status {
        Status::Running => (false, false),
        Status::Terminated(_) => (true, false),
        Status::Truncated(_) => (false, true),
    };
    assert_eq!(terminated, trace.terminated[t], "{context}");
    // The reference reports both flags when both hold; here the end of the process comes first.
    assert_eq!(truncated, trace.truncated[t] && !terminated, "{context}");
}

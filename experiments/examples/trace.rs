//! Plays the quick-start's environment by a fixed rule and prints what it shows, a line of JSON for each reset and step. The tests of the
//! Python package play the same and compare bit for bit.
//!
//! ```text
//! cargo run --release -p trimtab-experiments --example trace [EPISODES]
//! ```
//!
//! How long the environment took goes to the error output. All is printed at the end: where a machine has other things to do, a process
//! makes way for them when it writes, and an environment that is timed between two lines would seem to be the only one that has the
//! machine for itself.

use serde_json::json;
use std::time::{Duration, Instant};
use trimtab_env::{Action, Environment, Observation, Status};
use trimtab_experiments::train::config::{EnvironmentConfig, QUICKSTART};
use trimtab_experiments::work::environments::Tuning;
use trimtab_experiments::{Config, Error, Registry};

fn main() -> Result<(), Error> {
    let config = Config::parse(QUICKSTART, "quickstart.ron")?;
    let EnvironmentConfig::Tuning { cost, process, .. } = &config.environment else {
        return Err(Error::config("environment", "Named(..)", "give Tuning(..)"));
    };
    let (device, registry) = (trimtab_models::device("flex")?, Registry::default());
    let tasks = config.environment.tasks()?;
    let tuning = Tuning::new(&tasks, *cost, process, &device, registry.extensions())?;
    let mut environment = tuning.environment(&[])?;
    let episodes = std::env::args().nth(1).and_then(|given| given.parse().ok());
    let (mut took, mut shown) = (Duration::ZERO, Vec::new());
    for seed in 0..episodes.unwrap_or(6) {
        let begun = Instant::now();
        let mut observation = environment.reset(seed)?;
        took += begun.elapsed();
        let mut status = Status::Running;
        shown.push(json!({ "seed": seed, "observation": observation.features }));
        for step in 0.. {
            if status.is_over() {
                break;
            }
            let action = action(&observation, step);
            let begun = Instant::now();
            let played = environment.step(&action)?;
            took += begun.elapsed();
            (observation, status) = (played.observation, played.status);
            shown.push(
                json!({ "observation": observation.features, "reward": played.reward, "over": status.is_over() }),
            );
        }
        shown.push(json!({ "outcome": environment.outcome()? }));
    }
    shown.iter().for_each(|line| println!("{line}"));
    eprintln!("{}", took.as_secs_f64());
    Ok(())
}

/// Of each head the allowed choice whose turn it is: all of them, one step after the other, and the next head one ahead.
fn action(observation: &Observation, step: usize) -> Action {
    let heads = observation.mask.iter().flat_map(|mask| &mask.allowed);
    let choices = heads.enumerate().map(|(head, allowed)| {
        let choices = (0..allowed.len()).filter(|choice| allowed[*choice]);
        choices
            .clone()
            .nth((step + head) % choices.count().max(1))
            .unwrap_or(0)
    });
    Action::new(choices.collect::<Vec<_>>())
}

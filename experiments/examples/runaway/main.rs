//! Trainings built to break the context servo, each beside the optimiser's default at the same cost: a table by kind, failures first.
//!
//! ```text
//! cargo run --release -p trimtab-experiments --example runaway [-- --draws 400 --seed 1 --threads 2]
//! cargo run --release -p trimtab-experiments --example runaway -- --ordinary
//! cargo run --release -p trimtab-experiments --example runaway -- --seed 1 --show 17
//! cargo run --release -p trimtab-experiments --example runaway -- --servo runs/fit/context_servo.ron
//! ```
//!
//! The second plays trainings as the servo was fitted to, for comparison; the third shows one training, segment after segment. The last
//! plays a servo that `fit` has left, in place of the shipped one.

mod breaking;

use breaking::{Breaking, Kind, Outcome, lr};
use clap::Parser;
use indicatif::ProgressBar;
use std::error::Error;
use std::path::PathBuf;
use trimtab_env::ContextServo;
use trimtab_env::mdp::threads::in_order;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a training may end above the default by, in the natural logarithm of the test loss.
const PROMISED: f64 = 0.05;
/// The share of the budget for which the rate of an adaptive optimiser may be above 0.1.
const LONGEST: f64 = 0.1;

#[derive(Parser)]
struct Options {
    /// How many trainings are drawn.
    #[arg(long, default_value_t = 400)]
    draws: u64,
    /// Which.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Trainings at once.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Draws ordinary trainings, such as the servo was fitted to.
    #[arg(long)]
    ordinary: bool,
    /// Shows one of them, segment after segment.
    #[arg(long)]
    show: Option<u64>,
    /// File of a fitted servo; without one the shipped servo plays.
    #[arg(long)]
    servo: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let servo: ContextServo = match &options.servo {
        Some(path) => ron::from_str(&std::fs::read_to_string(path)?)?,
        None => ContextServo::default(),
    };
    let draw = |index| {
        let mut drawn = match options.ordinary {
            true => Breaking::ordinary(options.seed, index)?,
            false => Breaking::draw(options.seed, index)?,
        };
        drawn.config.servo = servo;
        Ok::<_, Box<dyn Error + Send + Sync>>(drawn)
    };
    if let Some(index) = options.show {
        return show(&draw(index).map_err(|error| error.to_string())?);
    }
    let bar = ProgressBar::new(options.draws);
    let mut played = Vec::new();
    let play = |_, index: usize, advance: &dyn Fn(u64)| {
        let breaking = draw(index as u64)?;
        let outcome = breaking.play()?;
        advance(1);
        Ok::<_, Box<dyn Error + Send + Sync>>((breaking.kind, breaking.describe(), outcome))
    };
    let each = |_, (kind, text, outcome)| {
        played.push((kind, text, outcome));
        Ok(())
    };
    let count = options.draws as usize;
    in_order(options.threads, count, play, |by| bar.inc(by), each)
        .map_err(|error| error.to_string())?;
    bar.finish_and_clear();
    report(&played);
    Ok(())
}

/// Prints failures, worst first, and then the table.
fn report(played: &[(Kind, String, Outcome)]) {
    let mut failed: Vec<_> = played
        .iter()
        .enumerate()
        .filter(|(_, (.., outcome))| !(outcome.log_ratio <= PROMISED && outcome.above <= LONGEST))
        .collect();
    failed.sort_by(|(_, a), (_, b)| b.2.log_ratio.total_cmp(&a.2.log_ratio));
    println!("{} of {} fail", failed.len(), played.len());
    for (index, (_, text, outcome)) in failed {
        println!(
            "{index:>4}  {:+.3} ± {:.3}  highest rate {:.1e}, above 0.1 for {:.2}  {text}",
            outcome.log_ratio, outcome.error, outcome.highest, outcome.above
        );
    }
    println!(
        "\n| kind | trainings | above the default by over {PROMISED} | by over two standard errors more | the default again | worst | mean | highest rate, adaptive | over 0.1 for too long |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let all = Kind::ALL.map(|kind| (format!("{kind:?}"), Some(kind)));
    for (name, kind) in all.into_iter().chain([("all".to_owned(), None)]) {
        let of_it = || {
            let outcomes = played
                .iter()
                .filter(|(of, ..)| kind.is_none_or(|kind| kind == *of));
            outcomes.map(|(.., outcome)| outcome)
        };
        let count =
            |wanted: fn(&Outcome) -> bool| of_it().filter(|outcome| wanted(outcome)).count();
        let trainings = of_it().count();
        if trainings == 0 {
            continue;
        }
        let worst = of_it()
            .map(|outcome| outcome.log_ratio)
            .fold(f64::MIN, f64::max);
        let sum: f64 = of_it().map(|outcome| outcome.log_ratio).sum();
        let highest = of_it().filter(|outcome| outcome.adaptive);
        println!(
            "| {name} | {trainings} | {} | {} | {} | {worst:+.3} | {:+.3} | {:.2} | {} |",
            count(|outcome| outcome.log_ratio > PROMISED),
            count(|outcome| outcome.log_ratio - 2.0 * outcome.error > PROMISED),
            count(|outcome| outcome.again > PROMISED),
            sum / trainings as f64,
            highest.map(|outcome| outcome.highest).fold(0.0, f64::max),
            count(|outcome| outcome.above > LONGEST),
        );
    }
}

/// Prints what happens in a training.
fn show(breaking: &Breaking) -> Result<(), Box<dyn Error>> {
    let outcome = breaking.play()?;
    println!("{}", breaking.describe());
    for (name, segments) in ["servo", "default"].into_iter().zip(&outcome.segments) {
        println!("{name}\n spent  batch       rate     update      train  validation  dead units");
        for segment in segments {
            let report = &segment.report;
            let ratio = report
                .gradients
                .map_or(f64::NAN, |gradients| gradients.update_ratio);
            let train = report.train.map_or(f64::NAN, |train| train.mean);
            let validation = report
                .validation
                .as_ref()
                .map_or(f64::NAN, |validation| validation.loss);
            let dead = report.dead_units.unwrap_or(f64::NAN);
            println!(
                "{:>6.3} {:>6} {:>10.2e} {ratio:>10.2e} {train:>10.4} {validation:>11.4} {dead:>11.3}{}",
                segment.spent / outcome.segments[0].last().map_or(1.0, |last| last.spent),
                segment.settings.batch_size()?,
                lr(segment),
                if segment.settings.from_best() {
                    "  from the best weights"
                } else {
                    ""
                }
            );
        }
    }
    println!("log ratio {:+.4} ± {:.4}", outcome.log_ratio, outcome.error);
    Ok(())
}

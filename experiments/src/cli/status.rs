//! The command line of `status`.

use super::server::{Credentials, notice};
use super::{INTERRUPTED, Words, print_json, say, stop_on_ctrl_c, write};
use crate::{Error, Result};
use clap::Parser;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use trimtab_cluster::status::{Status as Picture, Watcher, view};
use trimtab_cluster::{Name, Notice};

/// Shows how a cluster of workers stands; or changes the strategy of a run.
///
/// On a terminal it is drawn anew until q is pressed. Elsewhere it is printed once, or again and again with --every.
#[derive(Parser)]
#[command(
    name = "status",
    version,
    after_help = "Examples:
  status                                        of the server on this machine
  status --server nats://10.0.0.1:4222 --once   as text, once
  status --json --every 10 >> cluster.jsonl     a JSON object every ten seconds
  status --run quickstart --strategy priority   the run changes its strategy while it goes on"
)]
struct Status {
    /// The server, such as nats://host:4222; several of a cluster with commas
    #[arg(long, default_value = "nats://127.0.0.1:4222")]
    server: String,
    /// JSON objects, one a line
    #[arg(long)]
    json: bool,
    /// Seconds from one look to the next
    #[arg(long)]
    every: Option<f64>,
    /// One look, as text
    #[arg(long, conflicts_with = "every")]
    once: bool,
    /// The run whose strategy is to change
    #[arg(long, requires = "strategy")]
    run: Option<String>,
    /// Its new strategy
    #[arg(long, requires = "run", value_parser = ["least-load", "priority", "round-robin"])]
    strategy: Option<String>,
    #[command(flatten)]
    credentials: Credentials,
}

/// The command `status`.
pub(super) fn status(words: &Words) -> Result<()> {
    let arguments: Status = words.parse();
    let every = arguments.every.map(seconds).transpose()?;
    let wish = arguments.run.as_deref().zip(arguments.strategy.as_deref());
    let drawn = !arguments.once
        && !arguments.json
        && wish.is_none()
        && std::io::stdout().is_terminal()
        && std::io::stdin().is_terminal();
    let server = arguments.credentials.server(&arguments.server);
    // On a drawn screen the last line says what is wrong.
    let told: Notice = if drawn {
        Arc::new(|_: &str| {})
    } else {
        notice()
    };
    let watcher = Watcher::connect(&server, told)?;
    if let Some((run, strategy)) = wish {
        return change(&watcher, run, strategy);
    }
    if drawn {
        stop_on_ctrl_c()?;
        let every = every.unwrap_or(Duration::from_secs(1));
        return Ok(view::top(&watcher, every, &INTERRUPTED)?);
    }
    let Some(every) = every else {
        return print(&watcher.status()?, None, arguments.json);
    };
    stop_on_ctrl_c()?;
    let mut before = None;
    while !INTERRUPTED.load(Ordering::SeqCst) {
        let begun = Instant::now();
        match watcher.status() {
            Ok(status) => {
                print(&status, before.as_ref(), arguments.json)?;
                before = Some(status);
            }
            // Servers that choose a leader are back in some seconds.
            Err(error) => eprintln!("{error}; it is tried again"),
        }
        while begun.elapsed() < every && !INTERRUPTED.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

fn seconds(given: f64) -> Result<Duration> {
    let allowed = "seconds from 0.1 to 86400";
    if (0.1..=86_400.0).contains(&given) {
        Ok(Duration::from_secs_f64(given))
    } else {
        Err(Error::config("--every", given, allowed))
    }
}

fn change(watcher: &Watcher, run: &str, strategy: &str) -> Result<()> {
    let name = Name::of(run);
    let runs = watcher.status()?.runs;
    if !runs.iter().any(|state| state.run == name) {
        let names: Vec<&str> = runs.iter().map(|state| state.run.as_str()).collect();
        let allowed = match names.as_slice() {
            [] => "no run is under way".to_owned(),
            names => format!("under way are {}", names.join(", ")),
        };
        return Err(Error::config("--run", run, allowed));
    }
    watcher.wish_strategy(&name, strategy)?;
    say(format_args!("run {name} is told to use {strategy}"))
}

/// The picture, and an empty line where another follows it.
fn print(status: &Picture, before: Option<&Picture>, json: bool) -> Result<()> {
    if json {
        return print_json(std::slice::from_ref(status));
    }
    if before.is_some() {
        say("")?;
    }
    write(view::table(status, before))
}

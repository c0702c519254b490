//! The command line of `explain`.

use super::{Backend, INTERRUPTED, Words, known, say, tell};
use crate::record::observer::Progress;
use crate::record::run_directory::write_json;
use crate::train::config::MOST_RUNS;
use crate::{Config, Registry, Result, Workers, plot, train::explain};
use clap::Parser;
use std::path::PathBuf;
use trimtab_agent::Policy;
use trimtab_env::bounds::check_count;
use trimtab_env::{Context, ContextServo};

/// Says what a policy looks at, and draws what the servo under it wants.
#[derive(Parser)]
#[command(
    name = "explain",
    version,
    after_help = "Examples:
  explain runs/quickstart                       the features that move the policy of a run, into runs/quickstart/plots
  explain runs/quickstart --episodes 200        from more episodes
  explain --servo                               what the shipped context servo wants, into set_points.png"
)]
struct Explain {
    /// Run directory
    #[arg(required_unless_present = "servo")]
    run: Option<PathBuf>,
    /// Episodes that are played
    #[arg(long, default_value_t = 64)]
    episodes: u64,
    /// Draw the set-points of the shipped context servo instead
    #[arg(long, conflicts_with = "run")]
    servo: bool,
    /// With --servo: the picture
    #[arg(long, default_value = "set_points.png")]
    out: PathBuf,
    #[command(flatten)]
    backend: Backend,
}

/// Trainings that show what set-points depend on.
fn trainings() -> Vec<(String, Context)> {
    let training = |epochs: f64, adaptive: bool| {
        let name = if adaptive { "Adam" } else { "SGD" };
        let context = Context {
            epochs,
            examples: 2000.0,
            parameters: 6000.0,
            layers: 3.0,
            adaptive,
            ..Context::default()
        };
        (format!("{name}, {epochs} epochs"), context)
    };
    let epochs = [5.0, 20.0, 80.0].into_iter();
    epochs
        .flat_map(|epochs| [training(epochs, false), training(epochs, true)])
        .collect()
}

/// The command `explain`.
pub(super) fn explain(words: &Words, registry: &Registry) -> Result<()> {
    let arguments: Explain = words.parse();
    let Some(run) = &arguments.run else {
        let servo = ContextServo::default();
        plot::set_points(&arguments.out, &servo, &trainings())?;
        return tell(&arguments.out, arguments.out.display());
    };
    check_count("--episodes", arguments.episodes as usize, 1..=MOST_RUNS)?;
    let config = Config::load(&run.join("config.ron"))?;
    config.validate()?;
    known("explain", run, &config, registry)?;
    let policy = Policy::load(run.join("policy.json"))?;
    let device = arguments.backend.device()?;
    let workers = Workers::new(1, device, registry, &INTERRUPTED);
    let mut progress = Progress::default();
    let episodes = arguments.episodes;
    let seen = explain::play(&config, &policy, episodes, &workers, &mut progress)?;
    let importances = explain::importances(&policy, &seen, config.seed);
    write_json(&run.join("importance.json"), &importances)?;
    let heads: Vec<&str> = policy
        .spec()
        .heads
        .iter()
        .map(|h| h.name.as_str())
        .collect();
    let picture = run.join("plots").join("importance.png");
    plot::importance(&picture, &heads, &importances)?;
    say(explain::table(&policy, &importances).trim_end())?;
    say(picture.display())
}

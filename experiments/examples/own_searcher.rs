//! A searcher of one's own by its name in a config, beside all others in a comparison:
//! `cargo run --release --example own_searcher -- compare experiments/configs/own_searcher.ron`.
use rand::RngExt;
use trimtab_agent::searcher::{History, Proposal, Searcher};
use trimtab_env::stream;
use trimtab_experiments::{Registry, cli};

/// Stochastic hill climbing: every other trial is a draw, the others are a step away from the best so far.
struct HillClimbing {
    history: History,
    seed: u64,
    step: f64,
}

impl Searcher for HillClimbing {
    fn ask(&mut self) -> trimtab_agent::Result<Proposal> {
        let mut rng = stream(self.seed, "step", self.history.len() as u64);
        let space = self.history.space();
        let configuration = match self.history.best().filter(|_| self.history.len() % 2 == 1) {
            Some((best, _)) => {
                let mut point = space.encode(&best.configuration)?;
                for x in &mut point {
                    *x = (*x + rng.random_range(-self.step..=self.step)).clamp(0.0, 1.0);
                }
                space.decode(&point)?
            }
            None => self.history.random(self.seed)?,
        };
        Ok(Proposal::Trial(self.history.propose(
            configuration,
            None,
            None,
        )))
    }
    fn tell(&mut self, id: u64, loss: f64) -> trimtab_agent::Result<()> {
        self.history.tell(id, loss)
    }
    fn history(&self) -> &History {
        &self.history
    }
}

fn main() -> std::process::ExitCode {
    cli::main(
        &Registry::default().with_searcher("hill_climbing", |parameters, space, seed| {
            let (history, step) = (
                History::new(space),
                parameters.get("step").copied().unwrap_or(0.1),
            );
            Ok(Box::new(HillClimbing {
                history,
                seed,
                step,
            }))
        }),
    )
}

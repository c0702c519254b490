//! A controller of one's own by its name in a config, beside all others in a comparison:
//! `cargo run --release --example own_controller -- compare experiments/configs/own_controller.ron`.
use trimtab_agent::controller::{Controller, Decision, Situation};
use trimtab_env::{Settings, settings::LEARNING_RATE};
use trimtab_experiments::{Registry, cli};

/// The bold driver (Battiti 1989): the rate rises a little while the validation loss falls, and falls much once it rises.
struct BoldDriver {
    begun: Settings,
    up: f64,
    down: f64,
    rate: f64,
}

impl Controller for BoldDriver {
    fn name(&self) -> &str {
        "bold_driver"
    }
    fn begin(&mut self, _seed: u64) {
        self.rate = self.begun.number(LEARNING_RATE).unwrap_or(0.01);
    }
    fn decide(&mut self, situation: &Situation) -> Decision {
        let losses = situation.segments.iter().rev().map(|segment| {
            let validation = segment.report.validation.as_ref();
            validation.map_or(f64::INFINITY, |validation| validation.loss)
        });
        if let [last, before] = losses.take(2).collect::<Vec<_>>()[..] {
            self.rate *= if last < before { self.up } else { self.down };
        }
        Decision::Set(self.begun.clone().with(LEARNING_RATE, self.rate))
    }
}

fn main() -> std::process::ExitCode {
    cli::main(
        &Registry::default().with_controller("bold_driver", |parameters, _spec, begun| {
            let number = |name, otherwise| parameters.get(name).copied().unwrap_or(otherwise);
            let (up, down) = (number("up", 1.05), number("down", 0.5));
            Ok(Box::new(BoldDriver {
                begun: begun.clone(),
                up,
                down,
                rate: 0.0,
            }))
        }),
    )
}

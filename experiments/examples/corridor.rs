//! A custom environment, trained by the same runner, command line and config files as any other.
use trimtab_env::{
    Action, Environment, EnvironmentSpec, Feature, Head, Observation, Result, Status, Step,
    Termination, mdp::wrappers::EnforceOrder,
};
use trimtab_experiments::{Registry, cli};

/// Walk to the right end; every step costs 1.
struct Corridor {
    spec: EnvironmentSpec,
    place: usize,
    steps: usize,
}

impl Environment for Corridor {
    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }
    fn reset(&mut self, seed: u64) -> Result<Observation> {
        (self.place, self.steps) = (seed as usize % 5, 0);
        Ok(Observation::new(vec![self.place as f32 / 10.0]))
    }
    fn step(&mut self, action: &Action) -> Result<Step> {
        self.place = if action.choices[0] == 1 {
            self.place + 1
        } else {
            self.place.saturating_sub(1)
        };
        self.steps += 1;
        let status = match (self.place, self.steps) {
            (10, _) => Status::Terminated(Termination::Reached),
            (_, 50) => Status::Terminated(Termination::Finished),
            _ => Status::Running,
        };
        Ok(Step {
            observation: Observation::new(vec![self.place as f32 / 10.0]),
            reward: -1.0,
            status,
        })
    }
}

fn main() -> std::process::ExitCode {
    cli::main(&Registry::default().with("corridor", |_| {
        let features = vec![Feature::new("place", 0.0, 1.0)];
        let heads = vec![Head::new("move", ["left", "right"])];
        let spec = EnvironmentSpec {
            name: "corridor".into(),
            features,
            heads,
            horizon: 50,
        };
        Ok(Box::new(EnforceOrder::new(Corridor {
            spec,
            place: 0,
            steps: 0,
        })))
    }))
}

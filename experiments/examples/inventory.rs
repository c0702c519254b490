//! Two decisions and a mask: how much to order for a shop, and whether to pay for a fast delivery. What does not fit on the
//! shelf is masked.
use trimtab_env::{
    Action, ActionMask, Environment, EnvironmentSpec, Feature, Head, Observation, Result, Status,
    Step, Termination, mdp::wrappers::EnforceOrder, stream,
};
use trimtab_experiments::{Registry, cli};

const SHELF: usize = 8;
const DAYS: usize = 30;

struct Inventory(EnvironmentSpec, rand_chacha::ChaCha8Rng, [usize; 3]); // stock, on its way, day

impl Inventory {
    fn observe(&self) -> Observation {
        let [stock, coming, day] = self.2;
        let fits = (0..5).map(|order| stock + coming + order <= SHELF);
        Observation {
            features: [stock, coming, day]
                .map(|n| n as f32 / DAYS as f32)
                .to_vec(),
            mask: Some(ActionMask {
                allowed: vec![fits.collect(), vec![true, true]],
            }),
        }
    }
}

impl Environment for Inventory {
    fn spec(&self) -> &EnvironmentSpec {
        &self.0
    }
    fn reset(&mut self, seed: u64) -> Result<Observation> {
        (self.1, self.2) = (stream(seed, "demand", 0), [4, 0, 0]);
        Ok(self.observe())
    }
    fn step(&mut self, action: &Action) -> Result<Step> {
        let ([stock, coming, day], order, fast) = (self.2, action.choices[0], action.choices[1]);
        let there = stock + coming + order * fast;
        let demand = rand::RngExt::random_range(&mut self.1, 0..=4u32) as usize;
        let sold = there.min(demand);
        self.2 = [there - sold, order * (1 - fast), day + 1];
        let reward =
            2.0 * sold as f32 - order as f32 * (1.0 + 0.5 * fast as f32) - 0.1 * there as f32;
        let over = day + 1 == DAYS;
        let status = if over {
            Status::Terminated(Termination::Finished)
        } else {
            Status::Running
        };
        Ok(Step {
            observation: self.observe(),
            reward,
            status,
        })
    }
}

fn main() -> std::process::ExitCode {
    cli::main(&Registry::default().with("inventory", |_| {
        let features = ["stock", "coming", "day"]
            .map(|name| Feature::new(name, 0.0, 1.0))
            .to_vec();
        let heads = vec![
            Head::new("order", 0..5),
            Head::new("delivery", ["slow", "fast"]),
        ];
        let spec = EnvironmentSpec {
            name: "inventory".into(),
            features,
            heads,
            horizon: DAYS,
        };
        Ok(Box::new(EnforceOrder::new(Inventory(
            spec,
            stream(0, "demand", 0),
            [0; 3],
        ))))
    }))
}

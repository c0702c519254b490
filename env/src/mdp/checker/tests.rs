//! The checker is tested on environments that are broken on purpose, each in one way.

use super::*;
use crate::suite::{Identity, NoisyQuadratic};
use crate::{Error, Feature, Head, Result, Status, Termination, TuningEnv};

/// The ways in which [`Broken`] breaks the contract.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Length,
    NotFinite,
    OutOfBounds,
    NotFiniteReward,
    Unseeded,
    UnseededLate,
    MaskShape,
    MaskForbidsAll,
    AcceptsMasked,
    AcceptsAnyChoice,
    AcceptsAnyLength,
    BeforeReset,
    AfterEnd,
    Endless,
    FailsOnAllowed,
    FailsOnReset,
    IndexesWithTheChoice,
    IndexesWithEveryChoice,
    PanicsLate,
    PanicsOnReset,
    NoHeads,
    TwinFeatures,
    InvertedBounds,
}

struct Broken {
    fault: Fault,
    spec: EnvironmentSpec,
    steps: Option<usize>,
    life: usize,
}

impl Broken {
    fn new(fault: Fault) -> Self {
        let mut features = vec![
            Feature::new("time", 0.0, 10.0),
            Feature::new("life", 0.0, 1e9),
        ];
        let mut heads = vec![Head::new("move", ["a", "b", "c"])];
        match fault {
            Fault::NoHeads => heads.clear(),
            Fault::TwinFeatures => features[1].name = "time".to_owned(),
            Fault::InvertedBounds => features[0].low = 11.0,
            _ => {}
        }
        Self {
            fault,
            spec: EnvironmentSpec {
                name: "broken".to_owned(),
                features,
                heads,
                horizon: 5,
            },
            steps: None,
            life: 0,
        }
    }

    fn observation(&self, steps: usize) -> Observation {
        let mut features = vec![steps as f32, 0.0];
        let mut allowed = vec![vec![true, true, false]];
        match self.fault {
            Fault::Length => features.truncate(1),
            Fault::NotFinite => features[0] = f32::NAN,
            Fault::OutOfBounds => features[0] = 10.5,
            Fault::Unseeded => features[1] = self.life as f32,
            Fault::UnseededLate if steps == 3 => features[1] = self.life as f32,
            Fault::MaskShape => allowed[0].truncate(2),
            Fault::MaskForbidsAll => allowed[0] = vec![false; 3],
            _ => {}
        }
        Observation {
            features,
            mask: Some(ActionMask { allowed }),
        }
    }
}

impl Environment for Broken {
    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    fn reset(&mut self, _seed: u64) -> Result<Observation> {
        if self.fault == Fault::FailsOnReset {
            return Err(Error::other("reset", "out of order"));
        }
        assert!(self.fault != Fault::PanicsOnReset, "no seed was wanted");
        self.life += 1;
        self.steps = Some(0);
        Ok(self.observation(0))
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        let environment = || "broken".to_owned();
        let steps = match self.steps {
            None if self.fault == Fault::BeforeReset => 0,
            None => {
                return Err(Error::NotReset {
                    environment: environment(),
                });
            }
            Some(steps) => steps,
        };
        if steps >= 5 && !matches!(self.fault, Fault::AfterEnd | Fault::Endless) {
            return Err(Error::EpisodeOver {
                environment: environment(),
            });
        }
        let prices = [0.5, 0.25, 0.125];
        match self.fault {
            Fault::IndexesWithTheChoice => _ = prices[action.choices[0]],
            Fault::IndexesWithEveryChoice => {
                let indices = action.choices.iter().enumerate();
                _ = indices.map(|(i, _)| prices[3 * i]).sum::<f64>();
            }
            Fault::PanicsLate if steps == 3 => std::panic::panic_any(3),
            _ => {}
        }
        let lenient = match self.fault {
            Fault::AcceptsAnyChoice => action.choices.len() == 1,
            Fault::AcceptsAnyLength => action.choices[0] < 3,
            _ => false,
        };
        if !lenient {
            self.spec.check_action(action)?;
            if self.fault != Fault::AcceptsMasked && self.fault != Fault::MaskForbidsAll {
                self.observation(steps)
                    .mask
                    .unwrap()
                    .check(&self.spec, action)?;
            }
        }
        if self.fault == Fault::FailsOnAllowed && steps == 2 {
            return Err(Error::other("step", "out of order"));
        }
        self.steps = Some(steps + 1);
        let over = steps + 1 == 5 && self.fault != Fault::Endless;
        Ok(Step {
            observation: self.observation(steps + 1),
            reward: if self.fault == Fault::NotFiniteReward {
                f32::INFINITY
            } else {
                1.0
            },
            status: if over {
                Status::Terminated(Termination::Finished)
            } else {
                Status::Running
            },
        })
    }
}

fn check(fault: Fault) -> Vec<Violation> {
    check_environment(&mut Broken::new(fault), &CheckOptions::default())
}

#[test]
fn correct_environments_have_no_violation() {
    assert_eq!(check(Fault::None), []);
    assert_eq!(
        check_environment(&mut Identity::new(3, 8), &CheckOptions::default()),
        []
    );
    let mut tuning = TuningEnv::new(
        vec![NoisyQuadratic::default().into()],
        NoisyQuadratic::tuning(),
    )
    .unwrap();
    assert_eq!(check_environment(&mut tuning, &CheckOptions::default()), []);
}

#[test]
fn every_fault_is_found_and_only_that() {
    use Fault::*;
    let cases: [(Fault, &str); 23] = [
        (Length, "1 numbers where the specification has 2"),
        (NotFinite, "`time` is NaN"),
        (OutOfBounds, "`time` is 10.5, outside its bounds 0 to 10"),
        (NotFiniteReward, "reward of step 0 is inf"),
        (Unseeded, "another result after reset"),
        (UnseededLate, "another result after step 2"),
        (MaskShape, "the shape [2] where the heads have [3]"),
        (MaskForbidsAll, "forbids every choice of head `move`"),
        (AcceptsMasked, "a masked choice was accepted"),
        (AcceptsAnyChoice, "a choice outside its head was accepted"),
        (AcceptsAnyLength, "one choice too many was accepted"),
        (BeforeReset, "before the first reset was accepted"),
        (AfterEnd, "after the end of the episode was accepted"),
        (Endless, "beyond the horizon of 5 steps"),
        (
            FailsOnAllowed,
            "step 2 failed on an allowed action: step: out of order",
        ),
        (FailsOnReset, "reset failed"),
        (
            IndexesWithTheChoice,
            "a choice outside its head panicked: index out of bounds: the len is 3 but the index is 3",
        ),
        (
            IndexesWithEveryChoice,
            "an action with one choice too many panicked: index out of bounds",
        ),
        (PanicsLate, "step 3 panicked: without a message"),
        (PanicsOnReset, "reset panicked: no seed was wanted"),
        (NoHeads, "no action heads"),
        (TwinFeatures, "two features are called `time`"),
        (InvertedBounds, "the bounds 11 and 10"),
    ];
    for (fault, wanted) in cases {
        let found = check(fault);
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(
            texts.iter().any(|text| text.contains(wanted)),
            "{fault:?}: {texts:?}"
        );
        // A mask that forbids everything cannot be probed for masked choices being refused.
        let tolerated = if fault == MaskForbidsAll { 2 } else { 1 };
        assert!(found.len() <= tolerated, "{fault:?}: {texts:?}");
    }
}

//! A schedule that an earlier run chose, again.

use super::{Controller, Decision, Situation};
use trimtab_env::{RecordedSchedule, Settings};

/// Replays a [`RecordedSchedule`]: in each segment the settings that held in the middle of it.
#[derive(Clone, Debug)]
pub struct Replay {
    name: String,
    base: Settings,
    schedule: RecordedSchedule,
}

impl Replay {
    /// A replay under a name for tables. `base` holds whatever the schedule does not set.
    pub fn new(name: impl Into<String>, base: Settings, schedule: RecordedSchedule) -> Self {
        Self {
            name: name.into(),
            base,
            schedule,
        }
    }
}

impl Controller for Replay {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&mut self, _seed: u64) {}

    fn decide(&mut self, situation: &Situation) -> Decision {
        let then = self.schedule.at(situation.middle());
        Decision::Set(self.base.joined(then))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::{ContextServoController, run};
    use trimtab_env::servo::context_servo::Steering;
    use trimtab_env::suite::NoisyQuadratic;
    use trimtab_env::{Context, ContextServo, Environment, Segment, TuningEnv};

    fn environment() -> TuningEnv {
        let instances = vec![NoisyQuadratic::default().into()];
        TuningEnv::new(instances, NoisyQuadratic::tuning()).unwrap()
    }

    fn recorded(probe: bool) -> Vec<Segment> {
        let mut environment = environment();
        environment.reset(5).unwrap();
        let spec = environment.instances()[0].trainee.spec();
        let context = Context::new(spec, environment.budget()).unwrap();
        let servo = ContextServo {
            probe,
            ..ContextServo::default()
        };
        let steering = Steering::new(servo, context, 0.01);
        let mut controller = ContextServoController::new("servo", Settings::default(), steering);
        run(&mut environment, &mut controller, 5).unwrap();
        environment.segments().to_vec()
    }

    fn replayed(segments: &[Segment]) -> Vec<Segment> {
        let schedule = RecordedSchedule::of(segments).unwrap();
        let read = ron::from_str(&ron::to_string(&schedule).unwrap()).unwrap();
        let mut controller = Replay::new("replay", Settings::default(), read);
        let mut environment = environment();
        run(&mut environment, &mut controller, 5).unwrap();
        environment.segments().to_vec()
    }

    #[test]
    fn a_replay_is_the_run_again() {
        let run = recorded(false);
        assert_eq!(replayed(&run), run);
    }

    /// The start probe cost something and is not replayed, so that segments are cut elsewhere; at each share of the budget the
    /// settings are those of the run.
    #[test]
    fn a_replay_needs_no_start_probe() {
        let run = recorded(true);
        let schedule = RecordedSchedule::of(&run).unwrap();
        let again = replayed(&run);
        for segment in &again {
            let known = schedule.entries().iter();
            assert!(
                known
                    .map(|entry| &entry.settings)
                    .any(|s| *s == segment.settings)
            );
        }
        let first_and_last = |segments: &[Segment]| {
            let ends = [segments.first(), segments.last()];
            ends.map(|segment| segment.unwrap().settings.clone())
        };
        assert_eq!(first_and_last(&again), first_and_last(&run));
    }
}

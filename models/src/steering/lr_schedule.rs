//! A recorded schedule as one of burn's.

use crate::{Error, Result};
use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use burn::optim::LearningRate;
use trimtab_env::RecordedSchedule;

/// The learning rates of a [`RecordedSchedule`] as a schedule of burn's, for a loop with a constant batch size and a known
/// number of steps. Step `i` of `n` has the rate that held at the share `(i + 1/2) / n` of the recorded run, and steps
/// after the last have the last rate.
///
/// The rates belong to the batch sizes that were recorded with them, and are handed out as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct LrSchedule {
    schedule: RecordedSchedule,
    steps: usize,
    next: usize,
}

/// The name of the next step in a record.
const NEXT: &str = "next";

impl LrSchedule {
    /// The schedule over this many steps.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no step.
    pub fn new(schedule: RecordedSchedule, steps: usize) -> Result<Self> {
        if steps == 0 {
            return Err(Error::Config {
                field: "steps".to_owned(),
                given: "0".to_owned(),
                allowed: "at least 1".to_owned(),
            });
        }
        Ok(Self {
            schedule,
            steps,
            next: 0,
        })
    }
}

impl LrScheduler for LrSchedule {
    fn step(&mut self) -> LearningRate {
        let share = (self.next as f64 + 0.5) / self.steps as f64;
        self.next = self.next.saturating_add(1).min(self.steps);
        // A recorded schedule has a learning rate in each of its settings.
        self.schedule.at(share).learning_rate().unwrap_or(0.0)
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar(NEXT, self.next as u64)
    }

    /// A record without the next step leaves it as it is.
    fn load_record(&mut self, record: LrSchedulerRecord) {
        if let Some(next) = record.scalar::<u64>(NEXT) {
            self.next = next.min(self.steps as u64) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> LrSchedule {
        let text = r#"[
            (share: 0.0, settings: {"learning_rate": 0.1}),
            (share: 0.25, settings: {"learning_rate": 0.2}),
            (share: 0.9, settings: {"learning_rate": 0.3}),
        ]"#;
        LrSchedule::new(ron::from_str(text).unwrap(), 4).unwrap()
    }

    #[test]
    fn each_step_has_the_rate_of_its_middle() {
        let mut schedule = schedule();
        let rates = [0; 6].map(|_| schedule.step());
        // The middles are at 1/8, 3/8, 5/8, 7/8; what comes after the end has the last rate.
        assert_eq!(rates, [0.1, 0.2, 0.2, 0.2, 0.3, 0.3]);
        assert!(LrSchedule::new(schedule.schedule, 0).is_err());
    }

    #[test]
    fn a_record_brings_back_the_step() {
        let mut first = schedule();
        first.step();
        let bytes = first.to_record().into_bytes().unwrap();
        let mut second = schedule();
        second.load_record(LrSchedulerRecord::from_bytes(bytes).unwrap());
        assert_eq!(second, first);
        second.load_record(LrSchedulerRecord::new());
        assert_eq!(second, first);
    }
}

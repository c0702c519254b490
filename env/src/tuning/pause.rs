//! Where a training can stand still: at the end of each segment.
//!
//! Whoever plays trainings on a thread may have something called there. It returns when the training is to go on, however long that
//! takes, and nothing of the training changes meanwhile: its bits are the same. To end the training instead it unwinds
//! ([`std::panic::resume_unwind`]); with a [`Recording`] it can go on elsewhere.

use crate::tuning::recording::Recording;
use std::cell::RefCell;
use std::rc::Rc;

/// Called where a training can stand still, with what makes a recording of the work up to here: `None` if there can be none, or nobody
/// records ([`crate::recording::with`]).
pub type Pause = Rc<dyn Fn(&dyn Fn() -> Option<Recording>)>;

thread_local! {
    static CALLED: RefCell<Option<Pause>> = const { RefCell::new(None) };
}

/// Does `work`, with `pause` called on this thread wherever it can stand still.
pub fn with<T>(pause: Pause, work: impl FnOnce() -> T) -> T {
    /// What was called before is called again, also after an unwinding.
    struct Before(Option<Pause>);
    impl Drop for Before {
        fn drop(&mut self) {
            let before = self.0.take();
            CALLED.with(|called| called.replace(before));
        }
    }
    let _before = Before(CALLED.with(|called| called.replace(Some(pause))));
    work()
}

/// Here this thread can stand still. Environments of trainings say so themselves; say it in long work that has no segments.
pub fn point() {
    at(&|| None);
}

/// As [`point`], where `recording` makes one.
pub(super) fn at(recording: &dyn Fn() -> Option<Recording>) {
    let pause = CALLED.with(|called| called.borrow().clone());
    if let Some(pause) = pause {
        pause(recording);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::NoisyQuadratic;
    use crate::{Action, Environment, TuningEnv};
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    fn environment() -> TuningEnv {
        let instances = vec![NoisyQuadratic::default().into()];
        TuningEnv::new(instances, NoisyQuadratic::tuning()).unwrap()
    }

    /// Its segments, and what was paid for them.
    fn played(environment: &mut TuningEnv) -> Vec<crate::Segment> {
        environment.reset(1).unwrap();
        while !environment.step(&Action::from(2)).unwrap().status.is_over() {}
        environment.segments().to_vec()
    }

    #[test]
    fn a_training_can_stand_still_after_each_segment_but_the_last_and_is_the_same() {
        let alone = played(&mut environment());
        let count = Rc::new(Cell::new(0));
        let counted = count.clone();
        let pause: Pause = Rc::new(move |_| counted.set(counted.get() + 1));
        assert_eq!(with(pause, || played(&mut environment())), alone);
        assert_eq!(count.get(), alone.len() - 1);
        // Nobody is called any more.
        played(&mut environment());
        assert_eq!(count.get(), alone.len() - 1);
    }

    #[test]
    fn a_training_that_is_ended_there_leaves_its_environment_good() {
        let alone = played(&mut environment());
        let mut environment = environment();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let pause: Pause = Rc::new(|_| resume_unwind(Box::new("ended")));
            with(pause, || played(&mut environment))
        }));
        assert!(ended.is_err());
        assert_eq!(environment.segments().len(), 1);
        assert_eq!(played(&mut environment), alone);
    }
}

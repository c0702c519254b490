use super::*;
use crate::suite::NoisyQuadratic;
use crate::tuning::pause;
use crate::tuning::settings::{LEARNING_RATE, ROLLBACK};
use crate::{
    Action, Cost, Environment, Instance, Outcome, Restore, Segment, Settings, Snapshot, Trainee,
    TraineeSpec, TuningConfig, TuningEnv, Value,
};
use proptest::prelude::*;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A training that counts what it is asked for: each start, segment, try and test.
struct Counted(NoisyQuadratic, Arc<AtomicU64>);

impl Counted {
    fn asked(&mut self) -> &mut NoisyQuadratic {
        self.1.fetch_add(1, Ordering::Relaxed);
        &mut self.0
    }
}

impl Trainee for Counted {
    fn spec(&self) -> &TraineeSpec {
        self.0.spec()
    }

    fn start(&mut self, seed: u64) -> Result<Report> {
        self.asked().start(seed)
    }

    fn advance(&mut self, settings: &Settings, budget: Cost) -> Result<Report> {
        self.asked().advance(settings, budget)
    }

    fn probe(&mut self, settings: &Settings, updates: u64) -> Result<Report> {
        self.asked().probe(settings, updates)
    }

    fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }

    fn restore(&mut self, snapshot: &Snapshot, what: Restore) -> Result<()> {
        self.0.restore(snapshot, what)
    }

    fn test(&mut self) -> Result<TestReport> {
        self.asked().test()
    }

    fn save(&self, snapshot: &Snapshot) -> Option<Vec<u8>> {
        self.0.save(snapshot)
    }

    fn load(&mut self, saved: &[u8]) -> Result<Snapshot> {
        self.0.load(saved)
    }
}

fn environment(count: &Arc<AtomicU64>) -> TuningEnv {
    let trainee: Box<dyn Trainee> = Box::new(Counted(NoisyQuadratic::default(), count.clone()));
    let config = TuningConfig {
        settings: Settings::default().with(ROLLBACK, Value::Category("best".to_owned())),
        ..NoisyQuadratic::tuning()
    };
    TuningEnv::new(vec![Instance::from(trainee)], config).unwrap()
}

type Played = Vec<(Vec<Segment>, Outcome)>;

/// Trainings one after the other, each with tries before some of its segments and a rate that diverges at one.
fn trainings(count: &Arc<AtomicU64>, seeds: &[u64]) -> Result<Played> {
    let mut environment = environment(count);
    let mut played = Vec::new();
    for seed in seeds {
        let mut observation = environment.reset(*seed)?;
        loop {
            let index = environment.segments().len() as u64;
            let settings = environment.settings()?;
            if index % 5 == 2 {
                environment.look_ahead(&[(settings.clone(), 2), (settings.clone(), 1)])?;
            }
            let step = if index == 4 {
                environment.step_with(&settings.with(LEARNING_RATE, 1e4))?
            } else {
                let wanted = (seed + index) as usize % 3;
                let allowed = &observation.mask.expect("knobs have masks").allowed[0];
                let mut choices = (0..3).map(|more| (wanted + more) % 3);
                let choice = choices.find(|choice| allowed[*choice]);
                environment.step(&Action::from(choice.unwrap_or(0)))?
            };
            if step.status.is_over() {
                break;
            }
            observation = step.observation;
        }
        played.push((environment.segments().to_vec(), environment.outcome()?));
    }
    Ok(played)
}

/// Does the work until it could stand still for the time `at`, from 0; `Err` with the recording there if it did.
fn until<T>(
    at: u64,
    from: Option<Recording>,
    work: impl FnOnce() -> T,
) -> std::result::Result<T, Option<Recording>> {
    let passed = Cell::new(0);
    let stop: pause::Pause = Rc::new(move |recording| {
        if passed.replace(passed.get() + 1) == at {
            resume_unwind(Box::new(recording()));
        }
    });
    let done = catch_unwind(AssertUnwindSafe(|| with(from, || pause::with(stop, work))));
    done.map_err(|stopped| *stopped.downcast::<Option<Recording>>().unwrap())
}

/// A recording as it is after a way over a wire.
fn sent(recording: Option<Recording>) -> Option<Recording> {
    let bytes = serde_json::to_vec(&recording.expect("it can travel")).unwrap();
    Some(serde_json::from_slice(&bytes).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn work_that_stands_still_anywhere_goes_on_elsewhere_and_nothing_is_done_twice(
        seeds in proptest::collection::vec(0u64..9, 1..4),
        stops in proptest::collection::vec(0u64..30, 1..4),
    ) {
        let count = Arc::new(AtomicU64::new(0));
        let alone = trainings(&count, &seeds).unwrap();
        let asked = count.swap(0, Ordering::Relaxed);
        let diverged = alone.iter().flat_map(|(segments, _)| segments).filter(|s| s.report.diverged);
        prop_assert_eq!(diverged.count(), seeds.len());
        let mut from = None;
        let mut stopped = 0;
        for at in stops {
            match until(at, from.take(), || trainings(&count, &seeds)) {
                Ok(played) => {
                    // It was over before that.
                    prop_assert_eq!(played.unwrap(), alone);
                    return Ok(());
                }
                Err(recording) => from = sent(recording),
            }
            stopped += 1;
        }
        let played = with(from, || trainings(&count, &seeds)).unwrap();
        prop_assert!(stopped > 0);
        prop_assert_eq!(played, alone);
        prop_assert_eq!(count.load(Ordering::Relaxed), asked);
    }
}

#[test]
fn work_of_several_environments_has_no_recording_and_is_the_same() {
    let count = Arc::new(AtomicU64::new(0));
    let both = || {
        let (mut one, mut other) = (environment(&count), environment(&count));
        one.reset(1).unwrap();
        other.reset(2).unwrap();
        one.step(&Action::from(0)).unwrap();
        other.step(&Action::from(0)).unwrap();
        other.segments().to_vec()
    };
    assert_eq!(until(0, None, both).unwrap_err(), None);
    assert_eq!(with(None, both), both());
}

#[test]
fn work_that_has_taken_weights_has_no_recording() {
    let count = Arc::new(AtomicU64::new(0));
    let work = || {
        let mut environment = environment(&count);
        environment.reset(1).unwrap();
        environment.end_at_best().unwrap();
        environment.reset(2).unwrap();
        environment.step(&Action::from(0)).unwrap();
    };
    assert_eq!(until(0, None, work).unwrap_err(), None);
}

/// What was reported before is not known: elsewhere it would begin in another place.
#[test]
fn work_whose_training_had_begun_before_has_no_recording() {
    let count = Arc::new(AtomicU64::new(0));
    let mut environment = environment(&count);
    environment.reset(1).unwrap();
    environment.step(&Action::from(0)).unwrap();
    let goes_on = || {
        environment.step(&Action::from(0)).unwrap();
        environment.reset(2).unwrap();
        environment.step(&Action::from(0)).unwrap();
    };
    // In the training that it found, and in one that it began.
    assert_eq!(until(1, None, goes_on).unwrap_err(), None);
    environment.reset(1).unwrap();
    let goes_on = || environment.step(&Action::from(0));
    assert_eq!(until(0, None, goes_on).unwrap_err(), None);
    // Nor beside one that it began.
    environment.reset(1).unwrap();
    let goes_on = || {
        let mut begun = self::environment(&count);
        begun.reset(2).unwrap();
        environment.step(&Action::from(0)).unwrap();
        begun.step(&Action::from(0)).unwrap();
    };
    assert_eq!(until(1, None, goes_on).unwrap_err(), None);
}

#[test]
fn nobody_records_unless_it_is_asked_for() {
    let count = Arc::new(AtomicU64::new(0));
    let recorded = Rc::new(Cell::new(true));
    let seen = recorded.clone();
    let look: pause::Pause = Rc::new(move |recording| seen.set(recording().is_some()));
    pause::with(look, || trainings(&count, &[1])).unwrap();
    assert!(!recorded.get());
}

#[test]
fn a_training_that_cannot_be_written_down_has_no_recording() {
    struct Own(NoisyQuadratic);
    impl Trainee for Own {
        fn spec(&self) -> &TraineeSpec {
            self.0.spec()
        }
        fn start(&mut self, seed: u64) -> Result<Report> {
            self.0.start(seed)
        }
        fn advance(&mut self, settings: &Settings, budget: Cost) -> Result<Report> {
            self.0.advance(settings, budget)
        }
        fn probe(&mut self, settings: &Settings, updates: u64) -> Result<Report> {
            self.0.probe(settings, updates)
        }
        fn snapshot(&self) -> Snapshot {
            self.0.snapshot()
        }
        fn restore(&mut self, snapshot: &Snapshot, what: Restore) -> Result<()> {
            self.0.restore(snapshot, what)
        }
        fn test(&mut self) -> Result<TestReport> {
            self.0.test()
        }
    }
    let work = || {
        let trainee: Box<dyn Trainee> = Box::new(Own(NoisyQuadratic::default()));
        let instances = vec![Instance::from(trainee)];
        let mut environment = TuningEnv::new(instances, NoisyQuadratic::tuning()).unwrap();
        environment.reset(1).unwrap();
        environment.step(&Action::from(0)).unwrap();
    };
    assert_eq!(until(0, None, work).unwrap_err(), None);
    assert!(Own(NoisyQuadratic::default()).load(b"[]").is_err());
}

/// What comes over a wire may be of other work, or noise.
#[test]
fn a_recording_of_other_work_is_an_error() {
    let count = Arc::new(AtomicU64::new(0));
    let recording = until(2, None, || trainings(&count, &[1, 2])).unwrap_err();
    let Recording { told, training } = recording.unwrap();
    let given = |told: &[Told], training: &[u8]| Recording {
        told: told.to_vec(),
        training: training.to_vec(),
    };
    let test = Told {
        said: Said::Test(TestReport::default()),
        ..told[0].clone()
    };
    for recording in [
        given(&told, b"noise"),
        given(&[], &training),
        given(&told[..1], &training),
        given(std::slice::from_ref(&test), &training),
        given(&[&told[..1], &[test]].concat(), &training),
        // Of the same work, but for the seed of its training.
        until(2, None, || trainings(&count, &[2, 1]))
            .unwrap_err()
            .unwrap(),
    ] {
        let error = with(Some(recording), || trainings(&count, &[1, 2])).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("goes on from a recording") || said.contains("snapshot"),
            "{said}"
        );
    }
    // It is forgotten with the work that it was for.
    assert!(trainings(&count, &[1]).is_ok());
}

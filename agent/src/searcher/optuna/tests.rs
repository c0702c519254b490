//! Journals against Optuna's own, and searches written, killed and played again.

use super::*;
use crate::searcher::{Outcome, Proposal, Searcher, SearcherConfig, Trial};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trimtab_env::metrics::Metric;
use trimtab_env::{Domain, Objective, Parameter, SearchSpace, Settings, Value, stream};

const SAMPLE: &str = include_str!("../../../fixtures/optuna/optuna-journal-5-trials.log");
const LOADED: &str = include_str!("../../../fixtures/optuna/optuna-journal-5-trials.loaded.json");
const BY_OPTUNA: &str =
    include_str!("../../../fixtures/optuna/optuna-journal-written-by-optuna.log");

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("trimtab-optuna-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn with(text: &str) -> (Self, PathBuf) {
        let folder = Self::new();
        let file = folder.0.join("study.log");
        std::fs::write(&file, text).unwrap();
        (folder, file)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn space() -> SearchSpace {
    let sgd = vec![Parameter::new("momentum", Domain::Uniform(0.0, 0.99))];
    let names = ["adamw", "sgd"].map(str::to_owned).to_vec();
    let optimizer = Parameter::new("optimizer", Domain::Categories(names));
    SearchSpace::new(vec![
        Parameter::new("learning_rate", Domain::LogUniform(1e-5, 1.0)),
        Parameter::new("batch_size", Domain::Values(vec![16.0, 32.0, 64.0])),
        optimizer.opening("sgd", SearchSpace::new(sgd).unwrap()),
        Parameter::new(
            "layers",
            Domain::Integer {
                low: 1,
                high: 8,
                log: true,
            },
        ),
    ])
    .unwrap()
}

fn title(objective: Objective) -> Title {
    Title {
        name: "digits/random/0".to_owned(),
        metric: objective.name().to_owned(),
        objective,
        attributes: serde_json::Map::from_iter([("runs".to_owned(), 5.into())]),
    }
}

fn trial(id: u64, seed: u64) -> Trial {
    Trial {
        id,
        configuration: space().sample(&mut stream(seed, "trial", id)),
        resource: None,
        continues: None,
    }
}

fn write(file: &Path, objective: Objective, events: &[TrialEvent]) {
    let journal = Journal::open(file).unwrap();
    let mut study = StudyWriter::begin(&journal, title(objective), space()).unwrap();
    for event in events {
        study.write(event).unwrap();
    }
}

fn only_study(file: &Path) -> (Study, Vec<JournalTrial>) {
    let mut studies = Journal::open(file).unwrap().studies();
    assert_eq!(studies.len(), 1);
    studies.remove(0)
}

fn settings(trial: &JournalTrial) -> Settings {
    let mut settings = Settings::default();
    for (name, (value, _)) in &trial.parameters {
        settings.set(name, value.clone().unwrap());
    }
    settings
}

#[test]
fn a_journal_says_what_optuna_loads_from_it() {
    let (_folder, file) = Folder::with(SAMPLE);
    let (study, trials) = only_study(&file);
    let loaded: serde_json::Value = serde_json::from_str(LOADED).unwrap();
    assert_eq!(study.maximised, [false]);
    assert_eq!(study.attributes["program"], loaded["user_attrs"]["program"]);
    let states = ["RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING"];
    let number = |value: &serde_json::Value| value.as_f64().unwrap_or(f64::NAN);
    for (trial, wanted) in trials.iter().zip(loaded["trials"].as_array().unwrap()) {
        assert_eq!(states[usize::from(trial.state.number())], wanted["state"]);
        let values = wanted["values"].as_array();
        let values: Vec<f64> = values.map_or(vec![], |all| all.iter().map(number).collect());
        assert_eq!(trial.values, values);
        for (name, value) in wanted["params"].as_object().unwrap() {
            match &trial.parameters[name].0 {
                Some(Value::Number(number)) => assert_eq!(Some(*number), value.as_f64(), "{name}"),
                Some(Value::Category(category)) => assert_eq!(value, category),
                None => panic!("no {name}"),
            }
        }
        let intermediate = wanted["intermediate"].as_object().unwrap();
        assert_eq!(trial.intermediate.len(), intermediate.len());
        for (step, value) in intermediate {
            let found = trial.intermediate[&step.parse().unwrap()];
            assert_eq!(found.to_bits(), number(value).to_bits());
        }
    }
    assert_eq!(trials.len(), 5);
}

#[test]
fn a_journal_of_optuna_is_read_and_gone_on_with() {
    let (_folder, file) = Folder::with(BY_OPTUNA);
    let [complete, pruned] = &only_study(&file).1[..] else {
        panic!("two trials")
    };
    assert_eq!(complete.values, [0.00046568046379195655]);
    assert_eq!(complete.parameters["b"].0, Some(Value::Number(32.0)));
    assert_eq!(complete.parameters["n"].0, Some(Value::Number(8.0)));
    assert_eq!(
        (pruned.state, &pruned.values[..]),
        (TrialState::Pruned, &[0.5][..])
    );
    let wanted = Distribution::Int {
        low: 2,
        high: 10,
        log: false,
        step: 2,
    };
    assert_eq!(complete.parameters["n"].1, wanted);
    // The numbers of its studies and trials go on.
    let began = TrialEvent::Began(trial(0, 1));
    write(&file, Objective::Loss, &[began, TrialEvent::Finished]);
    let studies = Journal::open(&file).unwrap().studies();
    assert_eq!(
        (studies.len(), studies[0].1.len(), studies[1].1.len()),
        (2, 2, 1)
    );
    assert_eq!(settings(&studies[1].1[0]), trial(0, 1).configuration);
}

/// What happens in a search of so many trials, and what is to be seen of it: parameters, state, value, values on the way.
type Shown = (Settings, TrialState, Vec<f64>, Vec<f64>);

fn play(endings: &[(u8, Vec<f64>)], seed: u64) -> (Vec<TrialEvent>, Vec<Shown>) {
    let (mut events, mut shown) = (Vec::new(), Vec::new());
    for (id, (ending, losses)) in endings.iter().enumerate() {
        let trial = trial(id as u64, seed);
        events.push(TrialEvent::Began(trial.clone()));
        for (step, loss) in losses.iter().enumerate() {
            events.push(TrialEvent::Reported {
                trial: trial.id,
                step: step as u64,
                loss: *loss,
            });
        }
        let finite = losses.iter().copied().filter(|loss| loss.is_finite());
        let best = finite.fold(f64::INFINITY, f64::min);
        let last = losses.last().filter(|loss| loss.is_finite());
        let last: Vec<f64> = last.into_iter().copied().collect();
        let (ending, state, values) = match ending {
            0 => (Ending::Pruned, TrialState::Pruned, last),
            1 => (Ending::Paused(best), TrialState::Pruned, last),
            _ if best.is_finite() => (Ending::Whole(best), TrialState::Complete, vec![best]),
            _ => (Ending::Whole(best), TrialState::Failed, vec![]),
        };
        events.push(TrialEvent::Ended {
            trial: trial.id,
            ending,
        });
        let on_the_way = losses
            .iter()
            .map(|loss| if loss.is_finite() { *loss } else { f64::NAN });
        shown.push((trial.configuration, state, values, on_the_way.collect()));
    }
    events.push(TrialEvent::Finished);
    // Those that wait are pruned, but for those that were trained furthest.
    let furthest = endings.iter().map(|(_, losses)| losses.len()).max();
    for ((ending, losses), (_, state, values, _)) in endings.iter().zip(&mut shown) {
        if *ending == 1 && Some(losses.len()) == furthest {
            let finite = losses.iter().copied().filter(|loss| loss.is_finite());
            (*state, *values) = match finite.min_by(f64::total_cmp) {
                Some(best) => (TrialState::Complete, vec![best]),
                None => (TrialState::Failed, vec![]),
            };
        }
    }
    (events, shown)
}

fn shown(file: &Path) -> Vec<Shown> {
    let trials = only_study(file).1;
    let shown = |trial: &JournalTrial| {
        let values = trial.intermediate.values().copied().collect();
        (settings(trial), trial.state, trial.values.clone(), values)
    };
    trials.iter().map(shown).collect()
}

/// As text, since what is not a number does not equal itself.
fn text(shown: &[Shown]) -> String {
    format!("{shown:?}")
}

fn losses() -> impl Strategy<Value = Vec<(u8, Vec<f64>)>> {
    let loss = prop_oneof![
        4 => -1e3..1e3f64,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(2.0),
    ];
    proptest::collection::vec((0..4u8, proptest::collection::vec(loss, 0..4)), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_search_comes_back_from_its_journal(endings in losses(), seed in 0..100u64) {
        let (folder, (events, wanted)) = (Folder::new(), play(&endings, seed));
        let file = folder.0.join("study.log");
        write(&file, Objective::Loss, &events);
        prop_assert_eq!(text(&shown(&file)), text(&wanted));
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            prop_assert!(line.contains("\"worker_id\""), "{}", line);
        }
    }

    #[test]
    fn killed_at_any_byte_and_played_again_it_is_the_same_study(
        endings in losses(),
        seed in 0..100u64,
        at in 0.0..1.0f64,
    ) {
        let (folder, (events, wanted)) = (Folder::new(), play(&endings, seed));
        let file = folder.0.join("study.log");
        write(&file, Objective::Loss, &events);
        let whole = std::fs::read(&file).unwrap();
        let cut = (at * whole.len() as f64) as usize;
        std::fs::write(&file, &whole[..cut]).unwrap();
        write(&file, Objective::Loss, &events);
        prop_assert_eq!(text(&shown(&file)), text(&wanted));
        // Once more, and nothing is written at all.
        let before = std::fs::read(&file).unwrap();
        write(&file, Objective::Loss, &events);
        prop_assert_eq!(std::fs::read(&file).unwrap(), before);
    }

    #[test]
    fn values_come_back_from_distributions(seed in any::<u64>()) {
        let space = space();
        let configuration = space.sample(&mut stream(seed, "space", 0));
        let active = space.active(&configuration);
        prop_assert_eq!(active.len(), configuration.iter().count());
        for (coordinate, value) in active {
            let distribution = Distribution::parse(&Distribution::of(coordinate.domain).text()).unwrap();
            prop_assert_eq!(&distribution, &Distribution::of(coordinate.domain));
            let internal = distribution.internal(value).unwrap();
            let back = distribution.external(internal).unwrap();
            prop_assert_eq!(&back, value);
        }
    }
}

#[test]
fn a_trial_that_goes_on_is_one_trial_unless_its_configuration_changes() {
    let folder = Folder::new();
    let file = folder.0.join("study.log");
    let first = Trial {
        resource: Some(1),
        ..trial(0, 1)
    };
    let same = Trial {
        id: 1,
        resource: Some(2),
        continues: Some(0),
        ..first.clone()
    };
    let other = Trial {
        continues: Some(1),
        ..trial(2, 1)
    };
    let reported = |trial: u64, step: u64, loss: f64| TrialEvent::Reported { trial, step, loss };
    let ended = |trial: u64, ending: Ending| TrialEvent::Ended { trial, ending };
    write(
        &file,
        Objective::Loss,
        &[
            TrialEvent::Began(first),
            reported(0, 0, 3.0),
            ended(0, Ending::Paused(3.0)),
            TrialEvent::Began(same),
            reported(1, 1, 2.0),
            ended(1, Ending::Paused(2.0)),
            TrialEvent::Began(other),
            reported(2, 2, 1.0),
            ended(2, Ending::Whole(1.0)),
            TrialEvent::Finished,
        ],
    );
    let [first, other] = &only_study(&file).1[..] else {
        panic!("two trials")
    };
    assert_eq!(first.intermediate, BTreeMap::from([(0, 3.0), (1, 2.0)]));
    assert_eq!(
        (first.state, &first.values[..]),
        (TrialState::Pruned, &[2.0][..])
    );
    assert_eq!(other.intermediate, BTreeMap::from([(2, 1.0)]));
    assert_eq!(
        (other.state, &other.attributes["continues"]),
        (TrialState::Complete, &0.into())
    );
}

#[test]
fn a_metric_that_rises_is_shown_as_itself() {
    let folder = Folder::new();
    let file = folder.0.join("study.log");
    let events = [
        TrialEvent::Began(trial(0, 1)),
        TrialEvent::Reported {
            trial: 0,
            step: 0,
            loss: 0.25,
        },
        TrialEvent::Ended {
            trial: 0,
            ending: Ending::Whole(0.25),
        },
    ];
    write(&file, Objective::Metric(Metric::Accuracy), &events);
    let (study, trials) = only_study(&file);
    assert_eq!(study.maximised, [true]);
    assert_eq!(
        (&trials[0].values[..], trials[0].intermediate[&0]),
        (&[0.75][..], 0.75)
    );
}

#[test]
fn several_programs_write_to_one_journal() {
    let folder = Folder::new();
    let file = folder.0.join("study.log");
    std::thread::scope(|scope| {
        for writer in 0..4u64 {
            let file = &file;
            scope.spawn(move || {
                // Each with a view of its own, as another process has.
                let journal = Journal::open(file).unwrap();
                let title = Title {
                    name: format!("search {writer}"),
                    ..title(Objective::Loss)
                };
                let mut study = StudyWriter::begin(&journal, title, space()).unwrap();
                for id in 0..5 {
                    study.write(&TrialEvent::Began(trial(id, writer))).unwrap();
                    let ending = Ending::Whole(writer as f64);
                    study
                        .write(&TrialEvent::Ended { trial: id, ending })
                        .unwrap();
                }
            });
        }
    });
    let studies = Journal::open(&file).unwrap().studies();
    assert_eq!(studies.len(), 4);
    for (study, trials) in studies {
        let writer: u64 = study.name.strip_prefix("search ").unwrap().parse().unwrap();
        assert_eq!(trials.len(), 5);
        for (id, found) in trials.iter().enumerate() {
            assert_eq!(settings(found), trial(id as u64, writer).configuration);
            assert_eq!(found.values, [writer as f64]);
        }
    }
}

#[test]
fn other_searches_and_other_files_are_refused_and_left_as_they_are() {
    let (_folder, file) = Folder::with("");
    write(&file, Objective::Loss, &[]);
    let journal = Journal::open(&file).unwrap();
    let mut other = title(Objective::Loss);
    other.attributes["runs"] = 6.into();
    let error = StudyWriter::begin(&journal, other, space()).unwrap_err();
    assert!(error.to_string().contains("choose another file"), "{error}");

    for (text, word) in [
        ("learning_rate: 0.1\n", "line 1"),
        ("{\"learning_rate\": 0.1}\n", "op_code"),
        ("{\"learning_rate\": 0.1}", "line 1"),
    ] {
        let (_folder, file) = Folder::with(text);
        let begun = Journal::open(&file).and_then(|journal| {
            StudyWriter::begin(&journal, title(Objective::Loss), space()).map(drop)
        });
        let error = begun.unwrap_err().to_string();
        assert!(
            error.contains(word) && error.contains("study.log"),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn a_study_that_is_deleted_while_it_is_written_stays_deleted() {
    let folder = Folder::new();
    let file = folder.0.join("study.log");
    let journal = Journal::open(&file).unwrap();
    let mut study = StudyWriter::begin(&journal, title(Objective::Loss), space()).unwrap();
    study.write(&TrialEvent::Began(trial(0, 1))).unwrap();
    let mut text = std::fs::read_to_string(&file).unwrap();
    text += "{\"op_code\":1,\"worker_id\":\"dashboard\",\"study_id\":0}\n";
    std::fs::write(&file, &text).unwrap();
    study.write(&TrialEvent::Began(trial(1, 1))).unwrap();
    let ending = Ending::Whole(1.0);
    study
        .write(&TrialEvent::Ended { trial: 1, ending })
        .unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    assert!(journal.studies().is_empty());
}

#[test]
fn distributions_of_earlier_versions_are_read() {
    let float = |low, high, log, step| Distribution::Float {
        low,
        high,
        log,
        step,
    };
    for (text, wanted) in [
        (
            r#"{"name": "LogUniformDistribution", "attributes": {"low": 1e-05, "high": 1.0}}"#,
            float(1e-5, 1.0, true, None),
        ),
        (
            r#"{"name": "DiscreteUniformDistribution", "attributes": {"low": 0.0, "high": 1.0, "q": 0.25}}"#,
            float(0.0, 1.0, false, Some(0.25)),
        ),
        (
            r#"{"type": "float", "low": 0, "high": 1, "log": false}"#,
            float(0.0, 1.0, false, None),
        ),
        (
            r#"{"type": "categorical", "choices": ["a", null]}"#,
            Distribution::Categorical(vec!["a".into(), serde_json::Value::Null]),
        ),
    ] {
        assert_eq!(Distribution::parse(text), Ok(wanted), "{text}");
    }
    assert!(Distribution::parse(r#"{"name": "Poisson", "attributes": {}}"#).is_err());
}

fn renamed(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs
        .iter()
        .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
    pairs.collect()
}

#[test]
fn a_study_is_seen_and_what_does_not_fit_is_named() {
    let (_folder, file) = Folder::with(SAMPLE);
    let (study, trials) = only_study(&file);
    // Without the optimiser, and without batches of 16.
    let space = SearchSpace::new(vec![
        Parameter::new("rate", Domain::LogUniform(1e-5, 1.0)),
        Parameter::new("batch_size", Domain::Values(vec![32.0, 64.0])),
        Parameter::new("layers", Domain::Values(vec![1.0, 2.0, 3.0, 4.0])),
    ])
    .unwrap();
    let names = renamed(&[("learning_rate", "rate")]);
    let (seen, left_out) = seen((&study, &trials), &space, Objective::Loss, &names).unwrap();
    let outcomes: Vec<Outcome> = seen.iter().map(|trial| trial.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Loss(0.4), Outcome::Loss(1.2), Outcome::Failed]
    );
    let wanted = Settings::default()
        .with("rate", 0.01)
        .with("batch_size", 32.0)
        .with("layers", 1.0);
    assert_eq!((&seen[0].configuration, seen[0].resource), (&wanted, None));
    for word in [
        "1 trial: it is not finished",
        "4 trials: its `optimizer`",
        "batch_size",
    ] {
        assert!(
            left_out.iter().any(|line| line.contains(word)),
            "{left_out:?}"
        );
    }
    assert_eq!(left_out.len(), 3, "{left_out:?}");

    let accuracy = Objective::Metric(Metric::Accuracy);
    let error = super::seen((&study, &trials), &space, accuracy, &names).unwrap_err();
    assert!(
        error.to_string().contains("`accuracy` is maximised"),
        "{error}"
    );
}

#[test]
fn searchers_go_on_from_what_was_seen() {
    let folder = Folder::new();
    let file = folder.0.join("study.log");
    let space = space();
    let loss = |settings: &Settings| (settings.learning_rate().unwrap().ln() + 3.0).powi(2);
    let mut events = Vec::new();
    for id in 0..40 {
        let trial = trial(id, 7);
        let ending = Ending::Whole(loss(&trial.configuration));
        events.push(TrialEvent::Began(trial));
        events.push(TrialEvent::Ended { trial: id, ending });
    }
    write(&file, Objective::Loss, &events);
    let (study, trials) = only_study(&file);
    let (seen, left_out) = seen((&study, &trials), &space, Objective::Loss, &renamed(&[])).unwrap();
    assert_eq!((seen.len(), left_out), (40, vec![]));

    for config in [
        SearcherConfig::Tpe(Default::default()),
        SearcherConfig::Bayesian(Default::default()),
    ] {
        // The first five trials: without a warm start they are spread over the space.
        let distance = |warm: bool| {
            let mut searcher = config.start(space.clone(), 1).unwrap();
            if warm {
                searcher.see(&seen).unwrap();
            }
            let mut sum = 0.0;
            for _ in 0..5 {
                let Proposal::Trial(trial) = searcher.ask().unwrap() else {
                    panic!("a trial")
                };
                sum += loss(&trial.configuration);
                searcher.tell(trial.id, loss(&trial.configuration)).unwrap();
            }
            sum / 5.0
        };
        let (warm, cold) = (distance(true), distance(false));
        assert!(warm < 0.3 * cold, "{config:?}: {warm} and {cold}");
    }

    // A grid does not run them again; halving begins with its own.
    let grid = || {
        SearcherConfig::Grid { points: 2 }
            .start(space.clone(), 1)
            .unwrap()
    };
    let count = |searcher: &mut dyn Searcher| {
        let asked = std::iter::from_fn(|| match searcher.ask().unwrap() {
            Proposal::Trial(trial) => Some(trial.configuration),
            _ => None,
        });
        asked.collect::<Vec<_>>()
    };
    let all = count(&mut grid());
    let mut rest = grid();
    let known = crate::searcher::SeenTrial {
        configuration: all[0].clone(),
        resource: None,
        outcome: Outcome::Loss(1.0),
    };
    rest.see(&[known]).unwrap();
    assert_eq!(count(&mut rest), all[1..]);
    let mut halving = SearcherConfig::Asha(Default::default())
        .start(space.clone(), 1)
        .unwrap();
    assert!(halving.see(&seen).unwrap_err().to_string().contains("Tpe"));
}

//! Runs a comparison, method by method, and goes on with one that was stopped.

use super::comparison::{Comparison, Job, check_batches};
use super::config::CompareConfig;
use super::fit::fit;
use super::grid::{self, tune};
use super::ledger::Ledger;
use super::method::Method;
use super::record::{CompareRecord, Line};
use super::search::Searched;
use super::work::{Answer, Methods, Unit};
use super::{searches, studies};
use crate::record::observer::{Observer, Phase};
use crate::record::recorded::{Recorded, Records, open_records};
use crate::record::run_directory::append_lines;
use crate::work::environments::Tuning;
use crate::work::trainings::Trainings;
use crate::work::{Work, Workers};
use crate::{Error, Result};
use std::path::Path;
use trimtab_agent::Policy;
use trimtab_agent::controller::Found;
use trimtab_agent::searcher::SearcherConfig;
use trimtab_agent::searcher::optuna::Journal;
use trimtab_env::Environment;

/// Runs a comparison in the directory `out`, or what is missing of it there, and returns every line of its records. Each is written as
/// soon as those before it are. Searches are shown in the journal while they go on, each as a study named by task, method and seed.
///
/// # Errors
/// Everything wrong with the config, its data and its policies is found before the first run; [`Error::NoRun`] if the
/// directory holds another comparison; [`Error::Stopped`] once the workers are interrupted, with all that is finished on disk.
pub fn compare(
    config: &CompareConfig,
    out: &Path,
    workers: &Workers,
    journal: Option<&Journal>,
    observer: &mut dyn Observer,
) -> Result<Vec<Line>> {
    compare_in(config, out, workers, journal, observer)
        .map_err(|error| error.halted_as(|| Error::Stopped(out.to_owned())))
}

fn compare_in(
    config: &CompareConfig,
    out: &Path,
    workers: &Workers,
    journal: Option<&Journal>,
    observer: &mut dyn Observer,
) -> Result<Vec<Line>> {
    config.validate()?;
    let (trainings, models) = (config.trainings(), workers.registry.extensions());
    let tuning = Tuning::new(
        &trainings,
        config.cost,
        &config.process,
        &workers.device,
        models,
    )?;
    let tuning = tuning.at_budgets(&config.budgets);
    let tasks = tuning.tasks.len();
    check_batches(config, &tuning)?;
    let mut work = Trainings::new(tuning.clone(), workers.registry);
    find_by_name(config, &mut work)?;

    let file = out.join("records.jsonl");
    let Records {
        records: mut lines,
        lock: _lock,
    } = open_records(config, out, Recorded::Comparison)?;
    let mut comparison = Comparison::new(config, &tuning, &lines);
    comparison.shown = journal.is_some();
    let session = workers.begin(&work);
    for schedule in comparison.needed() {
        let done = |task: &usize| comparison.tuned(&schedule, *task).is_some();
        let (done, missing): (Vec<usize>, Vec<usize>) = (0..tasks).partition(done);
        if missing.is_empty() {
            continue;
        }
        let runs = grid::runs(&comparison);
        let (total, done) = (tasks as u64 * runs, done.len() as u64 * runs);
        observer.begin(Phase::Reference, total, done);
        for task in missing {
            let tuned = tune(&comparison, &session, &schedule, task, observer)?;
            append_lines(&file, &[Line::Tuned(tuned.clone())])?;
            lines.push(Line::Tuned(tuned.clone()));
            comparison.tuned.push(tuned);
        }
        observer.end();
    }
    for (generations, task) in comparison.unfitted() {
        let fitted = fit(
            &comparison,
            &session,
            (generations, task),
            journal,
            observer,
        )?;
        append_lines(&file, &[Line::Fitted(fitted.clone())])?;
        lines.push(Line::Fitted(fitted.clone()));
        comparison.fitted.push(fitted);
    }
    drop(session);

    let done = |(method, task, seed): &Job| {
        lines.iter().filter_map(Line::result).any(|record| {
            record.method == config.methods[*method].name()
                && record.task == tuning.tasks[*task].name()
                && record.seed == *seed
        })
    };
    let all = (0..config.methods.len()).flat_map(|method| {
        (0..tasks).flat_map(move |task| (0..config.seeds).map(move |seed| (method, task, seed)))
    });
    let todo: Vec<Job> = all.filter(|job| !done(job)).collect();
    let total = (config.methods.len() * tasks) as u64 * config.seeds;
    let begun = total - todo.len() as u64;
    let (mut jobs, mut units, mut together) = (Vec::new(), Vec::new(), (Vec::new(), Vec::new()));
    for job in todo {
        match comparison.unit(job)? {
            Unit::Search(search) if search.batch > 1 => {
                together.0.push(job);
                together.1.push(*search);
            }
            unit => {
                jobs.push(job);
                units.push(unit);
            }
        }
    }
    observer.begin(Phase::Evaluation, total, begun);
    let methods = Methods {
        trainings: work,
        journal,
    };
    let session = workers.begin(&methods);
    let mut write = |(method, task, seed): Job, found: Searched, range_test: Option<Found>| {
        let line = Line::Result(CompareRecord {
            method: config.methods[method].name().to_owned(),
            task: tuning.tasks[task].name().to_owned(),
            seed,
            budget: found.budget,
            ledger: found.ledger,
            outcome: found.outcome,
            range_test,
        });
        append_lines(&file, std::slice::from_ref(&line))?;
        lines.push(line);
        Ok(())
    };
    session.each(&(), &units, observer, |index, answer| match answer {
        Answer::Training(played) => {
            let found = Searched {
                ledger: Ledger::of(&played.segments, &config.process.objective),
                outcome: played.outcome,
                budget: played.budget,
                events: Vec::new(),
            };
            write(jobs[index], found, played.range_test)
        }
        Answer::Search(mut found) => {
            if let (Unit::Search(search), Some(journal)) = (&units[index], journal) {
                studies::write(search, std::mem::take(&mut found.events), journal)?;
            }
            write(jobs[index], found, None)
        }
        Answer::Trial(_) => Err(Error::Wire("a trial that nobody asked for".to_owned())),
    })?;
    let (jobs, searches) = together;
    searches::play(
        &searches,
        config.process.segments,
        &session,
        (workers.registry, journal),
        observer,
        |index, found| write(jobs[index], found, None),
    )?;
    observer.end();
    Ok(lines)
}

/// Loads the policies of a config, and checks that everything its methods name exists.
fn find_by_name(config: &CompareConfig, work: &mut Trainings) -> Result<()> {
    let spec = work.bench()?.spec().clone();
    for method in &config.methods {
        match method {
            Method::Policy { name, path, .. } => {
                let policy = Policy::load(path)?;
                policy.check(&spec)?;
                work.policies.insert(name.clone(), policy);
            }
            Method::Custom {
                name, controller, ..
            } => {
                let controller = controller.as_ref().unwrap_or(name);
                work.registry.check_controller(controller)?;
            }
            Method::Search {
                searcher: searcher @ SearcherConfig::Custom { .. },
                ..
            } => {
                work.registry.searcher(searcher, config.space.clone(), 0)?;
            }
            _ => {}
        }
    }
    Ok(())
}

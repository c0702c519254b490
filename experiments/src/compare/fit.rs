//! Fitting a servo on some tasks.

use super::comparison::Comparison;
use super::ledger::Ledger;
use super::method::Method;
use super::record::Fitted;
use crate::record::observer::{Observer, Phase};
use crate::record::summary::log_ratio;
use crate::work::Session;
use crate::work::controllers::ControllerConfig;
use crate::work::trainings::{Training, Trainings};
use crate::{Error, Result};
use trimtab_agent::controller::ServoParameters;
use trimtab_agent::searcher::optuna::{Ending, Journal, StudyWriter, Title, TrialEvent};
use trimtab_agent::searcher::{CrossEntropy, CrossEntropyConfig, Proposal, Searcher, Trial};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::{Domain, Objective, Parameter, SearchSpace, Settings};

/// Where the six parameters are looked for, around the hand-made ones.
fn space() -> Result<SearchSpace> {
    let parameters = [
        ("start", Domain::LogUniform(2e-3, 0.2)),
        ("end", Domain::LogUniform(1e-4, 0.1)),
        ("shape", Domain::LogUniform(0.3, 3.0)),
        ("batch_exponent", Domain::Uniform(0.0, 1.0)),
        ("batch_start", Domain::LogUniform(8.0, 128.0)),
        ("batch_end", Domain::LogUniform(16.0, 512.0)),
    ];
    let parameters = parameters.map(|(name, domain)| Parameter::new(name, domain));
    Ok(SearchSpace::new(parameters.to_vec())?)
}

/// What the fit is as a study.
fn title(comparison: &Comparison, without: usize) -> Result<Title> {
    let mut methods = comparison.config.methods.iter();
    let fitted = methods.find(|method| matches!(method, Method::FittedServo { .. }));
    let fitted = fitted.ok_or_else(|| Error::config("methods", "no FittedServo", "give one"))?;
    Ok(Title {
        metric: "mean log ratio to the reference".to_owned(),
        ..comparison.title(without, fitted, "fit", Objective::Loss)?
    })
}

fn parameters(configuration: &Settings) -> Result<ServoParameters> {
    Ok(ServoParameters {
        start: configuration.number("start")?,
        end: configuration.number("end")?,
        shape: configuration.number("shape")?,
        batch_exponent: configuration.number("batch_exponent")?,
        batch_start: configuration.number("batch_start")?,
        batch_end: configuration.number("batch_end")?,
    })
}

/// Fits a servo by the cross-entropy method on all tasks that are not on the data of task `without`. A trial is one run
/// on each of them from a random learning rate; its loss is the mean log ratio to the reference of the task. The seeds
/// are the same for all trials of a generation and new in the next.
///
/// # Errors
/// The runs' and the searcher's.
pub(super) fn fit(
    comparison: &Comparison,
    session: &Session<Trainings>,
    (generations, without): (usize, usize),
    journal: Option<&Journal>,
    observer: &mut dyn Observer,
) -> Result<Fitted> {
    let all = &comparison.tuning.tasks;
    let data = |task: usize| &all[task].config().data;
    let tasks: Vec<usize> = (0..all.len())
        .filter(|task| data(*task) != data(without))
        .collect();
    let config = CrossEntropyConfig::default();
    let population = config.population;
    let seed = derived_seed(comparison.config.seed, "fit", without as u64);
    let mut searcher = CrossEntropy::new(space()?, config, seed)?;
    let mut study = match journal {
        Some(journal) => Some(StudyWriter::begin(
            journal,
            title(comparison, without)?,
            space()?,
        )?),
        None => None,
    };
    let mut show = |event: TrialEvent| match &mut study {
        Some(study) => study.write(&event),
        None => Ok(()),
    };
    let mut fitted = Fitted {
        without: all[without].name().to_owned(),
        parameters: ServoParameters::default(),
        loss: 0.0,
        cost: 0.0,
        runs: 0,
    };
    let runs = population * tasks.len();
    observer.begin(Phase::Reference, (generations * runs) as u64, 0);
    for generation in 0..generations as u64 {
        let mut trials: Vec<Trial> = Vec::new();
        while trials.len() < population {
            match searcher.ask()? {
                Proposal::Trial(trial) => {
                    show(TrialEvent::Began(trial.clone()))?;
                    trials.push(trial);
                }
                Proposal::Wait | Proposal::Done => break,
            }
        }
        let mut units = Vec::with_capacity(trials.len() * tasks.len());
        for trial in &trials {
            let parameters = parameters(&trial.configuration)?;
            for (index, task) in tasks.iter().enumerate() {
                let number = generation * tasks.len() as u64 + index as u64;
                units.push(Training {
                    task: *task,
                    optimizer: None,
                    seed: derived_seed(seed, "run", number),
                    controller: ControllerConfig::Servo(parameters),
                });
            }
        }
        let mut results = Vec::with_capacity(units.len());
        session.each(&(), &units, observer, |index, played| {
            let objective = &comparison.config.process.objective;
            let ledger = Ledger::of(&played.segments, objective);
            let reference = comparison.reference(units[index].task);
            results.push((log_ratio(ledger.best(), reference), ledger.spent));
            Ok(())
        })?;
        for (trial, results) in trials.iter().zip(results.chunks(tasks.len().max(1))) {
            let loss = results.iter().map(|(ratio, _)| ratio).sum::<f64>();
            let loss = loss / results.len() as f64;
            searcher.tell(trial.id, loss)?;
            let ending = Ending::Whole(loss);
            show(TrialEvent::Ended {
                trial: trial.id,
                ending,
            })?;
            fitted.cost += results.iter().map(|(_, cost)| cost).sum::<f64>();
            fitted.runs += results.len() as u64;
        }
    }
    observer.end();
    // The mean of the last generation's best, not the luckiest of all.
    if let Some(configuration) = searcher.centre()? {
        fitted.parameters = parameters(&configuration)?;
    }
    fitted.loss = searcher.best().map_or(0.0, |(_, loss)| loss);
    Ok(fitted)
}

//! Trainings of equal networks as one tensor program.

mod member;
mod program;

pub use member::Member;

use crate::trainee::Extent;
use member::{Run, evaluate};
use program::Examples;
use std::any::Any;
use trimtab_env::{Ask, CostModel, Report, Result, Settings};

/// Networks that share a program at most. Twice as many gained at most a fifth with batches of 16, and nothing from 64 on.
const WIDTH: usize = 16;

/// Does what [`trimtab_env::Trainee::advance`] does for each of several trainings, and returns the reports in their order.
///
/// [`Member`]s whose networks have the same shape and whose batches have the same size are trained as one program, with one
/// more dimension in front of every tensor. What becomes of one of them does not depend on the others in a single bit: not
/// on how many they are, nor on whether one diverges. Everything else, and whatever is paid by the clock, is advanced by
/// itself.
///
/// ```
/// use std::sync::Arc;
/// use burn::tensor::Device;
/// use trimtab_env::{Ask, Settings, Trainee};
/// use trimtab_models::bank::{Member, advance};
/// use trimtab_models::data::{Embedded, SplitConfig, split};
/// use trimtab_models::mlp::{Activation, MlpTask};
/// use trimtab_models::TraineeConfig;
///
/// let data = Arc::new(split(&*Embedded::Digits.load()?, &SplitConfig::default())?);
/// let task = MlpTask::new("digits", data, &[32], Activation::Relu);
/// let rates = [0.01, 0.03, 0.1].map(|rate| Settings::new(rate, 16));
/// let mut members = Vec::new();
/// for seed in 0..3 {
///     let mut member = Member::new(task.clone(), TraineeConfig::default(), &Device::flex())?;
///     member.start(seed)?;
///     members.push(member);
/// }
/// let asked = members.iter_mut().zip(&rates).map(|(trainee, settings)| Ask {
///     trainee,
///     settings,
///     budget: 0.02,
/// });
/// for report in advance(asked.collect()) {
///     assert!(report?.validation.is_some());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn advance(asked: Vec<Ask<'_>>) -> Vec<Result<Report>> {
    let mut reports: Vec<Option<Result<Report>>> = asked.iter().map(|_| None).collect();
    let (mut places, mut members) = (Vec::new(), Vec::new());
    for (place, ask) in asked.into_iter().enumerate() {
        let by_clock = ask.trainee.spec().cost == CostModel::Measured;
        let any: &dyn Any = &*ask.trainee;
        if by_clock || !any.is::<Member>() {
            reports[place] = Some(ask.advance());
            continue;
        }
        let any: &mut dyn Any = ask.trainee;
        if let Some(member) = any.downcast_mut::<Member>() {
            places.push(place);
            members.push((member, ask.settings, Extent::Budget(ask.budget)));
        }
    }
    for (place, report) in places.into_iter().zip(together(members)) {
        reports[place] = Some(report);
    }
    reports.into_iter().flatten().collect()
}

/// Trains members together and reports them in their order.
fn together(asked: Vec<(&mut Member, &Settings, Extent)>) -> Vec<Result<Report>> {
    let mut reports = Vec::with_capacity(asked.len());
    let mut runs = Vec::with_capacity(asked.len());
    for (place, (member, settings, extent)) in asked.into_iter().enumerate() {
        // Once it has begun, the report is written over at the end.
        reports.push(member.begin(settings).map(|(state, rates)| {
            runs.push((place, Run::new(member, state, rates, extent)));
            Report::default()
        }));
    }
    let mut trained = Vec::new();
    for mut group in groups(runs, |(_, a), (_, b)| a.alike(b)) {
        loop {
            let all = group.iter_mut().map(|(_, run)| run);
            let mut active: Vec<&mut Run> = all.filter(|run| run.goes_on()).collect();
            if active.is_empty() {
                break;
            }
            update(&mut active);
        }
        for (place, run) in group {
            let evaluated = matches!(run.extent, Extent::Budget(_));
            let (member, report) = run.finish();
            if evaluated && !report.diverged {
                trained.push((place, member));
            }
            reports[place] = Ok(report);
        }
    }
    for group in groups(trained, |(_, a), (_, b)| a.evaluates_like(b)) {
        let members: Vec<&Member> = group.iter().map(|(_, member)| &**member).collect();
        let validations = evaluate(&members, Member::validation);
        for ((place, member), validation) in group.into_iter().zip(validations) {
            reports[place] = match (&mut reports[place], validation) {
                (Ok(report), Ok((loss, metrics))) => {
                    Ok(member.judged(std::mem::take(report), loss, metrics))
                }
                (_, Err(error)) => Err(error),
                (Err(_), Ok(_)) => continue,
            };
        }
    }
    reports
}

/// One update of networks that share a program and a batch size.
fn update(runs: &mut [&mut Run<'_>]) {
    let Some(first) = runs.first() else {
        return;
    };
    let (program, device) = (
        first.member.program().clone(),
        first.member.device().clone(),
    );
    for run in runs.iter_mut() {
        run.draw();
    }
    let examples = Examples::gather(runs.iter().map(|run| run.batch()), &device);
    let weights: Vec<&[f32]> = runs.iter().map(|run| run.weights()).collect();
    let gradients = program.gradients(&weights, &examples, &device);
    for (run, (loss, gradient)) in runs.iter_mut().zip(gradients) {
        run.update(loss, gradient);
    }
}

/// Puts items that are alike together, at most [`WIDTH`] in a group, in their order.
fn groups<T>(items: Vec<T>, alike: impl Fn(&T, &T) -> bool) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    for item in items {
        let room = groups
            .iter_mut()
            .find(|group| group.len() < WIDTH && group.first().is_some_and(|a| alike(a, &item)));
        match room {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    groups
}

#[cfg(test)]
mod tests;

//! Who watches an experiment.

use crate::record::events::Event;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A part of an experiment that takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The grid of fixed settings.
    Reference,
    /// Parameters are fitted.
    Fit,
    /// The agent learns, in episodes.
    Training,
    /// The agent learns, in steps of its environments.
    TrainingSteps,
    /// Controllers are compared.
    Evaluation,
}

/// Watches an experiment. Libraries say nothing on the terminal; observers may.
pub trait Observer {
    /// A phase begins; it has `total` steps, `done` of which are behind it.
    fn begin(&mut self, _phase: Phase, _total: u64, _done: u64) {}
    /// So many more steps of the phase are done.
    fn advance(&mut self, _steps: u64) {}
    /// Something was recorded.
    fn event(&mut self, _event: &Event) {}
    /// The phase is over.
    fn end(&mut self) {}
}

/// Watches nothing.
pub struct Quiet;

impl Observer for Quiet {}

/// Two observers, told the same one after the other.
pub struct Both<A, B>(pub A, pub B);

impl<A: Observer, B: Observer> Observer for Both<A, B> {
    fn begin(&mut self, phase: Phase, total: u64, done: u64) {
        self.0.begin(phase, total, done);
        self.1.begin(phase, total, done);
    }

    fn advance(&mut self, steps: u64) {
        self.0.advance(steps);
        self.1.advance(steps);
    }

    fn event(&mut self, event: &Event) {
        self.0.event(event);
        self.1.event(event);
    }

    fn end(&mut self) {
        self.0.end();
        self.1.end();
    }
}

/// An observer that may be missing, and stays its owner's.
impl<O: Observer> Observer for Option<&mut O> {
    fn begin(&mut self, phase: Phase, total: u64, done: u64) {
        if let Some(observer) = self {
            observer.begin(phase, total, done);
        }
    }

    fn advance(&mut self, steps: u64) {
        if let Some(observer) = self {
            observer.advance(steps);
        }
    }

    fn event(&mut self, event: &Event) {
        if let Some(observer) = self {
            observer.event(event);
        }
    }

    fn end(&mut self) {
        if let Some(observer) = self {
            observer.end();
        }
    }
}

/// A progress bar on the error output, with the recent mean return and the time left. It is silent when the output is
/// not a terminal.
#[derive(Default)]
pub struct Progress {
    bar: Option<ProgressBar>,
    returns: Vec<f64>,
}

/// The mean return is over this many episodes.
const WINDOW: usize = 100;

impl Observer for Progress {
    fn begin(&mut self, phase: Phase, total: u64, done: u64) {
        let (what, unit) = match phase {
            Phase::Reference => ("fixed settings", "runs"),
            Phase::Fit => ("fit", "runs"),
            Phase::Training => ("training", "episodes"),
            Phase::TrainingSteps => ("training", "steps"),
            Phase::Evaluation => ("evaluation", "runs"),
        };
        let bar = ProgressBar::new(total).with_position(done);
        let template = format!(
            "{what:<14} [{{bar:32}}] {{pos}}/{{len}} {unit}  {{msg}}  {{elapsed}} gone, {{eta}} left"
        );
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.reset_eta();
        bar.enable_steady_tick(Duration::from_millis(500));
        self.bar = Some(bar);
    }

    fn advance(&mut self, steps: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(steps);
        }
    }

    fn event(&mut self, event: &Event) {
        if let (Some(bar), Event::Episode(episode)) = (&self.bar, event) {
            self.returns.push(episode.total_reward);
            let late = &self.returns[self.returns.len().saturating_sub(WINDOW)..];
            bar.set_message(format!(
                "mean return {:.2}",
                late.iter().sum::<f64>() / late.len() as f64
            ));
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish();
        }
    }
}

//! What one controller did, as lines.

use super::super::statistics::drawable;
use plotters::style::RGBColor;
use trimtab_env::tuning::Segment;

/// What one controller did, as lines over the cost in modelled seconds.
pub(super) struct Trace {
    pub(super) colour: RGBColor,
    /// Validation loss at the end of each segment.
    pub(super) loss: Vec<(f64, f64)>,
    /// Mean training loss of each half of a segment, in its middle.
    pub(super) training_loss: Vec<(f64, f64)>,
    /// The settings and the utilisation at both ends of each segment.
    pub(super) learning_rate: Vec<(f64, f64)>,
    pub(super) batch_size: Vec<(f64, f64)>,
    pub(super) utilisation: Vec<(f64, f64)>,
    /// Where segments diverged, with the best loss until then.
    pub(super) diverged: Vec<(f64, f64)>,
    /// Where the weights with the best validation loss are from, with their loss.
    pub(super) kept: Option<(f64, f64)>,
}

impl Trace {
    /// The lines of the segments of one training.
    pub(super) fn new(segments: &[Segment], colour: RGBColor) -> Self {
        let mut trace = Self {
            colour,
            loss: vec![],
            training_loss: vec![],
            learning_rate: vec![],
            batch_size: vec![],
            utilisation: vec![],
            diverged: vec![],
            kept: kept(segments),
        };
        for segment in segments.iter().filter(|segment| drawable(segment.spent)) {
            let end = segment.spent;
            let cost = segment.report.cost;
            let ends = [if drawable(cost) { end - cost } else { end }, end];
            let settings = &segment.settings;
            // A setting that a training does not have leaves its panel empty.
            if let Ok(rate) = settings.learning_rate() {
                trace.learning_rate.extend(ends.map(|x| (x, rate)));
            }
            if let Ok(size) = settings.batch_size() {
                trace.batch_size.extend(ends.map(|x| (x, size as f64)));
            }
            trace
                .utilisation
                .extend(ends.map(|x| (x, segment.report.utilisation)));
            if let Some(train) = segment.report.train.filter(|_| drawable(cost)) {
                let half = |share: f64| end - cost * (1.0 - share);
                let halves = [
                    (half(0.25), train.first_half),
                    (half(0.75), train.second_half),
                ];
                trace.training_loss.extend(halves);
            }
            if let Some(validation) = &segment.report.validation {
                trace.loss.push((end, validation.loss));
            }
            if segment.report.diverged {
                trace.diverged.push((end, segment.best_loss));
            }
        }
        trace
    }
}

/// Where the best weights are from: cost and validation loss at the end of the segment in which the best loss was reached.
/// `None` where no segment was better than the start, or where it cannot be told.
pub(super) fn kept(segments: &[Segment]) -> Option<(f64, f64)> {
    let best = segments.last()?.best_loss;
    let first = segments
        .iter()
        .position(|segment| segment.best_loss == best)?;
    let segment = &segments[first];
    let loss = segment.report.validation.as_ref()?.loss;
    // The first segment may have been worse than the start, whose loss is in no segment.
    let improved = first > 0 || loss == best;
    (improved && !segment.report.diverged && drawable(segment.spent))
        .then_some((segment.spent, loss))
}

//! A training whose best schedule is known.

use crate::tuning::settings::{AVERAGING, BATCH_SIZE, INDEPENDENT_WEIGHT_DECAY, OF_TRAININGS};
use crate::{
    Budget, Cost, CostModel, Domain, Error, GradientStatistics, Initial, Instance, Knob, Meter,
    Moves, Report, Restore, Result, Settings, Snapshot, TestReport, TrainLoss, Trainee,
    TraineeSpec, TuningConfig, UpdateTime, Validation, stream,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// Stochastic gradient descent on a noisy quadratic: weights `w` of `dimension` numbers, loss
/// `curvature |w|^2 / (2 dimension)`, and gradients `curvature w + noise e / sqrt(b)` with standard normal `e` (the
/// noisy quadratic model of Schaul et al. 2013 and Zhang et al. 2019, with one curvature).
///
/// With `M = |w|^2 / dimension` and `s = noise^2 / b`, one update with rate `a` gives in expectation
/// `M' = (1 - a h)^2 M + a^2 s`. The best rate is `a = h M / (h^2 M + s)`, after which `1/M' = 1/M + h^2 / s`; being
/// greedy is optimal because `M'` grows with `M`. So the best schedule falls like `1/t`, and
/// [`NoisyQuadratic::optimal_loss`] is the least loss any schedule can expect.
#[derive(Clone, Debug)]
pub struct NoisyQuadratic {
    spec: TraineeSpec,
    curvature: f64,
    noise: f64,
    state: State,
    meter: Meter,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    weights: Vec<f64>,
    /// The average that is evaluated in place of the weights where the settings ask for it, and of how many updates it is.
    averaged: Option<(Vec<f64>, u64)>,
    rng: ChaCha8Rng,
}

/// A fixed loss is added so that logarithms of losses make sense near the optimum.
const FLOOR: f64 = 1e-3;

impl Default for NoisyQuadratic {
    /// 32 dimensions, curvature 1, noise 4: the best rate falls from about 0.8 to 0.01 within an episode.
    fn default() -> Self {
        Self::new(32, 1.0, 4.0)
    }
}

impl NoisyQuadratic {
    /// A quadratic of this shape; dimension at least 1, curvature and noise above 0.
    pub fn new(dimension: usize, curvature: f64, noise: f64) -> Self {
        let dimension = dimension.max(1);
        let cost = CostModel::Modelled(UpdateTime {
            per_update: 64.0,
            per_example: 1.0,
            per_evaluation: 0.0,
        });
        Self {
            spec: TraineeSpec {
                name: "noisy-quadratic".to_owned(),
                train_examples: 1024,
                validation_examples: 0,
                parameters: dimension,
                layers: 1,
                units: 0,
                adaptive: false,
                pretrained: false,
                targets_per_example: 1,
                cost,
                metrics: Vec::new(),
                settings: OF_TRAININGS.map(str::to_owned).to_vec(),
                lowest_loss: 0.0,
                warnings: Vec::new(),
            },
            curvature,
            noise,
            state: State {
                weights: vec![1.0; dimension],
                averaged: None,
                rng: stream(0, "noise", 0),
            },
            meter: Meter::new(cost),
        }
    }

    /// A tuning configuration for it: relative moves of a learning rate that starts anywhere in three decades, ten
    /// epochs of batch size 64.
    pub fn tuning() -> TuningConfig {
        TuningConfig {
            base_controller: None,
            knobs: vec![Knob::learning_rate(
                Domain::LogUniform(1e-4, 2.0),
                Initial::LogUniform(1e-3, 1.0),
                Moves::Relative(vec![0.25, 0.5, 1.0, 2.0, 4.0]),
            )],
            settings: Settings::default(),
            segments: Default::default(),
            budget: Budget::Epochs(10.0),
            reward: Default::default(),
            observation: Default::default(),
            divergence: Default::default(),
            stop_at_target: false,
            objective: Default::default(),
        }
    }

    /// Loss at `M = |w|^2 / dimension`.
    fn loss_at(&self, mean_square: f64) -> f64 {
        0.5 * self.curvature * mean_square + FLOOR
    }

    fn mean_square(&self) -> f64 {
        square_norm(&self.state.weights) / self.state.weights.len() as f64
    }

    /// The loss at the weights that are evaluated: their average where there is one.
    fn evaluated(&self) -> f64 {
        let weights = match &self.state.averaged {
            Some((average, _)) => average,
            None => &self.state.weights,
        };
        self.loss_at(square_norm(weights) / weights.len() as f64)
    }

    /// The least expected loss after `updates` updates of `batch_size` examples from `M = 1`: `1/M_t = 1 + t h^2 / s`.
    pub fn optimal_loss(&self, updates: u64, batch_size: usize) -> f64 {
        let s = self.noise.powi(2) / batch_size as f64;
        self.loss_at(1.0 / (1.0 + updates as f64 * self.curvature.powi(2) / s))
    }

    /// The best learning rate after `updates` updates of the best schedule.
    pub fn optimal_learning_rate(&self, updates: u64, batch_size: usize) -> f64 {
        let s = self.noise.powi(2) / batch_size as f64;
        let h = self.curvature;
        let mean_square = 1.0 / (1.0 + updates as f64 * h * h / s);
        h * mean_square / (h * h * mean_square + s)
    }

    fn normal(rng: &mut impl Rng) -> f64 {
        StandardNormal.sample(rng)
    }

    /// Makes updates while `goes_on` allows it, given their number, the cost and the batch size, and evaluates the loss, which is
    /// free. A loss that is not finite ends it.
    fn train(
        &mut self,
        settings: &Settings,
        goes_on: impl Fn(u64, &Meter, usize) -> bool,
    ) -> Result<Report> {
        self.spec.understands_all(settings)?;
        let rate = settings.learning_rate()?;
        let kept = 1.0 - settings.share(INDEPENDENT_WEIGHT_DECAY)?;
        let averaging = settings.share(AVERAGING)?;
        let averaged = self.state.averaged.take();
        self.state.averaged =
            (averaging > 0.0).then(|| averaged.unwrap_or_else(|| (self.state.weights.clone(), 0)));
        let batch = match settings.get(BATCH_SIZE) {
            Some(_) => settings.batch_size()?,
            None => Budget::REFERENCE_BATCH,
        };
        let n = self.state.weights.len();
        let start = self.state.weights.clone();
        let deviation = self.noise / (batch as f64).sqrt();
        let (mut losses, mut updates) = (Vec::new(), 0u64);
        let (mut squares, mut sum) = (0.0, vec![0.0; n]);
        let (mut ratios, mut path, mut cosines) = (0.0, 0.0, 0.0);
        let mut previous: Option<Vec<f64>> = None;
        self.meter.begin();
        while goes_on(updates, &self.meter, batch)
            && losses.last().is_none_or(|loss: &f64| loss.is_finite())
        {
            losses.push(self.loss_at(self.mean_square()));
            let rng = &mut self.state.rng;
            let gradient: Vec<f64> = self
                .state
                .weights
                .iter()
                .map(|w| self.curvature * w + deviation * Self::normal(rng))
                .collect();
            let norm = square_norm(&gradient).sqrt();
            if let Some(before) = &previous {
                let dot: f64 = before.iter().zip(&gradient).map(|(a, b)| a * b).sum();
                cosines += dot / (square_norm(before).sqrt() * norm).max(1e-300);
            }
            let step = rate * norm;
            ratios += step / square_norm(&self.state.weights).sqrt().max(1e-300);
            path += step;
            squares += norm * norm;
            for ((weight, g), total) in self.state.weights.iter_mut().zip(&gradient).zip(&mut sum) {
                *weight = (*weight - rate * g) * kept;
                *total += g;
            }
            if let Some((average, taken)) = &mut self.state.averaged {
                let step = 1.0 / (1.0 + averaging * *taken as f64);
                for (e, w) in average.iter_mut().zip(&self.state.weights) {
                    *e += (w - *e) * step;
                }
                *taken += 1;
            }
            previous = Some(gradient);
            updates += 1;
            self.meter.update(batch);
        }
        let loss = self.evaluated();
        let diverged = !loss.is_finite() || loss > 1e3;
        let k = updates.max(1) as f64;
        let distance: f64 = start
            .iter()
            .zip(&self.state.weights)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f64>()
            .sqrt();
        Ok(Report {
            updates,
            examples: updates * batch as u64,
            cost: self.meter.spent(),
            diverged,
            train: TrainLoss::of(&losses).filter(|train| train.mean.is_finite()),
            validation: (!diverged).then(|| Validation {
                loss,
                ..Default::default()
            }),
            gradients: (updates > 0).then(|| GradientStatistics {
                samples: updates,
                batch_size: batch as u64,
                mean_square_norm: squares / k,
                square_mean_norm: square_norm(&sum) / (k * k),
                update_ratio: ratios / k,
                cosine: (updates > 1).then(|| cosines / (k - 1.0)),
                straightness: distance / path.max(1e-300),
            }),
            utilisation: self.meter.utilisation(batch),
            pruned: None,
            dead_units: None,
        })
    }
}

fn square_norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum()
}

impl Trainee for NoisyQuadratic {
    fn spec(&self) -> &TraineeSpec {
        &self.spec
    }

    fn start(&mut self, seed: u64) -> Result<Report> {
        let mut weights = stream(seed, "weights", 0);
        self.state.rng = stream(seed, "noise", 0);
        self.state.averaged = None;
        for weight in &mut self.state.weights {
            *weight = Self::normal(&mut weights);
        }
        // Every start has the same loss, so that the closed form holds exactly.
        let scale = self.mean_square().sqrt();
        self.state
            .weights
            .iter_mut()
            .for_each(|weight| *weight /= scale);
        Ok(Report {
            validation: Some(Validation {
                loss: self.loss_at(self.mean_square()),
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    fn advance(&mut self, settings: &Settings, budget: Cost) -> Result<Report> {
        self.train(settings, |updates, meter, batch| {
            updates == 0 || meter.fits(budget, batch, 0)
        })
    }

    fn probe(&mut self, settings: &Settings, updates: u64) -> Result<Report> {
        let report = self.train(settings, |made, _, _| made < updates)?;
        Ok(Report {
            validation: None,
            ..report
        })
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.state.clone())
    }

    fn restore(&mut self, snapshot: &Snapshot, what: Restore) -> Result<()> {
        let state = snapshot
            .downcast_ref::<State>()
            .ok_or_else(|| Error::ForeignSnapshot {
                trainee: self.spec.name.clone(),
            })?;
        match what {
            Restore::Everything => self.state = state.clone(),
            // Its noise takes the place of data.
            Restore::AllButData | Restore::Weights => {
                self.state.weights.clone_from(&state.weights);
                self.state.averaged.clone_from(&state.averaged);
            }
        }
        Ok(())
    }

    fn test(&mut self) -> Result<TestReport> {
        Ok(TestReport {
            loss: self.evaluated(),
            ..Default::default()
        })
    }

    fn save(&self, snapshot: &Snapshot) -> Option<Vec<u8>> {
        let snapshot: &State = snapshot.downcast_ref()?;
        serde_json::to_vec(&(&self.state, &self.meter, snapshot)).ok()
    }

    fn load(&mut self, saved: &[u8]) -> Result<Snapshot> {
        let saved: (State, Meter, State) =
            serde_json::from_slice(saved).map_err(|_| Error::ForeignSnapshot {
                trainee: self.spec.name.clone(),
            })?;
        let (state, meter, snapshot) = saved;
        (self.state, self.meter) = (state, meter);
        Ok(Snapshot::new(snapshot))
    }
}

impl From<NoisyQuadratic> for Instance {
    /// Its reference and its target come from the closed form: the least loss within ten epochs, and 1.5 times that.
    fn from(trainee: NoisyQuadratic) -> Self {
        let best = trainee.optimal_loss(160, 64);
        Self {
            trainee: Box::new(trainee),
            reference_loss: Some(best),
            target_loss: Some(1.5 * best),
            budget_factor: 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean final loss over seeds of a schedule of single updates.
    fn mean_loss(schedule: impl Fn(&NoisyQuadratic, u64) -> f64) -> f64 {
        let mut trainee = NoisyQuadratic::default();
        let (seeds, updates) = (40, 160);
        let mut total = 0.0;
        for seed in 0..seeds {
            trainee.start(seed).unwrap();
            let mut last = 0.0;
            for t in 0..updates {
                let settings = Settings::new(schedule(&trainee, t), 64);
                let report = trainee.advance(&settings, 128.0).unwrap();
                assert_eq!(report.updates, 1);
                last = report.validation.map_or(f64::INFINITY, |v| v.loss);
            }
            total += last;
        }
        total / f64::from(seeds as u32)
    }

    #[test]
    fn best_schedule_reaches_the_closed_form_and_no_constant_does() {
        let optimum = NoisyQuadratic::default().optimal_loss(160, 64);
        let best = mean_loss(|trainee, t| trainee.optimal_learning_rate(t, 64));
        // 40 seeds of 32 dimensions: the mean of 1280 squares has a relative standard deviation of 0.04.
        assert!(
            (best / optimum - 1.0).abs() < 0.12,
            "{best} against {optimum}"
        );
        for rate in [0.003, 0.01, 0.03, 0.1, 0.3] {
            let constant = mean_loss(|_, _| rate);
            assert!(
                constant > 1.2 * optimum,
                "{rate}: {constant} against {optimum}"
            );
        }
    }

    #[test]
    fn a_huge_rate_diverges_as_an_outcome() {
        let mut trainee = NoisyQuadratic::default();
        trainee.start(0).unwrap();
        let report = trainee
            .advance(&Settings::new(100.0, 64), 12_800.0)
            .unwrap();
        assert!(report.diverged && report.validation.is_none());
    }
}

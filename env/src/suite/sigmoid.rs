//! Following sigmoid curves with a few discrete values.

use super::Encoding;
use super::episode::Episode;
use crate::{
    Action, Environment, EnvironmentSpec, Error, Feature, Head, InstanceSet, InstanceSource,
    Observation, Order, Outcome, Part, Result, Step, Termination,
};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};

/// The Sigmoid benchmark of dynamic algorithm configuration (Biedenkapp et al. 2020, "Dynamic algorithm configuration:
/// foundation of a new meta-algorithmic framework"; Eimer et al. 2021, "DACBench").
///
/// An instance has `d` curves `yⱼ(t) = 1 / (1 + exp(−aⱼ (t − bⱼ)))`. At each of the steps `t` = 1 to 10 the agent picks
/// a value `uⱼ/2` of 0, 0.5 or 1 for each of them and gets
///
/// ```text
/// r(t) = 1/d Σⱼ exp(−|yⱼ(t) − uⱼ/2| / d)
/// ```
///
/// The values do not act on what follows, so the nearest one at each step is optimal. The observation of the raw
/// [`Encoding`] is the number of steps left, slope `aⱼ` and shift `bⱼ` of each curve, and the last choice `uⱼ` for each
/// (−1 at first); the normalised one has the steps and the shifts and slopes divided by 10 and the choices by 2; the engineered one
/// adds the exponent `aⱼ (t − bⱼ)` of each curve at the next step, clipped to ±4. The steps are shown and belong to the task, so
/// the episode ends as finished.
///
/// The instances that come with the crate are those of DACBench: 300 train and 300 test instances, with 1, 2, 3 and
/// 5 curves. The outcome has `optimal_return` and
/// `random_return`, the expectation of uniformly random choices, of the whole episode, and `regret`, up to now.
///
/// ```
/// use trimtab_env::{Environment, suite::Sigmoid};
/// let mut environment = Sigmoid::bundled(2)?;
/// environment.reset(1)?;
/// while !environment.step(&environment.optimal_action())?.status.is_over() {}
/// assert_eq!(environment.outcome()?["regret"], 0.0);
/// # Ok::<(), trimtab_env::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sigmoid {
    spec: EnvironmentSpec,
    source: InstanceSource<SigmoidInstance>,
    encoding: Encoding,
    episode: Episode,
    /// The choices of the last step.
    last: Option<Vec<usize>>,
    known: Returns,
    regret: f64,
}

/// What is known of an episode beforehand, added up over its first steps.
#[derive(Clone, Copy, Debug, Default)]
struct Returns {
    optimal: f64,
    random: f64,
}

/// Exponents beyond this are curves within 0.02 of 0 or 1.
const EXPONENT: f64 = 4.0;

/// The curves of one episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SigmoidInstance {
    /// One for each dimension.
    pub curves: Vec<Curve>,
}

/// The function `1 / (1 + exp(−slope (t − shift)))` of the step number `t`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// How steep it is; a curve with a negative slope falls.
    pub slope: f64,
    /// The step at which it is 1/2.
    pub shift: f64,
}

impl Curve {
    /// Its value at step `t`.
    pub fn at(&self, t: usize) -> f64 {
        1.0 / (1.0 + (-self.exponent(t)).exp())
    }

    fn exponent(&self, t: usize) -> f64 {
        self.slope * (t as f64 - self.shift)
    }

    /// The choice whose value is nearest at step `t`; the lower one of two that are equally near.
    fn nearest(&self, t: usize) -> usize {
        nearest(self.at(t))
    }
}

fn nearest(y: f64) -> usize {
    usize::from(y > 0.25) + usize::from(y > 0.75)
}

impl SigmoidInstance {
    /// The instances of DACBench with this many curves. All who ask share them, and with them the processor's cache.
    ///
    /// # Errors
    /// [`Error::Config`] unless `dimensions` is 1, 2, 3 or 5.
    pub fn bundled(dimensions: usize) -> Result<Arc<InstanceSet<Self>>> {
        macro_rules! parts {
            ($file:literal) => {{
                static READ: OnceLock<Arc<InstanceSet<SigmoidInstance>>> = OnceLock::new();
                let [train, test] = [
                    include_str!(concat!(
                        "../../fixtures/dac/instances/",
                        $file,
                        "_train.csv"
                    )),
                    include_str!(concat!("../../fixtures/dac/instances/", $file, "_test.csv")),
                ];
                (&READ, train, test)
            }};
        }
        let (read, train, test) = match dimensions {
            1 => parts!("sigmoid_1D3M"),
            2 => parts!("sigmoid_2D3M"),
            3 => parts!("sigmoid_3D3M"),
            5 => parts!("sigmoid_5D3M"),
            other => {
                return Err(Error::config(
                    "dimensions",
                    other,
                    "instances come with 1, 2, 3 or 5 dimensions",
                ));
            }
        };
        if let Some(set) = read.get() {
            return Ok(Arc::clone(set));
        }
        let set = Arc::new(InstanceSet::new(parse(train)?, parse(test)?));
        Ok(Arc::clone(read.get_or_init(|| set)))
    }
}

/// Steps of an episode.
const STEPS: usize = 10;
/// Values of a curve that can be chosen.
const CHOICES: usize = 3;
/// Slopes and shifts are within ± this, which bounds the observation. Those of DACBench are within 16.
const LIMIT: f64 = 20.0;

impl Sigmoid {
    /// An environment on the training instances of DACBench with this many curves, drawn at random.
    ///
    /// # Errors
    /// [`Error::Config`] unless `dimensions` is 1, 2, 3 or 5.
    pub fn bundled(dimensions: usize) -> Result<Self> {
        let set = SigmoidInstance::bundled(dimensions)?;
        Self::new(
            InstanceSource::new(set, Part::Train, Order::Random)?,
            Encoding::Raw,
        )
    }

    /// An environment on any instances with equally many curves.
    ///
    /// # Errors
    /// [`Error::Config`] if there are no curves, another number of them in some instance, or a slope or shift outside
    /// ±20.
    pub fn new(source: InstanceSource<SigmoidInstance>, encoding: Encoding) -> Result<Self> {
        let dimensions = source.current().curves.len();
        for (row, instance) in source.set().iter().enumerate() {
            check_instance(instance, dimensions)
                .map_err(|error| error.within(&format!("instances[{row}]")))?;
        }
        Ok(Self {
            spec: EnvironmentSpec {
                name: format!("sigmoid-{dimensions}d"),
                features: features(dimensions, encoding),
                heads: (0..dimensions)
                    .map(|j| Head::new(format!("value_{j}"), [0.0, 0.5, 1.0]))
                    .collect(),
                horizon: STEPS,
            },
            source,
            encoding,
            episode: Episode::default(),
            last: None,
            known: Returns::default(),
            regret: 0.0,
        })
    }

    /// Gives it a name of its own, by which records tell it from others.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.spec.name = name.into();
        self
    }

    /// The instance of the episode.
    pub fn instance(&self) -> &SigmoidInstance {
        self.source.current()
    }

    /// Makes the following episodes take instances of `part`.
    ///
    /// # Errors
    /// [`Error::Config`] if there are none.
    pub fn set_part(&mut self, part: Part) -> Result<()> {
        self.source.set_part(part)
    }

    /// The best action of the next step.
    pub fn optimal_action(&self) -> Action {
        let t = self.episode.steps() + 1;
        let nearest = self.instance().curves.iter().map(|curve| curve.nearest(t));
        Action::new(nearest.collect::<Vec<_>>())
    }

    /// The best return of the episode's instance.
    pub fn optimal_return(&self) -> f64 {
        self.known_to_the_end().optimal
    }

    /// The expected return of uniformly random choices in the episode's instance.
    pub fn random_return(&self) -> f64 {
        self.known_to_the_end().random
    }

    fn known_to_the_end(&self) -> Returns {
        let left = self.episode.steps() + 1..=STEPS;
        left.fold(self.known, |mut known, t| {
            known.add(&Rewards::at(self.instance(), t, &[]));
            known
        })
    }

    fn observation(&self) -> Observation {
        let (scale, choice_scale) = match self.encoding {
            Encoding::Raw => (1.0, 1.0),
            Encoding::Normalised | Encoding::Engineered => (10.0, 2.0),
        };
        let left = STEPS - self.episode.steps();
        let curves = &self.instance().curves;
        let mut features = Vec::with_capacity(self.spec.features.len());
        features.push((left as f64 / scale) as f32);
        for curve in curves {
            features.push((curve.slope / scale) as f32);
            features.push((curve.shift / scale) as f32);
        }
        match &self.last {
            Some(choices) => features.extend(choices.iter().map(|u| *u as f32 / choice_scale)),
            None => features.extend(curves.iter().map(|_| -1.0 / choice_scale)),
        }
        if self.encoding == Encoding::Engineered {
            let next = self.episode.steps() + 1;
            let exponent = |curve: &Curve| curve.exponent(next).clamp(-EXPONENT, EXPONENT) as f32;
            features.extend(curves.iter().map(exponent));
        }
        Observation::new(features)
    }
}

/// What a step pays, by how it is chosen.
struct Rewards {
    /// For the choices that were made.
    paid: f64,
    /// For the best ones.
    best: f64,
    /// For the same choice in each curve, one for each choice.
    each: [f64; CHOICES],
}

impl Rewards {
    /// Those of step `t`. Where no choice is given the best one is taken.
    fn at(instance: &SigmoidInstance, t: usize, choices: &[usize]) -> Self {
        let (mut paid, mut best, mut each) = (0.0, 0.0, [0.0; CHOICES]);
        let d = instance.curves.len() as f64;
        for (j, curve) in instance.curves.iter().enumerate() {
            let y = curve.at(t);
            let closeness = |choice: usize| (-(y - choice as f64 / 2.0).abs() / d).exp();
            let of: [f64; CHOICES] = std::array::from_fn(closeness);
            let nearest = nearest(y);
            paid += of[choices.get(j).copied().unwrap_or(nearest)];
            best += of[nearest];
            for (sum, closeness) in each.iter_mut().zip(of) {
                *sum += closeness;
            }
        }
        Self {
            paid: paid / d,
            best: best / d,
            each: each.map(|sum| sum / d),
        }
    }
}

impl Returns {
    fn add(&mut self, rewards: &Rewards) {
        self.optimal += rewards.best;
        self.random += rewards.each.iter().sum::<f64>() / CHOICES as f64;
    }
}

fn features(dimensions: usize, encoding: Encoding) -> Vec<Feature> {
    let (steps, limit, choice) = match encoding {
        Encoding::Raw => (STEPS as f32, LIMIT as f32, 1.0),
        Encoding::Normalised | Encoding::Engineered => (1.0, LIMIT as f32 / 10.0, 0.5),
    };
    let feature = |name: &str, low, high| Feature::new(encoding.feature_name(name), low, high);
    let mut features = vec![feature("steps_left", 0.0, steps)];
    for j in 0..dimensions {
        features.push(feature(&format!("slope_{j}"), -limit, limit));
        features.push(feature(&format!("shift_{j}"), -limit, limit));
    }
    for j in 0..dimensions {
        features.push(feature(&format!("choice_{j}"), -choice, 2.0 * choice));
    }
    if encoding == Encoding::Engineered {
        let bound = EXPONENT as f32;
        features.extend((0..dimensions).map(|j| feature(&format!("exponent_{j}"), -bound, bound)));
    }
    features
}

fn check_instance(instance: &SigmoidInstance, dimensions: usize) -> Result<()> {
    let count = instance.curves.len();
    if count == 0 || count != dimensions {
        let expected = dimensions.max(1);
        return Err(Error::config(
            "curves",
            format!("{count} curves"),
            format!("give {expected} curves, as in the first instance"),
        ));
    }
    for (j, curve) in instance.curves.iter().enumerate() {
        for (field, value) in [("slope", curve.slope), ("shift", curve.shift)] {
            if !(-LIMIT..=LIMIT).contains(&value) {
                return Err(Error::config(
                    format!("curves[{j}].{field}"),
                    value,
                    format!("give a number from -{LIMIT} to {LIMIT}"),
                ));
            }
        }
    }
    Ok(())
}

/// Reads rows of `ID` and then, for each curve, `identifier, slope, shift`, below a header. The identifier is that of
/// the sigmoid function, 0, in all of them.
fn parse(csv: &str) -> Result<Vec<SigmoidInstance>> {
    let row = |(line, text): (usize, &str)| {
        let numbers: std::result::Result<Vec<f64>, _> = text
            .split(',')
            .skip(1)
            .map(|field| field.trim().parse())
            .collect();
        let numbers = numbers.map_err(|error| Error::other(format!("line {}", line + 1), error))?;
        let curves = numbers.chunks_exact(3).map(|curve| Curve {
            slope: curve[1],
            shift: curve[2],
        });
        Ok(SigmoidInstance {
            curves: curves.collect(),
        })
    };
    csv.lines().enumerate().skip(1).map(row).collect()
}

impl Environment for Sigmoid {
    fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        self.source.draw(seed);
        self.episode.begin();
        self.last = None;
        self.known = Returns::default();
        self.regret = 0.0;
        Ok(self.observation())
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        let t = self.episode.advance(&self.spec, action)?;
        let rewards = Rewards::at(self.source.current(), t, &action.choices);
        self.known.add(&rewards);
        self.regret += rewards.best - rewards.paid;
        match &mut self.last {
            Some(last) => last.copy_from_slice(&action.choices),
            None => self.last = Some(action.choices.clone()),
        }
        let finished = (t == STEPS).then_some(Termination::Finished);
        let status = self.episode.conclude(finished, STEPS);
        Ok(Step {
            observation: self.observation(),
            reward: rewards.paid as f32,
            status,
        })
    }

    fn outcome(&mut self) -> Result<Outcome> {
        let known = self.known_to_the_end();
        Ok(Outcome::from([
            ("optimal_return".to_owned(), known.optimal),
            ("random_return".to_owned(), known.random),
            ("regret".to_owned(), self.regret),
        ]))
    }
}

#[cfg(test)]
mod tests;

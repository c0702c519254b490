//! Synthetic data: what a random network, the teacher, says of random inputs.

use super::{Dataset, Targets};
use crate::{Error, Result};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use trimtab_env::stream;

/// A synthetic data set. Inputs are `x = A z` with `A` a random matrix whose columns shrink as `k^(-spectrum / 2)`, so that
/// features are correlated as real ones are, and `z` normal around one of several centres. A random network of tanh layers
/// says what is to be predicted: the class with the largest output after noise, or its output plus noise. With `levels` a feature is
/// a category, and a row mostly zeros; with `skew` a regression has a heavy tail.
///
/// ```
/// use trimtab_models::data::Teacher;
/// let data = Teacher { rows: 200, classes: 3, ..Teacher::default() }.dataset()?;
/// assert_eq!((data.rows(), data.features, data.classes()), (200, 16, Some(3)));
/// # Ok::<(), trimtab_models::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Teacher {
    /// Rows.
    pub rows: usize,
    /// Features.
    pub features: usize,
    /// Classes; 1 for a regression.
    pub classes: usize,
    /// Widths of the teacher's hidden layers.
    pub hidden: Vec<usize>,
    /// Factor on the random weights of each layer: larger ones make a more intricate teacher.
    pub gain: f64,
    /// How fast the columns of `A` shrink; 0 for independent features.
    pub spectrum: f64,
    /// Centres around which inputs lie; 0 or 1 for a single cloud.
    pub centres: usize,
    /// Standard deviation of the noise on the teacher's outputs, relative to theirs.
    pub noise: f64,
    /// Categories of a feature, of which each is a column of zeros and ones; 0 for numbers. The teacher sees which category it is.
    pub levels: usize,
    /// A regression is of `exp(skew y)` in place of `y`, brought to mean 0 and standard deviation 1; 0 for `y`. Where `y` is normal it is
    /// log-normal.
    pub skew: f64,
    /// Everything random follows from this.
    pub seed: u64,
}

impl Default for Teacher {
    fn default() -> Self {
        Self {
            rows: 2000,
            features: 16,
            classes: 4,
            hidden: vec![16],
            gain: 2.0,
            spectrum: 1.0,
            centres: 1,
            noise: 0.1,
            levels: 0,
            skew: 0.0,
            seed: 0,
        }
    }
}

/// The largest data set that is made.
const MOST_NUMBERS: usize = 100_000_000;
/// With more, one row of some thousand is nearly all of a regression's variance.
const MOST_SKEW: f64 = 3.0;

impl Teacher {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] naming the one that is out of range.
    pub fn validate(&self) -> Result<()> {
        let fault = |field: &str, value: String, allowed: &str| {
            Err(Error::Config {
                field: format!("data.Teacher.{field}"),
                given: value,
                allowed: allowed.to_owned(),
            })
        };
        for (field, number) in [
            ("rows", self.rows),
            ("features", self.features),
            ("classes", self.classes),
        ] {
            if number == 0 {
                return fault(field, number.to_string(), "at least 1");
            }
        }
        let allowed = "at most 100 million numbers in all";
        for (field, number, times) in [
            ("rows", self.rows, self.columns().max(self.classes)),
            ("features", self.features, self.features),
            ("centres", self.centres, self.features),
        ] {
            if number.saturating_mul(times) > MOST_NUMBERS {
                return fault(field, number.to_string(), allowed);
            }
        }
        if let Some(width) = self.hidden.iter().find(|w| **w == 0 || **w > 100_000) {
            return fault("hidden", width.to_string(), "widths from 1 to 100000");
        }
        for (field, number) in [
            ("gain", self.gain),
            ("spectrum", self.spectrum),
            ("noise", self.noise),
            ("skew", self.skew),
        ] {
            if !(number.is_finite() && number >= 0.0) {
                let allowed = "a finite number of at least 0";
                return fault(field, number.to_string(), allowed);
            }
        }
        if self.levels == 1 {
            let allowed = "at least 2, or 0 for numbers";
            return fault("levels", self.levels.to_string(), allowed);
        }
        if self.skew > MOST_SKEW {
            let allowed = format!("at most {MOST_SKEW}");
            return fault("skew", self.skew.to_string(), &allowed);
        }
        Ok(())
    }

    /// The columns of a row.
    pub fn columns(&self) -> usize {
        self.features.saturating_mul(self.levels.max(1))
    }

    /// The data set.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field that is out of range, [`Error::OneClass`] if all rows happen to be of one.
    pub fn dataset(&self) -> Result<Dataset> {
        self.validate()?;
        let mut rng = stream(self.seed, "teacher", 0);
        let mixing = self.mixing(&mut rng);
        let centres = normal(self.centres.max(1) * self.features, 1.0, &mut rng);
        let layers = self.layers(&mut rng);

        let mut inputs = Vec::with_capacity(self.rows * self.columns());
        let mut outputs = Vec::with_capacity(self.rows * self.classes);
        for _ in 0..self.rows {
            let mut latent = normal(self.features, 1.0, &mut rng);
            if self.centres > 1 {
                let centre = rng.random_range(0..self.centres);
                let from = &centres[centre * self.features..][..self.features];
                // As much variance between the centres as within them.
                let both = latent.iter_mut().zip(from);
                both.for_each(|(z, centre)| *z = (*z + centre) * std::f64::consts::FRAC_1_SQRT_2);
            }
            let mut row = product(&mixing, &latent);
            if self.levels > 0 {
                for x in &mut row {
                    let level = self.level(*x);
                    inputs.extend((0..self.levels).map(|at| f32::from(u8::from(at == level))));
                    *x = self.middle(level);
                }
            } else {
                inputs.extend(row.iter().map(|x| *x as f32));
            }
            outputs.extend(answer(&layers, &row));
        }
        self.disturb(&mut outputs, &mut rng);
        if self.classes == 1 && self.skew > 0.0 {
            outputs.iter_mut().for_each(|y| *y = (self.skew * *y).exp());
            standardise(&mut outputs);
        }
        let targets = self.targets(&outputs);
        Dataset::new("teacher", [1, 1, self.columns()], inputs, targets)
    }

    /// The category of a number: the range from -2 to 2 is cut into parts of the same width, of which the outer ones go on.
    fn level(&self, x: f64) -> usize {
        let part = (x + 2.0) / 4.0 * self.levels as f64;
        (part.max(0.0) as usize).min(self.levels - 1)
    }

    /// The middle of a category.
    fn middle(&self, level: usize) -> f64 {
        (level as f64 + 0.5) / self.levels as f64 * 4.0 - 2.0
    }

    /// `A`, row after row, scaled so that a feature has a variance of about 1.
    fn mixing(&self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let scale = |k: usize| ((k + 1) as f64).powf(-0.5 * self.spectrum);
        let total: f64 = (0..self.features).map(|k| scale(k).powi(2)).sum();
        let mut mixing = normal(self.features * self.features, 1.0, rng);
        for (index, number) in mixing.iter_mut().enumerate() {
            *number *= scale(index % self.features) / total.sqrt();
        }
        mixing
    }

    /// The teacher's weights, each layer as rows of inputs and a bias.
    fn layers(&self, rng: &mut ChaCha8Rng) -> Vec<Vec<Vec<f64>>> {
        let widths = [&[self.features], self.hidden.as_slice(), &[self.classes]].concat();
        let layer = |pair: &[usize]| {
            let scale = self.gain / (pair[0] as f64).sqrt();
            (0..pair[1])
                .map(|_| {
                    let mut weights = normal(pair[0], scale, rng);
                    weights.extend(normal(1, 0.5 * self.gain, rng));
                    weights
                })
                .collect()
        };
        widths.windows(2).map(layer).collect()
    }

    /// Brings every output to mean 0 and standard deviation 1 over the rows, and adds the noise.
    fn disturb(&self, outputs: &mut [f64], rng: &mut ChaCha8Rng) {
        let rows = self.rows as f64;
        for class in 0..self.classes {
            let of = |outputs: &[f64]| -> Vec<f64> {
                outputs
                    .iter()
                    .skip(class)
                    .step_by(self.classes)
                    .copied()
                    .collect()
            };
            let column = of(outputs);
            let mean = column.iter().sum::<f64>() / rows;
            let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / rows;
            let scale = variance.sqrt().max(1e-12);
            for output in outputs.iter_mut().skip(class).step_by(self.classes) {
                let z: f64 = StandardNormal.sample(rng);
                *output = (*output - mean) / scale + self.noise * z;
            }
        }
    }

    fn targets(&self, outputs: &[f64]) -> Targets {
        if self.classes == 1 {
            return Targets::Values(outputs.iter().map(|x| *x as f32).collect());
        }
        let largest = |row: &[f64]| {
            (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best }) as u32
        };
        Targets::Classes {
            labels: outputs.chunks_exact(self.classes).map(largest).collect(),
            names: (0..self.classes).map(|class| class.to_string()).collect(),
        }
    }
}

/// Brings numbers to mean 0 and standard deviation 1.
fn standardise(numbers: &mut [f64]) {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    let scale = variance.sqrt().max(1e-12);
    numbers.iter_mut().for_each(|x| *x = (*x - mean) / scale);
}

fn normal(count: usize, deviation: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let draw = |_| -> f64 {
        let z: f64 = StandardNormal.sample(rng);
        z * deviation
    };
    (0..count).map(draw).collect()
}

fn product(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix
        .chunks_exact(vector.len())
        .map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
        .collect()
}

fn answer(layers: &[Vec<Vec<f64>>], input: &[f64]) -> Vec<f64> {
    let last = layers.len().saturating_sub(1);
    let mut values = input.to_vec();
    for (index, layer) in layers.iter().enumerate() {
        let output = |weights: &Vec<f64>| {
            let bias = weights.last().copied().unwrap_or(0.0);
            let sum: f64 = weights.iter().zip(&values).map(|(w, x)| w * x).sum();
            let sum = sum + bias;
            if index < last { sum.tanh() } else { sum }
        };
        values = layer.iter().map(output).collect();
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_everything() {
        let make = |seed| Teacher {
            seed,
            rows: 50,
            ..Teacher::default()
        };
        let first = make(1).dataset().unwrap();
        assert_eq!(first, make(1).dataset().unwrap());
        assert_ne!(first.inputs, make(2).dataset().unwrap().inputs);
    }

    #[test]
    fn features_have_a_variance_of_about_one_and_are_correlated() {
        let teacher = Teacher {
            rows: 4000,
            features: 8,
            spectrum: 2.0,
            ..Teacher::default()
        };
        let data = teacher.dataset().unwrap();
        let column = |j: usize| (0..4000).map(move |i| f64::from(data.inputs[i * 8 + j]));
        let columns: Vec<Vec<f64>> = (0..8).map(|j| column.clone()(j).collect()).collect();
        let product =
            |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>() / 4000.0;
        let total: f64 = columns.iter().map(|c| product(c, c)).sum();
        assert!((2.0..24.0).contains(&total), "{total}");
        let strongest = (1..8)
            .map(|j| {
                let both = product(&columns[0], &columns[0]) * product(&columns[j], &columns[j]);
                product(&columns[0], &columns[j]).abs() / both.sqrt()
            })
            .fold(0.0, f64::max);
        assert!(strongest > 0.5, "{strongest}");
    }

    /// Without noise the teacher's answer is a function of the row, so that the same regression target comes out of its own
    /// weights; noise adds its share of the variance.
    #[test]
    fn noise_has_the_share_it_is_given() {
        let regression = |noise| Teacher {
            rows: 5000,
            classes: 1,
            noise,
            ..Teacher::default()
        };
        let values = |noise| match regression(noise).dataset().unwrap().targets {
            Targets::Values(values) => values,
            Targets::Classes { .. } => panic!("not a regression"),
        };
        let (clean, noisy) = (values(0.0), values(0.5));
        let square = |values: &[f32]| {
            values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / values.len() as f64
        };
        assert!((square(&clean) - 1.0).abs() < 1e-3);
        let difference: Vec<f32> = clean.iter().zip(&noisy).map(|(a, b)| b - a).collect();
        assert!((square(&difference).sqrt() - 0.5).abs() < 0.03);
    }

    #[test]
    fn a_category_is_one_column_of_its_levels_and_says_what_the_number_said() {
        let teacher = Teacher {
            rows: 500,
            features: 3,
            levels: 5,
            noise: 0.0,
            ..Teacher::default()
        };
        let data = teacher.dataset().unwrap();
        assert_eq!(data.features, 15);
        for block in data.inputs.chunks_exact(5) {
            assert_eq!(block.iter().sum::<f32>(), 1.0, "{block:?}");
        }
        // A feature of variance 1 is in every level, and most often in the middle one.
        let of = |level| {
            data.inputs
                .chunks_exact(5)
                .filter(move |b| b[level] == 1.0)
                .count()
        };
        let counts: Vec<usize> = (0..5).map(of).collect();
        assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
        assert!(counts[2] > counts[0] && counts[2] > counts[4], "{counts:?}");
        // Without noise rows of the same categories have the same class.
        let Targets::Classes { labels, .. } = &data.targets else {
            panic!("not classes")
        };
        let mut seen = std::collections::HashMap::new();
        for (row, label) in data.inputs.chunks_exact(15).zip(labels) {
            let row: Vec<u8> = row.iter().map(|x| *x as u8).collect();
            assert_eq!(seen.entry(row).or_insert(label), &label);
        }
        // Many rows are of a combination that was there before.
        assert!(seen.len() < 120, "{}", seen.len());
    }

    /// A log-normal of `sigma` has the skewness `(e^(sigma^2) + 2) sqrt(e^(sigma^2) - 1)`, 1.75 at 1/2.
    #[test]
    fn skew_makes_a_tail_of_the_same_order() {
        let values = |skew| {
            let teacher = Teacher {
                rows: 20_000,
                classes: 1,
                hidden: vec![],
                centres: 1,
                noise: 0.5,
                skew,
                ..Teacher::default()
            };
            match teacher.dataset().unwrap().targets {
                Targets::Values(values) => values.into_iter().map(f64::from).collect::<Vec<_>>(),
                Targets::Classes { .. } => panic!("not a regression"),
            }
        };
        let (plain, skewed) = (values(0.0), values(0.447));
        let moment = |values: &[f64], n| values.iter().map(|x| x.powi(n)).sum::<f64>() / 20_000.0;
        assert!((moment(&skewed, 2) - 1.0).abs() < 1e-3);
        // The noise makes the standard deviation sqrt(1.25), and sigma 1/2.
        let skewness = moment(&skewed, 3);
        assert!((skewness - 1.75).abs() < 0.2, "{skewness}");
        assert!(moment(&plain, 3).abs() < 0.1);
        let order = |values: &[f64]| {
            let mut rows: Vec<usize> = (0..values.len()).collect();
            rows.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
            rows
        };
        assert_eq!(order(&plain)[..50], order(&skewed)[..50]);
    }

    #[test]
    fn impossible_teachers_are_named() {
        for (teacher, field) in [
            (
                Teacher {
                    rows: 0,
                    ..Teacher::default()
                },
                "rows",
            ),
            (
                Teacher {
                    hidden: vec![4, 0],
                    ..Teacher::default()
                },
                "hidden",
            ),
            (
                Teacher {
                    gain: f64::NAN,
                    ..Teacher::default()
                },
                "gain",
            ),
            (
                Teacher {
                    noise: -1.0,
                    ..Teacher::default()
                },
                "noise",
            ),
            (
                Teacher {
                    levels: 1,
                    ..Teacher::default()
                },
                "levels",
            ),
            (
                Teacher {
                    skew: 4.0,
                    ..Teacher::default()
                },
                "skew",
            ),
        ] {
            let message = teacher.dataset().unwrap_err().to_string();
            assert!(message.contains(field), "{message}");
        }
    }
}

//! What a model has to be better than: the same for every row, a linear model, nearest neighbours.

use super::{Dataset, Targets};

/// A model without training by gradients. Its predictions are probabilities of classes, `[rows, classes]`, or standardised values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// The share of each class, or the mean.
    Constant,
    /// Ridge regression, for classes on a 1 for the class that it is and 0 for the others, the penalty chosen on the validation rows.
    Linear,
    /// The mean of the five nearest training rows, which is the default of scikit-learn.
    NearestNeighbours,
}

/// How many neighbours there are.
const NEIGHBOURS: usize = 5;
/// Penalties of the linear model, in rows that say nothing.
const PENALTIES: [f64; 3] = [1.0, 30.0, 1000.0];
/// Steps of the conjugate gradients.
const STEPS: usize = 60;
/// Products that a baseline takes at most, about: training rows beyond that are not looked at.
const WORK: usize = 2_000_000_000;

impl Baseline {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Constant, Self::Linear, Self::NearestNeighbours];

    /// What it is called: the constant one as is usual for classes and for values.
    pub fn name(self, classes: bool) -> &'static str {
        match (self, classes) {
            (Self::Constant, true) => "majority",
            (Self::Constant, false) => "mean",
            (Self::Linear, _) => "linear",
            (Self::NearestNeighbours, _) => "nearest_neighbours",
        }
    }

    /// Its predictions of `rows`.
    ///
    /// ```
    /// use trimtab_models::data::{Baseline, Embedded, SplitConfig, split};
    /// let digits = split(&*Embedded::Digits.load()?, &SplitConfig::default())?;
    /// let probabilities = Baseline::Linear.predict(&digits.train, &digits.validation, &digits.test);
    /// assert_eq!(probabilities.len(), 10 * digits.test.rows());
    /// # Ok::<(), trimtab_models::Error>(())
    /// ```
    pub fn predict(self, train: &Dataset, validation: &Dataset, rows: &Dataset) -> Vec<f64> {
        let outputs = wanted(&train.targets, train.outputs());
        let predictions = match self {
            Self::Constant => mean(&outputs, train.outputs()).repeat(rows.rows()),
            Self::Linear => linear(train, validation, rows, &outputs),
            Self::NearestNeighbours => neighbours(train, rows, &outputs),
        };
        match &train.targets {
            Targets::Values(_) => predictions,
            Targets::Classes { names, .. } => as_probabilities(predictions, names.len()),
        }
    }
}

/// What is to be predicted: 1 for the class and 0 for the others, or the value.
fn wanted(targets: &Targets, outputs: usize) -> Vec<f64> {
    match targets {
        Targets::Values(values) => values.iter().copied().map(f64::from).collect(),
        Targets::Classes { labels, .. } => {
            let one = |label: u32| {
                (0..outputs).map(move |class| f64::from(u8::from(class == label as usize)))
            };
            labels.iter().copied().flat_map(one).collect()
        }
    }
}

/// The mean of each output.
fn mean(outputs: &[f64], width: usize) -> Vec<f64> {
    let rows = (outputs.len() / width.max(1)).max(1) as f64;
    let mut mean = vec![0.0; width];
    for row in outputs.chunks(width.max(1)) {
        mean.iter_mut()
            .zip(row)
            .for_each(|(sum, y)| *sum += y / rows);
    }
    mean
}

/// Numbers of each row as probabilities: none below 0, and their sum 1.
fn as_probabilities(mut numbers: Vec<f64>, classes: usize) -> Vec<f64> {
    for row in numbers.chunks_mut(classes) {
        row.iter_mut().for_each(|p| *p = p.max(0.0));
        let sum: f64 = row.iter().sum();
        let even = 1.0 / classes as f64;
        row.iter_mut()
            .for_each(|p| *p = if sum > 0.0 { *p / sum } else { even });
    }
    numbers
}

/// The weights `w` of `min |X w - y|^2 + penalty |w|^2` by conjugate gradients (Hestenes and Stiefel, 1952) on the normal equations.
/// The last input of a row is 1 and its weight is not small.
fn ridge(data: &Dataset, rows: usize, target: impl Fn(usize) -> f64, penalty: f64) -> Vec<f64> {
    let width = data.features + 1;
    let dot = |row: usize, w: &[f64]| {
        let products = data.row(row).iter().zip(w).map(|(x, w)| f64::from(*x) * w);
        products.sum::<f64>() + w[width - 1]
    };
    let add = |sum: &mut [f64], row: usize, factor: f64| {
        sum.iter_mut()
            .zip(data.row(row))
            .for_each(|(sum, x)| *sum += factor * f64::from(*x));
        sum[width - 1] += factor;
    };
    let mut residual = vec![0.0; width];
    (0..rows).for_each(|row| add(&mut residual, row, target(row)));
    let (mut weights, mut direction) = (vec![0.0; width], residual.clone());
    let square = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>();
    let (start, mut size) = (square(&residual), square(&residual));
    for _ in 0..STEPS {
        if size <= 1e-16 * start {
            break;
        }
        let mut image: Vec<f64> = direction.iter().map(|d| penalty * d).collect();
        image[width - 1] = 0.0;
        (0..rows).for_each(|row| {
            let product = dot(row, &direction);
            add(&mut image, row, product);
        });
        let curvature: f64 = direction.iter().zip(&image).map(|(d, i)| d * i).sum();
        let step = size / curvature;
        if !step.is_finite() {
            break;
        }
        for ((w, r), (d, i)) in weights
            .iter_mut()
            .zip(&mut residual)
            .zip(direction.iter().zip(&image))
        {
            *w += step * d;
            *r -= step * i;
        }
        let next = square(&residual);
        let share = next / size;
        direction
            .iter_mut()
            .zip(&residual)
            .for_each(|(d, r)| *d = r + share * *d);
        size = next;
    }
    weights
}

fn linear(train: &Dataset, validation: &Dataset, rows: &Dataset, outputs: &[f64]) -> Vec<f64> {
    let width = train.outputs();
    let work = 4 * STEPS * PENALTIES.len() * width * (train.features + 1);
    let learned = train.rows().min((WORK / work).max(200));
    let predict = |weights: &[Vec<f64>], data: &Dataset| -> Vec<f64> {
        let dot = |row: usize, w: &Vec<f64>| {
            let products = data.row(row).iter().zip(w).map(|(x, w)| f64::from(*x) * w);
            products.sum::<f64>() + w[train.features]
        };
        (0..data.rows())
            .flat_map(|row| weights.iter().map(move |w| dot(row, w)))
            .collect()
    };
    let truth = wanted(&validation.targets, width);
    let fitted = PENALTIES.map(|penalty| {
        let of =
            |output: usize| ridge(train, learned, |row| outputs[row * width + output], penalty);
        let weights: Vec<Vec<f64>> = (0..width).map(of).collect();
        let predicted = predict(&weights, validation);
        let error = predicted.iter().zip(&truth).map(|(y, t)| (y - t).powi(2));
        (error.sum::<f64>(), weights)
    });
    let best = fitted.iter().min_by(|(a, _), (b, _)| a.total_cmp(b));
    best.map_or_else(Vec::new, |(_, weights)| predict(weights, rows))
}

fn neighbours(train: &Dataset, rows: &Dataset, outputs: &[f64]) -> Vec<f64> {
    let width = train.outputs();
    let work = rows.rows().max(1) * train.features.max(1);
    let known = train.rows().min((WORK / work).max(NEIGHBOURS));
    let mut predictions = Vec::with_capacity(rows.rows() * width);
    for row in 0..rows.rows() {
        let here = rows.row(row);
        let distance = |other: usize| -> f32 {
            let both = train.row(other).iter().zip(here);
            both.map(|(a, b)| (a - b) * (a - b)).sum()
        };
        let mut all: Vec<(f32, usize)> = (0..known).map(|other| (distance(other), other)).collect();
        let count = NEIGHBOURS.min(all.len());
        if count < all.len() {
            all.select_nth_unstable_by(count, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        }
        let near = &all[..count];
        predictions.extend((0..width).map(|output| {
            let sum: f64 = near
                .iter()
                .map(|(_, other)| outputs[other * width + output])
                .sum();
            sum / count.max(1) as f64
        }));
    }
    predictions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(inputs: &[f32], targets: &[f32]) -> Dataset {
        let features = inputs.len() / targets.len();
        let targets = Targets::Values(targets.to_vec());
        Dataset::new("t", [1, 1, features], inputs.to_vec(), targets).unwrap()
    }

    /// 2 a - b + 3.
    fn plane(rows: usize) -> Dataset {
        let inputs: Vec<f32> = (0..2 * rows)
            .map(|i| ((i * 7919) % 13) as f32 / 13.0)
            .collect();
        let of = |row: &[f32]| 2.0 * row[0] - row[1] + 3.0;
        let targets: Vec<f32> = inputs.chunks(2).map(of).collect();
        values(&inputs, &targets)
    }

    #[test]
    fn a_plane_is_found_by_the_linear_model() {
        let weights = ridge(
            &plane(50),
            50,
            |row| {
                let Targets::Values(values) = plane(50).targets else {
                    panic!("not values")
                };
                values[row].into()
            },
            1e-9,
        );
        for (weight, wanted) in weights.iter().zip([2.0, -1.0, 3.0]) {
            assert!((weight - wanted).abs() < 1e-4, "{weights:?}");
        }
    }

    #[test]
    fn the_constant_is_the_mean_or_the_shares() {
        let train = values(&[0., 1., 2.], &[1., 2., 6.]);
        assert_eq!(Baseline::Constant.predict(&train, &train, &train), [3.0; 3]);
        let classes = Dataset {
            targets: Targets::Classes {
                labels: vec![0, 1, 1],
                names: vec!["a".into(), "b".into()],
            },
            ..train
        };
        let shares = Baseline::Constant.predict(&classes, &classes, &classes);
        assert!((shares[0] - 1.0 / 3.0).abs() < 1e-12 && (shares[5] - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn neighbours_are_the_nearest_five() {
        let inputs: Vec<f32> = (0..10).map(|i| i as f32).collect();
        let train = values(&inputs, &inputs);
        let rows = values(&[0.1, 8.9], &[0.0, 0.0]);
        let predicted = Baseline::NearestNeighbours.predict(&train, &train, &rows);
        assert_eq!(predicted, [2.0, 7.0]);
    }

    #[test]
    fn classes_that_a_line_parts_are_told_apart() {
        let data = plane(60);
        let labels = data
            .inputs
            .chunks(2)
            .map(|row| u32::from(row[0] > row[1]))
            .collect();
        let data = Dataset {
            targets: Targets::Classes {
                labels,
                names: vec!["a".into(), "b".into()],
            },
            ..data
        };
        for baseline in [Baseline::Linear, Baseline::NearestNeighbours] {
            let probabilities = baseline.predict(&data, &data, &data);
            let Targets::Classes { labels, .. } = &data.targets else {
                panic!("not classes")
            };
            let right = probabilities
                .chunks(2)
                .zip(labels)
                .filter(|(p, label)| u32::from(p[1] > p[0]) == **label)
                .count();
            assert!(right > 55, "{baseline:?}: {right}");
            assert!(
                probabilities
                    .chunks(2)
                    .all(|p| (p[0] + p[1] - 1.0).abs() < 1e-9)
            );
        }
    }
}

use super::*;
use serde_json::Value as Json;
use trimtab_env::stream;

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

#[test]
fn posteriors_equal_scikit_learn() {
    let text = include_str!("../../../fixtures/gp.jsonl");
    let mut cases = 0;
    for line in text.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let rows = |key: &str| -> Vec<Vec<f64>> {
            case[key].as_array().unwrap().iter().map(numbers).collect()
        };
        let mut values = numbers(&case["y"]);
        let (mut offset, mut scale) = (0.0, 1.0);
        if case["normalize_y"] == true {
            let n = values.len() as f64;
            offset = values.iter().sum::<f64>() / n;
            scale = (values.iter().map(|y| (y - offset).powi(2)).sum::<f64>() / n).sqrt();
            values.iter_mut().for_each(|y| *y = (*y - offset) / scale);
        }
        let length_scales = numbers(&case["length_scales"]);
        let assumptions = Assumptions {
            kernel: if case["kernel"] == "rbf" {
                Kernel::SquaredExponential
            } else {
                Kernel::Matern52
            },
            axes: vec![Axis::Ordered; length_scales.len()],
            variance: case["variance"].as_f64().unwrap(),
            length_scales,
            noise_variance: case["noise_variance"].as_f64().unwrap(),
        };
        let process = GaussianProcess::new(assumptions, rows("X"), &values).unwrap();
        let likelihood = case["log_marginal_likelihood"].as_f64().unwrap();
        assert!((process.log_marginal_likelihood() - likelihood).abs() < 1e-9 * likelihood.abs());
        let (means, deviations) = (numbers(&case["mean"]), numbers(&case["std"]));
        let covariances = rows("cov");
        let queries = rows("X_query");
        for (i, query) in queries.iter().enumerate() {
            let (mean, deviation) = process.posterior(query);
            let (mean, deviation) = (offset + scale * mean, scale * deviation);
            let size = means[i].abs().max(1.0);
            assert!((mean - means[i]).abs() < 1e-9 * size, "{mean} {}", means[i]);
            assert!((deviation - deviations[i]).abs() < 1e-9 * deviations[i].max(1.0));
            for (other, wanted) in queries.iter().zip(&covariances[i]) {
                let covariance = scale * scale * process.covariance(query, other);
                assert!((covariance - wanted).abs() < 1e-9 * wanted.abs().max(1.0));
            }
        }
        cases += 1;
    }
    assert_eq!(cases, 10);
}

fn some_points(n: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    let sequence = super::super::quasi_random::Halton::new(5, 2);
    let points: Vec<Vec<f64>> = (0..n).map(|i| sequence.point(i as u64)).collect();
    let values = points
        .iter()
        .map(|p| (7.0 * p[0]).sin() + 0.1 * p[1])
        .collect();
    (points, values)
}

#[test]
fn the_gradient_is_the_slope_of_the_posterior() {
    let (points, values) = some_points(9);
    let priors = [(-1.0, 1.0), (-0.5, 0.7), (0.0, 1.0), (-4.0, 2.0)];
    for kernel in [Kernel::Matern52, Kernel::SquaredExponential] {
        let differences = Differences::new(&[Axis::Ordered, Axis::Unordered], &points);
        let of = |x: &[f64]| differences.negative_log_posterior(kernel, x, &values, &priors);
        let at = vec![-1.2, -0.3, 0.4, -3.0];
        let (_, gradient) = of(&at);
        for j in 0..4 {
            let step = 1e-5;
            let [up, down] = [step, -step].map(|step| {
                let mut moved = at.clone();
                moved[j] += step;
                of(&moved).0
            });
            let slope = (up - down) / (2.0 * step);
            assert!(
                (slope - gradient[j]).abs() < 1e-6,
                "{j}: {slope} {}",
                gradient[j]
            );
        }
    }
}

#[test]
fn a_fit_finds_the_coordinate_that_matters() {
    let (points, values) = some_points(25);
    let prior = Prior {
        length_scale: (0.5, 1.0),
        variance: (1.0, 1.0),
        noise_variance: (1e-3, 2.0),
    };
    let axes = [Axis::Ordered; 2];
    let process = fit(
        Kernel::Matern52,
        &axes,
        &points,
        &values,
        &prior,
        2,
        &mut stream(1, "fit", 0),
    )
    .unwrap();
    let scales = &process.assumptions().length_scales;
    assert!(scales[1] > 3.0 * scales[0], "{scales:?}");
    let (mean, deviation) = process.posterior(&[0.33, 0.5]);
    assert!((mean - ((7.0f64 * 0.33).sin() + 0.05)).abs() < 4.0 * deviation + 1e-3);
}

#[test]
fn believing_keeps_the_mean_and_narrows_the_deviation() {
    let (points, values) = some_points(6);
    let assumptions = Assumptions {
        kernel: Kernel::Matern52,
        axes: vec![Axis::Ordered; 2],
        variance: 1.0,
        length_scales: vec![0.4, 0.8],
        noise_variance: 1e-3,
    };
    let before = GaussianProcess::new(assumptions, points, &values).unwrap();
    let (at, near) = (vec![0.9, 0.1], [0.85, 0.15]);
    let after = before.clone().believing(&values, vec![at]).unwrap();
    assert!((before.posterior(&near).0 - after.posterior(&near).0).abs() < 1e-9);
    assert!(after.posterior(&near).1 < 0.8 * before.posterior(&near).1);
}

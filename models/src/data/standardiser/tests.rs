use super::*;

fn table<N: Number>(inputs: &[N], values: &[N]) -> Dataset<N> {
    let features = inputs.len() / values.len();
    let targets = Targets::Values(values.to_vec());
    Dataset::new("table", [1, 1, features], inputs.to_vec(), targets).unwrap()
}

#[test]
fn each_feature_and_the_target_come_to_mean_0_and_deviation_1() {
    // Features 1, 3 (mean 2, standard deviation 1) and 10, 50 (30, 20); target -1, 5 (2, 3).
    let train = table(&[1., 10., 3., 50.], &[-1., 5.]);
    let standardiser = Standardiser::fit(&train, Standardise::PerFeature);
    let train = standardiser.apply(&train);
    assert_eq!(train.inputs, [-1., -1., 1., 1.]);
    assert_eq!(train.targets, Targets::Values(vec![-1., 1.]));

    let other = standardiser.apply(&table(&[4., 30.], &[8.]));
    assert_eq!(other.inputs, [2., 0.]);
    assert_eq!(other.targets, Targets::Values(vec![2.]));
    assert_eq!(standardiser.restore_target(2.), 8.);
}

#[test]
fn global_statistics_are_of_all_features_together() {
    let standardiser = Standardiser::fit(&table(&[1., 3., 1., 3.], &[0., 2.]), Standardise::Global);
    assert_eq!(standardiser.mean, [2., 2.]);
    assert_eq!(standardiser.scale, [1., 1.]);
    assert_eq!(
        (standardiser.target_mean, standardiser.target_scale),
        (1., 1.)
    );
}

#[test]
fn robust_statistics_are_of_the_middle_and_what_is_far_off_is_clipped() {
    // Quartiles of 1, 2, 3, 4, 1000 are 2 and 4; those of 0, 0, 0, 0, 1 are the same.
    let train = table(&[1., 0., 2., 0., 3., 0., 4., 0., 1000., 1.], &[0.; 5]);
    let standardiser = Standardiser::fit(&train, Standardise::Robust);
    assert_eq!(standardiser.mean, [3., 0.]);
    assert_eq!(standardiser.scale, [2., 0.5]);
    let inputs = standardiser.apply(&train).inputs;
    // z = -1 becomes -1 / sqrt(1 + 1 / 9), and 2 becomes 2 / sqrt(1 + 4 / 9).
    assert!((inputs[0] + 0.9f32.sqrt()).abs() < 1e-6);
    assert!((inputs[9] - 2. / (13f32 / 9.).sqrt()).abs() < 1e-6);
    assert!(inputs[8] > 2.99 && inputs[8] < 3.);
}

#[test]
fn the_logarithm_of_a_target_comes_back_as_the_target() {
    let values = [1.0, 10.0, 100.0, 1000.0];
    let plain = Standardiser::fit(&table(&values, &values), Standardise::PerFeature);
    let log = plain.clone().with_log_target(0.0, &values);
    // The logarithms are evenly spaced, and their mean is between the middle two.
    assert_eq!(log.target(10.0), -log.target(100.0));
    for value in values {
        assert!((log.restore_target(log.target(value)) / value - 1.0).abs() < 1e-6);
        let shifted = plain.clone().with_log_target(1.0, &values);
        assert!((shifted.restore_target(shifted.target(value)) / value - 1.0).abs() < 1e-6);
    }
    // Predictions do not leave the range of the training rows.
    assert_eq!(log.restore_prediction(1e30), 1000.0);
    assert_eq!(log.restore_prediction(-1e30), 1.0);
    assert!(log.restore_target(1e30).is_finite());
    assert!(log.target(-5.0).is_finite());
}

#[test]
fn columns_and_rows_have_the_same_statistics() {
    let inputs: Vec<f64> = (0..60).map(|i| f64::from(i * i % 17) * 1e7 + 0.1).collect();
    let train = table(&inputs, &inputs[..20]);
    let rows: Vec<usize> = (0..20).collect();
    for standardise in [
        Standardise::PerFeature,
        Standardise::Robust,
        Standardise::Global,
    ] {
        let column = |feature: usize| inputs.iter().skip(feature).step_by(3).copied();
        let by_columns =
            Standardiser::of_columns((3, 3), column, (&train.targets, &rows), standardise);
        let by_rows = Standardiser::fit(&train, standardise);
        if standardise == Standardise::Global {
            assert!((by_columns.mean[0] / by_rows.mean[0] - 1.).abs() < 1e-12);
        } else {
            assert_eq!(by_columns, by_rows);
        }
    }
}

#[test]
fn none_leaves_everything_as_it_is() {
    let train = table::<f32>(&[1., 10., 3., 50.], &[-1., 5.]);
    assert_eq!(
        Standardiser::fit(&train, Standardise::None).apply(&train),
        train
    );
}

#[test]
fn a_constant_becomes_zero_and_keeps_its_scale() {
    // The mean of many 0.1 is not 0.1 in floating point.
    let train = table(&[0.1; 1001], &[0.7; 1001]);
    let standardiser = Standardiser::fit(&train, Standardise::PerFeature);
    assert_eq!((standardiser.scale[0], standardiser.target_scale), (1., 1.));
    let train = standardiser.apply(&train);
    assert!(train.inputs.iter().all(|&input| input == 0.));
    assert_eq!(train.targets, Targets::Values(vec![0.; 1001]));
}

#[test]
fn a_far_offset_costs_no_precision() {
    let train = table(&[16_777_212., 16_777_214.], &[0., 0.]);
    let train = Standardiser::fit(&train, Standardise::PerFeature).apply(&train);
    assert_eq!(train.inputs, [-1., 1.]);
    // So far from 0 that the sum of a hundred of them is off by several standard deviations.
    let far: Vec<f64> = (0..100).map(|row| 4e15 + f64::from(row % 2)).collect();
    let far = table(&far, &far);
    let standardiser = Standardiser::fit(&far, Standardise::PerFeature);
    let train = standardiser.apply(&far);
    assert!(
        train
            .inputs
            .iter()
            .all(|input| (input.abs() - 1.).abs() < 1e-6)
    );
    assert_eq!(standardiser.restore_target(1.), 4e15 + 1.);
}

#[test]
fn numbers_whose_squares_are_none_are_standardised_too() {
    for scale in [1e-310, 1e-200, 1e200, 8e307] {
        let train = table(
            &[scale, -scale, scale, -scale],
            &[0., scale, 2. * scale, 0.],
        );
        let standardiser = Standardiser::fit(&train, Standardise::PerFeature);
        let train = standardiser.apply(&train);
        assert_eq!(train.inputs, [1., -1., 1., -1.], "{scale}");
        let ratio = standardiser.target_scale / scale;
        assert!((ratio - 0.6875f64.sqrt()).abs() < 1e-6, "{ratio}");
    }
}

proptest::proptest! {
    /// Whatever the table and whatever is predicted after it: numbers, and none that is infinite.
    #[test]
    fn everything_finite_stays_finite(
        numbers in proptest::collection::vec(proptest::num::f64::ANY, 2..40),
        later in proptest::num::f64::ANY,
    ) {
        let finite: Vec<f64> = numbers.into_iter().filter(|number| number.is_finite()).collect();
        proptest::prop_assume!(!finite.is_empty() && later.is_finite());
        let data = table(&finite, &finite);
        for standardise in [Standardise::PerFeature, Standardise::Robust, Standardise::Global, Standardise::None] {
            let standardiser = Standardiser::fit(&data, standardise);
            standardiser.apply(&data).check().unwrap();
            standardiser.apply(&table(&[later], &[later])).check().unwrap();
        }
    }
}

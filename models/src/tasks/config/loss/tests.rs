use super::*;
use crate::TargetBatch;
use crate::tasks::config::{PreparedTask, TaskConfig};
use burn::tensor::{Device, Tensor};
use std::collections::BTreeMap;
use trimtab_env::{
    Action, Budget, CostModel, Domain, Environment, Initial, Knob, Moves, Report, Settings,
    Trainee, TuningConfig, TuningEnv,
};

fn task(text: &str) -> Result<PreparedTask> {
    let implicit_some = ron::extensions::Extensions::IMPLICIT_SOME;
    let reader = ron::Options::default().with_default_extension(implicit_some);
    let config: TaskConfig = reader.from_str(text).unwrap();
    config.prepare()
}

fn classes(loss: &str) -> Result<PreparedTask> {
    task(&format!(
        "(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), optimizer: Adam(), loss: {loss})"
    ))
}

fn values(loss: &str) -> Result<PreparedTask> {
    task(&format!(
        "(data: Embedded(\"bike-sharing\"), split: (max_train: 1000), model: Mlp(hidden: [16]), optimizer: Adam(), loss: {loss})"
    ))
}

fn trainee(task: &PreparedTask) -> Box<dyn Trainee> {
    let mut trainee = task.trainee(CostModel::default(), &Device::flex()).unwrap();
    trainee.start(1).unwrap();
    trainee
}

fn reports(task: &PreparedTask, each: &[Settings]) -> Vec<Report> {
    let mut trainee = trainee(task);
    let reports = each.iter().map(|now| trainee.advance(now, 0.03).unwrap());
    reports.collect()
}

fn settings() -> Settings {
    Settings::new(1e-3, 32)
}

#[test]
fn defaults_are_short_and_go_through_text() {
    for (short, long) in [
        ("Focal()", "Focal(alpha: Equal, gamma: 2.0)"),
        (
            "CrossEntropy()",
            "CrossEntropy(class_weights: Equal, label_smoothing: 0.0)",
        ),
        ("Huber()", "Huber(delta: 1.0)"),
        ("Poisson", "Poisson"),
        (
            "Sum([(name: \"a\", loss: Focal(alpha: Second(0.25))), (name: \"b\", weight: 0.5, loss: CrossEntropy(class_weights: Each([1, 2])))])",
            "Sum([(name: \"a\", weight: 1.0, loss: Focal(alpha: Second(0.25), gamma: 2.0)), \
             (name: \"b\", weight: 0.5, loss: CrossEntropy(class_weights: Each([1.0, 2.0]), label_smoothing: 0.0))])",
        ),
    ] {
        let config: LossConfig = ron::from_str(short).unwrap();
        assert_eq!(config, ron::from_str(long).unwrap());
        let written = ron::to_string(&config).unwrap();
        assert_eq!(config, ron::from_str(&written).unwrap(), "{written}");
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(config, serde_json::from_str(&json).unwrap(), "{json}");
    }
    let message = ron::from_str::<LossConfig>("Focal(gama: 2)").unwrap_err();
    assert!(message.to_string().contains("gama"), "{message}");
}

#[test]
fn what_is_out_of_range_or_does_not_fit_is_named() {
    for (loss, words) in [
        ("Focal(gamma: -1)", ["loss.gamma: -1", "at least 0"]),
        (
            "Focal(alpha: Each([1, 2]))",
            ["loss.alpha: 2 weights", "10, one for each class"],
        ),
        (
            "Focal(alpha: Second(0.25))",
            ["loss.alpha: Second(0.25)", "10 classes"],
        ),
        (
            "CrossEntropy(class_weights: Each([0]))",
            ["loss.class_weights.0: 0", "above 0"],
        ),
        (
            "CrossEntropy(label_smoothing: 1.5)",
            ["loss.label_smoothing: 1.5", "from 0 to 1"],
        ),
        ("Huber()", ["loss: huber of classes", "CrossEntropy(..)"]),
        ("Poisson", ["loss: poisson of classes", "regression"]),
        ("Sum([])", ["loss: Sum([])", "at least one"]),
        (
            "Sum([(name: \"a\", loss: Focal(gamma: -2))])",
            ["loss.a.gamma: -2", "at least 0"],
        ),
        (
            "Sum([(name: \"a\", weight: -2, loss: Focal())])",
            ["loss.Sum[0].weight: -2", "at least 0"],
        ),
        (
            "Sum([(name: \"a\", loss: Focal()), (name: \"a\", loss: Focal())])",
            ["loss.Sum[1].name: a", "no other"],
        ),
        (
            "Sum([(name: \"a\", loss: Sum([]))])",
            ["loss.Sum[0].loss: sum", "no sum"],
        ),
        (
            "Custom(name: \"focl\")",
            ["Custom(name: \"focl\")", "Focal(..)"],
        ),
    ] {
        let message = classes(loss).unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{loss}: {message}");
        }
    }
    for (loss, words) in [
        ("Quantile(quantile: 1)", ["loss.quantile: 1", "below 1"]),
        ("Huber(delta: 0)", ["loss.delta: 0", "above 0"]),
        ("Focal()", ["loss: focal of values", "Huber(..)"]),
    ] {
        let message = values(loss).unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{loss}: {message}");
        }
    }
    let twice = "(data: Embedded(\"digits\"), model: Tabular((label_smoothing: 0.1)), optimizer: Adam(), loss: Focal())";
    let message = task(twice).unwrap_err().to_string();
    assert!(message.contains("model.label_smoothing"), "{message}");
    // A count below 0: the target of this table is minus its mean.
    let negative =
        "(data: Embedded(\"airfoil\"), model: Mlp(hidden: [8]), optimizer: Adam(), loss: Poisson)";
    let message = task(negative).unwrap_err().to_string();
    assert!(message.contains("Poisson of a target of -"), "{message}");
}

/// Named, the usual losses are the bits that they are unnamed.
#[test]
fn the_usual_losses_by_name_change_nothing() {
    let steps = [settings(), settings()];
    let plain = task("(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), optimizer: Adam())");
    let named = classes("CrossEntropy()").unwrap();
    assert_eq!(reports(&named, &steps), reports(&plain.unwrap(), &steps));
    let plain = "(data: Embedded(\"bike-sharing\"), split: (max_train: 1000), model: Mlp(hidden: [16]), optimizer: Adam())";
    let named = values("SquaredError").unwrap();
    assert_eq!(
        reports(&named, &steps),
        reports(&task(plain).unwrap(), &steps)
    );
}

/// Classes of 2,594 and 1,406 rows, of which three fifths are trained on.
#[test]
fn balanced_weights_are_those_of_scikit_learn() {
    let text = "(data: Embedded(\"magic\"), model: Mlp(hidden: [8]), optimizer: Adam(), loss: CrossEntropy(class_weights: Balanced))";
    let task = task(text).unwrap();
    let loss = task.chosen_loss().unwrap().unwrap();
    let [
        (
            _,
            Term::CrossEntropy(CrossEntropy {
                class_weights: Some(weights),
                ..
            }),
        ),
    ] = &loss.terms[..]
    else {
        panic!("{loss:?}")
    };
    let Targets::Classes { labels, .. } = &task.split().train.targets else {
        panic!("no classes")
    };
    let rows = labels.len() as f64;
    let second = labels.iter().filter(|label| **label == 1).count() as f64;
    assert_eq!(
        weights,
        &[rows / (2.0 * (rows - second)), rows / (2.0 * second)]
    );
}

/// A setting at the value of the config changes no bit; another value changes the gradient as the formula says.
#[test]
fn parameters_are_settings() {
    let loss = "Sum([(name: \"focal\", loss: Focal(gamma: 2)), (name: \"plain\", weight: 0.5, loss: CrossEntropy())])";
    let task = classes(loss).unwrap();
    let at = |gamma: f64, plain: f64| {
        settings()
            .with("loss.focal.gamma", gamma)
            .with("loss.plain", plain)
    };
    let without = reports(&task, &[settings(), settings()]);
    assert_eq!(reports(&task, &[at(2.0, 0.5), at(2.0, 0.5)]), without);
    let moved = reports(&task, &[at(2.0, 0.5), at(0.0, 0.5)]);
    assert_eq!(moved[0], without[0]);
    assert_ne!(moved[1].train, without[1].train);

    // With gamma 0 focal loss is cross-entropy: the sum is 1.5 times it, and so is its gradient; the validation loss stays the config's.
    let norm = |task: &PreparedTask, settings: &Settings| {
        let report = trainee(task).probe(settings, 1).unwrap();
        let loss = report.train.unwrap().mean;
        (loss, report.gradients.unwrap().mean_square_norm.sqrt())
    };
    let (loss, slope) = norm(&classes("CrossEntropy()").unwrap(), &settings());
    let (both, slopes) = norm(&task, &at(0.0, 0.5));
    assert!((both / loss - 1.5).abs() < 1e-6, "{both} {loss}");
    assert!((slopes / slope - 1.5).abs() < 1e-5, "{slopes} {slope}");
    let (twice, _) = norm(&task, &at(0.0, 1.0));
    assert!((twice / loss - 2.0).abs() < 1e-6, "{twice} {loss}");

    let spec = trainee(&task).spec().clone();
    for name in [
        "loss.focal",
        "loss.focal.gamma",
        "loss.plain",
        "loss.plain.label_smoothing",
    ] {
        spec.understands(name).unwrap();
    }
    let message = spec.understands("loss.gamma").unwrap_err().to_string();
    assert!(message.contains("loss.focal.gamma"), "{message}");
    for (wrong, word) in [
        (at(-1.0, 1.0), "loss.focal.gamma: -1"),
        (at(1.0, -1.0), "loss.plain: -1"),
        (settings().with("loss.plain", "much"), "loss.plain"),
    ] {
        let mut trainee = trainee(&task);
        let message = trainee.advance(&wrong, 0.02).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
}

/// The exponent as a knob: each choice holds for its segment.
#[test]
fn a_policy_moves_the_exponent() {
    let task = classes("Focal()").unwrap();
    let knob = Knob {
        name: "loss.gamma".to_owned(),
        domain: Domain::Values(vec![0.0, 2.0, 5.0]),
        initial: Initial::Fixed(2.0.into()),
        moves: Moves::Absolute,
    };
    let config = TuningConfig {
        knobs: vec![knob],
        base_controller: None,
        settings: settings(),
        segments: Default::default(),
        budget: Budget::Epochs(2.0),
        reward: Default::default(),
        observation: Default::default(),
        divergence: Default::default(),
        stop_at_target: false,
        objective: Default::default(),
    };
    let trainee = task.trainee(CostModel::default(), &Device::flex()).unwrap();
    let mut environment = TuningEnv::new(vec![trainee.into()], config).unwrap();
    environment.reset(1).unwrap();
    for choice in [2, 0, 1] {
        environment.step(&Action::new(vec![choice])).unwrap();
    }
    let segments = environment.segments().iter();
    let gammas = segments.map(|segment| segment.settings.number("loss.gamma").unwrap());
    assert_eq!(gammas.collect::<Vec<_>>(), [5.0, 0.0, 2.0]);
}

/// Class weights are settings too, where there are any.
#[test]
fn class_weights_are_settings() {
    let text = "(data: Embedded(\"magic\"), model: Mlp(hidden: [8]), optimizer: Adam(), loss: Focal(gamma: 0, alpha: Each([1, 1])))";
    let task = task(text).unwrap();
    let loss = |settings: &Settings| {
        trainee(&task)
            .probe(settings, 1)
            .unwrap()
            .train
            .unwrap()
            .mean
    };
    let first = loss(&settings().with("loss.alpha.1", 0.0));
    let second = loss(&settings().with("loss.alpha.0", 0.0));
    let both = loss(&settings());
    assert!(
        (first + second - both).abs() < 1e-6,
        "{first} {second} {both}"
    );
}

/// Counts are predicted in their own units: the mean of the predictions is that of the counts, and the metric is in bikes.
#[test]
fn poisson_predicts_counts() {
    let task = values("Poisson").unwrap();
    let mut trainee = trainee(&task);
    assert_eq!(trainee.spec().lowest_loss, 0.0);
    let mut last = None;
    for _ in 0..20 {
        last = trainee
            .advance(&Settings::new(1e-2, 32), 0.03)
            .unwrap()
            .validation;
    }
    let (split, last) = (task.split(), last.unwrap());
    let Targets::Values(truth) = &split.validation.targets else {
        panic!("no values")
    };
    let scale = split.standardiser.target_scale;
    let mean = truth.iter().map(|t| f64::from(*t)).sum::<f64>() / truth.len() as f64;
    let squares = truth
        .iter()
        .map(|t| (f64::from(*t) - mean).powi(2))
        .sum::<f64>();
    let deviation = (squares / truth.len() as f64).sqrt() * scale;
    let rmse = last.metrics["rmse"];
    assert!(
        deviation > 50.0 && rmse < 0.8 * deviation,
        "{rmse} of {deviation}"
    );
    assert!(last.loss > 0.0 && last.loss < 0.5, "{}", last.loss);
}

/// Predictions of the quantile 0.9 are above nine tenths of new targets.
#[test]
fn a_quantile_is_above_its_share_of_the_targets() {
    let task = values("Quantile(quantile: 0.9)").unwrap();
    let config = crate::TrainConfig {
        epochs: 30.0,
        ..Default::default()
    };
    let mut on = |_: crate::Underway| std::ops::ControlFlow::Continue(());
    let trained = task.train(&config, 0, &Device::flex(), &mut on).unwrap();
    let any = task.task().unwrap();
    let device = Device::flex();
    let model = any.model_with(&trained.weights, &device).unwrap();
    let test = &task.split().test;
    let inputs = burn::tensor::TensorData::new(test.inputs.clone(), [test.rows(), test.features]);
    let outputs = model(burn::tensor::Tensor::from_data(inputs, &device));
    let outputs: Vec<f32> = outputs.into_data().iter::<f32>().collect();
    let Targets::Values(truth) = &test.targets else {
        panic!("no values")
    };
    let below = truth.iter().zip(&outputs).filter(|(t, y)| t < y).count();
    let share = below as f64 / truth.len() as f64;
    assert!((share - 0.9).abs() < 0.04, "{share}");
}

/// The mean of the squared outputs, times a number.
struct Small(f64);

impl Loss for Small {
    fn loss(&self, outputs: Tensor<2>, _: &TargetBatch) -> Tensor<1> {
        (outputs.clone() * outputs).mean() * self.0
    }
    fn lowest_loss(&self) -> Option<f64> {
        Some(0.0)
    }
    fn parameters(&self) -> Vec<String> {
        vec!["by".to_owned()]
    }
    fn with(&self, parameters: &BTreeMap<String, f64>) -> Result<Arc<dyn Loss>> {
        Ok(Arc::new(Self(
            parameters.get("by").copied().unwrap_or(self.0),
        )))
    }
}

/// A loss of the program's own is a term of a sum, by autodiff, and its number a setting.
#[test]
fn a_loss_of_the_programs_own_is_a_term_of_a_sum() {
    let own = Extensions::default().with_loss("small", |_, _| Ok(Arc::new(Small(1.0))));
    let prepared = |loss: &str| {
        let text = format!(
            "(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), optimizer: Adam(), loss: {loss})"
        );
        let options = ron::Options::default();
        let options = options.with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
        let config: TaskConfig = options.from_str(&text).unwrap();
        config.prepare_with(&own, &[]).unwrap()
    };
    let sum = "Sum([(name: \"right\", loss: CrossEntropy()), (name: \"small\", weight: 0.5, loss: Custom(name: \"small\"))])";
    let sum = prepared(sum);
    let loss = |task: &PreparedTask, settings: &Settings| {
        let report = trainee(task).probe(settings, 1).unwrap();
        report.train.unwrap().mean
    };
    let right = loss(&prepared("CrossEntropy()"), &settings());
    let small = loss(&prepared("Custom(name: \"small\")"), &settings());
    let by = |by: f64| settings().with("loss.small.by", by);
    for (settings, times) in [(settings(), 1.0), (by(1.0), 1.0), (by(3.0), 3.0)] {
        let both = loss(&sum, &settings);
        let wanted = right + 0.5 * times * small;
        assert!((both / wanted - 1.0).abs() < 1e-5, "{both} {wanted}");
    }
    assert_eq!(trainee(&sum).spec().lowest_loss, 0.0);
}

use super::*;
use crate::TargetBatch;
use crate::data::Targets;
use crate::network::mlp::Activation;
use crate::tasks::custom::{Parameters, any};
use crate::tasks::mlp::MlpTask;
use crate::training::loss::Loss;
use crate::training::optimizer::UpdateRule;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor};
use std::ops::Range;
use trimtab_env::CostModel;

/// As the commands read it.
fn parse(text: &str) -> TaskConfig {
    let implicit_some = ron::extensions::Extensions::IMPLICIT_SOME;
    let reader = ron::Options::default().with_default_extension(implicit_some);
    reader.from_str(text).unwrap()
}

#[test]
fn the_short_form_takes_the_defaults() {
    let config = parse(
        "(data: Embedded(\"digits\"), model: Mlp(hidden: [32, 16]), optimizer: AdamW(epsilon: 1e-7))",
    );
    assert_eq!((config.pool, config.gradient_samples), (1, 8));
    assert_eq!(config.split, SplitConfig::default());
    let task = config.prepare().unwrap();
    assert_eq!(task.name(), "digits mlp 32-16 adamw");
    let trainee = task.trainee(CostModel::default(), &Device::flex()).unwrap();
    let parameters = (64 * 32 + 32) + (32 * 16 + 16) + (16 * 10 + 10);
    assert_eq!(trainee.spec().parameters, parameters);
}

#[test]
fn an_unknown_field_is_named() {
    for text in [
        "(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), optimizer: Sgd(), learning_rat: 0.1)",
        "(data: Embedded(\"digits\"), model: Mlp(hidden: [8], learning_rat: 1), optimizer: Sgd())",
        "(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), optimizer: Sgd(learning_rat: 0.1))",
    ] {
        let message = ron::from_str::<TaskConfig>(text).unwrap_err().to_string();
        assert!(message.contains("learning_rat"), "{message}");
    }
}

#[test]
fn models_that_cannot_be_built_are_named() {
    for (text, words) in [
        (
            "(data: Embedded(\"digits\"), model: Mlp(hidden: [8, 0]), optimizer: Sgd())",
            ["model.hidden[1]", "from 1 to"],
        ),
        (
            "(data: Embedded(\"fashion-mnist\"), model: Cnn(channels: [0]), optimizer: Sgd())",
            ["model.channels[0]", "from 1 to"],
        ),
        (
            "(data: Embedded(\"letter\"), model: Cnn(channels: [8]), optimizer: Sgd())",
            ["Cnn on `letter`", "use Mlp"],
        ),
        (
            "(data: Embedded(\"digits\"), pool: 3, model: Cnn(channels: [8]), optimizer: Sgd())",
            ["8x8", "by 3"],
        ),
        (
            "(data: Embedded(\"digits\"), model: Transformer((heads: 5)), optimizer: Sgd())",
            ["model.heads", "divides the width, 32"],
        ),
        (
            "(data: Embedded(\"digits\"), model: Transformer((patch: 3)), optimizer: Sgd())",
            ["model.patch", "8x8"],
        ),
        (
            "(data: Embedded(\"letter\"), model: Tabular((numbers: Some(17))), optimizer: Adam())",
            ["model.numbers", "at most the 16 inputs of `letter`"],
        ),
        (
            "(data: Embedded(\"letter\"), model: Transformer((blocks: 0)), optimizer: Sgd())",
            ["model.blocks", "from 1 to"],
        ),
    ] {
        let message = parse(text).prepare().unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{message}");
        }
    }
}

#[test]
fn sizes_out_of_bounds_are_named_before_anything_is_allocated() {
    for (model, word) in [
        ("Mlp(hidden: [64, 18446744073709551615])", "model.hidden[1]"),
        (
            "Mlp(hidden: [65536, 65536, 65536, 65536, 65536, 65536, 65536])",
            "GB of memory",
        ),
        ("Cnn(channels: [100000000000])", "model.channels[0]"),
        (
            "Transformer((blocks: 18446744073709551615))",
            "model.blocks",
        ),
        (
            "Transformer((width: 100000000000, heads: 1))",
            "model.width",
        ),
        ("Transformer((width: 65536, blocks: 1000))", "GB of memory"),
        ("Tabular((members: 0))", "model.members"),
        ("Tabular((hidden: []))", "model.hidden"),
        ("Tabular((hidden: [64, 0]))", "model.hidden[1]"),
        (
            "Tabular((embedding: Some((waves: 0))))",
            "model.embedding.waves",
        ),
        ("Tabular((label_smoothing: 1.5))", "model.label_smoothing"),
        ("Tabular((rates: (scales: 0)))", "model.rates.scales"),
    ] {
        let text = format!("(data: Embedded(\"digits\"), model: {model}, optimizer: Sgd())");
        let task = parse(&text);
        for message in [task.validate().unwrap_err(), task.prepare().unwrap_err()] {
            assert!(message.to_string().contains(word), "{message}");
        }
    }
}

#[test]
fn data_are_read_once_for_all_that_is_trained_on_them() {
    let task = |text: &str, earlier: &[PreparedTask]| {
        parse(text)
            .prepare_with(&Extensions::default(), earlier)
            .unwrap()
    };
    let first = task(
        "(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), optimizer: Sgd())",
        &[],
    );
    let earlier = [first];
    let second = task(
        "(data: Embedded(\"digits\"), model: Mlp(hidden: [4]), optimizer: Adam())",
        &earlier,
    );
    assert_eq!(second.name(), "digits mlp 4 adam");
    assert!(Arc::ptr_eq(second.split(), earlier[0].split()));
    let other = task(
        "(data: Embedded(\"digits\"), split: (seed: 1), model: Mlp(hidden: [8]), optimizer: Sgd())",
        &earlier,
    );
    assert!(!Arc::ptr_eq(other.split(), earlier[0].split()));
}

/// Cross-entropy, times a factor.
struct Times(f64);

impl Loss for Times {
    fn loss(&self, outputs: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
        let TargetBatch::Classes(labels) = targets else {
            panic!("the constructor refuses values");
        };
        let labels = labels.clone().unsqueeze_dim::<2>(1);
        log_softmax(outputs, 1).gather(1, labels).mean().neg() * self.0
    }
}

/// Steps of a fixed share of SGD's.
#[derive(Clone)]
struct Share(f64);

impl UpdateRule for Share {
    fn step(&mut self, lr: f64, weights: &mut [f32], gradient: &mut [f32], _: &[Range<usize>]) {
        for (weight, gradient) in weights.iter_mut().zip(gradient) {
            *weight -= (lr * self.0) as f32 * *gradient;
        }
    }
    fn clone_box(&self) -> Box<dyn UpdateRule> {
        Box::new(self.clone())
    }
    fn is_adaptive(&self) -> bool {
        false
    }
}

fn own_parts() -> Extensions {
    let number = |parameters: &Parameters| parameters.get("by").copied().unwrap_or(1.0);
    Extensions::default()
        .with_loss("times", move |parameters, train| match &train.targets {
            Targets::Classes { .. } => Ok(Arc::new(Times(number(parameters)))),
            Targets::Values(_) => Err(Error::Config {
                field: "loss".to_owned(),
                given: "values".to_owned(),
                allowed: "classes".to_owned(),
            }),
        })
        .with_optimizer("share", move |parameters| {
            Ok(Box::new(Share(number(parameters))))
        })
}

fn after_three_segments(task: &PreparedTask) -> Vec<f64> {
    let mut trainee = task.trainee(CostModel::default(), &Device::flex()).unwrap();
    trainee.start(1).unwrap();
    let settings = trimtab_env::Settings::new(0.05, 32);
    let reports = (0..3).map(|_| trainee.advance(&settings, 0.02).unwrap());
    reports
        .map(|report| report.validation.unwrap().loss)
        .collect()
}

#[test]
fn a_loss_and_an_optimiser_of_the_programs_own_take_the_places_of_the_tasks() {
    let losses = |parts: &str| {
        let text = format!("(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), {parts})");
        let task = parse(&text).prepare_with(&own_parts(), &[]).unwrap();
        after_three_segments(&task)
    };
    let sgd = "optimizer: Sgd(momentum: 0.0)";
    let plain = losses(sgd);
    // A loss three times as large has gradients three times as large, which a third of the step makes up for.
    let both = losses(&format!(
        "{sgd}, loss: Custom(name: \"times\", parameters: {{\"by\": 3}}), \
         update_rule: Custom(name: \"share\", parameters: {{\"by\": 0.3333333333333333}})"
    ));
    for (both, plain) in both.iter().zip(&plain) {
        assert!((both / (3.0 * plain) - 1.0).abs() < 1e-3, "{both} {plain}");
    }
    // The optimiser alone, over the program that is written out.
    let slower = losses(
        "optimizer: Adam(), update_rule: Custom(name: \"share\", parameters: {\"by\": 0.01})",
    );
    assert!(slower[2] > 1.5 * plain[2], "{slower:?} {plain:?}");
}

#[test]
fn another_optimiser_takes_the_place_of_one_of_the_programs_own() {
    let data = "data: Embedded(\"digits\"), model: Mlp(hidden: [8])";
    let own = format!(
        "({data}, optimizer: Adam(), update_rule: Custom(name: \"share\", parameters: {{\"by\": 0.01}}))"
    );
    let own = parse(&own).prepare_with(&own_parts(), &[]).unwrap();
    let adam = parse(&format!("({data}, optimizer: Adam())")).prepare();
    let adam = adam.unwrap();
    assert!(!own.config().has_optimizer_of(adam.config()));
    let replaced = own.with_optimizer(OptimizerConfig::adam());
    assert!(replaced.config().has_optimizer_of(adam.config()));
    assert_eq!(after_three_segments(&replaced), after_three_segments(&adam));
    assert_ne!(after_three_segments(&own), after_three_segments(&adam));
}

#[test]
fn parts_of_a_programs_own_are_in_the_name_and_in_the_config_only_where_there_are_any() {
    let text = "(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), optimizer: Adam(), \
                loss: Custom(name: \"times\"), update_rule: Custom(name: \"share\"))";
    let task = parse(text).prepare_with(&own_parts(), &[]).unwrap();
    assert_eq!(task.name(), "digits mlp 8 share times");
    assert_eq!(
        parse(&ron::to_string(task.config()).unwrap()),
        *task.config()
    );
    let plain = parse("(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), optimizer: Adam())");
    let written = ron::to_string(&plain).unwrap();
    assert!(!written.contains("loss") && !written.contains("update_rule"));
}

#[test]
fn parts_that_the_program_has_not_added_or_that_do_not_fit_are_named() {
    let digits = "data: Embedded(\"digits\"), optimizer: Adam()";
    let mlp = "model: Mlp(hidden: [8])";
    for (text, words) in [
        (
            format!("({digits}, {mlp}, loss: Custom(name: \"tims\"))"),
            ["loss: Custom(name: \"tims\")", "did you mean `times`"],
        ),
        (
            format!("({digits}, {mlp}, update_rule: Custom(name: \"lion\"))"),
            ["update_rule", "that the program adds, share"],
        ),
        (
            format!("({digits}, model: Custom(name: \"times\"), loss: Custom(name: \"times\"))"),
            ["model: Custom(name: \"times\")", "adds none"],
        ),
        (
            format!(
                "(data: Embedded(\"airfoil\"), optimizer: Adam(), {mlp}, loss: Custom(name: \"times\"))"
            ),
            ["loss: values", "classes"],
        ),
    ] {
        let tried = parse(&text).prepare_with(&own_parts(), &[]);
        let message = tried.unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{message}");
        }
    }
    let message = parse(&format!("({digits}, {mlp}, loss: Custom(name: \"times\"))"));
    let message = message.prepare().unwrap_err().to_string();
    assert!(message.contains("this one adds none"), "{message}");
}

#[test]
fn a_model_of_the_programs_own_brings_its_loss_along() {
    let with_model = own_parts().with_model("mine", |_, task| {
        Ok(any(MlpTask::new(
            task.name,
            task.split,
            &[8],
            Activation::Tanh,
        )))
    });
    let text = "(data: Embedded(\"digits\"), model: Custom(name: \"mine\"), optimizer: Adam(), \
                update_rule: Custom(name: \"share\"))";
    let message = parse(text).prepare_with(&with_model, &[]).unwrap_err();
    let message = message.to_string();
    assert!(
        message.contains("`share`") && message.contains("brings them along"),
        "{message}"
    );
}

use super::*;
use burn::tensor::Device;
use trimtab_env::CostModel;

fn parse(text: &str) -> TaskConfig {
    ron::from_str(text).unwrap()
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
            .prepare_with(&Models::default(), earlier)
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

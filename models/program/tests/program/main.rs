//! The hand-written passes against closed forms, oracles and finite differences.

mod cnn;
mod losses;
mod pruning;

use serde_json::Value;

/// The lines of a fixture.
fn cases(file: &str) -> Vec<Value> {
    file.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// All numbers in a value, in their order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(all) => all.iter().flat_map(numbers).collect(),
        number => number.as_f64().into_iter().collect(),
    }
}

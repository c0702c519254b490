//! To JSON of ConfigSpace.

use crate::{Domain, SearchSpace, Value};
use serde_json::{Value as Json, json};

/// The longest list of numbers that is written as one.
const LONGEST: usize = 1000;

/// The JSON that `ConfigurationSpace.from_json` reads, of a space with this name, and what of the space is left out, a line each.
///
/// Names of hyperparameters are unique there: of parameters of one name in branches of different parents, or with different domains,
/// the first is written.
pub fn write(space: &SearchSpace, name: &str) -> (String, Vec<String>) {
    let mut file = File::default();
    file.add(space, None);
    let text = json!({
        "name": name,
        "hyperparameters": file.hyperparameters,
        "conditions": file.written_conditions(),
        "forbiddens": [],
        // That of ConfigSpace 1.2.
        "format_version": 0.4,
    });
    (format!("{text:#}\n"), file.left_out)
}

#[derive(Default)]
struct File {
    hyperparameters: Vec<Json>,
    /// Child, parent, choices.
    conditions: Vec<(String, String, Vec<String>)>,
    left_out: Vec<String>,
}

impl File {
    /// Adds the parameters of a space that a choice of a parameter opens.
    fn add(&mut self, space: &SearchSpace, opened: Option<(&str, &str)>) {
        for parameter in space.parameters() {
            let name = &parameter.name;
            let mut steps_left_out = Vec::new();
            let written = hyperparameter(name, &parameter.domain, &mut steps_left_out);
            let known = self
                .hyperparameters
                .iter()
                .find(|known| known["name"] == *name);
            let condition = self.conditions.iter_mut().find(|(child, ..)| child == name);
            match (known, opened) {
                (None, _) => {
                    self.hyperparameters.push(written);
                    self.left_out.extend(steps_left_out);
                    if let Some((parent, choice)) = opened {
                        let choices = vec![choice.to_owned()];
                        self.conditions
                            .push((name.clone(), parent.to_owned(), choices));
                    }
                }
                // Where another choice of the same parent opens the same parameter, one condition says both.
                (Some(known), Some((parent, choice)))
                    if *known == written && condition.as_ref().is_some_and(|c| c.1 == parent) =>
                {
                    if let Some((_, _, choices)) = condition
                        && !choices.iter().any(|known| known == choice)
                    {
                        choices.push(choice.to_owned());
                    }
                }
                (Some(_), opened) => {
                    let place = opened.map_or_else(String::new, |(parent, choice)| {
                        format!(" where `{parent}` is `{choice}`")
                    });
                    self.left_out
                        .push(format!("`{name}`{place}: there is another of that name"));
                    continue;
                }
            }
            for (choice, space) in &parameter.opens {
                self.add(space, Some((name, choice)));
            }
        }
    }

    fn written_conditions(&self) -> Vec<Json> {
        let written = |(child, parent, choices): &(String, String, Vec<String>)| match &choices[..]
        {
            [choice] => json!({"type": "EQ", "child": child, "parent": parent, "value": choice}),
            choices => json!({"type": "IN", "child": child, "parent": parent, "values": choices}),
        };
        self.conditions.iter().map(written).collect()
    }
}

fn hyperparameter(name: &str, domain: &Domain, left_out: &mut Vec<String>) -> Json {
    let middle = plain(&domain.decode(0.5));
    if domain.count() == Some(1) || domain.bounds().is_some_and(|(low, high)| low == high) {
        return json!({"type": "constant", "name": name, "value": middle});
    }
    let float = |(low, high): (f64, f64), log: bool| {
        let default = match domain.decode(0.5) {
            Value::Number(number) => number.clamp(low, high),
            Value::Category(_) => low,
        };
        json!({
            "type": "uniform_float", "name": name, "lower": low, "upper": high,
            "default_value": default, "log": log,
        })
    };
    let ordinal = || {
        let points: Vec<Json> = domain.points().iter().map(plain).collect();
        json!({"type": "ordinal", "name": name, "sequence": points, "default_value": middle})
    };
    match domain {
        Domain::LogUniform(low, high) => float((*low, *high), true),
        Domain::Uniform(low, high) => float((*low, *high), false),
        Domain::Integer { low, high, log } => json!({
            "type": "uniform_int", "name": name, "lower": low, "upper": high,
            "default_value": middle, "log": log,
        }),
        Domain::Quantised { log, .. }
            if *log || domain.count().is_none_or(|count| count > LONGEST) =>
        {
            left_out.push(format!("the steps of `{name}`"));
            float(domain.bounds().unwrap_or_default(), *log)
        }
        Domain::Quantised { .. } | Domain::Grid { .. } | Domain::Values(_) => ordinal(),
        Domain::Categories(names) => json!({
            "type": "categorical", "name": name, "choices": names, "weights": null,
            "default_value": middle,
        }),
    }
}

/// A value as JSON, 16 and not 16.0: there the type of a number counts.
fn plain(value: &Value) -> Json {
    match value {
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            json!(*number as i64)
        }
        Value::Number(number) => json!(number),
        Value::Category(name) => json!(name),
    }
}

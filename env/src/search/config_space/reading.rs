//! From JSON of ConfigSpace.

use crate::error::shortened;
use crate::{Domain, Error, Parameter, Result, SearchSpace};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// The largest number of parameters, each counted in every branch that it is in.
const MOST: usize = 10_000;

/// How many branches may be one in another.
const DEEPEST: usize = 100;

/// The space that a file of ConfigSpace says, and what of the file is left out, a line each.
///
/// # Errors
/// [`Error::Config`] naming the hyperparameter that is not understood; texts that are no JSON of ConfigSpace.
pub fn read(text: &str) -> Result<(SearchSpace, Vec<String>)> {
    let file: File = serde_json::from_str(text).map_err(|error| {
        let allowed = "give a file that ConfigurationSpace.to_json wrote";
        Error::config("configuration space", error, allowed)
    })?;
    let mut left_out = Vec::new();
    let mut domains = Vec::new();
    for item in &file.hyperparameters {
        let domain = item
            .domain(&mut left_out)
            .map_err(|error| error.within(&item.name))?;
        domains.push((item.name.as_str(), domain));
    }
    let mut branches: BTreeMap<&str, Branch> = BTreeMap::new();
    for condition in &file.conditions {
        match branch(condition, &domains) {
            Some((child, branch)) if !branches.contains_key(child) => {
                branches.insert(child, branch);
            }
            _ => left_out.push(format!(
                "a condition, so that its child is always active: {}",
                shortened(&Json::from(condition.clone()).to_string())
            )),
        }
    }
    for forbidden in &file.forbiddens {
        let text = forbidden.to_string();
        left_out.push(format!("a forbidden clause: {}", shortened(&text)));
    }
    let mut tree = Tree {
        domains: &domains,
        branches: &branches,
        reached: BTreeSet::new(),
        count: 0,
    };
    let space = tree.space(None, 0)?;
    // Those that condition each other are opened by nothing.
    if let Some((name, _)) = domains
        .iter()
        .find(|(name, _)| !tree.reached.contains(name))
    {
        let allowed = "let every chain of conditions begin with a hyperparameter that has none";
        return Err(Error::config(*name, "a condition on itself", allowed));
    }
    Ok((space, left_out))
}

#[derive(Deserialize)]
struct File {
    hyperparameters: Vec<Item>,
    #[serde(default)]
    conditions: Vec<Map<String, Json>>,
    #[serde(default)]
    forbiddens: Vec<Json>,
}

/// A hyperparameter: the fields of all types.
#[derive(Deserialize)]
struct Item {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    lower: Option<f64>,
    upper: Option<f64>,
    #[serde(default)]
    log: bool,
    /// The distance between values, before version 1.
    q: Option<f64>,
    choices: Option<Vec<Json>>,
    sequence: Option<Vec<Json>>,
    value: Option<Json>,
    weights: Option<Vec<f64>>,
    meta: Option<Json>,
}

impl Item {
    fn domain(&self, left_out: &mut Vec<String>) -> Result<Domain> {
        let name = &self.name;
        if self.meta.is_some() {
            left_out.push(format!("`meta` of `{name}`"));
        }
        let weights = self.weights.iter().flatten();
        if weights
            .clone()
            .any(|weight| Some(weight) != weights.clone().next())
        {
            left_out.push(format!(
                "the weights of `{name}`: its choices are equally likely"
            ));
        }
        let prior = self.kind.starts_with("normal_") || self.kind.starts_with("beta_");
        if prior {
            left_out.push(format!(
                "the prior of `{name}`: it is uniform between its bounds"
            ));
        }
        match (self.kind.as_str(), self.kind.split_once('_')) {
            ("categorical", _) => listed(name, needed("choices", &self.choices)?, false, left_out),
            ("ordinal", _) => listed(name, needed("sequence", &self.sequence)?, true, left_out),
            ("constant", _) => listed(
                name,
                std::slice::from_ref(needed("value", &self.value)?),
                false,
                left_out,
            ),
            (_, Some(("uniform" | "normal" | "beta", number @ ("float" | "int")))) => {
                let (low, high) = (
                    *needed("lower", &self.lower)?,
                    *needed("upper", &self.upper)?,
                );
                let log = self.log;
                Ok(match (number, self.q) {
                    (_, Some(q)) => Domain::Quantised { low, high, q, log },
                    ("int", None) => Domain::Integer {
                        low: whole(low)?,
                        high: whole(high)?,
                        log,
                    },
                    _ if log => Domain::LogUniform(low, high),
                    _ => Domain::Uniform(low, high),
                })
            }
            _ => Err(Error::config(
                "type",
                &self.kind,
                "it is uniform, normal or beta with _float or _int, categorical, ordinal or constant",
            )),
        }
    }
}

fn needed<'a, T>(field: &str, value: &'a Option<T>) -> Result<&'a T> {
    let allowed = "this type of hyperparameter needs it";
    value
        .as_ref()
        .ok_or_else(|| Error::config(field, "nothing", allowed))
}

fn whole(number: f64) -> Result<i64> {
    let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
    let error = || Error::config("lower and upper", number, "give whole numbers up to 2^53");
    exact.then_some(number as i64).ok_or_else(error)
}

/// Numbers if all values are numbers, and names otherwise.
fn listed(
    name: &str,
    values: &[Json],
    ordered: bool,
    left_out: &mut Vec<String>,
) -> Result<Domain> {
    let numbers: Option<Vec<f64>> = values.iter().map(Json::as_f64).collect();
    if let Some(mut numbers) = numbers.filter(|numbers| !numbers.is_empty()) {
        numbers.sort_by(f64::total_cmp);
        return Ok(Domain::Values(numbers));
    }
    if values.iter().any(|value| !value.is_string()) {
        left_out.push(format!(
            "that `{name}` has values that are no texts: it has their texts"
        ));
    }
    if ordered {
        left_out.push(format!("the order of `{name}`: its values are in none"));
    }
    let text = |value: &Json| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    Ok(Domain::Categories(values.iter().map(text).collect()))
}

/// By which choices of which parameter another is opened.
struct Branch {
    parent: String,
    choices: BTreeSet<String>,
}

/// The child of a condition and what opens it, if choices of one parameter do.
fn branch<'a>(
    condition: &'a Map<String, Json>,
    domains: &[(&'a str, Domain)],
) -> Option<(&'a str, Branch)> {
    let text = |field: &str| condition.get(field).and_then(Json::as_str);
    let child = text("child").filter(|child| domains.iter().any(|(name, _)| name == child))?;
    if text("type")? == "OR" {
        let parts = condition.get("conditions")?.as_array()?.iter();
        let mut parts = parts.map(|part| branch(part.as_object()?, domains));
        let mut all = parts.next()??.1;
        for part in parts {
            let (_, part) = part.filter(|(_, part)| part.parent == all.parent)?;
            all.choices.extend(part.choices);
        }
        return Some((child, all));
    }
    let parent = text("parent")?;
    let names = domains.iter().find_map(|(name, domain)| match domain {
        Domain::Categories(names) if *name == parent => Some(names),
        _ => None,
    })?;
    let of = |values: &[Json]| -> Option<BTreeSet<String>> {
        let known = |value: &Json| {
            let value = value.as_str()?.to_owned();
            names.contains(&value).then_some(value)
        };
        values.iter().map(known).collect()
    };
    let choices = match text("type")? {
        "EQ" => of(std::slice::from_ref(condition.get("value")?))?,
        "IN" => of(condition.get("values")?.as_array()?)?,
        "NEQ" => {
            let not = of(std::slice::from_ref(condition.get("value")?))?;
            names
                .iter()
                .filter(|name| !not.contains(*name))
                .cloned()
                .collect()
        }
        _ => return None,
    };
    let parent = parent.to_owned();
    Some((child, Branch { parent, choices }))
}

/// The parameters, put where their conditions say.
struct Tree<'a> {
    domains: &'a [(&'a str, Domain)],
    branches: &'a BTreeMap<&'a str, Branch>,
    reached: BTreeSet<&'a str>,
    count: usize,
}

impl Tree<'_> {
    /// The space of the parameters that a choice of a parameter opens, or of those that are always active.
    fn space(&mut self, opened: Option<(&str, &str)>, depth: usize) -> Result<SearchSpace> {
        let mut parameters = Vec::new();
        for (name, domain) in self.domains {
            let here = match (self.branches.get(name), opened) {
                (Some(branch), Some((parent, choice))) => {
                    branch.parent == parent && branch.choices.contains(choice)
                }
                (branch, opened) => branch.is_none() && opened.is_none(),
            };
            if !here {
                continue;
            }
            self.reached.insert(name);
            self.count += 1;
            if self.count > MOST || depth > DEEPEST {
                let allowed = format!(
                    "give at most {MOST} parameters, each counted in every branch that it is in, and {DEEPEST} one in another"
                );
                return Err(Error::config("conditions", "more branches", allowed));
            }
            let mut parameter = Parameter::new(*name, domain.clone());
            let opening = self
                .branches
                .values()
                .filter(|branch| branch.parent == *name);
            let choices: BTreeSet<&String> = opening.flat_map(|branch| &branch.choices).collect();
            for choice in choices {
                let space = self.space(Some((name, choice)), depth + 1)?;
                parameter = parameter.opening(choice, space);
            }
            parameters.push(parameter);
        }
        SearchSpace::new(parameters)
    }
}

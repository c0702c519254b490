//! The space of whole configurations in which a searcher looks.

#[cfg(test)]
mod tests;

use crate::settings::{BATCH_SIZE, LEARNING_RATE};
use crate::{Domain, Error, Result, Settings, Value};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One hyperparameter of a [`SearchSpace`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The setting that it gives a value.
    #[serde(deserialize_with = "crate::files::renamed::setting_name_of")]
    pub name: String,
    /// Which values it can take.
    pub domain: Domain,
    /// For each category, the parameters that exist only while it is chosen. A category that is not named opens nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub opens: BTreeMap<String, SearchSpace>,
}

impl Parameter {
    /// A parameter that opens nothing.
    pub fn new(name: impl Into<String>, domain: Domain) -> Self {
        Self {
            name: name.into(),
            domain,
            opens: BTreeMap::new(),
        }
    }

    /// The same parameter, of which the category `choice` opens `space`.
    pub fn opening(mut self, choice: impl Into<String>, space: SearchSpace) -> Self {
        self.opens.insert(choice.into(), space);
        self
    }
}

/// A validated list of parameters; a category may open a space of its own, to any depth.
///
/// A configuration is a [`Settings`] with a value for each *active* parameter: those of the list, and those of every space
/// that a chosen category opens.
///
/// In the **unit cube** every parameter has one coordinate, active or not, in the order of [`SearchSpace::coordinates`].
/// A coordinate goes through the parameter's domain ([`Domain::decode`]). Where a parameter is not active, its coordinate
/// is [`SearchSpace::NEUTRAL`], the middle, which says neither low nor high.
///
/// In RON it is the list itself:
///
/// ```
/// use trimtab_env::{SearchSpace, stream};
/// let space: SearchSpace = ron::from_str(r#"[
///     (name: "learning_rate", domain: LogUniform(1e-5, 1.0)),
///     (name: "batch_size", domain: Values([16, 32, 64, 128])),
///     (name: "optimizer", domain: Categories(["adamw", "sgd"]), opens: {
///         "sgd": [(name: "momentum", domain: Uniform(0.0, 0.99))],
///     }),
/// ]"#)?;
/// let configuration = space.sample(&mut stream(1, "search", 0));
/// assert_eq!(space.check(&configuration).len(), 0);
/// assert_eq!(space.dimension(), 4);
/// assert_eq!(space.grid(3)?.len(), 3 * 3 * (1 + 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Parameter>", into = "Vec<Parameter>")]
pub struct SearchSpace {
    parameters: Vec<Parameter>,
}

/// One coordinate of the unit cube.
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinate<'a> {
    /// The name of its parameter.
    pub name: &'a str,
    /// The domain of its parameter.
    pub domain: &'a Domain,
}

impl Default for SearchSpace {
    /// Learning rates from 1e-4 to 1 and batches of 16, 32, 64, 128 and 256.
    fn default() -> Self {
        let batches = Domain::Values(vec![16.0, 32.0, 64.0, 128.0, 256.0]);
        Self {
            parameters: vec![
                Parameter::new(LEARNING_RATE, Domain::LogUniform(1e-4, 1.0)),
                Parameter::new(BATCH_SIZE, batches),
            ],
        }
    }
}

/// The largest grid that is enumerated.
const LARGEST_GRID: usize = 1_000_000;

impl SearchSpace {
    /// The coordinate of a parameter that is not active.
    pub const NEUTRAL: f64 = 0.5;

    /// A space of these parameters.
    ///
    /// # Errors
    /// [`Error::Config`] naming the parameter: a domain that is impossible, a name that two parameters active together
    /// share, an `opens` for something that is no category of the parameter, or an empty list.
    pub fn new(parameters: Vec<Parameter>) -> Result<Self> {
        if parameters.is_empty() {
            return Err(Error::config(
                "parameters",
                "[]",
                "give at least one parameter",
            ));
        }
        let mut names = BTreeSet::new();
        for parameter in &parameters {
            let within = |error: Error| error.within(&parameter.name);
            if parameter.name.is_empty() {
                return Err(Error::config("name", "\"\"", "give every parameter a name"));
            }
            parameter.domain.validate().map_err(within)?;
            let of_this = names_of(parameter);
            if let Some(twice) = of_this.iter().find(|name| names.contains(*name)) {
                return Err(Error::config(
                    &parameter.name,
                    format!("a second `{twice}`"),
                    "parameters that can be active together need different names",
                ));
            }
            names.extend(of_this);
            for (choice, space) in &parameter.opens {
                let known = parameter.domain.check(&Value::from(choice.as_str()));
                known.map_err(|error| within(error.within("opens")))?;
                if space.names().contains(parameter.name.as_str()) {
                    return Err(Error::config(
                        format!("{}.opens.{choice}", parameter.name),
                        format!("a second `{}`", parameter.name),
                        "parameters that can be active together need different names",
                    ));
                }
            }
        }
        Ok(Self { parameters })
    }

    /// The parameters that are always active.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn names(&self) -> BTreeSet<&str> {
        self.parameters.iter().flat_map(names_of).collect()
    }

    /// The coordinates of the unit cube: each parameter, followed at once by those that it opens, in the order of the
    /// categories' names. A name that stands in spaces that exclude each other has a coordinate in each.
    pub fn coordinates(&self) -> Vec<Coordinate<'_>> {
        let mut all = Vec::new();
        for parameter in &self.parameters {
            all.push(Coordinate {
                name: &parameter.name,
                domain: &parameter.domain,
            });
            for space in parameter.opens.values() {
                all.extend(space.coordinates());
            }
        }
        all
    }

    /// The number of coordinates.
    pub fn dimension(&self) -> usize {
        self.parameters.iter().map(dimension_of).sum()
    }

    /// How many configurations there are; `None` if a parameter has an interval of values.
    pub fn count(&self) -> Option<usize> {
        self.parameters
            .iter()
            .try_fold(1usize, |product, parameter| {
                let own = parameter.domain.count()?;
                let mut sum = own - parameter.opens.len();
                for space in parameter.opens.values() {
                    sum = sum.checked_add(space.count()?)?;
                }
                product.checked_mul(sum)
            })
    }

    /// Draws a configuration. The generator is used [`SearchSpace::dimension`] times, whatever is drawn.
    pub fn sample(&self, rng: &mut impl Rng) -> Settings {
        self.decode_exact(&self.sample_point(rng))
    }

    /// A uniform point of the unit cube.
    pub fn sample_point(&self, rng: &mut impl Rng) -> Vec<f64> {
        (0..self.dimension()).map(|_| rng.random()).collect()
    }

    /// The configuration at a point of the unit cube. Coordinates of parameters that turn out not to be active are not
    /// looked at, and what is outside the cube is moved to its face.
    ///
    /// # Errors
    /// [`Error::Config`] if the point has another dimension.
    pub fn decode(&self, point: &[f64]) -> Result<Settings> {
        if point.len() == self.dimension() {
            return Ok(self.decode_exact(point));
        }
        Err(Error::config(
            "point",
            format!("{} coordinates", point.len()),
            format!("the space has {}", self.dimension()),
        ))
    }

    fn decode_exact(&self, point: &[f64]) -> Settings {
        let mut settings = Settings::default();
        self.decode_into(point, &mut settings);
        settings
    }

    fn decode_into(&self, mut point: &[f64], settings: &mut Settings) {
        for parameter in &self.parameters {
            let (own, rest) = point.split_at(dimension_of(parameter));
            point = rest;
            let value = parameter.domain.decode(own[0]);
            each_opened(parameter, &value, &mut |space, from, chosen| {
                if chosen {
                    space.decode_into(&own[from..from + space.dimension()], settings);
                }
            });
            settings.set(&parameter.name, value);
        }
    }

    /// The point of the unit cube that decodes to `configuration`: numbers of intervals come back up to rounding, all
    /// other values exactly.
    ///
    /// # Errors
    /// The first of [`SearchSpace::check`].
    pub fn encode(&self, configuration: &Settings) -> Result<Vec<f64>> {
        match self.check(configuration).into_iter().next() {
            Some(violation) => Err(violation),
            None => Ok(self
                .cells(configuration)
                .into_iter()
                .map(|cell| cell.map_or(Self::NEUTRAL, |(low, high)| (low + high) / 2.0))
                .collect()),
        }
    }

    /// For each coordinate the part of the unit interval that decodes to the value in `configuration`, which must pass
    /// [`SearchSpace::check`]: from its lower to its upper end, equal for a number of an interval; `None` where the
    /// parameter is not active.
    pub fn cells(&self, configuration: &Settings) -> Vec<Option<(f64, f64)>> {
        let mut all = Vec::with_capacity(self.dimension());
        for parameter in &self.parameters {
            let value = configuration.get(&parameter.name);
            all.push(value.map(|value| parameter.domain.cell(value)));
            let start = all.len() - 1;
            all.resize(start + dimension_of(parameter), None);
            if let Some(value) = value {
                each_opened(parameter, value, &mut |space, from, chosen| {
                    if chosen {
                        let cells = space.cells(configuration);
                        all[start + from..start + from + cells.len()].clone_from_slice(&cells);
                    }
                });
            }
        }
        all
    }

    /// The parameters that are active in a configuration, each with its value; one that is active and has no value is left out.
    pub fn active<'a>(&'a self, configuration: &'a Settings) -> Vec<(Coordinate<'a>, &'a Value)> {
        let mut all = Vec::new();
        for parameter in &self.parameters {
            let Some(value) = configuration.get(&parameter.name) else {
                continue;
            };
            let coordinate = Coordinate {
                name: &parameter.name,
                domain: &parameter.domain,
            };
            all.push((coordinate, value));
            each_opened(parameter, value, &mut |space, _, chosen| {
                if chosen {
                    all.extend(space.active(configuration));
                }
            });
        }
        all
    }

    /// What is wrong with a configuration: an [`Error::Setting`] for each parameter that is active and absent or outside
    /// its domain, and for each setting that no active parameter has. An empty list is the good answer.
    pub fn check(&self, configuration: &Settings) -> Vec<Error> {
        let mut violations = Vec::new();
        let mut active = BTreeSet::new();
        self.check_active(configuration, &mut active, &mut violations);
        for (name, _) in configuration
            .iter()
            .filter(|(name, _)| !active.contains(name))
        {
            let problem = if self.names().contains(name) {
                "no choice of this configuration opens it; leave it out".to_owned()
            } else {
                let known: Vec<&str> = self.names().into_iter().collect();
                format!(
                    "the space has no such parameter; it has: {}",
                    known.join(", ")
                )
            };
            violations.push(Error::Setting {
                name: name.to_owned(),
                problem,
            });
        }
        violations
    }

    fn check_active<'a>(
        &'a self,
        configuration: &Settings,
        active: &mut BTreeSet<&'a str>,
        violations: &mut Vec<Error>,
    ) {
        for parameter in &self.parameters {
            active.insert(&parameter.name);
            let problem = match configuration.get(&parameter.name) {
                None => Some("it is active and has no value".to_owned()),
                Some(value) => match parameter.domain.check(value) {
                    Ok(()) => {
                        each_opened(parameter, value, &mut |space, _, chosen| {
                            if chosen {
                                space.check_active(configuration, active, violations);
                            }
                        });
                        None
                    }
                    Err(Error::Config { given, allowed, .. }) => {
                        Some(format!("{given} is not allowed; {allowed}"))
                    }
                    Err(other) => Some(other.to_string()),
                },
            };
            violations.extend(problem.map(|problem| Error::Setting {
                name: parameter.name.clone(),
                problem,
            }));
        }
    }

    /// Every combination of values once: of a counted domain all of them, but at most `points` where they are numbers; of
    /// an interval `points`, from end to end. The last parameter changes fastest.
    ///
    /// # Errors
    /// [`Error::Config`] if `points` is 0 or there are more than a million combinations.
    pub fn grid(&self, points: usize) -> Result<Vec<Settings>> {
        let size = if points == 0 {
            None
        } else {
            self.grid_size(points)
        };
        match size {
            Some(size) if size <= LARGEST_GRID => Ok(self.grid_within(points)),
            _ => Err(Error::config(
                "points",
                points,
                "give at least 1 point for each parameter, and at most a million combinations in all",
            )),
        }
    }

    /// How many combinations there are at most.
    fn grid_size(&self, points: usize) -> Option<usize> {
        self.parameters
            .iter()
            .try_fold(1usize, |product, parameter| {
                // No list is made where it would be too long.
                let own = match parameter.domain {
                    Domain::Categories(ref names) => names.len(),
                    _ => parameter.domain.count().unwrap_or(points).min(points),
                };
                let mut sum = own - parameter.opens.len();
                for space in parameter.opens.values() {
                    sum = sum.checked_add(space.grid_size(points)?)?;
                }
                product.checked_mul(sum)
            })
    }

    fn grid_within(&self, points: usize) -> Vec<Settings> {
        let mut all = vec![Settings::default()];
        for parameter in &self.parameters {
            let mut parts = Vec::new();
            for value in parameter.domain.grid(points) {
                let mut opened = vec![Settings::default()];
                each_opened(parameter, &value, &mut |space, _, chosen| {
                    if chosen {
                        opened = space.grid_within(points);
                    }
                });
                for mut part in opened {
                    part.set(&parameter.name, value.clone());
                    parts.push(part);
                }
            }
            all = all
                .iter()
                .flat_map(|before| parts.iter().map(|part| before.joined(part)))
                .collect();
        }
        all
    }
}

/// Calls `visit` with every space that `parameter` can open, the offset of its first coordinate from the parameter's own,
/// and whether `value` opens it.
fn each_opened<'a>(
    parameter: &'a Parameter,
    value: &Value,
    visit: &mut impl FnMut(&'a SearchSpace, usize, bool),
) {
    let mut offset = 1;
    for (choice, space) in &parameter.opens {
        let chosen = matches!(value, Value::Category(name) if name == choice);
        visit(space, offset, chosen);
        offset += space.dimension();
    }
}

fn dimension_of(parameter: &Parameter) -> usize {
    1 + parameter
        .opens
        .values()
        .map(SearchSpace::dimension)
        .sum::<usize>()
}

fn names_of(parameter: &Parameter) -> BTreeSet<&str> {
    let opened = parameter.opens.values().flat_map(SearchSpace::names);
    std::iter::once(parameter.name.as_str())
        .chain(opened)
        .collect()
}

impl TryFrom<Vec<Parameter>> for SearchSpace {
    type Error = Error;

    fn try_from(parameters: Vec<Parameter>) -> Result<Self> {
        Self::new(parameters)
    }
}

impl From<SearchSpace> for Vec<Parameter> {
    fn from(space: SearchSpace) -> Self {
        space.parameters
    }
}

impl TryFrom<&[crate::Knob]> for SearchSpace {
    type Error = Error;

    /// The space of the values that these knobs can take.
    fn try_from(knobs: &[crate::Knob]) -> Result<Self> {
        let parameter = |knob: &crate::Knob| Parameter::new(&knob.name, knob.domain.clone());
        Self::new(knobs.iter().map(parameter).collect())
    }
}

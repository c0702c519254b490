//! What is called by its name in a config: what comes with Trimtab, and what a program adds.

use crate::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use trimtab_agent::controller::Controller;
use trimtab_agent::searcher::{Searcher, SearcherConfig};
#[cfg(feature = "cluster")]
use trimtab_cluster::{Strategy, StrategyConfig, coordinator::NewStrategy};
use trimtab_env::error::nearest::nearest;
use trimtab_env::{
    Environment, EnvironmentSpec, Order, Part, SearchSpace, Settings, TuningEnv, suite,
};
use trimtab_models::data::Dataset;
use trimtab_models::tasks::custom::{AnyTask, Extensions, TaskOf};
use trimtab_models::training::loss::Loss;
use trimtab_models::training::optimizer::UpdateRule;

/// Numbers that a constructor reads.
pub type Parameters = BTreeMap<String, f64>;

type EnvironmentOf = dyn Fn(&Parameters) -> trimtab_env::Result<Box<dyn Environment>> + Send + Sync;
type ControllerOf = dyn Fn(&Parameters, &EnvironmentSpec, &Settings) -> trimtab_agent::Result<Box<dyn Controller>>
    + Send
    + Sync;
type SearcherOf =
    dyn Fn(&Parameters, SearchSpace, u64) -> trimtab_agent::Result<Box<dyn Searcher>> + Send + Sync;

/// Environments, models, losses, optimisers, controllers and searchers by name. In a config they are `environment: Named(name: ..)`,
/// `model: Custom(name: ..)`, `loss` and `update_rule` alike, the method `Custom(name: ..)` of a comparison, and `searcher: Custom(name: ..)`, each with `parameters`.
///
/// ```
/// use trimtab_agent::Constant;
/// use trimtab_env::{Environment, Settings, suite::Identity};
/// use trimtab_experiments::Registry;
/// let registry = Registry::default()
///     .with("my-identity", |parameters| {
///         let symbols = parameters.get("symbols").copied().unwrap_or(3.0);
///         Ok(Box::new(Identity::new(symbols as usize, 10)) as Box<dyn Environment>)
///     })
///     .with_controller("my-rate", |parameters, _spec, begun| {
///         let rate = parameters.get("rate").copied().unwrap_or(0.01);
///         Ok(Box::new(Constant::new("my-rate", begun.clone().with("learning_rate", rate))))
///     });
/// assert!(registry.names().contains(&"my-identity".to_owned()));
/// ```
#[derive(Default)]
pub struct Registry {
    environments: Named<EnvironmentOf>,
    controllers: Named<ControllerOf>,
    searchers: Named<SearcherOf>,
    #[cfg(feature = "cluster")]
    strategies: BTreeMap<String, NewStrategy>,
    extensions: Extensions,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Registry")
            .field("environments", &self.environments.names())
            .field("controllers", &self.controllers.names())
            .field("searchers", &self.searchers.names())
            .field("extensions", &self.extensions)
            .finish()
    }
}

impl Registry {
    /// The registry with one more environment.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        constructor: impl Fn(&Parameters) -> trimtab_env::Result<Box<dyn Environment>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.environments
            .0
            .insert(name.into(), Box::new(constructor));
        self
    }

    /// The registry with one more controller. Its constructor is given the parameters, what the environment looks like, and the settings
    /// with which the training begins.
    #[must_use]
    pub fn with_controller(
        mut self,
        name: impl Into<String>,
        constructor: impl Fn(
            &Parameters,
            &EnvironmentSpec,
            &Settings,
        ) -> trimtab_agent::Result<Box<dyn Controller>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.controllers
            .0
            .insert(name.into(), Box::new(constructor));
        self
    }

    /// The registry with one more searcher. Its constructor is given the parameters, what is searched, and a seed.
    #[must_use]
    pub fn with_searcher(
        mut self,
        name: impl Into<String>,
        constructor: impl Fn(&Parameters, SearchSpace, u64) -> trimtab_agent::Result<Box<dyn Searcher>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.searchers.0.insert(name.into(), Box::new(constructor));
        self
    }

    /// The registry with one more strategy, which decides which worker elsewhere gets a unit: `--strategy` names it.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub fn with_strategy(
        mut self,
        name: impl Into<String>,
        constructor: impl Fn() -> Box<dyn Strategy> + Send + Sync + 'static,
    ) -> Self {
        self.strategies.insert(name.into(), Arc::new(constructor));
        self
    }

    /// The registry with one more model: a task with a burn model of one's own, on the data of the config. Its constructor is given the
    /// parameters and the name and the data of the task; [`trimtab_models::tasks::custom::any`] wraps the task.
    #[must_use]
    pub fn with_model(
        mut self,
        name: impl Into<String>,
        constructor: impl Fn(&Parameters, TaskOf) -> trimtab_models::Result<Box<dyn AnyTask>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.extensions = self.extensions.with_model(name, constructor);
        self
    }

    /// The registry with one more loss, for `loss: Custom(name: ..)` in a task. Its constructor is given the training examples too.
    #[must_use]
    pub fn with_loss(
        mut self,
        name: impl Into<String>,
        constructor: impl Fn(&Parameters, &Dataset) -> trimtab_models::Result<Arc<dyn Loss>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.extensions = self.extensions.with_loss(name, constructor);
        self
    }

    /// The registry with one more optimiser, for `update_rule: Custom(name: ..)` in a task.
    #[must_use]
    pub fn with_optimizer(
        mut self,
        name: impl Into<String>,
        constructor: impl Fn(&Parameters) -> trimtab_models::Result<Box<dyn UpdateRule>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.extensions = self.extensions.with_optimizer(name, constructor);
        self
    }

    /// Models, losses and optimisers of the program's own.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The names of all environments.
    pub fn names(&self) -> Vec<String> {
        let mut names = suite::names();
        names.push("noisy-quadratic".to_owned());
        names.extend(self.environments.names());
        names
    }

    /// Whether there is an environment called `name`.
    pub fn knows(&self, name: &str) -> bool {
        self.names().iter().any(|known| known == name)
    }

    /// The environment called `name`, on the instances of `part` where it has any.
    ///
    /// # Errors
    /// [`Error::Config`] with the nearest names, or all if none is near, and the constructor's error.
    pub fn build(
        &self,
        name: &str,
        parameters: &Parameters,
        part: Part,
    ) -> Result<Box<dyn Environment>> {
        if let Some(constructor) = self.environments.0.get(name) {
            return Ok(constructor(parameters)?);
        }
        if name == "noisy-quadratic" {
            let instances = vec![suite::NoisyQuadratic::default().into()];
            return Ok(Box::new(TuningEnv::new(
                instances,
                suite::NoisyQuadratic::tuning(),
            )?));
        }
        suite::by_name_part(name, part)
            .ok_or_else(|| unknown("environment.name", name, &self.names()))
    }

    /// The environment called `name` for an evaluation: on its test part, instance after instance where it has any.
    ///
    /// # Errors
    /// As [`Registry::build`].
    pub fn examination(&self, name: &str, parameters: &Parameters) -> Result<Box<dyn Environment>> {
        match suite::by_name_in(name, Part::Test, Order::InTurn) {
            Some(environment) if !self.environments.0.contains_key(name) => Ok(environment),
            _ => self.build(name, parameters, Part::Test),
        }
    }

    /// The controller called `name`, for a training in an environment that looks like `spec` and begins with these settings.
    ///
    /// # Errors
    /// As [`Registry::build`].
    pub fn controller(
        &self,
        name: &str,
        parameters: &Parameters,
        spec: &EnvironmentSpec,
        begun: &Settings,
    ) -> Result<Box<dyn Controller>> {
        Ok(self.controllers.get("controller", name)?(
            parameters, spec, begun,
        )?)
    }

    /// Checks that there is a controller called `name`.
    ///
    /// # Errors
    /// [`Error::Config`] with the known names.
    pub fn check_controller(&self, name: &str) -> Result<()> {
        self.controllers.get("controller", name).map(drop)
    }

    /// A searcher as its config says.
    ///
    /// # Errors
    /// As [`Registry::build`], and [`SearcherConfig::start`].
    pub fn searcher(
        &self,
        config: &SearcherConfig,
        space: SearchSpace,
        seed: u64,
    ) -> Result<Box<dyn Searcher>> {
        match config {
            SearcherConfig::Custom { name, parameters } => {
                Ok(self.searchers.get("searcher", name)?(
                    parameters, space, seed,
                )?)
            }
            own => Ok(Box::new(own.start(space, seed)?)),
        }
    }
}

#[cfg(feature = "cluster")]
impl Registry {
    /// What makes the strategy called `name`: one of the program's own, or of those that every program has.
    ///
    /// # Errors
    /// [`Error::Config`] with the nearest names, or all if none is near.
    pub fn strategy(&self, name: &str) -> Result<NewStrategy> {
        if let Some(own) = self.strategies.get(name) {
            return Ok(own.clone());
        }
        let known = name.parse::<StrategyConfig>().map_err(|_| {
            let mut names = ["least-load", "priority", "round-robin"]
                .map(str::to_owned)
                .to_vec();
            names.extend(self.strategies.keys().cloned());
            unknown("--strategy", name, &names)
        })?;
        Ok(Arc::new(move || known.build()))
    }
}

/// Constructors by name.
struct Named<C: ?Sized>(BTreeMap<String, Box<C>>);

impl<C: ?Sized> Default for Named<C> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<C: ?Sized> Named<C> {
    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn get(&self, field: &str, name: &str) -> Result<&C> {
        let found = self.0.get(name);
        found
            .map(Box::as_ref)
            .ok_or_else(|| unknown(field, name, &self.names()))
    }
}

/// The error of an unknown name.
fn unknown(field: &str, name: &str, names: &[String]) -> Error {
    let near = nearest(name, names.iter().map(String::as_str));
    let allowed = if names.is_empty() {
        format!("this program has added no {field}; see `Registry`")
    } else if near.is_empty() {
        format!("one of {}", names.join(", "))
    } else {
        format!("did you mean `{}`?", near.join("` or `"))
    };
    Error::config(field, format!("`{name}`"), allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_agent::Constant;
    use trimtab_agent::searcher::RandomSearch;

    fn registry() -> Registry {
        Registry::default()
            .with_controller("held", |parameters, _, begun| {
                let rate = parameters.get("rate").copied().unwrap_or(0.1);
                let settings = begun.clone().with("learning_rate", rate);
                Ok(Box::new(Constant::new("held", settings)))
            })
            .with_searcher("drawn", |_, space, seed| {
                Ok(Box::new(RandomSearch::new(space, seed)))
            })
    }

    #[test]
    fn what_a_program_adds_is_called_by_its_name() {
        let spec = suite::by_name("CartPole-v1").unwrap().spec().clone();
        let parameters = Parameters::from([("rate".to_owned(), 0.5)]);
        let begun = Settings::new(0.1, 16);
        let held = registry().controller("held", &parameters, &spec, &begun);
        assert_eq!(held.unwrap().name(), "held");
        let space: SearchSpace =
            ron::from_str(r#"[(name: "x", domain: Uniform(0.0, 1.0))]"#).unwrap();
        let drawn: SearcherConfig = ron::from_str(r#"Custom(name: "drawn")"#).unwrap();
        let proposals = |config: &SearcherConfig| -> Vec<_> {
            let mut searcher = registry().searcher(config, space.clone(), 3).unwrap();
            (0..3).map(|_| searcher.ask().unwrap()).collect()
        };
        assert_eq!(proposals(&drawn), proposals(&SearcherConfig::Random));
        // By itself the config starts nothing.
        assert!(drawn.start(space.clone(), 3).is_err());
    }

    #[test]
    fn a_name_that_there_is_not_is_answered_with_those_that_there_are() {
        let message = |result: Result<()>| result.unwrap_err().to_string();
        let near = message(registry().check_controller("helt"));
        assert!(
            near.contains("controller") && near.contains("`held`"),
            "{near}"
        );
        let none = message(Registry::default().check_controller("held"));
        assert!(none.contains("added no controller"), "{none}");
        let unknown: SearcherConfig = ron::from_str(r#"Custom(name: "zzz")"#).unwrap();
        let space: SearchSpace =
            ron::from_str(r#"[(name: "x", domain: Uniform(0.0, 1.0))]"#).unwrap();
        let other = registry().searcher(&unknown, space, 3).map(drop);
        assert!(message(other).contains("one of drawn"));
    }
}

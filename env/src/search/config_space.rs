//! Search spaces as JSON of ConfigSpace, the library behind SMAC, HPOBench and auto-sklearn, in and out.
//!
//! [`read`] makes a [`SearchSpace`](crate::SearchSpace) of a file that `ConfigurationSpace.to_json` wrote, [`write()`] makes a text that
//! `ConfigurationSpace.from_json` reads. What one side cannot say is left out and named, so that nobody searches another space
//! unawares.
//!
//! ```
//! use trimtab_env::search::config_space;
//! let (space, left_out) = config_space::read(r#"{
//!     "hyperparameters": [
//!         {"type": "uniform_float", "name": "lr", "lower": 1e-5, "upper": 0.1, "log": true},
//!         {"type": "categorical", "name": "optimizer", "choices": ["sgd", "adam"]},
//!         {"type": "uniform_float", "name": "momentum", "lower": 0.0, "upper": 0.9}
//!     ],
//!     "conditions": [{"type": "EQ", "child": "momentum", "parent": "optimizer", "value": "sgd"}],
//!     "forbiddens": [{"type": "EQUALS", "name": "lr", "value": 0.1}]
//! }"#)?;
//! assert_eq!(space.coordinates().len(), 3);
//! assert!(left_out[0].contains("forbidden"));
//! let (text, left_out) = config_space::write(&space, "demo");
//! assert!(text.contains("uniform_float") && left_out.is_empty());
//! # Ok::<(), trimtab_env::Error>(())
//! ```
//!
//! | ConfigSpace | here | and back |
//! |---|---|---|
//! | `uniform_float` | [`Uniform`](crate::Domain::Uniform), with `log` [`LogUniform`](crate::Domain::LogUniform) | the same |
//! | `uniform_int` | [`Integer`](crate::Domain::Integer) | the same |
//! | `categorical` of texts | [`Categories`](crate::Domain::Categories) | the same |
//! | `categorical` of numbers, `ordinal` of numbers | [`Values`](crate::Domain::Values) | `ordinal`, as are `Grid` and `Quantised` |
//! | `ordinal` of texts | `Categories`; the order is left out | `categorical` |
//! | `constant` | a domain of one value | `constant` |
//! | `normal_*`, `beta_*` | uniform between the bounds; the prior is left out. On a log scale `sigma` is no width in ConfigSpace 1.2.2: the smaller it is, the wider that of a rate | |
//! | conditions `EQ`, `NEQ`, `IN`, and `OR` of these, on choices of one `categorical` of texts | the choices open the parameter | `EQ`, `IN` |
//! | other conditions | left out: the parameter is always active | |
//! | forbidden clauses, weights, `meta` | left out | |
//! | default values | none here, and not named each time | the middle of each domain |

mod reading;
#[cfg(test)]
mod tests;
mod writing;

pub use reading::read;
pub use writing::write;

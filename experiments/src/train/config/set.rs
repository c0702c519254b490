//! One field of a config by its path.

use super::Config;
use super::place::Place;
use crate::{Error, Result};
use trimtab_env::files::renamed;

impl Config {
    /// Sets one field, as `--set path=value` does. The path goes through fields, variants and list indices, such as
    /// `training.updates` or `algorithm.Ppo.common.gamma`; the value is written as in RON.
    ///
    /// # Errors
    /// [`Error::Config`] naming the part of the path that does not exist, with the names that do.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let Some((path, value)) = assignment.split_once('=') else {
            return Err(Error::config("--set", assignment, "write path=value"));
        };
        let (path, value) = (path.trim(), value.trim());
        let refuse =
            |given: &str, allowed: String| Error::config(format!("--set {path}"), given, allowed);
        // By itself, so that it cannot be the end of its field and the beginning of another one.
        ron::from_str::<serde::de::IgnoredAny>(value)
            .map_err(|error| refuse(value, format!("the value is not RON: {error}")))?;
        let text = self.to_ron()?;
        let whole = Place::of(&text);
        let (mut place, mut keys) = (&whole, path.split('.').peekable());
        let mut put = None;
        while let Some(key) = keys.next() {
            let key = renamed::field(key);
            match (place.get(key), place.start_of_map()) {
                (Some(next), _) => place = next,
                (None, Some(start)) if keys.peek().is_none() => {
                    put = Some((start..start, format!("{key:?}: {value}\n,")));
                }
                _ => return Err(refuse(key, format!("there is {}", place.names()))),
            }
        }
        let (span, value_text) = put.unwrap_or_else(|| (place.span.clone(), format!("{value}\n")));
        let text = [&text[..span.start], &value_text, &text[span.end..]].concat();
        *self = match Self::parse(&text, "config") {
            Ok(config) => config,
            Err(Error::Parse { problem, .. }) => return Err(refuse(value, problem)),
            Err(other) => return Err(other),
        };
        Ok(())
    }
}

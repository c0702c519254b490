//! One field of a config by its path.

use super::Config;
use super::place::Place;
use crate::{Error, Result};
use trimtab_env::files::renamed;

/// Whether this can be the name of a field.
fn is_word(key: &str) -> bool {
    let mut characters = key.chars();
    let begins = characters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase());
    begins && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
}

impl Config {
    /// Sets one field, as `--set path=value` does. The path goes through fields, variants and list indices, such as
    /// `training.updates` or `algorithm.Ppo.common.gamma`; the value is written as in RON. Paths as messages have them are good too, without
    /// variants and with indices in brackets: `environment.tasks[0].pool`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the part of the path that does not exist, with the names that do.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let Some((path, value)) = assignment.split_once('=') else {
            return Err(Error::config("--set", assignment, "write path=value"));
        };
        let (path, value) = (path.trim(), value.trim());
        let indices = path.replace('[', ".").replace(']', "");
        let refuse =
            |given: &str, allowed: String| Error::config(format!("--set {path}"), given, allowed);
        // By itself, so that it cannot be the end of its field and the beginning of another one.
        ron::from_str::<serde::de::IgnoredAny>(value)
            .map_err(|error| refuse(value, format!("the value is not RON: {error}")))?;
        let text = self.to_ron()?;
        let whole = Place::of(&text);
        let (mut place, mut keys) = (&whole, indices.split('.').peekable());
        let (mut put, mut added) = (None, None);
        let mut before = Vec::new();
        while let Some(key) = keys.next() {
            let key = renamed::field(key);
            let last = keys.peek().is_none();
            if let Some(inner) = place
                .only_variant(&text)
                .filter(|_| place.get(key).is_none())
            {
                place = inner;
            }
            match (
                place.get(key),
                place.start_of_map(),
                place.start_of_struct(&text),
            ) {
                (Some(next), ..) => place = next,
                (None, Some(start), _) if last => {
                    put = Some((start..start, format!("{key:?}: {value}\n,")));
                }
                // A field may be one that is not written where it is at its default.
                (None, _, Some(start)) if last && is_word(key) => {
                    put = Some((start..start, format!("{key}: {value}\n,")));
                    added = Some(key);
                }
                _ if place.below.is_empty() => {
                    let whole = before.join(".");
                    let allowed =
                        format!("there is nothing below it: set all of `{whole}` at once");
                    return Err(refuse(key, allowed));
                }
                _ => return Err(refuse(key, format!("there is {}", place.names()))),
            }
            before.push(key);
        }
        let (span, value_text) = put.unwrap_or_else(|| (place.span.clone(), format!("{value}\n")));
        let text = [&text[..span.start], &value_text, &text[span.end..]].concat();
        *self = match Self::parse(&text, "config") {
            Ok(config) => config,
            Err(Error::Parse { problem, .. }) => {
                let unknown = added.filter(|key| problem.contains(&format!("`{key}`")));
                return Err(refuse(unknown.unwrap_or(value), problem));
            }
            Err(other) => return Err(other),
        };
        Ok(())
    }
}

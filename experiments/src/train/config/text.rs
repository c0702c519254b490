//! Configs as text, and back.

use crate::{Error, Result};
use serde::Serialize;
use trimtab_env::files::renamed;

/// Reads a value from RON text, in which fields may be called as in earlier versions; `file` is only named in messages.
pub(crate) fn parse_ron<T: serde::de::DeserializeOwned>(text: &str, file: &str) -> Result<T> {
    let options =
        ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    let (text, _) = renamed::fields(text);
    options.from_str(&text).map_err(|error| Error::Parse {
        file: file.to_owned(),
        line: error.span.start.line,
        column: error.span.start.col,
        problem: error.code.to_string(),
    })
}

/// A config as RON, every field written out.
pub(crate) fn to_ron(config: &impl Serialize) -> Result<String> {
    let pretty =
        ron::ser::PrettyConfig::default().extensions(ron::extensions::Extensions::IMPLICIT_SOME);
    let text = ron::ser::to_string_pretty(config, pretty)
        .map_err(|error| Error::config("config", error, "it cannot be written"))?;
    Ok(text + "\n")
}

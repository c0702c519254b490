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

/// The same for the config of a command. Where the file is one of another command, this is said.
pub(crate) fn parse_config<T: serde::de::DeserializeOwned>(
    text: &str,
    file: &str,
    command: &str,
) -> Result<T> {
    parse_ron(text, file).map_err(|error| match (error, whose(text)) {
        (
            Error::Parse {
                file,
                line,
                column,
                problem,
            },
            Some(other),
        ) if other != command => Error::Parse {
            file,
            line,
            column,
            problem: format!("{problem}; it looks like a config of `{other}`"),
        },
        (error, _) => error,
    })
}

/// The command whose config this is, by the fields at its top, where they are written one a line as in those of this program.
fn whose(text: &str) -> Option<&'static str> {
    let has = |field: &str| {
        let start = format!("    {field}:");
        text.lines().any(|line| line.starts_with(&start))
    };
    [
        ("methods", "compare"),
        ("distribution", "fit"),
        ("algorithm", "train"),
    ]
    .into_iter()
    .find_map(|(field, command)| has(field).then_some(command))
}

/// A config as RON, every field written out.
pub(crate) fn to_ron(config: &impl Serialize) -> Result<String> {
    let pretty =
        ron::ser::PrettyConfig::default().extensions(ron::extensions::Extensions::IMPLICIT_SOME);
    let text = ron::ser::to_string_pretty(config, pretty)
        .map_err(|error| Error::config("config", error, "it cannot be written"))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use crate::compare::config::COMPARE;
    use crate::train::config::QUICKSTART;
    use crate::train::fit::{FIT, FitConfig};

    #[test]
    fn a_config_of_another_command_is_told_from_a_mistake() {
        let of_train = |text: &str| Config::parse(text, "x.ron").unwrap_err().to_string();
        assert!(of_train(COMPARE).ends_with("it looks like a config of `compare`"));
        assert!(of_train(FIT).ends_with("it looks like a config of `fit`"));
        let mistake = QUICKSTART.replacen("updates", "update", 1);
        assert!(!of_train(&mistake).contains("looks like"));
        let fit = FitConfig::parse(QUICKSTART, "x.ron").unwrap_err();
        assert!(
            fit.to_string()
                .ends_with("it looks like a config of `train`"),
            "{fit}"
        );
    }
}

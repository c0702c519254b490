//! Names of earlier versions. Files with them are still read, and a reader can say what each is called now.
//!
//! ```
//! use trimtab_env::files::renamed::fields;
//! let (text, notes) = fields("(budget: Epochs(3), prior: ())");
//! assert_eq!(text, "(budget: Epochs(3), base_controller: ())");
//! assert_eq!(notes, ["`prior` is called `base_controller` now"]);
//! ```

use serde::{Deserialize, Deserializer};

/// Fields of configs: the name before, and the one now.
const FIELDS: [(&str, &str); 9] = [
    ("prior", "base_controller"),
    ("probes", "short"),
    ("probe_share", "short_share"),
    ("level", "anytime"),
    ("level_offset", "anytime_offset"),
    ("surprise", "loss_spike"),
    ("no_change_bias", "no_op_bias"),
    ("late", "delayed_classes"),
    ("passing_noise", "intermittent_label_noise"),
];

/// Features of observations: the name before, and the one now. Those of moments before end in `_<k>_ago`.
const FEATURES: [(&str, &str); 3] = [
    ("gradient_agreement", "gradient_signal_to_noise"),
    ("weights_position", "rollback_position"),
    ("probing", "short_segment"),
];

/// What a field of a config is called now.
pub fn field(name: &str) -> &str {
    now(&FIELDS, name)
}

/// What a controller of an evaluation is called now, as it is read from a file.
pub fn controller<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    Ok(if name == "unchanged" {
        "no_op".to_owned()
    } else {
        name
    })
}

fn now<'a>(names: &[(&str, &'static str)], name: &'a str) -> &'a str {
    let found = names.iter().find(|(before, _)| *before == name);
    found.map_or(name, |(_, now)| now)
}

/// What a setting is called now.
pub(crate) fn setting_name(name: String) -> String {
    match name.as_str() {
        "weight_decay" => "independent_weight_decay".to_owned(),
        "weights" => "rollback".to_owned(),
        _ => name,
    }
}

/// What a setting is called now, as it is read from a file.
pub(crate) fn setting_name_of<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(setting_name)
}

/// The present name of a choice of the head or knob `name`, or of a value of the setting `name`, given its earlier one.
pub(crate) fn choice(name: &str, choice: String) -> String {
    if name == "weights" && choice == "kept" {
        return "none".to_owned();
    }
    choice
}

/// The names of features as they are now, of a list of them.
pub(crate) fn features<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    let names: Vec<String> = Vec::deserialize(deserializer)?;
    Ok(names.iter().map(|name| feature_now(name)).collect())
}

/// The name of a feature as it is now.
pub(crate) fn feature<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|name| feature_now(&name))
}

fn feature_now(name: &str) -> String {
    for (before, now) in FEATURES {
        match name.strip_prefix(before) {
            Some("") => return now.to_owned(),
            Some(ago) if ago.starts_with('_') && ago.ends_with("_ago") => {
                return format!("{now}{ago}");
            }
            _ => {}
        }
    }
    name.to_owned()
}

/// A config in RON with its fields under their present names, and a note for each earlier one. That includes the name of a
/// parameter, as in `(name: "surprise", domain: ..)`, which is a field of what is fitted.
pub fn fields(text: &str) -> (String, Vec<String>) {
    let (mut out, mut notes) = (String::with_capacity(text.len()), Vec::new());
    let mut at = 0;
    while let Some((token, kind)) = next(&text[at..]) {
        let rest = text[at + token.len()..].trim_start();
        let bare = token.trim_matches('"');
        let is_field = match kind {
            Kind::Word => rest.starts_with(':') && !rest.starts_with("::"),
            Kind::Text => {
                let named = out.trim_end().strip_suffix(':');
                let named = named.is_some_and(|before| before.trim_end().ends_with("name"));
                let then = rest.strip_prefix(',').map(str::trim_start);
                named && then.is_some_and(|then| then.starts_with("domain"))
            }
            Kind::Other => false,
        };
        let now = if is_field { field(bare) } else { bare };
        if now == bare {
            out.push_str(token);
        } else {
            out.push_str(&token.replace(bare, now));
            let note = format!("`{bare}` is called `{now}` now");
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        at += token.len();
    }
    (out, notes)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Word,
    Text,
    Other,
}

/// The token that `text` begins with: a word, a quoted text, a comment, or one character.
fn next(text: &str) -> Option<(&str, Kind)> {
    let first = text.chars().next()?;
    let word = |c: char| c.is_alphanumeric() || c == '_';
    if word(first) {
        let end = text.find(|c| !word(c)).unwrap_or(text.len());
        return Some((&text[..end], Kind::Word));
    }
    if first == '"' {
        let mut escaped = false;
        let end = text.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        return Some((
            &text[..end.map_or(text.len(), |(at, _)| at + 1)],
            Kind::Text,
        ));
    }
    let end = if text.starts_with("//") {
        text.find('\n').unwrap_or(text.len())
    } else if text.starts_with("/*") {
        text.find("*/").map_or(text.len(), |at| at + 2)
    } else {
        first.len_utf8()
    };
    Some((&text[..end], Kind::Other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::settings::{INDEPENDENT_WEIGHT_DECAY, NO_ROLLBACK, ROLLBACK};
    use crate::{EnvironmentSpec, Knob, ObservationConfig, Settings, TuningConfig};
    use proptest::prelude::*;

    /// A process as an earlier version wrote it.
    const BEFORE: &str = r#"(
        prior: (surprise: 10), // prior: a comment
        knobs: [(name: "weights", domain: Categories(["kept", "best"]), initial: Fixed("kept"), moves: Absolute)],
        budget: Epochs(3), segments: (probes: 3, probe_share: 0.5, full: 4),
        reward: (level: 1, level_offset: 0),
        settings: {"weights": "kept", "weight_decay": 0.01},
        observation: (only: ["probing", "weights_position", "gradient_agreement_2_ago", "probing_1_ago"], history: 3),
    )"#;

    #[test]
    fn a_process_of_before_is_read_and_noted() {
        let (text, notes) = fields(BEFORE);
        let process: TuningConfig = ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
            .from_str(&text)
            .unwrap();
        assert_eq!(process.base_controller.unwrap().loss_spike, 10.0);
        assert_eq!(process.knobs, [Knob::rollback()]);
        assert_eq!(
            (process.segments.short, process.segments.short_share),
            (3, 0.5)
        );
        assert_eq!(
            (process.reward.anytime, process.reward.anytime_offset),
            (1.0, 0.0)
        );
        let settings = Settings::default().with(ROLLBACK, NO_ROLLBACK);
        assert_eq!(
            process.settings,
            settings.with(INDEPENDENT_WEIGHT_DECAY, 0.01)
        );
        let seen = [
            "short_segment",
            "rollback_position",
            "gradient_signal_to_noise_2_ago",
            "short_segment_1_ago",
        ];
        assert_eq!(process.observation.only, seen);
        assert_eq!(notes.len(), 6, "{notes:?}");
        // What is written now is left as it is.
        assert_eq!(fields(&text), (text.clone(), Vec::new()));
    }

    #[test]
    fn a_specification_of_before_is_read() {
        let before = r#"{"name":"tuning","features":[{"name":"probing_1_ago","low":-6.0,"high":6.0}],
            "heads":[{"name":"weights","choices":["kept","best"]}],"horizon":29}"#;
        let spec: EnvironmentSpec = serde_json::from_str(before).unwrap();
        assert_eq!(spec.features[0].name, "short_segment_1_ago");
        assert_eq!(spec.heads[0], Knob::rollback().head());
        assert_eq!(spec.heads[0].no_op(), Some(0));
        let seen: ObservationConfig =
            ron::from_str(r#"(without: ["gradient_agreement"])"#).unwrap();
        assert_eq!(seen.without, ["gradient_signal_to_noise"]);
    }

    #[test]
    fn only_names_of_fields_are_replaced() {
        let same = r#"(name: "late", path: "prior: a", late, prior::x, /* prior: */ xprior: 1, levels: 2)"#;
        assert_eq!(fields(same), (same.to_owned(), Vec::new()));
        let fitted = r#"(name: "surprise", domain: LogUniform(2.5, 40))"#;
        assert!(fields(fitted).0.contains(r#"name: "loss_spike""#));
    }

    proptest! {
        /// Whatever is not RON comes out as it went in, but for such names.
        #[test]
        fn anything_goes_through(text in "[a-z\"/*:,() \\\\é\n]{0,60}") {
            let (out, notes) = fields(&text);
            prop_assert!(out == text || !notes.is_empty());
        }
    }
}

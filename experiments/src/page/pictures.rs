//! The pictures of a run on its page, each with a sentence that says what it shows.

use super::{Picture, Section};
use crate::Result;
use std::path::PathBuf;

/// A section of the pictures in these files, in their order.
pub(super) fn section(files: &[PathBuf]) -> Result<Section> {
    let mut section = Section::new("Pictures");
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let caption = caption(&name);
        section = section.picture(Picture::read(file, format!("Picture: {caption}"), caption)?);
    }
    Ok(section)
}

/// What the picture of this name shows. Several of a kind have a number behind their name.
fn caption(name: &str) -> String {
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    match kind {
        "reward_curve" => "Return of the training episodes, with its spread.",
        "actions" => "How often each choice was taken in the rollouts of an update.",
        "comparison" => {
            "Best validation loss of each controller against the mean of the best fixed setting; further left is better."
        }
        "regret" => "Distance to the known optimum, step by step.",
        "training" => {
            "One training with the first seed of each controller: losses, and what each of them did about them."
        }
        "anytime" => "Best validation loss over what was spent until then; lower is better.",
        "profiles" => {
            "Share of the tasks whose target a method reaches within a multiple of the fastest method's time."
        }
        "range_test" => "Losses over the learning rates that a range test went through.",
        _ => return name.replace('_', " "),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_sentence() {
        assert_eq!(caption("training_12"), caption("training_1"));
        assert!(caption("range_test_1").contains("range test"));
        assert_eq!(caption("my_own"), "my own");
    }
}

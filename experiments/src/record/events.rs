//! What an experiment writes: one JSON object a line, complete before anything is drawn.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trimtab_env::{Outcome, Status, tuning::Segment};

/// Reads an enum whose lines begin with a tag that names the variant, the rest straight from the text: what serde derives
/// would keep the rest in between, where the name of an infinite number is no number any more.
macro_rules! tagged {
    ($kind:ident, $tag:literal, $($name:literal => $variant:ident),+) => {
        impl<'de> serde::Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> std::result::Result<Self, D::Error> {
                struct Tagged;

                impl<'de> serde::de::Visitor<'de> for Tagged {
                    type Value = $kind;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                        formatter.write_str(concat!("a record that begins with `", $tag, "`"))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> std::result::Result<$kind, A::Error> {
                        use serde::de::{Deserialize, Error, value::MapAccessDeserializer};
                        match map.next_entry::<String, String>()? {
                            Some((tag, name)) if tag == $tag => {
                                let rest = MapAccessDeserializer::new(map);
                                match name.as_str() {
                                    $($name => Deserialize::deserialize(rest).map($kind::$variant),)+
                                    other => Err(A::Error::unknown_variant(other, &[$($name),+])),
                                }
                            }
                            _ => Err(A::Error::missing_field($tag)),
                        }
                    }
                }

                deserializer.deserialize_map(Tagged)
            }
        }
    };
}

pub(crate) use tagged;

/// One line of `events.jsonl`. No event holds a wall-clock time, so that the file is the same bits for the same seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A training episode of the agent ended.
    Episode(EpisodeRecord),
    /// The agent learned from a rollout.
    Update(UpdateRecord),
    /// A fixed setting was chosen as the reference of a task.
    Reference(ReferenceRecord),
    /// A controller was evaluated on one seed of one task.
    Evaluation(EvaluationRecord),
}

tagged!(Event, "event", "episode" => Episode, "update" => Update, "reference" => Reference, "evaluation" => Evaluation);

/// One training episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpisodeRecord {
    /// Number of the episode, from 0.
    pub episode: u64,
    /// Number of the update whose rollout it was part of, from 0.
    pub update: u64,
    /// Its seed.
    pub seed: u64,
    /// Undiscounted sum of its rewards.
    #[serde(rename = "return")]
    pub total_reward: f64,
    /// Number of its steps.
    pub length: u64,
    /// How it ended.
    pub status: Status,
}

/// One update of the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateRecord {
    /// Number of the update, from 0.
    pub update: u64,
    /// Environment steps so far.
    pub steps: u64,
    /// Losses and diagnostics by name, such as `policy_loss` and `approx_kl`.
    pub metrics: BTreeMap<String, f64>,
    /// How often each choice was taken in the rollout: `actions[head][choice]`.
    pub actions: Vec<Vec<u64>>,
}

/// The fixed setting that is the reference of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferenceRecord {
    /// Name of the task.
    pub task: String,
    /// Learning rate.
    pub learning_rate: f64,
    /// Batch size.
    pub batch_size: usize,
    /// Mean best validation loss over the reruns with fresh seeds.
    pub loss: f64,
    /// Cost of finding it: every run of the grid and every rerun.
    pub cost: f64,
}

/// One evaluation run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// Name of the controller: `policy`, `default`, `best_static`, `random`.
    #[serde(deserialize_with = "trimtab_env::files::renamed::controller")]
    pub controller: String,
    /// Name of the task.
    pub task: String,
    /// Its seed.
    pub seed: u64,
    /// Undiscounted sum of the rewards.
    #[serde(rename = "return")]
    pub total_reward: f64,
    /// Figures of the finished training: `best_validation_loss`, `cost`, `cost_to_target`, `test_accuracy`, ...
    pub outcome: Outcome,
    /// The training segment by segment; empty for environments that are no trainings.
    pub segments: Vec<Segment>,
}

/// Names of the heads and of their choices, and of the features, kept in `spec.json`.
pub type Spec = trimtab_env::EnvironmentSpec;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::run_directory::{append_lines, read_lines};
    use trimtab_env::{Status, Truncation};

    #[test]
    fn records_with_infinite_numbers_read_back() {
        let folder = std::env::temp_dir().join(format!("trimtab-record-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("events.jsonl");
        let _ = std::fs::remove_file(&path);
        let events = vec![
            Event::Episode(EpisodeRecord {
                episode: 0,
                update: 0,
                seed: 1,
                total_reward: f64::NEG_INFINITY,
                length: 1,
                status: Status::Truncated(Truncation::Interrupted),
            }),
            Event::Update(UpdateRecord {
                update: 0,
                steps: 1,
                metrics: [("explained_variance".to_owned(), f64::INFINITY)].into(),
                actions: vec![vec![1]],
            }),
        ];
        append_lines(&path, &events).unwrap();
        assert_eq!(read_lines::<Event>(&path).unwrap(), events);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains("null") && text.contains("\"return\":\"-inf\""),
            "{text}"
        );
        // What an earlier version wrote reads as not a number; another tag is named.
        let old = text.replace("\"-inf\"", "null");
        std::fs::write(&path, &old).unwrap();
        let read = read_lines::<Event>(&path).unwrap();
        assert!(matches!(&read[0], Event::Episode(old) if old.total_reward.is_nan()));
        std::fs::write(&path, old.replace("\"update\",", "\"uptade\",")).unwrap();
        let message = read_lines::<Event>(&path).unwrap_err().to_string();
        assert!(
            message.contains("events.jsonl:2") && message.contains("`evaluation`"),
            "{message}"
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

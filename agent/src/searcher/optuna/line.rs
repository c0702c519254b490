//! One line of a journal: one thing that happened to a study or a trial.

use super::bare::{self, Number};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What happened, as `JournalOperation` of Optuna 5.0.0 numbers it.
pub(super) mod operation {
    pub(in super::super) const CREATE_STUDY: u8 = 0;
    pub(in super::super) const DELETE_STUDY: u8 = 1;
    pub(in super::super) const STUDY_USER_ATTRIBUTE: u8 = 2;
    pub(in super::super) const STUDY_SYSTEM_ATTRIBUTE: u8 = 3;
    pub(in super::super) const CREATE_TRIAL: u8 = 4;
    pub(in super::super) const PARAMETER: u8 = 5;
    pub(in super::super) const STATE: u8 = 6;
    pub(in super::super) const INTERMEDIATE_VALUE: u8 = 7;
    pub(in super::super) const TRIAL_USER_ATTRIBUTE: u8 = 8;
}

/// The fields of all operations, each of which has some of them. Names are Optuna's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) op_code: u8,
    #[serde(default)]
    pub(super) worker_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) study_name: Option<String>,
    /// 1 is to be minimised, 2 to be maximised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) directions: Vec<u8>,
    /// Studies are numbered in the order of their creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) study_id: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user_attr: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) system_attr: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) datetime_start: Option<String>,
    /// Trials are numbered in the order of their creation, those of all studies together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trial_id: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) param_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) param_value_internal: Option<Number>,
    /// JSON within a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) distribution: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) intermediate_value: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<u8>,
    /// Written as `null` where a trial has none: the inner `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) values: Option<Option<Vec<Number>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) datetime_complete: Option<String>,
    // What a trial has that is created with everything it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Number>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) distributions: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) params: BTreeMap<String, Number>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) user_attrs: Map<String, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) intermediate_values: BTreeMap<String, Number>,
}

impl Line {
    /// A line from its text.
    pub(super) fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(&bare::read(text))
    }

    /// Its text, with the newline that every line ends with.
    pub(super) fn text(&self) -> serde_json::Result<String> {
        Ok(bare::written(&serde_json::to_string(self)?) + "\n")
    }
}

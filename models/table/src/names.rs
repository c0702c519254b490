//! The names of columns: none is empty, and no two are the same.

use std::collections::{HashMap, HashSet};

use crate::error::listed;

/// The names that columns get, and what a person should know of it.
pub(crate) fn distinct(names: Vec<String>) -> (Vec<String>, Vec<String>) {
    let mut taken: HashSet<String> = HashSet::new();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    let names = unquoted(names);
    let all: HashSet<&str> = names.iter().map(String::as_str).collect();
    let (mut nameless, mut renamed, mut given) = (Vec::new(), Vec::new(), Vec::new());
    for (at, name) in names.iter().enumerate() {
        let mut new = name.clone();
        if name.is_empty() {
            new = format!("column_{}", at + 1);
        }
        // A name that the file has further right is left to that column.
        let start = new.clone();
        while taken.contains(&new) || (new != *name && all.contains(new.as_str())) {
            let number = numbers.entry(start.clone()).or_insert(1);
            *number += 1;
            new = format!("{start}_{number}");
        }
        if name.is_empty() {
            nameless.push(new.clone());
        } else if new != *name {
            renamed.push(new.clone());
        }
        taken.insert(new.clone());
        given.push(new);
    }
    let note = |names: &[String], what: &str| {
        (!names.is_empty()).then(|| format!("{what}: {}", listed(names)))
    };
    let nameless = note(
        &nameless,
        "columns without a name are called by their number",
    );
    let renamed = note(&renamed, "names that an earlier column has get a number");
    (given, nameless.into_iter().chain(renamed).collect())
}

/// Names without the single quotes that all of them are in.
fn unquoted(names: Vec<String>) -> Vec<String> {
    let bare = |name: &String| Some(name.strip_prefix('\'')?.strip_suffix('\'')?.to_owned());
    let all: Option<Vec<String>> = names.iter().map(bare).collect();
    all.filter(|all| !all.is_empty()).unwrap_or(names)
}

/// Names for columns that have none.
pub(crate) fn numbered(columns: usize) -> Vec<String> {
    (1..=columns)
        .map(|number| format!("column_{number}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_quotes_go_where_all_names_have_them() {
        assert_eq!(given(&["'a'", " 'b c' "]).0, ["a", "b c"]);
        assert_eq!(given(&["'a'", "b"]).0, ["'a'", "b"]);
        assert_eq!(given(&["'", "'"]).0, ["'", "'_2"]);
    }

    fn given(names: &[&str]) -> (Vec<String>, Vec<String>) {
        distinct(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn equal_and_empty_names_are_made_different() {
        let (names, notes) = given(&["", " a ", "b", "a", "a_2", "a", "", "column_1"]);
        assert_eq!(
            names,
            [
                "column_1_2",
                "a",
                "b",
                "a_3",
                "a_2",
                "a_4",
                "column_7",
                "column_1"
            ]
        );
        assert!(notes[0].contains("`column_1_2`, `column_7`"), "{notes:?}");
        assert!(notes[1].contains("`a_3`, `a_4`"), "{notes:?}");
        assert_eq!(given(&["a", "b"]).1, Vec::<String>::new());
    }

    #[test]
    fn many_equal_names_take_no_longer_than_they_should() {
        let (names, _) = distinct(vec!["a".into(); 100_000]);
        assert_eq!(names[99_999], "a_100000");
    }
}

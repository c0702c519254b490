//! What a user may have meant by an unknown name.

use strsim::damerau_levenshtein;

/// Those of the `known` names that `name` may stand for, nearest first, at most three: names with up to a third of its letters
/// changed, and names of which it leaves out the first words.
///
/// ```
/// use trimtab_env::error::nearest::nearest;
/// let known = ["learning_rate", "batch_size", "independent_weight_decay"];
/// assert_eq!(nearest("learning_rat", known), ["learning_rate"]);
/// assert_eq!(nearest("weight_decai", known), ["independent_weight_decay"]);
/// assert!(nearest("momentum", known).is_empty());
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let distance = |known: &str| {
        let words = known.match_indices('_').map(|(at, _)| &known[at + 1..]);
        let tails = words.chain([known]);
        tails.map(|tail| damerau_levenshtein(tail, name)).min()
    };
    let far = name.chars().count() / 3;
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|known| Some((distance(known)?, known)))
        .filter(|(distance, _)| *distance <= far)
        .collect();
    near.sort();
    near.truncate(3);
    near.into_iter().map(|(_, known)| known).collect()
}

/// The question whether one of the nearest was meant, with a space before it; nothing if there are none.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = nearest(name, known);
    if near.is_empty() {
        return String::new();
    }
    let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    format!(" (did you mean {}?)", near.join(" or "))
}

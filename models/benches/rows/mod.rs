//! Rows of a benchmark: which are asked for, and what is said of their times.

/// Whether the row is asked for, as all are if none is.
pub fn is_wanted(what: &str) -> bool {
    let words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"));
    let words: Vec<String> = words.collect();
    words.is_empty() || words.iter().any(|word| what.contains(word.as_str()))
}

/// The value at this share of the sorted ones.
pub fn quantile(values: &mut [f64], at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * at).round() as usize]
}

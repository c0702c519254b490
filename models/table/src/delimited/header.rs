//! Whether the first row of a table has the names of its columns.

use std::collections::HashSet;

use super::dialect::is_moment;
use crate::{
    missing::Missing,
    style::{Amount, STYLES},
};

/// What a cell looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Missing,
    Number,
    Moment,
    Text,
}

fn kind(cell: &str, missing: &Missing) -> Kind {
    let cell = cell.trim();
    let number = |cell| {
        Amount::of(cell)
            .is_some_and(|amount| STYLES.iter().any(|style| amount.read(*style).is_some()))
    };
    match cell {
        _ if missing.text(cell) => Kind::Missing,
        _ if number(cell) => Kind::Number,
        _ if is_moment(cell) => Kind::Moment,
        _ => Kind::Text,
    }
}

/// Whether `first` is a row of names above `rows`: its cells are texts where others are numbers, and are not repeated below.
pub(crate) fn found<'a>(
    first: &[String],
    rows: impl Iterator<Item = &'a [String]> + Clone,
    missing: &Missing,
) -> bool {
    if counts_up(first) || is_above_row_numbers(first, rows.clone()) {
        return true;
    }
    let years = has_years(first);
    let (mut names, mut values) = (0, 0);
    for (column, top) in first.iter().enumerate() {
        let cells = || {
            rows.clone()
                .filter_map(|row| row.get(column))
                .map(String::as_str)
        };
        let kinds: Vec<Kind> = cells()
            .map(|cell| kind(cell, missing))
            .filter(|kind| *kind != Kind::Missing)
            .collect();
        let below = kinds.first().copied().filter(|first| {
            let same = kinds.iter().filter(|kind| *kind == first).count();
            // A few odd cells do not make a column one of texts.
            same * 10 >= kinds.len() * 9
        });
        match (kind(top, missing), below) {
            (Kind::Missing, _) => {}
            (Kind::Number, _) if years => {}
            (Kind::Text, Some(Kind::Number | Kind::Moment)) => names += 1,
            (Kind::Number | Kind::Moment, Some(_)) => values += 1,
            (Kind::Number, None) => values += usize::from(!kinds.is_empty()),
            _ if cells().any(|cell| cell.eq_ignore_ascii_case(top)) => values += 1,
            (Kind::Text, _) => {
                // Texts that are repeated are categories, of which a new one would be seldom in the first row.
                let different: HashSet<&str> = cells().collect();
                names += usize::from(kinds.len() >= 4 && different.len() * 2 <= kinds.len());
            }
            _ => {}
        }
    }
    match names == values {
        true if years => true,
        true => first.iter().all(|cell| kind(cell, missing) != Kind::Number),
        false => names > values,
    }
}

/// Whether the numbers among the cells count up, as the years above a table of a column a year do.
fn has_years(cells: &[String]) -> bool {
    let numbers = cells
        .iter()
        .map(|cell| cell.trim())
        .filter(|cell| cell.parse::<f64>().is_ok());
    let numbers: Option<Vec<u64>> = numbers.map(|cell| cell.parse().ok()).collect();
    numbers.is_some_and(|numbers| numbers.len() > 2 && is_run(&numbers))
}

/// Whether there is no name above numbers that count the rows, as pandas writes them.
fn is_above_row_numbers<'a>(first: &[String], rows: impl Iterator<Item = &'a [String]>) -> bool {
    let numbers: Option<Vec<u64>> = rows.map(|row| row.first()?.parse().ok()).collect();
    let empty = first.len() > 1 && first[0].trim().is_empty();
    empty && numbers.is_some_and(|numbers| numbers.len() > 1 && numbers[0] < 2 && is_run(&numbers))
}

fn is_run(numbers: &[u64]) -> bool {
    numbers.is_sorted_by(|a, b| a.checked_add(1) == Some(*b))
}

/// Whether the cells are different whole numbers, each one more than the one before: names by position, or years. A cell before them
/// may be empty.
fn counts_up(cells: &[String]) -> bool {
    let start = usize::from(cells.len() > 2 && cells[0].trim().is_empty());
    let numbers: Option<Vec<u64>> = cells[start..]
        .iter()
        .map(|cell| cell.trim().parse().ok())
        .collect();
    numbers.is_some_and(|numbers| numbers.len() > 1 && is_run(&numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> bool {
        let rows: Vec<Vec<String>> = text
            .lines()
            .map(|line| line.split(',').map(String::from).collect())
            .collect();
        found(
            &rows[0],
            rows[1..].iter().map(Vec::as_slice),
            &Missing::default(),
        )
    }

    #[test]
    fn names_are_told_from_values() {
        for text in [
            "a,b\n1,2\n3,4",
            "a,b\n1,x\n3,y",
            "0,1,2\n1.5,2.5,a\n3.5,4.5,b",
            ",0,1,2\n5,1.5,2.5,a\n6,3.5,4.5,b",
            "country,1990,1991,1992
x,1,2,3
y,1,2,3",
            ",0
0,269
1,321
2,585",
            "date,value\n2012-01-01,5\n2012-01-02,6",
            "name,kind\nx,u\ny,v",
            "sex,class\nmale,a\nfemale,b\nmale,a\nmale,b",
            ",a\n0,1\n1,2",
            "x,y\n,a\nNA,b",
        ] {
            assert!(header(text), "{text}");
        }
    }

    #[test]
    fn values_are_told_from_names() {
        for text in [
            "1,2.5\n3,4\n5,6",
            "5,3\n1,2",
            "5.1,3.5,setosa\n4.9,3.0,setosa\n7.0,3.2,versicolor",
            "p,x,s\ne,x,s\np,b,t\ne,x,s",
            "38,Private,7\n39,Local,8\n50,Private,9",
            "2012-01-01,5\n2012-01-02,6",
        ] {
            assert!(!header(text), "{text}");
        }
    }
}

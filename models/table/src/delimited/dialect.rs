//! The dialect of a text, found by reading its beginning in each that there is.

use super::{
    records::Dialect,
    sample::{Row, Sample},
};
use crate::{
    error::{Error, Result},
    missing::Missing,
    style::{Amount, STYLES},
};

/// What separates cells, the likelier first.
const SEPARATORS: [u8; 5] = [b'\t', b';', b'|', b',', b' '];

/// How many rows and columns are looked at cell by cell.
const LOOKED_AT: usize = 100;

/// The dialect that reads the text as a table of the most cells that are clean, and as many in each row.
///
/// # Errors
/// [`Error::Separator`].
pub(crate) fn find(
    sample: Sample<'_>,
    separator: Option<char>,
    missing: &Missing,
) -> Result<Dialect> {
    let given = separator.map(allowed).transpose()?;
    let separators = given
        .as_ref()
        .map_or(SEPARATORS.as_slice(), std::slice::from_ref);
    let has = |text: &[u8]| sample.bytes.windows(text.len()).any(|part| part == text);
    let mut quotes = vec![(Some(b'"'), false)];
    if has(b"\\\"") {
        quotes.push((Some(b'"'), true));
    }
    if has(b"'") {
        quotes.push((Some(b'\''), false));
    }
    if has(b"\"") {
        quotes.push((None, false));
    }
    let mut best = (0., None);
    for (quote, escapes) in quotes {
        for &separator in separators {
            let dialect = Dialect {
                separator,
                quote,
                escapes,
            };
            let Some(rows) = sample.rows(dialect) else {
                continue;
            };
            let score = score(&rows, dialect, missing);
            if score > best.0 + 1e-9 {
                best = (score, Some(dialect));
            }
        }
    }
    // What no dialect reads has an open quote, which is found again where the text is read.
    let any = Dialect {
        separator: given.unwrap_or(b','),
        quote: Some(b'"'),
        escapes: false,
    };
    Ok(best.1.unwrap_or(any))
}

/// A separator that was asked for.
fn allowed(given: char) -> Result<u8> {
    match u8::try_from(given) {
        Ok(byte)
            if byte == b'\t'
                || ((b' '..=b'~').contains(&byte)
                    && !byte.is_ascii_alphanumeric()
                    && !b"\"'.-\\".contains(&byte)) =>
        {
            Ok(byte)
        }
        _ => Err(Error::Separator { given }),
    }
}

/// How many cells most rows have; of two that are as frequent, the larger.
pub(crate) fn usual(rows: &[Row]) -> usize {
    let mut lengths: Vec<usize> = rows.iter().map(|row| row.cells.len()).collect();
    lengths.sort_unstable();
    let runs = lengths.chunk_by(|a, b| a == b);
    runs.max_by_key(|run| run.len()).map_or(0, |run| run[0])
}

/// From 0 to 1: how alike the rows are, and how clean the cells.
fn score(rows: &[Row], dialect: Dialect, missing: &Missing) -> f64 {
    // The first row may be a title, or names of which one is missing.
    let body = if rows.len() > 4 { &rows[1..] } else { rows };
    let usual = usual(body);
    let alike: Vec<&Row> = body.iter().filter(|row| row.cells.len() == usual).collect();
    if alike.is_empty() {
        return 0.;
    }
    let cells = alike
        .iter()
        .take(LOOKED_AT)
        .flat_map(|row| row.cells.iter().take(LOOKED_AT));
    let (clean, count) = cells.fold((0., 0.), |(sum, count), cell| {
        (sum + clean(cell, usual, dialect, missing), count + 1.)
    });
    // The names of columns may be one fewer than those.
    let names = usize::from(body[0].cells.len() + 1 == usual && body.len() > 2);
    let share = (alike.len() + names) as f64 / body.len() as f64;
    // A text that no separator divides has a single column, of which no cell should have one.
    let single = if usual == 1 { 0.9 } else { 1. };
    single * share * share * clean / count
}

/// How much a cell looks like one that was cut out where it should.
fn clean(cell: &str, usual: usize, dialect: Dialect, missing: &Missing) -> f64 {
    let number = || {
        Amount::of(cell)
            .is_some_and(|amount| STYLES.iter().any(|style| amount.read(*style).is_some()))
    };
    let quoted = |quote: char| cell.starts_with(quote) || cell.ends_with(quote);
    let single = usual == 1 && cell.contains([',', ';', '\t', '|']);
    if missing.text(cell) {
        0.9
    } else if single && !cell.contains(", ") {
        0.1
    } else if cell.parse::<f64>().is_ok() || is_moment(cell) {
        1.
    } else if number() {
        0.98
    } else if quoted('"') || quoted('\'') {
        0.3
    } else if cell
        .bytes()
        .any(|byte| matches!(byte, b'\t' | b';' | b'|') && byte != dialect.separator)
    {
        0.4
    } else if cell.contains(", ") {
        0.5
    } else if cell.contains(',') {
        0.2
    } else if cell.contains(' ') {
        0.8
    } else {
        0.95
    }
}

/// Whether a cell is of digits, and of what is between those of dates and times.
pub(crate) fn is_moment(cell: &str) -> bool {
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    let is_part = |byte: u8| byte.is_ascii_digit() || b"-/:. TZ+".contains(&byte);
    digits >= 3
        && cell.starts_with(|first: char| first.is_ascii_digit())
        && cell.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (char, Option<char>) {
        let sample = Sample {
            bytes: text.as_bytes(),
            whole: true,
            line: 1,
        };
        let dialect = find(sample, None, &Missing::default()).unwrap();
        (char::from(dialect.separator), dialect.quote.map(char::from))
    }

    #[test]
    fn separators_are_found_by_looking() {
        for (text, separator) in [
            ("a,b\n1,2\n3,4\n", ','),
            ("a;b\n1;2\n3;4\n", ';'),
            ("a\tb\n1\t2\n3\t4\n", '\t'),
            ("a|b\n1|2\n3|4\n", '|'),
            ("a b\n1 2\n3 4\n", ' '),
            ("  a    b\n1.5   20\n 10    3\n", ' '),
            ("a;b\n0,1;0,2\n0,3;0,4\n", ';'),
            ("a\tb\n0,1\t0,2\n0,3\t0,4\n", '\t'),
            ("name\ttext\nx y\ta, b; c\nz w\td e\n", '\t'),
            ("a,b,c\n1,foo;bar,3\n2,x;y,4\n", ','),
            ("38, Private, 7\n39, Local-gov, 8\n", ','),
            ("width,\"height, mm\"\n1,2\n\n1,two\n", ','),
            (
                "when,b\n2014-12-01 08:46:37,5\n2014-12-01 08:46:38,6\n",
                ',',
            ),
            ("John Smith,New York\nJane Smith,Los Angeles\n", ','),
            ("a\tb c\n18.0 1\t\"x y\"\n15.0 2\t\"z\"\n", ' '),
            ("\"a;b\",c\n\"d;e\",f\n", ','),
        ] {
            assert_eq!(found(text).0, separator, "{text}");
        }
    }

    #[test]
    fn quotes_are_found_by_looking() {
        assert_eq!(found("'a, b',1\n'c, d',2\n"), (',', Some('\'')));
        assert_eq!(found("a,b\n5\" pipe,1\n6\" pipe,2\n"), (',', Some('"')));
        assert_eq!(found("a,b\n\"5 inch,1\nsix,2\nx,3"), (',', None));
        assert_eq!(found("a,b\nO'Neil,1\nD'Arcy,2\n"), (',', Some('"')));
    }

    #[test]
    fn a_separator_that_was_given_is_taken() {
        let sample = Sample {
            bytes: b"a:b\n1:2\n",
            whole: true,
            line: 1,
        };
        assert_eq!(
            find(sample, Some(':'), &Missing::default())
                .unwrap()
                .separator,
            b':'
        );
        for given in ['a', '5', '"', '\n', 'é', '.'] {
            let message = find(sample, Some(given), &Missing::default())
                .unwrap_err()
                .to_string();
            assert!(message.contains("separator"), "{message}");
        }
    }
}

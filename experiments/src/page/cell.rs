//! What stands in one place of a table: a text, and the number that it sorts by.

use super::escape::escaped;
use crate::record::statistics::Interval;
use crate::record::summary::Estimate;
use std::fmt::Write as _;

/// A text of more characters is broken into lines.
const LONG: usize = 32;

/// What stands in one place of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    text: String,
    /// What it sorts by, if that is not its text.
    key: Option<f64>,
    tone: Tone,
}

/// How a figure is to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As any other.
    #[default]
    Plain,
    /// As a good one.
    Good,
    /// As a bad one.
    Bad,
}

impl Cell {
    /// A number with four digits that count.
    pub fn number(value: f64) -> Self {
        Self::keyed(digits(value), value)
    }

    /// A number with so many digits after the point.
    pub fn decimal(value: f64, digits: usize) -> Self {
        Self::keyed(fixed(value, digits), value)
    }

    /// A share, from 0 to 1, as a percentage with so many digits after the point.
    pub fn percent(share: f64, digits: usize) -> Self {
        if !share.is_finite() {
            return Self::missing();
        }
        Self::keyed(format!("{} %", fixed(100.0 * share, digits)), share)
    }

    /// A count, with its thousands apart.
    pub fn count(value: u64) -> Self {
        Self::keyed(grouped(value), value as f64)
    }

    /// A mean with its standard error, both with so many digits after the point.
    pub fn estimate(estimate: Estimate, digits: usize) -> Self {
        let Estimate {
            mean,
            standard_error,
        } = estimate;
        let text = format!(
            "{} ± {}",
            fixed(mean, digits),
            fixed(standard_error, digits)
        );
        Self::keyed(text, mean)
    }

    /// A difference with its interval, and its sign. It is good or bad where the interval is on one side of 0: below, as
    /// with differences of losses, is good.
    pub fn difference(interval: Interval, digits: usize) -> Self {
        let Interval { mean, low, high } = interval;
        let signed = |value: f64| signed(value, digits);
        let text = format!("{} [{}, {}]", signed(mean), signed(low), signed(high));
        let tone = match () {
            () if high < 0.0 => Tone::Good,
            () if low > 0.0 => Tone::Bad,
            () => Tone::Plain,
        };
        Self::keyed(text, mean).toned(tone)
    }

    /// A number with its sign and so many digits after the point.
    pub fn signed(value: f64, digits: usize) -> Self {
        Self::keyed(signed(value, digits), value)
    }

    /// Where there is nothing to say. It sorts behind everything else.
    pub fn missing() -> Self {
        Self::from("–")
    }

    /// A cell of any text that sorts by a number; one that is not a number sorts behind everything else.
    pub fn keyed(text: impl Into<String>, key: f64) -> Self {
        Self {
            text: text.into(),
            key: Some(key),
            tone: Tone::Plain,
        }
    }

    /// What `cell` makes of the value, or [`Cell::missing`].
    pub fn maybe<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or_else(Self::missing, cell)
    }

    /// The same cell as a good or a bad one.
    #[must_use]
    pub fn toned(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    pub(super) fn write(&self, html: &mut String, heading: bool, numbers: bool) {
        let (open, close) = if heading {
            ("th scope=\"row\"", "th")
        } else {
            ("td", "td")
        };
        let classes = [
            numbers.then_some("n"),
            (!numbers && self.text.chars().count() > LONG).then_some("long"),
            match self.tone {
                Tone::Plain => None,
                Tone::Good => Some("good"),
                Tone::Bad => Some("bad"),
            },
        ];
        let classes: Vec<&str> = classes.into_iter().flatten().collect();
        let _ = write!(html, "<{open}");
        if !classes.is_empty() {
            let _ = write!(html, " class=\"{}\"", classes.join(" "));
        }
        match self.key {
            // Infinite numbers are read as such by the script.
            Some(key) if key.is_infinite() => {
                let sign = if key < 0.0 { "-" } else { "" };
                let _ = write!(html, " data-key=\"{sign}Infinity\"");
            }
            Some(key) if !key.is_nan() => {
                let _ = write!(html, " data-key=\"{key}\"");
            }
            Some(_) | None => {}
        }
        let _ = write!(html, ">{}</{close}>", escaped(&self.text));
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self {
            text,
            key: None,
            tone: Tone::Plain,
        }
    }
}

/// The number with so many digits after the point.
fn fixed(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "−∞" } else { "∞" }.to_owned();
    }
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        // What rounds to nothing has no sign.
        Some(size) if size.bytes().all(|byte| matches!(byte, b'0' | b'.')) => size.to_owned(),
        Some(size) => format!("−{size}"),
        None => text,
    }
}

fn signed(value: f64, digits: usize) -> String {
    let text = fixed(value, digits);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

/// The number with four digits that count, in plain notation where that is short.
fn digits(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || !value.is_finite() {
        return fixed(value, 0);
    }
    if !(1e-4..1e9).contains(&size) {
        let text = format!("{value:.3e}");
        return text.replacen('-', "−", usize::from(value < 0.0));
    }
    let whole = size.log10().floor() as i32;
    let text = fixed(value, usize::try_from(3 - whole).unwrap_or(0));
    if size < 99_999.5 {
        return text;
    }
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{}", grouped(size.round() as u64))
}

/// The count with its thousands apart, from five digits on.
fn grouped(value: u64) -> String {
    let text = value.to_string();
    if text.len() < 5 {
        return text;
    }
    let mut grouped = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && (text.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_count() {
        let cases = [
            (0.0, "0"),
            (0.934, "0.9340"),
            (-12.345_67, "−12.35"),
            (1234.56, "1235"),
            (46_012.3, "46012"),
            (1_234_567.0, "1\u{202f}234\u{202f}567"),
            (0.000_012_34, "1.234e-5"),
            (-2e12, "−2.000e12"),
            (f64::NAN, "–"),
            (f64::NEG_INFINITY, "−∞"),
        ];
        for (value, text) in cases {
            assert_eq!(digits(value), text);
        }
        assert_eq!(signed(0.25, 2), "+0.25");
        assert_eq!(signed(-0.0001, 2), "0.00");
        assert_eq!([999, 10_000].map(grouped), ["999", "10\u{202f}000"]);
    }

    #[test]
    fn a_difference_is_good_or_bad_where_its_interval_says_so() {
        let tone = |low: f64, high: f64| {
            let mean = (low + high) / 2.0;
            Cell::difference(Interval { mean, low, high }, 2).tone
        };
        assert_eq!(tone(-0.3, -0.1), Tone::Good);
        assert_eq!(tone(0.1, 0.3), Tone::Bad);
        assert_eq!(tone(-0.1, 0.3), Tone::Plain);
    }
}

//! Numbers as people write them: with separators of thousands, decimal commas, currencies, percent signs, and parentheses for minus.

use crate::plain::{Plain, plain};

/// How the numbers of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// What is before the decimals.
    pub(crate) decimal: u8,
    /// What is between groups of three digits.
    thousands: Option<u8>,
}

/// The styles that there are. Where two read the same cells, it is the one that comes first.
pub(crate) const STYLES: [Style; 8] = [
    Style::new(b'.', None),
    Style::new(b'.', Some(b',')),
    Style::new(b',', None),
    Style::new(b',', Some(b'.')),
    Style::new(b'.', Some(b' ')),
    Style::new(b',', Some(b' ')),
    Style::new(b'.', Some(b'\'')),
    Style::new(b',', Some(b'\'')),
];

/// The order of [`STYLES`] in a file that is known to have decimal commas.
const COMMAS_FIRST: [usize; 8] = [3, 2, 5, 7, 0, 1, 4, 6];

/// What is written before or after an amount.
const CURRENCIES: [&str; 32] = [
    "US$", "R$", "$", "€", "£", "¥", "₹", "₩", "₽", "₺", "USD", "EUR", "GBP", "JPY", "CHF", "CNY",
    "INR", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "BRL", "MXN", "ZAR",
    "KRW", "RUB", "TRY",
];

/// A number without what is around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Amount<'a> {
    /// Digits, and what is between them.
    digits: &'a str,
    negative: bool,
    /// The minus is written as parentheses.
    pub(crate) parentheses: bool,
    /// The currency, or `%`.
    pub(crate) unit: Option<&'a str>,
}

impl<'a> Amount<'a> {
    /// Takes off signs and units; `None` if what is left is not of digits, points, commas, spaces and apostrophes.
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        let (mut text, mut negative, mut parentheses, mut unit) = (text.trim(), false, false, None);
        // Signs, units and parentheses come in every order: `-$5`, `$-5`, `($5)`, `$(5)`, `5 %`.
        loop {
            if let Some(rest) = text.strip_prefix(['-', '\u{2212}']).filter(|_| !negative) {
                (text, negative) = (rest.trim_start(), true);
            } else if let Some(rest) = text.strip_prefix('+').filter(|_| !negative) {
                text = rest;
            } else if let Some(rest) = text
                .strip_prefix('(')
                .and_then(|rest| rest.strip_suffix(')'))
                && !negative
            {
                (text, negative, parentheses) = (rest.trim(), true, true);
            } else if unit.is_none()
                && let Some((rest, found)) = without_unit(text)
            {
                (text, unit) = (rest.trim(), Some(found));
            } else {
                break;
            }
        }
        let is_part = |character: char| {
            character.is_ascii_digit()
                || matches!(
                    character,
                    '.' | ','
                        | ' '
                        | '\''
                        | '\u{2019}'
                        | '\u{a0}'
                        | '\u{202f}'
                        | 'e'
                        | 'E'
                        | '-'
                        | '+'
                )
        };
        let first = text.chars().next()?;
        let starts = first.is_ascii_digit() || first == '.' || first == ',';
        // Most texts of digits and hyphens are dates.
        let exponent = text.contains(['e', 'E']) || !text.contains(['-', '+']);
        (starts && exponent && text.chars().all(is_part)).then_some(Self {
            digits: text,
            negative,
            parentheses,
            unit,
        })
    }

    /// The number, if it is written in this style.
    pub(crate) fn read(&self, style: Style) -> Option<f64> {
        let mut digits = Vec::with_capacity(self.digits.len());
        match style.thousands {
            None => digits.extend_from_slice(self.digits.as_bytes()),
            Some(thousands) => style.ungroup(self.digits, thousands, &mut digits)?,
        }
        match plain(&digits, style.decimal) {
            Plain::Number(number) | Plain::Padded(number) => {
                Some(if self.negative { -number } else { number })
            }
            Plain::Infinite | Plain::Other => None,
        }
    }
}

/// A text without the unit before or after it.
fn without_unit(text: &str) -> Option<(&str, &'static str)> {
    if let Some(rest) = text.strip_suffix('%') {
        return Some((rest, "%"));
    }
    let mut currencies = CURRENCIES.iter();
    currencies.find_map(|currency| {
        let rest = text
            .strip_prefix(currency)
            .or_else(|| text.strip_suffix(currency));
        rest.map(|rest| (rest, *currency))
    })
}

impl Style {
    const fn new(decimal: u8, thousands: Option<u8>) -> Self {
        Self { decimal, thousands }
    }

    /// Copies `text` without its separators of thousands, of which there may be none; `None` if they are not before every third digit.
    fn ungroup(self, text: &str, thousands: u8, into: &mut Vec<u8>) -> Option<()> {
        let (mut groups, mut group, mut grouped) = (0, 0, false);
        let mut rest = text.chars();
        let closes = |groups: usize, group: usize, grouped: bool| match groups {
            0 => !grouped || (1..=3).contains(&group),
            _ => group == 3,
        };
        for character in rest.by_ref() {
            let byte = match character {
                '\u{a0}' | '\u{202f}' => b' ',
                '\u{2019}' => b'\'',
                other => u8::try_from(other).ok()?,
            };
            if byte == thousands {
                grouped = true;
                // `0,538` is no group of thousands.
                if !closes(groups, group, true) || (groups == 0 && into.first() == Some(&b'0')) {
                    return None;
                }
                (groups, group) = (groups + 1, 0);
            } else if byte.is_ascii_digit() {
                group += 1;
                into.push(byte);
            } else if byte == self.decimal {
                into.push(byte);
                into.extend(rest.as_str().bytes());
                break;
            } else {
                return None;
            }
        }
        closes(groups, group, grouped).then_some(())
    }

    /// How many of the cells each of [`STYLES`] reads.
    pub(crate) fn read_by_each(amounts: &[(Amount<'_>, usize)]) -> [usize; 8] {
        STYLES.map(|style| {
            let read = amounts
                .iter()
                .filter(|(amount, _)| amount.read(style).is_some());
            read.map(|(_, cells)| cells).sum()
        })
    }

    /// The style that reads most, the likelier one of equals; `commas` says that the file has decimal commas elsewhere.
    pub(crate) fn best(read: &[usize; 8], commas: bool) -> Self {
        let order = if commas {
            COMMAS_FIRST
        } else {
            [0, 1, 2, 3, 4, 5, 6, 7]
        };
        let most = read.iter().max().copied().unwrap_or(0);
        let best = order.into_iter().find(|&at| read[at] == most);
        STYLES[best.unwrap_or(0)]
    }

    /// Whether these cells can be read with decimal commas only.
    pub(crate) fn needs_commas(read: &[usize; 8]) -> bool {
        let most = |decimal| {
            let styles = STYLES
                .iter()
                .zip(read)
                .filter(|(style, _)| style.decimal == decimal);
            styles.map(|(_, read)| *read).max().unwrap_or(0)
        };
        most(b',') > most(b'.')
    }

    /// What of it is seen in a number of this style: a decimal comma, and separators of thousands.
    pub(crate) fn seen(self, amount: Amount<'_>) -> (bool, bool) {
        let has = |byte: u8| match byte {
            b' ' => amount.digits.contains([' ', '\u{a0}', '\u{202f}']),
            b'\'' => amount.digits.contains(['\'', '\u{2019}']),
            other => amount.digits.contains(char::from(other)),
        };
        (
            self.decimal == b',' && has(b','),
            self.thousands.is_some_and(has),
        )
    }

    /// What is between thousands, in words.
    pub(crate) fn thousands(self) -> String {
        match self.thousands {
            Some(b' ') => "spaces between thousands".into(),
            other => format!("`{}` between thousands", char::from(other.unwrap_or(b','))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cells: &[&str], commas: bool) -> Vec<Option<f64>> {
        let amounts: Vec<_> = cells
            .iter()
            .map(|cell| (Amount::of(cell).unwrap(), 1))
            .collect();
        let style = Style::best(&Style::read_by_each(&amounts), commas);
        amounts
            .iter()
            .map(|(amount, _)| amount.read(style))
            .collect()
    }

    fn all(numbers: &[f64]) -> Vec<Option<f64>> {
        numbers.iter().copied().map(Some).collect()
    }

    #[test]
    fn thousands_and_decimals_follow_from_the_other_cells() {
        assert_eq!(read(&["1,234,567", "12"], false), all(&[1_234_567., 12.]));
        assert_eq!(read(&["1,234", "99,362.5"], false), all(&[1234., 99_362.5]));
        assert_eq!(
            read(&["1.234.567,8", "12"], false),
            all(&[1_234_567.8, 12.])
        );
        assert_eq!(read(&["1.234", "3,15"], false), all(&[1234., 3.15]));
        assert_eq!(
            read(&["1 234", "5\u{202f}000,5"], false),
            all(&[1234., 5000.5])
        );
        assert_eq!(
            read(&["1'234", "1\u{2019}000.5"], false),
            all(&[1234., 1000.5])
        );
        assert_eq!(read(&["3,15", "1,234"], false), all(&[3.15, 1.234]));
        assert_eq!(read(&["0,538", "1,234"], false), all(&[0.538, 1.234]));
        assert_eq!(read(&["1.234", "2.5"], true), all(&[1.234, 2.5]));
    }

    #[test]
    fn what_might_be_either_follows_the_file() {
        assert_eq!(read(&["1,234", "5,678"], false), all(&[1234., 5678.]));
        assert_eq!(read(&["1,234", "5,678"], true), all(&[1.234, 5.678]));
        assert_eq!(read(&["1.234", "5.678"], false), all(&[1.234, 5.678]));
        assert_eq!(read(&["1.234", "5.678"], true), all(&[1234., 5678.]));
    }

    #[test]
    fn units_and_signs_are_taken_off() {
        for (text, number, unit) in [
            ("$24,000", 24_000., Some("$")),
            ("-$5", -5., Some("$")),
            ("$-5", -5., Some("$")),
            ("($1,200.50)", -1200.5, Some("$")),
            ("€ 7", 7., Some("€")),
            ("12 EUR", 12., Some("EUR")),
            ("12%", 12., Some("%")),
            ("-3.5 %", -3.5, Some("%")),
            ("+4", 4., None),
            ("\u{2212}4", -4., None),
        ] {
            let amount = Amount::of(text).unwrap();
            assert_eq!(amount.read(STYLES[1]), Some(number), "{text}");
            assert_eq!(amount.unit, unit, "{text}");
        }
        for text in [
            "",
            "$",
            "five",
            "(F3)",
            "2012/01/01",
            "2012-01-01",
            "--5",
            "a5",
            "5 kg",
            "%",
        ] {
            assert_eq!(Amount::of(text), None, "{text}");
        }
        for text in [
            "1,23,456", "12,34", "1234,567", ",123", "1,,234", "0,123", "1,234,",
        ] {
            assert_eq!(
                Amount::of(text).and_then(|amount| amount.read(STYLES[1])),
                None,
                "{text}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_brings_the_styles_down(text in "[-+($€]{0,3}[0-9.,' eE\u{a0}]{0,12}[)%€ ]{0,2}") {
            if let Some(amount) = Amount::of(&text) {
                for style in STYLES {
                    assert!(amount.read(style).is_none_or(f64::is_finite));
                }
            }
        }
    }
}

//! Dates and times that are written as text.

use serde::{Deserialize, Serialize};

use crate::{column::MOST_ODD, decide::few};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

/// How a date is written, as `strftime` has it. Where both are possible, the month comes before the day only if no text of the column
/// says otherwise.
const DATES: [&str; 17] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %b %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %B %Y",
];

/// How a time of the day is written after a date, or alone.
const TIMES: [&str; 5] = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%Hh%M"];

/// How a column writes its moments: the first format that all of its texts have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Format {
    /// RFC 3339, with an offset from UTC.
    Rfc3339,
    /// A date, and what separates it from a time of the day, if it is followed by one.
    Date(String, Option<(char, String)>),
    /// A time of the day alone.
    Time(String),
    /// A year and a month.
    Month(String),
}

impl Format {
    fn all() -> impl Iterator<Item = Self> {
        let dates = DATES.into_iter().flat_map(|date| {
            let times = TIMES.into_iter().flat_map(move |time| {
                [' ', 'T']
                    .map(|between| Self::Date(date.to_owned(), Some((between, time.to_owned()))))
            });
            std::iter::once(Self::Date(date.to_owned(), None)).chain(times)
        });
        let months =
            ["%Y-%m", "%Y/%m", "%b %Y", "%B %Y"].map(|month| Self::Month(month.to_owned()));
        std::iter::once(Self::Rfc3339)
            .chain(dates)
            .chain(TIMES.map(|time| Self::Time(time.to_owned())))
            .chain(months)
    }

    /// The format that all of `texts` have; `None` if there is none, or there are no texts.
    pub(crate) fn of<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        let first = texts.clone().next()?;
        // What has no digits, or is as long as a sentence, is not tried in a hundred ways.
        if first.len() > 40 || !first.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Self::all().find(|format| texts.clone().all(|text| format.seconds(text).is_some()))
    }

    /// The format that nearly all of `texts` have, which so many cells hold each: but for a few, such as the 30th of February. `None` if
    /// there is none.
    pub(crate) fn of_most(texts: &[(&str, usize)]) -> Option<Self> {
        let dated = |text: &str| text.len() <= 40 && text.bytes().any(|byte| byte.is_ascii_digit());
        let no_dates = texts.iter().filter(|(text, _)| !dated(text)).count();
        if no_dates > MOST_ODD {
            return None;
        }
        let cells = texts.iter().map(|(_, cells)| cells).sum();
        let odd = |format: &Self| {
            let none = texts
                .iter()
                .filter(|(text, _)| format.seconds(text).is_none());
            let few_texts: Vec<usize> = none.take(MOST_ODD + 1).map(|(_, cells)| *cells).collect();
            let odd = few_texts.iter().sum();
            few(few_texts.len(), odd, cells).then_some(odd)
        };
        let formats = Self::all().filter_map(|format| odd(&format).map(|odd| (odd, format)));
        formats
            .min_by_key(|(odd, _)| *odd)
            .map(|(_, format)| format)
    }

    /// Seconds since the beginning of 1970 in UTC, or of the day for a time alone.
    pub(crate) fn seconds(&self, text: &str) -> Option<f64> {
        let text = text.trim();
        match self {
            Self::Rfc3339 => DateTime::parse_from_rfc3339(text)
                .ok()
                .map(|time| in_seconds(time.naive_utc())),
            Self::Date(date, None) => {
                let date = NaiveDate::parse_from_str(text, date).ok()?;
                plausible(date).then(|| in_seconds(date.and_time(NaiveTime::MIN)))
            }
            Self::Date(date, Some((between, time))) => {
                let (day, hour) = text.split_once(*between).filter(|_| !date.contains(' '))?;
                let date = NaiveDate::parse_from_str(day, date).ok()?;
                let hour = hour.trim_end_matches('Z').trim();
                let time = NaiveTime::parse_from_str(hour, time).ok()?;
                plausible(date).then(|| in_seconds(date.and_time(time)))
            }
            Self::Time(time) => {
                let time = NaiveTime::parse_from_str(text, time).ok()?;
                Some(in_seconds(NaiveDate::default().and_time(time)))
            }
            Self::Month(month) => {
                let text = format!("{text} 1");
                let date = NaiveDate::parse_from_str(&text, &format!("{month} %d")).ok()?;
                plausible(date).then(|| in_seconds(date.and_time(NaiveTime::MIN)))
            }
        }
    }

    /// Whether the day might as well come before the month.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Date(date, _) if date.starts_with("%m") && date.contains("%d"))
    }
}

/// A year of four digits is read from two as well, as 20 after Christ.
fn plausible(date: NaiveDate) -> bool {
    use chrono::Datelike;
    (1000..=2999).contains(&date.year())
}

fn in_seconds(time: NaiveDateTime) -> f64 {
    let time = time.and_utc();
    time.timestamp() as f64 + f64::from(time.timestamp_subsec_micros()) * 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<f64> {
        Format::of([text].into_iter()).and_then(|format| format.seconds(text))
    }

    #[test]
    fn a_few_texts_among_dates_are_no_dates() {
        let dates: Vec<String> = (1..=28).map(|day| format!("2024-02-{day:02}")).collect();
        let with = |odd: &[(&'static str, usize)]| {
            let texts = dates.iter().map(|date| (date.as_str(), 20));
            let texts: Vec<(&str, usize)> = texts.chain(odd.iter().copied()).collect();
            Format::of_most(&texts)
        };
        let format = Format::Date("%Y-%m-%d".to_owned(), None);
        assert_eq!(with(&[]), Some(format.clone()));
        assert_eq!(with(&[("2024-02-30", 1), ("soon", 2)]), Some(format));
        // Too many cells, or too many texts.
        assert_eq!(with(&[("2024-02-30", 20)]), None);
        assert_eq!(with(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]), None);
        // The day comes first where that reads more of them.
        let texts = [("25/12/2024", 300), ("01/02/2024", 300), ("31/02/2024", 1)];
        let format = Format::of_most(&texts).unwrap();
        assert!(!format.is_ambiguous() && format.seconds("25/12/2024").is_some());
    }

    #[test]
    fn dates_are_seconds_however_they_are_written() {
        // 2012-01-05 is day 15344 after the beginning of 1970.
        let day = 15344.0 * 86400.0;
        for text in [
            "2012-01-05",
            "2012/01/05",
            "2012.01.05",
            "01/05/2012",
            "05.01.2012",
            "05-Jan-2012",
            "5 Jan 2012",
            "Jan 5, 2012",
            "January 5, 2012",
            "2012-01-05 00:00",
            "2012-01-05T00:00:00Z",
            "2012-01-05T02:00:00+02:00",
        ] {
            assert_eq!(seconds(text), Some(day), "{text}");
        }
        assert_eq!(seconds("2012-01-05 12:30"), Some(day + 45000.0));
        assert_eq!(seconds("2012-01"), Some(15340.0 * 86400.0));
        assert_eq!(seconds("06:30"), Some(23400.0));
    }

    #[test]
    fn the_day_comes_first_where_one_text_says_so() {
        let format = Format::of(["01/02/2012", "25/02/2012"].into_iter()).unwrap();
        assert_eq!(format, Format::Date("%d/%m/%Y".to_owned(), None));
        assert!(!format.is_ambiguous());
        assert!(
            Format::of(["01/02/2012"].into_iter())
                .unwrap()
                .is_ambiguous()
        );
    }

    #[test]
    fn what_is_no_date_has_no_format() {
        for text in [
            "",
            "male",
            "12",
            "3.5",
            "A/5 21171",
            "2012",
            "1-2",
            "13/13/2012",
            "12:99",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}

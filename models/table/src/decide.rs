//! What the cells of a column are, once all of them are there.

use crate::{
    column::{ColumnBuilder, MOST_ODD, Numbers, Texts},
    error::{listed, shortened},
    frame::{Cells, MISSING},
    missing::Missing,
    plain::{Plain, plain},
    style::{Amount, Style},
};

/// A column with all of its cells.
pub(crate) enum Decided {
    /// One whose cells need no second look.
    Cells(Cells, Remarks),
    /// One of which most texts may be numbers, in a style that is still to be found.
    Amounts(Texts, [usize; 8]),
}

/// What a person should know of how a column was read.
#[derive(Default)]
pub(crate) struct Remarks {
    /// How its numbers are written, without the name of the column.
    pub(crate) style: Option<String>,
    /// The texts that were taken as missing, how many cells have them, and the first row that does.
    pub(crate) odd: Option<(Vec<String>, usize, usize)>,
    /// The cells were read with decimal commas.
    pub(crate) commas: bool,
}

/// A text among numbers is a value that is missing if few are, `unknown`, and else the column is one of texts. Of `cells` that are not
/// empty `odd` are none, and there are `texts` different ones.
pub(crate) fn few(texts: usize, odd: usize, cells: usize) -> bool {
    texts <= MOST_ODD && odd.saturating_mul(100) <= cells
}

impl Decided {
    /// Looks at a column by itself.
    pub(crate) fn of(column: ColumnBuilder, missing: &Missing) -> Self {
        match column {
            ColumnBuilder::Numbers(mut numbers) => match numbers.remarks() {
                Some(remarks) => Self::Cells(Cells::Numbers(numbers.values), remarks),
                None => Self::of_texts(numbers.turned(), missing),
            },
            ColumnBuilder::Texts(texts) => Self::of_texts(texts, missing),
            ColumnBuilder::Typed { values, moments } => {
                let cells = if moments {
                    Cells::Times(values)
                } else {
                    Cells::Numbers(values)
                };
                Self::Cells(cells, Remarks::default())
            }
        }
    }

    fn of_texts(texts: Texts, missing: &Missing) -> Self {
        if !texts.said
            && let Some(read) = texts.amounts()
        {
            return Self::Amounts(texts, read);
        }
        Self::Cells(texts.into_texts(missing), Remarks::default())
    }

    /// Whether the column says that the file has decimal commas.
    pub(crate) fn commas(&self) -> bool {
        match self {
            Self::Cells(_, remarks) => remarks.commas,
            Self::Amounts(_, read) => Style::needs_commas(read),
        }
    }

    /// The cells, in a file of which it is known whether it has decimal commas.
    pub(crate) fn cells(self, commas: bool, missing: &Missing) -> (Cells, Remarks) {
        match self {
            Self::Cells(cells, remarks) => (cells, remarks),
            Self::Amounts(texts, read) => texts.in_style(Style::best(&read, commas), missing),
        }
    }
}

impl Numbers {
    /// What is to be said of the column, if it is one of numbers.
    fn remarks(&self) -> Option<Remarks> {
        let odd = self.odd_rows.len() - self.infinite.0;
        let texts = self.odd.len() - self.infinite.1;
        let numbers = self.values.iter().filter(|number| !number.is_nan()).count();
        if self.odd.iter().any(|text| Amount::of(text).is_some()) || !few(texts, odd, numbers + odd)
        {
            return None;
        }
        let commas = self.decimal == b',' && self.values.iter().any(|number| number.fract() != 0.);
        let odd = self.odd_rows.first().map(|(row, _)| {
            let texts = self.odd.iter().map(String::from).collect();
            (texts, self.odd_rows.len(), *row)
        });
        Some(Remarks {
            style: None,
            odd,
            commas,
        })
    }
}

impl Texts {
    /// How many cells each style reads; `None` if there are too many other texts for a column of numbers.
    fn amounts(&self) -> Option<[usize; 8]> {
        let cells = self.cells_by_level();
        let (mut amounts, mut others) = (Vec::new(), 0);
        let mut padded = false;
        let mut lengths = None;
        for (text, cells) in self.levels.iter().zip(cells) {
            match Amount::of(text) {
                Some(amount) => amounts.push((amount, cells)),
                None if plain(text.as_bytes(), b'.') == Plain::Infinite => {}
                None if others == MOST_ODD => return None,
                None => others += 1,
            }
            padded |= matches!(plain(text.as_bytes(), b'.'), Plain::Padded(_));
            lengths = match lengths {
                None => Some(Some(text.len())),
                Some(length) => Some(length.filter(|length| *length == text.len())),
            };
        }
        let identifiers = padded && matches!(lengths, Some(Some(_)));
        (!amounts.is_empty() && !identifiers).then(|| Style::read_by_each(&amounts))
    }

    /// The texts, without those that are a number that is missing.
    fn into_texts(self, missing: &Missing) -> Cells {
        let number = |text: &str| match plain(text.as_bytes(), b'.') {
            Plain::Number(number) | Plain::Padded(number) => missing.number(number),
            _ => false,
        };
        let gone: Vec<bool> = self.levels.iter().map(number).collect();
        self.into_cells(|code| !gone[code as usize])
    }

    fn cells_by_level(&self) -> Vec<usize> {
        let mut cells = vec![0; self.levels.len()];
        for &code in self.codes.iter().filter(|code| **code != MISSING) {
            cells[code as usize] += 1;
        }
        cells
    }

    /// The numbers, or the texts if too few of them are numbers in this style.
    fn in_style(self, style: Style, missing: &Missing) -> (Cells, Remarks) {
        let cells = self.cells_by_level();
        let mut numbers = Vec::with_capacity(self.levels.len());
        let (mut odd, mut odd_cells, mut finite) = (Vec::new(), 0, 0);
        let mut seen = Seen::default();
        for ((code, text), cells) in (0_u32..).zip(self.levels.iter()).zip(&cells) {
            let amount = Amount::of(text);
            let number = amount.and_then(|amount| Some((amount, amount.read(style)?)));
            if let Some((amount, number)) = number {
                seen.add(text, amount, number, style);
            } else {
                odd.push(code);
                let infinite = plain(text.as_bytes(), b'.') == Plain::Infinite;
                finite += usize::from(!infinite);
                odd_cells += if infinite { 0 } else { *cells };
            }
            let number = number.map(|(_, number)| number);
            let number = number.filter(|number| !missing.number(*number));
            numbers.push(number.unwrap_or(f64::NAN));
        }
        if !seen.are_amounts() || !few(finite, odd_cells, cells.iter().sum()) {
            return (self.into_texts(missing), Remarks::default());
        }
        let first = self.codes.iter().position(|code| odd.contains(code));
        let odd = first.map(|first| {
            let texts = odd.iter().map(|code| self.levels.get(*code).to_owned());
            let cells = odd.iter().map(|code| cells[*code as usize]).sum();
            (texts.collect(), cells, first)
        });
        let number = |code: &u32| numbers.get(*code as usize).copied().unwrap_or(f64::NAN);
        let numbers = Cells::Numbers(self.codes.iter().map(number).collect());
        let remarks = Remarks {
            odd,
            style: seen.words(style),
            commas: seen.commas,
        };
        (numbers, remarks)
    }
}

/// What there is in the numbers of a column beside digits.
#[derive(Default)]
struct Seen<'a> {
    units: Vec<&'a str>,
    parentheses: bool,
    commas: bool,
    thousands: bool,
    /// The first number that is not written as programs do.
    example: Option<(&'a str, f64)>,
}

impl<'a> Seen<'a> {
    fn add(&mut self, text: &'a str, amount: Amount<'a>, number: f64, style: Style) {
        let (commas, thousands) = style.seen(amount);
        self.commas |= commas;
        self.thousands |= thousands;
        self.parentheses |= amount.parentheses;
        if let Some(unit) = amount.unit
            && !self.units.contains(&unit)
        {
            self.units.push(unit);
        }
        if text.parse::<f64>().is_err() {
            self.example.get_or_insert((text, number));
        }
    }

    /// Whether they are amounts of one kind: two currencies are not to be compared, and a number in parentheses is a footnote as often
    /// as an amount of money.
    fn are_amounts(&self) -> bool {
        self.units.len() <= 1 && (!self.parentheses || !self.units.is_empty() || self.thousands)
    }

    fn words(&self, style: Style) -> Option<String> {
        let (text, number) = self.example?;
        let unit = self.units.first().map(|unit| match *unit {
            "%" => "per cent".to_owned(),
            unit => format!("`{unit}`"),
        });
        let thousands = self.thousands.then(|| style.thousands());
        let parentheses = self.parentheses.then(|| "parentheses for minus".to_owned());
        let words: Vec<String> = [thousands, unit, parentheses]
            .into_iter()
            .flatten()
            .collect();
        let text = shortened(text);
        (!words.is_empty()).then(|| format!("`{text}` is read as {number}: {}", words.join(", ")))
    }
}

impl Remarks {
    /// As sentences.
    pub(crate) fn notes(&self, column: &str, place: impl Fn(usize) -> String) -> Vec<String> {
        let column = shortened(column);
        let style = self
            .style
            .iter()
            .map(|style| format!("column `{column}`: {style}"));
        let odd = self.odd.iter().map(|(texts, cells, row)| {
            format!(
                "column `{column}` is of numbers: {cells} other {} taken as missing: {}, the first in {}",
                if *cells == 1 { "cell is" } else { "cells are" },
                listed(texts),
                place(*row),
            )
        });
        style.chain(odd).collect()
    }
}

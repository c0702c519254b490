//! Axes: ranges, ticks, and numbers in plain notation.

use super::statistics::drawable;

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    /// Ticks at powers of ten.
    Log10,
    /// Ticks at powers of two.
    Log2,
}

impl Scale {
    /// The value in the space where the axis is even; `None` if it has no place there.
    fn even(self, value: f64) -> Option<f64> {
        match self {
            _ if !drawable(value) => None,
            Self::Linear => Some(value),
            Self::Log10 | Self::Log2 if value <= 0.0 => None,
            Self::Log10 => Some(value.log10()),
            Self::Log2 => Some(value.log2()),
        }
    }
}

/// A range of values with its ticks.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    scale: Scale,
    /// Bounds in the even space.
    low: f64,
    high: f64,
    /// Values and their labels.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis that holds all the values that can be drawn, with a small margin and at most about `ticks` ticks.
    pub(super) fn around(
        scale: Scale,
        values: impl IntoIterator<Item = f64>,
        ticks: usize,
    ) -> Self {
        let (low, high) = values
            .into_iter()
            .filter_map(|value| scale.even(value))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                (low.min(v), high.max(v))
            });
        if low > high {
            return Self::between(scale, 0.0, 1.0, ticks);
        }
        let span = high - low;
        // A span that rounding could have made counts as none: the value then stands in the middle.
        let margin = if span <= 1e-6 * low.abs().max(high.abs()) || span == 0.0 {
            match scale {
                Scale::Linear if low == 0.0 => 1.0,
                Scale::Linear => 0.1 * low.abs().max(1e-9),
                Scale::Log10 => 0.3,
                Scale::Log2 => 1.0,
            }
        } else {
            0.05 * span
        };
        Self::between(scale, low - margin, high + margin, ticks)
    }

    /// A linear axis from `low` to `high`, without margin.
    pub(super) fn linear(low: f64, high: f64, ticks: usize) -> Self {
        Self::between(Scale::Linear, low, high.max(low + 1e-9), ticks)
    }

    /// The same axis with ticks at whole numbers alone, for what is counted.
    pub(super) fn counted(mut self) -> Self {
        self.ticks.retain(|(value, _)| value.fract() == 0.0);
        self
    }

    fn between(scale: Scale, low: f64, high: f64, ticks: usize) -> Self {
        let values = match scale {
            Scale::Linear => linear_ticks(low, high, ticks),
            Scale::Log10 => log10_ticks(low, high, ticks),
            Scale::Log2 => {
                let powers: Vec<f64> = whole_powers(low, high, ticks).map(f64::exp2).collect();
                // Less than two octaves may hold a single power or none.
                if powers.len() < 2 {
                    linear_ticks(low.exp2(), high.exp2(), ticks)
                } else {
                    powers
                }
            }
        };
        let ticks = values.into_iter().map(|v| (v, plain(v))).collect();
        Self {
            scale,
            low,
            high,
            ticks,
        }
    }

    /// Where the value stands, from 0 at the low end to 1 at the high end; `None` if it cannot be drawn.
    pub(super) fn position(&self, value: f64) -> Option<f64> {
        let even = self.scale.even(value)?;
        Some(((even - self.low) / (self.high - self.low)).clamp(0.0, 1.0))
    }
}

/// Multiples of 1, 2 or 5 times a power of ten.
fn linear_ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let rough = (high - low) / most.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * (1.0 - 1e-9))
        .unwrap_or(rough);
    let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    // Never more than asked for, whatever rounding does to extreme ranges.
    (0..=most)
        .map(|i| first + i as f64)
        .take_while(|i| *i <= last)
        .map(|i| i * step)
        .collect()
}

/// Powers of ten; with 2 and 5 in between, or linear ticks, where the range has too few of them.
fn log10_ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let decades: Vec<f64> = whole_powers(low, high, most)
        .map(|exponent| 10f64.powf(exponent))
        .collect();
    if decades.len() >= 3 {
        return decades;
    }
    let finer: Vec<f64> = ((low.floor() as i64)..=(high.ceil() as i64))
        .flat_map(|exponent| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powf(exponent as f64)))
        .filter(|value| (low..=high).contains(&value.log10()))
        .collect();
    if (3..=most.max(3)).contains(&finer.len()) {
        return finer;
    }
    if finer.len() > most {
        return decades;
    }
    linear_ticks(10f64.powf(low), 10f64.powf(high), most)
        .into_iter()
        .filter(|value| *value > 0.0)
        .collect()
}

/// Whole numbers from `low` to `high`, at most about `most` of them.
fn whole_powers(low: f64, high: f64, most: usize) -> impl Iterator<Item = f64> {
    let (first, last) = (low.ceil() as i64, high.floor() as i64);
    let count = (last - first + 1).max(0) as usize;
    (first..=last)
        .step_by(count.div_ceil(most.max(1)).max(1))
        .map(|exponent| exponent as f64)
}

/// A number as people write it: 0.001, 250, 1e-5.
pub(super) fn plain(value: f64) -> String {
    let size = value.abs();
    let trim = |digits: String| -> String {
        if digits.contains('.') {
            digits
                .trim_end_matches('0')
                .trim_end_matches('.')
                .to_owned()
        } else {
            digits
        }
    };
    let text = if size < 1e-12 {
        "0".to_owned()
    } else if (0.999_999e-3..1e6).contains(&size) {
        trim(format!("{value:.6}"))
    } else {
        let scientific = format!("{value:.3e}");
        match scientific.split_once('e') {
            Some((digits, exponent)) => format!("{}e{exponent}", trim(digits.to_owned())),
            None => scientific,
        }
    };
    // The sign becomes a minus; the hyphen of an exponent stays as people type it.
    text.replacen('-', "−", usize::from(value < 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn a_range_of_less_than_an_octave_has_ticks_too() {
        let labels = |values: [f64; 2]| {
            let axis = Axis::around(Scale::Log2, values, 6);
            axis.ticks
                .iter()
                .map(|(value, _)| *value)
                .collect::<Vec<_>>()
        };
        assert_eq!(labels([16.0, 256.0]), [16.0, 32.0, 64.0, 128.0, 256.0]);
        let narrow = labels([88.0, 124.0]);
        assert!(
            narrow.len() >= 2 && narrow.iter().all(|x| (80.0..130.0).contains(x)),
            "{narrow:?}"
        );
    }

    #[test]
    fn numbers_are_plain() {
        let cases = [
            (0.0, "0"),
            (0.001, "0.001"),
            (1e-5, "1e-5"),
            (2.5e-4, "2.5e-4"),
            (250.0, "250"),
            (-0.25, "−0.25"),
            (-2e-4, "−2e-4"),
            (2e6, "2e6"),
            (3.0 * 0.1, "0.3"),
        ];
        for (value, text) in cases {
            assert_eq!(plain(value), text);
        }
    }

    #[test]
    fn ticks_fit_the_scale() {
        assert_eq!(
            labels(&Axis::linear(0.0, 1.0, 5)),
            ["0", "0.2", "0.4", "0.6", "0.8", "1"]
        );
        let rates = Axis::around(Scale::Log10, [1e-5, 0.1], 6);
        assert_eq!(labels(&rates), ["1e-5", "1e-4", "0.001", "0.01", "0.1"]);
        let updates = Axis::linear(7.0, 9.0, 8).counted();
        assert_eq!(labels(&updates), ["7", "8", "9"]);
        let batches = Axis::around(Scale::Log2, [16.0, 256.0], 6);
        assert_eq!(labels(&batches), ["16", "32", "64", "128", "256"]);
        let ratios = Axis::around(Scale::Log10, [0.4, 3.0], 6);
        assert_eq!(labels(&ratios), ["0.5", "1", "2"]);
    }

    #[test]
    fn every_range_has_an_axis() {
        let cases: [&[f64]; 7] = [
            &[],
            &[f64::NAN, f64::INFINITY, -1.0, 0.0],
            &[0.1],
            &[1.0, 1.0 + 1e-12],
            &[-1e300, 1e300],
            &[1e-140, 1e140],
            &[-1e140, 1e140],
        ];
        for scale in [Scale::Linear, Scale::Log10, Scale::Log2] {
            for values in cases {
                let axis = Axis::around(scale, values.iter().copied(), 6);
                assert!(axis.low < axis.high, "{scale:?} {values:?}");
                assert!(axis.ticks.len() < 10, "{scale:?} {values:?}");
                for value in values {
                    let at = axis.position(*value);
                    assert!(at.is_none_or(|at| (0.0..=1.0).contains(&at)));
                }
            }
        }
        assert_eq!(Axis::around(Scale::Log10, [0.1], 6).position(0.0), None);
        assert_eq!(
            Axis::around(Scale::Linear, [5.0], 6).position(5.0),
            Some(0.5)
        );
    }
}

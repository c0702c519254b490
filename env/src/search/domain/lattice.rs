//! Numbers that are equal steps apart.

use super::ROUNDING;

/// The numbers `low + k q` for `k` from 0 to `last`. Each is what its neighbourhood of half a `q` to both sides is rounded
/// to, so that the first and the last are as likely as the others.
#[derive(Clone, Copy)]
pub(super) struct Lattice {
    pub(super) low: f64,
    pub(super) q: f64,
    pub(super) last: f64,
    pub(super) log: bool,
}

impl Lattice {
    pub(super) fn value(&self, k: f64) -> f64 {
        let value = self.low + k * self.q;
        // 0.1 + 2 x 0.1 is not 0.3. Twelve digits are what was meant, unless the numbers are so large that it takes more to tell them
        // apart.
        let rounded: f64 = format!("{value:.12e}").parse().unwrap_or(value);
        if self.q == 1.0 || (rounded - value).abs() > ROUNDING * self.q {
            value
        } else {
            rounded
        }
    }

    fn scale(&self, x: f64) -> f64 {
        if self.log { x.ln() } else { x }
    }

    /// The ends of the scale: half a `q` beyond the first and the last value.
    fn ends(&self) -> (f64, f64) {
        (
            self.scale(self.low - self.q / 2.0),
            self.scale(self.low + (self.last + 0.5) * self.q),
        )
    }

    pub(super) fn decode(&self, u: f64) -> f64 {
        let (from, to) = self.ends();
        let at = from + u * (to - from);
        let x = if self.log { at.exp() } else { at };
        self.value(((x - self.low) / self.q).round().min(self.last).max(0.0))
    }

    pub(super) fn cell(&self, x: f64) -> (f64, f64) {
        let (from, to) = self.ends();
        let k = ((x - self.low) / self.q).round();
        let at = |k: f64| (self.scale(self.low + k * self.q) - from) / (to - from);
        (at(k - 0.5).clamp(0.0, 1.0), at(k + 0.5).clamp(0.0, 1.0))
    }

    pub(super) fn has(&self, x: f64) -> bool {
        let k = ((x - self.low) / self.q).round();
        k >= 0.0 && k <= self.last && (self.low + k * self.q - x).abs() <= ROUNDING * self.q
    }
}

//! Quantile loss.

/// `q e` of an output that is `e` too low, and `(1 - q) |e|` of one that is too high (Koenker and Bassett 1978, "Regression quantiles"). It is
/// lowest where the share `q` of the targets is below the output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// The share `q`, above 0 and below 1.
    pub quantile: f64,
}

impl Quantile {
    /// Loss and slope of one output; the slope is 0 where there is no error.
    pub fn row(&self, output: f64, target: f64) -> (f64, f64) {
        let error = target - output;
        if error > 0.0 {
            (self.quantile * error, -self.quantile)
        } else if error < 0.0 {
            ((self.quantile - 1.0) * error, 1.0 - self.quantile)
        } else {
            // What is not a number stays one.
            (error, error)
        }
    }
}

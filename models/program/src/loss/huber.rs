//! Huber's loss.

/// `e^2 / 2` of an error `e` of at most `delta` either way, and `delta (|e| - delta / 2)` beyond (Huber 1964, "Robust estimation of a
/// location parameter"): rows that are far off pull no harder than those that are `delta` off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Huber {
    /// Above 0.
    pub delta: f64,
}

impl Huber {
    /// Loss and slope of one output.
    pub fn row(&self, output: f64, target: f64) -> (f64, f64) {
        let error = output - target;
        let near = error.clamp(-self.delta, self.delta);
        (near * (error - near / 2.0), near)
    }
}

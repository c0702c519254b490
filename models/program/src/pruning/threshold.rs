//! The moving average that the importance of units is compared with.

/// `tau_t = a tau_(t-1) + (1 - a) m_t`, where `m_t` is the mean importance of a layer's units at the update `t` that was looked at. It begins
/// at the first mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    smoothing: f64,
    value: Option<f64>,
}

impl Threshold {
    /// Before the first update, with the smoothing `a`, at least 0 and below 1.
    pub fn new(smoothing: f64) -> Self {
        Self {
            smoothing,
            value: None,
        }
    }

    /// Takes the importance of all units of the layer.
    pub fn update(&mut self, importance: &[f64]) {
        let mean = importance.iter().sum::<f64>() / importance.len().max(1) as f64;
        let a = self.smoothing;
        self.value = Some(match self.value {
            Some(before) => a * before + (1.0 - a) * mean,
            None => mean,
        });
    }

    /// Where it stands; `None` before the first update.
    pub fn value(&self) -> Option<f64> {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_mean_as_the_formula_says() {
        let mut tau = Threshold::new(0.75);
        assert_eq!(tau.value(), None);
        tau.update(&[1.0, 3.0]);
        assert_eq!(tau.value(), Some(2.0));
        tau.update(&[6.0, 4.0, 8.0]);
        assert_eq!(tau.value(), Some(0.75 * 2.0 + 0.25 * 6.0));
    }
}

//! New tokens, one after the other.

use crate::error::ensure;
use crate::{Llama, Result};
use rand::{Rng, RngExt};

/// How a token is chosen from its logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// The most probable token; of equals the first.
    Greedy,
    /// Drawn from the nucleus (Holtzman et al. 2020, "The curious case of neural text degeneration", section 3.1): the fewest most
    /// probable tokens that have a probability of `top_p` together.
    Nucleus {
        /// Logits are divided by it: below 1 probable tokens become more so.
        temperature: f64,
        /// The probability of the nucleus, above 0; 1 draws from all tokens.
        top_p: f64,
    },
}

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Generation {
    /// New tokens at most; a token of `eos_token_id` ends a text earlier.
    pub tokens: usize,
    /// How a token is chosen.
    pub sampling: Sampling,
    /// The seed of what is drawn.
    pub seed: u64,
    /// Whether keys and values are kept. Without, every position is computed again for every token.
    pub cache: bool,
}

impl Llama {
    /// The tokens that come after `prompt`, with the one that ends the text if there is one. Where the text is longer than the model has
    /// positions, it sees the last of them: it begins anew with the last half each time they are used up.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for an empty prompt, unknown tokens, a prompt of more positions than the model has, or a number of [`Sampling`] out
    /// of bounds.
    pub fn generate(&self, prompt: &[u32], generation: &Generation) -> Result<Vec<u32>> {
        let Generation {
            tokens,
            sampling,
            seed,
            cache: cached,
        } = *generation;
        sampling.validate()?;
        let most = self.config().max_position_embeddings;
        let mut rng = trimtab_env::stream(seed, "tokens", 0);
        let mut text = prompt.to_vec();
        let mut cache = self.cache();
        // Where in the text the first position is.
        let mut begin = 0;
        // Refuses what is no text, also if there is nothing to generate.
        let mut next = self.tokens(&[text.clone()])?;
        for _ in 0..tokens {
            if !cached {
                cache = self.cache();
            }
            let logits = self.forward_cached(next, &mut cache);
            let [_, positions, _] = logits.dims();
            let last = logits.narrow(1, positions - 1, 1).into_data();
            let token = sampling.choose(&last.iter::<f32>().collect::<Vec<f32>>(), &mut rng);
            text.push(token);
            if self.config().eos_token_id.contains(&token) {
                break;
            }
            let full = text.len() - begin > most;
            if full {
                begin = text.len() - most.div_ceil(2);
                cache = self.cache();
            }
            let unseen = if cached && !full {
                text.len() - 1
            } else {
                begin
            };
            next = self.tokens(&[text[unseen..].to_vec()])?;
        }
        Ok(text.split_off(prompt.len()))
    }
}

impl Sampling {
    /// # Errors
    /// [`crate::Error::Config`] naming the number that is out of bounds.
    pub fn validate(&self) -> Result<()> {
        const ORIGIN: &str = "sampling";
        let Self::Nucleus { temperature, top_p } = *self else {
            return Ok(());
        };
        let good = temperature > 0.0 && temperature.is_finite();
        ensure(good, ORIGIN, "temperature", temperature, "a number above 0")?;
        let good = top_p > 0.0 && top_p <= 1.0;
        ensure(
            good,
            ORIGIN,
            "top_p",
            top_p,
            "a number above 0, and 1 at most",
        )
    }

    /// A token by these logits.
    fn choose(&self, logits: &[f32], rng: &mut impl Rng) -> u32 {
        // A stable sort: of equals the first stays first. Tokens are counted in 32 bits, as configs bound vocabularies.
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        let logit = |token: u32| f64::from(logits[token as usize]);
        order.sort_by(|a, b| logit(*b).total_cmp(&logit(*a)));
        let most = logit(order[0]);
        let Self::Nucleus { temperature, top_p } = *self else {
            return order[0];
        };
        let weight = |token: u32| ((logit(token) - most) / temperature).exp();
        let all: f64 = order.iter().map(|token| weight(*token)).sum();

        let mut nucleus = 0;
        let mut within = 0.0;
        while nucleus < order.len() && within < top_p * all {
            within += weight(order[nucleus]);
            nucleus += 1;
        }
        let mut left = rng.random::<f64>() * within;
        let drawn = order[..nucleus].iter().find(|token| {
            left -= weight(**token);
            left < 0.0
        });
        // Rounding may leave a little after the last.
        *drawn.unwrap_or(&order[nucleus.saturating_sub(1)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(sampling: Sampling, logits: &[f32]) -> Vec<f64> {
        const DRAWS: usize = 20_000;
        let mut rng = trimtab_env::stream(1, "draws", 0);
        let mut counts = vec![0.0; logits.len()];
        for _ in 0..DRAWS {
            counts[sampling.choose(logits, &mut rng) as usize] += 1.0 / DRAWS as f64;
        }
        counts
    }

    #[test]
    fn the_nucleus_is_the_fewest_tokens_with_enough_probability() {
        // Probabilities of 0.1, 0.5, 0.15 and 0.25.
        let logits = [0.1f32, 0.5, 0.15, 0.25].map(f32::ln);
        let nucleus = |temperature, top_p| Sampling::Nucleus { temperature, top_p };
        let close = |shares: Vec<f64>, expected: [f64; 4]| {
            for (share, expected) in shares.iter().zip(expected) {
                // Five standard deviations of a share of 20 000 draws at most.
                assert!((share - expected).abs() < 0.018, "{shares:?}");
            }
        };
        close(shares(nucleus(1.0, 1.0), &logits), [0.1, 0.5, 0.15, 0.25]);
        close(
            shares(nucleus(1.0, 0.7), &logits),
            [0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0],
        );
        close(shares(nucleus(1.0, 0.4), &logits), [0.0, 1.0, 0.0, 0.0]);
        // A temperature of a half squares probabilities.
        let squares = [0.01, 0.25, 0.0225, 0.0625].map(|square| square / 0.345);
        close(shares(nucleus(0.5, 1.0), &logits), squares);
        close(shares(nucleus(1e-9, 1.0), &logits), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn greedy_takes_the_first_of_the_largest() {
        assert_eq!(
            shares(Sampling::Greedy, &[0.5, 2.0, 2.0, -1.0])[1].round(),
            1.0
        );
    }

    #[test]
    fn numbers_out_of_bounds_are_named() {
        for (temperature, top_p, field) in [
            (0.0, 1.0, "temperature: 0"),
            (f64::NAN, 1.0, "temperature: NaN"),
            (1.0, 0.0, "top_p: 0"),
            (1.0, 1.5, "top_p: 1.5"),
        ] {
            let sampling = Sampling::Nucleus { temperature, top_p };
            let message = sampling.validate().unwrap_err().to_string();
            assert!(message.contains(field), "{message}");
        }
    }
}

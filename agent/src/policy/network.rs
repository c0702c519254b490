//! Actor and critic.

use crate::policy::perceptron::{Activation, Layer, Perceptron};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use trimtab_program::{Mlp, Program};

/// A policy network and a value network that share nothing (Andrychowicz et al. 2021 found that to be better), to be trained together:
/// their weights are one vector.
#[derive(Clone, Debug)]
pub struct ActorCritic {
    /// Observation to logits, one block for each head.
    actor: Mlp,
    /// Observation to value.
    critic: Mlp,
    activation: Activation,
    /// Those of the actor, then those of the critic.
    pub(crate) weights: Vec<f32>,
}

impl ActorCritic {
    /// Networks with these hidden widths, initialised orthogonally: gain `sqrt(2)` in hidden layers, 0.01 for the
    /// policy's output and 1 for the value's, biases 0 (detail 2 of CleanRL's list).
    pub fn new(
        features: usize,
        hidden: &[usize],
        activation: Activation,
        logits: usize,
        rng: &mut impl Rng,
    ) -> Self {
        let mut perceptron = |outputs: usize, gain: f32| {
            let ends = [outputs];
            let mut inputs = features;
            let widths = hidden.iter().chain(&ends).enumerate();
            let layers = widths.map(|(index, width)| {
                let gain = if index == hidden.len() {
                    gain
                } else {
                    2f32.sqrt()
                };
                let weight = orthogonal(inputs, *width, gain, rng);
                inputs = *width;
                let bias = vec![0.0; *width];
                Layer { weight, bias }
            });
            let layers = layers.collect();
            Perceptron { activation, layers }
        };
        let actor = perceptron(logits, 0.01);
        Self::from_perceptrons(&actor, &perceptron(1, 1.0))
    }

    /// Networks with given weights, of the actor's nonlinearity.
    pub fn from_perceptrons(actor: &Perceptron, critic: &Perceptron) -> Self {
        let weights = [actor, critic].into_iter().flat_map(Perceptron::weights);
        Self {
            weights: weights.collect(),
            actor: program(actor),
            critic: program(critic),
            activation: actor.activation,
        }
    }

    /// The policy network by itself.
    pub fn actor(&self) -> Perceptron {
        perceptron(&self.actor, self.split().0, self.activation)
    }

    /// The value network by itself.
    pub fn critic(&self) -> Perceptron {
        perceptron(&self.critic, self.split().1, self.activation)
    }

    /// The weights of each.
    fn split(&self) -> (&[f32], &[f32]) {
        self.weights.split_at(self.actor.weights())
    }

    /// Logits and values of some observations.
    ///
    /// # Shapes
    /// - observations: `[batch, features]`
    /// - logits: `[batch, sum of choices]`
    /// - values: `[batch]`
    pub fn forward(&mut self, observations: &[f32]) -> (&[f32], &[f32]) {
        let (actor, critic) = self.weights.split_at(self.actor.weights());
        (
            self.actor.forward(actor, observations),
            self.critic.forward(critic, observations),
        )
    }

    /// The values of some observations, `[batch]`.
    pub fn values(&mut self, observations: &[f32]) -> &[f32] {
        let (_, critic) = self.weights.split_at(self.actor.weights());
        self.critic.forward(critic, observations)
    }

    /// The gradient with respect to all weights, from those with respect to what the last [`ActorCritic::forward`] gave, of the same
    /// observations.
    pub fn backward(
        &mut self,
        observations: &[f32],
        logit_gradient: &[f32],
        value_gradient: &[f32],
        gradient: &mut Vec<f32>,
    ) {
        gradient.resize(self.weights.len(), 0.0);
        let (actor, critic) = self.weights.split_at(self.actor.weights());
        let (of_actor, of_critic) = gradient.split_at_mut(actor.len());
        self.actor
            .backward(actor, observations, logit_gradient, of_actor);
        self.critic
            .backward(critic, observations, value_gradient, of_critic);
    }
}

fn program(perceptron: &Perceptron) -> Mlp {
    let activation = match perceptron.activation {
        Activation::Tanh => trimtab_program::Activation::Tanh,
        Activation::Relu => trimtab_program::Activation::Relu,
    };
    Mlp::new(&perceptron.widths(), activation)
}

fn perceptron(program: &Mlp, weights: &[f32], activation: Activation) -> Perceptron {
    let (pairs, _) = program.tensors().as_chunks::<2>();
    let layers = pairs.iter().map(|[weight, bias]| Layer {
        weight: weights[weight.clone()].to_vec(),
        bias: weights[bias.clone()].to_vec(),
    });
    Perceptron {
        activation,
        layers: layers.collect(),
    }
}

/// A random `rows` by `columns` matrix with orthonormal rows or columns, whichever are fewer, times `gain` (Saxe et al.
/// 2014), by Gram and Schmidt on normal draws.
fn orthogonal(rows: usize, columns: usize, gain: f32, rng: &mut impl Rng) -> Vec<f32> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        let mut vector: Vec<f64> = (0..length).map(|_| StandardNormal.sample(rng)).collect();
        // Twice is enough for orthogonality to rounding (Kahan and Parlett).
        for _ in 0..2 {
            for other in &basis {
                let dot: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector
                    .iter_mut()
                    .zip(other)
                    .for_each(|(a, b)| *a -= dot * b);
            }
        }
        let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm > 1e-6 {
            vector.iter_mut().for_each(|x| *x /= norm);
            basis.push(vector);
        }
    }
    (0..rows * columns)
        .map(|index| {
            let (row, column) = (index / columns, index % columns);
            let x = if rows <= columns {
                basis[row][column]
            } else {
                basis[column][row]
            };
            x as f32 * gain
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_env::stream;

    #[test]
    fn orthogonal_matrices_are_orthogonal() {
        for (rows, columns) in [(4, 7), (7, 4), (5, 5)] {
            let matrix = orthogonal(rows, columns, 2.0, &mut stream(1, "weights", 0));
            let (few, many) = (rows.min(columns), rows.max(columns));
            let at = |i: usize, k: usize| {
                if rows <= columns {
                    matrix[i * columns + k]
                } else {
                    matrix[k * columns + i]
                }
            };
            for i in 0..few {
                for j in 0..few {
                    let dot: f32 = (0..many).map(|k| at(i, k) * at(j, k)).sum();
                    let wanted = if i == j { 4.0 } else { 0.0 };
                    assert!(
                        (dot - wanted).abs() < 1e-4,
                        "{rows}x{columns} {i} {j}: {dot}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_acting_path_equals_the_training_path() {
        let input = [0.3, -1.0, 2.0, 0.0, -0.5];
        for activation in [Activation::Tanh, Activation::Relu] {
            let mut rng = stream(3, "weights", 0);
            let mut networks = ActorCritic::new(5, &[16, 8], activation, 7, &mut rng);
            let (actor, critic) = (networks.actor(), networks.critic());
            assert!(actor.fits(5, 7) && critic.fits(5, 1));
            let again = ActorCritic::from_perceptrons(&actor, &critic);
            assert_eq!(again.weights, networks.weights);
            let (logits, values) = networks.forward(&input);
            for (plain, wanted) in [(actor, logits), (critic, values)] {
                let mut scratch = Default::default();
                let got = plain.forward(&input, &mut scratch);
                let mut pairs = got.iter().zip(wanted);
                assert!(
                    pairs.all(|(a, b)| (a - b).abs() < 1e-6),
                    "{got:?} {wanted:?}"
                );
            }
        }
    }
}

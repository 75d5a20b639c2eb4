//! One token from logits.

use burn::tensor::Tensor;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Decoding;

/// Chooses the tokens of one sample.
pub(super) enum Picker {
    Likeliest,
    Draw { temperature: f64, top_p: f64, random: Box<ChaCha8Rng> },
}

impl Picker {
    /// `key` tells the draws of one prompt from those of another.
    pub(super) fn new(decoding: &Decoding, key: u64) -> Self {
        match *decoding {
            Decoding::Sample { temperature, top_p, seed } => {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                random.set_stream(key);
                Self::Draw { temperature, top_p, random: Box::new(random) }
            }
            _ => Self::Likeliest,
        }
    }
}

/// The next token of each row of `logits` `[batch, vocabulary]`.
pub(super) fn choose(logits: Tensor<2>, pickers: &mut [Picker]) -> Vec<u32> {
    if pickers.iter().all(|picker| matches!(picker, Picker::Likeliest)) {
        return logits.argmax(1).into_data().iter::<i64>().map(|token| u32::try_from(token).unwrap_or(0)).collect();
    }
    let vocabulary = logits.dims()[1];
    let values: Vec<f32> = logits.into_data().iter::<f32>().collect();
    values.chunks_exact(vocabulary).zip(pickers).map(|(row, picker)| picker.pick(row)).collect()
}

impl Picker {
    fn pick(&mut self, logits: &[f32]) -> u32 {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&left, &right| logits[right].total_cmp(&logits[left]).then(left.cmp(&right)));
        let best = order.first().copied().unwrap_or(0);
        let Self::Draw { temperature, top_p, random } = self else { return best as u32 };
        let weight = |token: usize| (f64::from(logits[token] - logits[best]) / *temperature).exp();
        let total: f64 = order.iter().map(|&token| weight(token)).sum();
        // The fewest likeliest tokens that reach `top_p`; never none.
        let mut kept = 0.0;
        let count = order.iter().position(|&token| {
            kept += weight(token) / total;
            kept >= *top_p
        });
        let nucleus = &order[..count.map_or(order.len(), |last| last + 1)];
        let mass: f64 = nucleus.iter().map(|&token| weight(token)).sum();
        let mut left = uniform(random) * mass;
        let drawn = nucleus.iter().find(|&&token| {
            left -= weight(token);
            left < 0.0
        });
        drawn.or(nucleus.last()).copied().unwrap_or(best) as u32
    }
}

fn uniform(random: &mut impl Rng) -> f64 {
    random.random::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(temperature: f64, top_p: f64) -> Vec<u32> {
        let mut picker = Picker::new(&Decoding::Sample { temperature, top_p, seed: 5 }, 1);
        (0..4000).map(|_| picker.pick(&[0.0, 1.0, 2.0, -30.0])).collect()
    }

    fn share(draws: &[u32], token: u32) -> f64 {
        draws.iter().filter(|&&drawn| drawn == token).count() as f64 / draws.len() as f64
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let found = draws(1.0, 1.0);
        let total: f64 = 1.0 + 1f64.exp() + 2f64.exp();
        for (token, expected) in [(0, 1.0 / total), (1, 1f64.exp() / total), (2, 2f64.exp() / total)] {
            // Four standard deviations of 4000 draws.
            assert!((share(&found, token) - expected).abs() < 0.032, "{token}: {}", share(&found, token));
        }
        let sharp = draws(0.5, 1.0);
        assert!(share(&sharp, 2) > share(&found, 2) + 0.1);
    }

    #[test]
    fn a_nucleus_leaves_the_tail_out() {
        // Probabilities 0.665, 0.245, 0.09.
        assert_eq!(share(&draws(1.0, 0.6), 2), 1.0);
        let two = draws(1.0, 0.7);
        assert_eq!(share(&two, 0), 0.0);
        assert!(share(&two, 1) > 0.2);
    }
}

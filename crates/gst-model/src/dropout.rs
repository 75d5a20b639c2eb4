//! Dropout whose masks follow a seed that its thread was given.
//!
//! Burn draws masks from one generator for the whole process: passes that run side by side would take from it in any order, and
//! on the CPU its draws cost more than what they multiply. A thread that was given a seed draws masks from a generator of its
//! own, on the host; any other leaves them to the device.

use std::cell::RefCell;

use burn::module::Module;
use burn::nn;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

thread_local! {
    static MASKS: RefCell<Option<Xoshiro256PlusPlus>> = const { RefCell::new(None) };
}

/// Levels of a keep probability: masks know it to 1 / 65,536.
const LEVELS: f64 = 65_536.0;

/// Runs `pass` on this thread with dropout masks that depend on `seed` alone.
pub fn seeded<T>(seed: u64, pass: impl FnOnce() -> T) -> T {
    /// Puts the generator of whoever called back, also where a pass panics.
    struct Back(Option<Xoshiro256PlusPlus>);
    impl Drop for Back {
        fn drop(&mut self) {
            MASKS.set(self.0.take());
        }
    }
    let _back = Back(MASKS.replace(Some(Xoshiro256PlusPlus::seed_from_u64(seed))));
    pass()
}

/// A seed that follows from the one this thread was given, or from the device's where it was given none.
pub(crate) fn draw_seed(device: &Device) -> u64 {
    let drawn = MASKS.with_borrow_mut(|generator| generator.as_mut().map(RngCore::next_u64));
    drawn.unwrap_or_else(|| {
        let drawn = Tensor::<1>::random([1], Distribution::Uniform(0.0, f64::from(1 << 24)), &device.clone().inner());
        drawn.into_data().iter::<f32>().next().map_or(0, |number| (number as u64) << 16)
    })
}

/// Runs `pass` with masks that depend on `seed` alone, whoever draws them: this thread or the device.
pub(crate) fn repeatable<T>(seed: u64, device: &Device, pass: impl FnOnce() -> T) -> T {
    if MASKS.with_borrow(Option::is_some) {
        seeded(seed, pass)
    } else {
        device.seed(seed);
        pass()
    }
}

/// Dropout (Srivastava et al. 2014): in training each value is 0 with probability p and 1 / (1 − p) times itself otherwise.
#[derive(Module, Debug)]
pub struct Dropout {
    #[allow(clippy::disallowed_types, reason = "wrapped here, used where this thread has no seed")]
    dropout: nn::Dropout,
}

impl Dropout {
    /// `probability` in `[0, 1)`.
    #[must_use]
    pub fn new(probability: f64) -> Self {
        Self { dropout: nn::DropoutConfig::new(probability).init() }
    }

    /// The same shape in and out.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let probability = self.dropout.prob;
        if !self.dropout.training.is_enabled() || !x.device().is_autodiff() || probability == 0.0 {
            return x;
        }
        match mask(x.shape().num_elements(), probability) {
            Some(mask) => {
                let mask = TensorData::new(mask, x.shape());
                let mask = Tensor::from_data(mask, (&x.device(), x.dtype()));
                x * mask
            }
            None => self.dropout.forward(x),
        }
    }
}

/// Factors of so many values, if this thread has a generator.
fn mask(values: usize, probability: f64) -> Option<Vec<f32>> {
    MASKS.with_borrow_mut(|generator| {
        let generator = generator.as_mut()?;
        let kept = (LEVELS * (1.0 - probability)).round();
        let (threshold, factor) = (kept as u64, (LEVELS / kept) as f32);
        let mut mask = vec![0.0f32; values];
        for factors in mask.chunks_mut(4) {
            let mut draw = generator.next_u64();
            for value in factors {
                *value = if draw & 0xffff < threshold { factor } else { 0.0 };
                draw >>= 16;
            }
        }
        Some(mask)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, probability: f64, device: &Device) -> Vec<f32> {
        let x = Tensor::<1>::ones([40_001], device);
        seeded(seed, || Dropout::new(probability).forward(x)).into_data().iter::<f32>().collect()
    }

    #[test]
    fn as_many_are_kept_as_asked_for_and_the_mean_stays() {
        let device = Device::flex().autodiff();
        for probability in [0.1, 0.5, 0.9] {
            let found = drawn(1, probability, &device);
            let kept = found.iter().filter(|&&value| value != 0.0).count() as f64 / found.len() as f64;
            let mean = found.iter().map(|&value| f64::from(value)).sum::<f64>() / found.len() as f64;
            // Four standard deviations of a share.
            let bound = 4.0 * (probability * (1.0 - probability) / found.len() as f64).sqrt();
            assert!((kept - (1.0 - probability)).abs() < bound, "{probability}: {kept}");
            assert!((mean - 1.0).abs() < bound / (1.0 - probability), "{probability}: {mean}");
        }
    }

    #[test]
    fn a_seed_has_one_mask_whatever_other_threads_draw() {
        let device = Device::flex().autodiff();
        let alone = drawn(7, 0.3, &device);
        let beside: Vec<Vec<f32>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (7..11).map(|seed| scope.spawn(move || drawn(seed, 0.3, &Device::flex().autodiff()))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(beside[0], alone);
        assert_ne!(beside[1], alone);
    }

    #[test]
    fn nothing_is_dropped_outside_of_training() {
        assert!(drawn(1, 0.5, &Device::flex()).iter().all(|&value| value == 1.0));
    }
}

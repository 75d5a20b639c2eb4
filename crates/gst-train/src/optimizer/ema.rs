//! An exponential moving average of the weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::is_frozen;

/// Moves `average` towards `model`: a ← d·a + (1 − d)·w after the `done`-th update, with d = min(`decay`, (1 + n) / (10 + n)) and n
/// the updates before it, so that a young average is not held down by the initial weights (as in TensorFlow's
/// `ExponentialMovingAverage`). Nothing else is remembered: an average that was saved goes on as if it never stopped.
///
/// Both must have the same parameters; those that `average` has alone, and those that are frozen, stay as they are.
pub fn follow<M: Module>(average: M, model: &M, decay: f64, done: u64) -> M {
    // A map from parameter to tensor of any rank; these are weights, not gradients.
    let mut weights = Weights { by_id: GradientsParams::new() };
    model.visit(&mut weights);
    let young = (1 + done) as f64 / (10 + done) as f64;
    average.map(&mut Blend { weights: weights.by_id, decay: decay.min(young) })
}

struct Weights {
    by_id: GradientsParams,
}

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !is_frozen(param) {
            self.by_id.register(param.id, param.val().inner());
        }
    }
}

struct Blend {
    weights: GradientsParams,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.weights.remove::<D>(param.id) {
            Some(weight) => param.map(|average| average.mul_scalar(self.decay) + weight.mul_scalar(1.0 - self.decay)),
            None => param,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    use super::*;

    fn values(model: &Linear) -> Vec<f32> {
        model.weight.val().into_data().iter::<f32>().collect()
    }

    #[test]
    fn the_average_is_its_closed_form() {
        let model = LinearConfig::new(2, 2).init(&Device::flex().autodiff());
        let mut zero = model.valid();
        zero.weight = zero.weight.map(|weight| weight.zeros_like());
        let target = values(&model.valid());

        // d = 0.5 is above (1 + 0) / (10 + 0), so the first step takes 0.9 of the way.
        let once = follow(zero.clone(), &model, 0.5, 0);
        for (found, target) in values(&once).iter().zip(&target) {
            assert!((found - 0.9 * target).abs() < 1e-6, "{found} {target}");
        }
        // Long after the start the decay is the one that was asked for: 1 − 0.5³ of the way after three steps.
        let mut average = zero;
        for done in 1000..1003 {
            average = follow(average, &model, 0.5, done);
        }
        for (found, target) in values(&average).iter().zip(&target) {
            assert!((found - 0.875 * target).abs() < 1e-6, "{found} {target}");
        }
    }
}

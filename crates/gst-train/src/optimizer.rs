//! AdamW with decay on matrices only, and clipping by the norm of the whole gradient.

use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;

/// AdamW (β₁ 0.9, β₂ 0.98, ε 1e-8; Loshchilov and Hutter, arXiv 1711.05101). Biases and norms, which have one axis, do not decay.
#[must_use]
pub fn adamw<M: Module>(model: &M, weight_decay: f64) -> ModuleOptimizer {
    let config = AdamWConfig::new().with_beta_2(0.98).with_epsilon(1e-8);
    let mut vectors = Vectors { ids: Vec::new() };
    model.visit(&mut vectors);
    let decayed = ModuleOptimizer::from(config.clone().with_weight_decay(weight_decay as f32).build());
    decayed.with_group(ParamGroup::from_ids(vectors.ids), config.with_weight_decay(0.0).build(), None)
}

struct Vectors {
    ids: Vec<ParamId>,
}

impl ModuleVisitor for Vectors {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if D == 1 {
            self.ids.push(param.id);
        }
    }
}

/// Scales `gradients` down to a global L2 norm of at most `limit` and returns the norm they had.
///
/// The squares are summed in the order of parameter paths, in f64, so that the result does not depend on threads.
pub fn clip_by_global_norm<M: Module>(model: &M, gradients: &mut GradientsParams, limit: f64) -> f64 {
    let mut squares = Squares { gradients, squares: Vec::new() };
    model.visit(&mut squares);
    let Some(first) = squares.squares.first() else { return 0.0 };
    let device = first.device();
    let squares: Vec<Tensor<1>> = squares.squares.into_iter().map(|square| square.to_device(&device)).collect();
    let norm = Tensor::cat(squares, 0).into_data().iter::<f64>().sum::<f64>().sqrt();
    if norm > limit {
        model.visit(&mut Scale { gradients, factor: limit / norm });
    }
    norm
}

/// Whether every value of every parameter is a number: neither NaN nor infinite.
#[must_use]
pub fn all_finite<M: Module>(model: &M) -> bool {
    let mut finite = Finite(true);
    model.visit(&mut finite);
    finite.0
}

struct Finite(bool);

impl ModuleVisitor for Finite {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0 = self.0 && param.val().is_finite().all().into_data().iter::<bool>().all(|finite| finite);
    }
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    squares: Vec<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.squares.push((gradient.clone() * gradient).sum().reshape([1]));
        }
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient.mul_scalar(self.factor));
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    use super::*;

    fn gradients(model: &Linear, device: &Device) -> GradientsParams {
        let input = Tensor::<2>::from_floats([[3.0, 4.0]], device);
        GradientsParams::from_grads(model.forward(input).sum().backward(), model)
    }

    #[test]
    fn a_gradient_of_known_norm_is_scaled_to_the_limit() {
        let device = Device::flex().autodiff();
        let model = LinearConfig::new(2, 1).init(&device);
        // The weight's gradient is the input (3, 4) and the bias's is 1, so the norm is √26.
        let mut found = gradients(&model, &device);
        let norm = clip_by_global_norm(&model, &mut found, 1.0);
        assert!((norm - 26f64.sqrt()).abs() < 1e-5);
        assert!((clip_by_global_norm(&model, &mut found, 1.0) - 1.0).abs() < 1e-5);

        let mut untouched = gradients(&model, &device);
        clip_by_global_norm(&model, &mut untouched, 100.0);
        assert!((clip_by_global_norm(&model, &mut untouched, 100.0) - 26f64.sqrt()).abs() < 1e-5);
    }

    #[test]
    fn one_value_that_is_no_number_is_found() {
        let device = Device::flex().autodiff();
        for (value, expected) in [(0.5, true), (f32::NAN, false), (f32::INFINITY, false)] {
            let mut model = LinearConfig::new(2, 1).init(&device);
            model.bias = Some(Param::from_tensor(Tensor::from_floats([value], &device)));
            assert_eq!(all_finite(&model), expected, "{value}");
        }
    }

    #[test]
    fn only_matrices_decay() {
        let device = Device::flex().autodiff();
        let model = LinearConfig::new(2, 1).init(&device);
        let before = model.clone();
        let mut optimizer = adamw(&model, 0.5);
        let mut none = gradients(&model, &device);
        model.visit(&mut Scale { gradients: &mut none, factor: 0.0 });
        let after = optimizer.step(0.1, model, none);
        let value = |param: &Param<Tensor<1>>| param.val().into_data().iter::<f32>().collect::<Vec<_>>();
        assert_eq!(value(after.bias.as_ref().unwrap()), value(before.bias.as_ref().unwrap()));
        let weight = |model: &Linear| model.weight.val().into_data().iter::<f32>().collect::<Vec<_>>();
        for (new, old) in weight(&after).iter().zip(weight(&before)) {
            assert!((new - old * 0.95).abs() < 1e-6, "{new} {old}");
        }
    }
}

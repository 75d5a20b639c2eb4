//! AdamW with decay on matrices only, and clipping by the norm of the whole gradient.

pub mod ema;
pub mod parameter_groups;

use burn::module::{Module, ModuleVisitor, Param, ParamGroup};
use burn::optim::{AdamW, AdamWConfig, GradientsParams, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};

use crate::{TrainConfig, TrainError};

/// AdamW (Loshchilov and Hutter, arXiv 1711.05101) with the settings of `config`. Biases and norms, which have one axis, do not decay.
///
/// # Errors
/// [`TrainError::ParameterGroup`] when a group's pattern matches nothing.
pub fn adamw<M: Module>(model: &M, config: &TrainConfig) -> Result<ModuleOptimizer, TrainError> {
    let [beta_1, beta_2] = config.betas.map(|beta| beta as f32);
    let base = AdamWConfig::new().with_beta_1(beta_1).with_beta_2(beta_2).with_epsilon(config.epsilon as f32);
    let build = |decay: f64, factor| Scaled { adamw: base.clone().with_weight_decay(decay as f32).build(), factor };
    let groups = parameter_groups::resolve(model, config.weight_decay, &config.parameter_groups)?;
    Ok(groups.into_iter().fold(ModuleOptimizer::from(build(config.weight_decay, 1.0)), |optimizer, group| {
        optimizer.with_group(ParamGroup::from_ids(group.ids), build(group.weight_decay, group.learning_rate_factor), None)
    }))
}

/// AdamW at a share of the learning rate.
#[derive(Clone)]
struct Scaled {
    adamw: AdamW,
    factor: f64,
}

impl Optimizer for Scaled {
    type State<const D: usize> = <AdamW as Optimizer>::State<D>;

    fn step<const D: usize>(
        &self,
        rate: f64,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        self.adamw.step(rate * self.factor, tensor, gradient, state)
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        AdamW::to_device(state, device)
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

/// Whether nothing trains a parameter of a model that is in training. Where autodiff is off, no parameter is said to be frozen.
pub(crate) fn is_frozen<const D: usize>(param: &Param<Tensor<D>>) -> bool {
    let value = param.base();
    value.is_autodiff() && !value.is_require_grad()
}

/// Values of all parameters that are trained, of a model in training.
pub(crate) fn trained_values<M: Module>(model: &M) -> usize {
    let mut trained = Trained(0);
    model.visit(&mut trained);
    trained.0
}

struct Trained(usize);

impl ModuleVisitor for Trained {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0 += if is_frozen(param) { 0 } else { param.lazy_shape().num_elements() };
    }
}

/// Whether every value of every parameter that is trained is a number: neither NaN nor infinite.
#[must_use]
pub fn all_finite<M: Module>(model: &M) -> bool {
    let mut finite = Finite(true);
    model.visit(&mut finite);
    finite.0
}

struct Finite(bool);

impl ModuleVisitor for Finite {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0 = self.0 && (is_frozen(param) || param.val().is_finite().all().into_data().iter::<bool>().all(|finite| finite));
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
        let mut optimizer = adamw(&model, &TrainConfig { weight_decay: 0.5, ..TrainConfig::default() }).unwrap();
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

    #[test]
    fn a_group_has_its_own_rate_and_decay() {
        let device = Device::flex().autodiff();
        let model = LinearConfig::new(2, 1).init(&device);
        let weight = |model: &Linear| model.weight.val().into_data().iter::<f32>().collect::<Vec<_>>();
        let bias = |model: &Linear| model.bias.as_ref().unwrap().val().into_data().iter::<f32>().collect::<Vec<_>>();
        let group = |pattern: &str, learning_rate_factor, weight_decay| parameter_groups::ParameterGroup {
            pattern: pattern.into(),
            learning_rate_factor,
            weight_decay,
        };
        let step = |groups| {
            let config = TrainConfig { weight_decay: 0.0, parameter_groups: groups, ..TrainConfig::default() };
            adamw(&model, &config).unwrap().step(0.1, model.clone(), gradients(&model, &device))
        };
        let plain = step(vec![]);
        let half = step(vec![group("weight", 0.5, None)]);
        for ((plain, half), old) in weight(&plain).iter().zip(weight(&half)).zip(weight(&model)) {
            assert!((0.5 * (plain - old) - (half - old)).abs() < 1e-6, "{old} → {plain}, {half}");
        }
        assert_eq!(bias(&plain), bias(&half));
        let frozen = step(vec![group("weight", 0.0, None)]);
        assert_eq!(weight(&frozen), weight(&model));
        let decayed = step(vec![group("weight", 1.0, Some(0.5))]);
        for ((plain, decayed), old) in weight(&plain).iter().zip(weight(&decayed)).zip(weight(&model)) {
            assert!((plain - decayed - 0.05 * old).abs() < 1e-6, "{old} → {plain}, {decayed}");
        }
    }
}

//! Hessian-vector products by finite differences: Burn's autodiff is first order.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use super::{GradientProbe, Layout, ProbeError};

/// ∛(machine epsilon of `f32`): the relative step at which rounding and truncation errors of a central difference balance.
const RELATIVE_STEP: f64 = 5e-3;

impl GradientProbe {
    /// H v by a central difference: (∇F(w + εv) − ∇F(w − εv)) / 2ε over the chosen parameters. Two backward passes.
    ///
    /// `loss` is called twice and must be the same function both times: equal batch, no dropout. ε is ∛(machine
    /// epsilon)·max(‖w‖, 1) / ‖v‖. A zero `v` gives zeros.
    ///
    /// # Errors
    /// As [`gradient`](Self::gradient), and a vector of another length or with a value that is not finite.
    pub fn hessian_vector<M: Module>(
        &self,
        module: &M,
        vector: &[f32],
        loss: impl Fn(&M) -> Tensor<1>,
    ) -> Result<Vec<f32>, ProbeError> {
        let layout = self.layout(module)?;
        let norm = vector.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        if norm == 0.0 && vector.len() as u64 == layout.values() {
            return Ok(vec![0.0; vector.len()]);
        }
        let step = RELATIVE_STEP * weight_norm(module, &layout)?.max(1.0) / norm;
        self.hessian_vector_with_step(module, vector, step, loss)
    }

    /// As [`hessian_vector`](Self::hessian_vector), with a step ε of one's own.
    ///
    /// # Errors
    /// As [`hessian_vector`](Self::hessian_vector), and a step that is not a positive number.
    pub fn hessian_vector_with_step<M: Module>(
        &self,
        module: &M,
        vector: &[f32],
        step: f64,
        loss: impl Fn(&M) -> Tensor<1>,
    ) -> Result<Vec<f32>, ProbeError> {
        let layout = self.layout(module)?;
        check(&layout, vector)?;
        if !step.is_finite() || step <= 0.0 {
            return Err(ProbeError::BadStep { found: step });
        }
        let forward = moved(module, &layout, vector, step);
        let mut product = self.gradient(&forward, loss(&forward))?;
        drop(forward);
        let backward = moved(module, &layout, vector, -step);
        let behind = self.gradient(&backward, loss(&backward))?;
        for (ahead, behind) in product.iter_mut().zip(behind) {
            *ahead = ((f64::from(*ahead) - f64::from(behind)) / (2.0 * step)) as f32;
        }
        Ok(product)
    }

    /// A copy of the module whose chosen parameters are w + `step` · v: where a step along v would lead. `v` is laid out as
    /// the flat gradient.
    ///
    /// # Errors
    /// As [`hessian_vector_with_step`](Self::hessian_vector_with_step); the step may have any sign.
    pub fn moved<M: Module>(&self, module: &M, vector: &[f32], step: f64) -> Result<M, ProbeError> {
        let layout = self.layout(module)?;
        check(&layout, vector)?;
        if !step.is_finite() {
            return Err(ProbeError::BadStep { found: step });
        }
        Ok(moved(module, &layout, vector, step))
    }
}

fn check(layout: &Layout, vector: &[f32]) -> Result<(), ProbeError> {
    if vector.len() as u64 != layout.values() {
        return Err(ProbeError::OtherLength { found: vector.len() as u64, expected: layout.values() });
    }
    match vector.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(ProbeError::NotFinite { path: "vector".to_owned(), index, value: vector[index].to_string() }),
        None => Ok(()),
    }
}

/// A copy of the module at w + step · v, unchecked.
fn moved<M: Module>(module: &M, layout: &Layout, vector: &[f32], step: f64) -> M {
    module.clone().map(&mut Mover { layout, vector, step, path: Vec::new() })
}

struct Mover<'a> {
    layout: &'a Layout,
    vector: &'a [f32],
    step: f64,
    path: Vec<String>,
}

impl ModuleMapper for Mover<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
        let Some(parameter) = self.layout.find(&self.path.join(".")) else {
            return param;
        };
        let start = parameter.offset as usize;
        let moves: Vec<f32> =
            self.vector[start..start + parameter.length].iter().map(|v| (f64::from(*v) * self.step) as f32).collect();
        param.map(|value| {
            // The moved value is a leaf of its own graph, as after an optimizer step.
            let value = value.inner();
            let data = TensorData::new(moves, parameter.shape.clone());
            let moves = Tensor::<R>::from_data(data, &value.device()).cast(value.dtype());
            Tensor::from_inner(value + moves).require_grad()
        })
    }
}

fn weight_norm<M: Module>(module: &M, layout: &Layout) -> Result<f64, ProbeError> {
    let mut visitor = Norm { layout, path: Vec::new(), squared: Ok(0.0) };
    module.visit(&mut visitor);
    visitor.squared.map(f64::sqrt)
}

struct Norm<'a> {
    layout: &'a Layout,
    path: Vec<String>,
    squared: Result<f64, ProbeError>,
}

impl ModuleVisitor for Norm<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        let (Some(parameter), Ok(sum)) = (self.layout.find(&self.path.join(".")), &self.squared) else {
            return;
        };
        let data = param.base().inner().try_into_data().map_err(|e| ProbeError::unreadable(parameter, format!("{e:?}")));
        self.squared = data.map(|data| sum + data.convert::<f32>().iter::<f32>().map(|v| f64::from(v).powi(2)).sum::<f64>());
    }
}

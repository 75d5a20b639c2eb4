//! Gradients and Hessian-vector products out of any Burn module.
//!
//! The probe knows nothing of the model but that it is a [`Module`] with trainable float parameters: give it a loss, or a
//! closure `module → loss`, and it gives the gradient back, over every trainable parameter or a named group of them.
//!
//! The flat gradient holds the chosen parameters *in the order of their dotted paths*, each row-major, so that it does not
//! depend on the order of fields in a struct, on parameter ids, or on the run. A trainable parameter that the loss does not
//! reach counts with zeros.
//!
//! ```
//! use burn::nn::LinearConfig;
//! use burn::tensor::{Device, Tensor};
//! use gst_affinity::{GradientProbe, SketchParams, Sketcher};
//!
//! let device = Device::flex().autodiff();
//! let model = LinearConfig::new(2, 1).init(&device);
//! let loss = model.forward(Tensor::<2>::from_floats([[1.0, 2.0]], &device)).sum();
//!
//! let probe = GradientProbe::all();
//! assert_eq!(probe.parameters(&model)?, 3);
//! assert_eq!(probe.gradient(&model, loss)?, [1.0, 1.0, 2.0]); // bias, then weight
//!
//! let loss = model.forward(Tensor::<2>::from_floats([[1.0, 2.0]], &device)).sum();
//! let sketch = probe.sketch(&model, loss, &Sketcher::new(SketchParams { size: 16, seed: 1 })?)?;
//! assert_eq!(sketch.len(), 16);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod layout;
mod product;

use burn::module::{Module, ModuleVisitor, Param, ParamGroup};
use burn::tensor::{Gradients, Tensor};

use crate::{Preconditioner, SketchParams, SketchStream, Sketcher};

pub use error::ProbeError;
pub use layout::{Layout, ProbedParameter};

/// Takes gradients from any Burn module, over all its trainable parameters or those that match.
///
/// A parameter is trainable if it requires gradients: the model stands on `device.autodiff()` and the parameter is not frozen.
#[derive(Debug, Clone)]
pub struct GradientProbe {
    group: ParamGroup,
    description: String,
}

impl GradientProbe {
    /// Over every trainable parameter.
    pub fn all() -> Self {
        Self { group: ParamGroup::all(), description: "every trainable parameter".to_owned() }
    }

    /// Over the trainable parameters whose dotted path (`decoder.layers.0.query.weight`) matches one of the regular
    /// expressions somewhere: `["^projector\\.", "lora"]`. No pattern at all means every one.
    ///
    /// # Errors
    /// [`ProbeError::BadPattern`].
    pub fn matching<S: AsRef<str>>(patterns: &[S]) -> Result<Self, ProbeError> {
        if patterns.is_empty() {
            return Ok(Self::all());
        }
        let patterns: Vec<&str> = patterns.iter().map(AsRef::as_ref).collect();
        let description = format!("`{}`", patterns.join("` or `"));
        let group = ParamGroup::from_any_regexes(patterns)
            .map_err(|e| ProbeError::BadPattern { pattern: description.clone(), reason: format!("{e:?}") })?;
        Ok(Self { group, description })
    }

    /// Over the trainable parameters of a Burn parameter group.
    pub fn group(group: ParamGroup) -> Self {
        Self { group, description: "the given parameter group".to_owned() }
    }

    /// The chosen parameters and where each lies in the flat gradient.
    ///
    /// # Errors
    /// [`ProbeError::NothingChosen`].
    pub fn layout<M: Module>(&self, module: &M) -> Result<Layout, ProbeError> {
        Layout::of(module, &self.group, &self.description)
    }

    /// How many values are probed.
    ///
    /// # Errors
    /// [`ProbeError::NothingChosen`].
    pub fn parameters<M: Module>(&self, module: &M) -> Result<u64, ProbeError> {
        Ok(self.layout(module)?.values())
    }

    /// The gradient of a loss: [`parameters`](Self::parameters) values in the order of [`layout`](Self::layout).
    ///
    /// # Errors
    /// No parameter chosen, a loss without autodiff, values that are not finite or cannot be read.
    pub fn gradient<M: Module>(&self, module: &M, loss: Tensor<1>) -> Result<Vec<f32>, ProbeError> {
        self.sketch(module, loss, &Sketcher::new(SketchParams::EXACT)?)
    }

    /// The sketch of the gradient of a loss. Each parameter's gradient goes straight into the sketch and is freed: beside the
    /// backward pass, memory holds one parameter and k values.
    ///
    /// # Errors
    /// As [`gradient`](Self::gradient).
    pub fn sketch<M: Module>(&self, module: &M, loss: Tensor<1>, sketcher: &Sketcher) -> Result<Vec<f32>, ProbeError> {
        let mut stream = sketcher.start();
        self.stream(module, loss, &mut stream)?;
        Ok(stream.finish()?)
    }

    /// Adds the gradient of a loss to a stream, block by block.
    ///
    /// # Errors
    /// As [`gradient`](Self::gradient), and a stream that holds values of a gradient already.
    pub fn stream<M: Module>(&self, module: &M, loss: Tensor<1>, stream: &mut SketchStream) -> Result<(), ProbeError> {
        self.blocks(module, loss, |_, offset, values| Ok(stream.add_block(offset, values)?))
    }

    /// As [`sketch`](Self::sketch), each parameter's gradient preconditioned on its way: for
    /// [`Measurements::preconditioned`](crate::Measurements::preconditioned). The preconditioner's coordinates are in the order of
    /// [`layout`](Self::layout).
    ///
    /// # Errors
    /// As [`gradient`](Self::gradient), and a preconditioner of another length.
    pub fn sketch_preconditioned<M: Module>(
        &self,
        module: &M,
        loss: Tensor<1>,
        sketcher: &Sketcher,
        preconditioner: &Preconditioner,
    ) -> Result<Vec<f32>, ProbeError> {
        let (found, expected) = (preconditioner.len() as u64, self.parameters(module)?);
        if found != expected {
            return Err(ProbeError::OtherLength { found, expected });
        }
        let mut stream = sketcher.start();
        self.blocks(module, loss, |_, offset, values| {
            let mut values = values.to_vec();
            preconditioner.apply(offset, &mut values).map_err(|_| ProbeError::OtherLength { found, expected })?;
            Ok(stream.add_block(offset, &values)?)
        })?;
        Ok(stream.finish()?)
    }

    /// Hands the gradient of a loss over parameter by parameter: `(parameter, offset, values)`, in the module's own order.
    ///
    /// # Errors
    /// As [`gradient`](Self::gradient), and whatever `take` answers.
    pub fn blocks<M: Module>(
        &self,
        module: &M,
        loss: Tensor<1>,
        take: impl FnMut(&ProbedParameter, u64, &[f32]) -> Result<(), ProbeError>,
    ) -> Result<(), ProbeError> {
        let layout = self.layout(module)?;
        if !loss.is_tracked() {
            return Err(ProbeError::NoAutodiff);
        }
        let mut reader = Reader { layout: &layout, path: Vec::new(), gradients: loss.backward(), take, outcome: Ok(()) };
        module.visit(&mut reader);
        reader.outcome
    }
}

/// Visits the module once, taking each chosen parameter's gradient out of the backward pass.
struct Reader<'a, F> {
    layout: &'a Layout,
    path: Vec<String>,
    gradients: Gradients,
    take: F,
    outcome: Result<(), ProbeError>,
}

impl<F: FnMut(&ProbedParameter, u64, &[f32]) -> Result<(), ProbeError>> Reader<'_, F> {
    fn read<const R: usize>(&mut self, param: &Param<Tensor<R>>) -> Result<(), ProbeError> {
        let Some(parameter) = self.layout.find(&self.path.join(".")) else {
            return Ok(());
        };
        let values = match param.base().grad_remove(&mut self.gradients) {
            None => vec![0.0; parameter.length],
            Some(gradient) => {
                let data = gradient.try_into_data().map_err(|e| ProbeError::unreadable(parameter, format!("{e:?}")))?;
                let values = data.convert::<f32>().try_into_vec::<f32>();
                values.map_err(|e| ProbeError::unreadable(parameter, format!("{e:?}")))?
            }
        };
        if values.len() != parameter.length {
            let reason = format!("it has {} values, the parameter {}", values.len(), parameter.length);
            return Err(ProbeError::unreadable(parameter, reason));
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let (path, value) = (parameter.path.clone(), values[index].to_string());
            return Err(ProbeError::NotFinite { path, index, value });
        }
        (self.take)(parameter, parameter.offset, &values)
    }
}

impl<F: FnMut(&ProbedParameter, u64, &[f32]) -> Result<(), ProbeError>> ModuleVisitor for Reader<'_, F> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        if self.outcome.is_ok() {
            self.outcome = self.read(param);
        }
    }
}

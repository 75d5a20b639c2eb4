//! From the tensors of a checkpoint to the parameters of a module.

use std::collections::BTreeSet;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use super::{Checkpoint, Misfit, Precision, PretrainedError};

/// How a module takes its parameters from a checkpoint.
#[derive(Clone, Copy)]
pub struct Loading<'a> {
    /// The tensor that belongs to a parameter, by the parameter's path in the module (`layers.0.fc1.weight`). Burn's norms have
    /// been renamed by then: `gamma` is `weight`, `beta` is `bias`. Nothing for a parameter that is not in the checkpoint and
    /// keeps its initial value.
    pub name: &'a dyn Fn(&str) -> Option<String>,
    /// Whether a tensor that no parameter takes may stay unused; any other is an error.
    pub unused: &'a dyn Fn(&str) -> bool,
    /// The number format of the parameters in memory.
    pub precision: Precision,
}

impl Checkpoint {
    /// Replaces the floating-point parameters of `module`. Parameters that were never touched are not allocated twice. The
    /// weights of Burn's `Linear`, which lie transposed in a checkpoint, are transposed.
    ///
    /// # Errors
    /// [`PretrainedError::Misfits`] lists everything that is missing, superfluous or of another shape;
    /// [`PretrainedError::Io`] when a tensor cannot be read.
    pub fn load<M: Module>(&self, module: M, loading: &Loading<'_>) -> Result<M, PretrainedError> {
        self.fill(module, loading, Place::default())
    }

    /// The same for a file that keeps parameters under Burn's names and as Burn lays them out.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn load_as_is<M: Module>(&self, module: M, loading: &Loading<'_>) -> Result<M, PretrainedError> {
        self.fill(module, loading, Place { as_is: true, ..Place::default() })
    }

    fn fill<M: Module>(&self, module: M, loading: &Loading<'_>, place: Place) -> Result<M, PretrainedError> {
        let mut fit = Fit { checkpoint: self, loading, place: place.clone(), used: BTreeSet::new(), misfits: Vec::new() };
        module.visit(&mut fit);
        let (used, mut misfits) = (fit.used, fit.misfits);
        let extra = self.tensors().filter(|(name, _)| !used.contains(*name) && !(loading.unused)(name));
        misfits.extend(extra.map(|(name, stored)| Misfit::Extra { name: name.to_owned(), found: stored.shape.clone() }));
        if !misfits.is_empty() {
            misfits.sort();
            return Err(PretrainedError::Misfits { path: self.path().to_owned(), misfits });
        }
        let mut fill = Fill { checkpoint: self, loading, place, failed: None };
        let module = module.map(&mut fill);
        fill.failed.map_or(Ok(module), Err)
    }
}

/// Where a traversal of a module stands.
#[derive(Default, Clone)]
struct Place {
    as_is: bool,
    path: Vec<String>,
    containers: Vec<String>,
}

impl Place {
    fn enter(&mut self, name: &str, container: &str) {
        self.path.push(name.to_owned());
        self.containers.push(container.to_owned());
    }

    fn exit(&mut self) {
        self.path.pop();
        self.containers.pop();
    }

    /// The path with the field names of the checkpoint.
    fn name(&self) -> String {
        let mut path = self.path.clone();
        let container = self.containers.last().map_or("", String::as_str);
        if let Some(last) = path.last_mut().filter(|_| !self.as_is && container.ends_with("Norm")) {
            match last.as_str() {
                "gamma" => "weight".clone_into(last),
                "beta" => "bias".clone_into(last),
                _ => {}
            }
        }
        path.join(".")
    }

    /// Whether the tensor lies transposed in a checkpoint.
    fn transposed(&self, axes: usize) -> bool {
        !self.as_is && axes == 2 && self.containers.last().is_some_and(|container| container == "Struct:Linear")
    }
}

/// First pass: what does not fit.
struct Fit<'a> {
    checkpoint: &'a Checkpoint,
    loading: &'a Loading<'a>,
    place: Place,
    used: BTreeSet<String>,
    misfits: Vec<Misfit>,
}

impl ModuleVisitor for Fit<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.place.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(name) = (self.loading.name)(&self.place.name()) else { return };
        let mut expected = param.lazy_shape().to_vec();
        if self.place.transposed(D) {
            expected.reverse();
        }
        match self.checkpoint.get(&name) {
            None => self.misfits.push(Misfit::Missing { name, expected }),
            Some(stored) => {
                if stored.shape != expected {
                    self.misfits.push(Misfit::Shape { name: name.clone(), found: stored.shape.clone(), expected });
                } else if !stored.dtype.is_some_and(|dtype| dtype.is_float()) {
                    self.misfits.push(Misfit::Dtype { name: name.clone(), found: stored.format().to_owned() });
                }
                self.used.insert(name);
            }
        }
    }
}

/// Second pass: reads.
struct Fill<'a> {
    checkpoint: &'a Checkpoint,
    loading: &'a Loading<'a>,
    place: Place,
    failed: Option<PretrainedError>,
}

impl ModuleMapper for Fill<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.place.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = (self.loading.name)(&self.place.name()).filter(|_| self.failed.is_none());
        let Some(name) = name else { return param };
        let read = self.checkpoint.tensor::<D>(&name, self.loading.precision, &param.lazy_device());
        match read {
            Ok(tensor) => {
                let tensor = if self.place.transposed(D) { tensor.swap_dims(0, 1) } else { tensor };
                let id = param.id;
                param.transform_for_load(tensor, id)
            }
            Err(error) => {
                self.failed = Some(error);
                param
            }
        }
    }
}

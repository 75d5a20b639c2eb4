//! Which parameters are probed, and where each lies in the flat gradient.

use burn::module::{Module, ModuleVisitor, Param, ParamGroup};
use burn::tensor::Tensor;

use super::ProbeError;

/// One chosen parameter and its place in the flat gradient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbedParameter {
    /// Path in the module, joined by dots.
    pub path: String,
    /// Index of its first value in the flat gradient.
    pub offset: u64,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its number of values.
    pub length: usize,
}

/// The chosen parameters, ascending by path, without gaps between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    parameters: Vec<ProbedParameter>,
}

impl Layout {
    pub(super) fn of<M: Module>(module: &M, group: &ParamGroup, description: &str) -> Result<Self, ProbeError> {
        let mut collector = Collector { group, path: Vec::new(), chosen: Vec::new(), trainable: 0, example: String::new() };
        module.visit(&mut collector);
        let Collector { mut chosen, trainable, example, .. } = collector;
        if chosen.is_empty() {
            let example = if trainable == 0 { example } else { format!(", of which one is `{example}`") };
            return Err(ProbeError::NothingChosen { chosen: description.to_owned(), trainable, example });
        }
        chosen.sort_by(|a, b| a.path.cmp(&b.path));
        if let Some(pair) = chosen.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(ProbeError::AmbiguousPath { path: pair[0].path.clone() });
        }
        let mut offset = 0;
        for parameter in &mut chosen {
            parameter.offset = offset;
            offset += parameter.length as u64;
        }
        Ok(Self { parameters: chosen })
    }

    /// The parameters, ascending by path.
    pub fn parameters(&self) -> &[ProbedParameter] {
        &self.parameters
    }

    /// Values of the flat gradient.
    pub fn values(&self) -> u64 {
        self.parameters.last().map_or(0, |last| last.offset + last.length as u64)
    }

    /// The parameter of a path, if it is chosen.
    pub fn find(&self, path: &str) -> Option<&ProbedParameter> {
        let at = self.parameters.binary_search_by(|parameter| parameter.path.as_str().cmp(path)).ok()?;
        self.parameters.get(at)
    }
}

struct Collector<'a> {
    group: &'a ParamGroup,
    path: Vec<String>,
    chosen: Vec<ProbedParameter>,
    trainable: usize,
    example: String,
}

impl ModuleVisitor for Collector<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        let value = param.base();
        if !value.is_require_grad() {
            return;
        }
        let path = self.path.join(".");
        self.trainable += 1;
        if self.example.is_empty() {
            self.example.clone_from(&path);
        }
        if self.group.matches(&param.id, Some(&path)) {
            let shape = value.dims().to_vec();
            let length = shape.iter().product();
            self.chosen.push(ProbedParameter { path, offset: 0, shape, length });
        }
    }
}

//! Parameters with a learning rate and a weight decay of their own.

use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::is_frozen;
use crate::TrainError;

/// Parameter paths that an error message names.
const NAMED_PATHS: usize = 5;

/// Settings of the parameters whose path matches; where several groups match, the last one counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterGroup {
    /// Regular expression that is looked for in the parameter's path, such as `^encoder\.` (paths are those of the weight file).
    pub pattern: String,
    /// The learning rate is multiplied by this; 0 leaves the parameters as they are.
    #[serde(default = "one")]
    pub learning_rate_factor: f64,
    /// Weight decay of the matrices among them; that of the run when absent. Biases and norms never decay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
}

fn one() -> f64 {
    1.0
}

impl ParameterGroup {
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let refuse = |field, found: f64, expected| Err(TrainError::Setting { field, found: found.to_string(), expected });
        if !(self.learning_rate_factor >= 0.0 && self.learning_rate_factor.is_finite()) {
            return refuse("parameter_groups.learning_rate_factor", self.learning_rate_factor, "a number of at least 0");
        }
        if let Some(decay) = self.weight_decay.filter(|&decay| !(decay >= 0.0 && decay.is_finite())) {
            return refuse("parameter_groups.weight_decay", decay, "a number of at least 0");
        }
        Ok(())
    }
}

/// Parameters that one optimizer updates.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resolved {
    pub(crate) ids: Vec<ParamId>,
    pub(crate) learning_rate_factor: f64,
    pub(crate) weight_decay: f64,
}

/// Sorts the parameters of `model` by factor and decay. Groups are in the order of their first parameter's path.
///
/// # Errors
/// [`TrainError::ParameterGroup`] when a pattern is no regular expression or matches nothing.
pub(crate) fn resolve<M: Module>(model: &M, weight_decay: f64, groups: &[ParameterGroup]) -> Result<Vec<Resolved>, TrainError> {
    let mut parameters = Parameters { path: Vec::new(), found: Vec::new() };
    model.visit(&mut parameters);
    let mut matched = vec![None; parameters.found.len()];
    for (number, group) in groups.iter().enumerate() {
        let refuse = |reason: String| TrainError::ParameterGroup { pattern: group.pattern.clone(), reason };
        let matcher = ParamGroup::from_regex(&group.pattern).map_err(|error| refuse(format!("{error:?}")))?;
        for (entry, parameter) in matched.iter_mut().zip(&parameters.found) {
            if matcher.matches(&parameter.id, Some(&parameter.path)) {
                *entry = Some(number);
            }
        }
        if !matched.contains(&Some(number)) {
            let paths: Vec<_> = parameters.found.iter().take(NAMED_PATHS).map(|parameter| parameter.path.as_str()).collect();
            return Err(refuse(format!("no parameter that is trained has such a path; there are {}, …", paths.join(", "))));
        }
    }
    let mut resolved: Vec<Resolved> = Vec::new();
    for (group, parameter) in matched.into_iter().zip(parameters.found) {
        let group = group.map(|number| &groups[number]);
        let learning_rate_factor = group.map_or(1.0, |group| group.learning_rate_factor);
        let decay = group.and_then(|group| group.weight_decay).unwrap_or(weight_decay);
        let weight_decay = if parameter.matrix { decay } else { 0.0 };
        let same =
            |other: &&mut Resolved| (other.learning_rate_factor, other.weight_decay) == (learning_rate_factor, weight_decay);
        match resolved.iter_mut().find(same) {
            Some(other) => other.ids.push(parameter.id),
            None => resolved.push(Resolved { ids: vec![parameter.id], learning_rate_factor, weight_decay }),
        }
    }
    Ok(resolved)
}

struct Parameter {
    path: String,
    id: ParamId,
    matrix: bool,
}

struct Parameters {
    path: Vec<String>,
    found: Vec<Parameter>,
}

impl ModuleVisitor for Parameters {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if is_frozen(param) {
            return;
        }
        self.found.push(Parameter { path: self.path.join("."), id: param.id, matrix: D > 1 });
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use gst_model::ModelConfig;

    use super::*;

    fn group(pattern: &str, learning_rate_factor: f64, weight_decay: Option<f64>) -> ParameterGroup {
        ParameterGroup { pattern: pattern.into(), learning_rate_factor, weight_decay }
    }

    fn counts(groups: &[ParameterGroup]) -> Result<Vec<(usize, f64, f64)>, TrainError> {
        let model = ModelConfig::preset("mini").unwrap().with_vocabulary(32).init(0, &Device::flex()).unwrap();
        let resolved = resolve(&model, 0.05, groups)?;
        Ok(resolved.iter().map(|group| (group.ids.len(), group.learning_rate_factor, group.weight_decay)).collect())
    }

    #[test]
    fn every_parameter_is_in_one_group_and_the_last_match_counts() {
        let plain = counts(&[]).unwrap();
        assert_eq!(plain.len(), 2, "matrices and vectors: {plain:?}");
        let all: usize = plain.iter().map(|(count, ..)| count).sum();

        let halved = counts(&[group(r"^encoder\.", 0.5, None)]).unwrap();
        assert_eq!(halved.iter().map(|(count, ..)| count).sum::<usize>(), all);
        assert_eq!(halved.iter().filter(|(_, factor, _)| *factor == 0.5).count(), 2);

        let twice = counts(&[group(r"^encoder\.", 0.5, None), group(".", 0.1, Some(0.3))]).unwrap();
        assert!(twice.iter().all(|&(_, factor, decay)| factor == 0.1 && (decay == 0.3 || decay == 0.0)), "{twice:?}");
        assert_eq!(twice.len(), 2);
    }

    #[test]
    fn a_pattern_that_cannot_be_used_is_refused() {
        for (pattern, expected) in [("(", "regex"), ("no such layer", "encoder")] {
            let message = counts(&[group(pattern, 1.0, None)]).unwrap_err().to_string();
            assert!(message.contains(pattern) && message.to_lowercase().contains(expected), "{message}");
        }
        assert!(group(".", -1.0, None).check().is_err() && group(".", 1.0, Some(f64::NAN)).check().is_err());
    }
}

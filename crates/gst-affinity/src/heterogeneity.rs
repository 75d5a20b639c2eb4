//! ζ², and how a grouping splits it.
//!
//! ζ² = Σ_i p_i ‖g_i − g‖² with g = Σ p_i g_i says how far the datasets' gradients spread about the common one. For any grouping
//! it splits exactly into a part *within* the groups and a part *between* them, as variance does; the paper's convergence
//! analysis hangs on the two.

use serde::{Deserialize, Serialize};

use crate::AffinityError;

/// ζ² and what it is measured against, debiased.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Heterogeneity {
    /// ζ² = Σ p_i ‖g_i − g‖². Debiased, so noise may bring it below 0.
    pub zeta_squared: f64,
    /// Lower end of its interval.
    #[serde(default)]
    pub zeta_squared_low: f64,
    /// Upper end of its interval.
    #[serde(default)]
    pub zeta_squared_high: f64,
    /// ‖g‖² of g = Σ p_i g_i. Debiased.
    pub global_norm_squared: f64,
    /// ζ² / ‖g‖²; `None` where ‖g‖² is not positive.
    pub ratio: Option<f64>,
}

/// ζ² split by a grouping: `total` = `within` + `between`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// ζ².
    pub total: f64,
    /// Σ_k Σ_{i∈k} p_i ‖g_i − g_k‖² with g_k = Σ_{i∈k} p_i g_i / P_k.
    pub within: f64,
    /// Σ_k P_k ‖g_k − g‖².
    pub between: f64,
}

impl Split {
    /// Of inner products ⟨g_i, g_j⟩ `[D][D]` with weights p `[D]` (divided by their sum), debiased or not. A group of weight 0
    /// adds nothing.
    ///
    /// # Errors
    /// A Gram matrix or weights of another size, or groups that do not hold every dataset exactly once.
    pub fn of_gram(gram: &[Vec<f64>], weights: &[f64], groups: &[Vec<usize>]) -> Result<Self, AffinityError> {
        let datasets = gram.len();
        if weights.len() != datasets || gram.iter().any(|row| row.len() != datasets) {
            let reason = format!("{} weights and a Gram matrix of {datasets} rows, not all of that length", weights.len());
            return Err(AffinityError::BadGrouping { datasets, reason });
        }
        check_groups(groups, datasets)?;
        let weights = shares(weights)?;
        let product = |left: &[usize], right: &[usize]| -> f64 {
            let row = |i: usize| right.iter().map(|&j| weights[j] * gram[i][j]).sum::<f64>();
            left.iter().map(|&i| weights[i] * row(i)).sum()
        };
        let everyone: Vec<usize> = (0..datasets).collect();
        let common = product(&everyone, &everyone);
        let spread = |members: &[usize]| members.iter().map(|&i| weights[i] * gram[i][i]).sum::<f64>();
        let (mut within, mut between) = (0.0, 0.0);
        for members in groups {
            let weight: f64 = members.iter().map(|&i| weights[i]).sum();
            if weight > 0.0 {
                let centre = product(members, members) / weight;
                within += spread(members) - centre;
                between += centre - weight * common;
            }
        }
        Ok(Self { total: spread(&everyone) - common, within, between })
    }

    /// Of the gradients themselves `[D][P]`, by the definition: no inner products between datasets are formed.
    ///
    /// # Errors
    /// Ragged gradients, weights of another number, or groups that do not hold every dataset exactly once.
    pub fn of_gradients(gradients: &[Vec<f64>], weights: &[f64], groups: &[Vec<usize>]) -> Result<Self, AffinityError> {
        let datasets = gradients.len();
        let length = gradients.first().map_or(0, Vec::len);
        if weights.len() != datasets || gradients.iter().any(|gradient| gradient.len() != length) {
            let reason = format!("{} weights and {datasets} gradients, not all of {length} values", weights.len());
            return Err(AffinityError::BadGrouping { datasets, reason });
        }
        check_groups(groups, datasets)?;
        let weights = shares(weights)?;
        let mean = |members: &[usize]| -> (f64, Vec<f64>) {
            let weight: f64 = members.iter().map(|&i| weights[i]).sum();
            let mut mean = vec![0.0; length];
            for &i in members.iter().filter(|_| weight > 0.0) {
                mean.iter_mut().zip(&gradients[i]).for_each(|(sum, value)| *sum += weights[i] / weight * value);
            }
            (weight, mean)
        };
        let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let everyone: Vec<usize> = (0..datasets).collect();
        let (_, global) = mean(&everyone);
        let (mut within, mut between) = (0.0, 0.0);
        for members in groups {
            let (weight, centre) = mean(members);
            within += members.iter().map(|&i| weights[i] * apart(&gradients[i], &centre)).sum::<f64>();
            between += weight * apart(&centre, &global);
        }
        let total = everyone.iter().map(|&i| weights[i] * apart(&gradients[i], &global)).sum();
        Ok(Self { total, within, between })
    }
}

/// The weights divided by their sum.
pub(crate) fn shares(weights: &[f64]) -> Result<Vec<f64>, AffinityError> {
    if let Some(bad) = weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0) {
        return Err(AffinityError::BadWeights { reason: format!("the weight of dataset {bad} is {}", weights[bad]) });
    }
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        return Err(AffinityError::BadWeights { reason: "they sum to 0".to_owned() });
    }
    Ok(weights.iter().map(|weight| weight / sum).collect())
}

/// Every dataset in exactly one group, no group empty.
fn check_groups(groups: &[Vec<usize>], datasets: usize) -> Result<(), AffinityError> {
    let bad = |reason: String| Err(AffinityError::BadGrouping { datasets, reason });
    let mut seen = vec![false; datasets];
    for (group, members) in groups.iter().enumerate() {
        if members.is_empty() {
            return bad(format!("group {group} is empty"));
        }
        for &member in members {
            match seen.get_mut(member) {
                None => return bad(format!("dataset {member} in group {group} does not exist")),
                Some(true) => return bad(format!("dataset {member} is in two groups, the second is {group}")),
                Some(place) => *place = true,
            }
        }
    }
    match seen.iter().position(|seen| !seen) {
        Some(missing) => bad(format!("dataset {missing} is in no group")),
        None => Ok(()),
    }
}

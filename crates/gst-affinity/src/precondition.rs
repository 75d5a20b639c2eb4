//! Gradients as an adaptive optimizer sees them.

use crate::{AffinityError, GradientSamples};

/// Divides gradients by the root of their second moments, coordinate by coordinate: what Adam does to them before it steps,
/// and what LESS (2402.04333) compares. Without it, coordinates with large gradients decide every inner product.
///
/// It needs the whole coordinates: apply it *before* sketching.
#[derive(Debug, Clone, PartialEq)]
pub struct Preconditioner {
    scale: Vec<f32>,
}

impl Preconditioner {
    /// From Adam's second moments v ≥ 0 (bias-corrected), in the order of the flat gradient: g becomes g / (√v + ε).
    ///
    /// # Errors
    /// A moment or ε that is negative or not finite, or an ε of 0.
    pub fn from_second_moments(second_moments: &[f32], epsilon: f32) -> Result<Self, AffinityError> {
        if !epsilon.is_finite() || epsilon <= 0.0 {
            let found = epsilon.to_string();
            return Err(AffinityError::BadParameter { field: "epsilon", found, expected: "a finite number above 0" });
        }
        if let Some(moment) = second_moments.iter().find(|v| !v.is_finite() || **v < 0.0) {
            let (field, found) = ("second_moments", moment.to_string());
            return Err(AffinityError::BadParameter { field, found, expected: "finite numbers, 0 or more" });
        }
        Ok(Self { scale: second_moments.iter().map(|v| 1.0 / (v.sqrt() + epsilon)).collect() })
    }

    /// From gradients themselves, where no optimizer's moments are at hand: the mean square of each coordinate over all
    /// batches, every dataset counting alike. ε is 1e-8 of the largest root, so that scaling all gradients changes nothing.
    ///
    /// # Errors
    /// A dataset without batches.
    pub fn from_gradients(samples: &GradientSamples) -> Result<Self, AffinityError> {
        let mut squares = vec![0.0_f64; samples.length()];
        for (dataset, name) in samples.names().iter().enumerate() {
            let batches = samples.batches(dataset);
            if batches.is_empty() {
                return Err(AffinityError::TooFewBatches { dataset: name.clone(), point: 0, found: 0, expected: 1 });
            }
            let share = 1.0 / batches.len() as f64;
            for gradient in batches {
                squares.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += share * f64::from(*value).powi(2));
            }
        }
        let roots: Vec<f64> = squares.iter().map(|sum| (sum / samples.names().len() as f64).sqrt()).collect();
        let epsilon = 1e-8 * roots.iter().fold(0.0_f64, |most, root| most.max(*root));
        let scale = roots.iter().map(|root| if *root > 0.0 { (1.0 / (root + epsilon)) as f32 } else { 0.0 });
        Ok(Self { scale: scale.collect() })
    }

    /// What each coordinate is multiplied with.
    pub(crate) fn scale(&self) -> &[f32] {
        &self.scale
    }

    /// Coordinates.
    pub fn len(&self) -> usize {
        self.scale.len()
    }

    /// Whether it has no coordinates.
    pub fn is_empty(&self) -> bool {
        self.scale.is_empty()
    }

    /// Changes the gradient's values `offset..offset + values.len()`, on their way into a sketch.
    ///
    /// # Errors
    /// A block that ends beyond the coordinates.
    pub fn apply(&self, offset: u64, values: &mut [f32]) -> Result<(), AffinityError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(scale) = self.scale.get(start..start.saturating_add(values.len())) else {
            let found = start.saturating_add(values.len());
            return Err(AffinityError::OtherPreconditioner { found: self.scale.len(), expected: found });
        };
        values.iter_mut().zip(scale).for_each(|(value, scale)| *value *= scale);
        Ok(())
    }
}

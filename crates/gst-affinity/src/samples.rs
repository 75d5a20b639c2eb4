//! Batch gradients of every dataset at one probe point.

use crate::{AffinityError, Preconditioner};

/// Batches of a dataset without which nothing tells its gradient from noise: two make an estimate, but can be resampled in one way only,
/// which leaves no interval.
pub const MIN_BATCHES: usize = 3;

/// Batch gradients of D datasets at one probe point, all of one length: exact, or sketched by one [`Sketcher`](crate::Sketcher).
///
/// Split batches by *clip*: two batches that share a clip (several questions on one recording) share noise, and the debiased
/// estimates take what batches share for signal. Batches should be of one size. Two datasets that hold the very same batch
/// (bit for bit equal gradients) are allowed: that batch is never multiplied with itself.
#[derive(Debug, Clone, PartialEq)]
pub struct GradientSamples {
    names: Vec<String>,
    batches: Vec<Vec<Vec<f32>>>,
    length: Option<usize>,
}

impl GradientSamples {
    /// No gradients yet, for the datasets of these names.
    ///
    /// # Errors
    /// No name, or two equal names.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self, AffinityError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        check_names(&names)?;
        let batches = vec![Vec::new(); names.len()];
        Ok(Self { names, batches, length: None })
    }

    /// Adds the gradient of one batch of a dataset.
    ///
    /// # Errors
    /// An unknown dataset, a length other than that of the gradients before (or 0), or a value that is not finite. Nothing is
    /// added then.
    pub fn push(&mut self, dataset: usize, gradient: Vec<f32>) -> Result<(), AffinityError> {
        let Some(name) = self.names.get(dataset) else {
            return Err(AffinityError::UnknownDataset { found: dataset, datasets: self.names.len() });
        };
        let (name, batch) = (name.clone(), self.batches[dataset].len());
        let (found, expected) = (gradient.len(), self.length.unwrap_or(gradient.len().max(1)));
        if found != expected {
            return Err(AffinityError::UnequalLength { dataset: name, batch, found, expected });
        }
        if let Some(index) = gradient.iter().position(|value| !value.is_finite()) {
            return Err(AffinityError::NotFinite { dataset: name, batch, index, value: gradient[index].to_string() });
        }
        self.length = Some(expected);
        self.batches[dataset].push(gradient);
        Ok(())
    }

    /// Names of the datasets.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The gradients of a dataset, one a batch; empty for a dataset that does not exist.
    pub fn batches(&self, dataset: usize) -> &[Vec<f32>] {
        self.batches.get(dataset).map_or(&[], Vec::as_slice)
    }

    /// Values of a gradient (or of its sketch); 0 before the first [`push`](Self::push).
    pub fn length(&self) -> usize {
        self.length.unwrap_or(0)
    }

    /// The mean gradient of a dataset, in 64 bits; zeros for a dataset without batches.
    pub fn mean(&self, dataset: usize) -> Vec<f64> {
        let batches = self.batches(dataset);
        let mut mean = vec![0.0; self.length()];
        for gradient in batches {
            mean.iter_mut().zip(gradient).for_each(|(mean, value)| *mean += f64::from(*value) / batches.len() as f64);
        }
        mean
    }

    /// The gradients as the preconditioner makes them. For exact gradients: a sketch has lost its coordinates.
    ///
    /// # Errors
    /// [`AffinityError::OtherPreconditioner`] where the preconditioner has another length.
    pub fn preconditioned(&self, preconditioner: &Preconditioner) -> Result<Self, AffinityError> {
        let (found, expected) = (preconditioner.len(), self.length());
        if found != expected {
            return Err(AffinityError::OtherPreconditioner { found, expected });
        }
        let mut changed = self.clone();
        for gradient in changed.batches.iter_mut().flatten() {
            preconditioner.apply(0, gradient)?;
        }
        Ok(changed)
    }
}

/// At least one name, and each only once.
pub(crate) fn check_names<S: AsRef<str>>(names: &[S]) -> Result<(), AffinityError> {
    if names.is_empty() {
        return Err(AffinityError::NoDatasets);
    }
    let mut sorted: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(AffinityError::DuplicateName { name: pair[0].to_owned() }),
        None => Ok(()),
    }
}

//! Plain estimates from the batch gradients that `gst affinity --sketches` keeps.

use std::path::Path;

use anyhow::{Context, Result, bail};
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

/// Inner products of mean gradients, ‖ḡ_i‖² on the diagonal: not debiased, unlike every table of `affinity.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PlainGram(pub(super) Vec<Vec<f64>>);

impl PlainGram {
    /// Reads the batches of every dataset at the one probe point in the file.
    pub(super) fn of_sketches(path: &Path, datasets: usize) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&bytes, datasets).with_context(|| format!("{} holds no batch gradients", path.display()))
    }

    fn parse(bytes: &[u8], datasets: usize) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes)?;
        let mean_gradient = |dataset: usize| -> Result<Vec<f32>> {
            let name = format!("point-0/dataset-{dataset}");
            let tensor = file.tensor(&name)?;
            let (&[batches, length], Dtype::F32) = (tensor.shape(), tensor.dtype()) else {
                bail!("{name} is {:?} of shape {:?}, expected F32 of [batches, values]", tensor.dtype(), tensor.shape());
            };
            let mut sum = vec![0.0_f32; length];
            let values = tensor.data().chunks_exact(4).map(|bytes| bytes.try_into().map_or(f32::NAN, f32::from_le_bytes));
            for (index, value) in values.enumerate() {
                sum[index % length.max(1)] += value / batches as f32;
            }
            Ok(sum)
        };
        let means: Vec<Vec<f32>> = (0..datasets).map(mean_gradient).collect::<Result<_>>()?;
        if means.iter().any(|mean| mean.len() != means[0].len()) {
            bail!("the gradients of the datasets have different lengths");
        }
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        Ok(Self(means.iter().map(|a| means.iter().map(|b| dot(a, b)).collect()).collect()))
    }

    /// The entry of a plain metric.
    pub(super) fn entry(&self, name: &str, i: usize, j: usize) -> Option<f64> {
        let (own, other, product) = (self.0[i][i], self.0[j][j], self.0[i][j]);
        match name {
            "plain-dot" => Some(product),
            "plain-cosine" => (own > 0.0 && other > 0.0).then(|| product / (own * other).sqrt()),
            "plain-gradient-distance" => Some((own + other - 2.0 * product).max(0.0).sqrt()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use safetensors::serialize;
    use safetensors::tensor::TensorView;

    use super::*;

    #[test]
    fn plain_products_are_those_of_the_mean_gradients() {
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        // Two batches each: means (2, 0) and (3, 4).
        let data = [bytes(&[1.0, 1.0, 3.0, -1.0]), bytes(&[3.0, 2.0, 3.0, 6.0])];
        let view = |data| TensorView::new(Dtype::F32, vec![2, 2], data).unwrap();
        let file = serialize([("point-0/dataset-0", view(&data[0])), ("point-0/dataset-1", view(&data[1]))], None).unwrap();
        let gram = PlainGram::parse(&file, 2).unwrap();
        assert_eq!(gram.0, [[4.0, 6.0], [6.0, 25.0]]);
        assert_eq!(gram.entry("plain-dot", 0, 1), Some(6.0));
        assert_eq!(gram.entry("plain-cosine", 0, 1), Some(0.6));
        assert_eq!(gram.entry("plain-gradient-distance", 1, 0), Some(17.0_f64.sqrt()));
        assert!(format!("{:#}", PlainGram::parse(&file, 3).unwrap_err()).contains("point-0/dataset-2"));
    }
}

//! In which number format weights are held.

use burn::tensor::{DType, TensorData, bf16, f16};
use serde::{Deserialize, Serialize};

/// The number format of weights in memory, whatever it is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits: the default, and the one to compute with on a CPU.
    #[default]
    F32,
    /// 16 bits with the exponent of f32.
    Bf16,
    /// 16 bits with a small exponent.
    F16,
}

impl Precision {
    /// Burn's name of it.
    #[must_use]
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
            Self::F16 => DType::F16,
        }
    }

    /// Little-endian floating-point numbers of a file in this format; nothing for a format that is not floating-point.
    pub(crate) fn decode(self, bytes: &[u8], stored: DType, shape: &[usize]) -> Option<TensorData> {
        let halves = || bytes.as_chunks::<2>().0.iter().map(|&bytes| u16::from_le_bytes(bytes));
        let singles = || bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
        let doubles = || bytes.as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32);
        // The usual cases go without an intermediate copy.
        let data = match (stored, self) {
            (DType::BF16, Self::Bf16) => TensorData::new(halves().map(bf16::from_bits).collect::<Vec<_>>(), shape),
            (DType::F16, Self::F16) => TensorData::new(halves().map(f16::from_bits).collect::<Vec<_>>(), shape),
            (DType::BF16, _) => TensorData::new(halves().map(|bits| bf16::from_bits(bits).to_f32()).collect::<Vec<_>>(), shape),
            (DType::F16, _) => TensorData::new(halves().map(|bits| f16::from_bits(bits).to_f32()).collect::<Vec<_>>(), shape),
            (DType::F32, _) => TensorData::new(singles().collect::<Vec<_>>(), shape),
            (DType::F64, _) => TensorData::new(doubles().collect::<Vec<_>>(), shape),
            _ => return None,
        };
        Some(data.convert_dtype(self.dtype()))
    }
}

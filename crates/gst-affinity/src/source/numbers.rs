//! Numbers in the bytes of a file.

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F16,
    BF16,
    F32,
    F64,
}

impl Kind {
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::BF16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// A row-major array over borrowed bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbers<'a> {
    pub(super) kind: Kind,
    pub(super) big_endian: bool,
    pub(super) shape: Vec<usize>,
    /// As many bytes as the shape's values need: checked by whoever makes this.
    pub(super) bytes: &'a [u8],
}

impl Numbers<'_> {
    /// Values `start..start + count` of the flattened array as 32-bit floats; as many of them as exist.
    pub(super) fn read(&self, start: usize, count: usize) -> Vec<f32> {
        let width = self.kind.bytes();
        let end = start.saturating_add(count).saturating_mul(width).min(self.bytes.len());
        let part = self.bytes.get(start.saturating_mul(width)..end).unwrap_or(&[]);
        part.chunks_exact(width).map(|bytes| self.number(bytes)).collect()
    }

    fn number(&self, bytes: &[u8]) -> f32 {
        let mut word = [0_u8; 8];
        for (place, byte) in bytes.iter().enumerate() {
            let place = if self.big_endian { bytes.len() - 1 - place } else { place };
            word[place] = *byte;
        }
        let bits = u64::from_le_bytes(word);
        match self.kind {
            Kind::F64 => f64::from_bits(bits) as f32,
            Kind::F32 => f32::from_bits(bits as u32),
            Kind::BF16 => f32::from_bits((bits as u32) << 16),
            Kind::F16 => half(bits as u16),
        }
    }
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    let size = match exponent {
        0 => fraction * 2.0_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2.0_f32.powi(exponent - 15),
    };
    sign * size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, big_endian: bool, bytes: &[u8]) -> Vec<f32> {
        let shape = vec![bytes.len() / kind.bytes()];
        Numbers { kind, big_endian, shape, bytes }.read(0, usize::MAX)
    }

    #[test]
    fn every_kind_is_read() {
        assert_eq!(read(Kind::F32, false, &1.5_f32.to_le_bytes()), [1.5]);
        assert_eq!(read(Kind::F32, true, &1.5_f32.to_be_bytes()), [1.5]);
        assert_eq!(read(Kind::F64, false, &(-0.1_f64).to_le_bytes()), [-0.1]);
        assert_eq!(read(Kind::F64, true, &(-0.1_f64).to_be_bytes()), [-0.1]);
        assert_eq!(read(Kind::BF16, false, &[0xc0, 0x3f, 0x80, 0xbf]), [1.5, -1.0]);
        let halves = [0x3c00_u16, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0000];
        let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
        assert_eq!(read(Kind::F16, false, &bytes), [1.0, -2.0, 65504.0, 5.960_464_5e-8, 6.097_555e-5, 0.0]);
        assert!(read(Kind::F16, false, &0x7e00_u16.to_le_bytes())[0].is_nan());
    }
}

//! Numbers in JSON that may be none: NaN is written as `null`, which JSON has, and read as NaN again.
//!
//! For `#[serde(with = "…")]`. Infinities are written as `null` too, so what is kept should not tell them from NaN.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Some(number).filter(|number| number.is_finite()).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

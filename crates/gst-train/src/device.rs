//! The one place that names backends.
//!
//! Burn picks a backend by a runtime [`Device`]; a cargo feature adds the constructor. `cargo xtask --device …` chooses the
//! features, so a user of it never meets them.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

/// A device as the command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceName {
    /// The CPU, by Burn's flex backend. Always built in.
    Cpu,
    /// The best device that wgpu finds.
    Wgpu,
    /// The best device that wgpu finds through Vulkan.
    Vulkan,
    /// A CUDA device by its number.
    Cuda(usize),
}

/// Why a device cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// Not a device name.
    #[error("unknown device `{0}`; expected cpu, wgpu, vulkan, cuda or cuda:N")]
    Unknown(String),
    /// The program was built without this backend.
    #[error(
        "this build of gst has no {feature} backend; build one with `cargo build --workspace --bin gst --features gst-train/{feature}`"
    )]
    NotBuilt {
        /// The cargo feature that adds it.
        feature: &'static str,
    },
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        match text.split_once(':') {
            None => match text {
                "cpu" | "flex" => Ok(Self::Cpu),
                "wgpu" => Ok(Self::Wgpu),
                "vulkan" => Ok(Self::Vulkan),
                "cuda" => Ok(Self::Cuda(0)),
                _ => Err(unknown()),
            },
            Some(("cuda", index)) => index.parse().map(Self::Cuda).map_err(|_| unknown()),
            Some(_) => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Wgpu => f.write_str("wgpu"),
            Self::Vulkan => f.write_str("vulkan"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl DeviceName {
    /// Opens the device.
    ///
    /// # Errors
    /// [`DeviceError::NotBuilt`] when its cargo feature was left out.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            Self::Cuda(index) => Ok(Device::cuda(index)),
            #[cfg(not(feature = "wgpu"))]
            Self::Wgpu => Err(DeviceError::NotBuilt { feature: "wgpu" }),
            #[cfg(not(feature = "vulkan"))]
            Self::Vulkan => Err(DeviceError::NotBuilt { feature: "vulkan" }),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda(_) => Err(DeviceError::NotBuilt { feature: "cuda" }),
        }
    }
}

/// The backends there are, and whether this build has them.
#[must_use]
pub fn backends() -> [(&'static str, bool); 4] {
    [("cpu", true), ("wgpu", cfg!(feature = "wgpu")), ("vulkan", cfg!(feature = "vulkan")), ("cuda", cfg!(feature = "cuda"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (text, expected) in [("cpu", "cpu"), ("flex", "cpu"), ("cuda", "cuda:0"), ("cuda:3", "cuda:3"), ("wgpu", "wgpu")] {
            assert_eq!(text.parse::<DeviceName>().unwrap().to_string(), expected);
        }
        for text in ["", "gpu", "cuda:x", "cpu:1"] {
            assert_eq!(text.parse::<DeviceName>(), Err(DeviceError::Unknown(text.into())));
        }
    }

    #[test]
    fn a_backend_that_was_left_out_names_its_feature() {
        if !cfg!(feature = "cuda") {
            assert_eq!(DeviceName::Cuda(0).open().err(), Some(DeviceError::NotBuilt { feature: "cuda" }));
        }
    }
}
